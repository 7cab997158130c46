/**
 * The writes to one remote process: in order, one request at a time, each with its own id.
 *
 * Invariants
 *   W1. Bytes are sent in the order of the calls. After a failed write nothing more is sent: bytes after a possible hole
 *       must not be read as if there were none.
 *   W2. Waiting bytes are bounded, and sent together: over a slow link each message would otherwise wait for a round trip.
 */
import { ExecutorError } from "../errors.ts";

/** One request writes at most this much. */
const WRITE_BYTES_MAX: number = 512 * 1024;
/** More than this waiting to be written is rejected. */
const WAITING_BYTES_MAX: number = 64 * 1024 * 1024;

interface Waiting {
  readonly bytes: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class StdinWriter {
  readonly #processId: string;
  /** Writes, and resolves once that is accepted. */
  readonly #send: (bytes: Uint8Array, writeId: string) => Promise<void>;
  readonly #waiting: Waiting[] = [];
  #bytes = 0;
  #sending = false;
  #writeId = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(processId: string, send: (bytes: Uint8Array, writeId: string) => Promise<void>) {
    this.#processId = processId;
    this.#send = send;
  }

  /** Whether a write is on its way. */
  get isSending(): boolean {
    return this.#sending;
  }

  /** @throws {ExecutorError} `stdin_full` @throws the error of the first failed write, or of `fail` */
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure.error);
      if (bytes.length === 0) return resolve();
      if (this.#bytes + bytes.length > WAITING_BYTES_MAX) return reject(this.#full(bytes.length));
      this.#bytes += bytes.length;
      for (let at = 0; at < bytes.length; at += WRITE_BYTES_MAX) {
        const isLast = at + WRITE_BYTES_MAX >= bytes.length;
        const part = bytes.subarray(at, at + WRITE_BYTES_MAX);
        this.#waiting.push({ bytes: part, resolve: isLast ? resolve : () => {}, reject });
      }
      if (!this.#sending) void this.#sendAll();
    });
  }

  /** Nothing is written any more, because of `error`; waiting writes fail with it. A write on its way goes on. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  async #sendAll(): Promise<void> {
    this.#sending = true;
    while (this.#waiting.length > 0) {
      const batch = this.#takeBatch();
      const [first] = batch;
      const bytes =
        batch.length === 1 && first !== undefined
          ? first.bytes
          : Buffer.concat(batch.map((each) => each.bytes));
      try {
        await this.#send(bytes, String(++this.#writeId));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
        this.fail(error);
      }
      this.#bytes -= bytes.length;
    }
    this.#sending = false;
  }

  #takeBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const each of this.#waiting) {
      if (count > 0 && bytes + each.bytes.length > WRITE_BYTES_MAX) break;
      bytes += each.bytes.length;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  #full(more: number): ExecutorError {
    return new ExecutorError(
      "stdin_full",
      `Process ${this.#processId} takes no ${more} bytes: ${this.#bytes} wait already, and more than ${WAITING_BYTES_MAX} may not`,
    );
  }
}
