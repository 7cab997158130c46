/**
 * The real Codex runs MCP servers through our executor: its threads find the environment in `environments.toml`, and
 * their servers by `environment_id`.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ThreadEvent } from "../../src/index.ts";
import {
  processesWithEnv,
  promptOf,
  RecordingMcpServer,
  stdioServer,
  waitUntilGone,
} from "../../src/testing/index.ts";
import { collect, type CodexBench, itemsOfType, startBench, textOf } from "../support/codex-bench.ts";
import { startExecutorProcess } from "./support/executor-process.ts";
import { startTcpRelay } from "./support/tcp-relay.ts";

const timeout = 90_000;

function placeOn(bench: CodexBench, url: string, id = "box"): void {
  mkdirSync(bench.home, { recursive: true });
  writeFileSync(join(bench.home, "environments.toml"), `[[environments]]\nid = "${id}"\nurl = "${url}"\n`);
}

function answers(events: readonly ThreadEvent[]): string[] {
  return itemsOfType(events, "mcp_tool_call").map((item) => `${item.status}: ${textOf(item)}`);
}

const environment_id = "box";

test("a real Codex runs a stdio server through our executor, in its environment and folder", {
  timeout,
}, async () => {
  await using executor = await startExecutorProcess([], { EXECUTOR_OWN: "yes" });
  await using bench = await startBench();
  placeOn(bench, executor.url);
  const svc = stdioServer(
    { whoamiEnv: ["EXECUTOR_OWN", "LIT", "HOME", "OPENAI_API_KEY", "CODEX_HOME"] },
    { LIT: "literal" },
  );
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: { svc: { ...svc, cwd: bench.cwd, environment_id } },
  });
  const events = await collect(
    thread.runStreamed(
      promptOf(
        { call: { server: "svc", tool: "whoami" } },
        { call: { server: "svc", tool: "big", arguments: { bytes: 300_000 } } },
        { say: "done" },
      ),
    ),
  );
  const [who, big] = itemsOfType(events, "mcp_tool_call");
  const told = JSON.parse(textOf(who)) as { ppid: number; cwd: string; env: Record<string, string | null> };
  assert.equal(told.cwd, bench.cwd);
  assert.equal(told.ppid, executor.child.pid, "our executor started it, not Codex");
  assert.equal(told.env["LIT"], "literal");
  assert.equal(told.env["OPENAI_API_KEY"], null);
  assert.equal(told.env["CODEX_HOME"], null);
  assert.equal(told.env["EXECUTOR_OWN"], null);
  assert.equal(told.env["HOME"], process.env["HOME"]);
  assert.equal(textOf(big).length, 300_000);
});

test("a cut of the link during a tool call neither loses nor repeats the call", { timeout }, async () => {
  await using executor = await startExecutorProcess([], { EXECUTOR_OWN: "yes" });
  await using relay = await startTcpRelay(executor.url);
  await using bench = await startBench();
  placeOn(bench, relay.url);
  const received = join(bench.cwd, "received.jsonl");
  const { command, args } = stdioServer();
  const quoted = [command, ...args].map((word) => `'${word}'`).join(" ");
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: {
      svc: { command: "sh", args: ["-c", `tee -a ${received} | ${quoted}`], cwd: bench.cwd, environment_id },
    },
  });
  const calls = (): number =>
    readFileSync(received, "utf8")
      .split("\n")
      .filter((line) => line.includes('"tools/call"')).length;
  const turn = await thread.runStreamed(
    promptOf(
      { call: { server: "svc", tool: "sleep", arguments: { ms: 700 } } },
      { call: { server: "svc", tool: "echo", arguments: { text: "after" } } },
      { say: "done" },
    ),
  );
  const events: ThreadEvent[] = [];
  for await (const event of turn.events) {
    events.push(event);
    // The call is on its way, or there already; either must be survived.
    if (event.type === "item.started" && event.item.type === "mcp_tool_call" && event.item.tool === "sleep") {
      // Codex itself connects to what is in its home, too.
      assert.ok(relay.cut() >= 1);
    }
  }
  assert.deepEqual(answers(events), ["completed: slept 700 ms", "completed: after"]);
  assert.equal(calls(), 2);
  assert.ok(relay.accepted >= 2, "somebody came back");
});

test("a server placed over HTTP is reached from the executor, streams included", { timeout }, async () => {
  await using executor = await startExecutorProcess([], { EXECUTOR_OWN: "yes" });
  await using http = await RecordingMcpServer.start();
  await using bench = await startBench();
  placeOn(bench, executor.url);
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: { svc: { url: http.url, headers: { "X-Identity": "alice" }, environment_id } },
  });
  const events = await collect(
    thread.runStreamed(
      promptOf(
        { call: { server: "svc", tool: "whoami" } },
        { call: { server: "svc", tool: "big", arguments: { bytes: 200_000 } } },
        { say: "done" },
      ),
    ),
  );
  const [who, big] = itemsOfType(events, "mcp_tool_call");
  assert.match(textOf(who), /alice/);
  assert.equal(textOf(big).length, 200_000);
});

test("the processes of a thread on the executor end with Codex", { timeout }, async () => {
  await using executor = await startExecutorProcess(["--retention-seconds", "1"]);
  const tag = `left-${process.pid}`;
  {
    await using bench = await startBench();
    placeOn(bench, executor.url);
    const svc = stdioServer({ stubborn: true }, { SWITCHYARD_TEST_MARK: tag });
    const thread = bench.codex.startThread({
      workingDirectory: bench.cwd,
      mcpServers: { svc: { ...svc, cwd: bench.cwd, environment_id } },
    });
    await thread.run(
      promptOf(
        { call: { server: "svc", tool: "spawnChild", arguments: { detached: true } } },
        { say: "done" },
      ),
    );
    assert.equal(processesWithEnv("SWITCHYARD_TEST_MARK", tag).length, 2);
  }
  // Codex has terminated it, or vanished: then its session ends soon.
  assert.deepEqual(await waitUntilGone(processesWithEnv("SWITCHYARD_TEST_MARK", tag)), []);
});

test("a server on an environment that does not exist is reported with those that do", {
  timeout,
}, async () => {
  await using bench = await startBench();
  placeOn(bench, "ws://127.0.0.1:1");
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: { svc: { ...stdioServer(), cwd: bench.cwd, environment_id: "bx" } },
  });
  const events = await collect(thread.runStreamed(promptOf({ say: "done" })));
  const [missing] = itemsOfType(events, "error").filter(({ code }) => code === "mcp_server_failed");
  assert.match(missing?.message ?? "", /"svc".*no environment "bx".*box/);
  const needed = bench.codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: { svc: { ...stdioServer(), cwd: bench.cwd, environment_id: "bx", required: true } },
  });
  await assert.rejects(
    needed.run(promptOf({ say: "done" })),
    /required MCP server.*svc.*no environment "bx"/,
  );
});

test("Codex registers the servers of a thread under their names alone, also where servers belong to environments", {
  timeout,
}, async () => {
  await using executor = await startExecutorProcess();
  await using bench = await startBench({
    environments: [{ id: "box", url: executor.url }],
    config: { features: { multi_environment_mcp: true } },
    env: { ...process.env, SWITCHYARD_DEBUG: "wire" },
  });
  await using http = await RecordingMcpServer.start();
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: {
      there: { ...stdioServer(), cwd: bench.cwd, environment_id: "box" },
      url: { url: http.url, environment_id: "box" },
      here: stdioServer(),
    },
  });
  const steps = ["there", "url", "here"].map((server) => ({ call: { server, tool: "whoami" } }));
  const calls = itemsOfType(
    await collect(thread.runStreamed(promptOf(...steps, { say: "x" }))),
    "mcp_tool_call",
  );
  assert.deepEqual(
    calls.map(({ server, status }) => `${server} ${status}`),
    ["there completed", "url completed", "here completed"],
  );
  // startups.ts counts on it: with an environment, one name would stand for several servers.
  const about = bench.log.filter((line) =>
    /mcpServer\/startupStatus\/updated|"type":"mcpToolCall"/.test(line),
  );
  assert.ok(about.length >= 9);
  for (const line of about) assert.doesNotMatch(line, /"environmentId":"/);
});

test("a host names executors for its threads, with a token that stays in the pipe", { timeout }, async () => {
  const token = "token-of-the-executor-0123456789";
  await using executor = await startExecutorProcess([], { SWITCHYARD_EXECUTOR_TOKEN: token });
  await using bench = await startBench({
    environments: [{ id: "box", url: executor.url, bearerToken: token }],
  });
  const svc = stdioServer({ whoamiEnv: ["SWITCHYARD_EXECUTOR_TOKEN"] });
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: { svc: { ...svc, cwd: bench.cwd, environment_id } },
  });
  const events = await collect(
    thread.runStreamed(promptOf({ call: { server: "svc", tool: "whoami" } }, { say: "done" })),
  );
  const told = JSON.parse(textOf(itemsOfType(events, "mcp_tool_call")[0])) as {
    readonly ppid: number;
    readonly env: Record<string, string | null>;
  };
  assert.equal(told.ppid, executor.child.pid);
  assert.equal(told.env["SWITCHYARD_EXECUTOR_TOKEN"], null);
  assert.equal(JSON.stringify([bench.log, executor.lines]).includes(token), false);
});
