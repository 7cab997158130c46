/**
 * What a server writes besides messages: its stderr, and other lines on its stdout.
 *
 * Everything goes into the log with the server's name, a line at a time, without control characters and without
 * secrets. The first `STRAY_LINES_SHOWN` lines on stdout that are not messages are shown, the others are counted;
 * `process/stderr.ts` bounds what is kept of stderr.
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
    const onLine = (line: string): void => this.write("info", `stderr: ${line}`, { stderr: line });
    this.#stderr = new ProcessStderr({ redactor, onLine: log === silentLog ? undefined : onLine });
  }

  /** Takes the next bytes of stderr. */
  pushStderr(chunk: Uint8Array): void {
    this.#stderr.push(chunk);
  }

  /** Takes a line of stdout that is not a message. @param why what it is instead */
  strayLine(why: string, text: string): void {
    this.#strayLines++;
    if (this.#strayLines <= STRAY_LINES_SHOWN) {
      const stdout = toLogLine(text, this.#options.redactor, STRAY_CHARS_MAX);
      this.write("warn", `wrote a line to stdout that is ${why}; skipped: ${stdout}`, { stdout });
    } else if (isPowerOfTen(this.#strayLines)) {
      this.write("warn", `wrote ${this.#strayLines} lines to stdout that are not messages; skipped`);
    }
  }

  /** Nothing more will come. */
  end(): void {
    this.#stderr.end();
    if (this.#strayLines > STRAY_LINES_SHOWN) {
      this.write("warn", `wrote ${this.#strayLines} lines to stdout that are not messages, in total`);
    }
  }

  /** The last words on stderr, in one line; `undefined` if there are none. */
  get lastWords(): string | undefined {
    return this.#stderr.lastWords;
  }

  /** The last lines on stderr, at most 20. */
  get stderrLines(): readonly string[] {
    return this.#stderr.lines;
  }

  /**
   * @param what the predicate of a sentence whose subject is the server
   * @param line what it wrote, by where
   */
  write(
    level: LogLevel,
    what: string,
    line: { readonly stderr?: string; readonly stdout?: string } = {},
  ): void {
    const { log, server, environment } = this.#options;
    log(level, `MCP server "${server}" ${what}`, { server, environment, ...line });
  }
}

function isPowerOfTen(count: number): boolean {
  return /^10+$/.test(String(count));
}
