import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import fc from "fast-check";
import type { AppServerProcess } from "../app-server/process.ts";
import { InheritedServers, toWireServers, type WireServers } from "./inherited-servers.ts";
import { type ResolvedServer, resolveServers } from "../mcp-servers.ts";
import type { ConfigReadResponse } from "../app-server/protocol.ts";

const TAG = "SWITCHYARD_LEASE";

function serversOf(config: Record<string, object>): ResolvedServer[] {
  return resolveServers(config, { env: {}, defaultApproval: undefined });
}

function wire(own: Record<string, object>, inherited: readonly string[]): WireServers {
  return toWireServers(serversOf(own), inherited, TAG, "tag-1");
}

const http = { url: "https://host.example/mcp" };

suite("toWireServers", () => {
  test("sends servers under their own names where nothing is inherited", () => {
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

  test("switches inherited servers off by name, and sends nothing else of them", () => {
    assert.deepEqual(wire({}, ["x", "y.z"]).config, { x: { enabled: false }, "y.z": { enabled: false } });
  });

  test("runs a server of an inherited name under another one, and knows the host's", () => {
    const { config, names } = wire({ a: http }, ["a"]);
    assert.deepEqual(config, { a: { enabled: false }, a_2: { ...http, http_headers: {} } });
    assert.deepEqual([...names], [["a_2", "a"]]);
  });

  test("gives no alias that somebody has, inherited or the host's own", () => {
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

  test("switches off an inherited server called __proto__, too", () => {
    const { config } = wire({ a: http }, ["__proto__", "constructor"]);
    const sent = JSON.parse(JSON.stringify({ ...config })) as object;
    assert.deepEqual(Object.keys(sent), ["__proto__", "constructor", "a"]);
    assert.deepEqual(Object.getOwnPropertyDescriptor(sent, "__proto__")?.value, { enabled: false });
  });

  test("tags every process with the tag, over whatever the host says, and no HTTP server", () => {
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

  test("never lets a field of an inherited server meet one of the thread's, whatever the names", () => {
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

/** As much of a process as is asked: it answers `config/read` and counts. */
function fakeProcess(answer: () => ConfigReadResponse["layers"]): {
  process: AppServerProcess;
  asked: unknown[][];
} {
  const asked: unknown[][] = [];
  const request = (...args: unknown[]): Promise<ConfigReadResponse> => {
    asked.push(args);
    return Promise.resolve({ layers: answer() });
  };
  return { process: { request } as unknown as AppServerProcess, asked };
}

function home(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "switchyard-inherited-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

suite("InheritedServers", () => {
  const layer = (servers: unknown, file?: string): NonNullable<ConfigReadResponse["layers"]>[number] => ({
    name: { type: "user", ...(file === undefined ? {} : { file }) },
    config: { model: "m", mcp_servers: servers } as never,
  });

  test("names the servers of every layer, each once", async (t) => {
    const { process, asked } = fakeProcess(() => [
      layer({ a: {}, b: {} }),
      layer({ b: {}, "c.d": {} }),
      layer(undefined),
      layer("nonsense"),
      { name: { type: "system" }, config: null },
    ]);
    const { signal } = new AbortController();
    const inherited = new InheritedServers(home(t));
    assert.deepEqual(await inherited.names(process, signal), ["a", "b", "c.d"]);
    assert.deepEqual(asked, [["config/read", { includeLayers: true }]]);
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  test("asks again for another process and when a file changed, was made or went, and not otherwise", async (t) => {
    const codexHome = home(t);
    const inherited = new InheritedServers(codexHome);
    const first = fakeProcess(() => []);
    const second = fakeProcess(() => null);
    const file = join(codexHome, "config.toml");
    for (const [times, change] of [
      () => {},
      () => writeFileSync(file, "x = 1\n"),
      () => writeFileSync(file, "x = 10\n"),
      () => rmSync(file),
    ].entries()) {
      change();
      for (let n = 0; n < 3; n++) assert.deepEqual(await inherited.names(first.process, undefined), []);
      assert.equal(first.asked.length, times + 1);
    }
    await inherited.names(second.process, undefined);
    assert.equal(second.asked.length, 1);
  });

  test("watches the files that Codex says it has read", async (t) => {
    const file = join(home(t), "elsewhere.toml");
    writeFileSync(file, "");
    let servers: object = { a: {} };
    const { process } = fakeProcess(() => [layer(servers, file)]);
    const inherited = new InheritedServers(home(t));
    for (let n = 0; n < 2; n++) assert.deepEqual(await inherited.names(process, undefined), ["a"]);
    servers = { a: {}, b: {} };
    writeFileSync(file, "changed");
    assert.deepEqual(await inherited.names(process, undefined), ["a", "b"]);
  });

  test("keeps nothing of a question that failed", async (t) => {
    let fails = true;
    const { process } = fakeProcess(() => {
      if (!fails) return [layer({ a: {} })];
      throw new Error("overloaded");
    });
    const inherited = new InheritedServers(home(t));
    const both = [inherited.names(process, undefined), inherited.names(process, undefined)];
    for (const each of both) await assert.rejects(each, /overloaded/);
    fails = false;
    assert.deepEqual(await inherited.names(process, undefined), ["a"]);
  });

  test("asks once for many who ask at once, and one that gives up disturbs no other", async (t) => {
    const { process, asked } = fakeProcess(() => [layer({ a: {} })]);
    const inherited = new InheritedServers(home(t));
    const controller = new AbortController();
    const one = inherited.names(process, controller.signal);
    const others = [
      inherited.names(process, undefined),
      inherited.names(process, new AbortController().signal),
    ];
    const reason = new Error("enough");
    controller.abort(reason);
    await assert.rejects(one, reason);
    assert.deepEqual(await Promise.all(others), [["a"], ["a"]]);
    assert.equal(asked.length, 1);
  });

  test("bears a home that can be no folder", async () => {
    const { process } = fakeProcess(() => []);
    for (const path of ["a\0b", "x".repeat(5_000)]) {
      assert.deepEqual(await new InheritedServers(path).names(process, undefined), []);
    }
  });
});
