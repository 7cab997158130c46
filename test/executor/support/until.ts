/** Waiting for a fact without a notification: it is checked again and again, up to a limit. */
import assert from "node:assert/strict";
import type { ManualClock } from "../../../src/testing/index.ts";

/** Some facts are found by reading all of /proc. */
const LOOK_MS = 10;
/** Between two steps of a clock. */
const STEP_MS = 2;

export async function until(what: string, fact: () => boolean, timeoutMs = 20_000): Promise<void> {
  for (const deadlineMs = performance.now() + timeoutMs; !fact(); ) {
    assert.ok(performance.now() < deadlineMs, `not reached in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/**
 * Advances the clock in steps until the fact is true; between two steps sockets and processes have their turn.
 *
 * @returns the milliseconds the clock was moved on
 */
export async function advanceUntil(
  clock: ManualClock,
  stepMs: number,
  what: string,
  fact: () => boolean,
): Promise<number> {
  const startMs = clock.now();
  for (const deadlineMs = performance.now() + 20_000; !fact(); ) {
    assert.ok(performance.now() < deadlineMs, `not reached in time: ${what}`);
    await clock.advance(stepMs);
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  return clock.now() - startMs;
}

/** Waits for the end of work whose waits are on the clock. */
export async function finish(clock: ManualClock, what: string, work: () => Promise<void>): Promise<void> {
  let isDone = false;
  const working = work().finally(() => {
    isDone = true;
  });
  await Promise.all([working, advanceUntil(clock, 10, what, () => isDone)]);
}
