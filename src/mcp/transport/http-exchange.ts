/** One message on its way to a server over HTTP, and what is known of its answer. */
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/client";
import type { Timer } from "../../base/clock.ts";
import type { Outcome } from "../http/server-requests.ts";

export class Exchange {
  /** Of a request. */
  readonly id: RequestId | undefined;
  /** Of a request or notification. */
  readonly method: string | undefined;
  /** The request that this message cancels. */
  readonly cancels: RequestId | undefined;
  /** What it was sent with, of the protocol. */
  headers: ReadonlyMap<string, string> = new Map();
  /** From the moment it was sent on. */
  outcome: Promise<Outcome> | undefined;
  isStream = false;
  /** Nothing more is needed: the answer was delivered. */
  isAnswered = false;
  readonly #stop = new AbortController();
  readonly #cancel: AbortSignal | undefined;
  #timer: Timer | undefined;

  /** @param cancel stops it with its reason */
  constructor(message: JSONRPCMessage | readonly JSONRPCMessage[], cancel: AbortSignal | undefined) {
    if ("method" in message) {
      this.method = message.method;
      if ("id" in message) this.id = message.id;
      const cancelled = this.method === "notifications/cancelled" ? message.params?.["requestId"] : undefined;
      if (typeof cancelled === "string" || typeof cancelled === "number") this.cancels = cancelled;
    }
    this.#cancel = cancel;
    if (cancel?.aborted === true) this.#onCancel();
    else cancel?.addEventListener("abort", this.#onCancel);
  }

  /** Whether it is of the 2026 era. */
  get isModern(): boolean {
    return this.headers.has("mcp-method");
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  stop(reason: unknown): void {
    this.#stop.abort(reason);
  }

  /** @param timer stops it */
  endsBy(timer: Timer): void {
    this.#timer = timer;
  }

  /** It is over. */
  end(): void {
    this.#timer?.clear();
    this.#cancel?.removeEventListener("abort", this.#onCancel);
  }

  readonly #onCancel = (): void => this.stop(this.#cancel?.reason);
}
