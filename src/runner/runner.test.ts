import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import type { Clock } from "../base/clock.ts";
import { systemClock } from "../base/clock.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import type { Engine, EngineThread } from "../thread/engine.ts";
import { AbortError, EngineError } from "../thread/errors.ts";
import type { ThreadEvent, Usage } from "../thread/events.ts";
import type { Input, ThreadOptions, TurnOptions } from "../thread/options.ts";
import type { Question } from "../thread/questions.ts";
import type { EndMessage, Outbound, RunParams } from "./messages.ts";
import { Runner, type RunnerOptions } from "./runner.ts";

const USAGE: Usage = {
  input_tokens: 1,
  cached_input_tokens: 0,
  cache_write_input_tokens: 0,
  output_tokens: 1,
  reasoning_output_tokens: 0,
};

/** The homes of isolated runs, for all tests here; a run that resumes looks into it. */
const home = mkdtempSync(join(tmpdir(), "switchyard-runner-unit-"));
after(() => rmSync(home, { recursive: true, force: true }));

/** Distinct, and of the form of a thread id. */
function threadId(number: number): string {
  return `01a1fc80-bd26-7640-b84e-${String(number).padStart(12, "0")}`;
}

/** A turn of the fake engine, which the test moves on by hand. */
interface Turn {
  readonly input: Input;
  readonly threadId: string;
  readonly options: ThreadOptions;
  readonly signal: AbortSignal;
  emit(event: ThreadEvent): void;
  end(): void;
  complete(): void;
  fail(error: Error): void;
}

/** An engine whose turns do what the test says, and end with an AbortError when their signal aborts. */
class FakeEngine implements Engine {
  readonly turns: Turn[] = [];
  readonly closedThreads: string[] = [];
  readonly forked: string[] = [];
  closed = false;
  /** Whether turns ignore their signal. */
  deaf = false;
  /** Reports another spelling of a thread's id. */
  renames = false;
  #threads = 0;

  startThread(options: ThreadOptions = {}): EngineThread {
    this.#threads++;
    return this.#thread(threadId(this.#threads), options);
  }

  resumeThread(id: string, options: ThreadOptions = {}): EngineThread {
    return this.#thread(id, options);
  }

  forkThread(id: string, options: ThreadOptions = {}): EngineThread {
    this.forked.push(id);
    return this.startThread(options);
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  turn(input: string): Turn {
    const found = this.turns.find((turn) => turn.input === input);
    assert.ok(found !== undefined, `"${input}" has not begun`);
    return found;
  }

  #thread(id: string, options: ThreadOptions): EngineThread {
    return {
      runStreamed: (input: Input, turnOptions?: TurnOptions) =>
        Promise.resolve({ events: this.#play(id, options, input, turnOptions ?? {}) }),
      close: () => {
        this.closedThreads.push(id);
        return Promise.resolve();
      },
    };
  }

  async *#play(id: string, options: ThreadOptions, input: Input, { signal }: TurnOptions) {
    assert.ok(signal !== undefined);
    if (signal.aborted) throw new AbortError(signal);
    const thread_id = this.renames ? id.toLowerCase() : id;
    const pending: (() => ThreadEvent | undefined)[] = [() => ({ type: "thread.started", thread_id })];
    let wake = Promise.withResolvers<void>();
    const push = (next: () => ThreadEvent | undefined): void => {
      pending.push(next);
      wake.resolve();
    };
    const fail = (error: Error): void =>
      push(() => {
        throw error;
      });
    this.turns.push({
      input,
      threadId: id,
      options,
      signal,
      emit: (event) => push(() => event),
      end: () => push(() => undefined),
      complete: () => {
        push(() => ({ type: "turn.completed", usage: USAGE }));
        push(() => undefined);
      },
      fail,
    });
    if (!this.deaf) signal.addEventListener("abort", () => fail(new AbortError(signal)));
    for (;;) {
      const next = pending.shift();
      if (next === undefined) {
        await wake.promise;
        wake = Promise.withResolvers<void>();
        continue;
      }
      const event = next();
      if (event === undefined) return;
      yield event;
    }
  }
}

interface Bench extends AsyncDisposable {
  readonly runner: Runner;
  readonly engine: FakeEngine;
  readonly sent: Outbound[];
  /** Holds the sink back until it is called. */
  hold(): () => void;
  run(id: string, params?: Partial<RunParams>): void;
  ends(): EndMessage[];
}

function createBench(options: Partial<RunnerOptions> = {}): Bench {
  const engine = new FakeEngine();
  const sent: Outbound[] = [];
  let room = Promise.resolve();
  const runner = new Runner({
    sink: (message) => {
      sent.push(message);
      return room;
    },
    homesRoot: home,
    createEngine: () => engine,
    maxConcurrent: 2,
    ...options,
  });
  return {
    runner,
    engine,
    sent,
    hold: () => {
      const held = Promise.withResolvers<void>();
      room = held.promise;
      return () => {
        room = Promise.resolve();
        held.resolve();
      };
    },
    run: (id, params = {}) =>
      assert.equal(runner.submit({ type: "run", id, params: { input: id, ...params } }, 10), undefined),
    ends: () => sent.filter((message): message is EndMessage => message.type === "end"),
    [Symbol.asyncDispose]: () => runner.stop(),
  };
}

/** Lets everything happen that waits for nothing but its turn. */
async function settle(): Promise<void> {
  for (let round = 0; round < 20; round++) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets everything happen until `check` holds; looking at the disk takes its own time. */
async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setImmediate(resolve));
}

suite("Runner", () => {
  test("begins runs in order, as many at once as there are slots (R2)", async () => {
    await using bench = createBench();
    for (const id of ["a", "b", "c", "d"]) bench.run(id);
    await settle();
    assert.deepEqual(
      bench.engine.turns.map((turn) => turn.input),
      ["a", "b"],
    );
    bench.engine.turn("b").complete();
    await settle();
    bench.engine.turn("c").complete();
    await settle();
    assert.deepEqual(
      bench.ends().map(({ id }) => id),
      ["b", "c"],
    );
    assert.ok(bench.engine.turn("d") !== undefined);
  });

  test("rejects the id of a run that is in progress, and takes it again after its end", async () => {
    await using bench = createBench();
    bench.run("a");
    const params = { input: "again" };
    assert.equal(bench.runner.submit({ type: "run", id: "a", params })?.code, "duplicate_id");
    await settle();
    bench.engine.turn("a").complete();
    await settle();
    assert.equal(bench.runner.submit({ type: "run", id: "a", params }), undefined);
  });

  test("ends a run once, whichever of its turn's end and its cancel comes first (R1)", async () => {
    for (const cancelFirst of [true, false]) {
      await using bench = createBench();
      bench.run("a");
      await settle();
      const steps = [
        () => void bench.runner.submit({ type: "cancel", id: "a" }),
        () => bench.engine.turn("a").complete(),
      ];
      for (const step of cancelFirst ? steps : steps.reverse()) step();
      await settle();
      const statuses = bench.ends().map(({ status }) => status);
      assert.deepEqual(statuses, [cancelFirst ? "cancelled" : "completed"]);
      assert.equal(bench.runner.submit({ type: "cancel", id: "a" })?.code, "unknown_run");
    }
  });

  test("ends a run with what the engine says, without the secrets of the run", async () => {
    await using bench = createBench();
    bench.run("thrown", { api_key: "sk-secret-key" });
    bench.run("failed", {
      mcp_servers: { svc: { url: "http://a", headers: { Authorization: "Bearer abcdefgh" } } },
    });
    await settle();
    bench.engine.turn("thrown").fail(new EngineError("thread_busy", "busy with sk-secret-key"));
    const failed = bench.engine.turn("failed");
    failed.emit({ type: "turn.failed", error: { message: "abcdefgh was refused" } });
    failed.end();
    await settle();
    assert.deepEqual(
      bench.ends().map(({ id, status, error }) => [id, status, error]),
      [
        ["thrown", "failed", { message: "busy with ***", code: "thread_busy" }],
        ["failed", "failed", { message: "*** was refused" }],
      ],
    );
  });

  test("puts the last message, the usage and the thread into the end", async () => {
    await using bench = createBench();
    bench.run("a");
    await settle();
    const turn = bench.engine.turn("a");
    for (const text of ["first", "last"]) {
      turn.emit({ type: "item.completed", item: { id: text, type: "agent_message", text } });
    }
    turn.complete();
    await settle();
    const end: EndMessage = {
      type: "end",
      id: "a",
      status: "completed",
      thread_id: turn.threadId,
      final_response: "last",
      usage: USAGE,
    };
    assert.deepEqual(bench.sent.at(-1), end);
  });

  test("lets a run wait for its thread without a slot, also a thread that began here (R2, R3)", async () => {
    await using bench = createBench();
    bench.run("new");
    await settle();
    const resume = bench.engine.turn("new").threadId;
    bench.run("second", { resume });
    bench.run("third", { resume });
    bench.run("other");
    await until(() => bench.engine.turns.length === 2);
    await settle();
    assert.deepEqual(
      bench.engine.turns.map((turn) => turn.input),
      ["new", "other"],
    );
    // Cancelling one that waits disturbs neither the order nor the thread.
    bench.runner.submit({ type: "cancel", id: "second" });
    bench.engine.turn("new").complete();
    await until(() => bench.engine.turns.length === 3);
    assert.equal(bench.engine.turn("third").threadId, resume);
  });

  test("ends every run of a thread that the engine then calls by another id (R1, R3)", async () => {
    await using bench = createBench();
    bench.engine.renames = true;
    for (const id of ["one", "two", "three"]) {
      bench.run(id, { resume: "A thread" });
      await until(() => bench.engine.turns.some(({ input }) => input === id));
      bench.engine.turn(id).complete();
      await until(() => bench.ends().some((end) => end.id === id));
    }
  });

  test("forks a thread into a new one, which belongs to the run", async () => {
    await using bench = createBench();
    bench.run("fork", { fork: threadId(7) });
    await until(() => bench.engine.turns.length === 1);
    bench.run("source", { resume: threadId(7) });
    await until(() => bench.engine.turns.length === 2);
    assert.deepEqual(bench.engine.forked, [threadId(7)]);
    for (const id of ["fork", "source"]) bench.engine.turn(id).complete();
    await until(() => bench.ends().length === 2);
    const threads = new Set(bench.ends().map(({ thread_id }) => thread_id));
    assert.deepEqual(threads, new Set([threadId(1), threadId(7)]));
  });

  test("fails a run at the end of its time, wherever it is, and no other one (R1)", async () => {
    const clock = new ManualClock();
    await using bench = createBench({ clock, maxConcurrent: 2 });
    bench.run("in time", { timeout_ms: 999 });
    bench.run("running", { timeout_ms: 1_000 });
    bench.run("waiting", { timeout_ms: 1_000 });
    bench.run("patient");
    await settle();
    await clock.advance(998);
    bench.engine.turn("in time").complete();
    await settle();
    await clock.advance(2);
    await settle();
    const why = { message: "The run did not end within the 1000 ms of its timeout_ms", code: "run_timeout" };
    assert.deepEqual(
      bench.ends().map(({ id, status, error }) => [id, status, error]),
      [
        ["in time", "completed", undefined],
        ["running", "failed", why],
        ["waiting", "failed", why],
      ],
    );
    bench.engine.turn("patient").complete();
    await settle();
    assert.equal(bench.ends().at(-1)?.status, "completed");
    assert.equal(clock.pending, 0);
  });

  test("pulls no event while the sink is full, and goes on where it was (R4)", async () => {
    await using bench = createBench();
    bench.run("a");
    await settle();
    const turn = bench.engine.turn("a");
    const release = bench.hold();
    for (let at = 0; at < 5; at++) turn.emit({ type: "error", message: String(at) });
    await settle();
    assert.equal(bench.sent.length, 2, "thread.started, and one that waits in the sink");
    release();
    turn.complete();
    await settle();
    const messages = bench.sent.flatMap((each) =>
      each.type === "event" && each.event.type === "error" ? [each.event.message] : [],
    );
    assert.deepEqual(messages, ["0", "1", "2", "3", "4"]);
  });

  test("holds the reader back at the bound of waiting runs, until one has begun or is cancelled", async () => {
    await using bench = createBench({ maxConcurrent: 1, waitingMax: 2 });
    for (const id of ["a", "b", "c"]) bench.run(id);
    let hadRoom = false;
    const room = bench.runner.whenRoom().then(() => (hadRoom = true));
    await settle();
    assert.ok(!hadRoom);
    bench.runner.submit({ type: "cancel", id: "c" });
    await room;
    await bench.runner.whenRoom();
  });

  test("asks the host, and takes one answer for each question", async () => {
    await using bench = createBench();
    bench.run("a", { questions: "host" });
    bench.run("b");
    await settle();
    const { onQuestion } = bench.engine.turn("a").options;
    assert.ok(onQuestion !== undefined);
    assert.equal(bench.engine.turn("b").options.onQuestion, undefined);
    const question: Question = {
      kind: "command",
      threadId: "t",
      itemId: "i",
      command: "ls",
      cwd: null,
      reason: null,
    };
    const giveUp = new AbortController();
    const first = onQuestion(question, { signal: giveUp.signal });
    const second = Promise.resolve(onQuestion(question, { signal: giveUp.signal }));
    await settle();
    const asks = bench.sent.flatMap((each) => (each.type === "ask" ? [each] : []));
    const asked = { kind: "command", thread_id: "t", item_id: "i", command: "ls", cwd: null, reason: null };
    assert.deepEqual(asks, [
      { type: "ask", id: "a", ask: "ask_1", question: asked },
      { type: "ask", id: "a", ask: "ask_2", question: asked },
    ]);
    const answer = { type: "answer", id: "a", ask: "ask_1", decision: "accept" } as const;
    assert.equal(bench.runner.submit({ ...answer, id: "b" })?.code, "unknown_ask");
    assert.equal(bench.runner.submit(answer), undefined);
    assert.deepEqual(await first, { decision: "accept" });
    assert.equal(bench.runner.submit(answer)?.code, "unknown_ask");
    giveUp.abort(new Error("too late"));
    await assert.rejects(second, /too late/);
    assert.equal(bench.runner.submit({ ...answer, ask: "ask_2" })?.code, "unknown_ask");
    const closed = bench.sent.filter(({ type }) => type === "ask_closed");
    assert.deepEqual(
      closed,
      [{ type: "ask_closed", id: "a", ask: "ask_2" }],
      "an answer closes its ask itself",
    );
  });

  test("takes one of two answers that come at once, and closes what is open before the end (R8)", async () => {
    await using bench = createBench();
    bench.run("a", { questions: "host" });
    await settle();
    const { onQuestion } = bench.engine.turn("a").options;
    const question = { kind: "command", threadId: "t", itemId: "i", command: "ls", cwd: null, reason: null };
    const { signal } = new AbortController();
    const ask = (): unknown => onQuestion?.(question as Question, { signal });
    const [first] = [ask(), ask()];
    const answer = { type: "answer", id: "a", ask: "ask_1" } as const;
    assert.equal(bench.runner.submit({ ...answer, decision: "accept" }), undefined);
    assert.equal(bench.runner.submit({ ...answer, decision: "decline" })?.code, "unknown_ask");
    assert.deepEqual(await first, { decision: "accept" });
    bench.engine.turn("a").complete();
    await settle();
    const kinds = bench.sent.map(({ type }) => type).filter((type) => type !== "event");
    assert.deepEqual(kinds, ["ask", "ask", "ask_closed", "end"]);
  });

  test("unloads the thread used longest ago when more than its slots are idle, busy ones never (R7)", async () => {
    await using bench = createBench();
    for (const id of ["a", "b", "c"]) {
      bench.run(id);
      await settle();
      bench.engine.turn(id).complete();
      await settle();
    }
    assert.deepEqual(bench.engine.closedThreads, [threadId(1)]);
    bench.run("b again", { resume: threadId(2) });
    bench.run("d", { ephemeral: true });
    await until(() => bench.engine.turns.length === 5);
    bench.engine.turn("d").complete();
    await settle();
    assert.deepEqual(bench.engine.closedThreads, [threadId(1), threadId(4)], "an ephemeral one at once");
  });

  test("drains: rejects new runs, waits for the accepted ones, then closes the engine", async () => {
    await using bench = createBench({ maxConcurrent: 1 });
    bench.run("a");
    bench.run("b");
    const drained = bench.runner.drain();
    assert.equal(bench.runner.submit({ type: "run", id: "c", params: { input: "c" } })?.code, "stopping");
    for (const id of ["a", "b"]) {
      await settle();
      assert.ok(!bench.engine.closed);
      bench.engine.turn(id).complete();
    }
    await drained;
    assert.ok(bench.engine.closed);
    assert.deepEqual(
      bench.ends().map(({ id, status }) => [id, status]),
      [
        ["a", "completed"],
        ["b", "completed"],
      ],
    );
  });

  test("stops in bounded time: every run gets its end, also one that is stuck (R1, R6)", async () => {
    const limits: number[] = [];
    const clock: Clock = {
      now: () => systemClock.now(),
      schedule: (delayMs, fire, options) => {
        limits.push(delayMs);
        return systemClock.schedule(0, fire, options);
      },
    };
    const bench = createBench({
      clock,
      stopTimeoutMs: 1_234,
    });
    bench.engine.deaf = true;
    bench.run("stuck");
    bench.run("stuck too", { resume: threadId(9) });
    bench.run("waiting");
    await until(() => bench.engine.turns.length === 2);
    await bench.runner.stop();
    assert.deepEqual(limits, [1_234, 1_234]);
    assert.ok(bench.engine.closed);
    const ends = bench.ends().map(({ id, status }) => `${id}: ${status}`);
    assert.deepEqual(ends.toSorted(), ["stuck too: cancelled", "stuck: cancelled", "waiting: cancelled"]);
    bench.engine.turn("stuck").complete();
    await settle();
    assert.equal(bench.ends().length, 3, "what comes late says nothing more");
  });

  test("stops while its messages are not taken", async () => {
    await using bench = createBench();
    bench.run("a");
    await settle();
    bench.hold();
    bench.engine.turn("a").emit({ type: "turn.started" });
    await settle();
    await bench.runner.stop();
    assert.deepEqual(
      bench.ends().map(({ status }) => status),
      ["cancelled"],
    );
  });

  test("creates each engine once, when a run first wants it", async () => {
    const created: string[] = [];
    const engine = new FakeEngine();
    await using bench = createBench({
      createEngine: (settings) => {
        created.push(settings.engine);
        return Promise.resolve(engine);
      },
      maxConcurrent: 4,
    });
    bench.run("a", { engine: "responses" });
    bench.run("b");
    bench.run("c", { engine: "responses" });
    bench.run("d", { engine: "codex" });
    await settle();
    assert.deepEqual(created, ["responses", "codex"]);
    for (const id of ["a", "b", "c", "d"]) engine.turn(id).complete();
    await settle();
    assert.equal(bench.ends().length, 4);
  });

  test("tries again to create an engine after that failed", async () => {
    let attempts = 0;
    const engine = new FakeEngine();
    await using bench = createBench({
      createEngine: () => (++attempts === 1 ? Promise.reject(new Error("disk full")) : engine),
    });
    bench.run("a");
    await until(() => bench.ends().length === 1);
    assert.match(bench.ends()[0]?.error?.message ?? "", /disk full/);
    bench.run("b");
    await settle();
    engine.turn("b").complete();
    await settle();
    assert.equal(bench.ends()[1]?.status, "completed");
  });

  test("fails a run that cannot have a home of its own, and goes on", async () => {
    await using bench = createBench({ homesRoot: import.meta.filename });
    bench.run("isolated", { isolation: "process" });
    bench.run("shared");
    await until(() => bench.ends().length > 0);
    const [end] = bench.ends();
    assert.deepEqual([end?.id, end?.status], ["isolated", "failed"]);
    bench.engine.turn("shared").complete();
    await settle();
    assert.equal(bench.ends()[1]?.status, "completed");
  });
});
