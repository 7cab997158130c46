/** Servers that count as ready with the tools they had the last time (`startup_readiness = "catalog"`). */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import type { McpConnectionManager, McpThreadOptions } from "../../src/mcp/index.ts";
import { eventOf, McpBench, type Script, textOf } from "./support/scripted.ts";

const SECRET = "value-of-a-secret";

/** Its second start takes as long as it is told to; the tools are those of the script. */
function server(bench: McpBench, script: Script = {}): (delayMs: number) => McpThreadOptions["servers"] {
  const { command, args } = bench.server({ readOnly: ["echo"], ...script });
  return (delayMs) => ({
    a: {
      command,
      args,
      env: { SCRIPTED_DELAY_MS: String(delayMs), TOKEN: SECRET },
      startup_readiness: "catalog",
      required: true,
    },
  });
}

function names(thread: McpConnectionManager): readonly string[] {
  return thread.listTools().map(({ tool }) => tool.name);
}

function bench(name: string): { readonly bench: McpBench; readonly folder: string } & AsyncDisposable {
  const made = new McpBench();
  const folder = made.path(name);
  return { bench: made, folder, [Symbol.asyncDispose]: () => made[Symbol.asyncDispose]() };
}

suite("a server that is ready with its catalog", () => {
  test("is used before it has started, without its annotations, until its live list is there (E1)", async () => {
    await using bench = new McpBench({ catalogFolder: false });
    const of = server(bench);
    const cold = bench.manager.openThread({ servers: of(0), principal: "p" });
    assert.deepEqual(names(cold), []);
    await cold.ready();
    const wanted = names(cold);
    assert.equal(
      cold.listTools().find(({ tool }) => tool.name === "echo")?.tool.annotations?.readOnlyHint,
      true,
    );
    const warm = bench.manager.openThread({ servers: of(500), principal: "p" });
    const told = eventOf(warm, (event) => event.type === "status" && event.status.state === "ready");
    await warm.ready();
    assert.equal(warm.server("a").status.state, "starting");
    assert.deepEqual(names(warm), wanted);
    assert.ok(warm.listTools().every(({ tool }) => tool.annotations === undefined));
    // A call waits for the server itself.
    assert.equal(textOf(await warm.callTool("a", "echo", { text: "hi" })), "hi");
    await told;
    assert.equal(
      warm.listTools().find(({ tool }) => tool.name === "echo")?.tool.annotations?.readOnlyHint,
      true,
    );
  });

  test("is remembered on disk for the next host, in a file that only this user can read and that holds no credential (E4)", async () => {
    await using setup = bench("catalogs");
    const of = server(setup.bench);
    const wanted: string[] = [];
    mkdirSync(setup.folder);
    const old = join(setup.folder, `${"a".repeat(40)}.json`);
    writeFileSync(old, "{}");
    utimesSync(old, 0, 0);
    for (const delayMs of [0, 60_000]) {
      await using host = new McpBench({ catalogFolder: setup.folder });
      const thread = host.manager.openThread({ servers: of(delayMs), principal: "p" });
      await thread.ready();
      if (delayMs === 0) wanted.push(...names(thread));
      else assert.deepEqual(names(thread), wanted);
    }
    const [file = "", ...others] = readdirSync(setup.folder);
    assert.deepEqual(others, [], "what is older than a week was removed");
    assert.equal(statSync(join(setup.folder, file)).mode & 0o777, 0o600);
    const text = readFileSync(join(setup.folder, file), "utf8");
    assert.ok(!text.includes(SECRET) && !file.includes(SECRET) && !text.includes("annotations"));
  });

  test("is not used from a file that cannot be read, or is too old (E3, E4)", async () => {
    await using setup = bench("catalogs");
    const of = server(setup.bench);
    for (const write of [
      undefined,
      "{",
      '{"version":1,"at":0,"tools":[]}',
      '{"version":1,"at":9e15,"tools":[{}]}',
    ]) {
      await using host = new McpBench({ catalogFolder: setup.folder });
      if (write !== undefined)
        for (const file of readdirSync(setup.folder)) writeFileSync(join(setup.folder, file), write);
      const thread = host.manager.openThread({ servers: of(0), principal: "p" });
      assert.deepEqual(names(thread), []);
      await thread.ready();
      assert.notDeepEqual(names(thread), []);
    }
  });

  test("is another one for another principal, and remembered for nobody where nobody says whose credentials they are", async () => {
    await using bench = new McpBench({ catalogFolder: false });
    const of = server(bench);
    const open = (principal?: string): McpConnectionManager =>
      bench.manager.openThread({ servers: of(0), ...(principal === undefined ? {} : { principal }) });
    await open("p").ready();
    assert.deepEqual(names(open("q")), []);
    await open().ready();
    assert.deepEqual(names(open()), []);
    assert.notDeepEqual(names(open("p")), []);
  });

  test("never goes back to an older list (E2)", async () => {
    await using bench = new McpBench({ catalogFolder: false });
    const of = server(bench);
    const [first, second] = ["p", "p"].map((principal) =>
      bench.manager.openThread({ servers: of(0), principal }),
    );
    assert.ok(first !== undefined && second !== undefined);
    await first.ready();
    await second.ready();
    const changed = eventOf(second, ({ type }) => type === "catalog");
    await second.callTool("a", "change", { add: "newest" });
    await changed;
    assert.ok(names(bench.manager.openThread({ servers: of(60_000), principal: "p" })).includes("newest"));
  });
});
