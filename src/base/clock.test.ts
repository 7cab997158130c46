import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { suite, test } from "node:test";
import fc from "fast-check";
import { ManualClock } from "../testing/manual-clock.ts";
import { type Clock, sleep, systemClock } from "./clock.ts";

/** Moves the time of a clock; the machine's own moves by itself. */
type Pass = (ms: number) => Promise<void>;

const clocks: readonly (readonly [name: string, make: () => readonly [Clock, Pass]])[] = [
  ["systemClock", () => [systemClock, (ms) => new Promise((resolve) => setTimeout(resolve, ms))]],
  [
    "ManualClock",
    () => {
      const clock = new ManualClock();
      return [clock, (ms) => clock.advance(ms)];
    },
  ],
];

for (const [name, make] of clocks) {
  suite(`Clock, as ${name} keeps it`, () => {
    test("fires once, not before its time, and not before schedule() returns", async () => {
      const [clock, pass] = make();
      const startedMs = clock.now();
      const firedMs: number[] = [];
      clock.schedule(3, () => firedMs.push(clock.now()));
      assert.equal(firedMs.length, 0);
      while (firedMs.length === 0) await pass(2);
      await pass(5);
      assert.equal(firedMs.length, 1);
      // Node counts whole milliseconds of its own clock.
      const tookMs = firedMs[0]! - startedMs;
      assert.ok(tookMs >= 2, `after ${tookMs} ms`);
    });

    test("does not fire a timer that was cleared, and clearing again or late does nothing", async () => {
      const [clock, pass] = make();
      const fired: string[] = [];
      const cleared = clock.schedule(1, () => fired.push("cleared"));
      const kept = clock.schedule(1, () => fired.push("kept"));
      cleared.clear();
      cleared.clear();
      while (fired.length === 0) await pass(1);
      kept.clear();
      await pass(3);
      assert.deepEqual(fired, ["kept"]);
    });

    test("fires equal delays in the order they were scheduled", async () => {
      const [clock, pass] = make();
      const fired: number[] = [];
      for (let n = 0; n < 5; n++) clock.schedule(1, () => fired.push(n));
      while (fired.length < 5) await pass(2);
      assert.deepEqual(fired, [0, 1, 2, 3, 4]);
    });
  });
}

suite("systemClock", () => {
  test("takes a delay of 30 days and more for the longest there is, not for 1 ms", async () => {
    for (const delayMs of [2 ** 31, 1e15, Number.POSITIVE_INFINITY]) {
      let fired = false;
      const timer = systemClock.schedule(delayMs, () => (fired = true), { background: true });
      await new Promise((resolve) => setTimeout(resolve, 5));
      timer.clear();
      assert.equal(fired, false, `${delayMs}`);
    }
  });
});

suite("sleep", () => {
  test("ends when its time is over, and leaves no listener behind", async () => {
    const clock = new ManualClock();
    const { signal } = new AbortController();
    let done = false;
    const sleeping = sleep(clock, 10, signal).then(() => (done = true));
    await clock.advance(9);
    assert.equal(done, false);
    await clock.advance(1);
    await sleeping;
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  test("ends with the signal's reason, and leaves no timer behind", async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const reason = new Error("enough");
    const sleeping = sleep(clock, 10, controller.signal);
    controller.abort(reason);
    await assert.rejects(sleeping, reason);
    assert.equal(clock.pending, 0);
    await assert.rejects(sleep(clock, 10, controller.signal), reason);
    assert.equal(clock.pending, 0);
  });
});

suite("ManualClock", () => {
  test("fires in the order of time, then of scheduling, each at its own time (K1, K2)", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(20)), fc.nat(25), async (delays, untilMs) => {
        const clock = new ManualClock();
        const fired: (readonly [atMs: number, n: number])[] = [];
        for (const [n, delayMs] of delays.entries()) {
          clock.schedule(delayMs, () => fired.push([clock.now(), n]));
        }
        await clock.advance(untilMs);
        const wanted = delays.map((delayMs, n) => [delayMs, n] as const).filter(([at]) => at <= untilMs);
        assert.deepEqual(
          fired,
          wanted.sort(([a, n], [b, m]) => a - b || n - m),
        );
        assert.equal(clock.now(), untilMs);
        assert.equal(clock.pending, delays.length - fired.length);
      }),
      { numRuns: 30 },
    );
  });

  test("lets everything run between two timers, and fires what was scheduled there (K3)", async () => {
    const clock = new ManualClock();
    const seen: string[] = [];
    const naps = async (): Promise<void> => {
      for (let n = 0; n < 3; n++) {
        for (let hop = 0; hop < 100; hop++) await Promise.resolve();
        await sleep(clock, 10);
        seen.push(`nap ${n} at ${clock.now()}`);
      }
    };
    const napping = naps();
    clock.schedule(25, () => seen.push(`timer at ${clock.now()}`));
    await clock.advance(30);
    await napping;
    assert.deepEqual(seen, ["nap 0 at 10", "nap 1 at 20", "timer at 25", "nap 2 at 30"]);
  });

  test("fires neither a timer that another one cleared nor one twice when a timer throws", async () => {
    const clock = new ManualClock();
    const fired: string[] = [];
    const second = clock.schedule(2, () => fired.push("second"));
    clock.schedule(1, () => second.clear());
    clock.schedule(3, () => {
      fired.push("third");
      throw new Error("third failed");
    });
    clock.schedule(4, () => fired.push("fourth"));
    await assert.rejects(clock.advance(10), /third failed/);
    assert.equal(clock.now(), 3);
    assert.equal(clock.nextInMs, 1);
    await clock.advance(1);
    assert.deepEqual(fired, ["third", "fourth"]);
    assert.equal(clock.nextInMs, undefined);
  });

  test("refuses to be moved on twice at once", async () => {
    const clock = new ManualClock();
    const first = clock.advance(1);
    await assert.rejects(clock.advance(1), /await the first/);
    await first;
    assert.equal(clock.now(), 1);
  });
});
