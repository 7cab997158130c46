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
 *   T6. A thread is on disk once its first turn has started. Before that, opening it again means starting it again.
 */
import { createHash } from "node:crypto";
import { within } from "../../base/abort.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { JsonObject } from "../../base/json.ts";
import type { Log } from "../../base/log.ts";
import { TAG_VARIABLE } from "../../process/process-tree.ts";
import type { Redactor } from "../../base/redact.ts";
import { Semaphore } from "../../base/semaphore.ts";
import { METHOD_NOT_FOUND, RpcError } from "../../jsonrpc/index.ts";
import { ActiveRun, isThrown, type RunRequest, type TurnEnd } from "./run.ts";
import type { CodexAppServer, ThreadSink } from "../app-server/supervisor.ts";
import type { AppServerProcess } from "../app-server/process.ts";
import { CodexError } from "../errors.ts";
import { AbortError } from "../../thread/errors.ts";
import type { Question } from "../../thread/questions.ts";
import { NO_USAGE, toUsage } from "./event-mapper.ts";
import type { ThreadEvent, Usage } from "../../thread/events.ts";
import { type InheritedServers, toWireServers, type WireServers } from "../direct/inherited-servers.ts";
import type { Notification, ThreadOpened, WireItem } from "../app-server/protocol.ts";
import { refuse, toQuestion } from "./questions.ts";
import { missingEnvironment } from "../direct/missing-environment.ts";
import { plainReason, ServerStartups } from "../direct/startups.ts";
import type { ThreadSpec } from "./spec.ts";

export interface ThreadSessionOptions {
  readonly server: CodexAppServer;
  readonly inherited: InheritedServers;
  readonly clock: Clock;
  readonly log: Log;
  readonly redactor: Redactor;
  readonly idleUnloadMs: number;
  readonly reconnectTimeoutMs: number;
  readonly readerStallMs: number;
  /** Told when the thread has got an id, and which one it had before. */
  readonly onOpened: (session: ThreadSession, threadId: string, before: string | null) => void;
  /** Told when somebody runs a turn. */
  readonly onBusy: (session: ThreadSession) => void;
  /** Told when the thread is not loaded and nobody waits for a turn. */
  readonly onCold: (session: ThreadSession) => void;
}

/** How a session comes to its thread. */
export type Origin =
  | { readonly kind: "new" }
  | { readonly kind: "existing"; readonly threadId: string }
  | { readonly kind: "fork"; readonly threadId: string };

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

const OPEN_TIMEOUT_MS = 60_000;
const INTERRUPT_TIMEOUT_MS = 5_000;
const UNLOAD_TIMEOUT_MS = 10_000;

export class ThreadSession implements ThreadSink {
  readonly #options: ThreadSessionOptions;
  readonly #turns = new Semaphore(1);
  readonly #closing = new AbortController();
  #origin: Origin;
  #threadId: string | null;
  #state: State = { kind: "cold" };
  #active: ActiveRun | undefined;
  #usage: Usage = NO_USAGE;
  #idle: Timer | undefined;
  #closed: Promise<void> | undefined;
  #ephemeral = false;
  /** Takes the secrets of the configuration that the thread has now out of the redactor again. */
  #forgetSecrets: () => void = () => {};
  #lastExit: CodexError | undefined;
  /** Set when an ephemeral thread's process has ended: there is nothing to resume. */
  #lost: CodexError | undefined;

  constructor(options: ThreadSessionOptions, origin: Origin) {
    this.#options = options;
    this.#origin = origin;
    this.#threadId = origin.kind === "existing" ? origin.threadId : null;
  }

  /** The thread's id, once it has one. */
  get threadId(): string | null {
    return this.#threadId;
  }

  /**
   * Runs one turn. Nothing happens before the first event is asked for; leaving the loop early interrupts the turn.
   *
   * @throws {AbortError} the signal aborted
   * @throws {CodexError} no turn could be made of the request: see `isThrown`
   */
  async *run(request: RunRequest): AsyncGenerator<ThreadEvent, void, undefined> {
    const signal =
      request.signal === undefined
        ? this.#closing.signal
        : AbortSignal.any([request.signal, this.#closing.signal]);
    this.#options.onBusy(this);
    let release: () => void;
    try {
      release = await this.#turns.acquire(signal);
    } catch {
      throw this.#abortReason(request);
    }
    this.#idle?.clear();
    const run = this.#createRun(request, signal);
    this.#active = run;
    const onAbort = (): void => run.stop(this.#abortReason(request));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    const work = this.#drive(run).finally(() => {
      signal.removeEventListener("abort", onAbort);
      run.dispose();
      this.#active = undefined;
      release();
      this.#afterRun();
    });
    let ended = false;
    try {
      yield* run.events;
      ended = true;
    } catch (error) {
      ended = true;
      throw error;
    } finally {
      if (!ended) {
        // The reader has left the loop: the turn has lost its purpose. Shortly after, it is over.
        run.stop(new CodexError("turn_interrupted", "The reader of the events left"));
        await run.leave();
        if (run.inTurn) await within(this.#options.clock, INTERRUPT_TIMEOUT_MS, work);
      }
    }
  }

  /** Whether another session could take over, knowing only the id: the thread is on disk. */
  get isOnDisk(): boolean {
    return this.#origin.kind === "existing" && !this.#ephemeral;
  }

  get isClosing(): boolean {
    return this.#closed !== undefined;
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
    if (method === "turn/started" && this.#threadId !== null) {
      this.#origin = { kind: "existing", threadId: this.#threadId };
    }
    if (method === "item/completed") this.#watchServer(params.item);
    this.#active?.take(notification, weight);
  }

  async onRequest(method: string, params: unknown, signal: AbortSignal): Promise<unknown> {
    const asked = toQuestion(method, params);
    const run = this.#active;
    if (asked === undefined || run === undefined) {
      const refusal = refuse(method);
      if (refusal !== undefined) return refusal;
      throw new RpcError({ code: METHOD_NOT_FOUND, message: `Switchyard does not answer "${method}"` });
    }
    return asked.reply(await run.ask(this.#named(asked.question), signal));
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
    if (this.#active?.inTurn === true) this.#active.stop(error);
  }

  // ---- the life of a run -------------------------------------------------------------------------------------

  #createRun(request: RunRequest, signal: AbortSignal): ActiveRun {
    const { clock, redactor, reconnectTimeoutMs, readerStallMs } = this.#options;
    return new ActiveRun({
      request,
      signal,
      clock,
      redactor,
      reconnectTimeoutMs,
      readerStallMs,
      usage: this.#usage,
      serverName: (name) => this.#hostName(name),
      source: () => (this.#state.kind === "loaded" ? this.#state.process : undefined),
    });
  }

  /** Never rejects: how the run ends is said to its reader. */
  async #drive(run: ActiveRun): Promise<void> {
    this.#hideSecrets(run.request.spec);
    try {
      const end = await this.#ready(run)
        .then((loaded) => this.#turn(run, loaded))
        .catch(async (error: unknown) => {
          // Somebody else had the thread unloaded, between two turns of ours: nothing was asked of the model yet.
          if (!isGone(error) || this.#ephemeral) throw error;
          return await this.#turn(run, await this.#ready(run));
        });
      if (end === "interrupted") throw new CodexError("turn_interrupted", "The turn was interrupted");
      run.end();
    } catch (error) {
      run.fail(error);
    }
  }

  /** The secrets of a configuration stay hidden in everything we say as long as the thread has it. */
  #hideSecrets(spec: ThreadSpec): void {
    const before = this.#forgetSecrets;
    const take = spec.secrets.map((secret) => this.#options.redactor.add(secret));
    this.#forgetSecrets = () => {
      for (const forget of take) forget();
    };
    before();
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
      return await Promise.race([opening, run.stopped]);
    } catch (error) {
      // The reader is told at once; but the next turn waits until the open that is on its way has ended.
      if (isThrown(error)) run.fail(error);
      await opening.catch(() => {});
      throw error;
    }
  }

  async #open(run: ActiveRun): Promise<Loaded> {
    const { server, inherited } = this.#options;
    const { spec } = run.request;
    if (this.#lost !== undefined) throw this.#lost;
    const process = await server.process(run.signal);
    const names = await inherited.names(process, run.signal);
    const wire = toWireServers(spec.servers, names, TAG_VARIABLE, process.tag);
    const { ephemeral, threadSource: _, ...resumable } = spec.start;
    const key = fingerprint({ ...resumable, servers: wire.config });
    const state = this.#state;
    if (state.kind === "loaded") {
      const asBefore = state.process === process && state.key === key;
      // A server that failed stays failed as long as the thread is loaded; opening it anew tries again.
      if (asBefore && (state.startups.failures.length === 0 || this.#ephemeral)) {
        run.announce(this.#threadId as string);
        return state;
      }
      if (this.#ephemeral) {
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
    // A thread that is resumed is on disk, whatever is asked for now.
    this.#ephemeral = this.#origin.kind !== "existing" && ephemeral === true;
    const { id } = opened.thread;
    this.#options.onOpened(this, id, this.#threadId);
    this.#threadId = id;
    if (run.announce(id)) for (const warning of server.processWarnings) run.take(warning);
    server.claim(id, this);
    return loaded;
  }

  async #sendOpen(process: AppServerProcess, spec: ThreadSpec, wire: WireServers): Promise<ThreadOpened> {
    const origin = this.#origin;
    const { ephemeral, threadSource, ...common } = spec.start;
    // A command that leaves its process group is found by the tag, as an MCP server is: see `process-tree.ts`.
    const environment = (common.config?.shell_environment_policy ?? {}) as JsonObject;
    const set = { ...(environment.set as JsonObject | undefined), [TAG_VARIABLE]: process.tag };
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
    const gone = loaded.closed.promise.then(() => {
      throw this.#lastExit ?? new CodexError("process_exited", "Codex closed the thread");
    });
    const failures = await loaded.startups.settle(
      Math.max(...limits),
      () => this.#probeServers(loaded),
      Promise.race([run.stopped, gone]),
    );
    for (const { server, reason: raw } of failures) {
      const reason = this.#options.redactor.redact(raw);
      // Codex fails such a thread itself, but not one whose environment it does not have.
      if (spec.servers.some(({ name, required }) => name === server && required)) {
        const message = `A required MCP server did not start: ${server}: ${reason}`;
        throw new CodexError("mcp_server_failed", message);
      }
      const message = `MCP server "${server}" did not start and is missing in this turn: ${reason}`;
      run.tell({ message, code: "mcp_server_failed", server, reason });
    }
  }

  /** Asks for the state of servers that Codex has said nothing about, e.g. because an administrator forbids them. */
  async #probeServers(loaded: Loaded): Promise<void> {
    if (this.threadId === null) return;
    const { data } = await loaded.process.request("mcpServerStatus/list", {
      threadId: this.threadId,
      detail: "toolsAndAuthOnly",
    });
    for (const { name, runtimeStatus, toolsError } of data) {
      const { environment_id } = (loaded.wire.config[name] ?? {}) as JsonObject;
      const missing =
        runtimeStatus === "disabled"
          ? missingEnvironment(environment_id, loaded.process.codexHome, loaded.process.environmentIds)
          : undefined;
      loaded.startups.probed(name, runtimeStatus, toolsError ?? missing ?? null);
    }
  }

  async #turn(run: ActiveRun, loaded: Loaded): Promise<TurnEnd> {
    run.beginTurn();
    const letGo = loaded.process.hold();
    const threadId = this.#threadId as string;
    const { input, turn } = run.request;
    const begun = loaded.process.request("turn/start", { ...turn, threadId, input }).then(
      (reply) => run.turnIsNamed(reply.turn.id),
      (error: unknown) => {
        // The reply was lost, but the turn runs: its events say so.
        const lost = error instanceof CodexError && error.code === "request_timeout";
        if (!lost || run.turnId === undefined) throw error;
      },
    );
    begun.catch(() => {});
    try {
      await Promise.race([begun, run.turnStarted, run.turnEnded, run.stopped]);
      return await Promise.race([run.turnEnded, run.stopped]);
    } catch (error) {
      // The reader is told at once: what has to be read before the turn is over may stand behind others.
      if (isThrown(error)) run.fail(error);
      if (isGone(error)) this.#onUnloaded();
      else if (loaded.process.alive && this.#state === loaded) await this.#interrupt(run, loaded, threadId);
      throw error;
    } finally {
      letGo();
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
    const over = Promise.race([run.turnEnded, loaded.closed.promise]);
    if ((await within(this.#options.clock, INTERRUPT_TIMEOUT_MS, over)) === "timeout") await this.#unload();
  }

  // ---- what happens meanwhile --------------------------------------------------------------------------------

  /** Codex never restarts a stdio server that died; the next turn opens the thread anew. */
  #watchServer(item: WireItem): void {
    if (item.type !== "mcpToolCall" || this.#state.kind !== "loaded") return;
    if (item.error?.message.includes("Transport closed") === true) {
      this.#state.startups.lost(item.server, "its connection was closed");
    }
  }

  #named(question: Question): Question {
    return "server" in question ? { ...question, server: this.#hostName(question.server) } : question;
  }

  #hostName(name: string): string {
    return this.#state.kind === "loaded" ? (this.#state.wire.names.get(name) ?? name) : name;
  }

  // ---- the end -------------------------------------------------------------------------------------------------

  #afterRun(): void {
    if (this.#turns.held > 0 || this.#turns.waiting > 0 || this.#closed !== undefined) return;
    if (this.#state.kind === "cold") return this.#rest();
    // An ephemeral thread cannot be resumed: it stays until it is closed.
    if (this.#ephemeral) return;
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
    if (this.#turns.held === 0 && this.#turns.waiting === 0) this.#rest();
  }

  /** Nothing of the thread is loaded, and nobody waits: what is on disk is all there is to know. */
  #rest(): void {
    this.#forgetSecrets();
    if (this.#threadId !== null) this.#options.server.release(this.#threadId);
    this.#options.onCold(this);
  }

  async #close(): Promise<void> {
    this.#idle?.clear();
    this.#closing.abort(new CodexError("closed", "The thread was closed"));
    const release = await this.#turns.acquire();
    try {
      await this.#unload();
    } finally {
      release();
      this.#rest();
    }
  }

  /** Ends the thread's place in the process (T5). A running turn ends with it. */
  async #unload(): Promise<void> {
    const state = this.#state;
    const { threadId } = this;
    if (state.kind !== "loaded" || threadId === null) return;
    const { server, clock, log } = this.#options;
    try {
      const timeoutMs = UNLOAD_TIMEOUT_MS;
      const { status } = await state.process.request("thread/unsubscribe", { threadId }, { timeoutMs });
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
    return new CodexError(
      "closed",
      "The thread was closed, through this object or another one of the same thread",
    );
  }
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

/** Codex 0.169 no longer has the thread loaded. */
function isGone(error: unknown): boolean {
  return error instanceof RpcError && error.message.includes("thread not found");
}

/** Equal for equal configurations. A digest, so that no copy of a secret is kept for comparing. */
function fingerprint(value: object): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("base64");
}
