/** Questions of servers, and the calls they belong to, with the real Codex. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Question, QuestionHandler, ThreadEvent, ThreadOptions } from "../../src/index.ts";
import {
  callTool,
  hang,
  type ModelReply,
  type ModelRequest,
  promptOf,
  raw,
  RecordingMcpServer,
  say,
  ScriptedModel,
  stdioServer,
} from "../../src/testing/index.ts";
import { abortable } from "../../src/base/abort.ts";
import {
  collect,
  itemsOfType,
  mcpMode,
  serverProcesses,
  startBench,
  textOf,
} from "../support/codex-bench.ts";
import { outlive, WAYS_TO_END } from "../support/outlived-questions.ts";

const TIMEOUT = { timeout: 60_000 };
const ASKING = { approvalPolicy: "on-request" } as const;
const RUNS = { default_tools_approval_mode: "approve" } as const;
const HANGS_AFTER_CALL = promptOf({ call: { server: "svc", tool: "outlive" } }, { hang: true });

/** A handler that never answers. @param given the end of the test, so that what it started is ended when it fails */
function silent(given: AbortSignal): {
  readonly onQuestion: QuestionHandler;
  readonly asked: Promise<Question>;
  /** Resolves when every question so far needs no answer any more. */
  readonly dropped: () => Promise<unknown>;
} {
  const asked = Promise.withResolvers<Question>();
  const aborts: Promise<void>[] = [];
  return {
    asked: abortable(asked.promise, given),
    dropped: () => abortable(Promise.all(aborts), given),
    onQuestion: (question, { signal }) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      aborts.push(promise);
      signal.addEventListener("abort", () => resolve());
      asked.resolve(question);
      // As a user interface does: it fails when it is aborted.
      return promise.then(() => Promise.reject(new Error("the dialog was closed")));
    },
  };
}

/** Reads a turn that is stopped in the end. */
async function readStopped(turn: Promise<{ events: AsyncIterable<ThreadEvent> }>): Promise<ThreadEvent[]> {
  const events: ThreadEvent[] = [];
  try {
    for await (const event of (await turn).events) events.push(event);
  } catch (error) {
    assert.equal((error as Error).name, "AbortError");
  }
  return events;
}

function assertNothingDeclined(events: readonly ThreadEvent[]): void {
  const declined = itemsOfType(events, "error").filter(({ code }) => code === "request_declined");
  assert.deepEqual(declined, []);
}

suite("the handler's signal aborts in the middle of the turn, and nothing is declined, when", () => {
  for (const way of WAYS_TO_END) {
    test(way.what, TIMEOUT, async (t) => {
      const { onQuestion, asked, dropped } = silent(t.signal);
      const tool = outlive(
        way,
        asked.then(() => {}),
      );
      await using server = await RecordingMcpServer.start({ extraTools: [tool] });
      await using bench = await startBench();
      const stop = new AbortController();
      const mcpServers = { svc: { url: server.url, ...RUNS, ...way.keys } };
      const options: ThreadOptions = { workingDirectory: bench.cwd, ...ASKING, mcpServers, onQuestion };
      const thread = bench.codex.startThread(options);
      const turn = readStopped(thread.runStreamed(HANGS_AFTER_CALL, { signal: stop.signal }));
      assert.equal((await asked).kind, "elicitation");
      await dropped();
      // The model has got what the call returned, so its item is on its way to the reader, too.
      await bench.model.waitForRequests(2, { signal: t.signal });
      stop.abort();
      const events = await turn;
      assertNothingDeclined(events);
      const [call] = itemsOfType(events, "mcp_tool_call");
      assert.equal(call?.status, way.status);
    });
  }

  test("its server is killed", TIMEOUT, async (t) => {
    const { onQuestion, asked, dropped } = silent(t.signal);
    await using bench = await startBench();
    const stop = new AbortController();
    const mcpServers = { svc: { ...stdioServer(), ...RUNS } };
    const options: ThreadOptions = { workingDirectory: bench.cwd, ...ASKING, mcpServers, onQuestion };
    const prompt = promptOf({ call: { server: "svc", tool: "ask" } }, { hang: true });
    const turn = readStopped(bench.codex.startThread(options).runStreamed(prompt, { signal: stop.signal }));
    await asked;
    for (const pid of serverProcesses()) process.kill(pid, "SIGKILL");
    await dropped();
    await bench.model.waitForRequests(2, { signal: t.signal });
    stop.abort();
    assertNothingDeclined(await turn);
  });
});

test(
  "a question whose call is over does not stop the clock of the next call; its server is told that nobody answered",
  TIMEOUT,
  async (t) => {
    const { onQuestion, asked } = silent(t.signal);
    const reply = Promise.withResolvers<string>();
    const tool = {
      name: "outlive",
      run: async (_args: unknown, context: { ask(message: string): Promise<{ action: string }> }) => {
        void context.ask("Which one?").then(
          ({ action }) => reply.resolve(action),
          (error: unknown) => reply.resolve(String(error)),
        );
        await asked;
        return "done without it";
      },
    };
    await using server = await RecordingMcpServer.start({ extraTools: [tool] });
    await using bench = await startBench();
    const mcpServers = { svc: { url: server.url, ...RUNS, tool_timeout_sec: 1 } };
    const options: ThreadOptions = { workingDirectory: bench.cwd, ...ASKING, mcpServers, onQuestion };
    const prompt = promptOf(
      { call: { server: "svc", tool: "outlive" } },
      { call: { server: "svc", tool: "sleep", arguments: { ms: 600_000 } } },
    );
    const events = await collect(bench.codex.startThread(options).runStreamed(prompt, { signal: t.signal }));
    assertNothingDeclined(events);
    const calls = itemsOfType(events, "mcp_tool_call");
    assert.deepEqual(
      calls.map(({ status }) => status),
      ["completed", "failed"],
    );
    assert.match(calls[1]?.error?.message ?? "", /timed out|did not answer within/);
    const said = mcpMode === "direct" ? /^cancel$/ : /request it belonged to is over/;
    assert.match(await reply.promise, said);
  },
);

test("a question of a call in flight stays open when a call of another server ends", TIMEOUT, async (t) => {
  const ended = Promise.withResolvers<void>();
  await using server = await RecordingMcpServer.start();
  await using bench = await startBench();
  const keys = { url: server.url, ...RUNS, supports_parallel_tool_calls: true };
  const aborted: boolean[] = [];
  const options: ThreadOptions = {
    workingDirectory: bench.cwd,
    ...ASKING,
    mcpServers: { svc: keys, other: { ...keys } },
    onQuestion: async (_question, { signal }) => {
      await ended.promise;
      aborted.push(signal.aborted);
      return { decision: "accept", content: { answer: "blue" } };
    },
  };
  const prompt = promptOf([
    { call: { server: "svc", tool: "ask" } },
    { call: { server: "other", tool: "echo", arguments: { text: "x" } } },
  ]);
  const events: ThreadEvent[] = [];
  const thread = bench.codex.startThread(options);
  for await (const event of (await thread.runStreamed(prompt, { signal: t.signal })).events) {
    events.push(event);
    if (event.type !== "item.completed" || event.item.type !== "mcp_tool_call") continue;
    if (event.item.server === "other") ended.resolve();
  }
  assert.deepEqual(aborted, [false]);
  const asking = itemsOfType(events, "mcp_tool_call").find(({ tool }) => tool === "ask");
  assert.match(textOf(asking), /"blue"/);
});

suite("a sub-agent's question", () => {
  const agent = (name: string, args: object): ModelReply =>
    raw({
      type: "function_call",
      namespace: "multi_agent_v1",
      name,
      call_id: `call_${name}`,
      arguments: JSON.stringify(args),
    });
  const spawn = agent("spawn_agent", { message: "child", agent_type: "default" });
  const options = {
    ...ASKING,
    model: "mock-model",
    config: { features: { multi_agent: true } },
  } satisfies ThreadOptions;

  test("is dropped when its call is over, while the sub-agent works on", TIMEOUT, async (t) => {
    const family = ({ prompt, step, outputs }: ModelRequest): ModelReply => {
      if (prompt === "child") return step === 0 ? callTool({ server: "svc", tool: "outlive" }) : hang();
      if (step === 0) return spawn;
      const { agent_id: child } = JSON.parse(outputs[0]?.text ?? "{}") as { agent_id: string };
      return agent("wait_agent", { targets: [child], timeout_ms: 60_000 });
    };
    const { onQuestion, asked, dropped } = silent(t.signal);
    const [way] = WAYS_TO_END;
    assert.ok(way !== undefined);
    const tool = outlive(
      way,
      asked.then(() => {}),
    );
    await using server = await RecordingMcpServer.start({ extraTools: [tool] });
    await using model = await ScriptedModel.start({ script: family });
    await using bench = await startBench({}, model);
    const stop = new AbortController();
    const mcpServers = { svc: { url: server.url, ...RUNS } };
    const thread = bench.codex.startThread({
      ...options,
      workingDirectory: bench.cwd,
      mcpServers,
      onQuestion,
    });
    const turn = readStopped(thread.runStreamed("parent", { signal: stop.signal }));
    assert.notEqual((await asked).threadId, thread.id);
    await dropped();
    stop.abort();
    assertNothingDeclined(await turn);
  });

  test("is dropped when the run is over, and the sub-agent works on", TIMEOUT, async (t) => {
    const family = ({ prompt, step }: ModelRequest): ModelReply => {
      if (prompt === "child")
        return step === 0 ? callTool({ server: "svc", tool: "ask" }) : say("child done");
      if (step === 0) return spawn;
      return step === 1 ? callTool({ server: "svc", tool: "wait" }) : say("parent done");
    };
    const { onQuestion, asked, dropped } = silent(t.signal);
    const wait = { name: "wait", run: () => asked.then(() => "asked") };
    await using server = await RecordingMcpServer.start({ extraTools: [wait] });
    await using model = await ScriptedModel.start({ script: family });
    await using bench = await startBench({}, model);
    const mcpServers = { svc: { url: server.url, ...RUNS } };
    const thread = bench.codex.startThread({
      ...options,
      workingDirectory: bench.cwd,
      mcpServers,
      onQuestion,
    });
    const events = await collect(thread.runStreamed("parent", { signal: t.signal }));
    await dropped();
    assertNothingDeclined(events);
    assert.equal(events.at(-1)?.type, "turn.completed");
  });
});
