import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { type DirectServer, directServers } from "./servers.ts";
import { toWireServers, type WireServers } from "./wire.ts";

const TAG = "SWITCHYARD_LEASE";

function serversOf(config: Record<string, object>): DirectServer[] {
  return directServers(config, { env: {}, defaultApproval: undefined, at: ["mcpServers"] });
}

function wire(own: Record<string, object>, inherited: readonly string[]): WireServers {
  return toWireServers(serversOf(own), inherited, TAG, "tag-1");
}

const http = { url: "https://host.example/mcp" };

suite("toWireServers", () => {
  test("sends servers under their own names when nothing is inherited", () => {
    const { config, names } = wire({ a: http, b: { ...http, enabled: false } }, []);
    assert.deepEqual(config, {
      a: { ...http, http_headers: {} },
      b: { ...http, enabled: false, http_headers: {} },
    });
    assert.deepEqual(
      [...names],
      [
        ["a", "a"],
        ["b", "b"],
      ],
    );
  });

  test("switches inherited servers off by name, and sends no other field of them", () => {
    assert.deepEqual(wire({}, ["x", "y.z"]).config, { x: { enabled: false }, "y.z": { enabled: false } });
  });

  test("runs a server of an inherited name under another one, and knows the host's", () => {
    const { config, names } = wire({ a: http }, ["a"]);
    assert.deepEqual(config, { a: { enabled: false }, a_2: { ...http, http_headers: {} } });
    assert.deepEqual([...names], [["a_2", "a"]]);
  });

  test("gives no alias that is a server's name, inherited or the host's own", () => {
    const { config, names } = wire({ a: http, a_2: http, a_4: http }, ["a", "a_3"]);
    assert.deepEqual(Object.keys(config), ["a", "a_3", "a_5", "a_2", "a_4"]);
    assert.deepEqual(
      [...names],
      [
        ["a_5", "a"],
        ["a_2", "a_2"],
        ["a_4", "a_4"],
      ],
    );
  });

  test("switches off an inherited server called __proto__ too", () => {
    const { config } = wire({ a: http }, ["__proto__", "constructor"]);
    const sent = JSON.parse(JSON.stringify({ ...config })) as object;
    assert.deepEqual(Object.keys(sent), ["__proto__", "constructor", "a"]);
    assert.deepEqual(Object.getOwnPropertyDescriptor(sent, "__proto__")?.value, { enabled: false });
  });

  test("tags every stdio server, over a tag of the host's, and no HTTP server", () => {
    const own = { a: { command: "c", env: { A: "1", [TAG]: "mine" } }, b: { command: "c" }, c: http };
    const servers = serversOf(own);
    const { config } = toWireServers(servers, [], TAG, "tag-1");
    assert.deepEqual(config, {
      a: { command: "c", env: { A: "1", [TAG]: "tag-1" } },
      b: { command: "c", env: { [TAG]: "tag-1" } },
      c: { ...http, http_headers: {} },
    });
    // The checked servers are used again for the next process.
    assert.deepEqual(servers, serversOf(own));
  });

  test("never mixes fields of an inherited server with those of the thread's, for any names", () => {
    const name = fc.constantFrom("a", "a_2", "a_3", "a_2_2", "b", "b_2");
    fc.assert(
      fc.property(fc.uniqueArray(name), fc.uniqueArray(name), (own, inherited) => {
        const { config, names } = wire(Object.fromEntries(own.map((each) => [each, http])), inherited);
        for (const each of inherited) assert.deepEqual(config[each], { enabled: false });
        assert.equal(Object.keys(config).length, own.length + inherited.length);
        assert.deepEqual([...names.values()], own);
        for (const each of names.keys()) assert.deepEqual(config[each], { ...http, http_headers: {} });
        for (const each of own) if (!inherited.includes(each)) assert.equal(names.get(each), each);
      }),
    );
  });
});
