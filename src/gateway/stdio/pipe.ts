/**
 * Messages as lines on a pipe, both ways.
 *
 * Invariants
 *   W1. A reader that does not keep up costs `QUEUE_MAX` bytes at most: above `SOFT_MAX` progress and log messages are left out, and
 *       above `QUEUE_MAX` the pipe is given up.
 */
import type { Readable, Writable } from "node:stream";
import type { JsonObject } from "../../base/json.ts";
import { LineDecoder } from "../../base/line-decoder.ts";
import type { Outlet } from "../protocol/outlet.ts";

const LINE_BYTES_MAX = 8 * 1024 * 1024;
const SOFT_MAX = 1024 * 1024;
const QUEUE_MAX: number = 32 * 1024 * 1024;

export class Pipe {
  readonly #input: Readable;
  readonly #output: Writable;
  readonly #over = new AbortController();

  /** @param onLine `undefined` for a line that is too long */
  constructor(input: Readable, output: Writable, onLine: (text: string | undefined) => void) {
    this.#input = input;
    this.#output = output;
    const decoder = new LineDecoder(LINE_BYTES_MAX);
    input.on("data", (chunk: Buffer) => {
      for (const line of decoder.push(chunk)) onLine(line.kind === "line" ? line.text : undefined);
    });
    input.once("end", this.end).once("close", this.end).once("error", this.end);
    output.once("close", this.end).on("error", this.end);
  }

  /** Aborts when nothing more comes, or nobody reads. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** (W1) @returns whether it was taken */
  write(message: JsonObject, droppable = false): boolean {
    const { writableLength } = this.#output;
    if (this.#over.signal.aborted || (droppable && writableLength > SOFT_MAX)) return false;
    if (writableLength > QUEUE_MAX) {
      this.end();
      return false;
    }
    this.#output.write(`${JSON.stringify(message)}\n`);
    return true;
  }

  /** Where messages of one request go. @param given aborts when the client gives the request up */
  outlet(given?: AbortController): Outlet {
    const { signal: over } = this.#over;
    return {
      gone: given === undefined ? over : AbortSignal.any([given.signal, over]),
      send: (message, droppable) => this.write(message, droppable),
      end: (message) => {
        // What was given up has no answer.
        if (message !== undefined && given?.signal.aborted !== true) this.write(message);
      },
    };
  }

  readonly end = (): void => {
    this.#input.pause();
    this.#over.abort();
  };
}
