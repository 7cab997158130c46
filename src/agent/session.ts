/**
 * One thread of the agent as it lives in this process: its history, its MCP servers, and one turn after the other.
 *
 *   run() ─ wait for the turn before ─> open the history ─> servers settled ─> runTurn ─> events
 *
 * Invariants
 *   A1. One turn at a time; the next ones wait in order.
 *   A2. The model is not asked before every enabled server is ready or has failed. A failed one is an event; a failed one
 *       that is required fails the turn.
 *   A3. A turn ends exactly once: `turn.completed`, `turn.failed`, or an error thrown to its reader.
 *   A4. A thread without a turn gives its servers and its lock back after `idleUnloadMs`.
 */
import { randomUUID } from "node:crypto";
import { within } from "../base/abort.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { isObject } from "../base/json.ts";
import type { Log } from "../base/log.ts";
import type { Redactor } from "../base/redact.ts";
import { Semaphore } from "../base/semaphore.ts";
import {
  type Elicitation,
  type ElicitationAnswer,
  type McpConnectionManager,
  McpError,
  type McpManager,
  type ServerView,
} from "../mcp/index.ts";
import type { ServerSet } from "../servers/check.ts";
import { AbortError, EngineError } from "../thread/errors.ts";
import type { ThreadEvent } from "../thread/events.ts";
import type { Input } from "../thread/options.ts";
import type { Question, QuestionHandler } from "../thread/questions.ts";
import type { HostTool, StepTools } from "../tools/router/contract.ts";
import { ActiveTurn } from "./active-turn.ts";
import type { CreateTools } from "./create-tools.ts";
import { readInput } from "./input.ts";
import type { ModelEndpoint, ModelRequest } from "./model-client.ts";
import { invalid } from "./read-options.ts";
import { memoryStore, openStore, type ThreadStore } from "./thread-store.ts";
import { runTurn } from "./turn.ts";

export interface SessionOptions {
  readonly manager: McpManager;
  readonly createTools: CreateTools;
  /** Where threads are kept. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly redactor: Redactor;
  readonly env: Readonly<Record<string, string | undefined>>;
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
export interface RunRequest {
  readonly input: Input;
  readonly endpoint: ModelEndpoint;
  readonly request: Omit<ModelRequest, "input" | "tools" | "cacheKey">;
  readonly servers: ServerSet;
  readonly workspace: string;
  readonly principal: string | undefined;
  readonly tools: readonly HostTool[];
  readonly ephemeral: boolean;
  readonly onQuestion: QuestionHandler | undefined;
  readonly questionTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

interface OpenServers {
  readonly thread: McpConnectionManager;
  readonly tools: StepTools;
  readonly hostTools: readonly HostTool[];
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
  #servers: OpenServers | undefined;
  #active: ActiveTurn | undefined;
  #idle: Timer | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: SessionOptions, start: SessionStart) {
    this.#options = options;
    this.#start = start;
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
    await this.#disconnect();
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
      const tools = await this.#openServers(id, turn, request);
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

  /** Waits until every server is ready or has failed, and reports the failed ones (A2). */
  async #openServers(id: string, turn: ActiveTurn, request: RunRequest): Promise<StepTools> {
    const { log } = this.#options;
    const { thread, tools } = await this.#connect(id, request);
    try {
      await thread.ready(undefined, { signal: turn.signal });
    } catch (error) {
      // One that is required and not ready, which is found below.
      if (!(error instanceof McpError && error.code === "server_unavailable")) throw error;
    }
    for (const view of thread.servers) {
      const reason = failureOf(view);
      if (reason === undefined) continue;
      const { name: server, config } = view;
      if (config.required)
        throw new EngineError("mcp_server_failed", `A required MCP server did not start: ${reason}`);
      const message = `Missing in this turn: ${reason}`;
      log("warn", message, { server });
      turn.tell({ message, code: "mcp_server_failed", server, reason });
    }
    return tools;
  }

  /** The thread's servers as this turn wants them; those that stay the same are kept. */
  async #connect(id: string, request: RunRequest): Promise<OpenServers> {
    const { manager, createTools, env } = this.#options;
    const { servers, workspace, principal, tools: hostTools } = request;
    const open = this.#servers;
    const isHere = open?.thread.workspace === workspace && open.thread.principal === principal;
    if (open !== undefined && isHere) {
      await open.thread.update(servers);
      const same = open.hostTools === hostTools;
      return (this.#servers = same
        ? open
        : { ...open, tools: createTools(open.thread, hostTools), hostTools });
    }
    await this.#disconnect();
    const thread = manager.openThread({
      id,
      servers,
      workspace,
      env,
      onElicit: (question, { signal }) => this.#elicit(question, signal),
      ...(principal === undefined ? {} : { principal }),
    });
    return (this.#servers = { thread, tools: createTools(thread, hostTools), hostTools });
  }

  async #disconnect(): Promise<void> {
    const open = this.#servers;
    this.#servers = undefined;
    await open?.thread[Symbol.asyncDispose]();
  }

  async #elicit(question: Elicitation, signal: AbortSignal): Promise<ElicitationAnswer> {
    const { server, message, requestedSchema: schema = null, url = null } = question;
    const turn = this.#active;
    // Outside a turn there is nobody to ask.
    if (turn === undefined) return { action: "decline" };
    const asked: Question = { kind: "elicitation", threadId: this.#id ?? "", server, message, schema, url };
    const { decision, content } = await turn.ask(asked, signal);
    if (decision === "decline" || decision === "cancel") return { action: decision };
    return { action: "accept", ...(isObject(content) ? { content } : {}) };
  }

  #afterTurn(): void {
    if (this.#turns.held > 0 || this.isClosing) return;
    const { clock, idleUnloadMs } = this.#options;
    this.#idle = clock.schedule(idleUnloadMs, () => void this.#rest(), { background: true });
  }

  /** A4. A history that is nowhere else stays. */
  async #rest(): Promise<void> {
    const release = await this.#turns.acquire();
    try {
      await this.#disconnect();
      if (this.#ephemeral) return;
      this.#store?.close();
      this.#store = undefined;
      if (this.#turns.waiting === 0) this.#options.onCold(this);
    } finally {
      release();
    }
  }
}

function failureOf({ status }: ServerView): string | undefined {
  switch (status.state) {
    case "ready":
    case "disabled":
      return undefined;
    case "starting":
    case "ended":
      return `it is ${status.state}`;
    case "restarting":
    case "failed":
    case "needs_login":
      return status.reason.message;
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
