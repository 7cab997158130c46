/**
 * What every executor does: it starts processes and feeds them, on whatever machine it is.
 *
 *   start(spec) ──> process ── events: output* exited output* closed ──> one reader
 *                      ^───── write · interrupt · terminate · read
 *
 * `local/` runs them here, `client/` runs them on another machine, `server/` offers the local ones to clients. One
 * compliance suite holds all of them to this interface.
 *
 * Invariants
 *   X1. The events of a process are numbered from 1, without holes: output, `exited` and `closed` alike.
 *   X2. `closed` is the last event, and comes after `exited`. Output may come between them: a child of the process
 *       may hold its pipes. After `terminate` it comes as soon as the process has ended.
 *   X3. Bytes are written in the order of the calls, each once.
 *   X4. A reader that does not read holds back the process; nobody keeps its output in memory.
 *   X5. When the executor is gone, everything that waits fails immediately, once, with `executor_lost` (or `disposed`).
 *   X6. When disposal returns, every process that the executor started has ended, with all its descendants.
 */

/** What a process inherits of the executor's environment, before `env` is laid over it. */
export interface EnvironmentPolicy {
  /** `core`: HOME, PATH, SHELL, USER, LANG and the like, where set. */
  readonly inherit: "none" | "core" | "all";
  /** Whether variables named like `*KEY*`, `*SECRET*`, `*TOKEN*` are inherited. */
  readonly ignoreDefaultExcludes: boolean;
  /** Names to leave out; `*` and `?` as in file names, case is ignored. */
  readonly exclude: readonly string[];
  /** Variables to set after that. */
  readonly set: Readonly<Record<string, string>>;
  /** When not empty, the only names that stay, also of those in `set`. */
  readonly includeOnly: readonly string[];
}

export interface ProcessSpec {
  /** The program and its arguments. A bare name is looked up in the PATH of the process's own environment. */
  readonly argv: readonly [string, ...string[]];
  /** An absolute path, as the machine of the executor writes it. */
  readonly cwd: string;
  /** Added to what `envPolicy` yields. Without a policy it is all the process gets, except for the tag. */
  readonly env: Readonly<Record<string, string>>;
  /** What the process inherits of the environment of its executor. */
  readonly envPolicy?: EnvironmentPolicy;
  /** A terminal of 24 lines and 80 columns instead of pipes; its output is the stream `pty`. @default false */
  readonly tty?: boolean;
  /** Whether stdin can be written to. Otherwise it is empty. A terminal always can. @default false */
  readonly pipeStdin?: boolean;
  /** What the process sees as its own name. @default the program */
  readonly arg0?: string;
}

/** Our executors split output into chunks of at most this many bytes. */
export const CHUNK_BYTES_MAX: number = 64 * 1024;
/** They retain at least this much of a process's output, in bytes. */
export const RETAINED_BYTES_MIN: number = 1024 * 1024;

export type OutputStream = "stdout" | "stderr" | "pty";

export type ProcessEvent =
  | {
      readonly type: "output";
      readonly seq: number;
      readonly stream: OutputStream;
      /** At most 64 KiB from our own executors, at most 1 MiB from any. Split anywhere. */
      readonly chunk: Uint8Array;
    }
  /** 128 + n for a process that signal n ended. */
  | { readonly type: "exited"; readonly seq: number; readonly exitCode: number }
  | { readonly type: "closed"; readonly seq: number };

export interface ReadOptions extends WaitOptions {
  /** The number of the last event the caller has. @default 0, from the start */
  readonly afterSeq?: number;
  /** Bytes at most, but at least one chunk. @default no limit */
  readonly maxBytes?: number;
  /** How long to wait for something new when there is nothing, in milliseconds. @default 0 */
  readonly waitMs?: number;
}

/** What is retained of a process's output, and the state of the process. */
export interface ReadResult {
  readonly chunks: readonly (ProcessEvent & { readonly type: "output" })[];
  /** The number after the last one returned, or after the last one there is. */
  readonly nextSeq: number;
  readonly exited: boolean;
  /** Once it has exited. */
  readonly exitCode: number | undefined;
  readonly closed: boolean;
}

export interface WaitOptions {
  /** Ends the wait when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

export interface ExecutorProcess extends AsyncDisposable {
  /** Unique for its executor. */
  readonly id: string;
  /** Its number, where it is a process of this machine. */
  readonly pid?: number;
  /**
   * The events from the first on, each once. One reader at a time; the next one goes on where the last one stopped.
   * Leaving early through `signal` loses nothing. Ends after `closed`.
   *
   * @throws {ExecutorError} `executor_lost`, `output_lost`, `reader_stalled`, `disposed`
   */
  events(options?: WaitOptions): AsyncIterableIterator<ProcessEvent, undefined, undefined>;
  /**
   * Writes to stdin. Resolves once the bytes are on their way to the process; a full pipe makes the caller wait.
   * An abort ends the wait, not the write.
   *
   * @throws {ExecutorError} `stdin_closed`, `stdin_full`, `unknown_process`, `executor_lost`, `disposed`
   */
  write(bytes: Uint8Array, options?: WaitOptions): Promise<void>;
  /**
   * Reads retained output, at least the last 1 MiB, whatever `events` has yielded.
   *
   * @throws {ExecutorError} `unknown_process` (forgotten some time after it closed), `executor_lost`, `disposed`
   */
  read(options?: ReadOptions): Promise<ReadResult>;
  /** Sends SIGINT to its process group. Does nothing after its end. @throws {ExecutorError} `outcome_unknown`, … */
  interrupt(options?: WaitOptions): Promise<void>;
  /**
   * Ends the process with its descendants; returns before it has ended.
   * Our executors close stdin, wait, send SIGTERM, wait, send SIGKILL; `codex exec-server` sends SIGKILL at once.
   *
   * @returns whether it ran
   */
  terminate(options?: WaitOptions): Promise<boolean>;
  /** Terminates it and waits for its end. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What an executor says about its machine. */
export interface EnvironmentInfo {
  readonly shell: { readonly name: string; readonly path: string };
  readonly executorVersion: string | undefined;
  /** As Rust names it: `linux`, `macos`, `windows`. */
  readonly platformOs: string | undefined;
  /** The folder the executor runs in. */
  readonly cwd: string | undefined;
  readonly userHomeDir: string | undefined;
  /** What the executor can do beyond the minimum, in Codex's names. */
  readonly capabilities: Readonly<Record<string, boolean>>;
}

export interface Executor extends AsyncDisposable {
  /** @throws {ExecutorError} `executor_unreachable`, `executor_lost`, `disposed` */
  info(options?: WaitOptions): Promise<EnvironmentInfo>;
  /**
   * Starts a process. An abort while it is being started ends it again.
   *
   * @throws {ExecutorError} `start_failed`, `refused`, `unsupported`, `invalid_request`, `executor_unreachable`, …
   */
  start(spec: ProcessSpec, options?: WaitOptions): Promise<ExecutorProcess>;
}
