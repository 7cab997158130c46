/**
 * What a server says beside the protocol, for people: its stderr, and the lines on its stdout that are no messages.
 *
 * Everything goes into the log with the server's name, a line at a time, without control characters and without the
 * values that are kept secret. A server may write whatever it wants here; what is kept of it is bounded:
 *
 *   - of a line, `LINE_CHARS_MAX` characters;
 *   - of the lines that are no messages, the first `STRAY_LINES_SHOWN`; the others are counted;
 *   - for the error that says how the server ended, the last `TAIL_CHARS_MAX` characters of stderr.
 */
import { stripVTControlCharacters } from "node:util";
import { type Log, type LogLevel, silentLog } from "../../base/log.ts";
import type { Redactor } from "../../base/redact.ts";
import { Tail } from "../../process/tail.ts";
import { LineDecoder } from "../../jsonrpc/index.ts";
import { lastWords } from "./last-words.ts";

export interface ServerLogOptions {
  readonly server: string;
  /** Where the server runs. */
  readonly environment: string;
  readonly log: Log;
  /** Knows the values that must not show. */
  readonly redactor: Redactor;
}

const STDERR_LINE_BYTES_MAX = 64 * 1024;
const LINE_CHARS_MAX = 2_000;
const STRAY_LINES_SHOWN = 5;
const STRAY_CHARS_MAX = 200;
const TAIL_CHARS_MAX = 8_192;
const LAST_WORDS_CHARS_MAX = 500;
/** A line on stdout may be megabytes; secrets are looked for in so much of it. */
const SCANNED_CHARS_MAX = 64 * 1024;
/** What would move the cursor, or begin a new line, of whoever looks at the log. */
const CONTROL = /[\p{Control}\u2028\u2029]/gu;

export class ServerLog {
  readonly #options: ServerLogOptions;
  /** By lines, so that a secret that was cut in two is one again before it is looked for. */
  readonly #decoder = new LineDecoder(STDERR_LINE_BYTES_MAX);
  readonly #tail = new Tail(TAIL_CHARS_MAX);
  #strayLines = 0;

  constructor(options: ServerLogOptions) {
    this.#options = options;
  }

  /** Takes the next bytes of stderr. */
  pushStderr(chunk: Uint8Array): void {
    for (const line of this.#decoder.push(chunk)) {
      this.#stderrLine(line.kind === "line" ? line.text : `${line.head}…`);
    }
  }

  /** Takes a line of stdout that is no message. @param why what it is instead */
  strayLine(why: string, text: string): void {
    this.#strayLines++;
    if (this.#strayLines <= STRAY_LINES_SHOWN) {
      this.write(
        "warn",
        `wrote a line to stdout that is ${why}; skipped: ${this.#clean(text, STRAY_CHARS_MAX)}`,
      );
    } else if (isPowerOfTen(this.#strayLines)) {
      this.write("warn", `wrote ${this.#strayLines} lines to stdout that are no messages; skipped`);
    }
  }

  /** The server will say no more. */
  end(): void {
    for (const line of this.#decoder.end()) if (line.kind === "line") this.#stderrLine(line.text);
    if (this.#strayLines > STRAY_LINES_SHOWN) {
      this.write("warn", `wrote ${this.#strayLines} lines to stdout that are no messages, all in all`);
    }
  }

  /** What it said last on stderr, in a line; `undefined` when it said nothing. */
  get lastWords(): string | undefined {
    const words = lastWords(this.#tail.text);
    return words === undefined ? undefined : this.#clean(words, LAST_WORDS_CHARS_MAX);
  }

  /** @param what a clause with the server as its subject */
  write(level: LogLevel, what: string): void {
    const { log, server, environment } = this.#options;
    log(level, `MCP server "${server}" ${what}`, { server, environment });
  }

  #stderrLine(text: string): void {
    this.#tail.push(`${text}\n`);
    const { log, server, environment } = this.#options;
    // Looking for secrets costs; where nobody listens there is nothing to hide.
    if (log === silentLog) return;
    log("info", `MCP server "${server}" stderr: ${this.#clean(text, LINE_CHARS_MAX)}`, {
      server,
      environment,
    });
  }

  #clean(text: string, charsMax: number): string {
    const plain = stripVTControlCharacters(text.slice(0, SCANNED_CHARS_MAX))
      .replaceAll("\t", " ")
      .replace(CONTROL, "");
    const shown = this.#options.redactor.redact(plain).trim();
    return shown.length <= charsMax ? shown : `${shown.slice(0, charsMax)}…`;
  }
}

function isPowerOfTen(count: number): boolean {
  return /^10+$/.test(String(count));
}
