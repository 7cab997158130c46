import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { suite, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { ManualClock } from "../../testing/manual-clock.ts";
import { Gate, type GateRequest, type Pass } from "./gate.ts";

const exhaustive = process.env["SWITCHYARD_EXHAUSTIVE"] === "1";

/** Enters calls and keeps book of who is in. */
class Calls {
  readonly in: string[] = [];
  readonly #gate: Gate;
  readonly #passes = new Map<string, Pass>();

  constructor(gate: Gate = new Gate()) {
    this.#gate = gate;
  }

  /** A call on connection c of turn t, unless said otherwise. */
  enter(name: string, parallel: boolean, more: Partial<GateRequest> = {}): Promise<void> {
    return this.#gate.enter({ turn: "t", connection: "c", parallel, ...more }).then((pass) => {
      this.#passes.set(name, pass);
      this.in.push(name);
    });
  }

  async leave(name: string): Promise<readonly string[]> {
    this.#passes.get(name)?.release();
    this.in.splice(this.in.indexOf(name), 1);
    return this.now();
  }

  /** Who is in when everything that can happen has happened. */
  async now(): Promise<readonly string[]> {
    await setImmediate();
    return this.in;
  }
}

suite("the calls of a turn", () => {
  test("run one by one where a plain call stands between two that only read (E1, E2)", async () => {
    const calls = new Calls();
    void calls.enter("read", true);
    void calls.enter("plain", false);
    void calls.enter("read again", true);
    assert.deepEqual(await calls.now(), ["read"]);
    assert.deepEqual(await calls.leave("read"), ["plain"]);
    assert.deepEqual(await calls.leave("plain"), ["read again"]);
  });

  test("run together after a plain call that came first (E2)", async () => {
    const calls = new Calls();
    void calls.enter("plain", false);
    void calls.enter("a", true);
    void calls.enter("b", true);
    assert.deepEqual(await calls.now(), ["plain"]);
    assert.deepEqual(await calls.leave("plain"), ["a", "b"]);
  });

  test("are one by one also on different servers, unless they are parallel (E1)", async () => {
    const calls = new Calls();
    void calls.enter("a", false, { connection: "a" });
    void calls.enter("b", false, { connection: "b" });
    void calls.enter("c", true, { connection: "c" });
    assert.deepEqual(await calls.now(), ["a"]);
    assert.deepEqual(await calls.leave("a"), ["b"]);
    assert.deepEqual(await calls.leave("b"), ["c"]);
  });

  test("get to a plain call however many parallel ones come after it (E4)", async () => {
    const calls = new Calls();
    void calls.enter("0", true);
    void calls.enter("plain", false);
    for (let n = 1; n < 100; n++) void calls.enter(String(n), true);
    assert.deepEqual(await calls.now(), ["0"]);
    assert.deepEqual(await calls.leave("0"), ["plain"]);
    assert.equal((await calls.leave("plain")).length, Math.min(99, 64));
  });
});

suite("a call without a connection", () => {
  test("has its place in the turn, as a tool of the host (E1, E2)", async () => {
    const gate = new Gate({ callsMax: 1 });
    const calls = new Calls(gate);
    void calls.enter("host", true, { connection: undefined });
    void calls.enter("host too", true, { connection: undefined });
    void calls.enter("plain", false);
    assert.deepEqual(await calls.now(), ["host", "host too"]);
    await calls.leave("host");
    assert.deepEqual(await calls.leave("host too"), ["plain"]);
    await calls.leave("plain");
    assert.equal(gate.inUse, 0);
  });
});

suite("the calls of several threads", () => {
  test("do not wait for each other on connections of their own", async () => {
    const calls = new Calls();
    for (const n of ["1", "2", "3"]) void calls.enter(n, false, { turn: n, connection: n });
    assert.deepEqual(await calls.now(), ["1", "2", "3"]);
  });

  test("are alone on a connection they share, while other threads go on (E1)", async () => {
    const calls = new Calls();
    void calls.enter("1", false, { turn: "1", connection: "shared" });
    void calls.enter("2", false, { turn: "2", connection: "shared" });
    void calls.enter("2 later", true, { turn: "2", connection: "own" });
    void calls.enter("3", true, { turn: "3", connection: "own" });
    assert.deepEqual(await calls.now(), ["1", "3"]);
    assert.deepEqual(await calls.leave("1"), ["3", "2"]);
    assert.deepEqual(await calls.leave("2"), ["3", "2 later"]);
  });

  test("cannot wait for each other in a circle: turn before connection, always (E4)", async () => {
    const calls = new Calls();
    void calls.enter("1 on a", false, { turn: "1", connection: "a" });
    void calls.enter("2 on b", false, { turn: "2", connection: "b" });
    void calls.enter("1 on b", false, { turn: "1", connection: "b" });
    void calls.enter("2 on a", false, { turn: "2", connection: "a" });
    assert.deepEqual(await calls.now(), ["1 on a", "2 on b"]);
    // It waits for connection b; what holds that is a call in flight, never one that waits.
    assert.deepEqual(await calls.leave("1 on a"), ["2 on b"]);
    assert.deepEqual(await calls.leave("2 on b"), ["1 on b", "2 on a"]);
  });
});

suite("a connection", () => {
  test("has a bound of calls in flight, and the others come in order (E3)", async () => {
    const calls = new Calls(new Gate({ callsMax: 2 }));
    for (const n of ["1", "2", "3", "4"]) void calls.enter(n, true, { turn: n });
    void calls.enter("elsewhere", true, { turn: "1", connection: "d" });
    assert.deepEqual(await calls.now(), ["1", "2", "elsewhere"]);
    assert.deepEqual(await calls.leave("2"), ["1", "elsewhere", "3"]);
  });

  test("takes 64 calls at once by default (E3)", async () => {
    const calls = new Calls();
    for (let n = 0; n < 70; n++) void calls.enter(String(n), true);
    assert.equal((await calls.now()).length, 64);
  });

  test("must take at least one call", () => {
    for (const callsMax of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
      assert.throws(() => new Gate({ callsMax }), RangeError);
  });
});

suite("a call that gives up", () => {
  test("lets in those that waited only because of it, and gets its signal's reason (E4)", async () => {
    const calls = new Calls();
    const controller = new AbortController();
    void calls.enter("read", true);
    const plain = calls.enter("plain", false, { signal: controller.signal });
    void calls.enter("read again", true);
    const reason = new Error("enough");
    const gaveUp = assert.rejects(plain, reason);
    controller.abort(reason);
    await gaveUp;
    assert.deepEqual(await calls.now(), ["read", "read again"]);
    assert.equal(getEventListeners(controller.signal, "abort").length, 0);
  });

  test("gives its turn back when it waited for the connection (E4)", async () => {
    const calls = new Calls();
    const controller = new AbortController();
    void calls.enter("holder", false, { turn: "other" });
    const waits = assert.rejects(calls.enter("waits", false, { signal: controller.signal }));
    void calls.enter("next", false, { connection: "d" });
    assert.deepEqual(await calls.now(), ["holder"]);
    controller.abort();
    await waits;
    assert.deepEqual(await calls.now(), ["holder", "next"]);
  });

  test("leaves nothing behind, and neither does an aborted signal (E5)", async () => {
    const gate = new Gate();
    const request = { turn: {}, connection: {}, parallel: true };
    await assert.rejects(
      gate.enter({ ...request, signal: AbortSignal.abort("gone") }),
      (why) => why === "gone",
    );
    assert.equal(gate.inUse, 0);
  });
});

suite("a pass", () => {
  test("says how long the call had to wait", async () => {
    const clock = new ManualClock();
    const gate = new Gate({ clock });
    const request = { turn: "t", connection: "c", parallel: false };
    const first = await gate.enter(request);
    const second = gate.enter(request);
    await clock.advance(1_500);
    first.release();
    assert.deepEqual([first.waitedMs, (await second).waitedMs], [0, 1_500]);
  });

  test("ends with its block, also when the call throws (E4, E5)", async () => {
    const gate = new Gate();
    const request = { turn: "t", connection: "c", parallel: false };
    await assert.rejects(async () => {
      using _ = await gate.enter(request);
      throw new Error("the call broke");
    }, /the call broke/);
    assert.equal(gate.inUse, 0);
    using _ = await gate.enter(request);
  });

  test("can be released twice without letting in one too many, or forgetting a later call", async () => {
    const gate = new Gate();
    const request = { turn: "t", connection: "c", parallel: false };
    const first = await gate.enter(request);
    first.release();
    const second = await gate.enter(request);
    first.release();
    let entered = false;
    const third = gate.enter(request).then((pass) => {
      entered = true;
      return pass;
    });
    await setImmediate();
    assert.equal(entered, false);
    second.release();
    (await third).release();
    assert.equal(gate.inUse, 0);
  });
});

/** What a random call of the property test is. */
interface Job {
  readonly turn: number;
  readonly connection: number;
  readonly parallel: boolean;
  readonly end: "returns" | "throws" | "releases twice" | "gives up" | "its turn is interrupted";
}

type Stage = "new" | "at its turn" | "at its connection" | "in" | "over";

/** The rule of the gate, said in the plainest way: who may be in, by looking at everybody again after every event. */
class Oracle {
  readonly #jobs: readonly Job[];
  readonly #callsMax: number;
  readonly stages: Stage[];
  readonly #queue: number[] = [];

  constructor(jobs: readonly Job[], callsMax: number) {
    this.#jobs = jobs;
    this.#callsMax = callsMax;
    this.stages = jobs.map(() => "new");
  }

  enter(n: number): void {
    this.stages[n] = "at its turn";
    this.settle();
  }

  end(n: number): void {
    this.stages[n] = "over";
    this.settle();
  }

  settle(): void {
    const { stages } = this;
    for (const [n, job] of this.#jobs.entries()) {
      if (stages[n] !== "at its turn") continue;
      const before = this.#jobs
        .slice(0, n)
        .filter((other, m) => other.turn === job.turn && isOpen(stages[m]));
      if (before.some((other) => !other.parallel || !job.parallel)) continue;
      stages[n] = "at its connection";
      this.#queue.push(n);
    }
    const blocked = new Set<number>();
    for (const n of this.#queue) {
      const { connection, parallel } = this.#jobs[n] as Job;
      if (stages[n] !== "at its connection" || blocked.has(connection)) continue;
      const beside = this.#jobs.filter((other, m) => other.connection === connection && stages[m] === "in");
      const free = parallel
        ? beside.length < this.#callsMax && beside.every((other) => other.parallel)
        : beside.length === 0;
      if (free) stages[n] = "in";
      else blocked.add(connection);
    }
  }
}

function isOpen(stage: Stage | undefined): boolean {
  return stage === "at its turn" || stage === "at its connection" || stage === "in";
}

test("in any schedule those are in that the rule lets in, and nobody else (E1–E5)", async () => {
  const jobs = fc.array(
    fc.record<Job>({
      turn: fc.nat(2),
      connection: fc.nat(2),
      parallel: fc.boolean(),
      end: fc.constantFrom(
        "returns",
        "returns",
        "throws",
        "releases twice",
        "gives up",
        "its turn is interrupted",
      ),
    }),
    { maxLength: 16, size: "max" },
  );
  // How many calls a step of the model has: they enter at the same moment.
  const steps = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 16, maxLength: 16 });
  const property = fc.asyncProperty(
    fc.scheduler(),
    fc.integer({ min: 1, max: 3 }),
    jobs,
    steps,
    async (scheduler, callsMax, all, sizes) => {
      const gate = new Gate({ callsMax });
      const oracle = new Oracle(all, callsMax);
      const inside = new Set<number>();
      const turns = [0, 1, 2].map(() => new AbortController());
      const runs: Promise<void>[] = [];

      const run = async (n: number, job: Job): Promise<void> => {
        const { turn, connection, parallel, end } = job;
        const interrupted = turns[turn] as AbortController;
        const gaveUp = new AbortController();
        const signal = AbortSignal.any([gaveUp.signal, interrupted.signal]);
        if (end === "gives up" || end === "its turn is interrupted") {
          void scheduler.schedule(Promise.resolve(), `${end} ${n}`).then(() => {
            const by = end === "gives up" ? gaveUp : interrupted;
            const leaving = all.flatMap((other, m) => {
              const waits = oracle.stages[m] === "at its turn" || oracle.stages[m] === "at its connection";
              return waits && (by === gaveUp ? m === n : other.turn === turn) ? [m] : [];
            });
            for (const m of leaving) oracle.stages[m] = "over";
            oracle.settle();
            by.abort();
          });
        }
        let pass: Pass;
        try {
          oracle.enter(n);
          if (signal.aborted) oracle.end(n);
          pass = await gate.enter({ turn: interrupted, connection: `c${connection}`, parallel, signal });
        } catch {
          return;
        }
        inside.add(n);
        try {
          await scheduler.schedule(Promise.resolve(), `call ${n}`);
          if (end === "throws") throw new Error("the call broke");
        } catch {
          // The pass is released however the call ended.
        } finally {
          inside.delete(n);
          oracle.end(n);
          pass.release();
          if (end === "releases twice") pass.release();
        }
      };

      // The calls enter in their order; when each step comes is up to the schedule.
      let entered = 0;
      for (const size of sizes) {
        void scheduler.schedule(Promise.resolve(), `step of ${size}`).then(() => {
          for (const job of all.slice(entered, entered + size)) runs.push(run(entered++, job));
        });
      }
      while (scheduler.count() > 0) {
        await scheduler.waitNext(1);
        await setImmediate();
        const expected = oracle.stages.flatMap((stage, n) => (stage === "in" ? [n] : []));
        assert.deepEqual(
          [...inside].toSorted((a, b) => a - b),
          expected,
        );
      }
      await Promise.all(runs);
      assert.ok(oracle.stages.every((stage) => stage === "over"));
      assert.equal(gate.inUse, 0);
    },
  );
  await fc.assert(property, { numRuns: exhaustive ? 1_000 : 150 });
});
