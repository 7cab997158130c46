/**
 * A counted permit, handed out in the order it was asked for.
 *
 * Invariants
 *   S1. At most `limit` permits are out at any time.
 *   S2. Waiters get a permit in the order they came; one that gave up through its signal is passed over.
 *   S3. A permit is given back exactly once: releasing again does nothing.
 */
export class Semaphore {
  readonly #limit: number;
  #held = 0;
  readonly #waiting = new Set<() => void>();
  /** Where the next waiter is looked for. Walking the set from its start each time would also visit those that left. */
  #order = this.#waiting.values();

  /** @param limit how many permits there are; 1 makes a first-in-first-out mutex */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Permits out now. */
  get held(): number {
    return this.#held;
  }

  /** Callers that wait for a permit. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Waits for a permit. The returned function gives it back.
   *
   * @throws the signal's reason when it aborts before a permit is free
   */
  acquire(signal?: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      const onAbort = (): void => {
        this.#waiting.delete(grant);
        reject(signal?.reason);
      };
      const grant = (): void => {
        signal?.removeEventListener("abort", onAbort);
        this.#held++;
        let released = false;
        resolve(() => {
          if (released) return;
          released = true;
          this.#held--;
          this.#grantNext();
        });
      };
      if (this.#held < this.#limit && this.#waiting.size === 0) return grant();
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiting.add(grant);
    });
  }

  #grantNext(): void {
    if (this.#waiting.size === 0 || this.#held >= this.#limit) return;
    let next = this.#order.next();
    if (next.done === true) {
      // An iterator that reached its end stays there.
      this.#order = this.#waiting.values();
      next = this.#order.next();
    }
    if (next.done === true) return;
    this.#waiting.delete(next.value);
    next.value();
  }
}
