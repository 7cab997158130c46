/**
 * One Codex thread: when it is loaded, with what, and one turn after the other.
 *
 *   run() ─ wait for the turn before ─> load (start | resume | nothing to do) ─> servers settled ─> turn ─> events
 *
 * It owns the thread's place in the process: what it was opened with, the state of its servers, the turn that runs,
 * and the timer that unloads it. The process belongs to `app-server.ts`, the shape of events to `event-mapper.ts`.
 *
 * Invariants
 *   T1. One turn at a time; the next ones wait in order. Codex would take a second one for more input to the first.
 *   T2. Every open (start, resume, fork) carries the whole configuration. Another configuration than the one the
 *       thread was opened with means: unload, then resume; Codex ignores overrides for a loaded thread.
 *   T3. The model is not asked before every enabled server is ready or has failed. A failed one is an event.
 *   T4. A turn ends exactly once: `turn.completed`, `turn.failed`, or an error thrown to its reader.
 *   T5. Unloading is over when Codex says `thread/closed`; then the thread's MCP servers are gone.
 *   T6. A reader that falls behind stops the pipe, not the order: nothing is dropped. If it never comes back, its
 *       turn is interrupted and it is told so after everything that was kept.
 */
import { createHash } from "node:crypto";
import { Channel } from "../base/channel.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { within } from "../base/abort.ts";
import { LEASE_VARIABLE } from "../base/process-tree.ts";
import type { Log } from "../base/log.ts";
import type { Redactor } from "../base/redact.ts";
import { Semaphore } from "../base/semaphore.ts";
import { RpcError } from "../jsonrpc/index.ts";
import type { CodexAppServer, ThreadSink } from "./app-server.ts";
import type { AppServerProcess } from "./app-server-process.ts";
import { AbortError, CodexError } from "./errors.ts";
import { EventMapper, NO_USAGE, toUsage } from "./event-mapper.ts";
import type { ThreadEvent, Usage } from "./events.ts";
import { type InheritedServers, toWireServers, type WireServers } from "./inherited-servers.ts";
import type {
  JsonObject,
  Notification,
  ThreadOpened,
  TurnStartParams,
  WireInput,
  WireItem,
} from "./protocol.ts";
import {
  type Answer,
  describe,
  OPTION_FOR,
  type Question,
  type QuestionHandler,
  refuse,
  toQuestion,
} from "./questions.ts";
import { plainReason, ServerStartups } from "./server-startups.ts";
import type { ThreadSpec } from "./thread-config.ts";

export interface ThreadSessionOptions {
  readonly server: CodexAppServer;
  readonly inherited: InheritedServers;
  readonly clock: Clock;
  readonly log: Log;
  readonly redactor: Redactor;
  readonly idleUnloadMs: number;
  readonly reconnectTimeoutMs: number;
  readonly readerStallMs: number;
  /** Told once the thread has an id. */
  readonly onOpened: (threadId: string, session: ThreadSession) => void;
  /** Told when the thread is not loaded and nobody waits for a turn: the session holds nothing worth keeping. */
  readonly onCold: (session: ThreadSession) => void;
}

/** How a session comes to its thread. */
export type Origin =
  | { readonly kind: "new" }
  | { readonly kind: "existing"; readonly threadId: string }
  | { readonly kind: "fork"; readonly threadId: string };

export interface RunRequest {
  readonly spec: ThreadSpec;
  readonly input: WireInput[];
  readonly turn: Omit<TurnStartParams, "threadId" | "input">;
  readonly signal: AbortSignal | undefined;
  readonly onQuestion: QuestionHandler | undefined;
  readonly questionTimeoutMs: number;
}

type State =
  | { readonly kind: "cold" }
  | {
      readonly kind: "loaded";
      readonly process: AppServerProcess;
      readonly key: string;
      readonly wire: WireServers;
      readonly startups: ServerStartups;
      readonly closed: PromiseWithResolvers<void>;
    };

type Loaded = Extract<State, { kind: "loaded" }>;

/** The turn that runs, from its acceptance to its end. */
interface ActiveRun {
  readonly request: RunRequest;
  readonly channel: Channel<ThreadEvent>;
  readonly mapper: EventMapper;
  /** Rejects with the reason to stop early; never resolves. */
  readonly stop: PromiseWithResolvers<never>;
  /** Settles when Codex says that the turn is over, with its status. */
  readonly completed: PromiseWithResolvers<"completed" | "interrupted" | "failed">;
  /** Settles when Codex says that the turn runs. The reply to `turn/start` may be lost; this is as good. */
  readonly turnStarted: PromiseWithResolvers<void>;
  phase: "loading" | "turn";
  /** Whether `stop` was given a reason. */
  stopped: boolean;
  /** Whether the reader was told the thread's id. */
  announced: boolean;
  turnId: string | undefined;
  reconnect: Timer | undefined;
  stall: Timer | undefined;
}

/** Characters of events kept for a reader before the pipe is stopped. */
const EVENTS_WEIGHT_MAX = 4 * 1024 * 1024;
const OPEN_TIMEOUT_MS = 60_000;
const INTERRUPT_TIMEOUT_MS = 5_000;
const UNLOAD_TIMEOUT_MS = 10_000;

export class ThreadSession implements ThreadSink {
  readonly #options: ThreadSessionOptions;
  readonly #turns = new Semaphore(1);
  readonly #closing = new AbortController();
  #origin: Origin;
  #state: State = { kind: "cold" };
  #active: ActiveRun | undefined;
  #usage: Usage = NO_USAGE;
  #idle: Timer | undefined;
  #closed: Promise<void> | undefined;
  #ephemeral = false;
  #lastExit: CodexError | undefined;
  /** Set when an ephemeral thread's process has ended: there is nothing to resume. */
  #lost: CodexError | undefined;

  constructor(options: ThreadSessionOptions, origin: Origin) {
    this.#options = options;
    this.#origin = origin;
  }

  /** The thread's id, once it has one. */
  get threadId(): string | null {
    return this.#origin.kind === "existing" ? this.#origin.threadId : null;
  }

  /**
   * Runs one turn. Nothing happens before the first event is asked for; leaving the loop early interrupts the turn.
   *
   * @throws {AbortError} the signal aborted
   * @throws {CodexError} no turn could be made of the request: see `isThrown` below
   */
  async *run(request: RunRequest): AsyncGenerator<ThreadEvent, void, undefined> {
    const signal =
      request.signal === undefined
        ? this.#closing.signal
        : AbortSignal.any([request.signal, this.#closing.signal]);
    let release: () => void;
    try {
      release = await this.#turns.acquire(signal);
    } catch {
      throw this.#abortReason(request);
    }
    this.#idle?.clear();
    const run = this.#createRun(request);
    this.#active = run;
    const onAbort = (): void => run.stop.reject(this.#abortReason(request));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    const work = this.#drive(run).finally(() => {
      signal.removeEventListener("abort", onAbort);
      run.reconnect?.clear();
      this.#active = undefined;
      release();
      this.#scheduleUnload();
    });
    try {
      yield* run.channel;
    } finally {
      // Reached early when the reader left the loop: then the turn has lost its purpose.
      run.stop.reject(new CodexError("turn_interrupted", "The reader of the events left"));
      run.stall?.clear();
      await run.channel.return();
      if (run.phase === "turn") await work;
    }
  }

  /** Interrupts the turn that runs, refuses those that wait, and unloads the thread (T5). Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  onNotification(notification: Notification, weight: number): void {
    const { method, params } = notification;
    if (method === "thread/closed") return this.#onUnloaded();
    if (method === "thread/tokenUsage/updated") this.#usage = toUsage(params.tokenUsage.total);
    if (method === "mcpServer/startupStatus/updated") {
      return this.#state.kind === "loaded" ? this.#state.startups.update(params) : undefined;
    }
    const run = this.#active;
    if (run === undefined) return;
    if (method === "turn/started") {
      if (run.turnId === undefined && run.phase === "turn") run.turnId = params.turn.id;
      if (run.turnId === params.turn.id) run.turnStarted.resolve();
    }
    if (
      run.turnId !== undefined &&
      turnIdOf(notification) !== undefined &&
      turnIdOf(notification) !== run.turnId
    )
      return;
    this.#watchConnection(run, notification);
    if (method === "item/completed") this.#watchServer(notification.params.item);
    for (const event of run.mapper.map(notification)) run.channel.push(event, weight);
    if (method === "turn/completed" && params.turn.status !== "inProgress")
      run.completed.resolve(params.turn.status);
  }

  async onRequest(method: string, params: unknown, signal: AbortSignal): Promise<unknown> {
    const asked = toQuestion(method, params);
    const run = this.#active;
    if (asked === undefined || run === undefined) {
      const refusal = refuse(method);
      if (refusal !== undefined) return refusal;
      throw new RpcError({ code: -32601, message: `Switchyard does not answer "${method}"` });
    }
    const question = this.#named(asked.question);
    return asked.reply(await this.#ask(run, question, signal));
  }

  onProcessExit(error: CodexError): void {
    if (this.#state.kind === "loaded") this.#state.closed.resolve();
    this.#state = { kind: "cold" };
    this.#lastExit = error;
    if (this.#ephemeral) {
      const message = `The ephemeral thread ${this.threadId} ended with its process: ${error.message}`;
      this.#lost = new CodexError("thread_not_found", message, { cause: error });
    }
    // A run that has asked nothing of the model yet tries once more: see `#ready`.
    if (this.#active?.phase === "turn") this.#active.stop.reject(error);
  }

  // ---- the life of a run -------------------------------------------------------------------------------------

  #createRun(request: RunRequest): ActiveRun {
    const channel: Channel<ThreadEvent> = new Channel({
      weightMax: EVENTS_WEIGHT_MAX,
      onFull: () => this.#onReaderBehind(run),
      onRoom: () => run.stall?.clear(),
    });
    const run: ActiveRun = {
      request,
      channel,
      mapper: new EventMapper({ usage: this.#usage, serverName: (name) => this.#hostName(name) }),
      stop: Promise.withResolvers<never>(),
      completed: Promise.withResolvers(),
      turnStarted: Promise.withResolvers<void>(),
      phase: "loading",
      stopped: false,
      announced: false,
      turnId: undefined,
      reconnect: undefined,
      stall: undefined,
    };
    // A run that ends early holds the pipe for nobody: what ends it must be read, too.
    run.stop.promise.catch(() => {
      run.stopped = true;
      run.stall?.clear();
    });
    return run;
  }

  /** Never rejects: how the run ends is said through its channel. */
  async #drive(run: ActiveRun): Promise<void> {
    // Secrets of this run stay hidden in everything we say while it runs.
    const forget = run.request.spec.secrets.map((secret) => this.#options.redactor.add(secret));
    try {
      const loaded = await this.#ready(run);
      const status = await this.#turn(run, loaded);
      if (status === "interrupted") throw new CodexError("turn_interrupted", "The turn was interrupted");
      run.channel.end();
    } catch (error) {
      this.#endWith(run, error);
    } finally {
      for (const take of forget) take();
    }
  }

  #endWith(run: ActiveRun, error: unknown): void {
    if (isThrown(error)) return run.channel.fail(error);
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof CodexError ? error.code : "request_failed";
    run.channel.push({
      type: "turn.failed",
      error: { message: this.#options.redactor.redact(message), code },
    });
    run.channel.end();
  }

  /**
   * Has the thread open and its servers settled. A process that ends meanwhile costs a second try and nothing else:
   * the model has not been asked anything.
   */
  async #ready(run: ActiveRun): Promise<Loaded> {
    for (let attempt = 1; ; attempt++) {
      try {
        const loaded = await this.#load(run);
        await this.#waitForServers(run, loaded);
        return loaded;
      } catch (error) {
        const exited = error instanceof CodexError && error.code === "process_exited";
        if (!exited || attempt === 2 || this.#ephemeral) throw error;
        this.#options.log("warn", `Opening the thread once more: ${error.message}`);
      }
    }
  }

  /** Opens the thread, if it is not open with just this configuration (T2). */
  async #load(run: ActiveRun): Promise<Loaded> {
    const opening = this.#open(run);
    try {
      return await Promise.race([opening, run.stop.promise]);
    } catch (error) {
      // The reader is told at once; but the next turn waits until the open that is on its way has ended.
      if (isThrown(error)) run.channel.fail(error);
      await opening.catch(() => {});
      throw error;
    }
  }

  async #open(run: ActiveRun): Promise<Loaded> {
    const { server, inherited } = this.#options;
    const { spec } = run.request;
    if (this.#lost !== undefined) throw this.#lost;
    const process = await server.process(run.request.signal);
    const names = await inherited.names(process, run.request.signal);
    const wire = toWireServers(spec.servers, names, LEASE_VARIABLE, process.leaseId);
    const key = fingerprint({ ...spec.start, servers: wire.config });
    const state = this.#state;
    const { ephemeral } = spec.start;
    if (state.kind === "loaded") {
      const asBefore = state.process === process && state.key === key;
      // A server that failed stays failed as long as the thread is loaded; opening it anew tries again.
      if (asBefore && (state.startups.failures.length === 0 || ephemeral === true)) {
        this.#announce(run, this.threadId as string);
        return state;
      }
      if (ephemeral === true) {
        throw new CodexError(
          "invalid_options",
          "An ephemeral thread keeps the configuration it was started with",
        );
      }
      await this.#unload();
    }
    const opened = await this.#sendOpen(process, spec, wire);
    const enabled = new Set(spec.servers.filter((each) => each.enabled).map((each) => each.name));
    const startups = new ServerStartups(
      this.#options.clock,
      new Map([...wire.names].filter(([, name]) => enabled.has(name))),
    );
    const loaded: Loaded = {
      kind: "loaded",
      process,
      key,
      wire,
      startups,
      closed: Promise.withResolvers<void>(),
    };
    this.#state = loaded;
    this.#ephemeral = ephemeral === true;
    this.#origin = { kind: "existing", threadId: opened.thread.id };
    this.#options.onOpened(opened.thread.id, this);
    if (this.#announce(run, opened.thread.id)) {
      for (const warning of server.processWarnings) {
        for (const event of run.mapper.map(warning)) run.channel.push(event);
      }
    }
    server.claim(opened.thread.id, this);
    return loaded;
  }

  /** @returns whether this is the first time in this run */
  #announce(run: ActiveRun, threadId: string): boolean {
    if (run.announced) return false;
    run.announced = true;
    run.channel.push({ type: "thread.started", thread_id: threadId });
    return true;
  }

  async #sendOpen(process: AppServerProcess, spec: ThreadSpec, wire: WireServers): Promise<ThreadOpened> {
    const origin = this.#origin;
    const { ephemeral, threadSource, ...common } = spec.start;
    // A command that leaves its process group is found by the tag, as an MCP server is: see `process-tree.ts`.
    const environment = (common.config?.shell_environment_policy ?? {}) as JsonObject;
    const set = { ...(environment.set as JsonObject | undefined), [LEASE_VARIABLE]: process.leaseId };
    const shell_environment_policy = { ...environment, set };
    const params = {
      ...common,
      config: { ...common.config, shell_environment_policy, mcp_servers: wire.config },
    };
    const required = spec.servers.filter((server) => server.required && server.enabled);
    const timeoutMs = OPEN_TIMEOUT_MS + Math.max(0, ...required.map((server) => server.startupTimeoutMs));
    // A thread whose reply came too late belongs to nobody: it must not stay loaded with its servers.
    const onLateResult = (late: unknown): void => {
      const { thread } = late as ThreadOpened;
      if (thread.id === this.threadId && this.#state.kind === "loaded") return;
      process.request("thread/unsubscribe", { threadId: thread.id }).catch(() => {});
    };
    const own = {
      ...(ephemeral === undefined ? {} : { ephemeral }),
      ...(threadSource === undefined ? {} : { threadSource }),
    };
    try {
      switch (origin.kind) {
        case "new":
          return await process.request("thread/start", { ...params, ...own }, { timeoutMs, onLateResult });
        case "fork":
          return await process.request(
            "thread/fork",
            { ...params, ...own, threadId: origin.threadId, excludeTurns: true },
            { timeoutMs, onLateResult },
          );
        case "existing":
          return await process.request(
            "thread/resume",
            { ...params, threadId: origin.threadId, excludeTurns: true },
            { timeoutMs, onLateResult },
          );
      }
    } catch (error) {
      throw openError(error, origin, wire);
    }
  }

  /** Waits until every server is ready or has failed, and says which have failed (T3). */
  async #waitForServers(run: ActiveRun, loaded: Loaded): Promise<void> {
    const { spec } = run.request;
    const limits = spec.servers.filter((server) => server.enabled).map((server) => server.startupTimeoutMs);
    if (limits.length === 0) return;
    const settled = loaded.startups.settle(Math.max(...limits), () => this.#probeServers(loaded));
    const gone = loaded.closed.promise.then(() => {
      throw this.#lastExit ?? new CodexError("process_exited", "Codex closed the thread");
    });
    gone.catch(() => {});
    const failures = await Promise.race([settled, run.stop.promise, gone]);
    for (const { server, reason: raw } of failures) {
      const reason = this.#options.redactor.redact(raw);
      const message = `MCP server "${server}" did not start and is missing in this turn: ${reason}`;
      run.channel.push(run.mapper.errorItem({ message, code: "mcp_server_failed", server, reason }));
    }
  }

  /** Asks for the state of servers that Codex has said nothing about, e.g. because an administrator forbids them. */
  async #probeServers(loaded: Loaded): Promise<void> {
    if (this.threadId === null) return;
    const { data } = await loaded.process.request("mcpServerStatus/list", {
      threadId: this.threadId,
      detail: "toolsAndAuthOnly",
    });
    for (const { name, runtimeStatus, toolsError } of data)
      loaded.startups.probed(name, runtimeStatus, toolsError);
  }

  async #turn(run: ActiveRun, loaded: Loaded): Promise<"completed" | "interrupted" | "failed"> {
    run.phase = "turn";
    const threadId = this.threadId as string;
    const { input, turn } = run.request;
    const reply = loaded.process.request("turn/start", { ...turn, threadId, input });
    const begun = reply.then(
      ({ turn: started }) => {
        run.turnId ??= started.id;
      },
      (error: unknown) => {
        // The reply was lost, but the turn runs: its events say so.
        if (run.turnId !== undefined && error instanceof CodexError && error.code === "request_timeout")
          return;
        throw error;
      },
    );
    begun.catch(() => {});
    try {
      await Promise.race([begun, run.turnStarted.promise, run.completed.promise, run.stop.promise]);
      return await Promise.race([run.completed.promise, run.stop.promise]);
    } catch (error) {
      if (loaded.process.alive && this.#state === loaded) await this.#interrupt(run, loaded, threadId);
      throw error;
    }
  }

  /** Ends the turn that runs, if one does; a thread that will not let go of it is unloaded. */
  async #interrupt(run: ActiveRun, loaded: Loaded, threadId: string): Promise<void> {
    try {
      // An empty turn id means "whatever runs" and, unlike the real id, works before `turn/started`.
      await loaded.process.request(
        "turn/interrupt",
        { threadId, turnId: "" },
        { timeoutMs: INTERRUPT_TIMEOUT_MS },
      );
    } catch (error) {
      // Nothing to interrupt: the turn never began, or is over.
      if (error instanceof RpcError) return;
    }
    const over = Promise.race([run.completed.promise, loaded.closed.promise]);
    if ((await within(this.#options.clock, INTERRUPT_TIMEOUT_MS, over)) === "timeout") await this.#unload();
  }

  // ---- what happens meanwhile --------------------------------------------------------------------------------

  /** Fails the turn when Codex tries in vain to reach the model for too long. */
  #watchConnection(run: ActiveRun, { method, params }: Notification): void {
    if (method !== "error" || !params.willRetry) {
      run.reconnect?.clear();
      run.reconnect = undefined;
      return;
    }
    const limitMs = this.#options.reconnectTimeoutMs;
    const message = `The model could not be reached for ${limitMs} ms: ${params.error.message}`;
    run.reconnect ??= this.#options.clock.schedule(limitMs, () =>
      run.stop.reject(new CodexError("model_unreachable", message)),
    );
  }

  /** Codex never restarts a stdio server that died; the next turn opens the thread anew. */
  #watchServer(item: WireItem): void {
    if (item.type !== "mcpToolCall" || this.#state.kind !== "loaded") return;
    if (item.error?.message.includes("Transport closed") === true) {
      this.#state.startups.lost(item.server, "its connection was closed");
    }
  }

  /** The reader is behind: stop the pipe until it has caught up, but not for ever (T6). */
  #onReaderBehind(run: ActiveRun): void {
    if (run.stopped) return;
    const state = this.#state;
    const resume = state.kind === "loaded" ? state.process.pause() : () => {};
    const limitMs = this.#options.readerStallMs;
    const timer = this.#options.clock.schedule(limitMs, () => {
      resume();
      run.stop.reject(
        new CodexError("reader_stalled", `Nobody read the events of the turn for ${limitMs} ms`),
      );
    });
    run.stall = {
      clear: () => {
        timer.clear();
        resume();
      },
    };
  }

  async #ask(run: ActiveRun, question: Question, signal: AbortSignal): Promise<Answer> {
    const { onQuestion, questionTimeoutMs } = run.request;
    if (onQuestion === undefined) return this.#decline(run, question, "nobody is there to answer");
    const giveUp = new AbortController();
    const timer = this.#options.clock.schedule(questionTimeoutMs, () => giveUp.abort());
    const ended = new Promise<"gone" | "late">((resolve) => {
      signal.addEventListener("abort", () => resolve("gone"), { once: true });
      giveUp.signal.addEventListener("abort", () => resolve("late"), { once: true });
    });
    try {
      const asked = Promise.resolve(
        onQuestion(question, { signal: AbortSignal.any([signal, giveUp.signal]) }),
      );
      const answer = await Promise.race([asked, ended]);
      // Moot: the answer goes nowhere, and there is nothing to tell.
      if (answer === "gone") return { decision: "decline" };
      if (answer === "late")
        return this.#decline(run, question, `there was no answer within ${questionTimeoutMs} ms`);
      return answer;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return this.#decline(run, question, `the handler failed: ${this.#options.redactor.redact(why)}`);
    } finally {
      timer.clear();
    }
  }

  #decline(run: ActiveRun, question: Question, why: string): Answer {
    const option = OPTION_FOR[question.kind];
    const message = `Codex asked ${describe(question)}; declined, because ${why}. To allow it: ${option}`;
    const server = "server" in question ? { server: question.server } : {};
    const event = run.mapper.errorItem({
      message,
      code: "request_declined",
      request: question.kind,
      option,
      ...server,
    });
    run.channel.push(event);
    return { decision: "decline" };
  }

  #named(question: Question): Question {
    return "server" in question ? { ...question, server: this.#hostName(question.server) } : question;
  }

  #hostName(name: string): string {
    return this.#state.kind === "loaded" ? (this.#state.wire.names.get(name) ?? name) : name;
  }

  // ---- the end -------------------------------------------------------------------------------------------------

  #scheduleUnload(): void {
    // An ephemeral thread cannot be resumed: it stays until it is closed.
    if (this.#turns.waiting === 0 && this.#state.kind === "cold" && !this.#ephemeral)
      this.#options.onCold(this);
    if (
      this.#ephemeral ||
      this.#state.kind !== "loaded" ||
      this.#turns.waiting > 0 ||
      this.#closed !== undefined
    )
      return;
    const unload = (): void => void this.#unloadIfIdle();
    this.#idle = this.#options.clock.schedule(this.#options.idleUnloadMs, unload, { background: true });
  }

  async #unloadIfIdle(): Promise<void> {
    if (this.#turns.held > 0 || this.#turns.waiting > 0) return;
    const release = await this.#turns.acquire();
    try {
      await this.#unload();
    } finally {
      release();
    }
    if (this.#turns.held === 0 && this.#turns.waiting === 0) this.#options.onCold(this);
  }

  async #close(): Promise<void> {
    this.#idle?.clear();
    this.#closing.abort(new CodexError("closed", "The thread was closed"));
    const release = await this.#turns.acquire();
    try {
      await this.#unload();
    } finally {
      release();
    }
  }

  /** Ends the thread's place in the process (T5). A running turn ends with it. */
  async #unload(): Promise<void> {
    const state = this.#state;
    const { threadId } = this;
    if (state.kind !== "loaded" || threadId === null) return;
    const { server, clock, log } = this.#options;
    try {
      const { status } = await state.process.request("thread/unsubscribe", { threadId });
      if (status === "unsubscribed") {
        const ended = await within(clock, UNLOAD_TIMEOUT_MS, state.closed.promise);
        if (ended === "timeout")
          log("warn", `Codex did not unload thread ${threadId} in ${UNLOAD_TIMEOUT_MS} ms`);
      }
    } catch (error) {
      // The process is gone, and the thread with it.
      if (state.process.alive) log("warn", `Cannot unload thread ${threadId}: ${String(error)}`);
    }
    for (const child of server.release(threadId)) {
      state.process.request("thread/unsubscribe", { threadId: child }).catch(() => {});
    }
    if (this.#state === state) this.#state = { kind: "cold" };
  }

  #onUnloaded(): void {
    if (this.#state.kind !== "loaded") return;
    this.#state.closed.resolve();
    this.#state = { kind: "cold" };
  }

  #abortReason(request: RunRequest): Error {
    if (request.signal?.aborted === true) return new AbortError(request.signal);
    return new CodexError("closed", "The thread was closed");
  }
}

/**
 * Whether an error is thrown to the reader instead of becoming a `turn.failed`: the caller gave up, asked for
 * something that makes no sense, or there is no Codex to ask.
 */
function isThrown(error: unknown): boolean {
  if (error instanceof AbortError) return true;
  if (!(error instanceof CodexError)) return false;
  const thrown: readonly string[] = [
    "codex_not_found",
    "codex_unsupported",
    "codex_start_failed",
    "thread_not_found",
    "thread_busy",
    "invalid_options",
    "closed",
  ];
  return thrown.includes(error.code);
}

/** What Codex says when a thread cannot be opened, in our words. The texts are those of Codex 0.169. */
function openError(error: unknown, origin: Origin, wire: WireServers): unknown {
  if (!(error instanceof RpcError)) return error;
  const options = { cause: error };
  const { message } = error;
  const thread = origin.kind === "new" ? "" : ` ${origin.threadId}`;
  if (/no rollout found|thread not found|invalid (thread|session) id/i.test(message)) {
    return new CodexError("thread_not_found", `There is no thread${thread} in this Codex home`, options);
  }
  if (message.includes("already has an active writer")) {
    return new CodexError("thread_busy", `Thread${thread} is open in another Codex process`, options);
  }
  const required = /required MCP servers failed to initialize: (.*)$/s.exec(message)?.[1];
  if (required !== undefined) {
    // "name: reason; name: reason"
    const reason = required
      .split(/; (?=[a-zA-Z0-9_:@/.-]+: )/)
      .map((failure) => {
        const at = failure.indexOf(": ");
        const name = failure.slice(0, at);
        return `"${wire.names.get(name) ?? name}": ${plainReason(failure.slice(at + 2))}`;
      })
      .join("; ");
    return new CodexError("mcp_server_failed", `A required MCP server did not start: ${reason}`, options);
  }
  return new CodexError("request_failed", `Codex refused to open the thread${thread}: ${message}`, options);
}

function turnIdOf({ params }: Notification): string | undefined {
  const { turnId, turn } = params as { turnId?: string | null; turn?: { id: string } };
  return turn?.id ?? turnId ?? undefined;
}

/** Equal for equal configurations. A digest, so that no copy of a secret is kept for comparing. */
function fingerprint(value: object): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("base64");
}
