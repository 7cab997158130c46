/** A run without a Codex: what it does with notifications, questions, a slow reader and its end. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Redactor } from "../../base/redact.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import { AbortError } from "../../thread/errors.ts";
import type { ThreadEvent } from "../../thread/events.ts";
import type { Question, QuestionHandler } from "../../thread/questions.ts";
import { CodexError } from "../errors.ts";
import { NO_USAGE } from "./event-mapper.ts";
import { ActiveRun, type RunRequest } from "./run.ts";

const question: Question = {
  kind: "command",
  threadId: "t",
  itemId: "i",
  command: "ls",
  cwd: null,
  reason: null,
};
const never = new AbortController().signal;
const MB = 1024 * 1024;

interface Bench {
  readonly run: ActiveRun;
  readonly clock: ManualClock;
  readonly redactor: Redactor;
  /** How often the pipe was stopped and let go. */
  readonly pipe: { stopped: number; resumed: number };
  /** A message of the agent, which becomes one event. */
  readonly say: (text: string, weight?: number) => void;
  /** Everything there is to read; an error that is thrown is the last entry. */
  readonly read: () => Promise<unknown[]>;
}

function bench(onQuestion?: QuestionHandler): Bench {
  const clock = new ManualClock();
  const redactor = new Redactor();
  const pipe = { stopped: 0, resumed: 0 };
  const run = new ActiveRun({
    request: { onQuestion, questionTimeoutMs: 1_000 } as RunRequest,
    signal: never,
    clock,
    redactor,
    reconnectTimeoutMs: 5_000,
    readerStallMs: 2_000,
    usage: NO_USAGE,
    serverName: (name) => name,
    ofModel: (message) => message,
    isUnreachable: () => false,
    input: () => ({
      paused: false,
      pause: () => {
        pipe.stopped++;
        return () => void pipe.resumed++;
      },
    }),
  });
  return {
    run,
    clock,
    redactor,
    pipe,
    say: (text, weight) => {
      const item = { type: "agentMessage" as const, id: text, text };
      run.take({ method: "item/completed", params: { threadId: "t", turnId: "u", item } } as never, weight);
    },
    read: async () => {
      const seen: unknown[] = [];
      try {
        for await (const event of run.events) seen.push(event);
      } catch (error) {
        seen.push(error);
      }
      return seen;
    },
  };
}

/** Messages by their text, errors of items by their message, ends by their code. */
function shown(events: readonly unknown[]): string[] {
  return (events as (ThreadEvent | Error)[]).map((event) => {
    if (event instanceof Error) return `thrown ${(event as { code?: string }).code}`;
    if (event.type === "turn.failed") return `failed ${event.error.code}`;
    if (event.type !== "item.completed") return event.type;
    if (event.item.type === "agent_message") return event.item.text;
    return event.item.type === "error" ? event.item.message : event.item.type;
  });
}

suite("ActiveRun", () => {
  test("reports what came before the thread had an id after the id, or with the end (N5)", async () => {
    for (const [end, last] of [
      ["end", undefined],
      ["fail", new CodexError("closed", "closed")],
    ] as const) {
      for (const announced of [true, false]) {
        const { run, say, read } = bench();
        run.awaitId();
        say("early");
        if (announced) for (const id of ["thread", "another"]) run.announce(id);
        say("late");
        if (end === "fail") run.fail(last);
        else run.end();
        const seen = (await read()).map((each) => {
          const event = each as ThreadEvent | Error;
          if (event instanceof Error) return event;
          if (event.type === "thread.started") return event.thread_id;
          return event.type === "item.completed" && event.item.type === "agent_message"
            ? event.item.text
            : "?";
        });
        const expected = [
          ...(announced ? ["thread"] : []),
          "early",
          "late",
          ...(last === undefined ? [] : [last]),
        ];
        assert.deepEqual(seen, expected);
      }
    }
  });

  test("stops the pipe for a reader that falls behind, and lets it go when it has caught up (N1)", async () => {
    const { run, clock, pipe, say, read } = bench();
    say("one", 3 * MB);
    assert.equal(pipe.stopped, 0);
    say("two", 2 * MB);
    assert.deepEqual(pipe, { stopped: 1, resumed: 0 });
    run.end();
    assert.deepEqual(shown(await read()), ["one", "two"]);
    assert.deepEqual(pipe, { stopped: 1, resumed: 1 });
    assert.equal(clock.pending, 0);
  });

  test("is stopped when its reader stays away, and the error comes after everything that was kept (N1, N2)", async () => {
    const { run, clock, pipe, say, read } = bench();
    say("kept", 5 * MB);
    await clock.advance(1_999);
    assert.equal(run.stopReason, undefined);
    await clock.advance(1);
    await assert.rejects(run.stopped, { code: "reader_stalled" });
    assert.deepEqual(pipe, { stopped: 1, resumed: 1 });
    say("behind", 5 * MB);
    assert.equal(pipe.stopped, 1);
    run.fail(run.stopReason);
    assert.deepEqual(shown(await read()), ["kept", "behind", "failed reader_stalled"]);
  });

  test("ends once, for the first reason; one that is thrown reaches the reader at once (N3)", async () => {
    const { run, say, read } = bench();
    say("kept");
    run.stop(new AbortError(AbortSignal.abort("enough")));
    run.stop(new CodexError("closed", "later"));
    say("late");
    run.fail(new CodexError("request_failed", "later still"));
    run.end();
    assert.deepEqual(shown(await read()), ["kept", "thrown ABORT_ERR"]);
    assert.ok(run.stopReason instanceof AbortError);
  });

  test("ends as a failed turn, without secrets, when the caller is not to blame (N3)", async () => {
    const { run, redactor, read } = bench();
    redactor.add("s3cret-value");
    run.fail(new Error("no s3cret-value here"));
    run.end();
    assert.deepEqual(await read(), [
      { type: "turn.failed", error: { message: "no *** here", code: "request_failed" } },
    ]);
  });

  const answers: readonly (readonly [
    what: string,
    handler: QuestionHandler | undefined,
    reported: RegExp,
  ])[] = [
    ["when there is no handler", undefined, /because nobody is there to answer/],
    [
      "when the handler fails",
      () => Promise.reject(new Error("out of order")),
      /the handler failed: out of order/,
    ],
    [
      "when the handler throws",
      () => {
        throw new Error("broken");
      },
      /the handler failed: broken/,
    ],
    ["when the handler gives no decision", () => ({}) as never, /the handler gave no decision/],
    ["when the answer comes too late", () => new Promise(() => {}), /there was no answer within 1000 ms/],
  ];
  for (const [what, handler, reported] of answers) {
    test(`declines a question ${what}, and reports which option allows it (N4)`, async () => {
      const { run, clock, read } = bench(handler);
      const answer = run.ask(question, never);
      await clock.advance(1_000);
      assert.deepEqual(await answer, { decision: "decline" });
      run.end();
      const [message = ""] = shown(await read());
      assert.match(message, reported);
      assert.match(message, /run the command "ls".*To allow it: onQuestion/);
      assert.equal(clock.pending, 0);
    });
  }

  test("gives the handler's answer, and reports nothing (N4)", async () => {
    const { run, clock, read } = bench(() => ({ decision: "accept" }));
    assert.deepEqual(await run.ask(question, never), { decision: "accept" });
    run.end();
    assert.deepEqual(await read(), []);
    assert.equal(clock.pending, 0);
  });

  test("drops a question that is moot: the handler's signal aborts, and nothing is reported (N4)", async () => {
    const moot = new AbortController();
    const given = Promise.withResolvers<AbortSignal>();
    const { run, clock, read } = bench((_question, { signal }) => {
      given.resolve(signal);
      return new Promise(() => {});
    });
    const answer = run.ask(question, moot.signal);
    moot.abort();
    assert.deepEqual(await answer, { decision: "decline" });
    assert.ok((await given.promise).aborted);
    run.end();
    assert.deepEqual(await read(), []);
    assert.equal(clock.pending, 0);
  });

  for (const [kind, decision] of [
    ["elicitation", "cancel"],
    ["mcp_tool_call", "cancel"],
    ["file_change", "decline"],
    ["user_input", "decline"],
  ] as const) {
    test(`drops a question (${kind}) when the run is over, also where its handler fails then (N4)`, async () => {
      const { run, clock, read } = bench(
        (_question, { signal }) =>
          new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("closed")))),
      );
      const asked = { ...question, kind } as unknown as Question;
      const answer = run.ask(asked, never);
      run.end();
      run.dispose();
      assert.deepEqual(await answer, { decision });
      assert.deepEqual(await run.ask(asked, never), { decision }, "a later one, too");
      assert.deepEqual(await read(), []);
      assert.equal(clock.pending, 0);
    });
  }

  test("does not ask its handler what needs no answer already (N4)", async () => {
    const { run, read } = bench(() => assert.fail("asked"));
    assert.deepEqual(await run.ask(question, AbortSignal.abort()), { decision: "decline" });
    run.end();
    assert.deepEqual(await read(), []);
  });

  test("is stopped when Codex has retried the model for too long, and not when it got through", async () => {
    const error = (willRetry: boolean): never =>
      ({
        method: "error",
        params: { threadId: "t", turnId: "u", willRetry, error: { message: "down" } },
      }) as never;
    const { run, clock, say } = bench();
    run.take(error(true));
    await clock.advance(4_000);
    say("got through");
    await clock.advance(4_000);
    assert.equal(run.stopReason, undefined);
    run.take(error(true));
    await clock.advance(3_000);
    run.take(error(true));
    await clock.advance(2_000);
    await assert.rejects(run.stopped, { code: "model_unreachable", message: /5000 ms: down/ });
  });
});

suite("a turn that is not on disk", () => {
  const warning =
    "Failed to save the conversation transcript; Codex will continue retrying. Error: No space left on device";
  const completed = {
    method: "turn/completed",
    params: { threadId: "t", turn: { id: "u", status: "completed", error: null, items: [] } },
  };
  for (const [what, warned, unsaved, messages] of [
    ["is reported once, in Codex's words where there are some", true, "is missing", [warning]],
    ["is reported where Codex only says so", true, undefined, [warning]],
    ["is reported where Codex says nothing", false, "is missing", ["is missing"]],
    ["is not reported where it is saved", false, undefined, []],
  ] as const) {
    test(what, async () => {
      const { run, read } = bench();
      run.beginTurn(() => unsaved);
      run.turnIsNamed("u");
      if (warned) run.take({ method: "warning", params: { threadId: "t", message: warning } } as never);
      run.take(completed as never);
      run.end();
      const items = (await read()).map(
        (event) => (event as { item?: { code?: string; message: string } }).item,
      );
      const reports = items.filter((item) => item?.code === "thread_not_saved");
      assert.deepEqual(
        reports.map((item) => item?.message),
        messages,
      );
    });
  }
});
