/**
 * Sweeps for many callers at once: requests within a few milliseconds share one walk through `/proc`.
 *
 * A walk reads the environment of every process and blocks this one meanwhile: 50 ms for a thousand processes. Two hundred
 * clients that vanish together must not block everything else two hundred times.
 */
import type { Clock } from "../base/clock.ts";
import { sweepTags } from "./process-tree.ts";

const DELAY_MS = 5;

export class Sweeper {
  readonly #clock: Clock;
  #next: { readonly tags: string[]; readonly done: Promise<void> } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Kills everything that carries the tag, or one of its family. */
  sweep(tag: string): Promise<void> {
    if (this.#next !== undefined) {
      this.#next.tags.push(tag);
      return this.#next.done;
    }
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const tags = [tag];
    this.#next = { tags, done };
    this.#clock.schedule(DELAY_MS, () => {
      this.#next = undefined;
      sweepTags(tags);
      resolve();
    });
    return done;
  }
}
