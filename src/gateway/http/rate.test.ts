import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../testing/index.ts";
import { Rate } from "./rate.ts";

test("a rate allows a burst, then so many a second, and a burst again after a pause", async () => {
  const clock = new ManualClock();
  const rate = new Rate(clock, { perSecond: 2, burst: 3 });
  const taken = (): number => [1, 2, 3, 4, 5].filter(() => rate.take()).length;
  assert.equal(taken(), 3);
  await clock.advance(499);
  assert.equal(taken(), 0);
  await clock.advance(1);
  assert.equal(taken(), 1);
  await clock.advance(60_000);
  assert.equal(taken(), 3);
});
