/**
 * Sweeps for many at once: what is asked for within a few milliseconds shares one walk through `/proc`.
 *
 * A walk reads the environment of every process there is, and nothing else happens meanwhile: with a thousand processes
 * 50 ms. Two hundred clients that vanish together must not cost everybody else two hundred of them.
 */
import type { Clock } from "./clock.ts";
import { sweepLeases } from "./process-tree.ts";

const DELAY_MS = 5;

export class Sweeper {
  readonly #clock: Clock;
  #next: { readonly leaseIds: string[]; readonly done: Promise<void> } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Kills everything that carries the tag, or one of its family. */
  sweep(leaseId: string): Promise<void> {
    if (this.#next !== undefined) {
      this.#next.leaseIds.push(leaseId);
      return this.#next.done;
    }
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const leaseIds = [leaseId];
    this.#next = { leaseIds, done };
    this.#clock.schedule(DELAY_MS, () => {
      this.#next = undefined;
      sweepLeases(leaseIds);
      resolve();
    });
    return done;
  }
}
