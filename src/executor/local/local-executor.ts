/**
 * The executor of this machine: it starts processes, and makes sure that they end.
 *
 *   spec ──> environment ──> program, folder ──> allowed? ──> started, tagged, watched by the reaper
 *
 * Invariants
 *   E1. Every process has a session and a group of its own, and a tag of this executor's family in its
 *       environment, by which what escapes from the group is found.
 *   E2. When disposal returns, no process with a tag of the family is alive.
 *   E3. When this process is killed, the reaper ends them.
 *   E4. At most `STARTS_MAX` starts are at work at once, in the order they were asked for: to start a process takes
 *       milliseconds in which nothing else happens here.
 */
import { basename } from "node:path";
import { userInfo } from "node:os";
import { type Clock, systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { type Log, silentLog } from "../../base/log.ts";
import { Semaphore } from "../../base/semaphore.ts";
import { packageVersion } from "../../base/package-version.ts";
import { createTag, TAG_VARIABLE, memberTag, sweepTags } from "../../process/process-tree.ts";
import { Reaper } from "../../process/reaper.ts";
import { Sweeper } from "../../process/sweeper.ts";
import { ExecutorError } from "../errors.ts";
import {
  type EnvironmentInfo,
  type Executor,
  type ProcessSpec,
  RETAINED_BYTES_MIN,
  type WaitOptions,
} from "../executor.ts";
import { systemErrorText } from "./system-error.ts";
import { childEnvironment } from "./env-policy.ts";
import { checkArguments, lookUpProgram } from "./find-program.ts";
import { checkSize } from "./start-size.ts";
import { LocalProcess } from "./local-process.ts";
import type { Graces } from "../../process/end.ts";
import { startPiped } from "./piped-process.ts";
import type { OutputBudget } from "./process-log.ts";
import type { StartOptions } from "./process-handle.ts";
import { hasTerminals, startTerminal } from "./terminal-process.ts";

export interface LocalExecutorOptions {
  /** Time, for tests. */
  readonly clock?: Clock;
  /** Receives diagnostics. */
  readonly log?: Log;
  /** The environment that policies inherit from. @default that of this process */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** How long a process is given for each step of its end. */
  readonly graces?: Partial<Graces>;
  /** Bytes of output that can be read again, per process; at least 1 MiB. @default 1 MiB */
  readonly retainBytes?: number;
  /** Whether our own process may end by itself while programs run; they are ended then. @default false */
  readonly background?: boolean;
  /** Called before a process is started; throws to reject it. @default everything is allowed */
  readonly checkStart?: (start: StartRequest) => void;
}

/** What executors of one process share. It stays the caller's. */
export interface SharedParts {
  readonly reaper: Reaper;
  readonly sweeper: Sweeper;
  readonly budget: OutputBudget;
}

/** A process about to be started. */
export interface StartRequest {
  /** The file that will be run. */
  readonly program: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

const STARTS_MAX = 2;

export class LocalExecutor implements Executor {
  readonly #options: LocalExecutorOptions;
  readonly #shared: SharedParts | undefined;
  readonly #clock: Clock;
  readonly #env: Readonly<Record<string, string>>;
  readonly #tag: string = createTag();
  readonly #reaper: Reaper;
  readonly #sweeper: Sweeper;
  readonly #live = new Set<LocalProcess>();
  readonly #starting = new Set<Promise<unknown>>();
  readonly #turns = new Semaphore(STARTS_MAX);
  readonly #gone = new AbortController();
  #started = 0;
  #disposing: Promise<void> | undefined;

  constructor(options: LocalExecutorOptions = {}, shared?: SharedParts) {
    this.#options = options;
    this.#shared = shared;
    this.#clock = options.clock ?? systemClock;
    this.#reaper = shared?.reaper ?? new Reaper(options.log ?? silentLog);
    this.#sweeper = shared?.sweeper ?? new Sweeper(this.#clock);
    this.#env = Object.fromEntries(
      Object.entries(options.env ?? process.env).filter(
        (entry): entry is [string, string] => entry[1] !== undefined && entry[0] !== TAG_VARIABLE,
      ),
    );
  }

  async info(): Promise<EnvironmentInfo> {
    const path = this.#env["SHELL"] || userShell() || "/bin/sh";
    return {
      shell: { name: basename(path), path },
      executorVersion: packageVersion(),
      platformOs:
        process.platform === "darwin" ? "macos" : process.platform === "win32" ? "windows" : process.platform,
      cwd: process.cwd(),
      userHomeDir: this.#env["HOME"],
      capabilities: { tty: await hasTerminals() },
    };
  }

  /** The processes that have not closed. */
  get running(): number {
    return this.#live.size;
  }

  async start(spec: ProcessSpec, { signal }: WaitOptions = {}): Promise<LocalProcess> {
    if (this.#disposing !== undefined) throw disposed();
    signal?.throwIfAborted();
    const starting = this.#startInTurn(spec, signal);
    const settled = starting.then(
      () => {},
      () => {},
    );
    this.#starting.add(settled);
    void settled.then(() => this.#starting.delete(settled));
    const started = await starting;
    if (signal?.aborted === true || this.#disposing !== undefined) {
      await started[Symbol.asyncDispose]();
      signal?.throwIfAborted();
      throw disposed();
    }
    return started;
  }

  /** Ends everything that was started. Idempotent; joins a disposal in flight. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposing ??= this.#dispose();
    return this.#disposing;
  }

  /** Kills everything at once, without graces, before it returns. For a process that has no time left. */
  killAll(): void {
    for (const each of this.#live) each.kill();
    sweepTags([this.#tag]);
  }

  async #startInTurn(spec: ProcessSpec, signal: AbortSignal | undefined): Promise<LocalProcess> {
    const gone = this.#gone.signal;
    const over = signal === undefined ? gone : AbortSignal.any([gone, signal]);
    const done = await this.#turns.acquire(over);
    try {
      return await this.#start(spec, over);
    } finally {
      done();
    }
  }

  async #start(spec: ProcessSpec, over: AbortSignal): Promise<LocalProcess> {
    try {
      return await this.#startUnwrapped(spec, over);
    } catch (error) {
      if (error instanceof ExecutorError || error === over.reason) throw error;
      const why = systemErrorText(error) ?? messageOf(error);
      const message = `Cannot start "${spec.argv[0]}" in ${spec.cwd}: ${why}`;
      throw new ExecutorError("start_failed", message, { cause: error });
    }
  }

  async #startUnwrapped(spec: ProcessSpec, over: AbortSignal): Promise<LocalProcess> {
    checkSize(spec);
    const env = childEnvironment({ env: spec.env, policy: spec.envPolicy, own: this.#env });
    const [name, ...args] = spec.argv;
    checkArguments({ ...spec, env });
    const program = await lookUpProgram({ program: name, cwd: spec.cwd, path: env["PATH"] }, over);
    this.#options.checkStart?.({ program, cwd: spec.cwd, env });
    const number = ++this.#started;
    const tag = memberTag(this.#tag, number);
    const tty = spec.tty === true;
    if (tty && spec.arg0 !== undefined && spec.arg0 !== name) {
      throw new ExecutorError("unsupported", "A process with a terminal cannot be given another arg0");
    }
    this.#reaper.arm();
    const started = await LocalProcess.start({
      id: String(number),
      clock: this.#clock,
      graces: { stdinMs: 500, termMs: 1_500, ...this.#options.graces },
      retainBytes: Math.max(this.#options.retainBytes ?? 0, RETAINED_BYTES_MIN),
      ...(this.#shared === undefined ? {} : { budget: this.#shared.budget }),
      tty,
      hasStdin: tty || spec.pipeStdin === true,
      start: async (events) => {
        const options: StartOptions = {
          ...events,
          clock: this.#clock,
          program,
          args,
          arg0: spec.arg0 ?? name,
          cwd: spec.cwd,
          // Sorted, as in `codex exec-server`.
          env: Object.fromEntries(Object.entries({ ...env, [TAG_VARIABLE]: tag }).toSorted(byName)),
          pipeStdin: spec.pipeStdin === true,
          background: this.#options.background === true,
        };
        const handle = tty ? await startTerminal(options) : await startPiped(options);
        this.#reaper.watch(handle.pid);
        return handle;
      },
      onExit: (pid) => this.#reaper.forget(pid),
      sweep: () => this.#sweeper.sweep(tag),
    });
    this.#live.add(started);
    void started.closed.then(() => this.#live.delete(started));
    return started;
  }

  async #dispose(): Promise<void> {
    this.#gone.abort(disposed());
    await Promise.all(this.#starting);
    await Promise.all([...this.#live].map((each) => each[Symbol.asyncDispose]()));
    // Descendants of processes that ended by themselves.
    if (this.#started > 0) await this.#sweeper.sweep(this.#tag);
    if (this.#shared === undefined) this.#reaper[Symbol.dispose]();
  }
}

function byName([one]: readonly [string, string], [other]: readonly [string, string]): number {
  return one < other ? -1 : 1;
}

function disposed(): ExecutorError {
  return new ExecutorError("disposed", "The executor was disposed");
}

function userShell(): string | null | undefined {
  try {
    return userInfo().shell;
  } catch {
    // A user without an entry in /etc/passwd, as in some containers.
    return undefined;
  }
}
