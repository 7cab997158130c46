/**
 * Puts numbered events into their order. No I/O, no timers.
 *
 * Invariants
 *   O1. Events are delivered in the order of their numbers, each once.
 *   O2. A read of retained output counts like events: its chunks, and its news of an exit or end. Those have numbers too,
 *       which the answer does not contain: they are the missing ones.
 */
import type { ProcessEvent, ReadResult } from "../executor.ts";

export class EventOrder {
  readonly #deliver: (event: ProcessEvent) => void;
  /** Events that arrived before an earlier one. */
  readonly #ahead = new Map<number, ProcessEvent>();
  #aheadBytes = 0;
  #nextSeq = 1;
  #hasExit = false;

  constructor(deliver: (event: ProcessEvent) => void) {
    this.#deliver = deliver;
  }

  /** The number that is delivered next. */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  /** Events that wait for a missing one. */
  get waiting(): number {
    return this.#ahead.size;
  }

  /** Their output, in bytes. */
  get waitingBytes(): number {
    return this.#aheadBytes;
  }

  take(event: ProcessEvent): void {
    if (event.seq < this.#nextSeq || this.#ahead.has(event.seq)) return;
    if (event.type === "exited") this.#hasExit = true;
    this.#ahead.set(event.seq, event);
    this.#aheadBytes += bytesOf(event);
    for (
      let next = this.#ahead.get(this.#nextSeq);
      next !== undefined;
      next = this.#ahead.get(this.#nextSeq)
    ) {
      this.#ahead.delete(this.#nextSeq++);
      this.#aheadBytes -= bytesOf(next);
      this.#deliver(next);
    }
  }

  /** Takes what was read from `nextSeq` on. @returns the first lost number, if any */
  fill({ chunks, nextSeq, exited, exitCode, closed }: ReadResult): number | undefined {
    for (const chunk of chunks) this.take(chunk);
    if (closed) this.take({ type: "closed", seq: nextSeq - 1 });
    const missing: number[] = [];
    for (let seq = this.#nextSeq; seq < nextSeq && missing.length < 2; seq++) {
      if (!this.#ahead.has(seq)) missing.push(seq);
    }
    const [only, more] = missing;
    if (only === undefined) return undefined;
    if (!exited || this.#hasExit || more !== undefined) return only;
    this.take({ type: "exited", seq: only, exitCode: exitCode ?? 0 });
    return undefined;
  }
}

function bytesOf(event: ProcessEvent): number {
  return event.type === "output" ? event.chunk.length : 0;
}
