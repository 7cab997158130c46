/**
 * Writes whole lines to a stream that may be slow, or closed.
 *
 * Invariants
 *   L1. Lines are written in the order of the calls, each once.
 *   L2. No promise of this class rejects, and all settle when the stream is closed.
 */
import type { Writable } from "node:stream";

export class LineWriter {
  readonly #stream: Writable;
  readonly #closed = Promise.withResolvers<void>();
  #isClosed = false;
  #room: PromiseWithResolvers<void> | undefined;

  constructor(stream: Writable) {
    this.#stream = stream;
    const onClosed = (): void => {
      this.#isClosed = true;
      this.#closed.resolve();
      this.#makeRoom();
    };
    // EPIPE comes as an error; without a listener it would end the process.
    stream.on("error", onClosed);
    stream.on("close", onClosed);
    stream.on("drain", () => this.#makeRoom());
  }

  /** Settles when the stream is closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Writes a line at once. @returns a promise that settles when there is room for the next one */
  write(line: string): Promise<void> {
    if (this.#isClosed || this.#stream.write(`${line}\n`)) return Promise.resolve();
    this.#room ??= Promise.withResolvers<void>();
    return this.#room.promise;
  }

  /** Settles when everything written so far has left the process. */
  flushed(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    const written = new Promise<void>((resolve) => this.#stream.write("", () => resolve()));
    return Promise.race([written, this.closed]);
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
