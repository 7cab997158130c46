/** The machine's own time, that can be moved on: what took a recorder minutes of waiting takes no time. */
import { type Clock, systemClock, type Timer } from "../../../src/base/clock.ts";

interface Pending {
  readonly atMs: number;
  readonly fire: () => void;
  timer: Timer;
}

export class SkippingClock implements Clock {
  readonly #pending = new Set<Pending>();
  #skippedMs = 0;

  now(): number {
    return systemClock.now() + this.#skippedMs;
  }

  schedule(delayMs: number, fire: () => void): Timer {
    const pending: Pending = {
      atMs: this.now() + Math.max(0, delayMs),
      fire: () => {
        this.#pending.delete(pending);
        fire();
      },
      timer: { clear: () => {} },
    };
    this.#pending.add(pending);
    this.#arm(pending);
    return {
      clear: () => {
        pending.timer.clear();
        this.#pending.delete(pending);
      },
    };
  }

  /** Moves the time on. What becomes due fires soon after. */
  skip(ms: number): void {
    const beforeMs = this.now();
    this.#skippedMs += ms;
    for (const pending of this.#pending) {
      // What is due already is about to fire.
      if (pending.atMs <= beforeMs) continue;
      pending.timer.clear();
      this.#arm(pending);
    }
  }

  #arm(pending: Pending): void {
    const delayMs = Math.max(0, pending.atMs - this.now());
    pending.timer = systemClock.schedule(delayMs, pending.fire, { background: true });
  }
}
