/**
 * Which questions of Codex are open, and when one of them needs no answer any more.
 *
 * Codex reports that it has resolved a question itself, for example at the end of a turn. It does not report that the
 * call which asked is over (measured with 0.169 and 0.171): the server withdrew the question, answered or failed the
 * call all the same, or died. Then it keeps the question until the end of the turn, and as long as a question is open, no
 * later call of that server times out.
 *
 * Invariants
 *   Q1. A question about an item is over when the item is.
 *   Q2. A server's question is over when every call is that could have asked it: those of the server that were in
 *       flight in the same thread when it came. One that came outside a call stays open until Codex resolves it.
 */
import type { RequestId } from "../../jsonrpc/index.ts";
import type { Notification } from "./protocol.ts";

interface OpenQuestion {
  readonly threadId: string | undefined;
  /** Ids of the items that keep it open. */
  readonly items: Set<string>;
  readonly moot: AbortController;
}

export class OpenQuestions {
  readonly #open = new Map<RequestId, OpenQuestion>();
  /** By thread: the calls of MCP servers in flight, by the id of their item, to the server. */
  readonly #calls = new Map<string, Map<string, string>>();

  /** A question has come. @returns aborts when it needs no answer any more */
  open(id: RequestId, params: unknown): AbortSignal {
    const { threadId, itemId, serverName } = (params ?? {}) as Readonly<Record<string, unknown>>;
    const thread = typeof threadId === "string" ? threadId : undefined;
    const calls = [...(this.#calls.get(thread ?? "") ?? [])];
    const items =
      typeof itemId === "string"
        ? [itemId]
        : calls.filter(([, server]) => server === serverName).map(([item]) => item);
    const question = { threadId: thread, items: new Set(items), moot: new AbortController() };
    this.#open.set(id, question);
    return question.moot.signal;
  }

  /** A question has been answered. */
  close(id: RequestId): void {
    this.#open.delete(id);
  }

  /** Takes every notification of Codex. */
  take({ method, params }: Notification): void {
    switch (method) {
      case "serverRequest/resolved":
        return this.#open.get(params.requestId)?.moot.abort();
      case "item/started":
        return this.#onStarted(params);
      case "item/completed":
        return this.#onOver(params.threadId, [params.item.id]);
      // Codex reports no end of the items that it interrupts.
      case "turn/completed":
      case "thread/closed":
        return this.#onOver(params.threadId, [...(this.#calls.get(params.threadId)?.keys() ?? [])]);
      default:
    }
  }

  /** The process has ended, and every call with it. */
  clear(): void {
    this.#calls.clear();
  }

  #onStarted({ threadId, item }: Extract<Notification, { method: "item/started" }>["params"]): void {
    if (item.type !== "mcpToolCall") return;
    const calls = this.#calls.get(threadId) ?? new Map<string, string>();
    this.#calls.set(threadId, calls.set(item.id, item.server));
  }

  #onOver(threadId: string, items: readonly string[]): void {
    const calls = this.#calls.get(threadId);
    for (const item of items) calls?.delete(item);
    if (calls?.size === 0) this.#calls.delete(threadId);
    for (const question of this.#open.values()) {
      if (question.threadId !== threadId) continue;
      const before = question.items.size;
      for (const item of items) question.items.delete(item);
      if (question.items.size === 0 && before > 0) question.moot.abort();
    }
  }
}
