/**
 * HTTP from the machine of an executor, by its method `http/request`.
 *
 *   request ──> http/request ──> head ──> response
 *                    bodyDelta* ──> by number ──> channel ──> reader of the body
 *
 * Invariants
 *   Q1. A body is delivered in order, each part once, to its end or to an error. A part that is missing is an error.
 *   Q2. What is in progress ends with its link: it is not sent again, since it may have been carried out.
 *   Q3. The signal, and a reader that leaves, end a request at any time, at our executors also over there.
 *   Q4. A reader that does not read stops the link, and is given up after `READER_STALL_MS`, like one of a process.
 *   Q5. An error names the origin of the URL, never its path or query.
 */
import { randomUUID } from "node:crypto";
import { Channel } from "../../base/channel.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { Issue } from "../../base/reader.ts";
import { RpcError } from "../../jsonrpc/index.ts";
import { ExecutorError } from "../errors.ts";
import { type HttpBodyDelta, httpBodyDelta, httpResponseHead } from "../wire/http-messages.ts";
import { encodeBase64 } from "../wire/params.ts";
import { CHUNK_BYTES_ACCEPTED } from "../wire/protocol.ts";
import type { CarrierOptions } from "./remote-process.ts";
import { readResult, toExecutorError } from "./rpc-errors.ts";

export interface HttpRequestSpec {
  /** Such as `POST`. */
  readonly method: string;
  /** `http:` or `https:`, as the machine of the executor reaches it. */
  readonly url: URL;
  /** Values are text; other than ASCII goes out as UTF-8. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** At most about 12 MiB: it goes in one message. @default none */
  readonly body?: Uint8Array | undefined;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case, repeated ones kept. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** Read it, once, or `close` it. Throws an `ExecutorError` where it broke off, and the reason of the signal. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives up what was not read. */
  close(): void;
}

/** What requests need from their session. */
export interface HttpCarrier {
  readonly clock: Clock;
  readonly isOwn: boolean;
  request(method: string, params: unknown, options: CarrierOptions): Promise<unknown>;
  holdLink(): () => void;
}

const UNREAD_BYTES_MAX: number = 2 * 1024 * 1024;
const READER_STALL_MS = 30_000;
/** An executor that cannot be told to give up a request gives it up after this time, also a stream. */
const ELSEWHERE_MS: number = 10 * 60 * 1000;

export class HttpRequests {
  readonly #name: string;
  readonly #session: HttpCarrier;
  readonly #bodies = new Map<string, Body>();
  readonly #ids: string = randomUUID().slice(0, 8);
  #count = 0;

  /** @param name of the environment, for messages */
  constructor(name: string, session: HttpCarrier) {
    this.#name = name;
    this.#session = session;
  }

  /** @throws {ExecutorError} @throws the signal's reason when it aborts first */
  async request(spec: HttpRequestSpec, signal: AbortSignal | undefined): Promise<HttpResponse> {
    signal?.throwIfAborted();
    const requestId = `http-${this.#ids}-${++this.#count}`;
    // Before it is sent: parts of the body may come together with the head.
    const body = new Body(
      this.#session,
      () => this.#bodies.delete(requestId),
      () => this.#cancel(requestId),
    );
    this.#bodies.set(requestId, body);
    const bodyBase64 = spec.body === undefined ? undefined : encodeBase64(spec.body);
    const params = {
      requestId,
      method: spec.method,
      url: spec.url.href,
      headers: spec.headers.map(([name, value]) => ({ name, value })),
      redirectPolicy: "stop",
      streamResponse: true,
      ...(bodyBase64 === undefined ? {} : { bodyBase64 }),
      ...(this.#session.isOwn ? {} : { timeoutMs: ELSEWHERE_MS }),
    };
    try {
      const answer = await this.#session.request("http/request", params, {
        signal,
        resend: false,
        timeoutMs: Number.POSITIVE_INFINITY,
        bytes: bodyBase64?.length ?? 0,
      });
      const head = readResult("http/request", httpResponseHead, answer);
      body.watch(signal);
      return { ...head, body, close: () => body.close() };
    } catch (error) {
      if (error instanceof RpcError) body.end();
      else body.close();
      throw this.#failure(error, spec.url);
    }
  }

  /** Takes a notification. What is not one of a body in progress is ignored. */
  accept(params: unknown): void {
    const delta = httpBodyDelta(params);
    if (!(delta instanceof Issue)) this.#bodies.get(delta.requestId)?.accept(delta);
  }

  /** Everything in progress has failed (Q2). */
  fail(error: ExecutorError): void {
    for (const body of [...this.#bodies.values()]) body.fail(error);
  }

  #cancel(requestId: string): void {
    if (!this.#session.isOwn) return;
    // Nobody waits for it; over another link there is nothing to cancel.
    this.#session.request("http/cancel", { requestId }, { resend: false }).catch(() => undefined);
  }

  /** The executor's own words name the whole URL (Q5). */
  #failure(error: unknown, url: URL): unknown {
    const what = `Executor "${this.#name}" cannot make an HTTP request to ${url.origin}`;
    const failure = toExecutorError(error, what, "http_failed");
    if (!(failure instanceof ExecutorError) || !(error instanceof RpcError)) return failure;
    return failure.code === "connect_failed" || failure.code === "http_failed"
      ? new ExecutorError(failure.code, what)
      : failure;
  }
}

class Body implements AsyncIterable<Uint8Array> {
  readonly #session: HttpCarrier;
  readonly #forget: () => void;
  readonly #cancel: () => void;
  readonly #channel: Channel<Uint8Array>;
  #seq = 0;
  #isOver = false;
  #signal: AbortSignal | undefined;
  #stall: Timer | undefined;
  #freeLink: (() => void) | undefined;

  constructor(session: HttpCarrier, forget: () => void, cancel: () => void) {
    this.#session = session;
    this.#forget = forget;
    this.#cancel = cancel;
    this.#channel = new Channel<Uint8Array>({
      weightMax: UNREAD_BYTES_MAX,
      onFull: () => this.#hold(),
      onRoom: () => this.#free(),
    });
  }

  /** From now on the signal ends it. */
  watch(signal: AbortSignal | undefined): void {
    if (this.#isOver) return;
    this.#signal = signal;
    if (signal?.aborted === true) this.#onAbort();
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  accept({ seq, deltaBase64, done, error }: HttpBodyDelta): void {
    if (seq !== ++this.#seq || deltaBase64.length > CHUNK_BYTES_ACCEPTED) {
      const what = seq === this.#seq ? "is too large" : `has the number ${seq} instead of ${this.#seq}`;
      this.#cancel();
      return this.fail(new ExecutorError("protocol_error", `A part of the body of an HTTP answer ${what}`));
    }
    if (deltaBase64.length > 0) this.#channel.push(deltaBase64, deltaBase64.length);
    if (!done) return;
    if (error !== undefined) return this.fail(new ExecutorError("http_failed", "The HTTP answer broke off"));
    this.#channel.end();
    this.end();
  }

  fail(error: unknown): void {
    this.#channel.fail(error);
    this.end();
  }

  /** Gives it up. */
  close(): void {
    if (!this.#isOver) this.#cancel();
    this.end();
    void this.#channel.return();
  }

  /** Nothing more comes; what came can be read. */
  end(): void {
    this.#isOver = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#forget();
    this.#free();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined, undefined> {
    try {
      for (;;) {
        this.#signal?.throwIfAborted();
        const next = await this.#channel.next();
        this.#watchReader();
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      this.close();
    }
  }

  readonly #onAbort = (): void => {
    this.#cancel();
    this.fail(this.#signal?.reason);
  };

  #hold(): void {
    if (this.#isOver) return;
    this.#freeLink ??= this.#session.holdLink();
    this.#stall ??= this.#session.clock.schedule(READER_STALL_MS, () => this.#giveUp());
  }

  #free(): void {
    this.#stall?.clear();
    this.#stall = undefined;
    this.#freeLink?.();
    this.#freeLink = undefined;
  }

  /** The reader has read something. */
  #watchReader(): void {
    if (this.#stall === undefined) return;
    this.#stall.clear();
    this.#stall = this.#session.clock.schedule(READER_STALL_MS, () => this.#giveUp());
  }

  #giveUp(): void {
    this.#cancel();
    const message = `The body of an HTTP answer was not read for ${READER_STALL_MS} ms, so it was given up`;
    this.fail(new ExecutorError("reader_stalled", message));
  }
}
