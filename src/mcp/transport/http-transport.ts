/**
 * MCP messages over streamable HTTP, of both eras.
 *
 *   client --send()--> the protocol's headers --> ServerRequests: configured headers, 401 --> fetch --> server
 *   client <--onmessage-- JSON, or the events of the answer <-------------------------------------------┘
 *   client <--onmessage-- the standing stream (2025 era)
 *
 * The headers of a request of the 2026 era (`Mcp-Method` and its like) are the SDK's; those of the 2025 era are two, and made
 * here: for each message the SDK makes the web's `Headers` and `Request` and reads the message with zod. The SDK's transport
 * never sees an answer: it is given an empty one, and this module takes the real one. The SDK would wait for ever where an answer
 * ends early, and has one error for everything else (measured with 2.4.0). `fetch` says from which machine.
 *
 * Invariants
 *   H1. A request ends in exactly one of its answer and one `HttpFailure`, with which `send` rejects; it is pending until
 *       then. An answer that ends or breaks off, that is another request's, or is none (202, HTML) is a failure at once.
 *   H2. An answer of the 2025 era that breaks off after an event with an id is resumed from there: as often as the server
 *       goes on, and `RESUMES_MAX` times in a row where it does not. The 2026 era has no resumption.
 *   H3. A JSON-RPC error in a 4xx is the answer to its request, in both eras. 401, 403, 429 keep their meaning in HTTP,
 *       and so does 404 in a session, unless it says "method not found".
 *   H4. Messages are delivered in the order of their stream, one per turn of the microtasks: the SDK delivers a
 *       notification in the next turn and a response at once, so the last progress of a call would find no handler.
 *   H5. The standing stream is never given up (`standing-stream.ts`), but ends with the transport.
 *   H6. A configured `Mcp-Session-Id` joins that session, which is never ended from here. `close` ends every exchange but
 *       cancellations on their way, which reach the server first, and ends a session that is ours; all within `GOODBYE_MS`.
 *       It is idempotent and never rejects.
 *   H7. A JSON answer and an event above `BODY_BYTES_MAX` fail as `message_too_large`.
 *   H8. A request that is cancelled leaves no exchange behind: with `requestSignal`, or with `notifications/cancelled`,
 *       after which the server owes no answer. Nor does one that was answered on a stream that does not end.
 *   H9. What the SDK's negotiation must take for a server of the older era, it can: a 4xx to `server/discover`.
 */
import {
  type JSONRPCMessage,
  PROTOCOL_VERSION_META_KEY,
  type RequestId,
  SdkErrorCode,
  SdkHttpError,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { within } from "../../base/abort.ts";
import { type Clock, sleep, systemClock } from "../../base/clock.ts";
import { type Log, type LogLevel, silentLog } from "../../base/log.ts";
import { toLogLine } from "../../base/log-line.ts";
import { Redactor } from "../../base/redact.ts";
import { TransportError } from "../errors.ts";
import { EventStreamDecoder } from "../http/event-stream.ts";
import { type HttpAnswer, type HttpFetch, readText } from "../http/http-fetch.ts";
import { HttpFailure } from "../http/http-failure.ts";
import type { LoginSource } from "../http/login-token.ts";
import { type HeaderSource, type Outcome, ServerRequests } from "../http/server-requests.ts";
import { isEventStream, keepStream, mediaTypeOf, pauseOf, readEvents } from "../http/standing-stream.ts";
import { Exchange } from "./http-exchange.ts";
import { readMessage } from "./read-message.ts";
import type { ServerTransport } from "./server-transport.ts";

export interface HttpTransportOptions {
  /** The name of the server. */
  readonly server: string;
  /** From where it is reached, for messages. @default "local" */
  readonly environment?: string;
  readonly url: URL;
  readonly headers: HeaderSource;
  /** Asked for the token of a login where no header authorizes. @default nobody is */
  readonly login?: LoginSource;
  /** It stays its owner's. */
  readonly fetch: HttpFetch;
  /** Receives what the server sends besides messages, and what becomes of its standing stream. @default silent */
  readonly log?: Log;
  /** Knows the values that must appear neither in the log nor in an error. @default none */
  readonly redactor?: Redactor;
  /** Time, for tests. */
  readonly clock?: Clock;
  /** Yields a number in [0, 1). @default Math.random */
  readonly random?: () => number;
}

type SendOptions = NonNullable<Parameters<StreamableHTTPClientTransport["send"]>[1]>;

/** Of a JSON answer, and of one event. */
export const BODY_BYTES_MAX: number = 32 * 1024 * 1024;
const RESUMES_MAX = 5;
const GOODBYE_MS = 1_000;
/** How long a stream may go on after its answer: most servers end it at once, and its connection serves again. */
const ANSWERED_MS = 1_000;
const STRAY_CHARS_MAX = 200;
const METHOD_NOT_FOUND = -32_601;
/** Tells the SDK's call of `fetch` for which message it is; it is not sent. */
const LINK = "x-switchyard-exchange";
/** What the SDK is given instead of an answer. Made when there is a need: the first one of a process takes 15 ms. */
let taken: Response | undefined;

export class HttpTransport extends StreamableHTTPClientTransport implements ServerTransport {
  readonly server: string;
  /** The standing stream is open again, and what was sent meanwhile is lost: list again. */
  onStreamRestored: (() => void) | undefined;
  /** The standing stream is over, because the server does not know the session any more. */
  onSessionLost: (() => void) | undefined;

  readonly #options: HttpTransportOptions;
  readonly #clock: Clock;
  readonly #redactor: Redactor;
  readonly #requests: ServerRequests;
  /** By the value of `LINK`. */
  readonly #exchanges = new Map<string, Exchange>();
  /** Those of requests, by id. */
  readonly #asked = new Map<RequestId, Exchange>();
  /** Cancellations on their way: the server is told before we leave (H8). */
  readonly #cancelling = new Set<Promise<void>>();
  readonly #closed = new AbortController();
  readonly #ended = Promise.withResolvers<TransportError>();
  #sent = 0;
  /** That the server began with us. */
  #session: string | undefined;
  #hasStream = false;
  #closing: Promise<void> | undefined;

  constructor(options: HttpTransportOptions) {
    super(options.url, { fetch: (_, init) => this.#fetch(init) });
    const { server, clock = systemClock, redactor = new Redactor() } = options;
    this.#options = options;
    this.server = server;
    this.#clock = clock;
    this.#redactor = redactor;
    this.#requests = new ServerRequests({ ...options, clock, redactor }, this.#closed.signal);
  }

  get ended(): Promise<TransportError> {
    return this.#ended.promise;
  }

  /** How far the server's clock is ahead of ours, in milliseconds, by its last answer with a `Date`. */
  get clockAheadMs(): number | undefined {
    return this.#requests.clockAheadMs;
  }

  /** Whether the session is one that the configuration names (H6). Known from `start` on. */
  get joined(): boolean {
    return this.#requests.joinedSession !== undefined;
  }

  override get sessionId(): string | undefined {
    return this.#requests.joinedSession ?? this.#session;
  }

  /**
   * Asks for the headers. The client of the SDK calls it.
   *
   * @throws {TransportError} `invalid_server`, `closed`; and what the source of the headers throws
   */
  override async start(): Promise<void> {
    this.#throwIfClosed();
    await this.#requests.open();
    await super.start();
  }

  /**
   * Sends a message. A request is pending until it is answered (H1).
   *
   * @throws {HttpFailure}
   * @throws {TransportError} `closed`
   * @throws the reason of `requestSignal`
   */
  override async send(message: JSONRPCMessage | JSONRPCMessage[], options: SendOptions = {}): Promise<void> {
    this.#throwIfClosed();
    const exchange = new Exchange(message, options.requestSignal);
    const sent = this.#carry(message, exchange, options);
    if (exchange.cancels === undefined) return await sent;
    this.#cancelling.add(sent);
    try {
      await sent;
    } finally {
      this.#cancelling.delete(sent);
    }
  }

  async #carry(
    message: JSONRPCMessage | JSONRPCMessage[],
    exchange: Exchange,
    options: SendOptions,
  ): Promise<void> {
    const link = String(++this.#sent);
    this.#exchanges.set(link, exchange);
    if (exchange.id !== undefined) this.#asked.set(exchange.id, exchange);
    try {
      if (isModern(message)) await super.send(message, { headers: { ...options.headers, [LINK]: link } });
      else await this.#post(message, exchange);
      await this.#finish(exchange);
      if (exchange.isStream) options.onRequestStreamEnd?.();
    } catch (error) {
      if (exchange.isAnswered) return;
      exchange.signal.throwIfAborted();
      throw error;
    } finally {
      exchange.end();
      this.#exchanges.delete(link);
      if (exchange.id !== undefined) this.#asked.delete(exchange.id);
      if (exchange.cancels !== undefined) this.#cancelled(exchange.cancels);
    }
  }

  /** Ends every exchange, and a session that is ours (H6). */
  override close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const error = new TransportError("closed", this.server, "was closed");
    this.#ended.resolve(error);
    for (const exchange of this.#exchanges.values()) if (exchange.cancels === undefined) exchange.stop(error);
    const goodbye = async (): Promise<void> => {
      await Promise.allSettled(this.#cancelling);
      await this.#endSession();
    };
    const said = goodbye().catch((cause: unknown) =>
      this.#log("debug", `did not end its session: ${String(cause)}`),
    );
    await within(this.#clock, GOODBYE_MS, said);
    for (const exchange of this.#exchanges.values()) exchange.stop(error);
    this.#closed.abort(error);
    await super.close();
  }

  #throwIfClosed(): void {
    if (this.#closing !== undefined) throw new TransportError("closed", this.server, "was closed");
  }

  /** Ends the exchange of a request that the server was told to cancel (H8). */
  #cancelled(id: RequestId): void {
    this.#asked.get(id)?.stop(new TransportError("closed", this.server, "was told to cancel this request"));
  }

  /** Sends a message of the 2025 era. `#finish` finds the outcome in the exchange. */
  async #post(message: JSONRPCMessage | JSONRPCMessage[], exchange: Exchange): Promise<void> {
    const { method, signal } = exchange;
    const headers = this.#headers(method === "initialize" ? undefined : this.#session);
    headers.set("content-type", "application/json").set("accept", "application/json, text/event-stream");
    exchange.headers = headers;
    exchange.outcome = this.#requests.send({
      method: "POST",
      headers,
      body: JSON.stringify(message),
      signal,
    });
    const outcome = await exchange.outcome.catch(() => undefined);
    if (outcome?.kind !== "answer") return;
    if (method === "initialize") this.#session = outcome.answer.header("mcp-session-id") || undefined;
    if (method === "notifications/initialized") void this.#keepStream();
  }

  /** Those of the protocol, in the 2025 era. */
  #headers(session: string | undefined): Map<string, string> {
    const headers = new Map<string, string>();
    if (session !== undefined) headers.set("mcp-session-id", session);
    if (this.protocolVersion !== undefined) headers.set("mcp-protocol-version", this.protocolVersion);
    return headers;
  }

  /** What the SDK takes for its `fetch`, for a message of the 2026 era. It never rejects: `#finish` finds the outcome in the exchange. */
  async #fetch(init: RequestInit = {}): Promise<Response> {
    const headers = new Map(init.headers instanceof Headers ? init.headers : []);
    const exchange = this.#exchanges.get(headers.get(LINK) ?? "");
    if (exchange === undefined) throw new Error("The SDK's transport sends what it was not given");
    headers.delete(LINK);
    exchange.headers = headers;
    const body = typeof init.body === "string" ? init.body : "";
    exchange.outcome = this.#requests.send({ method: "POST", headers, body, signal: exchange.signal });
    await exchange.outcome.catch(() => undefined);
    taken ??= new Response(null, { status: 202 });
    return taken;
  }

  /** Opens the standing stream of a session that somebody else began. */
  override resumeStream(): Promise<void> {
    void this.#keepStream();
    return Promise.resolve();
  }

  async #endSession(): Promise<void> {
    if (this.#session === undefined) return;
    const headers = this.#headers(this.#session);
    const { signal } = this.#closed;
    const outcome = await this.#requests.send({ method: "DELETE", headers, signal, mayAskAgain: false });
    if (outcome.kind === "failure" && outcome.failure.status === undefined) throw outcome.failure;
    if (outcome.kind === "answer") await this.#requests.drain(outcome.answer);
    this.#session = undefined;
  }

  async #keepStream(): Promise<void> {
    if (this.#hasStream) return;
    this.#hasStream = true;
    await keepStream({
      requests: this.#requests,
      headers: [...this.#headers(this.#session).set("accept", "text/event-stream")],
      clock: this.#clock,
      random: this.#options.random,
      eventBytesMax: BODY_BYTES_MAX,
      signal: this.#closed.signal,
      take: (data) => this.#takeEvent(data, undefined),
      onRestored: () => this.#notify(() => this.onStreamRestored?.()),
      onSessionLost: () => this.#notify(() => this.onSessionLost?.()),
      log: (level, what) => this.#log(level, what),
    });
    this.#hasStream = false;
  }

  async #finish(exchange: Exchange): Promise<void> {
    const outcome = await exchange.outcome;
    if (outcome === undefined) throw new Error("The SDK's transport sent nothing");
    if (outcome.kind === "failure") return this.#takeFailure(exchange, outcome);
    const { answer } = outcome;
    if (exchange.id === undefined) return void (await this.#requests.drain(answer));
    if (isEventStream(answer)) return await this.#takeStream(exchange, answer);
    if (mediaTypeOf(answer) === "application/json") {
      return this.#takeJson(exchange, await this.#readJson(answer));
    }
    const { status } = answer;
    const type = mediaTypeOf(answer);
    const text = await this.#requests.drain(answer);
    if (status === 202 || status === 204)
      throw this.#badAnswer(`accepted a request (${status}) and will not answer it`);
    const what = type === "" ? "an answer without a type" : type;
    throw this.#badAnswer(
      `answered with ${what} instead of JSON or events${this.#requests.said(text)}`,
      status,
    );
  }

  /** A status that is not success may carry the answer (H3), and may mean an older era (H9). */
  #takeFailure(exchange: Exchange, { failure, text }: Outcome & { readonly kind: "failure" }): void {
    const { status } = failure;
    if (status === undefined || status < 400 || status >= 500 || exchange.id === undefined) throw failure;
    const isOfHttp = failure.kind !== "http_status" && failure.kind !== "session_lost";
    const message = isOfHttp ? undefined : readMessage(text);
    if (typeof message === "object" && "error" in message && message.id === exchange.id) {
      if (failure.kind !== "session_lost" || message.error.code === METHOD_NOT_FOUND) {
        return this.#takeResponse(exchange, message);
      }
    }
    if (isOfHttp || status === 408 || exchange.method !== "server/discover") throw failure;
    throw new SdkHttpError(
      SdkErrorCode.ClientHttpNotImplemented,
      failure.message,
      { status, text },
      { cause: failure },
    );
  }

  async #readJson(answer: HttpAnswer): Promise<string> {
    try {
      return await readText(answer, BODY_BYTES_MAX);
    } catch (cause) {
      throw this.#requests.bodyFailure(cause);
    }
  }

  #takeJson(exchange: Exchange, text: string): void {
    const message = readMessage(text);
    if (typeof message === "string") {
      throw this.#badAnswer(`answered with what is ${message}${this.#requests.said(text)}`);
    }
    this.#takeMessage(exchange, message);
    if (!exchange.isAnswered) throw this.#badAnswer("answered with a message that is no answer");
  }

  async #takeStream(exchange: Exchange, first: HttpAnswer): Promise<void> {
    exchange.isStream = true;
    let decoder = new EventStreamDecoder(BODY_BYTES_MAX);
    for (let answer = first; ; ) {
      let cause: unknown;
      try {
        await readEvents(answer, decoder, (data) => this.#takeEvent(data, exchange));
      } catch (error) {
        cause = error;
      }
      if (exchange.isAnswered) return;
      exchange.signal.throwIfAborted();
      const failure =
        cause instanceof HttpFailure
          ? cause
          : this.#requests.bodyFailure(cause ?? new Error("it ended without a result"));
      if (failure.kind !== "cut" || decoder.lastEventId === undefined || exchange.isModern) throw failure;
      answer = await this.#resume(exchange, decoder, failure);
      decoder = new EventStreamDecoder(BODY_BYTES_MAX, decoder);
    }
  }

  /** @throws {HttpFailure} `failure`, when the server does not go on (H2) */
  async #resume(exchange: Exchange, decoder: EventStreamDecoder, failure: HttpFailure): Promise<HttpAnswer> {
    const { signal } = exchange;
    const headers = new Map(exchange.headers);
    headers.delete("content-type");
    headers.set("accept", "text/event-stream").set("last-event-id", decoder.lastEventId ?? "");
    for (let attempt = 0; attempt < RESUMES_MAX; attempt++) {
      await sleep(this.#clock, pauseOf(decoder) * 2 ** attempt, signal);
      const outcome = await this.#requests.send({ method: "GET", headers, signal });
      if (outcome.kind === "answer") {
        if (isEventStream(outcome.answer)) return outcome.answer;
        outcome.answer.close();
        break;
      }
      const { status = 500 } = outcome.failure;
      if (status < 500 && status !== 429) break;
    }
    throw failure;
  }

  #takeEvent(data: string, exchange: Exchange | undefined): void {
    const message = readMessage(data);
    if (typeof message === "object") return this.#takeMessage(exchange, message);
    this.#log(
      "warn",
      `sent an event that is ${message}; skipped: ${toLogLine(data, this.#redactor, STRAY_CHARS_MAX)}`,
    );
  }

  /** @param exchange the one in whose answer it came */
  #takeMessage(exchange: Exchange | undefined, message: JSONRPCMessage): void {
    if ("method" in message) return this.#deliver(message);
    // Servers have an error without an id for a request that they could not read.
    const isOurs =
      exchange !== undefined &&
      (isSameId(message.id, exchange.id) || message.id === undefined || message.id === null);
    const owner = isOurs ? exchange : message.id === undefined ? undefined : this.#asked.get(message.id);
    if (owner === undefined) {
      if (exchange !== undefined) throw this.#badAnswer("answered with the id of another request");
      return this.#log("warn", "sent an answer to no request; skipped");
    }
    if (owner !== exchange) owner.stop(new Error("answered elsewhere"));
    this.#takeResponse(owner, message);
  }

  #takeResponse(exchange: Exchange, message: JSONRPCMessage): void {
    if (exchange.isAnswered || exchange.id === undefined) return;
    exchange.isAnswered = true;
    if (exchange.isStream) {
      exchange.endsBy(this.#clock.schedule(ANSWERED_MS, () => exchange.stop(new Error("answered"))));
    }
    this.#deliver({ ...message, id: exchange.id });
  }

  #deliver(message: JSONRPCMessage): void {
    if (this.#closing !== undefined) return;
    try {
      this.onmessage?.(message);
    } catch (error) {
      // The client failed; the stream is intact.
      this.#notify(() => this.onerror?.(error instanceof Error ? error : new Error(String(error))));
    }
  }

  #notify(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#log("error", `has a client whose callback threw: ${String(error)}`);
    }
  }

  #badAnswer(what: string, status?: number): HttpFailure {
    const sentence = `at ${this.#requests.origin} ${what}`;
    return this.#requests.failure({ kind: "bad_answer", phase: "unknown", status }, sentence);
  }

  #log(level: LogLevel, what: string): void {
    const { log = silentLog, server, environment = "local" } = this.#options;
    log(level, `MCP server "${server}" ${what}`, { server, environment });
  }
}

/** Whether a message is a request of the 2026 era: it names its version. */
function isModern(message: JSONRPCMessage | readonly JSONRPCMessage[]): boolean {
  if (!("method" in message) || !("id" in message)) return false;
  return typeof message.params?._meta?.[PROTOCOL_VERSION_META_KEY] === "string";
}

/** Some servers give the number back as text; Codex and the SDK take that for the same (0.171). */
function isSameId(given: RequestId | null | undefined, own: RequestId | undefined): boolean {
  return given === own || (typeof given === "string" && given === String(own));
}
