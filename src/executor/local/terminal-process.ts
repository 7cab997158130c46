/**
 * A process with a terminal of 24 lines and 80 columns, through an optional package: `node-pty`, or
 * `@lydell/node-pty`, which is the same with its binaries in the package.
 */
import { closeSync, constants, openSync } from "node:fs";
import { createRequire } from "node:module";
import type { Writable } from "node:stream";
import type * as NodePty from "@lydell/node-pty";
import { type Clock, sleep } from "../../base/clock.ts";
import { readStat } from "../../process/proc.ts";
import { ExecutorError } from "../errors.ts";
import { systemError } from "./system-error.ts";
import type { ProcessHandle, StartOptions } from "./process-handle.ts";
import { TEXT_BYTES_MAX } from "./start-size.ts";

type Pty = Pick<typeof NodePty, "spawn">;

/** node-pty always sets these; `codex exec-server` does not. */
const ADDED = ["TERM", "PWD"];
const VARIABLES_MAX = 900;

let loading: Promise<Pty | undefined> | undefined;

/** Whether there is a package for terminals. */
export async function hasTerminals(): Promise<boolean> {
  return (await load()) !== undefined;
}

function load(): Promise<Pty | undefined> {
  loading ??= Promise.resolve().then(() => find("@lydell/node-pty", "") ?? find("node-pty", "lib/"));
  return loading;
}

function find(name: string, folder: string): Pty | undefined {
  const require_ = createRequire(import.meta.url);
  try {
    const pty = require_(name) as Pty;
    if (process.platform !== "win32") {
      const inner = require_(`${name}/${folder}unixTerminal.js`) as {
        readonly UnixTerminal: { readonly prototype: object };
      };
      // When a terminal cannot be opened (its folder was removed meanwhile), a timer of node-pty uses this all the same,
      // and would end our own process.
      Object.assign(inner.UnixTerminal.prototype, { _socket: { once: () => {}, destroy: () => {} } });
    }
    return pty;
  } catch {
    return undefined;
  }
}

/** @throws {ExecutorError} `unsupported` when there is no package for it */
export async function startTerminal(options: StartOptions): Promise<ProcessHandle> {
  const pty = await load();
  if (pty === undefined) {
    throw new ExecutorError(
      "unsupported",
      "A process with a terminal (tty) needs the package node-pty beside mcp-switchyard: npm install node-pty",
    );
  }
  const unset = ADDED.filter((name) => options.env[name] === undefined);
  // The shell becomes the program: same process, same number. Before that it stops itself until we are ready.
  const command = [options.program, ...options.args].map(quote).join(" ");
  const script = `kill -STOP $$; ${unset.length === 0 ? "" : `unset ${unset.join(" ")}; `}exec ${command}`;
  // With some numbers of arguments or variables above a thousand (2000, for one) node-pty 1.1 returns memory that is
  // already freed. So the arguments go as one, and there are fewer variables.
  const isTooMuch = Buffer.byteLength(script) >= TEXT_BYTES_MAX;
  if (isTooMuch || Object.keys(options.env).length > VARIABLES_MAX) throw systemError("E2BIG");
  const terminal = pty.spawn("/bin/sh", ["-c", script], {
    cwd: options.cwd,
    env: { ...options.env },
    cols: 80,
    rows: 24,
    // Bytes, not text: a character may be split.
    encoding: null,
    ...(options.env["TERM"] === undefined ? {} : { name: options.env["TERM"] }),
  });
  const started = new TerminalProcess(terminal, options);
  await letGo(terminal.pid, options.clock);
  return started;
}

/** One word of a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * If a program ends before node-pty has looked at its terminal, a timer of node-pty ends our own process (seen under
 * load). So the program is stopped at first, and continued when it is known to have stopped.
 */
async function letGo(pid: number, clock: Clock): Promise<void> {
  for (let looks = 0; looks < STOP_LOOKS_MAX && readStat(pid)?.state !== "T"; looks++) await sleep(clock, 1);
  try {
    process.kill(pid, "SIGCONT");
  } catch {
    // Killed meanwhile.
  }
}

/** Where there is no `/proc` to show that it has stopped, it has stopped by then. */
const STOP_LOOKS_MAX = 100;

class TerminalProcess implements ProcessHandle {
  readonly #terminal: NodePty.IPty;
  /** Not part of its interface, but the only place that knows what waits to be written. */
  readonly #socket: Writable | undefined;
  /**
   * The process's side of the terminal, kept open here too. A program that closes its terminal a moment before it exits,
   * as `cat` does, would otherwise get a hang-up from node-pty in that moment, and seem to have failed.
   */
  #slave: number | undefined;
  #open = true;

  constructor(terminal: NodePty.IPty, { onOutput, onExit, onClosed }: StartOptions) {
    this.#terminal = terminal;
    this.#socket = (terminal as { readonly _socket?: Writable })._socket;
    const { ptsName } = terminal as { readonly ptsName?: string };
    if (ptsName !== undefined) this.#slave = openSync(ptsName, constants.O_RDWR | constants.O_NOCTTY);
    terminal.onData((data: string | Uint8Array) =>
      onOutput("pty", typeof data === "string" ? Buffer.from(data) : data),
    );
    terminal.onExit(({ exitCode, signal }) => {
      this.#open = false;
      this.onGone();
      // As codex exec-server reports a death by signal in a terminal.
      onExit(signal === undefined || signal === 0 ? exitCode : 1);
      onClosed();
    });
  }

  get pid(): number {
    return this.#terminal.pid;
  }

  get stdinBytes(): number {
    return this.#socket?.writableLength ?? 0;
  }

  get stdinOpen(): boolean {
    return this.#open;
  }

  writeStdin(bytes: Uint8Array, done: () => void): void {
    if (this.#socket === undefined) {
      this.#terminal.write(Buffer.from(bytes) as unknown as string);
      done();
    } else this.#socket.write(bytes, () => done());
  }

  endStdin(): void {
    // A terminal has no end of input except the key for it, which a program may read as it likes.
  }

  pause(): void {
    this.#terminal.pause();
  }

  resume(): void {
    this.#terminal.resume();
  }

  onGone(): void {
    if (this.#slave !== undefined) closeSync(this.#slave);
    this.#slave = undefined;
    // The rest is read immediately, even without room: it is little, and node-pty does not keep it.
    this.#terminal.resume();
  }

  abandonOutput(): void {
    this.#socket?.destroy();
  }
}
