/**
 * The stderr of a process that somebody else starts: a named pipe that this process reads, its last lines, and how the
 * program ended.
 *
 *   StderrPipes ──take()──> StderrPipe ──path──> `watched()` is the command to start instead of the program's own
 *
 * A shell connects the program to the pipe, waits for it, and writes down its exit. Its stdin, stdout, environment, working
 * directory and process group are those that the program has anyway.
 *
 * Invariants
 *   W1. The program never waits for its reader: the pipe is open before it starts and is read until every writer is gone.
 *   W2. A bounded tail is kept. No part of a secret is shown because the tail begins in the middle of it.
 *   W3. The pipe has a name until the program has it open, in a folder of the owner. The folder of a host that was killed is removed
 *       by the next one.
 *   W4. Where there are no named pipes, there is no `StderrPipe`, and the program is started as it would be anyway.
 */
import { execFile } from "node:child_process";
import { closeSync, constants, openSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { constants as system, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../base/errors.ts";
import { type Log, silentLog } from "../base/log.ts";
import { toLogLine } from "../base/log-line.ts";
import type { Redactor } from "../base/redact.ts";
import { makeOwnFolder, removeOwnFolder } from "./own-folder.ts";

const LINES_MAX = 20;
const LINE_CHARS_MAX = 2_000;
const SHOWN_CHARS_MAX = 8 * 1024;
/** What the beginning of the tail may hold of a secret. */
const SECRET_CHARS_MAX = 4 * 1024;
const TAIL_BYTES_MAX = SHOWN_CHARS_MAX + 2 * SECRET_CHARS_MAX;
/** A call of `mkfifo` costs some milliseconds, a pipe almost nothing. */
const BATCH = 16;
const MKFIFO_TIMEOUT_MS = 10_000;

/** Begins a line of the shell. */
const MARK = "\u001e";
const EXIT = new RegExp(`\n${MARK}exit (\\d+)\n`);

/**
 * `$1` is the pipe, the rest the program with its arguments. Only positional parameters: a variable would change one of the program's.
 *
 * - A second start of the same command finds no pipe and is as it would be anyway.
 * - Opened for both first: for writing alone it would wait for ever where the reader has died.
 * - A handler, not `''`: what is ignored stays ignored in the program. Codex signals the whole group; the shell goes on until the program ends.
 * - Bash adds variables. `_` can only be removed from outside.
 */
const SCRIPT = `
unset OLDPWD PWD SHLVL
if [ ! -p "$1" ]; then shift; exec "$@"; fi
trap : HUP INT TERM
exec 3<>"$1" 4>"$1" 3>&-
shift
printf '\\036\\n' >&4
case \${BASH_VERSION-} in ?*) set -- env -u _ "$@" ;; esac
(exec "$@" 2>&4 4>&-)
printf '\\n\\036exit %s\\n' "$?" >&4
`;

/** Names that a shell gives a meaning of its own, so that the program would find other values. */
const SHELL_NAME =
  /^(?:_|IFS|OPT(?:IND|ARG|ERR)|PPID|(?:OLD)?PWD|PS[0-9]|SHLVL|BASH.*|COMP_.*|EPOCH.*|FUNCNAME|GROUPS|DIRSTACK|(?:HOST|MACH|OS)TYPE|E?UID|S?RANDOM|SECONDS|LINENO|PIPESTATUS|SHELLOPTS|HISTCMD|POSIXLY_CORRECT|COLUMNS|LINES)$/;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Whether a program can be watched without a change: of the environment a shell passes on only what it has as a variable.
 *
 * @param names of all variables that the program gets
 */
export function canBeWatched(program: string, names: readonly string[]): boolean {
  if (process.platform === "win32") return false;
  if (program === "" || program.startsWith("-") || program.includes("=")) return false;
  return names.every((name) => NAME.test(name) && !SHELL_NAME.test(name));
}

/** The command to start instead of `program`. */
export function watched(
  pipe: StderrPipe,
  program: string,
  args: readonly string[],
): { readonly command: string; readonly args: readonly string[] } {
  return { command: "/bin/sh", args: ["-c", SCRIPT, "switchyard", pipe.path, program, ...args] };
}

export class StderrPipe implements Disposable {
  readonly path: string;
  readonly #redactor: Redactor | undefined;
  readonly #onClosed: (pipe: StderrPipe) => void;
  readonly #ended = Promise.withResolvers<void>();
  readonly #socket: Socket;
  /** Our own writer: without one, the pipe would be at its end before the program opens it. */
  #writer: number | undefined;
  #tail: Buffer = Buffer.alloc(0);
  #isCut = false;
  #status: number | undefined;

  /** @throws {Error} there is no pipe at `path` */
  constructor(path: string, redactor: Redactor | undefined, onClosed: (pipe: StderrPipe) => void) {
    this.path = path;
    this.#redactor = redactor;
    this.#onClosed = onClosed;
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      this.#writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      closeSync(reader);
      throw error;
    }
    this.#socket = new Socket({ fd: reader, readable: true, writable: false });
    this.#socket.on("data", (chunk) => this.#take(chunk));
    this.#socket.on("error", () => {});
    this.#socket.once("close", () => this[Symbol.dispose]());
    this.#socket.unref();
  }

  /** Settles when the program has ended, or nothing can come any more. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** `exit code 3`, `SIGSEGV`; `undefined` while the program runs, or when nobody saw its end. */
  get exit(): string | undefined {
    if (this.#status === undefined) return undefined;
    const signal = Object.entries(system.signals).find(([, number]) => number + 128 === this.#status);
    return signal === undefined ? `exit code ${this.#status}` : `exit code ${this.#status}, ${signal[0]}`;
  }

  /** The last lines, without secrets: at most 20, at most 8 KiB. */
  get lines(): string[] {
    const text = this.#tail.toString("utf8");
    const clean = this.#redactor?.redact(text) ?? text;
    let left = SHOWN_CHARS_MAX;
    // What is left of a secret that was cut stands before the first whole one.
    const whole = clean.slice(0, SECRET_CHARS_MAX).indexOf("***");
    return clean
      .slice(this.#isCut ? (whole === -1 ? SECRET_CHARS_MAX : whole) : 0)
      .split(/\r?\n/)
      .filter((line) => !line.startsWith(MARK))
      .map((line) => toLogLine(line, this.#redactor, LINE_CHARS_MAX))
      .filter((line) => line !== "")
      .slice(-LINES_MAX)
      .reverse()
      .filter((line) => (left -= line.length + 1) >= 0)
      .reverse();
  }

  /** No program will be started with it: it ends, unless one has it already. */
  withdraw(): void {
    if (this.#writer !== undefined) this[Symbol.dispose]();
  }

  /** Reads no more. A program that goes on writing finds a closed pipe. */
  [Symbol.dispose](): void {
    this.#free();
    this.#socket.destroy();
    this.#ended.resolve();
    this.#onClosed(this);
  }

  #take(chunk: Buffer): void {
    this.#free();
    const all = Buffer.concat([this.#tail, chunk]);
    this.#isCut ||= all.length > TAIL_BYTES_MAX;
    // Copied, so that what it was cut from is not kept.
    this.#tail = all.length > TAIL_BYTES_MAX ? Buffer.from(all.subarray(-TAIL_BYTES_MAX)) : all;
    if (this.#status !== undefined) return;
    const status = EXIT.exec(this.#tail.toString("latin1"))?.[1];
    if (status === undefined) return;
    this.#status = Number(status);
    this.#ended.resolve();
  }

  /** The program has the pipe, or will never have it: from now on it needs no name and ends with its writers (W3). */
  #free(): void {
    if (this.#writer === undefined) return;
    closeSync(this.#writer);
    this.#writer = undefined;
    rmSync(this.path, { force: true });
  }
}

export interface StderrPipesOptions {
  readonly log?: Log;
  /** Knows the values that must not show. */
  readonly redactor?: Redactor;
}

const PREFIX = "switchyard-stderr-";
export class StderrPipes implements Disposable {
  readonly #log: Log;
  readonly #redactor: Redactor | undefined;
  readonly #open = new Set<StderrPipe>();
  #folder: string | undefined;
  #unused: string[] = [];
  #made = 0;
  #filling: Promise<void> | undefined;
  #isOver = process.platform === "win32";

  constructor({ log = silentLog, redactor }: StderrPipesOptions = {}) {
    this.#log = log;
    this.#redactor = redactor;
  }

  /** A fresh pipe; `undefined` where there are none (W4), and after `dispose`. */
  async take(): Promise<StderrPipe | undefined> {
    while (!this.#isOver) {
      const path = this.#unused.pop();
      if (path !== undefined) {
        try {
          const pipe = new StderrPipe(path, this.#redactor, (closed) => this.#open.delete(closed));
          this.#open.add(pipe);
          return pipe;
        } catch {
          // Somebody cleans up the folder of temporary files.
          continue;
        }
      }
      this.#filling ??= this.#fill().finally(() => (this.#filling = undefined));
      await this.#filling;
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#unused = [];
    for (const pipe of this.#open) pipe[Symbol.dispose]();
    if (this.#folder !== undefined) removeOwnFolder(this.#folder);
  }

  async #fill(): Promise<void> {
    try {
      const folder = (this.#folder ??= makeOwnFolder(tmpdir(), PREFIX));
      const paths = Array.from({ length: BATCH }, () => join(folder, String(++this.#made)));
      try {
        await promisify(execFile)("mkfifo", ["-m", "600", ...paths], { timeout: MKFIFO_TIMEOUT_MS });
      } catch (error) {
        removeOwnFolder(folder);
        this.#folder = undefined;
        throw error;
      }
      if (this.#isOver) return;
      this.#unused.push(...paths);
    } catch (error) {
      if (this.#isOver) return;
      this.#isOver = true;
      this.#log("warn", `Cannot read the stderr of MCP servers: ${messageOf(error)}`);
    }
  }
}
