/** One look at the servers of a thread, or at servers that are opened for it. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { test } from "node:test";
import { effectiveMcpServers, loadConfigLayers } from "../../src/config/index.ts";
import { collectMcpSnapshot, type McpSnapshot, type ServerSnapshot } from "../../src/mcp/index.ts";
import { processesOfOwner } from "../../src/testing/leaks.ts";
import { published } from "./support/published.ts";
import { McpBench, scriptedServer } from "./support/scripted.ts";

const timeout = 60_000;

function of({ servers }: McpSnapshot, name: string): ServerSnapshot {
  const found = servers.find((each) => each.name === name);
  assert.ok(found);
  return found;
}

test("a snapshot has what each server is and offers, and why one does not work (O2)", {
  timeout,
}, async () => {
  await using bench = new McpBench();
  const thread = bench.manager.openThread({
    servers: {
      modern: { ...bench.server(), disabled_tools: ["die", "hang"] },
      legacy: bench.server({ era: "legacy", refuse: ["resources/templates/list"] }),
      dead: { ...bench.server({ dieAtStart: 3 }), required: true },
      gone: { url: "http://127.0.0.1:1/mcp" },
      off: { command: "sh", enabled: false },
      halting: bench.server({ refuse: ["prompts/list"], mute: ["ping"] }),
    },
  });
  const origin = { layer: "user", file: "/a/config.toml", line: 2, column: 1 } as const;
  const snapshot = await collectMcpSnapshot(thread, { origins: new Map([["modern", origin]]) });
  assert.deepEqual(
    snapshot.servers.map(({ name }) => name),
    ["modern", "legacy", "dead", "gone", "off", "halting"],
  );
  const modern = of(snapshot, "modern");
  assert.ok(modern.status.state === "ready");
  const { tookMs, stepsMs } = modern.status;
  assert.ok(stepsMs.start > 0 && stepsMs.initialize > 0 && stepsMs.list > 0, JSON.stringify(stepsMs));
  assert.ok(stepsMs.start + stepsMs.initialize + stepsMs.list <= tookMs);
  assert.deepEqual([modern.era, modern.protocolVersion], ["modern", "2026-07-28"]);
  assert.deepEqual(modern.serverInfo, { name: "scripted", version: "1.0.0" });
  assert.deepEqual(modern.origin, origin);
  assert.deepEqual([modern.transport, modern.environment], ["stdio", "local"]);
  assert.ok(modern.tools.some(({ name }) => name === "echo"));
  assert.ok(!modern.tools.some(({ name }) => name === "die"));
  assert.equal(modern.hiddenTools, 2);
  assert.deepEqual(
    [modern.resources.map(({ uri }) => uri), modern.prompts.map(({ name }) => name), modern.failures],
    [["test://a"], ["p"], []],
  );
  const legacy = of(snapshot, "legacy");
  assert.equal(legacy.era, "legacy");
  assert.equal(legacy.instructions, "be kind");
  assert.deepEqual(legacy.failures, [], "to have no templates is no failure");
  const { status } = of(snapshot, "dead");
  assert.ok(status.state === "failed");
  assert.match(status.reason.message, /exit code 3.*cannot go on/);
  assert.equal(status.reason.step, "initialize");
  const gone = of(snapshot, "gone").status;
  assert.ok(gone.state === "failed");
  assert.deepEqual(gone.reason.http, { kind: "refused", cause: "ECONNREFUSED" });
  assert.deepEqual(of(snapshot, "dead").tools, []);
  assert.equal(of(snapshot, "off").status.state, "disabled");
  assert.deepEqual(of(snapshot, "halting").prompts, []);
  await assert.rejects(collectMcpSnapshot(thread, { servers: ["modrn"] }), {
    code: "unknown_server",
    message: /did you mean "modern"/,
  });
});

test("servers are asked at the same time, each within its start-up time-out (O1)", { timeout }, async () => {
  await using bench = new McpBench();
  const seconds = 3;
  const silent = (...mute: string[]): object => ({ ...bench.server({ mute }), startup_timeout_sec: seconds });
  const servers = {
    ...{ a: silent("tools/list"), b: silent("tools/list"), c: silent("prompts/list") },
    ...{ d: silent("resources/list", "resources/templates/list"), good: bench.server() },
  } as never;
  const thread = bench.manager.openThread({ servers });
  const beganMs = performance.now();
  const snapshot = await collectMcpSnapshot(thread);
  const tookMs = performance.now() - beganMs;
  // One after the other it would be 15 s, list after list.
  assert.ok(tookMs < 3 * seconds * 1000, `${tookMs} ms`);
  for (const name of ["a", "b"]) {
    const { status } = of(snapshot, name);
    assert.ok(status.state === "failed");
    assert.deepEqual([status.reason.code, status.reason.step], ["timed_out", "list"]);
  }
  assert.deepEqual(
    of(snapshot, "c").failures.map(({ list }) => list),
    ["prompts"],
  );
  assert.equal(of(snapshot, "c").status.state, "ready");
  assert.deepEqual(
    of(snapshot, "d")
      .failures.map(({ list }) => list)
      .toSorted(),
    ["resourceTemplates", "resources"],
  );
  assert.equal(of(snapshot, "good").failures.length, 0);
});

test("a manager's snapshot has the servers of all its threads, each with its thread", {
  timeout,
}, async () => {
  await using bench = new McpBench();
  const { command, args } = bench.server();
  const shared = { command, args, scope: "host" as const };
  bench.manager.openThread({ id: "one", servers: { shared, off: { command: "sh", enabled: false } } });
  bench.manager.openThread({ id: "two", servers: { shared: { ...shared, enabled_tools: ["echo"] } } });
  const { servers } = await collectMcpSnapshot(bench.manager);
  assert.deepEqual(
    servers.map(({ thread, name, status, tools }) => [thread, name, status.state, tools.length > 1]),
    [
      ["one", "shared", "ready", true],
      ["one", "off", "disabled", false],
      ["two", "shared", "ready", false],
    ],
  );
  const named = await collectMcpSnapshot(bench.manager, { servers: ["off"] });
  assert.deepEqual(
    named.servers.map(({ thread, name }) => [thread, name]),
    [["one", "off"]],
  );
  assert.equal(bench.manager.threads.length, 2, "they go on");
});

test("a snapshot of a configuration has every server of it, also those that will not run", {
  timeout,
}, async () => {
  await using bench = new McpBench();
  const { command, args } = bench.server({ era: "legacy" });
  const text = (value: unknown): string => JSON.stringify(value);
  mkdirSync(bench.path("home"));
  writeFileSync(
    bench.path("home/config.toml"),
    `[mcp_servers.good]\ncommand = ${text(command)}\nargs = ${text(args)}\n` +
      `[mcp_servers.off]\nurl = "https://example.com/mcp"\nenabled = false\n` +
      `[mcp_servers.wrong]\ncommand = "x"\nurl = "https://example.com"\n`,
  );
  const codexHome = bench.path("home");
  const layers = {
    cwd: codexHome,
    codexHome,
    systemDir: bench.folder,
    switchyardHome: bench.folder,
    env: {},
  };
  const snapshot = await collectMcpSnapshot(effectiveMcpServers(loadConfigLayers(layers)));
  assert.deepEqual(processesOfOwner(process.pid), []);
  const [good, off, wrong] = snapshot.servers;
  assert.ok(good !== undefined && off !== undefined && wrong !== undefined);
  assert.deepEqual(
    [good.status.state, good.origin?.line, good.thread, good.authStatus, good.httpOrigin],
    ["ready", 2, undefined, "unsupported", undefined],
  );
  assert.ok(off.status.state === "disabled");
  assert.match(off.status.reason, /^enabled = false in .*config\.toml:6$/);
  assert.deepEqual([off.httpOrigin, off.transport], ["https://example.com", "streamable_http"]);
  assert.ok(wrong.status.state === "failed");
  assert.match(wrong.status.reason.message, /^MCP server "wrong" cannot be used: /);
  assert.deepEqual([wrong.transport, wrong.tools], [undefined, []]);
});

test("what a snapshot opened has ended when it is there, also after an abort (O3)", { timeout }, async () => {
  const servers = {
    scripted: scriptedServer({}, "sh"),
    stubborn: scriptedServer({ stubborn: true }),
    memory: { ...published("memory"), command: process.execPath, args: [modulePath("memory")] },
  };
  const snapshot = await collectMcpSnapshot({ servers });
  assert.deepEqual(processesOfOwner(process.pid), []);
  assert.deepEqual(
    snapshot.servers.map(({ status }) => status.state),
    ["ready", "ready", "ready"],
  );
  assert.ok(of(snapshot, "memory").tools.some(({ name }) => name === "read_graph"));

  const over = new AbortController();
  const reason = new Error("enough");
  const taken = collectMcpSnapshot(
    { servers: { mute: scriptedServer({ mute: ["tools/list"] }) } },
    { signal: over.signal },
  );
  over.abort(reason);
  await assert.rejects(taken, reason);
  assert.deepEqual(processesOfOwner(process.pid), []);
});

function modulePath(name: string): string {
  return new URL(`../../node_modules/@modelcontextprotocol/server-${name}/dist/index.js`, import.meta.url)
    .pathname;
}
