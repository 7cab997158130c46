/**
 * Which of Codex's messages belong to which thread.
 *
 *   process --notification--> by thread id --> ThreadSink, or kept until the thread is claimed
 *   process --request-------> by thread id --> ThreadSink, or the answer that refuses
 *
 * Invariants
 *   M1. Messages of a thread that is not claimed yet are kept, in order, and handed over when it is claimed: the reply
 *       to `thread/start` may come after them. What is kept is bounded; the oldest thread's goes first.
 *   M2. Every request of Codex is answered. One for a sub-agent's thread goes to the session of its parent; one for
 *       a thread without a session is refused.
 */
import type { Log } from "../../base/log.ts";
import type { RequestId } from "../../jsonrpc/index.ts";
import type { CodexError } from "../errors.ts";
import { OpenQuestions } from "./open-questions.ts";
import type { Notification, WireItem } from "./protocol.ts";
import type { RejectedTool } from "./tool-log.ts";
import { refuse } from "./refusals.ts";

/** Where the messages of one thread go. */
export interface ThreadSink {
  /** @param weight the size of the message, in characters */
  onNotification(notification: Notification, weight: number): void;
  /**
   * `signal` aborts when no answer is needed any more: the call that asked is over, Codex resolved the question, or its
   * process has ended.
   */
  onRequest(method: string, params: unknown, signal: AbortSignal): Promise<unknown>;
  /** A tool is left out, because Codex cannot read its schema; told of in each step of a turn. */
  onRejectedTool(tool: RejectedTool): void;
  onProcessExit(error: CodexError): void;
}

const UNCLAIMED_THREADS_MAX = 256;
/** Characters. */
const UNCLAIMED_WEIGHT_MAX = 8 * 1024 * 1024;
const PROCESS_WARNINGS_MAX = 20;

interface Unclaimed {
  readonly notes: { notification: Notification; weight: number }[];
  weight: number;
}

export class ThreadRouter {
  readonly #log: Log;
  readonly #sinks = new Map<string, ThreadSink>();
  /** Sub-agents' threads, to the thread that started them. */
  readonly #parents = new Map<string, string>();
  readonly #unclaimed = new Map<string, Unclaimed>();
  #unclaimedWeight = 0;
  readonly #questions = new OpenQuestions();
  /** Warnings about the process as a whole, for every thread that is opened later. */
  #processWarnings: Notification[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  /** Sends the messages of a thread to `sink` from now on, beginning with those that were kept (M1). */
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

  /** A process is about to start. */
  onStart(): void {
    this.#processWarnings = [];
  }

  /** The process has ended, and every thread with it. */
  onExit(error: CodexError): void {
    this.#unclaimed.clear();
    this.#unclaimedWeight = 0;
    this.#parents.clear();
    this.#questions.clear();
    for (const sink of [...this.#sinks.values()]) sink.onProcessExit(error);
    this.#sinks.clear();
  }

  /** A sub-agent's tools are those of its thread. */
  tellOfRejectedTool(tool: RejectedTool): void {
    this.#sinks.get(this.#parents.get(tool.threadId) ?? tool.threadId)?.onRejectedTool(tool);
  }

  /** Takes a notification. @param weight its size, in characters */
  route(method: string, params: unknown, weight: number): void {
    // Unknown methods are passed on; the mapper ignores them.
    const notification = { method, params } as Notification;
    this.#questions.take(notification);
    switch (notification.method) {
      case "configWarning":
      case "deprecationNotice":
        this.#warn(notification);
        return;
      case "serverRequest/resolved":
        return;
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

  /** Answers a request of Codex (M2). @param gone aborts when its process has ended */
  async answer(method: string, params: unknown, id: RequestId, gone: AbortSignal): Promise<unknown> {
    const moot = this.#questions.open(id, params);
    try {
      const threadId = threadIdOf(params);
      const owner = threadId === undefined ? undefined : (this.#parents.get(threadId) ?? threadId);
      const sink = owner === undefined ? undefined : this.#sinks.get(owner);
      if (sink !== undefined) return await sink.onRequest(method, params, AbortSignal.any([moot, gone]));
      return refuse(method);
    } finally {
      this.#questions.close(id);
    }
  }

  #warn(warning: Extract<Notification, { method: "configWarning" | "deprecationNotice" }>): void {
    const { summary } = warning.params;
    // About the machine or the configuration, without consequences by itself.
    this.#log("info", summary);
    // About the configuration of one thread, which gets a `warning` of its own.
    if (summary.includes("session-flags:")) return;
    const known = this.#processWarnings;
    if (known.length < PROCESS_WARNINGS_MAX && !known.some((each) => same(each, warning)))
      known.push(warning);
  }

  /** Codex 0.169 names a sub-agent's thread only in the items of its parent. */
  #learnChildren(threadId: string, item: WireItem): void {
    const children =
      item.type === "collabAgentToolCall"
        ? item.receiverThreadIds
        : item.type === "subAgentActivity"
          ? [item.agentThreadId]
          : [];
    const root = this.#parents.get(threadId) ?? threadId;
    for (const child of children) {
      // A thread that has a session keeps it, even if another thread names it.
      if (child === root || this.#sinks.has(child)) continue;
      this.#parents.set(child, root);
      this.#drop(child);
    }
  }

  #keep(threadId: string, notification: Notification, weight: number): void {
    // The last message of a thread without a session: it will not be claimed any more.
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
