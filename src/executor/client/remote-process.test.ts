/** One process, with the session in the test's hands: what it asks is kept, and answered when the test says so. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { RpcError } from "../../jsonrpc/index.ts";
import { ManualClock } from "../../testing/index.ts";
import { ExecutorError } from "../errors.ts";
import type { ProcessEvent } from "../executor.ts";
import { type CarrierOptions, type ProcessCarrier, RemoteProcess } from "./remote-process.ts";

interface Asked {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly options: CarrierOptions;
  readonly answer: (result: unknown) => void;
  readonly refuse: (error: unknown) => void;
}

class Carrier implements ProcessCarrier {
  readonly clock = new ManualClock();
  readonly asked: Asked[] = [];
  readonly relinks: string[] = [];
  /** What is asked about this is not kept but answered at once. */
  answers: (method: string, params: Asked["params"]) => unknown = () => undefined;
  holds = 0;
  forgotten = false;

  request(method: string, params: unknown, options: CarrierOptions): Promise<unknown> {
    const given = params as Asked["params"];
    const answer = this.answers(method, given);
    if (answer !== undefined) return Promise.resolve(answer);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.asked.push({ method, params: given, options, answer: resolve, refuse: reject });
    return promise;
  }

  relink(reason: string): void {
    this.relinks.push(reason);
  }

  holdLink(): () => void {
    this.holds++;
    return () => void this.holds--;
  }

  forget(): void {
    this.forgotten = true;
  }

  throwIfLost(): void {}

  /** What was asked by this name, and is not answered yet. */
  of(method: string): readonly Asked[] {
    return this.asked.filter((each) => each.method === method);
  }
}

function begin(isStarted = true): { readonly carrier: Carrier; readonly process: RemoteProcess } {
  const carrier = new Carrier();
  const process = new RemoteProcess(carrier, "p");
  if (isStarted) process.started(false);
  return { carrier, process };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function output(seq: number, text = `${seq}.`): readonly [method: string, params: Asked["params"]] {
  const chunk = Buffer.from(text).toString("base64");
  return ["process/output", { processId: "p", seq, stream: "stdout", chunk }];
}

const exited = (seq: number) => ["process/exited", { processId: "p", seq, exitCode: 3 }] as const;
const closed = (seq: number) => ["process/closed", { processId: "p", seq }] as const;

/** What a read answers when nothing is there. */
const NOTHING = { chunks: [], nextSeq: 1, exited: false, exitCode: null, closed: false };

async function readAll(process: RemoteProcess): Promise<readonly ProcessEvent[]> {
  const events: ProcessEvent[] = [];
  for await (const event of process.events()) events.push(event);
  return events;
}

/** What is read until it fails, and with which code. */
async function readUntilFailure(process: RemoteProcess): Promise<readonly [seqs: number[], code: string]> {
  const seqs: number[] = [];
  try {
    for await (const event of process.events()) seqs.push(event.seq);
  } catch (error) {
    assert.ok(error instanceof ExecutorError);
    return [seqs, error.code];
  }
  return assert.fail("it did not fail");
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "done",
    (error: unknown) => (error instanceof ExecutorError ? error.code : String(error)),
  );

suite("RemoteProcess", () => {
  test("gives its reader all events in order, each once, whatever its link does (R1)", async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.constant("happen" as const) },
      { weight: 6, arbitrary: fc.nat(9).map((at) => ({ tell: at })) },
      { weight: 2, arbitrary: fc.nat(9).map((at) => ({ repeat: at })) },
      { weight: 2, arbitrary: fc.constantFrom("look", "answer", "drop", "restore", "wait") },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 12 }),
        fc.array(step, { maxLength: 60 }),
        async (outputs, steps) => {
          const link = new FlakyLink(outputs);
          const reading = readAll(link.process);
          for (const each of steps) {
            if (typeof each !== "string") link.tell(each);
            else await link[each]();
          }
          await link.finish();
          assert.deepEqual(
            (await reading).map(({ seq }) => seq),
            Array.from({ length: outputs + 2 }, (_, at) => at + 1),
          );
          assert.equal(link.carrier.clock.pending, 0);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("reads a gap that stays for half a second, once, and not one that is filled by then (R1)", async () => {
    const { carrier, process } = begin();
    process.accept(...output(2));
    await carrier.clock.advance(499);
    process.accept(...output(1));
    await carrier.clock.advance(10_000);
    assert.equal(carrier.asked.length, 0);
    process.accept(...output(4));
    await carrier.clock.advance(500);
    process.accept(...output(6));
    await carrier.clock.advance(10_000);
    const [read, ...more] = carrier.of("process/read");
    assert.deepEqual([read?.params["afterSeq"], more.length], [2, 0]);
    read?.answer({ ...NOTHING, chunks: [3, 4].map((seq) => output(seq)[1]), nextSeq: 5 });
    await carrier.clock.advance(500);
    assert.equal(carrier.of("process/read")[1]?.params["afterSeq"], 4, "and the next gap by itself");
    process.fail(new ExecutorError("disposed", "enough"));
    assert.deepEqual(await readUntilFailure(process), [[1, 2, 3, 4], "disposed"]);
  });

  test("fails after the last event before a lost one, and ends the process (R1)", async () => {
    const { carrier, process } = begin();
    process.accept(...output(1));
    process.accept(...output(4));
    await carrier.clock.advance(500);
    carrier.of("process/read")[0]?.answer({ ...NOTHING, chunks: [output(3)[1], output(4)[1]], nextSeq: 5 });
    assert.deepEqual(await readUntilFailure(process), [[1], "output_lost"]);
    assert.deepEqual(
      carrier.of("process/terminate").map(({ params }) => params),
      [{ processId: "p" }],
    );
    process.accept(...output(2));
    assert.deepEqual(await readUntilFailure(process), [[], "output_lost"], "and stays so");
    assert.equal(carrier.forgotten, true);
  });

  for (const [what, count, size] of [
    ["too many", 16_385, 1],
    ["too large", 9, 1024 * 1024],
  ] as const) {
    test(`fails when the events after a missing one are ${what}, and ends the process`, async () => {
      const { carrier, process } = begin();
      const text = "x".repeat(size);
      for (let seq = 2; seq < count + 2; seq++) process.accept(...output(seq, text));
      assert.deepEqual(await readUntilFailure(process), [[], "output_lost"]);
      assert.equal(carrier.of("process/terminate").length, 1);
      assert.equal(carrier.clock.pending, 0);
    });
  }

  test("reads nothing before it is started, and then what was missed meanwhile", async () => {
    const { carrier, process } = begin(false);
    process.accept(...output(2));
    await process.catchUp();
    await carrier.clock.advance(10_000);
    assert.equal(carrier.asked.length, 0);
    process.started(true);
    carrier.of("process/read")[0]?.answer({
      ...NOTHING,
      chunks: [output(1)[1], output(2)[1]],
      nextSeq: 5,
      exited: true,
      exitCode: 7,
      closed: true,
    });
    const events = await readAll(process);
    assert.deepEqual(
      events.map(({ type }) => type),
      ["output", "output", "exited", "closed"],
    );
    assert.equal(events[2]?.type === "exited" && events[2].exitCode, 7);
  });

  test("ignores what is not an event, and fails at one that is too large", async () => {
    const { carrier, process } = begin();
    for (const [method, params] of [
      ["process/output", { seq: 0, stream: "stdout", chunk: "" }],
      ["process/output", { seq: 1.5, stream: "stdout", chunk: "" }],
      ["process/output", { seq: 1, stream: "stdin", chunk: "" }],
      ["process/output", { seq: 1, stream: "stdout" }],
      ["process/exited", { seq: 1 }],
      ["process/closed", { seq: "1" }],
      ["process/unknown", { seq: 1 }],
    ] as const) {
      process.accept(method, params);
    }
    assert.equal(carrier.clock.pending, 0, "nothing waits for anything");
    process.accept(...output(1, "x".repeat(1024 * 1024 + 4)));
    assert.deepEqual(await readUntilFailure(process), [[], "protocol_error"]);
    assert.equal(carrier.of("process/terminate").length, 1);
  });

  test("writes one request at a time, in order, each with an id, and waiting bytes together (R2)", async () => {
    const { carrier, process } = begin();
    const written = ["a", "b", "c"].map((text) => process.write(Buffer.from(text)));
    const writes = (): readonly unknown[] =>
      carrier.of("process/write").map(({ params }) => [params["writeId"], params["chunk"]]);
    assert.deepEqual(writes(), [["1", "YQ=="]]);
    carrier.of("process/write")[0]?.answer({ status: "accepted" });
    await settle();
    assert.deepEqual(writes().slice(1), [["2", "YmM="]]);
    carrier.of("process/write")[1]?.answer({ status: "accepted" });
    assert.deepEqual(await Promise.all(written), [undefined, undefined, undefined]);
  });

  for (const [answer, code] of [
    [{ status: "stdinClosed" }, "stdin_closed"],
    [{ status: "starting" }, "stdin_closed"],
    [{ status: "unknownProcess" }, "unknown_process"],
    [{ status: "perhaps" }, "protocol_error"],
    [null, "protocol_error"],
  ] as const) {
    test(`takes ${JSON.stringify(answer)} of a write for ${code}, also for the writes after it`, async () => {
      const { carrier, process } = begin();
      const written = [process.write(Buffer.from("a")), process.write(Buffer.from("b"))].map(codeOf);
      carrier.asked[0]?.answer(answer);
      assert.deepEqual(await Promise.all(written), [code, code]);
      assert.equal(carrier.of("process/write").length, 1);
    });
  }

  test("sends a write again until it is being ended, and not after that (R2, R4)", async () => {
    const { carrier, process } = begin();
    const written = [process.write(Buffer.from("a")), process.write(Buffer.from("b"))].map(codeOf);
    const [write] = carrier.of("process/write");
    const mayResend = (): unknown =>
      typeof write?.options.resend === "function" ? write.options.resend() : undefined;
    assert.equal(mayResend(), true);
    const terminated = process.terminate();
    assert.equal(mayResend(), false);
    assert.equal(await codeOf(process.write(Buffer.from("c"))), "stdin_closed");
    write?.refuse(new ExecutorError("outcome_unknown", "the link dropped"));
    carrier.of("process/terminate")[0]?.answer({ running: true });
    assert.equal(await terminated, true);
    assert.deepEqual(await Promise.all(written), ["outcome_unknown", "outcome_unknown"]);
    assert.equal(carrier.of("process/write").length, 1);
  });

  test("has a new link made when a write delays its end for two seconds, and only then (R4)", async () => {
    const { carrier, process } = begin();
    void codeOf(process.write(Buffer.from("a")));
    const terminated = process.terminate();
    await carrier.clock.advance(1_999);
    assert.deepEqual(carrier.relinks, []);
    await carrier.clock.advance(1);
    assert.equal(carrier.relinks.length, 1);
    carrier.of("process/terminate")[0]?.answer({ running: true });
    assert.equal(await terminated, true);

    const other = begin();
    void codeOf(other.process.terminate());
    await other.carrier.clock.advance(60_000);
    assert.deepEqual(other.carrier.relinks, []);
  });

  test("ends with closed and not with exited; waiting writes then fail (R3)", async () => {
    const { carrier, process } = begin();
    const written = [process.write(Buffer.from("a")), process.write(Buffer.from("b"))].map(codeOf);
    process.accept(...exited(1));
    let isOver = false;
    void process.over.then(() => (isOver = true));
    await settle();
    assert.deepEqual([isOver, carrier.forgotten], [false, false]);
    assert.equal(await codeOf(process.write(Buffer.from("c"))), "stdin_closed");
    process.accept(...output(2));
    process.accept(...closed(3));
    assert.deepEqual(
      (await readAll(process)).map(({ type }) => type),
      ["exited", "output", "closed"],
    );
    assert.equal(carrier.forgotten, true);
    assert.equal(await written[1], "stdin_closed");
    assert.equal(await process.terminate(), false);
    assert.equal(carrier.of("process/terminate").length, 0);
  });

  test("stops the link when 8 MiB are unread, until half of them are read (R5)", async () => {
    const { carrier, process } = begin();
    const mebibyte = "x".repeat(1024 * 1024);
    for (let seq = 1; seq <= 7; seq++) process.accept(...output(seq, mebibyte));
    assert.equal(carrier.holds, 0);
    process.accept(...output(8, mebibyte));
    assert.equal(carrier.holds, 1);
    const reading = process.events();
    for (let seq = 1; seq <= 4; seq++) assert.equal((await reading.next()).value?.seq, seq);
    assert.equal(carrier.holds, 1);
    await reading.next();
    assert.equal(carrier.holds, 0);
    assert.equal(carrier.clock.pending, 0);
  });

  test("gives up a reader that does not read for 30 s while the link is stopped, and releases the link (R5)", async () => {
    const { carrier, process } = begin();
    for (let seq = 1; seq <= 9; seq++) process.accept(...output(seq, "x".repeat(1024 * 1024)));
    await carrier.clock.advance(29_999);
    assert.equal((await process.events().next()).value?.seq, 1);
    await carrier.clock.advance(29_999);
    assert.equal(carrier.holds, 1);
    await carrier.clock.advance(1);
    assert.equal(carrier.holds, 0);
    assert.equal(carrier.of("process/terminate").length, 1);
    assert.deepEqual(await readUntilFailure(process), [[2, 3, 4, 5, 6, 7, 8, 9], "reader_stalled"]);
  });

  test("loses nothing when a reader leaves early, and goes on with the next one", async () => {
    const { process } = begin();
    const leave = new AbortController();
    const waiting = process.events({ signal: leave.signal }).next();
    leave.abort(new Error("left"));
    await assert.rejects(waiting, /left/);
    process.accept(...output(1));
    process.accept(...exited(2));
    process.accept(...closed(3));
    assert.equal((await readAll(process)).length, 3);
    assert.deepEqual(await readAll(process), []);
  });

  test("releases the link and waits for its end when it is disposed, but not forever", async () => {
    const { carrier, process } = begin();
    for (let seq = 1; seq <= 9; seq++) process.accept(...output(seq, "x".repeat(1024 * 1024)));
    let isDisposed = false;
    const disposing = process[Symbol.asyncDispose]().then(() => (isDisposed = true));
    await settle();
    assert.equal(carrier.holds, 0);
    carrier.of("process/terminate")[0]?.answer({ running: true });
    await carrier.clock.advance(14_999);
    assert.deepEqual([isDisposed, carrier.forgotten], [false, false]);
    await carrier.clock.advance(1);
    await disposing;
    assert.equal(carrier.forgotten, true);
    assert.equal(carrier.clock.pending, 0);
  });

  test("waits only a second for the end of one that has exited when it is disposed", async () => {
    const { carrier, process } = begin();
    let isDisposed = false;
    const disposing = process[Symbol.asyncDispose]().then(() => (isDisposed = true));
    await settle();
    carrier.of("process/terminate")[0]?.answer({ running: false });
    await carrier.clock.advance(999);
    assert.equal(isDisposed, false);
    await carrier.clock.advance(1);
    await disposing;
  });

  test("reports an unknown process as unknown_process, and an unreadable answer as protocol_error", async () => {
    const { carrier, process } = begin();
    const unknown = codeOf(process.read());
    carrier.asked[0]?.refuse(new RpcError({ code: -32600, message: "unknown process id p" }));
    assert.equal(await unknown, "unknown_process");
    for (const answer of [
      null,
      {},
      { chunks: 1, nextSeq: 1 },
      { chunks: [{}], nextSeq: 1 },
      { chunks: [], nextSeq: -1 },
    ]) {
      const read = codeOf(process.read());
      carrier.asked.at(-1)?.answer(answer);
      assert.equal(await read, "protocol_error", JSON.stringify(answer));
    }
  });
});

/** A process that lives its life, and a link on which what it tells is lost, late, repeated or out of order. */
class FlakyLink {
  readonly carrier: Carrier;
  readonly process: RemoteProcess;
  readonly #outputs: number;
  #happened = 0;
  #isUp = true;
  /** Numbers that were told and have not arrived. */
  #underWay: number[] = [];
  /** What was looked up for the first question, and has not arrived. */
  #lookedUp: unknown;
  #answered = 0;

  constructor(outputs: number) {
    ({ carrier: this.carrier, process: this.process } = begin());
    this.#outputs = outputs;
  }

  happen(): void {
    if (this.#happened === this.#outputs + 2) return;
    this.#happened++;
    if (this.#isUp) this.#underWay.push(this.#happened);
  }

  tell(which: { readonly tell: number } | { readonly repeat: number }): void {
    const at = ("tell" in which ? which.tell : which.repeat) % Math.max(this.#underWay.length, 1);
    const seq = this.#underWay[at];
    if (seq === undefined) return;
    if ("tell" in which) this.#underWay.splice(at, 1);
    const [method, params] =
      seq <= this.#outputs ? output(seq) : seq === this.#outputs + 1 ? exited(seq) : closed(seq);
    this.process.accept(method, params);
  }

  /** The executor sees the first question that is not answered. */
  look(): void {
    const question = this.carrier.of("process/read")[this.#answered];
    if (!this.#isUp || question === undefined || this.#lookedUp !== undefined) return;
    const afterSeq = Number(question.params["afterSeq"]);
    const chunks = Array.from(
      { length: Math.min(this.#happened, this.#outputs) },
      (_, at) => output(at + 1)[1],
    );
    this.#lookedUp = {
      chunks: chunks.slice(afterSeq),
      nextSeq: this.#happened + 1,
      exited: this.#happened > this.#outputs,
      exitCode: this.#happened > this.#outputs ? 3 : null,
      closed: this.#happened === this.#outputs + 2,
    };
  }

  async answer(): Promise<void> {
    if (this.#lookedUp === undefined) return;
    this.carrier.of("process/read")[this.#answered++]?.answer(this.#lookedUp);
    this.#lookedUp = undefined;
    await settle();
  }

  /** What is under way is gone; the session asks again what was not answered. */
  drop(): void {
    this.#isUp = false;
    this.#underWay = [];
    this.#lookedUp = undefined;
  }

  async restore(): Promise<void> {
    if (this.#isUp) return;
    this.#isUp = true;
    void this.process.catchUp();
    await settle();
  }

  async wait(): Promise<void> {
    await this.carrier.clock.advance(500);
  }

  /** Everything happens, and what there is arrives. */
  async finish(): Promise<void> {
    await this.restore();
    while (this.#happened < this.#outputs + 2) this.happen();
    while (this.#underWay.length > 0) this.tell({ tell: 0 });
    for (let turns = 0; turns < 3; turns++) {
      this.look();
      await this.answer();
      await this.wait();
    }
  }
}
