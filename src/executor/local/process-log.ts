/**
 * The numbered events of one process: those that were read, those that wait to be read, and the output that is retained
 * so that it can be read again.
 *
 *   pipes ──push──> [ retained: read already │ unread ] ──take──> the reader
 *                                            ^ cursor
 *
 * No I/O. Its writer asks `isFull`, and `onRoom` tells it to go on.
 *
 * Invariants
 *   L1. Numbers start at 1 and have no holes; output, `exited` and `closed` count together.
 *   L2. While there is a reader, nothing unread is dropped. When `retainBytes` are unread the log is full, and its source
 *       stops.
 *   L3. Without a reader the source never stops; the oldest output is dropped.
 *   L4. At least the last `retainBytes` of output can be read again, unless they are more than `CHUNKS_MAX` chunks or
 *       all logs together hold more than their budget.
 */
import { abortable } from "../../base/abort.ts";
import { ExecutorError } from "../errors.ts";
import type { OutputStream, ProcessEvent, ReadResult } from "../executor.ts";

type Output = ProcessEvent & { readonly type: "output" };

/** Output written byte by byte must not cost a hundred times its size. */
const CHUNKS_MAX = 65_536;

/** What all processes of an executor may hold together, in bytes: retained output, and waiting input. */
export class OutputBudget {
  readonly bytesMax: number;
  bytes = 0;
  /** Called when more is held than allowed; it should have something forgotten. */
  onOver: () => void = () => {};

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  add(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > this.bytesMax) this.onOver();
  }

  get isOver(): boolean {
    return this.bytes > this.bytesMax;
  }
}

export interface ProcessLogOptions {
  readonly retainBytes: number;
  readonly budget?: OutputBudget;
  /** The log was full and is not any more. */
  readonly onRoom: () => void;
}

export class ProcessLog {
  readonly #options: ProcessLogOptions;
  /** Output in order; dropped up to `#head`. */
  #chunks: (Output | undefined)[] = [];
  #head = 0;
  #bytes = 0;
  #unreadBytes = 0;
  #unreadChunks = 0;
  #nextSeq = 1;
  #exited: (ProcessEvent & { readonly type: "exited" }) | undefined;
  #closedSeq: number | undefined;
  /** The number of the last event taken by the reader; `undefined` without a reader. */
  #cursor: number | undefined = 0;
  /** The index in `#chunks` of the reader's next output. */
  #readAt = 0;
  #wasFull = false;
  #released = false;
  #change: PromiseWithResolvers<void> | undefined;
  #failure: ExecutorError | undefined;

  constructor(options: ProcessLogOptions) {
    this.#options = options;
  }

  get nextSeq(): number {
    return this.#nextSeq;
  }

  get exitCode(): number | undefined {
    return this.#exited?.exitCode;
  }

  get closed(): boolean {
    return this.#closedSeq !== undefined;
  }

  /** Whether the source has to stop (L2). */
  get isFull(): boolean {
    if (this.#cursor === undefined) return false;
    return (
      this.#unreadBytes >= this.#options.retainBytes ||
      this.#unreadChunks >= CHUNKS_MAX ||
      (this.#options.budget?.isOver === true && this.#unreadBytes > 0)
    );
  }

  push(stream: OutputStream, chunk: Uint8Array): void {
    if (this.closed) return;
    this.#chunks.push({ type: "output", seq: this.#nextSeq++, stream, chunk });
    this.#bytes += chunk.length;
    if (this.#cursor !== undefined) {
      this.#unreadBytes += chunk.length;
      this.#unreadChunks++;
    }
    if (!this.#released) this.#options.budget?.add(chunk.length);
    this.#trim();
    if (this.isFull) this.#wasFull = true;
    this.#wake();
  }

  exit(exitCode: number): void {
    if (this.#exited !== undefined || this.closed) return;
    this.#exited = { type: "exited", seq: this.#nextSeq++, exitCode };
    this.#wake();
  }

  close(): void {
    if (this.closed) return;
    this.#closedSeq = this.#nextSeq++;
    this.#wake();
  }

  /** Nothing more will be read: the reader and all waits fail with `error` immediately. */
  fail(error: ExecutorError): void {
    this.#failure ??= error;
    this.#wake();
  }

  /** The next event for the reader, when there is one. */
  take(): ProcessEvent | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#cursor === undefined) return undefined;
    const seq = this.#cursor + 1;
    if (seq >= this.#nextSeq) return undefined;
    this.#cursor = seq;
    if (seq === this.#exited?.seq) return this.#exited;
    if (seq === this.#closedSeq) return { type: "closed", seq };
    const event = this.#chunks[this.#readAt];
    if (event?.seq !== seq) {
      this.#failure = new ExecutorError(
        "output_lost",
        `Output from number ${seq} on is not retained any more`,
      );
      throw this.#failure;
    }
    this.#readAt++;
    this.#unreadBytes -= event.chunk.length;
    this.#unreadChunks--;
    if (this.#options.budget?.isOver === true) this.#trim();
    if (this.#wasFull && this.#unreadBytes <= this.#options.retainBytes / 2) this.#makeRoom();
    return event;
  }

  /** Whether the reader has taken everything there will ever be. */
  get isReadOut(): boolean {
    return this.#closedSeq !== undefined && this.#cursor === this.#closedSeq;
  }

  /** Nobody reads any more; the source goes on (L3). */
  detach(): void {
    this.#cursor = undefined;
    this.#unreadBytes = 0;
    this.#unreadChunks = 0;
    this.#trim();
    this.#makeRoom();
    this.#wake();
  }

  /** A reader that goes on after `afterSeq`. */
  attach(afterSeq: number): void {
    this.#cursor = afterSeq;
    this.#readAt = this.#find(afterSeq);
    this.#unreadBytes = 0;
    for (let at = this.#readAt; at < this.#chunks.length; at++)
      this.#unreadBytes += this.#chunks[at]?.chunk.length ?? 0;
    this.#unreadChunks = this.#chunks.length - this.#readAt;
    this.#wake();
  }

  /** Waits for the next thing to happen. @throws the signal's reason when it aborts first */
  changed(signal?: AbortSignal): Promise<void> {
    this.#change ??= Promise.withResolvers<void>();
    return signal === undefined ? this.#change.promise : abortable(this.#change.promise, signal);
  }

  /** Bytes at most, but at least one chunk. */
  read(afterSeq: number, bytesMax: number): ReadResult {
    if (this.#failure !== undefined) throw this.#failure;
    const chunks: Output[] = [];
    let bytes = 0;
    let nextSeq = this.#nextSeq;
    for (let at = this.#find(afterSeq); at < this.#chunks.length; at++) {
      const event = this.#chunks[at] as Output;
      if (chunks.length > 0 && bytes + event.chunk.length > bytesMax) {
        nextSeq = (chunks.at(-1) as Output).seq + 1;
        break;
      }
      chunks.push(event);
      bytes += event.chunk.length;
    }
    return {
      chunks,
      nextSeq,
      exited: this.#exited !== undefined,
      exitCode: this.#exited?.exitCode,
      closed: this.closed,
    };
  }

  /** Whether there is an event after `afterSeq`: output, an exit, or the end. */
  hasNews(afterSeq: number): boolean {
    return this.closed || this.#nextSeq - 1 > afterSeq;
  }

  /** Gives the memory back to the budget. Retained output can still be read while somebody holds the log. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    if (this.#options.budget !== undefined) this.#options.budget.bytes -= this.#bytes;
  }

  /** The index in `#chunks` of the first output after `afterSeq`. */
  #find(afterSeq: number): number {
    let low = this.#head;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#chunks[middle] as Output).seq <= afterSeq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #trim(): void {
    const { retainBytes, budget } = this.#options;
    for (;;) {
      const oldest = this.#chunks[this.#head];
      if (oldest === undefined || (this.#cursor !== undefined && oldest.seq > this.#cursor)) break;
      const isMore =
        this.#bytes - oldest.chunk.length >= retainBytes ||
        this.#chunks.length - this.#head > CHUNKS_MAX ||
        budget?.isOver === true;
      if (!isMore) break;
      this.#chunks[this.#head++] = undefined;
      this.#bytes -= oldest.chunk.length;
      if (budget !== undefined && !this.#released) budget.bytes -= oldest.chunk.length;
    }
    if (this.#head > 1024 && this.#head * 2 > this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#head);
      this.#readAt -= this.#head;
      this.#head = 0;
    }
  }

  #makeRoom(): void {
    if (!this.#wasFull || this.isFull) return;
    this.#wasFull = false;
    this.#options.onRoom();
  }

  #wake(): void {
    this.#change?.resolve();
    this.#change = undefined;
  }
}
