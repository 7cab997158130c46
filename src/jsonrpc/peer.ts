/**
 * One side of a JSON-RPC conversation: who waits for which answer, and who answers what.
 *
 *   caller --request()--> gate --line--> send        receive --line--> pending table --> caller
 *                                                            \-------> onNotification / onRequest
 *
 * It owns the table of pending requests and the gate in front of it. It does no I/O: lines go out through
 * `send` and come in through `receive`.
 *
 * Invariants
 *   P1. Every request settles exactly once: by its answer, its timeout, its signal, or `close`.
 *   P2. At most `inFlightMax` requests wait for an answer of the other side; the next ones wait here, in order.
 *       A request given up by its caller still counts until it is answered or its timeout is over, because the
 *       other side still works on it.
 *   P3. Ids of the other side's requests are its own business: 0 is an id like any other, and so is "".
 *   P4. Every request of the other side is answered once, whatever its handler does.
 *   P5. Messages are handed on in the order they were received, before `receive` returns.
 */
import { messageOf } from "../base/errors.ts";
import { Semaphore } from "../base/semaphore.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { INTERNAL_ERROR, PeerError, RpcError } from "./errors.ts";
import { type Message, parseMessage, type RequestId } from "./message.ts";

export interface PeerOptions {
  readonly clock: Clock;
  /**
   * Writes one line, without its newline. What it throws fails the request it was called for.
   *
   * @param answering the method that the line answers, if it is an answer
   */
  readonly send: (line: string, answering?: string) => void;
  /** `lineChars` is the length of the line it came in. */
  readonly onNotification: (method: string, params: unknown, lineChars: number) => void;
  /**
   * Answers a request of the other side; throw `RpcError` to answer with an error of your choice.
   * `signal` aborts when the conversation is closed: the answer could not be sent.
   */
  readonly onRequest: (
    method: string,
    params: unknown,
    id: RequestId,
    signal: AbortSignal,
  ) => Promise<unknown>;
  /** A line that is not a message, or an answer that no request waits for. @default ignored */
  readonly onStray?: (why: string, line: string) => void;
  /** @default 64 */
  readonly inFlightMax?: number;
  /**
   * Whether this side has stopped reading for now. A request whose time is over then gets the same time again:
   * its answer may be waiting in the pipe. @default never
   */
  readonly isPaused?: () => boolean;
}

export interface RequestOptions {
  /** Milliseconds from the moment the request is sent, or `Infinity`. The wait in front of the gate does not count. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Gets a result that comes after the caller gave up, for example to undo what it reports. */
  readonly onLateResult?: ((result: unknown) => void) | undefined;
}

interface Pending {
  readonly method: string;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly release: () => void;
  timer: Timer;
  readonly onLateResult: ((result: unknown) => void) | undefined;
  /** The caller gave up through its signal. */
  abandoned: boolean;
}

const NEVER: Timer = { clear: () => {} };

/** How many timed-out requests are remembered, so that a late answer still finds its owner. */
const LATE_MAX = 256;

export class Peer {
  readonly #options: PeerOptions;
  readonly #gate: Semaphore;
  readonly #pending = new Map<RequestId, Pending>();
  readonly #late = new Map<RequestId, (result: unknown) => void>();
  readonly #closing = new AbortController();
  #nextId = 0;

  constructor(options: PeerOptions) {
    this.#options = options;
    this.#gate = new Semaphore(options.inFlightMax ?? 64);
  }

  /** Requests sent and not answered yet. */
  get inFlight(): number {
    return this.#pending.size;
  }

  /**
   * Sends a request and waits for its answer.
   *
   * @throws {RpcError} the other side answered with an error
   * @throws {PeerError} `timeout` or `closed`
   * @throws the signal's reason when it aborts first
   */
  async request(method: string, params: unknown, options: RequestOptions): Promise<unknown> {
    const gone = this.#closing.signal;
    const release = await this.#gate.acquire(
      options.signal === undefined ? gone : AbortSignal.any([options.signal, gone]),
    );
    let id: number;
    let line: string;
    try {
      gone.throwIfAborted();
      options.signal?.throwIfAborted();
      id = this.#nextId++;
      // A value that cannot be written as JSON must fail before there is anything to clean up.
      line = JSON.stringify(params === undefined ? { id, method } : { id, method, params });
    } catch (error) {
      release();
      throw error;
    }
    return await new Promise((resolve, reject) => {
      const onAbort = (): void => {
        pending.abandoned = true;
        reject(options.signal?.reason);
      };
      const pending: Pending = {
        method,
        resolve,
        reject,
        release: () => {
          options.signal?.removeEventListener("abort", onAbort);
          release();
        },
        timer:
          options.timeoutMs === Number.POSITIVE_INFINITY
            ? NEVER
            : this.#options.clock.schedule(options.timeoutMs, () => this.#expire(id, options.timeoutMs)),
        onLateResult: options.onLateResult,
        abandoned: false,
      };
      this.#pending.set(id, pending);
      options.signal?.addEventListener("abort", onAbort, { once: true });
      try {
        this.#options.send(line);
      } catch (error) {
        this.#take(id)?.reject(error);
      }
    });
  }

  notify(method: string, params?: unknown): void {
    if (this.#closing.signal.aborted) return;
    this.#options.send(JSON.stringify(params === undefined ? { method } : { method, params }));
  }

  /** Takes one line of the other side. After `close` it is ignored. */
  receive(line: string): void {
    if (this.#closing.signal.aborted) return;
    const message = parseMessage(line);
    if (typeof message === "string") return this.#options.onStray?.(message, line);
    this.accept(message, line);
  }

  /** The same for a line that was read already. */
  accept(message: Message, line: string): void {
    // Lines that were in the pipe when the conversation ended are dropped.
    if (this.#closing.signal.aborted) return;
    switch (message.kind) {
      case "notification":
        try {
          return this.#options.onNotification(message.method, message.params, line.length);
        } catch (error) {
          // One unexpected message must not end everything else.
          return this.#options.onStray?.(`a notification that could not be handled (${String(error)})`, line);
        }
      case "request":
        return void this.#answer(message);
      case "result":
      case "error":
        return this.#settle(message, line);
    }
  }

  /** Ends the conversation: everything pending and everything asked later fails with `closed`. */
  close(cause: Error): void {
    if (this.#closing.signal.aborted) return;
    const closed = new PeerError("closed", cause.message, { cause });
    this.#closing.abort(closed);
    for (const id of this.#pending.keys()) this.#take(id)?.reject(closed);
    this.#late.clear();
  }

  /** Takes a request out of the table, with everything it holds. The caller settles it (P1). */
  #take(id: RequestId): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    pending.timer.clear();
    pending.release();
    return pending;
  }

  #settle(message: Message & { kind: "result" | "error" }, line: string): void {
    const pending = message.id === null ? undefined : this.#take(message.id);
    if (message.id === null || pending === undefined) {
      const late = message.id === null ? undefined : this.#late.get(message.id);
      if (late === undefined) return this.#options.onStray?.("answer to no request", line);
      this.#late.delete(message.id as RequestId);
      if (message.kind === "result") late(message.result);
      return;
    }
    if (message.kind === "error") pending.reject(new RpcError(message.error));
    else if (pending.abandoned) pending.onLateResult?.(message.result);
    else pending.resolve(message.result);
  }

  #expire(id: RequestId, timeoutMs: number): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    if (this.#options.isPaused?.() === true) {
      pending.timer = this.#options.clock.schedule(timeoutMs, () => this.#expire(id, timeoutMs));
      return;
    }
    this.#take(id);
    if (pending.onLateResult !== undefined) {
      this.#late.set(id, pending.onLateResult);
      const [oldest] = this.#late.keys();
      if (this.#late.size > LATE_MAX && oldest !== undefined) this.#late.delete(oldest);
    }
    pending.reject(new PeerError("timeout", `No answer to "${pending.method}" within ${timeoutMs} ms`));
  }

  async #answer(request: Message & { kind: "request" }): Promise<void> {
    const { id, method, params } = request;
    let reply: string;
    try {
      const result = await this.#options.onRequest(method, params, id, this.#closing.signal);
      reply = `{"id":${JSON.stringify(id)},"result":${toJson(result ?? {})}}`;
    } catch (error) {
      reply = `{"id":${JSON.stringify(id)},"error":${errorJson(error)}}`;
    }
    if (this.#closing.signal.aborted) return;
    try {
      this.#options.send(reply, method);
    } catch {
      // Nothing waits here; `close` reports the end of the conversation.
    }
  }
}

/** @throws {TypeError} the value cannot be written as JSON */
function toJson(value: unknown): string {
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined) throw new TypeError(`A ${typeof value} cannot be written as JSON`);
  return json;
}

/** Never throws: an answer is owed, whatever a handler threw (P4). */
function errorJson(error: unknown): string {
  let message = "The handler failed";
  try {
    if (error instanceof RpcError) return toJson(error.toObject());
    message = messageOf(error);
  } catch {
    // An error that cannot be written, or has no text, is reported without details.
    if (error instanceof RpcError) message = error.message;
  }
  return toJson({ code: INTERNAL_ERROR, message });
}
