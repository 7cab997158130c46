/**
 * One Codex thread as its users see it: one run after the other, and what becomes of each.
 *
 *   run() ─ wait for the run before ─> open ─> servers settled ─> turn ─> events
 *
 * It owns the queue of runs, the run that is active, the timer that unloads the thread, and the decision how a run
 * ends. Loading the thread belongs to `open-thread.ts`, asking for a turn to `turn.ts`, the events and questions of a
 * run to `run.ts`.
 *
 * Invariants
 *   T1. One run at a time; the next ones wait in order. Codex would take a second turn for more input to the first.
 *   T2. The model is not asked before every enabled server is ready or has failed, but for those in the background. A failed one is an
 *       event.
 *   T3. A run ends exactly once: `turn.completed`, `turn.failed`, or an error thrown to its reader.
 *   T4. A run whose thread or process was gone before the model was asked is tried once more.
 */
import { within } from "../../base/abort.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Redactor } from "../../base/redact.ts";
import { Semaphore } from "../../base/semaphore.ts";
import type { StderrPipes } from "../../process/stderr-pipe.ts";
import { AbortError } from "../../thread/errors.ts";
import type { ThreadEvent, Usage } from "../../thread/events.ts";
import type { Question } from "../../thread/questions.ts";
import type { Notification } from "../app-server/protocol.ts";
import { refuse } from "../app-server/refusals.ts";
import type { RejectedTool } from "../app-server/tool-log.ts";
import type { ThreadSink } from "../app-server/router.ts";
import type { Certificates } from "../app-server/certificates.ts";
import type { CodexAppServer } from "../app-server/supervisor.ts";
import type { InheritedServers } from "../direct/inherited-servers.ts";
import { inHostsWords } from "../direct/reasons.ts";
import type { ServerFailure } from "../direct/thread-servers.ts";
import { CodexError } from "../errors.ts";
import type { ManagedHost } from "../managed/managed-host.ts";
import type { RelayHost } from "../relayed/relay-host.ts";
import { NO_USAGE, toUsage } from "./event-mapper.ts";
import { type Loaded, OpenThread, type ThreadStart } from "./open-thread.ts";
import { toQuestion } from "./questions.ts";
import { RejectedTools } from "./rejected-tools.ts";
import { ActiveRun, type RunRequest } from "./run.ts";
import type { ThreadSpec } from "./spec.ts";
import { isNotLoaded, runTurn } from "./turn.ts";

export interface ThreadSessionOptions {
  readonly appServer: CodexAppServer;
  readonly inherited: InheritedServers;
  readonly stderrPipes: StderrPipes;
  readonly managedHost: ManagedHost;
  readonly relayHost: RelayHost;
  /** Of Codex's process, once that has been started. */
  readonly certificates: () => Certificates | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly redactor: Redactor;
  readonly idleUnloadMs: number;
  readonly reconnectTimeoutMs: number;
  readonly readerStallMs: number;
  /** The user's own home, where that is another one than this Codex has. */
  readonly otherHome?: string | undefined;
}

/** Keeps track of the sessions that are in use. */
export interface SessionRegistry {
  /** The thread has got its id. */
  onNamed(session: ThreadSession, threadId: string): void;
  /** A run begins to wait for its turn. */
  onBusy(session: ThreadSession): void;
  /** The thread is not loaded and no run waits. */
  onCold(session: ThreadSession): void;
}

/** How one attempt at a run went. */
type Outcome =
  /** The turn is over; its events say how. */
  | { readonly kind: "over" }
  /** The run was stopped: by its caller, its reader, a time-out, or the end of Codex during the turn. */
  | { readonly kind: "stopped"; readonly reason: Error }
  /** The turn was interrupted, and not by us. */
  | { readonly kind: "interrupted" }
  /** The process or the thread was gone, and the model has not been asked. */
  | { readonly kind: "gone"; readonly error: Error }
  | { readonly kind: "failed"; readonly error: unknown };

const ATTEMPTS_MAX = 2;
/** How long a reader that leaves waits for the end of its turn. */
const LEAVE_TIMEOUT_MS = 5_000;

export class ThreadSession implements ThreadSink {
  readonly #options: ThreadSessionOptions;
  readonly #registry: SessionRegistry;
  readonly #thread: OpenThread;
  readonly #turns = new Semaphore(1);
  readonly #closing = new AbortController();
  #active: ActiveRun | undefined;
  #usage: Usage = NO_USAGE;
  #rejected: RejectedTools;
  #idle: Timer | undefined;
  #closed: Promise<void> | undefined;
  /** Removes the secrets of the thread's present configuration from the redactor. */
  #forgetSecrets: () => void = () => {};

  constructor(options: ThreadSessionOptions, registry: SessionRegistry, start: ThreadStart) {
    this.#options = options;
    this.#registry = registry;
    const { appServer } = options;
    const onNamed = (threadId: string): void => {
      registry.onNamed(this, threadId);
      this.#active?.announce(threadId);
    };
    const onMissing = (failure: ServerFailure): void => {
      if (this.#active !== undefined) this.#tellMissing(this.#active, failure, "Missing");
    };
    const onOpened = (): void => this.#active?.warn(appServer.threads.processWarnings);
    this.#thread = new OpenThread({ ...options, sink: this, onNamed, onMissing, onOpened }, start);
    this.#rejected = this.#noRejectedTools();
  }

  #noRejectedTools(): RejectedTools {
    const { log, redactor } = this.#options;
    return new RejectedTools({ thread: this.#thread, log, redactor });
  }

  /** The thread's id, once it can be resumed. */
  get threadId(): string | null {
    return this.#thread.threadId;
  }

  /** Whether another session could take over, knowing only the id. */
  get isOnDisk(): boolean {
    return this.#thread.isOnDisk;
  }

  get isClosing(): boolean {
    return this.#closed !== undefined;
  }

  /**
   * Runs one turn. Nothing happens before the first event is asked for; leaving the loop early interrupts the turn.
   *
   * @throws {AbortError} the signal aborted
   * @throws {CodexError} the request did not become a turn: see `isThrown`
   */
  async *run(request: RunRequest): AsyncGenerator<ThreadEvent, void, undefined> {
    const signal =
      request.signal === undefined
        ? this.#closing.signal
        : AbortSignal.any([request.signal, this.#closing.signal]);
    this.#registry.onBusy(this);
    let release: () => void;
    try {
      release = await this.#turns.acquire(signal);
    } catch {
      throw abortReason(request);
    }
    this.#idle?.clear();
    const run = this.#createRun(request, signal);
    this.#rejected = this.#noRejectedTools();
    this.#active = run;
    if (this.threadId === null) run.awaitId();
    const onAbort = (): void => run.stop(abortReason(request));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    const work = this.#execute(run).finally(() => {
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
        // The reader has left the loop, so the turn has no purpose any more.
        run.stop(new CodexError("turn_interrupted", "The reader of the events left"));
        await run.leave();
        if (run.inTurn) await within(this.#options.clock, LEAVE_TIMEOUT_MS, work);
      }
    }
  }

  /** Interrupts the run that is active, rejects those that wait, and unloads the thread. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  // ---- messages of the thread ----------------------------------------------------------------------------------

  onNotification(notification: Notification, weight: number): void {
    const { method, params } = notification;
    switch (method) {
      case "thread/closed":
        return this.#thread.onUnloaded();
      case "mcpServer/startupStatus/updated":
        return this.#thread.loaded?.servers.onStatus(params);
      case "thread/tokenUsage/updated":
        this.#usage = toUsage(params.tokenUsage.total);
        break;
      case "turn/started":
        this.#thread.onTurnStarted();
        break;
      case "item/completed":
        this.#thread.loaded?.servers.onItem(params.item);
        break;
      case "turn/completed": {
        const named = this.#rejected.named(params.turn);
        if (named === undefined) break;
        const run = this.#active;
        void named.then((turn) => run?.take({ method, params: { ...params, turn } }, weight));
        return;
      }
      default:
    }
    this.#active?.take(notification, weight);
  }

  async onRequest(method: string, params: unknown, signal: AbortSignal): Promise<unknown> {
    const asked = toQuestion(method, params);
    const run = this.#active;
    if (asked === undefined || run === undefined) return refuse(method);
    return asked.reply(await run.ask(this.#named(asked.question), signal));
  }

  onRejectedTool(tool: RejectedTool): void {
    if (this.#active !== undefined) this.#rejected.tell(this.#active, tool);
  }

  onProcessExit(error: CodexError): void {
    this.#thread.onUnloaded(error);
    // A run that has not asked the model yet is tried once more (T4).
    if (this.#active?.inTurn === true) this.#active.stop(error);
  }

  // ---- the life of a run ---------------------------------------------------------------------------------------

  /** Decides how a run ends. Never rejects: its reader gets the error. */
  async #execute(run: ActiveRun): Promise<void> {
    this.#hideSecrets(run.request.spec);
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(run);
      switch (outcome.kind) {
        case "over":
          return run.end();
        case "interrupted":
          return run.fail(new CodexError("turn_interrupted", "The turn was interrupted"));
        case "stopped":
          return run.fail(outcome.reason);
        case "failed":
          return run.fail(outcome.error);
        case "gone":
          if (attempt === ATTEMPTS_MAX || this.#thread.isEphemeral) return run.fail(outcome.error);
          this.#options.log("warn", `Opening the thread once more: ${outcome.error.message}`);
      }
    }
  }

  async #attempt(run: ActiveRun): Promise<Outcome> {
    try {
      const onWait = (why: string): void =>
        run.tell({ message: this.#options.redactor.redact(why), code: "engine_waiting" }, "now");
      const loaded = await this.#thread.open(run.request.spec, run.signal, onWait);
      if (this.threadId !== null) run.announce(this.threadId);
      await this.#waitForServers(run, loaded);
      const end = await runTurn(run, this.#thread, loaded, this.#options.clock);
      return { kind: end === "interrupted" ? "interrupted" : "over" };
    } catch (error) {
      // Other errors are consequences of the stop.
      if (run.stopReason !== undefined) return { kind: "stopped", reason: run.stopReason };
      return isGone(error, run) ? { kind: "gone", error } : { kind: "failed", error };
    }
  }

  /** Waits until every server is ready or has failed, and reports the failed ones (T2). */
  async #waitForServers(run: ActiveRun, { threadId, servers, closed }: Loaded): Promise<void> {
    const gone = closed.promise.then((why) => Promise.reject(why));
    const failures = await servers.settle(threadId, Promise.race([run.stopped, gone]));
    run.throwIfStopped();
    const failed = new Set(failures.map(({ server }) => server));
    const others = this.#thread.missing.filter(({ server }) => !failed.has(server));
    for (const { server, reason: raw } of [...failures, ...others]) {
      const own = this.#thread.whyMissing(server);
      const reason = this.#options.redactor.redact(own ?? raw);
      // Codex itself rejects such a thread, unless the environment of the server does not exist.
      if (run.request.spec.servers.some(({ name, required }) => name === server && required)) {
        const message = `A required MCP server did not start: "${server}": ${reason}`;
        throw new CodexError("mcp_server_failed", message);
      }
      const subject = own === undefined ? `MCP server "${server}" did not start and is missing` : "Missing";
      this.#tellMissing(run, { server, reason }, subject);
    }
  }

  /** Once in a run. */
  #tellMissing(run: ActiveRun, { server, reason: raw }: ServerFailure, subject: string): void {
    if (run.missing.has(server)) return;
    run.missing.add(server);
    const reason = this.#options.redactor.redact(raw);
    const message = `${subject} in this turn: ${reason}`;
    this.#options.log("warn", message, { server });
    run.tell({ message, code: "mcp_server_failed", server, reason });
  }

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
      ofModel: (message) => this.#thread.model.inHostsWords(message),
      isUnreachable: () => this.#thread.model.isUnreachable,
      input: () => this.#thread.loaded?.process,
    });
  }

  /** The secrets of a configuration stay in the redactor as long as the thread has it. */
  #hideSecrets(spec: ThreadSpec): void {
    const before = this.#forgetSecrets;
    const take = spec.secrets.map((secret) => this.#options.redactor.add(secret));
    this.#forgetSecrets = () => {
      for (const forget of take) forget();
    };
    before();
  }

  #named(question: Question): Question {
    if (!("server" in question)) return question;
    const server = this.#hostName(question.server);
    return { ...question, server, message: inHostsWords(question.message, question.server, server) };
  }

  #hostName(name: string): string {
    return this.#thread.loaded?.servers.hostName(name) ?? name;
  }

  // ---- the end -------------------------------------------------------------------------------------------------

  #afterRun(): void {
    if (this.#isWanted || this.isClosing) return;
    if (this.#thread.loaded === undefined) return this.#rest();
    // An ephemeral thread cannot be resumed, so it stays loaded until it is closed.
    if (this.#thread.isEphemeral) return;
    const unload = (): void => void this.#unloadIfIdle();
    this.#idle = this.#options.clock.schedule(this.#options.idleUnloadMs, unload, { background: true });
  }

  /** Whether a run has the thread, or waits for it. */
  get #isWanted(): boolean {
    return this.#turns.held > 0 || this.#turns.waiting > 0;
  }

  async #unloadIfIdle(): Promise<void> {
    if (this.#isWanted) return;
    await this.#unload();
    if (!this.#isWanted) this.#rest();
  }

  async #close(): Promise<void> {
    this.#idle?.clear();
    this.#closing.abort(new CodexError("closed", "The thread was closed"));
    try {
      await this.#unload();
    } finally {
      this.#rest();
    }
  }

  /** Unloads the thread when the run before is over. */
  async #unload(): Promise<void> {
    const release = await this.#turns.acquire();
    try {
      await this.#thread.unload();
    } finally {
      release();
    }
  }

  /** The thread is not loaded, and no run waits: nothing of it is kept but what is on disk. */
  #rest(): void {
    this.#thread.end();
    this.#forgetSecrets();
    this.#thread.release();
    this.#registry.onCold(this);
  }
}

/** Whether the process or the thread was gone before the model was asked. */
function isGone(error: unknown, run: ActiveRun): error is Error {
  // Codex rejects a turn of a thread that was unloaded between two of our turns.
  if (isNotLoaded(error)) return true;
  return !run.inTurn && error instanceof CodexError && error.code === "process_exited";
}

function abortReason({ signal }: RunRequest): Error {
  if (signal?.aborted === true) return new AbortError(signal);
  return new CodexError(
    "closed",
    "The thread was closed, through this object or another one of the same thread",
  );
}
