import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { Backoff } from "./backoff.ts";

suite("Backoff", () => {
  test("doubles its delay with each failure, up to the cap", () => {
    const backoff = new Backoff({ firstMs: 100, maxMs: 1_000, random: () => 0 });
    assert.deepEqual(
      Array.from({ length: 6 }, () => backoff.fail()),
      [50, 100, 200, 400, 500, 500],
    );
    assert.equal(backoff.failures, 6);
  });

  test("waits between half of and the whole of what is due, as chance will have it", () => {
    const whole = new Backoff({ firstMs: 100, maxMs: 1_000, random: () => 1 - Number.EPSILON });
    const half = new Backoff({ firstMs: 100, maxMs: 1_000, random: () => 0 });
    for (const due of [100, 200, 400, 800, 1_000]) {
      assert.equal(half.fail(), due / 2);
      const delayMs = whole.fail();
      assert.ok(delayMs > due * 0.999 && delayMs <= due, `${delayMs} of ${due}`);
    }
  });

  test("stays within its bounds for any chance and any number of failures", () => {
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(chance, { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 10_000 }),
        fc.integer({ min: 1, max: 10_000_000 }),
        (chances, firstMs, maxMs) => {
          let n = 0;
          const backoff = new Backoff({ firstMs, maxMs, random: () => chances[n] as number });
          for (n = 0; n < chances.length; n++) {
            const due = Math.min(firstMs * 2 ** n, maxMs);
            const delayMs = backoff.fail();
            assert.ok(delayMs >= due / 2 && delayMs <= due, `failure ${n}: ${delayMs} of ${due}`);
          }
        },
      ),
    );
  });

  test("stays finite after thousands of failures without a cap", () => {
    const backoff = new Backoff({ firstMs: 1, maxMs: Number.POSITIVE_INFINITY });
    for (let n = 0; n < 5_000; n++) assert.ok(Number.isFinite(backoff.fail()));
  });

  test("begins anew after reset()", () => {
    const backoff = new Backoff({ firstMs: 100, maxMs: 1_000, random: () => 0 });
    backoff.fail();
    backoff.fail();
    backoff.reset();
    assert.equal(backoff.failures, 0);
    assert.equal(backoff.fail(), 50);
  });
});
