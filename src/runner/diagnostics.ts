/**
 * Diagnostics as NDJSON: one line each, without secrets.
 *
 * Diagnostics that nobody reads are dropped; the next one that is written says how many.
 */
import type { Writable } from "node:stream";
import type { Log } from "../base/log.ts";
import type { Redactor } from "../base/redact.ts";
import type { Diagnostic, DiagLevel } from "./messages.ts";

const LEVELS: readonly DiagLevel[] = ["debug", "info", "warn", "error"];
const UNREAD_BYTES_MAX = 1024 * 1024;

export class DiagnosticWriter {
  readonly #stream: Writable;
  readonly #level: number;
  readonly #redactor: Redactor;
  #dropped = 0;

  constructor(stream: Writable, level: DiagLevel, redactor: Redactor) {
    this.#stream = stream;
    this.#level = LEVELS.indexOf(level);
    this.#redactor = redactor;
    // stderr is closed: diagnostics are dropped.
    stream.on("error", () => {});
  }

  readonly log: Log = (level, message, about) => {
    if (LEVELS.indexOf(level) < this.#level) return;
    const run = about?.run;
    const id = typeof run === "string" ? { id: run } : {};
    this.#write({ type: "diag", ...id, level, message: this.#redactor.redact(message) });
  };

  fatal(message: string): void {
    this.#write({ type: "fatal", message: this.#redactor.redact(message) });
  }

  #write(diagnostic: Diagnostic): void {
    if (!this.#stream.writable) return;
    if (this.#stream.writableLength > UNREAD_BYTES_MAX) {
      this.#dropped++;
      return;
    }
    if (this.#dropped > 0) {
      const message = `${this.#dropped} diagnostics were dropped, because nobody read them`;
      this.#dropped = 0;
      this.#write({ type: "diag", level: "warn", message });
    }
    this.#stream.write(`${JSON.stringify(diagnostic)}\n`);
  }
}
