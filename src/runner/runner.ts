/**
 * Many runs at once: who may begin, what becomes of each, and that each gets its end.
 *
 *   submit(run) ─> waiting ─> a slot and its thread are free ─> engine ─> sink: event … ask … end
 *   submit(cancel), submit(answer) ─> the run they name
 *
 * It knows no transport: messages come in as values and go out through `sink`, whose promise is the back-pressure.
 * A turn is the engine's business (`thread/engine.ts`).
 *
 * Invariants
 *   R1. Every accepted run gets exactly one `end`, whatever happens, and nothing after it.
 *   R2. At most `maxConcurrent` runs have a slot; a run that waits for its thread has none.
 *   R3. One run per thread at a time, in the order they came.
 *   R4. The next event is pulled when the sink has taken the one before: for a host that does not read, the engine
 *       stops reading Codex's pipe. Nothing is lost, and no run fails for it, however long it takes.
 *   R5. A run with a process of its own leaves neither process nor (if ephemeral) home when its `end` is sent.
 *   R6. `stop` returns in bounded time, with every run ended and every process gone.
 *   R7. Threads that nobody uses any more are unloaded: at most `maxConcurrent` stay loaded for a next run.
 */
import { abortable, within } from "../base/abort.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { type Log, silentLog } from "../base/log.ts";
import { Redactor } from "../base/redact.ts";
import { resolveServers } from "../codex/index.ts";
import type { CreateEngine, Engine, EngineSettings, EngineThread } from "../thread/engine.ts";
import { AbortError, EngineError } from "../thread/errors.ts";
import type { ThreadEvent, Usage } from "../thread/events.ts";
import type { Answer, Question } from "../thread/questions.ts";
import { defaultMaxConcurrent } from "./concurrency.ts";
import { type IsolatedHome, IsolatedHomes } from "./homes.ts";
import type {
  AnswerMessage,
  CancelMessage,
  EndMessage,
  EndStatus,
  Inbound,
  Outbound,
  Rejection,
  RunMessage,
  RunParams,
} from "./protocol.ts";
import { toInput, toThreadOptions, toWireEvent, toWireQuestion, toWireWords } from "./thread-options.ts";
import { WaitingRuns } from "./waiting-runs.ts";

/** Takes a message at once; the promise settles when there is room for the next, and never rejects. */
export type Sink = (message: Outbound) => Promise<void>;

export interface RunnerOptions {
  readonly sink: Sink;
  /** Creates the engine that all shared runs use, and those that single runs have. */
  readonly createEngine: CreateEngine;
  /** Folder for the homes of runs with a process of their own; created when one is needed. */
  readonly homesRoot: string;
  /** Where references of MCP servers are looked up, and what runs with `inherit_env` get. @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Receives diagnostics. @default none */
  readonly log?: Log;
  /** @default the system's clock */
  readonly clock?: Clock;
  /** @default by memory: see `defaultMaxConcurrent` */
  readonly maxConcurrent?: number;
  /** Runs that may wait before `whenRoom` holds the reader back. @default 1000 */
  readonly waitingMax?: number;
  /** The same, by the bytes of their lines. @default 64 MB */
  readonly waitingBytesMax?: number;
  /** What `stop` allows for runs to end by themselves, and again for the processes to. @default 10 000 */
  readonly stopTimeoutMs?: number;
  /** Learns the secrets of every run while it goes on. @default one of its own */
  readonly redactor?: Redactor;
}

interface Running {
  readonly kind: "running";
  readonly abort: AbortController;
  readonly asks: Map<string, PromiseWithResolvers<Answer>>;
  cancelled: boolean;
}

interface Run {
  readonly id: string;
  readonly bytes: number;
  readonly params: RunParams;
  /** The thread it goes on with, later the one it has begun. */
  threadId: string | undefined;
  /** Takes its secrets back. */
  readonly forget: readonly (() => void)[];
  readonly ended: PromiseWithResolvers<void>;
  state: { readonly kind: "waiting" } | Running | { readonly kind: "ended" };
}

/** Where a run takes place: an engine, and what to do with thread and engine afterwards. */
interface Place {
  readonly engine: Engine;
  readonly onThread: (threadId: string) => Promise<void>;
  readonly leave: (thread: EngineThread) => Promise<void>;
}

type Outcome = Omit<EndMessage, "type" | "id">;

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
  readonly #env: Readonly<Record<string, string | undefined>>;
  /** Every run that has not ended, by its id. */
  readonly #runs = new Map<string, Run>();
  readonly #waiting: WaitingRuns<Run>;
  readonly #busyThreads = new Set<string>();
  /** Loaded threads of the shared engine without a run, the one used longest ago first (R7). */
  readonly #idleThreads = new Map<string, EngineThread>();
  /** Engines of single runs. */
  readonly #isolated = new Set<Engine>();
  readonly #stopping = new AbortController();
  #slots = 0;
  #asks = 0;
  #shared: Engine | undefined;
  #homes: Promise<IsolatedHomes> | undefined;
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
  }

  /** Removes what crashed runners left on disk. Without it, that happens when a run first needs to look there. */
  async start(): Promise<void> {
    await this.#openHomes();
  }

  /**
   * Takes a message of the host.
   *
   * @param bytes the size of its line, which counts against what may wait
   * @returns why it was not accepted; `undefined` when it was
   */
  submit(message: Inbound, bytes = 0): Rejection | undefined {
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

  /** Accepts no more runs, lets the accepted ones come to their end, and then ends everything else. */
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

  // ---- what a host can say ---------------------------------------------------------------------------------------

  #admit({ id, params }: RunMessage, bytes: number): Rejection | undefined {
    if (!this.#accepting) return refuse("stopping", id, "The runner is stopping and takes no more runs");
    if (this.#runs.has(id)) {
      return refuse("duplicate_id", id, "id is that of a run that is still going on", "id");
    }
    let secrets: string[];
    try {
      secrets = this.#secretsOf(params);
    } catch (error) {
      return refuse("invalid_mcp_server", id, messageOf(error), "params.mcp_servers");
    }
    const run: Run = {
      id,
      bytes,
      params,
      threadId: params.resume,
      forget: secrets.map((secret) => this.#redactor.add(secret)),
      ended: Promise.withResolvers<void>(),
      state: { kind: "waiting" },
    };
    this.#runs.set(id, run);
    this.#waiting.add(run);
    this.#pump();
    return undefined;
  }

  /** @throws {EngineError} `invalid_options` for servers that `parseLine` has not seen */
  #secretsOf({ mcp_servers, api_key }: RunParams): string[] {
    const servers = resolveServers(mcp_servers ?? {}, { env: this.#env, defaultApproval: undefined });
    return [...servers.flatMap((server) => server.secrets), ...(api_key === undefined ? [] : [api_key])];
  }

  #cancel({ id }: CancelMessage): Rejection | undefined {
    const run = this.#runs.get(id);
    if (run === undefined) return unknownRun(id);
    if (run.state.kind === "running") {
      run.state.cancelled = true;
      run.state.abort.abort(new EngineError("turn_interrupted", "The host cancelled the run"));
      return undefined;
    }
    this.#waiting.remove(id);
    this.#pump();
    void this.#end(run, cancelled(run));
    return undefined;
  }

  #answer({ id, ask, decision, content, answers }: AnswerMessage): Rejection | undefined {
    const run = this.#runs.get(id);
    if (run === undefined) return unknownRun(id);
    const open = run.state.kind === "running" ? run.state.asks.get(ask) : undefined;
    if (open === undefined) {
      return refuse("unknown_ask", id, "ask is not that of a question that is open in this run", "ask");
    }
    open.resolve({
      decision,
      ...(content === undefined ? {} : { content }),
      ...(answers === undefined ? {} : { answers }),
    });
    return undefined;
  }

  // ---- who may begin ---------------------------------------------------------------------------------------------

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
        cancelled: false,
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
    let outcome: Outcome;
    try {
      outcome = await this.#play(run, running);
    } catch (error) {
      outcome = running.cancelled || error instanceof AbortError ? cancelled(run) : failed(run, error);
    }
    // The slot is free when the sink has taken the end: what waits to be written is bounded by the slots.
    await this.#end(run, outcome);
    this.#slots--;
    if (run.threadId !== undefined) this.#busyThreads.delete(run.threadId);
    this.#pump();
  }

  /** Sends the `end` of a run, unless it has had one (R1). */
  #end(run: Run, outcome: Outcome): Promise<void> {
    if (run.state.kind === "ended") return Promise.resolve();
    run.state = { kind: "ended" };
    // Before the host can know: it may use the id again as soon as it has read the end.
    this.#runs.delete(run.id);
    const { error, ...rest } = outcome;
    const told =
      error === undefined
        ? {}
        : { error: { ...error, message: this.#redactor.redact(toWireWords(error.message)) } };
    const taken = this.#options.sink({ type: "end", id: run.id, ...rest, ...told });
    for (const forget of run.forget) forget();
    run.ended.resolve();
    return this.#orStopped(taken);
  }

  // ---- the life of a run -----------------------------------------------------------------------------------------

  /** @throws {AbortError} the run was cancelled; @throws {EngineError} no turn could be made of it */
  async #play(run: Run, running: Running): Promise<Outcome> {
    const { params } = run;
    const place = await this.#place(run);
    const options = toThreadOptions(params, this.#env);
    if (params.questions === "host") {
      options.onQuestion = (question, { signal }) => this.#ask(run, running, question, signal);
    }
    const thread =
      params.resume === undefined
        ? place.engine.startThread(options)
        : place.engine.resumeThread(params.resume, options);
    try {
      return await this.#turn(run, running, thread, place);
    } finally {
      running.asks.clear();
      try {
        await place.leave(thread);
      } catch (error) {
        // What it leaves behind is ended with the runner; the outcome of the turn stands.
        this.#log("error", `Cannot clean up after the run: ${messageOf(error)}`, { run: run.id });
      }
    }
  }

  async #turn(run: Run, running: Running, thread: EngineThread, place: Place): Promise<Outcome> {
    const { output_schema: outputSchema } = run.params;
    const { events } = await thread.runStreamed(toInput(run.params), {
      signal: running.abort.signal,
      ...(outputSchema === undefined ? {} : { outputSchema }),
    });
    let status: EndStatus | undefined;
    let final: string | undefined;
    let usage: Usage | undefined;
    let error: EndMessage["error"];
    for await (const event of events) {
      switch (event.type) {
        case "thread.started":
          run.threadId = event.thread_id;
          this.#busyThreads.add(event.thread_id);
          await place.onThread(event.thread_id);
          break;
        case "item.completed":
          if (event.item.type === "agent_message") final = event.item.text;
          break;
        case "turn.completed":
          status = "completed";
          usage = event.usage;
          break;
        case "turn.failed":
          status = "failed";
          error = event.error;
          break;
        default:
      }
      await this.#emit(run, event);
      // A stopping runner leaves the loop, which interrupts the turn: the sink may never take another event.
      if (this.#stopping.signal.aborted) break;
    }
    if (status === undefined) {
      if (running.cancelled) return cancelled(run, final);
      status = "failed";
      error = { message: "Codex ended the turn without saying how", code: "turn_interrupted" };
    }
    return {
      status,
      ...threadOf(run),
      ...(final === undefined ? {} : { final_response: final }),
      ...(usage === undefined ? {} : { usage }),
      ...(error === undefined ? {} : { error }),
    };
  }

  async #emit(run: Run, event: ThreadEvent): Promise<void> {
    if (run.state.kind === "ended") return;
    await this.#orStopped(this.#options.sink({ type: "event", id: run.id, event: toWireEvent(event) }));
  }

  async #ask(run: Run, running: Running, question: Question, signal: AbortSignal): Promise<Answer> {
    this.#asks++;
    const ask = `ask_${this.#asks}`;
    const open = Promise.withResolvers<Answer>();
    running.asks.set(ask, open);
    try {
      if (run.state.kind !== "ended") {
        void this.#options.sink({ type: "ask", id: run.id, ask, question: toWireQuestion(question) });
      }
      return await abortable(open.promise, signal);
    } finally {
      running.asks.delete(ask);
    }
  }

  // ---- where it takes place --------------------------------------------------------------------------------------

  async #place(run: Run): Promise<Place> {
    const { resume, isolation, ephemeral } = run.params;
    if (resume === undefined) {
      if (isolation !== "process") return this.#sharedPlace(run);
      const homes = await this.#openHomes();
      return this.#isolatedPlace(run, await homes.create(), ephemeral !== true);
    }
    const homes = await this.#openHomes();
    const home = await homes.find(resume);
    if (home !== undefined) return this.#isolatedPlace(run, home, true);
    if (isolation !== "process") return this.#sharedPlace(run);
    const why = `There is no thread ${resume} with a process of its own; resume it without isolation "process"`;
    throw new EngineError("thread_not_found", why);
  }

  #sharedPlace(run: Run): Place {
    if (this.#stopping.signal.aborted) throw new EngineError("closed", "The runner is stopping");
    this.#shared ??= this.#createEngine({ log: this.#log });
    // The thread is in use again, whichever view of it used it last.
    if (run.threadId !== undefined) this.#idleThreads.delete(run.threadId);
    return {
      engine: this.#shared,
      onThread: () => Promise.resolve(),
      leave: async (thread) => {
        // It could not be resumed: nothing to stay loaded for.
        if (run.params.ephemeral === true) return await thread.close();
        if (run.threadId === undefined) return;
        this.#idleThreads.set(run.threadId, thread);
        if (this.#idleThreads.size > this.maxConcurrent) void this.#unloadOldest();
      },
    };
  }

  async #isolatedPlace(run: Run, home: IsolatedHome, keep: boolean): Promise<Place> {
    if (this.#stopping.signal.aborted) {
      await home.release();
      throw new EngineError("closed", "The runner is stopping");
    }
    const log: Log = (level, message, about) => this.#log(level, message, { run: run.id, ...about });
    const engine = this.#createEngine({ log, home: home.path });
    this.#isolated.add(engine);
    return {
      engine,
      onThread: async (threadId) => {
        if (keep) await home.keepFor(threadId);
      },
      leave: async () => {
        await engine.close();
        this.#isolated.delete(engine);
        await home.release();
      },
    };
  }

  /** Unloads the thread that was used longest ago; nobody gets it before that is over (R3). */
  async #unloadOldest(): Promise<void> {
    const [oldest] = this.#idleThreads;
    if (oldest === undefined) return;
    const [threadId, thread] = oldest;
    this.#idleThreads.delete(threadId);
    if (this.#busyThreads.has(threadId)) return;
    this.#busyThreads.add(threadId);
    try {
      await thread.close();
    } catch (error) {
      this.#log("warn", `Cannot unload thread ${threadId}: ${messageOf(error)}`);
    }
    this.#busyThreads.delete(threadId);
    this.#pump();
  }

  #createEngine(settings: Omit<EngineSettings, "readerStallMs">): Engine {
    return this.#options.createEngine({ ...settings, readerStallMs: NEVER_MS });
  }

  #openHomes(): Promise<IsolatedHomes> {
    if (this.#homes === undefined) {
      this.#homes = IsolatedHomes.open(this.#options.homesRoot);
      // The next run tries again: the disk may have been full.
      this.#homes.catch(() => (this.#homes = undefined));
    }
    return this.#homes;
  }

  // ---- the end ---------------------------------------------------------------------------------------------------

  async #stop(): Promise<void> {
    this.#accepting = false;
    this.#stopping.abort(new EngineError("closed", "The runner is stopping"));
    this.#makeRoom();
    for (const run of this.#waiting.clear()) void this.#end(run, cancelled(run));
    const running = [...this.#runs.values()];
    for (const { state } of running) {
      if (state.kind !== "running") continue;
      state.cancelled = true;
      state.abort.abort(this.#stopping.signal.reason);
    }
    const timeoutMs = this.#options.stopTimeoutMs ?? STOP_TIMEOUT_MS;
    await within(this.#clock, timeoutMs, Promise.all(running.map((run) => run.ended.promise)));
    const engines = [...this.#isolated, ...(this.#shared === undefined ? [] : [this.#shared])];
    const closing = Promise.allSettled(engines.map((engine) => engine.close()));
    if ((await within(this.#clock, timeoutMs, closing)) === "timeout") {
      this.#log("error", `Codex did not end within ${timeoutMs} ms`);
    }
    // A run that is stuck all the same gets its end, too (R1).
    for (const run of running) void this.#end(run, cancelled(run));
    const homes = await this.#homes?.catch(() => undefined);
    await homes?.close();
  }

  /** Waits for the sink, but not once the runner stops. */
  #orStopped(taken: Promise<void>): Promise<void> {
    return abortable(taken, this.#stopping.signal).catch(() => {});
  }
}

function unknownRun(id: string): Rejection {
  const message = "there is no run with this id: it was never accepted, or has ended";
  return refuse("unknown_run", id, message, "id");
}

function refuse(code: Rejection["code"], id: string, message: string, field?: string): Rejection {
  return { type: "error", id, ...(field === undefined ? {} : { field }), code, message };
}

function cancelled(run: Run, final?: string): Outcome {
  return {
    status: "cancelled",
    ...threadOf(run),
    ...(final === undefined ? {} : { final_response: final }),
  };
}

function failed(run: Run, error: unknown): Outcome {
  const code = error instanceof EngineError ? { code: error.code } : {};
  return { status: "failed", ...threadOf(run), error: { message: messageOf(error), ...code } };
}

function threadOf(run: Run): { thread_id?: string } {
  return run.threadId === undefined ? {} : { thread_id: run.threadId };
}
