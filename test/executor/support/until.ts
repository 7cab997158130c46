/** Waiting for a fact that nobody tells: it is looked for again and again, and never for ever. */
import assert from "node:assert/strict";
import type { ManualClock } from "../../../src/testing/index.ts";

const LOOK_MS = 2;

export async function until(what: string, fact: () => boolean, timeoutMs = 20_000): Promise<void> {
  for (const deadlineMs = performance.now() + timeoutMs; !fact(); ) {
    assert.ok(performance.now() < deadlineMs, `it did not come to this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/**
 * Moves the time on in steps until the fact is there; between two steps sockets and processes have their turn.
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
    assert.ok(performance.now() < deadlineMs, `it did not come to this: ${what}`);
    await clock.advance(stepMs);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return clock.now() - startMs;
}

/** Lets something come to its end whose waits are the clock's. */
export async function finish(clock: ManualClock, what: string, work: () => Promise<void>): Promise<void> {
  let isDone = false;
  const working = work().finally(() => {
    isDone = true;
  });
  await Promise.all([working, advanceUntil(clock, 10, what, () => isDone)]);
}
