/**
 * Codex's app-server as the threads see it: always there, whatever happens to the process behind it.
 *
 *   ThreadSession --process()--> the running process, or a new one
 *   process --notification--> router --by thread id--> ThreadSession
 *   process --request-------> router --by thread id--> ThreadSession, or the answer that refuses
 *
 * It owns the current process, when the next one may start, and who gets which message.
 *
 * Invariants
 *   R1. At most one process runs; whoever comes while one starts gets that one.
 *   R2. A process that ended soon after its start delays the next start, longer each time, up to 30 s; one that
 *       lived for `STABLE_MS` clears the count. Nobody's start fails without having been tried.
 *   R3. Messages of a thread that nobody has claimed yet are kept, in order, and handed over when it is claimed.
 *       The reply to `thread/start` may come after them. What is kept is bounded; the oldest thread's goes first.
 *   R4. Every request of Codex is answered. One for a sub-agent's thread goes to the session of its parent; one for
 *       a thread nobody owns is refused.
 */
import { abortable } from "../../base/abort.ts";
import { Backoff } from "../../base/backoff.ts";
import { type Clock, sleep, type Timer } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { sweepOrphans } from "../../process/process-tree.ts";
import type { Redactor } from "../../base/redact.ts";
import { METHOD_NOT_FOUND, type RequestId, RpcError } from "../../jsonrpc/index.ts";
import { AppServerProcess } from "./process.ts";
import type { CodexBinary } from "./binary.ts";
import { CodexError } from "../errors.ts";
import type { Notification, WireItem } from "./protocol.ts";
import type { CodexEnvironment } from "../options.ts";
import { refuse } from "../thread/questions.ts";

export interface CodexAppServerOptions {
  /** Called for every start, so that a Codex installed meanwhile is found. */
  readonly findBinary: () => CodexBinary;
  /** Called before every start: makes sure the home exists. @returns its path */
  readonly prepareHome: () => string;
  /** The environment of a process that is about to start. */
  readonly env: () => Readonly<Record<string, string>>;
  readonly flags: readonly string[];
  readonly apiKey: string | undefined;
  readonly environments: readonly CodexEnvironment[];
  readonly clock: Clock;
  /** Chance, for the jitter of restarts. @default Math.random */
  readonly random?: () => number;
  readonly log: Log;
  readonly redactor: Redactor;
}

/** Where the messages of one thread go. */
export interface ThreadSink {
  /** @param weight the size of the message, in characters */
  onNotification(notification: Notification, weight: number): void;
  /** `signal` aborts when the question is moot: resolved otherwise, or its process has ended. */
  onRequest(method: string, params: unknown, signal: AbortSignal): Promise<unknown>;
  onProcessExit(error: CodexError): void;
}

/** A process that lives this long has proved itself. */
const STABLE_MS = 10_000;
const UNCLAIMED_THREADS_MAX = 256;
/** Characters. */
const UNCLAIMED_WEIGHT_MAX = 8 * 1024 * 1024;
const PROCESS_WARNINGS_MAX = 20;

interface Unclaimed {
  readonly notes: { notification: Notification; weight: number }[];
  weight: number;
}

type State =
  | { readonly kind: "idle"; readonly notBefore: number }
  | { readonly kind: "starting"; readonly process: Promise<AppServerProcess> }
  | { readonly kind: "running"; readonly process: AppServerProcess; readonly stable: Timer }
  | { readonly kind: "closed" };

export class CodexAppServer implements AsyncDisposable {
  readonly #options: CodexAppServerOptions;
  readonly #backoff: Backoff;
  readonly #closing = new AbortController();
  readonly #sinks = new Map<string, ThreadSink>();
  /** Sub-agents' threads, to the thread that started them. */
  readonly #parents = new Map<string, string>();
  readonly #unclaimed = new Map<string, Unclaimed>();
  #unclaimedWeight = 0;
  /** Open questions of Codex, by request id. */
  readonly #questions = new Map<RequestId, AbortController>();
  /** Warnings about the process as a whole; every thread that starts later is told. */
  #processWarnings: Notification[] = [];
  #state: State = { kind: "idle", notBefore: 0 };
  #closed: Promise<void> | undefined;

  constructor(options: CodexAppServerOptions) {
    this.#options = options;
    const { random } = options;
    this.#backoff = new Backoff({ firstMs: 250, maxMs: 30_000, ...(random === undefined ? {} : { random }) });
  }

  /** The process that runs now, if one does. */
  get current(): AppServerProcess | undefined {
    return this.#state.kind === "running" ? this.#state.process : undefined;
  }

  /**
   * The running process; starts one if there is none (R1, R2).
   *
   * @throws {CodexError} `closed`, or why it could not be started
   * @throws the signal's reason when it aborts first; the start goes on for the others
   */
  process(signal?: AbortSignal): Promise<AppServerProcess> {
    const state = this.#state;
    if (state.kind === "running") {
      if (state.process.alive) return Promise.resolve(state.process);
      // It has ended; what follows from that comes first: see `#onExit`.
      return abortable(
        state.process.exited.then(() => this.process(signal)),
        signal,
      );
    }
    if (state.kind === "starting") return abortable(state.process, signal);
    if (state.kind === "closed") return Promise.reject(closedError());
    const process = this.#start(state.notBefore);
    this.#state = { kind: "starting", process };
    // Whoever asked is told; the failure itself is already in the state.
    process.catch(() => {});
    return abortable(process, signal);
  }

  /** Sends the messages of a thread to `sink` from now on, beginning with those that were kept (R3). */
  claim(threadId: string, sink: ThreadSink): void {
    this.#sinks.set(threadId, sink);
    this.#parents.delete(threadId);
    const kept = this.#drop(threadId);
    for (const { notification, weight } of kept?.notes ?? []) sink.onNotification(notification, weight);
  }

  /** Ends a claim. @returns the ids of the sub-agents' threads that came with the thread */
  release(threadId: string): string[] {
    this.#sinks.delete(threadId);
    const children = [...this.#parents].filter(([, parent]) => parent === threadId).map(([child]) => child);
    for (const child of children) this.#parents.delete(child);
    return children;
  }

  /** Warnings about the process or its configuration as a whole, each text once. */
  get processWarnings(): readonly Notification[] {
    return this.#processWarnings;
  }

  /** Ends the process and refuses further use. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const state = this.#state;
    this.#state = { kind: "closed" };
    this.#closing.abort(closedError());
    if (state.kind === "running") {
      state.stable.clear();
      await state.process.stop();
    }
    // A start in flight sees the state, stops what it started, and then fails.
    if (state.kind === "starting") await state.process.catch(() => {});
  }

  async #start(notBefore: number): Promise<AppServerProcess> {
    const { clock, log, redactor } = this.#options;
    try {
      const delayMs = notBefore - clock.now();
      if (delayMs > 0) await sleep(clock, delayMs, this.#closing.signal);
      this.#processWarnings = [];
      const orphans = sweepOrphans();
      if (orphans.length > 0)
        log("warn", `Ended ${orphans.length} process(es) that a killed host had left behind`);
      const process = await AppServerProcess.start({
        binary: this.#options.findBinary(),
        codexHome: this.#options.prepareHome(),
        env: this.#options.env(),
        flags: this.#options.flags,
        apiKey: this.#options.apiKey,
        environments: this.#options.environments,
        clock,
        log,
        redactor,
        onNotification: (method, params, weight) => this.#route(method, params, weight),
        onRequest: (method, params, id, signal) => this.#answer(method, params, id, signal),
      });
      if (this.#state.kind === "closed") {
        await process.stop();
        throw closedError();
      }
      const stable = clock.schedule(STABLE_MS, () => this.#backoff.reset(), { background: true });
      this.#state = { kind: "running", process, stable };
      void process.exited.then((error) => this.#onExit(process, error));
      return process;
    } catch (error) {
      // Where there is no Codex, nothing was started, and installing one must help at once.
      const absent =
        error instanceof CodexError &&
        (error.code === "codex_not_found" || error.code === "codex_unsupported");
      if (this.#state.kind !== "closed") {
        this.#state = { kind: "idle", notBefore: absent ? 0 : this.#nextStart() };
      }
      throw error;
    }
  }

  #onExit(process: AppServerProcess, error: CodexError): void {
    const state = this.#state;
    if (state.kind === "running" && state.process === process) {
      state.stable.clear();
      this.#options.log("error", error.message);
      // Every end counts until a process proves itself: the first restart is quick, a loop is not.
      this.#state = { kind: "idle", notBefore: this.#nextStart() };
    }
    this.#unclaimed.clear();
    this.#unclaimedWeight = 0;
    this.#parents.clear();
    for (const sink of [...this.#sinks.values()]) sink.onProcessExit(error);
    this.#sinks.clear();
  }

  #nextStart(): number {
    const delayMs = this.#backoff.fail();
    const { failures } = this.#backoff;
    if (failures > 1) {
      this.#options.log(
        "warn",
        `Codex ended ${failures} times in a row soon after its start; the next start waits ${Math.round(delayMs)} ms`,
      );
    }
    // The first end after a good life is no loop: the next use starts at once.
    return this.#options.clock.now() + (failures === 1 ? 0 : delayMs);
  }

  #route(method: string, params: unknown, weight: number): void {
    // Unknown methods are carried along; the mapper ignores them.
    const notification = { method, params } as Notification;
    switch (notification.method) {
      case "configWarning":
      case "deprecationNotice":
        this.#warn(notification);
        return;
      case "serverRequest/resolved":
        return this.#questions.get(notification.params.requestId)?.abort();
      case "item/started":
      case "item/completed":
        this.#learnChildren(notification.params.threadId, notification.params.item);
        break;
      default:
    }
    const threadId = threadIdOf(notification.params);
    if (threadId === undefined || this.#parents.has(threadId)) return;
    const sink = this.#sinks.get(threadId);
    if (sink !== undefined) return sink.onNotification(notification, weight);
    this.#keep(threadId, notification, weight);
  }

  #warn(warning: Extract<Notification, { method: "configWarning" | "deprecationNotice" }>): void {
    const { summary } = warning.params;
    // About the machine or the configuration, and of no consequence by itself.
    this.#options.log("info", summary);
    // About the configuration of one thread, which is told by a `warning` of its own.
    if (summary.includes("session-flags:")) return;
    const known = this.#processWarnings;
    if (known.length < PROCESS_WARNINGS_MAX && !known.some((each) => same(each, warning)))
      known.push(warning);
  }

  /** Codex names a sub-agent's thread in the items of its parent, and nowhere else (0.169). */
  #learnChildren(threadId: string, item: WireItem): void {
    const children =
      item.type === "collabAgentToolCall"
        ? item.receiverThreadIds
        : item.type === "subAgentActivity"
          ? [item.agentThreadId]
          : [];
    const root = this.#parents.get(threadId) ?? threadId;
    for (const child of children) {
      // A thread with an owner of its own stays with it, whoever names it.
      if (child === root || this.#sinks.has(child)) continue;
      this.#parents.set(child, root);
      this.#drop(child);
    }
  }

  #keep(threadId: string, notification: Notification, weight: number): void {
    // The last word about a thread nobody owns: nobody will claim it any more.
    if (notification.method === "thread/closed") return void this.#drop(threadId);
    let kept = this.#unclaimed.get(threadId);
    if (kept === undefined) {
      kept = { notes: [], weight: 0 };
      this.#unclaimed.set(threadId, kept);
    }
    kept.notes.push({ notification, weight });
    kept.weight += weight;
    this.#unclaimedWeight += weight;
    while (this.#unclaimedWeight > UNCLAIMED_WEIGHT_MAX || this.#unclaimed.size > UNCLAIMED_THREADS_MAX) {
      const [oldest] = this.#unclaimed.keys();
      if (oldest === undefined) break;
      this.#drop(oldest);
    }
  }

  #drop(threadId: string): Unclaimed | undefined {
    const kept = this.#unclaimed.get(threadId);
    this.#unclaimed.delete(threadId);
    this.#unclaimedWeight -= kept?.weight ?? 0;
    return kept;
  }

  async #answer(method: string, params: unknown, id: RequestId, gone: AbortSignal): Promise<unknown> {
    const moot = new AbortController();
    this.#questions.set(id, moot);
    try {
      const threadId = threadIdOf(params);
      const owner = threadId === undefined ? undefined : (this.#parents.get(threadId) ?? threadId);
      const sink = owner === undefined ? undefined : this.#sinks.get(owner);
      if (sink !== undefined)
        return await sink.onRequest(method, params, AbortSignal.any([moot.signal, gone]));
      const refusal = refuse(method);
      if (refusal !== undefined) return refusal;
      throw new RpcError({ code: METHOD_NOT_FOUND, message: `Switchyard does not answer "${method}"` });
    } finally {
      this.#questions.delete(id);
    }
  }
}

function threadIdOf(params: unknown): string | undefined {
  if (typeof params !== "object" || params === null) return undefined;
  const { threadId, thread } = params as { threadId?: unknown; thread?: { id?: unknown } };
  if (typeof threadId === "string") return threadId;
  return typeof thread?.id === "string" ? thread.id : undefined;
}

function same(a: Notification, b: Notification): boolean {
  return a.method === b.method && JSON.stringify(a.params) === JSON.stringify(b.params);
}

function closedError(): CodexError {
  return new CodexError("closed", "Codex was closed");
}
