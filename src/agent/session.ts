/**
 * One thread of the agent as it lives in this process: its history, its MCP servers, and one turn after the other.
 *
 *   run() ─ wait for the turn before ─> open the history ─> servers settled ─> runTurn ─> events
 *
 * Invariants
 *   A1. One turn at a time; the next ones wait in order.
 *   A2. A turn ends exactly once: `turn.completed`, `turn.failed`, or an error thrown to its reader.
 *   A3. A thread without a turn gives its servers and its lock back after `idleUnloadMs`.
 */
import { randomUUID } from "node:crypto";
import { within } from "../base/abort.ts";
import type { Timer } from "../base/clock.ts";
import { Semaphore } from "../base/semaphore.ts";
import { McpError } from "../mcp/index.ts";
import { AbortError, EngineError } from "../thread/errors.ts";
import type { ThreadEvent } from "../thread/events.ts";
import type { Input } from "../thread/options.ts";
import type { QuestionHandler } from "../thread/questions.ts";
import { ActiveTurn } from "./active-turn.ts";
import { readInput } from "./input.ts";
import type { ModelEndpoint, ModelRequest } from "./model-client.ts";
import { invalid } from "./read-options.ts";
import { type ServersOfTurn, ThreadServers, type ThreadServersOptions } from "./thread-servers.ts";
import { memoryStore, openStore, type ThreadStore } from "./thread-store.ts";
import { runTurn } from "./turn.ts";

export interface SessionOptions extends Omit<ThreadServersOptions, "turn"> {
  /** Where threads are kept. */
  readonly folder: string;
  readonly stepsMax: number;
  readonly turnTimeoutMs: number;
  readonly idleUnloadMs: number;
  readonly readerStallMs: number;
  /** A thread of this process with that id, to fork from. */
  readonly find: (id: string) => AgentSession | undefined;
  /** A turn begins to wait. */
  readonly onBusy: (session: AgentSession) => void;
  /** The thread is not open any more. */
  readonly onCold: (session: AgentSession) => void;
}

export type SessionStart =
  | { readonly kind: "new" }
  | { readonly kind: "existing"; readonly threadId: string }
  | { readonly kind: "fork"; readonly threadId: string };

/** A turn as it was asked for, checked. */
export interface RunRequest extends ServersOfTurn {
  readonly input: Input;
  readonly endpoint: ModelEndpoint;
  readonly request: Omit<ModelRequest, "input" | "tools" | "cacheKey">;
  readonly ephemeral: boolean;
  readonly onQuestion: QuestionHandler | undefined;
  readonly questionTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** How long a reader that leaves waits for the end of its turn, in milliseconds. */
const LEAVE_TIMEOUT_MS = 10_000;

export class AgentSession {
  readonly #options: SessionOptions;
  readonly #start: SessionStart;
  readonly #turns = new Semaphore(1);
  readonly #closing = new AbortController();
  #id: string | undefined;
  #store: ThreadStore | undefined;
  #ephemeral = false;
  readonly #servers: ThreadServers;
  #active: ActiveTurn | undefined;
  #idle: Timer | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: SessionOptions, start: SessionStart) {
    this.#options = options;
    this.#start = start;
    this.#servers = new ThreadServers({ ...options, turn: () => this.#active });
    if (start.kind === "existing") this.#id = start.threadId;
  }

  /** The thread's id, once it can be resumed. */
  get id(): string | undefined {
    return this.#id;
  }

  get isClosing(): boolean {
    return this.#closed !== undefined;
  }

  /** Whether another session could take over, knowing only the id. */
  get isOnDisk(): boolean {
    return this.#id !== undefined && !this.#ephemeral;
  }

  /** The history, for a fork, if it is open. */
  get history(): Pick<ThreadStore, "items" | "usage"> | undefined {
    return this.#store;
  }

  /**
   * Runs one turn. Nothing happens before the first event is asked for; leaving the loop early interrupts the turn.
   *
   * @throws {AbortError} the signal aborted
   * @throws {EngineError} the request did not become a turn
   */
  async *run(request: RunRequest): AsyncGenerator<ThreadEvent, void, undefined> {
    const signal =
      request.signal === undefined
        ? this.#closing.signal
        : AbortSignal.any([request.signal, this.#closing.signal]);
    const stopped = (): Error =>
      request.signal?.aborted === true
        ? new AbortError(request.signal)
        : new EngineError("closed", "The thread was closed");
    this.#options.onBusy(this);
    let release: () => void;
    try {
      release = await this.#turns.acquire(signal);
    } catch {
      throw stopped();
    }
    this.#idle?.clear();
    const { clock, redactor, readerStallMs, turnTimeoutMs } = this.#options;
    const { onQuestion, questionTimeoutMs } = request;
    const turn = new ActiveTurn({
      clock,
      redactor,
      readerStallMs,
      turnTimeoutMs,
      onQuestion,
      questionTimeoutMs,
    });
    this.#active = turn;
    const onAbort = (): void => turn.stop(stopped());
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    const work = this.#execute(turn, request).finally(() => {
      signal.removeEventListener("abort", onAbort);
      this.#active = undefined;
      release();
      this.#afterTurn();
    });
    let ended = false;
    try {
      yield* turn.events;
      ended = true;
    } catch (error) {
      ended = true;
      throw error;
    } finally {
      if (!ended) {
        // The reader has left the loop, so the turn has no purpose any more.
        turn.stop(new EngineError("turn_interrupted", "The reader of the events left"));
        await within(clock, LEAVE_TIMEOUT_MS, work);
      }
    }
  }

  /** Interrupts the turn that runs, rejects those that wait, and lets go of servers and history. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    this.#idle?.clear();
    // After the turns before, which have been stopped.
    (await this.#turns.acquire())();
    await this.#servers.close();
    this.#store?.close();
    this.#store = undefined;
    this.#options.onCold(this);
  }

  /** Decides how a turn ends. Never rejects: its reader gets the error. */
  async #execute(turn: ActiveTurn, request: RunRequest): Promise<void> {
    const { signal } = turn;
    try {
      if (signal.aborted) return turn.fail(signal.reason);
      const input = await readInput(request.input);
      const [id, store] = this.#open(request);
      turn.emit({ type: "thread.started", thread_id: id });
      const tools = await this.#servers.open(id, turn, request);
      const { stepsMax, clock } = this.#options;
      await runTurn({
        endpoint: request.endpoint,
        request: { ...request.request, cacheKey: id },
        input: [input],
        store,
        tools,
        stepsMax,
        signal,
        clock,
        emit: turn.emit,
        newId: turn.newId,
        room: turn.room,
      });
      turn.end();
    } catch (error) {
      // Other errors are consequences of the stop.
      turn.fail(signal.aborted ? signal.reason : toEngineError(error));
    }
  }

  /** @throws {EngineError} `thread_not_found`, `thread_busy`, `request_failed` */
  #open({ ephemeral }: RunRequest): readonly [id: string, store: ThreadStore] {
    const id = this.#id ?? randomUUID();
    if (this.#store !== undefined) return [id, this.#store];
    const { folder } = this.#options;
    if (ephemeral && this.#start.kind === "existing")
      throw invalid(
        "ephemeral: a thread that is resumed stays where it is kept; fork it instead",
        "ephemeral",
      );
    const source = this.#start.kind === "fork" && this.#id === undefined ? this.#start.threadId : undefined;
    const history = source === undefined ? undefined : this.#historyOf(source);
    if (ephemeral) {
      this.#ephemeral = true;
      this.#store = memoryStore(history?.items, history?.usage);
    } else {
      const store = openStore(folder, id, this.#id === undefined ? "create" : "existing");
      const copy = memoryStore(history?.items, history?.usage);
      if (copy.items.length > 0) store.add(copy.items, copy.usage);
      this.#store = store;
    }
    this.#id = id;
    return [id, this.#store];
  }

  /** Of another thread, as it is now. */
  #historyOf(id: string): Pick<ThreadStore, "items" | "usage"> {
    const open = this.#options.find(id)?.history;
    if (open !== undefined) return open;
    const store = openStore(this.#options.folder, id, "existing");
    try {
      return { items: store.items, usage: store.usage };
    } finally {
      store.close();
    }
  }

  #afterTurn(): void {
    if (this.#turns.held > 0 || this.isClosing) return;
    const { clock, idleUnloadMs } = this.#options;
    this.#idle = clock.schedule(idleUnloadMs, () => void this.#rest(), { background: true });
  }

  /** A3. A history that is nowhere else stays. */
  async #rest(): Promise<void> {
    const release = await this.#turns.acquire();
    try {
      await this.#servers.close();
      if (this.#ephemeral) return;
      this.#store?.close();
      this.#store = undefined;
      if (this.#turns.waiting === 0) this.#options.onCold(this);
    } finally {
      release();
    }
  }
}

/** An error of the connections in the engine's codes. */
function toEngineError(error: unknown): unknown {
  if (!(error instanceof McpError)) return error;
  const { message } = error;
  if (error.code === "ended") return new EngineError("closed", message, { cause: error });
  if (error.code === "invalid_servers")
    return new EngineError("invalid_options", message, { cause: error, option: "mcpServers" });
  return error;
}
