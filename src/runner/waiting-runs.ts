/**
 * Runs that were accepted and have no slot yet, in the order they came.
 *
 * Invariants
 *   W1. A run is taken before every run that came after it, unless it waits for its thread and they do not.
 *   W2. Two runs of one thread are taken in the order they came: the later one is blocked by the same thread.
 *   W3. `hasRoom` turns false at the bound, by count or by bytes. What is added beyond it is still kept; the reader
 *       has to stop reading.
 */

export interface WaitingRun {
  readonly id: string;
  /** Size of the line it came in. */
  readonly bytes: number;
  /** The thread it continues. */
  readonly threadId: string | undefined;
}

export interface WaitingBounds {
  readonly countMax: number;
  readonly bytesMax: number;
}

export class WaitingRuns<Run extends WaitingRun> {
  readonly #bounds: WaitingBounds;
  readonly #runs = new Map<string, Run>();
  #bytes = 0;

  constructor(bounds: WaitingBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#runs.size;
  }

  get hasRoom(): boolean {
    return this.#runs.size < this.#bounds.countMax && this.#bytes < this.#bounds.bytesMax;
  }

  add(run: Run): void {
    this.#runs.set(run.id, run);
    this.#bytes += run.bytes;
  }

  /** Takes the first run whose thread is not busy. */
  take(isBusy: (threadId: string) => boolean): Run | undefined {
    for (const run of this.#runs.values()) {
      if (run.threadId !== undefined && isBusy(run.threadId)) continue;
      return this.remove(run.id);
    }
    return undefined;
  }

  remove(id: string): Run | undefined {
    const run = this.#runs.get(id);
    if (run === undefined) return undefined;
    this.#runs.delete(id);
    this.#bytes -= run.bytes;
    return run;
  }

  /** Takes all of them, in order. */
  clear(): Run[] {
    const all = [...this.#runs.values()];
    this.#runs.clear();
    this.#bytes = 0;
    return all;
  }
}
