/**
 * The method `http/request` of one link: HTTP from this machine, the body in the answer or in notifications. And
 * `http/cancel`, which the original does not have: it leaves a request that its client gives up running.
 *
 *   params ──> exchange (`exchange.ts`) ──> head of the response ──┬── body, at most `BODY_BYTES_MAX` ──> answer
 *                                                                       └── answer; then bodyDelta* ──> client
 *
 * Invariants
 *   H1. The answer to a streamed request is sent before the first part of its body. Parts are numbered from 1; the last
 *       one is empty and `done`, with the error if the body broke off.
 *   H2. While the client does not take what was sent, nothing more is read from the server of a streamed body.
 *   H3. The time a client gives covers everything, to the last byte of the body.
 *   H4. The id of a streamed request is taken until its last part was sent; other requests may have the same.
 *   H5. When the link ends, all requests are given up at once; disposal returns when they have ended.
 *   H6. A value of the executor's environment goes to the origin of the request and nowhere else, nor into an error.
 *   H7. A streamed request that is cancelled is given up at once, before its answer and after.
 */
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { abortable } from "../../../base/abort.ts";
import type { Clock } from "../../../base/clock.ts";
import { codeOf } from "../../../base/errors.ts";
import { headerNameProblem, headerValueProblem } from "../../../base/http-header.ts";
import { RpcError } from "../../../jsonrpc/index.ts";
import { CHUNK_BYTES_MAX } from "../../executor.ts";
import {
  httpCancelParams,
  type HttpHeader,
  type HttpRequestParams,
  httpRequestParams,
  type HttpRequestResult,
  type HttpResponseHead,
} from "../../wire/http-messages.ts";
import { RpcCode, rpcError } from "../../wire/protocol.ts";
import { type Method, method, type MethodContext, type MethodFamily } from "../method.ts";
import { decoded, type DecodedResponse } from "./decode.ts";
import { type Exchange, ExchangeError, HttpConnections, type OutgoingHeader } from "./exchange.ts";

export interface HttpMethodsOptions {
  readonly clock: Clock;
  /** The executor's own environment: for values of headers, and for the proxy. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Requests of one link at once, streamed bodies included. */
const REQUESTS_MAX = 256;
/** Of a body that is answered whole, decoded. */
const BODY_BYTES_MAX: number = 32 * 1024 * 1024;
/** Of all bodies that are being read. */
const BODIES_BYTES_MAX: number = 4 * BODY_BYTES_MAX;
const HEADER_NAME_CHARS_MAX = 65_535;
const READABLE_HEADER_VALUE = /^[\t\x20-\x7e]*$/;
/** With these there was no connection, so nothing was sent. */
const NOT_SENT: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
]);
const BODY_BROKE = "error decoding response body";

export class HttpMethods implements MethodFamily, AsyncDisposable {
  readonly methods: Readonly<Record<string, Method>>;
  readonly #clock: Clock;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #connections: HttpConnections;
  readonly #closing = new AbortController();
  /** Settle when their request has ended; none of them rejects. */
  readonly #running = new Set<Promise<void>>();
  /** By id; they give the request up. */
  readonly #streams = new Map<string, AbortController>();
  #bodiesBytes = 0;

  constructor({ clock, env }: HttpMethodsOptions) {
    this.#clock = clock;
    this.#env = env;
    this.#connections = new HttpConnections(env);
    this.methods = {
      "http/request": method(httpRequestParams, (params, context) => this.#request(params, context)),
      "http/cancel": method(httpCancelParams, ({ requestId }) => this.#cancel(requestId)),
    };
  }

  /** Gives up the running requests, and waits for their end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("The link has ended"));
    await Promise.all(this.#running);
    this.#connections[Symbol.dispose]();
  }

  async #request(params: HttpRequestParams, context: MethodContext): Promise<HttpRequestResult> {
    const { requestId, streamResponse, timeoutMs } = params;
    if (streamResponse && this.#streams.has(requestId)) {
      throw rpcError(
        "invalidParams",
        `http/request streamResponse requestId \`${requestId}\` is already active`,
      );
    }
    if (this.#running.size >= REQUESTS_MAX) {
      throw failed(`http/request failed: at most ${REQUESTS_MAX} requests may be active per connection`);
    }
    const exchange = readExchange(params, this.#env);
    const expired = new AbortController();
    const gone = AbortSignal.any([context.signal, this.#closing.signal]);
    const cancelled = new AbortController();
    const stop = AbortSignal.any([gone, expired.signal, cancelled.signal]);
    const timer =
      timeoutMs === undefined
        ? undefined
        : this.#clock.schedule(timeoutMs, () => expired.abort(new Error(`no end within ${timeoutMs} ms`)));
    if (streamResponse) this.#streams.set(requestId, cancelled);
    const end = this.#begin(streamResponse ? requestId : undefined, () => timer?.clear());
    let isStreaming = false;
    try {
      const response = decoded(await this.#send(exchange, stop));
      const head = readHead(response);
      if (!streamResponse)
        return { ...head, bodyBase64: (await this.#readBody(response.body)).toString("base64") };
      isStreaming = true;
      void this.#stream(response.body, { requestId, context, gone }).finally(end);
      return { ...head, bodyBase64: "" };
    } finally {
      if (!isStreaming) end();
    }
  }

  #cancel(requestId: string): { readonly cancelled: boolean } {
    const stream = this.#streams.get(requestId);
    stream?.abort(new Error("The client gave it up"));
    return { cancelled: stream !== undefined };
  }

  /** @returns a function to call at the end of the request */
  #begin(streamId: string | undefined, clear: () => void): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running.add(promise);
    return () => {
      clear();
      this.#running.delete(promise);
      if (streamId !== undefined) this.#streams.delete(streamId);
      resolve();
    };
  }

  async #send(exchange: Exchange, signal: AbortSignal): Promise<IncomingMessage> {
    try {
      return await this.#connections.exchange(exchange, signal);
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      const isSent = !NOT_SENT.has(codeOf(error.cause) ?? "");
      throw failed(
        `http/request failed: ${error.message}`,
        error,
        isSent ? undefined : { code: "connect_failed" },
      );
    }
  }

  async #readBody(body: Readable): Promise<Buffer> {
    const parts: Buffer[] = [];
    let length = 0;
    try {
      // Leaving the loop early closes the response.
      for await (const part of body as AsyncIterable<Buffer>) {
        length += part.length;
        this.#bodiesBytes += part.length;
        if (length > BODY_BYTES_MAX) throw tooLarge(`response body is larger than ${BODY_BYTES_MAX} bytes`);
        if (this.#bodiesBytes > BODIES_BYTES_MAX) {
          throw tooLarge(
            `response bodies that are being read have more than ${BODIES_BYTES_MAX} bytes together`,
          );
        }
        parts.push(part);
      }
      return Buffer.concat(parts);
    } catch (error) {
      if (error instanceof RpcError) throw error;
      throw failed(`failed to read http/request response body: ${BODY_BROKE}`, error);
    } finally {
      this.#bodiesBytes -= length;
    }
  }

  /** Sends a body in parts until its end, or until the link ends. Never rejects. */
  async #stream(
    body: Readable,
    { requestId, context, gone }: { requestId: string; context: MethodContext; gone: AbortSignal },
  ): Promise<void> {
    let seq = 0;
    const send = async (delta: Buffer, done: boolean, error: string | null): Promise<void> => {
      await abortable(context.room(), gone);
      const deltaBase64 = delta.toString("base64");
      context.notify("http/request/bodyDelta", { requestId, seq: ++seq, deltaBase64, done, error });
    };
    // The answer goes first (H1): it is sent before the next turn of the event loop.
    await new Promise(setImmediate);
    try {
      const error = await this.#sendParts(body, (delta) => send(delta, false, null), gone);
      await send(Buffer.alloc(0), true, error);
    } catch {
      // The link has ended: nobody is left to report it to.
      body.destroy();
    }
  }

  /** @returns the error to report, if any; throws when the link has ended */
  async #sendParts(
    body: Readable,
    send: (delta: Buffer) => Promise<void>,
    gone: AbortSignal,
  ): Promise<string | null> {
    try {
      for await (const part of body as AsyncIterable<Buffer>) {
        for (let start = 0; start < part.length; start += CHUNK_BYTES_MAX) {
          await send(part.subarray(start, start + CHUNK_BYTES_MAX));
        }
      }
      return null;
    } catch (error) {
      if (gone.aborted) throw error;
      return BODY_BROKE;
    }
  }
}

/** @throws {RpcError} -32602, checked in the order of the original */
function readExchange(
  params: HttpRequestParams,
  env: Readonly<Record<string, string | undefined>>,
): Exchange {
  // A method is a token too.
  if (headerNameProblem(params.method) !== undefined)
    throw rpcError("invalidParams", "http/request method is invalid: invalid HTTP method");
  // It would ask for a tunnel.
  if (params.method.toUpperCase() === "CONNECT") {
    throw rpcError("invalidParams", "http/request method is invalid: CONNECT is not supported");
  }
  const url = URL.parse(params.url);
  if (url === null) throw rpcError("invalidParams", `http/request url is invalid: not a URL`);
  const scheme = url.protocol.slice(0, -1);
  if (scheme !== "http" && scheme !== "https") {
    throw rpcError("invalidParams", `http/request only supports http and https URLs, got ${scheme}`);
  }
  return {
    method: params.method,
    url,
    headers: params.headers.map((each) => readHeader(each, env)),
    body: params.bodyBase64,
    followRedirects: params.redirectPolicy === "follow",
  };
}

function readHeader(
  { name, value, valueEnvVar }: HttpHeader,
  env: Readonly<Record<string, string | undefined>>,
): OutgoingHeader {
  if (headerNameProblem(name) !== undefined || name.length > HEADER_NAME_CHARS_MAX) {
    throw rpcError("invalidParams", "http/request header name is invalid: invalid HTTP header name");
  }
  const full = value + (valueEnvVar === undefined ? "" : readVariable(name, valueEnvVar, env));
  if (headerValueProblem(full) !== undefined) {
    throw rpcError(
      "invalidParams",
      `http/request header value is invalid for ${name}: failed to parse header value`,
    );
  }
  return { name: name.toLowerCase(), value: full, isSecret: valueEnvVar !== undefined };
}

function readVariable(
  headerName: string,
  variable: string,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const value = Object.hasOwn(env, variable) ? env[variable] : undefined;
  if (value !== undefined && value !== "") return value;
  const what =
    value === undefined ? "executor environment variable" : "a non-empty executor environment variable";
  throw rpcError("invalidParams", `http/request header ${headerName} requires ${what} ${variable}`);
}

/** Names in lower case, repeated ones kept. A value that is not ASCII is left out, as in the original. */
function readHead({ status, rawHeaders }: DecodedResponse): HttpResponseHead {
  const headers: { name: string; value: string }[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = "", value = ""] = rawHeaders.slice(at, at + 2);
    if (READABLE_HEADER_VALUE.test(value)) headers.push({ name: name.toLowerCase(), value });
  }
  return { status, headers };
}

function failed(message: string, cause?: unknown, data?: object): RpcError {
  const error = { code: RpcCode.failed, message, ...(data === undefined ? {} : { data }) };
  return new RpcError(error, cause === undefined ? undefined : { cause });
}

function tooLarge(what: string): RpcError {
  return failed(`failed to read http/request response body: ${what}; streamResponse has no such limit`);
}
