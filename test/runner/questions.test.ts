/** What the runner says about a question whose call ends in another way than by its answer. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, suite, test } from "node:test";
import type { McpServerInput } from "../../src/index.ts";
import type { AskClosedMessage, AskMessage, RunParams } from "../../src/runner/index.ts";
import { promptOf, RecordingMcpServer, stdioServer } from "../../src/testing/index.ts";
import { outlive, WAYS_TO_END } from "../support/outlived-questions.ts";
import { RunnerProcess } from "./support/runner-process.ts";

const TIMEOUT = { timeout: 60_000 };

let sharedRunner: Promise<RunnerProcess> | undefined;
/** One for all of them: each has a run of its own. */
const shared = (): Promise<RunnerProcess> => (sharedRunner ??= RunnerProcess.start());
after(async () => {
  await (await sharedRunner)?.[Symbol.asyncDispose]();
});
let runs = 0;
const newId = (): string => `run-${++runs}`;
const RUNS = { default_tools_approval_mode: "approve" } as const;

const asking = (tool: string, svc: McpServerInput): RunParams => ({
  input: promptOf({ call: { server: "svc", tool } }, { hang: true }),
  approval_policy: "on-request",
  questions: "host",
  mcp_servers: { svc: { ...svc, ...RUNS } },
});

function asks(runner: RunnerProcess, run: string): string[] {
  const isAsk = (each: { type: string }): each is AskMessage => each.type === "ask";
  return runner.messages.filter(isAsk).flatMap(({ id, ask }) => (id === run ? [ask] : []));
}

function closed(runner: RunnerProcess, run: string): string[] {
  const isClosed = (each: { type: string }): each is AskClosedMessage => each.type === "ask_closed";
  return runner.messages.filter(isClosed).flatMap(({ id, ask }) => (id === run ? [ask] : []));
}

/** Everything that was said about a run. */
function said(runner: RunnerProcess, run: string): string {
  return JSON.stringify(runner.messages.filter((each) => "id" in each && each.id === run));
}

/** Waits until every question so far is closed, and answers one: too late. The turn is still going on. */
async function answersTooLate(runner: RunnerProcess, id: string, signal: AbortSignal): Promise<void> {
  await runner.waitFor(() => closed(runner, id).length === asks(runner, id).length, signal);
  const [ask = ""] = asks(runner, id);
  runner.send({ type: "answer", id, ask, decision: "accept" });
  const { code, field } = await runner.error(runner.lines, signal);
  assert.deepEqual([code, field], ["unknown_ask", "ask"]);
  const item = await runner.waitFor(() => {
    const items = runner.events(id).map(({ event }) => (event.type === "item.completed" ? event.item : null));
    return items.find((each) => each?.type === "mcp_tool_call");
  }, signal);
  runner.send({ type: "cancel", id });
  assert.equal((await runner.end(id, signal)).status, "cancelled");
  assert.deepEqual(closed(runner, id), asks(runner, id));
  assert.doesNotMatch(said(runner, id), /declined/);
  assert.ok(item !== undefined);
}

suite("ask_closed comes in the middle of the turn, and a late answer gets unknown_ask, when", () => {
  for (const way of WAYS_TO_END) {
    test(way.what, TIMEOUT, async (t) => {
      const asked = Promise.withResolvers<void>();
      await using server = await RecordingMcpServer.start({ extraTools: [outlive(way, asked.promise)] });
      const runner = await shared();
      const id = newId();
      runner.run(id, asking("outlive", { url: server.url, ...way.keys }));
      const { question } = await runner.ask(id, t.signal);
      assert.deepEqual([question.kind, question["server"]], ["elicitation", "svc"]);
      assert.deepEqual(closed(runner, id), []);
      asked.resolve();
      await answersTooLate(runner, id, t.signal);
    });
  }

  test("its server is killed", TIMEOUT, async (t) => {
    const runner = await shared();
    const id = newId();
    runner.run(id, asking("ask", stdioServer()));
    await runner.ask(id, t.signal);
    for (const pid of runner.remember()) {
      if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("stdio-server")) process.kill(pid, "SIGKILL");
    }
    await answersTooLate(runner, id, t.signal);
  });
});

suite("ask_closed", () => {
  test("does not come for a question that was answered", TIMEOUT, async (t) => {
    await using server = await RecordingMcpServer.start();
    const runner = await shared();
    const id = newId();
    const input = promptOf({ call: { server: "svc", tool: "ask" } });
    runner.run(id, { ...asking("ask", { url: server.url }), input });
    const { ask } = await runner.ask(id, t.signal);
    runner.send({ type: "answer", id, ask, decision: "accept", content: { answer: "blue" } });
    assert.equal((await runner.end(id, t.signal)).status, "completed");
    assert.match(JSON.stringify(runner.events(id)), /blue/);
    assert.deepEqual(closed(runner, id), []);
  });

  test("comes before the end of a run that is cancelled, and one whose time is over", TIMEOUT, async (t) => {
    await using server = await RecordingMcpServer.start();
    const runner = await shared();
    const params = asking("ask", { url: server.url });
    for (const [how, more] of [
      ["cancelled", {}],
      ["over", { timeout_ms: 5_000 }],
    ] as const) {
      const id = newId();
      runner.run(id, { ...params, ...more });
      const { ask } = await runner.ask(id, t.signal);
      if (how === "cancelled") runner.send({ type: "cancel", id });
      await runner.end(id, t.signal);
      const own = runner.messages.filter((each) => "id" in each && each.id === id);
      assert.deepEqual(
        own.slice(-2).map(({ type }) => type),
        ["ask_closed", "end"],
      );
      assert.deepEqual(closed(runner, id), [ask]);
      assert.doesNotMatch(said(runner, id), /request_declined/);
    }
  });

  test(
    "comes when the host does not answer in time, with the event of what was declined",
    TIMEOUT,
    async (t) => {
      await using server = await RecordingMcpServer.start();
      const runner = await shared();
      const id = newId();
      runner.run(id, { ...asking("ask", { url: server.url }), question_timeout_ms: 50 });
      const { ask } = await runner.ask(id, t.signal);
      await runner.waitFor(() => closed(runner, id).includes(ask), t.signal);
      await runner.waitFor(() => /request_declined/.test(JSON.stringify(runner.events(id))), t.signal);
      runner.send({ type: "cancel", id });
      await runner.end(id, t.signal);
      assert.equal(closed(runner, id).length, 1);
    },
  );
});
