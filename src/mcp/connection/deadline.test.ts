import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { ManualClock } from "../../testing/manual-clock.ts";
import { Deadline } from "./deadline.ts";

function deadline(ms: number, capMs?: number): { clock: ManualClock; expired: () => number; it: Deadline } {
  const clock = new ManualClock();
  let count = 0;
  const it = new Deadline({ clock, ms, capMs, onExpire: () => count++ });
  return { clock, expired: () => count, it };
}

suite("Deadline", () => {
  test("expires once, after its running time (D1)", async () => {
    const { clock, expired } = deadline(100);
    await clock.advance(99);
    assert.equal(expired(), 0);
    await clock.advance(1);
    await clock.advance(1000);
    assert.equal(expired(), 1);
  });

  test("stands still while it is paused, until the last pause is over (D1, D2)", async () => {
    const { clock, expired, it } = deadline(100);
    await clock.advance(60);
    const [first, second] = [it.pause(), it.pause()];
    await clock.advance(10_000);
    first();
    first();
    await clock.advance(10_000);
    assert.equal(expired(), 0);
    second();
    await clock.advance(39);
    assert.equal(expired(), 0);
    await clock.advance(1);
    assert.equal(expired(), 1);
  });

  test("gives the whole time again when it is extended, up to the cap (D3)", async () => {
    const { clock, expired, it } = deadline(100, 250);
    await clock.advance(90);
    it.extend();
    await clock.advance(90);
    it.extend();
    await clock.advance(69);
    assert.equal(expired(), 0);
    await clock.advance(1);
    assert.equal(expired(), 1);
  });

  test("is not extended without a cap (D3)", async () => {
    const { clock, expired, it } = deadline(100);
    await clock.advance(90);
    it.extend();
    await clock.advance(10);
    assert.equal(expired(), 1);
  });

  test("never expires once it is cleared, whatever comes after (D1)", async () => {
    const { clock, expired, it } = deadline(100, 1000);
    const resume = it.pause();
    it.clear();
    resume();
    it.extend();
    await clock.advance(10_000);
    assert.equal(expired(), 0);
  });

  test("runs for exactly its time, whatever pauses and steps there are (D1, D2)", async () => {
    const steps = fc.array(fc.record({ run: fc.nat(40), paused: fc.nat(500) }), { maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 200 }), async (list, ms) => {
        const { clock, expired, it } = deadline(ms);
        let ran = 0;
        for (const { run, paused } of list) {
          await clock.advance(run);
          ran += run;
          assert.equal(expired(), ran >= ms ? 1 : 0);
          const resume = it.pause();
          await clock.advance(paused);
          resume();
        }
        await clock.advance(Math.max(0, ms - ran));
        assert.equal(expired(), 1);
      }),
    );
  });
});
