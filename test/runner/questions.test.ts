/** What the runner says about a question whose call ends in another way than by its answer. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import type { McpServerInput } from "../../src/index.ts";
import type { AskClosedMessage, AskMessage, RunParams } from "../../src/runner/index.ts";
import { promptOf, RecordingMcpServer, stdioServer } from "../../src/testing/index.ts";
import { outlive, WAYS_TO_END } from "../support/outlived-questions.ts";
import { RunnerProcess } from "./support/runner-process.ts";

const TIMEOUT = { timeout: 60_000 };
const RUNS = { default_tools_approval_mode: "approve" } as const;

const asking = (tool: string, svc: McpServerInput): RunParams => ({
  input: promptOf({ call: { server: "svc", tool } }, { hang: true }),
  approval_policy: "on-request",
  questions: "host",
  mcp_servers: { svc: { ...svc, ...RUNS } },
});

function asks(runner: RunnerProcess): string[] {
  return runner.messages.filter((each): each is AskMessage => each.type === "ask").map(({ ask }) => ask);
}

function closed(runner: RunnerProcess): string[] {
  const isClosed = (each: { type: string }): each is AskClosedMessage => each.type === "ask_closed";
  return runner.messages.filter(isClosed).map(({ id, ask }) => `${id} ${ask}`);
}

/** Waits until every question so far is closed, and answers one: too late. The turn is still going on. */
async function answersTooLate(runner: RunnerProcess, signal: AbortSignal): Promise<void> {
  await runner.waitFor(() => closed(runner).length === asks(runner).length, signal);
  const [ask = ""] = asks(runner);
  runner.send({ type: "answer", id: "a", ask, decision: "accept" });
  const { code, field } = await runner.error(2, signal);
  assert.deepEqual([code, field], ["unknown_ask", "ask"]);
  const item = await runner.waitFor(() => {
    const items = runner
      .events("a")
      .map(({ event }) => (event.type === "item.completed" ? event.item : null));
    return items.find((each) => each?.type === "mcp_tool_call");
  }, signal);
  runner.send({ type: "cancel", id: "a" });
  assert.equal((await runner.end("a", signal)).status, "cancelled");
  assert.deepEqual(
    closed(runner),
    asks(runner).map((name) => `a ${name}`),
  );
  assert.doesNotMatch(JSON.stringify(runner.messages), /declined/);
  assert.ok(item !== undefined);
}

suite("ask_closed comes in the middle of the turn, and a late answer gets unknown_ask, when", () => {
  for (const way of WAYS_TO_END) {
    test(way.what, TIMEOUT, async (t) => {
      const asked = Promise.withResolvers<void>();
      await using server = await RecordingMcpServer.start({ extraTools: [outlive(way, asked.promise)] });
      await using runner = await RunnerProcess.start();
      runner.run("a", asking("outlive", { url: server.url, ...way.keys }));
      const { question } = await runner.ask("a", t.signal);
      assert.deepEqual([question.kind, question["server"]], ["elicitation", "svc"]);
      assert.deepEqual(closed(runner), []);
      asked.resolve();
      await answersTooLate(runner, t.signal);
    });
  }

  test("its server is killed", TIMEOUT, async (t) => {
    await using runner = await RunnerProcess.start();
    runner.run("a", asking("ask", stdioServer()));
    await runner.ask("a", t.signal);
    for (const pid of runner.remember()) {
      if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("stdio-server")) process.kill(pid, "SIGKILL");
    }
    await answersTooLate(runner, t.signal);
  });
});

suite("ask_closed", () => {
  test("does not come for a question that was answered", TIMEOUT, async (t) => {
    await using server = await RecordingMcpServer.start();
    await using runner = await RunnerProcess.start();
    const input = promptOf({ call: { server: "svc", tool: "ask" } });
    runner.run("a", { ...asking("ask", { url: server.url }), input });
    const { ask } = await runner.ask("a", t.signal);
    runner.send({ type: "answer", id: "a", ask, decision: "accept", content: { answer: "blue" } });
    assert.equal((await runner.end("a", t.signal)).status, "completed");
    assert.match(JSON.stringify(runner.events("a")), /blue/);
    assert.deepEqual(closed(runner), []);
  });

  test("comes before the end of a run that is cancelled, and one whose time is over", TIMEOUT, async (t) => {
    await using server = await RecordingMcpServer.start();
    await using runner = await RunnerProcess.start();
    const params = asking("ask", { url: server.url });
    for (const [id, more] of [
      ["a", {}],
      ["b", { timeout_ms: 5_000 }],
    ] as const) {
      runner.run(id, { ...params, ...more });
      const { ask } = await runner.ask(id, t.signal);
      if (id === "a") runner.send({ type: "cancel", id });
      await runner.end(id, t.signal);
      const own = runner.messages.filter((each) => "id" in each && each.id === id);
      assert.deepEqual(
        own.slice(-2).map(({ type }) => type),
        ["ask_closed", "end"],
      );
      assert.ok(closed(runner).includes(`${id} ${ask}`));
    }
    assert.doesNotMatch(JSON.stringify(runner.messages), /request_declined/);
  });

  test(
    "comes when the host does not answer in time, with the event of what was declined",
    TIMEOUT,
    async (t) => {
      await using server = await RecordingMcpServer.start();
      await using runner = await RunnerProcess.start();
      runner.run("a", { ...asking("ask", { url: server.url }), question_timeout_ms: 50 });
      const { ask } = await runner.ask("a", t.signal);
      await runner.waitFor(() => closed(runner).includes(`a ${ask}`), t.signal);
      await runner.waitFor(() => /request_declined/.test(JSON.stringify(runner.events("a"))), t.signal);
      runner.send({ type: "cancel", id: "a" });
      await runner.end("a", t.signal);
      assert.equal(closed(runner).length, 1);
    },
  );
});
