/**
 * The stderr of a process, for people: its lines as they come, and afterwards the line that says most about its end.
 *
 * A process may write whatever it wants here, so everything kept is bounded: the bytes of a line, the characters of it
 * that are shown, and the lines that are kept for `lastWords`.
 */
import { LineDecoder } from "../base/line-decoder.ts";
import { toLogLine } from "../base/log-line.ts";
import type { Redactor } from "../base/redact.ts";
import { lastWords } from "./last-words.ts";

export interface ProcessStderrOptions {
  /** Knows the values that must not show. */
  readonly redactor?: Redactor;
  /** Receives every line, fit for a log. @default none; then no line is searched for secrets, which costs time */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Whether a line is one of those that the process writes while all is well, so that it says nothing about an end. @default none is */
  readonly isNotice?: (line: string) => boolean;
  /** Takes a line that is meant for the caller; it is neither shown nor kept. @returns whether it was one. @default none is */
  readonly takeOut?: (line: string) => boolean;
}

const LINE_BYTES_MAX = 64 * 1024;
const LINE_CHARS_MAX = 2_000;
const KEPT_CHARS_MAX = 8_192;
const LAST_WORDS_CHARS_MAX = 500;
const LINES_MAX = 20;

export class ProcessStderr {
  readonly #options: ProcessStderrOptions;
  /** By lines, so that a secret that was cut in two is whole again before it is looked for. */
  readonly #decoder = new LineDecoder(LINE_BYTES_MAX);
  #kept = "";

  constructor(options: ProcessStderrOptions = {}) {
    this.#options = options;
  }

  /** Takes the next bytes. */
  push(chunk: Uint8Array): void {
    for (const line of this.#decoder.push(chunk)) {
      this.#take(line.kind === "line" ? line.text : `${line.head}…`);
    }
  }

  /** Takes what came after the last newline. More may follow. */
  end(): void {
    for (const line of this.#decoder.end()) if (line.kind === "line") this.#take(line.text);
  }

  /** The line that says most about the end of the process; `undefined` when it wrote nothing. */
  get lastWords(): string | undefined {
    const words = lastWords(this.#kept);
    return words === undefined ? undefined : toLogLine(words, this.#options.redactor, LAST_WORDS_CHARS_MAX);
  }

  /** Its last lines, without empty ones, fit for a log: at most 20. */
  get lines(): string[] {
    const lines = this.#kept.split("\n").filter((line) => line.trim() !== "");
    return lines
      .slice(-LINES_MAX)
      .map((line) => toLogLine(line, this.#options.redactor, LAST_WORDS_CHARS_MAX));
  }

  #take(text: string): void {
    const { onLine, redactor, isNotice, takeOut } = this.#options;
    if (takeOut?.(text) === true) return;
    if (isNotice?.(text) !== true) this.#kept = `${this.#kept}${text}\n`.slice(-KEPT_CHARS_MAX);
    onLine?.(toLogLine(text, redactor, LINE_CHARS_MAX));
  }
}
