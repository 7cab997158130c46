/**
 * Many runs at once: admission, the queue, slots, and one end for each run.
 *
 *   submit(run) ─> waiting ─> a slot and its thread are free ─> engine ─> sink: event … ask … ask_closed … end
 *   submit(cancel), submit(answer) ─> the run they name
 *
 * It knows no transport: messages come in as values and go out through `sink`, whose promise is the back-pressure.
 * A turn is the engine's business (`thread/engine.ts`).
 *
 * Invariants
 *   R1. Every accepted run gets exactly one `end`, whatever happens, and nothing after it.
 *   R2. At most `maxConcurrent` runs have a slot; a run that waits for its thread has none.
 *   R3. One run per thread at a time, in the order they came.
 *   R4. The next event is pulled when the sink has taken the one before: while a host does not read, the engine does
 *       not read Codex's pipe either. Nothing is lost, and no run fails because of it, however long it takes.
 *   R5. A run with a process of its own leaves neither process nor (if ephemeral) home when its `end` is sent.
 *   R6. `stop` returns in bounded time, with every run ended and every process gone.
 *   R7. At most `maxConcurrent` threads without a run stay loaded for a next run; the one used longest ago goes first.
 *   R8. An `ask` takes one answer. Without one, `ask_closed` says that none is needed any more; the `end` of the run
 *       says so at the latest.
 */
import { abortable, within } from "../base/abort.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { type Log, silentLog } from "../base/log.ts";
import { Redactor } from "../base/redact.ts";
import type { Variables } from "../servers/resolve.ts";
import type { CreateEngine, EngineName } from "../thread/engine.ts";
import { EngineError } from "../thread/errors.ts";
import { defaultMaxConcurrent } from "./concurrency.ts";
import { Engines } from "./engine-use.ts";
import type {
  AnswerMessage,
  CancelMessage,
  Inbound,
  Outbound,
  PingMessage,
  Rejection,
  RunMessage,
} from "./messages.ts";
import { playRun } from "./play-run.ts";
import { readServers } from "./read-servers.ts";
import { cancelled, type Outcome, type Run, type Running, RunTimeout, timedOut } from "./run.ts";
import { WaitingRuns } from "./waiting-runs.ts";

/** Takes a message at once; the promise settles when there is room for the next, and never rejects. */
export type Sink = (message: Outbound) => Promise<void>;

export interface RunnerOptions {
  /** Takes every message for the host. */
  readonly sink: Sink;
  /** Creates the engine that all shared runs use, and those that single runs have. */
  readonly createEngine: CreateEngine;
  /** The engine of a run that names none. @default "codex" */
  readonly defaultEngine?: EngineName;
  /** Folder for the homes of runs with a process of their own; created when one is needed. */
  readonly homesRoot: string;
  /** Where references of MCP servers are looked up, and what runs with `inherit_env` get. @default process.env */
  readonly env?: Variables;
  /** Names of variables of `env` that runs with `inherit_env` do not get: keys of providers. @default none */
  readonly withheld?: readonly string[];
  /** Receives diagnostics. @default none */
  readonly log?: Log;
  /** Time, for tests. @default the system's clock */
  readonly clock?: Clock;
  /** How many runs are in progress at once. @default by memory: see `defaultMaxConcurrent` */
  readonly maxConcurrent?: number;
  /** Runs that may wait before `whenRoom` holds the reader back. @default 1000 */
  readonly waitingMax?: number;
  /** The same, by the bytes of their lines. @default 64 MB */
  readonly waitingBytesMax?: number;
  /** What `stop` allows for runs to end by themselves, and again for the processes to. @default 10 000 */
  readonly stopTimeoutMs?: number;
  /** Knows the secrets of every run that is in progress. @default one of its own */
  readonly redactor?: Redactor;
}

const WAITING_MAX = 1000;
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
const STOP_TIMEOUT_MS = 10_000;
/** The longest a timer can be: a host may be as slow as it likes (R4). */
const NEVER_MS = 2_147_483_647;

export class Runner implements AsyncDisposable {
  readonly maxConcurrent: number;
  readonly #options: RunnerOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #redactor: Redactor;
  readonly #env: Variables;
  /** Every run that has not ended, by its id. */
  readonly #runs = new Map<string, Run>();
  readonly #waiting: WaitingRuns<Run>;
  readonly #busyThreads = new Set<string>();
  readonly #engines: Engines;
  readonly #stopping = new AbortController();
  #slots = 0;
  #asks = 0;
  #room: PromiseWithResolvers<void> | undefined;
  #accepting = true;
  #stopped: Promise<void> | undefined;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#env = options.env ?? process.env;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? silentLog;
    this.#redactor = options.redactor ?? new Redactor();
    this.maxConcurrent = options.maxConcurrent ?? defaultMaxConcurrent();
    this.#waiting = new WaitingRuns({
      countMax: options.waitingMax ?? WAITING_MAX,
      bytesMax: options.waitingBytesMax ?? WAITING_BYTES_MAX,
    });
    this.#engines = new Engines({
      createEngine: options.createEngine,
      defaultEngine: options.defaultEngine ?? "codex",
      readerStallMs: NEVER_MS,
      homesRoot: options.homesRoot,
      keepLoadedMax: this.maxConcurrent,
      log: this.#log,
      stopping: this.#stopping.signal,
      reserveThread: (threadId) => {
        if (this.#busyThreads.has(threadId)) return false;
        this.#busyThreads.add(threadId);
        return true;
      },
      freeThread: (threadId) => this.#freeThread(threadId),
    });
  }

  /** Removes what crashed runners left on disk. Without it, that happens when a run first needs to look there. */
  async start(): Promise<void> {
    await this.#engines.openHomes();
  }

  /**
   * Takes a message of the host.
   *
   * @param bytes the size of its line, which counts against what may wait
   * @returns why it was not accepted; `undefined` when it was
   */
  submit(message: Exclude<Inbound, PingMessage>, bytes = 0): Rejection | undefined {
    switch (message.type) {
      case "run":
        return this.#admit(message, bytes);
      case "cancel":
        return this.#cancel(message);
      case "answer":
        return this.#answer(message);
    }
  }

  /** Waits until another run may wait, or the runner stops. */
  whenRoom(): Promise<void> {
    if (this.#waiting.hasRoom || !this.#accepting) return Promise.resolve();
    this.#room ??= Promise.withResolvers<void>();
    return this.#room.promise;
  }

  /** Accepts no more runs, waits until the accepted ones have ended, and then ends everything else. */
  async drain(): Promise<void> {
    this.#accepting = false;
    await Promise.all([...this.#runs.values()].map((run) => run.ended.promise));
    await this.stop();
  }

  /** Cancels every run, and ends everything (R6). Idempotent; joins a stop in flight. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  // ---- messages of the host --------------------------------------------------------------------------------------

  #admit({ id, params }: RunMessage, bytes: number): Rejection | undefined {
    if (!this.#accepting) return reject("stopping", id, "The runner is stopping and takes no more runs");
    if (this.#runs.has(id)) {
      return reject("duplicate_id", id, "id belongs to a run that is still in progress", "id");
    }
    const read = readServers(params.mcp_servers ?? {}, this.#env);
    if ("type" in read) return { ...read, id };
    const secrets = [...read.secrets, ...(params.api_key === undefined ? [] : [params.api_key])];
    const { timeout_ms: timeoutMs } = params;
    const run: Run = {
      id,
      bytes,
      params: { ...params, mcp_servers: read.servers },
      threadId: params.resume,
      deadline:
        timeoutMs === undefined ? undefined : this.#clock.schedule(timeoutMs, () => this.#timeOut(run)),
      forget: secrets.map((secret) => this.#redactor.add(secret)),
      ended: Promise.withResolvers<void>(),
      state: { kind: "waiting" },
    };
    this.#runs.set(id, run);
    this.#waiting.add(run);
    this.#pump();
    return undefined;
  }

  #cancel({ id }: CancelMessage): Rejection | undefined {
    const run = this.#runs.get(id);
    if (run === undefined) return unknownRun(id);
    if (run.state.kind === "running") {
      run.state.abort.abort(new EngineError("turn_interrupted", "The host cancelled the run"));
      return undefined;
    }
    this.#waiting.remove(id);
    this.#pump();
    void this.#end(run, cancelled(run));
    return undefined;
  }

  #timeOut(run: Run): void {
    const why = new RunTimeout(run);
    if (run.state.kind === "running") return run.state.abort.abort(why);
    this.#waiting.remove(run.id);
    this.#pump();
    void this.#end(run, timedOut(run, why));
  }

  #answer({ id, ask, decision, content, answers }: AnswerMessage): Rejection | undefined {
    const run = this.#runs.get(id);
    if (run === undefined) return unknownRun(id);
    const asks = run.state.kind === "running" ? run.state.asks : undefined;
    const open = asks?.get(ask);
    if (open === undefined) {
      return reject("unknown_ask", id, "ask names no open question of this run", "ask");
    }
    asks?.delete(ask);
    open.resolve({
      decision,
      ...(content === undefined ? {} : { content }),
      ...(answers === undefined ? {} : { answers }),
    });
    return undefined;
  }

  // ---- slots and ends --------------------------------------------------------------------------------------------

  #pump(): void {
    while (this.#slots < this.maxConcurrent) {
      const run = this.#waiting.take((threadId) => this.#busyThreads.has(threadId));
      if (run === undefined) break;
      this.#slots++;
      if (run.threadId !== undefined) this.#busyThreads.add(run.threadId);
      const running: Running = {
        kind: "running",
        abort: new AbortController(),
        asks: new Map(),
      };
      run.state = running;
      void this.#execute(run, running);
    }
    if (this.#waiting.hasRoom) this.#makeRoom();
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  async #execute(run: Run, running: Running): Promise<void> {
    const outcome = await playRun(run, running, {
      engines: this.#engines,
      env: this.#env,
      withheld: this.#options.withheld ?? [],
      log: this.#log,
      stopping: this.#stopping.signal,
      send: async (message) => {
        if (run.state.kind !== "ended") await this.#orStopped(this.#options.sink(message));
      },
      nextAsk: () => `ask_${++this.#asks}`,
      onThread: (threadId) => {
        if (run.threadId !== threadId) this.#freeThread(run.threadId);
        run.threadId = threadId;
        this.#busyThreads.add(threadId);
      },
    });
    // The slot is free when the sink has taken the end: what waits to be written is bounded by the slots.
    await this.#end(run, outcome);
    this.#slots--;
    this.#freeThread(run.threadId);
  }

  #freeThread(threadId: string | undefined): void {
    if (threadId !== undefined) this.#busyThreads.delete(threadId);
    this.#pump();
  }

  /** Sends the `end` of a run, unless it has had one (R1). */
  #end(run: Run, outcome: Outcome): Promise<void> {
    if (run.state.kind === "ended") return Promise.resolve();
    run.state = { kind: "ended" };
    // Before the host can know: it may use the id again as soon as it has read the end.
    this.#runs.delete(run.id);
    run.deadline?.clear();
    const { error } = outcome;
    const shown =
      error === undefined ? {} : { error: { ...error, message: this.#redactor.redact(error.message) } };
    const taken = this.#options.sink({ type: "end", id: run.id, ...outcome, ...shown });
    for (const forget of run.forget) forget();
    run.ended.resolve();
    return this.#orStopped(taken);
  }

  // ---- stopping --------------------------------------------------------------------------------------------------

  async #stop(): Promise<void> {
    this.#accepting = false;
    this.#stopping.abort(new EngineError("closed", "The runner is stopping"));
    this.#makeRoom();
    for (const run of this.#waiting.clear()) void this.#end(run, cancelled(run));
    const running = [...this.#runs.values()];
    for (const { state } of running) {
      if (state.kind === "running") state.abort.abort(this.#stopping.signal.reason);
    }
    const timeoutMs = this.#options.stopTimeoutMs ?? STOP_TIMEOUT_MS;
    await within(this.#clock, timeoutMs, Promise.all(running.map((run) => run.ended.promise)));
    if ((await within(this.#clock, timeoutMs, this.#engines.close())) === "timeout") {
      this.#log("error", `Codex did not end within ${timeoutMs} ms`);
    }
    // A run that is still stuck gets its end, too (R1).
    for (const run of running) void this.#end(run, cancelled(run));
    await this.#engines.closeHomes();
  }

  /** Waits for the sink, but not once the runner stops. */
  #orStopped(taken: Promise<void>): Promise<void> {
    return abortable(taken, this.#stopping.signal).catch(() => {});
  }
}

function unknownRun(id: string): Rejection {
  const message = "there is no run with this id: it was never accepted, or has ended";
  return reject("unknown_run", id, message, "id");
}

function reject(code: Rejection["code"], id: string, message: string, field?: string): Rejection {
  return { type: "error", id, ...(field === undefined ? {} : { field }), code, message };
}
