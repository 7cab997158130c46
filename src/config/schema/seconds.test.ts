import assert from "node:assert/strict";
import { test } from "node:test";
import { secondsFromMilliseconds, secondsFromNumber } from "./seconds.ts";

test("secondsFromNumber rounds to whole nanoseconds, exactly, and of two equally near ones to the even", () => {
  const cases: readonly (readonly [given: number, kept: number])[] = [
    [30, 30],
    [-0, 0],
    [0.1, 0.1],
    [1e-10, 0],
    [5e-10, 1e-9],
    [1.5e-9, 1e-9],
    [2.5e-9, 3e-9],
    // Exactly between two nanoseconds, which decimal fractions never are.
    [5 ** 9 / 2 ** 19 / 1e9 / 5 ** 9, 0],
    [0.9999999995, 0.999999999],
    [0.9999999999, 1],
    [1234.0000000005, 1234],
    [5e-324, 0],
    [1e19, 1e19],
    [2 ** 64 - 2048, 2 ** 64 - 2048],
  ];
  for (const [given, kept] of cases) {
    assert.deepEqual(secondsFromNumber(given), { ok: true, seconds: kept }, String(given));
  }
});

test("secondsFromNumber takes a tie to the even nanosecond", () => {
  // 2^-10 seconds are 976 562.5 nanoseconds; three times that, 2 929 687.5.
  assert.deepEqual(secondsFromNumber(2 ** -10), { ok: true, seconds: 0.000976562 });
  assert.deepEqual(secondsFromNumber(3 * 2 ** -10), { ok: true, seconds: 0.002929688 });
});

test("secondsFromNumber refuses in Codex's words", () => {
  const negative = "cannot convert float seconds to Duration: value is negative";
  const tooBig = "cannot convert float seconds to Duration: value is either too big or NaN";
  for (const value of [-1, -1e-300, -Infinity]) {
    assert.deepEqual(secondsFromNumber(value), { ok: false, problem: negative });
  }
  for (const value of [NaN, Infinity, 2 ** 64, 1e300]) {
    assert.deepEqual(secondsFromNumber(value), { ok: false, problem: tooBig });
  }
});

test("secondsFromMilliseconds keeps what a number of milliseconds could not hold", () => {
  assert.equal(secondsFromMilliseconds(1_500n), 1.5);
  assert.equal(secondsFromMilliseconds(2n ** 63n - 1n), 9223372036854776);
});
