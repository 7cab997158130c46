/**
 * Counted permits, handed out in the order they were asked for.
 *
 * A waiter may want several permits. With those that read taking one and those that write taking all, it is a fair
 * read/write lock.
 *
 * Invariants
 *   S1. At most `limit` permits are out at any time.
 *   S2. Waiters get their permits in the order they came, also where a later one would fit sooner; one that gave up through its
 *       signal is passed over, and does not hold up those behind it.
 *   S3. Permits are given back exactly once: releasing again does nothing.
 */
export class Semaphore {
  readonly #limit: number;
  #held = 0;
  readonly #waiting = new Set<Waiter>();
  /** Where the next waiter is looked for. Walking the set from its start each time would also visit those that left. */
  #order = this.#waiting.values();
  #head: Waiter | undefined;

  /** @param limit how many permits there are; 1 makes a first-in-first-out mutex */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Permits out now. */
  get held(): number {
    return this.#held;
  }

  /** Callers that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Waits for permits. The returned function gives them back.
   *
   * @param permits how many; all of them for a caller that wants to be alone. @default 1
   * @throws the signal's reason when it aborts before the permits are free
   * @throws {RangeError} there are not that many
   */
  acquire(signal?: AbortSignal, permits = 1): Promise<() => void> {
    return new Promise((resolve, reject) => {
      if (permits > this.#limit) throw new RangeError(`${permits} permits of ${this.#limit}`);
      if (signal?.aborted === true) return reject(signal.reason);
      const grant = (): void => {
        this.#held += permits;
        let released = false;
        resolve(() => {
          if (released) return;
          released = true;
          this.#held -= permits;
          this.#grantWaiters();
        });
      };
      if (this.#waiting.size === 0 && this.#held + permits <= this.#limit) return grant();
      const leave = (): void => {
        this.#waiting.delete(waiter);
        signal?.removeEventListener("abort", onAbort);
      };
      const giveUp = (): void => {
        leave();
        reject(signal?.reason);
      };
      const onAbort = (): void => {
        giveUp();
        // It may have wanted more than those behind it do.
        this.#grantWaiters();
      };
      const waiter: Waiter = { permits, signal, giveUp, grant: () => (leave(), grant()) };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiting.add(waiter);
    });
  }

  #grantWaiters(): void {
    for (let first = this.#first(); first !== undefined; first = this.#first()) {
      // One signal may belong to several waiters, and its event has not come to all of them yet.
      if (first.signal?.aborted === true) first.giveUp();
      else if (this.#held + first.permits > this.#limit) return;
      else first.grant();
    }
  }

  #first(): Waiter | undefined {
    if (this.#waiting.size === 0) return (this.#head = undefined);
    if (this.#head !== undefined && this.#waiting.has(this.#head)) return this.#head;
    let next = this.#order.next();
    if (next.done === true) {
      // An iterator that reached its end stays there.
      this.#order = this.#waiting.values();
      next = this.#order.next();
    }
    this.#head = next.value;
    return this.#head;
  }
}

interface Waiter {
  readonly permits: number;
  readonly signal: AbortSignal | undefined;
  /** Gets its permits. */
  grant(): void;
  /** Gets its signal's reason. */
  giveUp(): void;
}
