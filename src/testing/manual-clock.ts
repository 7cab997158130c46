/**
 * Time that a test moves by hand.
 *
 * Invariants
 *   K1. Nothing fires but inside `advance`, and then at its own time: `now()` is the moment it was due.
 *   K2. What is due at the same moment fires in the order it was scheduled.
 *   K3. Before the first timer, after each one and at the end, everything that was ready to run has run: promise
 *       callbacks to any depth, `nextTick`. A timer scheduled there is fired too, if it is due.
 */
import { setImmediate } from "node:timers/promises";
import type { Clock, Timer } from "../base/clock.ts";

interface Scheduled {
  readonly atMs: number;
  readonly fire: () => void;
}

export class ManualClock implements Clock {
  /** In the order they were scheduled. */
  readonly #timers = new Set<Scheduled>();
  #nowMs = 0;
  #advancing = false;

  /** Timers that have neither fired nor been cleared. A test that ends with 0 has left none behind. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer is due; `undefined` when there is none. */
  get nextInMs(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : next.atMs - this.#nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, fire: () => void): Timer {
    // As in Node, what is no delay, or a negative one, means: as soon as possible.
    const scheduled = { atMs: this.#nowMs + (delayMs > 0 ? delayMs : 0), fire };
    this.#timers.add(scheduled);
    return { clear: () => void this.#timers.delete(scheduled) };
  }

  /**
   * Moves the time on by `ms`, firing what becomes due. With 0 it only lets run what is ready.
   *
   * @throws what a timer throws; the time stands where that one was due, and the rest is still pending
   */
  async advance(ms: number): Promise<void> {
    if (this.#advancing) throw new Error("The time is already being moved on; await the first advance()");
    this.#advancing = true;
    try {
      const untilMs = this.#nowMs + ms;
      await setImmediate();
      for (let next = this.#next(); next !== undefined && next.atMs <= untilMs; next = this.#next()) {
        this.#timers.delete(next);
        this.#nowMs = next.atMs;
        next.fire();
        await setImmediate();
      }
      this.#nowMs = untilMs;
    } finally {
      this.#advancing = false;
    }
  }

  #next(): Scheduled | undefined {
    let next: Scheduled | undefined;
    for (const timer of this.#timers) if (next === undefined || timer.atMs < next.atMs) next = timer;
    return next;
  }
}
