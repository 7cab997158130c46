/**
 * The ten rules that make one app-server good enough for many threads, each shown on the real binary.
 *
 * Each prevents a failure that plain Codex 0.169 has shown.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Clock } from "../../src/base/clock.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { McpServers } from "../../src/index.ts";
import {
  descendants,
  promptOf,
  RecordingMcpServer,
  ScriptedModel,
  stdioServer,
} from "../../src/testing/index.ts";
import { collect, itemsOfType, startBench, textOf } from "../support/codex-bench.ts";
import { meddledCodex } from "../support/meddled-codex.ts";
import { exhaustive } from "../support/sample.ts";

const whoami = promptOf({ call: { server: "svc", tool: "whoami" } }, { say: "done" });
const timeout = 60_000;

test("rule 1: no login shell is started for a thread", { timeout }, async () => {
  await using bench = await startBench();
  // A login shell would read this file and leave the mark.
  const mark = join(bench.cwd, "login-shell-ran");
  const profile = `touch ${mark}\n`;
  for (const file of [".bashrc", ".bash_profile", ".profile", ".zshrc"])
    writeFileSync(join(bench.cwd, file), profile);
  const codex = bench.another({
    env: { PATH: process.env.PATH ?? "", HOME: bench.cwd, SHELL: "/bin/bash" },
  });
  await codex.startThread({ workingDirectory: bench.cwd }).run(promptOf({ say: "hello" }));
  assert.equal(existsSync(mark), false);
});

test("rule 2: a server that needs longer than Codex's second of grace has its tools in the first turn (T2)", {
  timeout,
}, async () => {
  await using bench = await startBench();
  const mcpServers = { svc: stdioServer({ startupDelayMs: 2_500 }) };
  const events = await collect(
    bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers }).runStreamed(whoami),
  );
  assert.equal(itemsOfType(events, "mcp_tool_call")[0]?.status, "completed");
  assert.deepEqual(
    itemsOfType(events, "error").filter((item) => item.code !== undefined),
    [],
  );
});

test("rule 3: a thread keeps its servers when it is resumed, by another process and by a fork (O1)", {
  timeout,
}, async () => {
  await using bench = await startBench();
  await using http = await RecordingMcpServer.start();
  const options = {
    workingDirectory: bench.cwd,
    mcpServers: {
      svc: { url: http.url, headers: { Authorization: "Bearer of-the-thread", "X-Identity": "one" } },
    },
  };
  const thread = bench.codex.startThread(options);
  await thread.run(whoami);
  const id = thread.id as string;
  await thread.close();
  await bench.codex.resumeThread(id, options).run(whoami);
  const fork = bench.codex.forkThread(id, options);
  await fork.run(whoami);
  assert.notEqual(fork.id, id);
  await bench.codex.close();
  await bench.another().resumeThread(id, options).run(whoami);
  assert.deepEqual(
    http.calls.map((call) => [call.tool, call.outcome, call.headers.authorization]),
    Array.from({ length: 4 }, () => ["whoami", "completed", "Bearer of-the-thread"]),
  );
});

test("rule 4: 150 threads started at once all start in one process, and every call arrives under its own name (R1)", {
  timeout,
}, async () => {
  await using bench = await startBench();
  await using http = await RecordingMcpServer.start({ stateless: true, recordMax: 20_000 });
  const names = Array.from({ length: 150 }, (_, n) => `user-${n}`);
  // A server costs as much as a thread; a third of them has one.
  const hasServer = (n: number): boolean => exhaustive || n % 3 === 0;
  await Promise.all(
    names.map(async (name, n) => {
      const svc = { url: http.url, headers: { "X-Identity": name } };
      const mcpServers: McpServers = hasServer(n) ? { svc } : {};
      const thread = bench.codex.startThread({ workingDirectory: bench.cwd, ephemeral: true, mcpServers });
      const calls = n % 3 === 0;
      const { items, finalResponse } = await thread.run(calls ? whoami : promptOf({ say: name }));
      const call = items.find((item) => item.type === "mcp_tool_call");
      if (calls) assert.match(textOf(call), new RegExp(`"${name}"`), JSON.stringify(items));
      else assert.equal(finalResponse, name);
      await thread.close();
    }),
  );
  assert.equal(http.calls.length, names.length / 3);
  const listed = http.requests.filter(({ rpcMethod }) => rpcMethod === "tools/list");
  const listing = names.filter((_, n) => hasServer(n));
  assert.deepEqual(new Set(listed.map(({ headers }) => headers["x-identity"])), new Set(listing));
  const commands = descendants(process.pid).map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8"));
  assert.equal(commands.filter((command) => command.includes("\0app-server\0")).length, 1);
});

test("rule 4: a lost reply to turn/start does not lose the turn", { timeout }, async () => {
  await using bench = await startBench();
  const codex = bench.another({
    codexPathOverride: meddledCodex(bench.cwd, { loseReplyTo: "turn/start" }),
  });
  const turn = await codex.startThread({ workingDirectory: bench.cwd }).run(promptOf({ say: "still here" }));
  assert.equal(turn.finalResponse, "still here");
});

test("rule 4: a lost reply to thread/start fails the turn in time, and the next one works", {
  timeout,
}, async () => {
  await using bench = await startBench();
  // Twenty times faster, so that the time-out of a minute passes in three seconds.
  const clock: Clock = {
    now: () => systemClock.now() * 20,
    schedule: (delayMs, fire, options) => systemClock.schedule(delayMs / 20, fire, options),
  };
  const codex = bench.another({
    codexPathOverride: meddledCodex(bench.cwd, { loseReplyTo: "thread/start" }),
    clock,
  });
  const thread = codex.startThread({ workingDirectory: bench.cwd });
  await assert.rejects(thread.run(promptOf({ say: "one" })), { name: "CodexError", code: "request_timeout" });
  assert.equal((await thread.run(promptOf({ say: "two" }))).finalResponse, "two");
});

test("rule 5: a second turn of a busy thread waits and is a turn of its own (T1)", { timeout }, async () => {
  await using bench = await startBench();
  await using http = await RecordingMcpServer.start();
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: { svc: { url: http.url } },
  });
  const sleep = promptOf(
    { call: { server: "svc", tool: "sleep", arguments: { ms: 300 } } },
    { say: "first" },
  );
  const first = thread.run(sleep);
  const second = thread.run(promptOf({ say: "second" }));
  assert.equal((await first).finalResponse, "first");
  assert.equal((await second).finalResponse, "second");
  const prompts = bench.model.requests.map(({ request }) => request?.prompt);
  assert.deepEqual(prompts, [sleep, sleep, promptOf({ say: "second" })]);
});

test("rule 6: servers may differ between two turns of a thread, and the old ones are closed (O1)", {
  timeout,
}, async () => {
  await using bench = await startBench();
  await using http = await RecordingMcpServer.start();
  const as = (name: string): object => ({
    svc: { url: `${http.origin}/${name}`, headers: { "X-Identity": name } },
  });
  const thread = bench.codex.startThread({ workingDirectory: bench.cwd });
  for (const name of ["ann", "ben", "ann"]) {
    const { items } = await thread.run(whoami, { mcpServers: as(name) as never });
    assert.match(textOf(items.find((item) => item.type === "mcp_tool_call")), new RegExp(name));
  }
  const sessions = http.sessions.map(({ path, closedBy }) => [path, closedBy]);
  assert.deepEqual(sessions, [
    ["/ann", "client"],
    ["/ben", "client"],
    ["/ann", undefined],
  ]);
  await thread.run(promptOf({ say: "bare" }), { mcpServers: {} });
  assert.equal(http.openSessions, 0);
});

test("rule 7: every thread asks its own endpoint with its own key", { timeout }, async () => {
  await using bench = await startBench();
  await using other = await ScriptedModel.start();
  const common = { workingDirectory: bench.cwd };
  await Promise.all([
    bench.codex.startThread(common).run("one"),
    bench.codex.startThread({ ...common, apiKey: "sk-key-of-thread-two" }).run("two"),
    bench.codex
      .startThread({ ...common, apiKey: "sk-key-of-thread-three", baseUrl: other.baseUrl })
      .run("three"),
  ]);
  const asked = (model: ScriptedModel): unknown =>
    Object.fromEntries(model.requests.map(({ request }) => [request?.prompt, request?.bearerToken]));
  assert.deepEqual(asked(bench.model), {
    one: "sk-test-key-of-the-bench",
    two: "sk-key-of-thread-two",
  });
  assert.deepEqual(asked(other), { three: "sk-key-of-thread-three" });
});

test("rule 8: an endpoint of the host's own is never asked for a WebSocket", { timeout }, async () => {
  await using bench = await startBench();
  await bench.codex.startThread({ workingDirectory: bench.cwd }).run("hello");
  assert.deepEqual(
    bench.model.requests.map(({ method }) => method),
    ["POST"],
  );
});

test("rule 9: a repository is not trusted, and its servers are not started, because a thread works in it", {
  timeout,
}, async () => {
  await using bench = await startBench();
  const mark = join(bench.cwd, "started");
  const repository = join(bench.cwd, "repository");
  const inner = join(repository, "packages", "inner");
  for (const directory of [join(repository, ".git"), join(repository, ".codex"), join(inner, ".codex")]) {
    mkdirSync(directory, { recursive: true });
  }
  const config = `[mcp_servers.theirs]\ncommand = "touch"\nargs = ["${mark}"]\n`;
  for (const directory of [repository, inner])
    writeFileSync(join(directory, ".codex", "config.toml"), config);
  for (const workingDirectory of [repository, inner]) {
    const sandboxMode = "danger-full-access";
    await bench.codex.startThread({ workingDirectory, sandboxMode }).run("hello");
    await bench.codex
      .startThread({ workingDirectory, sandboxMode })
      .run("again: trust would count from now on");
  }
  assert.equal(existsSync(mark), false, "a server of the repository was started");
  const written = join(bench.home, "config.toml");
  assert.doesNotMatch(existsSync(written) ? readFileSync(written, "utf8") : "", /trusted/);
});

test("rule 10: a question is answered without a handler too, and the first one has the id 0", {
  timeout,
}, async () => {
  await using bench = await startBench();
  const mcpServers = { svc: { ...stdioServer(), default_tools_approval_mode: "prompt" as const } };
  const options = { workingDirectory: bench.cwd, mcpServers, approvalPolicy: "on-request" as const };
  const events = await collect(bench.codex.startThread(options).runStreamed(whoami));
  const declined = itemsOfType(events, "error").find((item) => item.code === "request_declined");
  assert.equal(declined?.request, "mcp_tool_call");
  assert.equal(declined?.server, "svc");
  assert.match(declined?.message ?? "", /whoami.*default_tools_approval_mode/);
  assert.equal(itemsOfType(events, "mcp_tool_call")[0]?.status, "failed");
  assert.equal(events.at(-1)?.type, "turn.completed");
  const asked: string[] = [];
  const onQuestion = (question: { kind: string }) => {
    asked.push(question.kind);
    return { decision: "accept" as const };
  };
  const allowed = await bench.codex.startThread({ ...options, onQuestion }).run(whoami);
  assert.deepEqual(asked, ["mcp_tool_call"]);
  assert.equal(allowed.items.find((item) => item.type === "mcp_tool_call")?.status, "completed");
});
