/**
 * What a server says beside the protocol, for people: its stderr, and the lines on its stdout that are no messages.
 *
 * Everything goes into the log with the server's name, a line at a time, without control characters and without the
 * values that are kept secret. Of the lines that are no messages the first `STRAY_LINES_SHOWN` are shown and the
 * others counted; what is kept of stderr is bounded by `process/stderr.ts`.
 */
import { type Log, type LogLevel, silentLog } from "../../base/log.ts";
import { toLogLine } from "../../base/log-line.ts";
import type { Redactor } from "../../base/redact.ts";
import { ProcessStderr } from "../../process/stderr.ts";

export interface ServerLogOptions {
  readonly server: string;
  /** Where the server runs. */
  readonly environment: string;
  readonly log: Log;
  /** Knows the values that must not show. */
  readonly redactor: Redactor;
}

const STRAY_LINES_SHOWN = 5;
const STRAY_CHARS_MAX = 200;

export class ServerLog {
  readonly #options: ServerLogOptions;
  readonly #stderr: ProcessStderr;
  #strayLines = 0;

  constructor(options: ServerLogOptions) {
    this.#options = options;
    const { redactor, log } = options;
    const onLine = (line: string): void => this.write("info", `stderr: ${line}`);
    this.#stderr = new ProcessStderr({ redactor, onLine: log === silentLog ? undefined : onLine });
  }

  /** Takes the next bytes of stderr. */
  pushStderr(chunk: Uint8Array): void {
    this.#stderr.push(chunk);
  }

  /** Takes a line of stdout that is no message. @param why what it is instead */
  strayLine(why: string, text: string): void {
    this.#strayLines++;
    if (this.#strayLines <= STRAY_LINES_SHOWN) {
      this.write(
        "warn",
        `wrote a line to stdout that is ${why}; skipped: ${toLogLine(text, this.#options.redactor, STRAY_CHARS_MAX)}`,
      );
    } else if (isPowerOfTen(this.#strayLines)) {
      this.write("warn", `wrote ${this.#strayLines} lines to stdout that are no messages; skipped`);
    }
  }

  /** The server will say no more. */
  end(): void {
    this.#stderr.end();
    if (this.#strayLines > STRAY_LINES_SHOWN) {
      this.write("warn", `wrote ${this.#strayLines} lines to stdout that are no messages, all in all`);
    }
  }

  /** What it said last on stderr, in a line; `undefined` when it said nothing. */
  get lastWords(): string | undefined {
    return this.#stderr.lastWords;
  }

  /** @param what a clause with the server as its subject */
  write(level: LogLevel, what: string): void {
    const { log, server, environment } = this.#options;
    log(level, `MCP server "${server}" ${what}`, { server, environment });
  }
}

function isPowerOfTen(count: number): boolean {
  return /^10+$/.test(String(count));
}
