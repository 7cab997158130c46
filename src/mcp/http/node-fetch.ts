/**
 * HTTP from this machine, over connections that are kept.
 *
 * One for a manager: all its servers share the sockets. HTTP/1.1. Through a proxy where `HTTP_PROXY` or `HTTPS_PROXY`
 * says so (Node 24.5 and later; earlier ones know no proxy).
 *
 * Invariants
 *   F1. The signal ends an exchange at any time, and its socket with it. Disposal ends all of them.
 *   F2. A request that found no connection within `CONNECT_MS`, or too many others in progress, was not sent, and the
 *       error says so. It is sent once: a connection that breaks is not tried again.
 *   F3. A body is read from the socket as it is asked for.
 */
import {
  Agent as HttpAgent,
  type ClientRequest,
  type IncomingMessage,
  request as requestHttp,
} from "node:http";
import type * as Https from "node:https";
import type { Socket } from "node:net";
import { pipeline, type Readable } from "node:stream";
import type { SecureContext } from "node:tls";
import { type Clock, systemClock, type Timer } from "../../base/clock.ts";
import { codeOf, messageOf } from "../../base/errors.ts";
import { FetchError, type HttpAnswer, type HttpFetch } from "./http-fetch.ts";

export interface NodeFetchOptions {
  /** Time, for tests. */
  readonly clock?: Clock;
  /** Where the proxy is looked up. @default the environment of this process */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Whether this process may end while exchanges are in progress. @default false */
  readonly background?: boolean;
  /** How many exchanges may be in progress; the streams of servers are exchanges too. @default 4096 */
  readonly exchangesMax?: number;
  /** Made when the first https server is asked: whose certificates are trusted. @default Node's own */
  readonly secureContext?: () => SecureContext | undefined;
}

/** A request as it goes over the wire. */
export interface NodeRequest {
  readonly method: string;
  /** Without user name and password. */
  readonly url: URL;
  /** Names and values in turn, as bytes of Latin-1; with `host`. */
  readonly headers: string[];
  /** A stream is read as fast as the server takes it. */
  readonly body: string | Buffer | Readable | undefined;
  readonly signal: AbortSignal;
}

/** How long a server has to accept a connection, its TLS handshake included. */
export const CONNECT_MS = 10_000;
/** An idle connection is closed earlier than most servers do: a request is lost if they close it while we send. */
const IDLE_MS = 4_000;
const IDLE_CONNECTIONS_MAX = 64;
/** A stream that is silent for so long is probed, so that a dead machine is noticed. */
const PROBE_MS = 30_000;
const HEAD_BYTES_MAX: number = 64 * 1024;
const NOT_LATIN = /[^\0-\x7f]/;

export class NodeFetch implements Disposable {
  readonly #clock: Clock;
  readonly #exchangesMax: number;
  readonly #background: boolean;
  readonly #http: HttpAgent;
  readonly #makeHttps: () => Https.Agent;
  #https: Https.Agent | undefined;
  #exchanges = 0;
  #disposed = false;

  constructor(options: NodeFetchOptions = {}) {
    const { clock = systemClock, env = process.env, exchangesMax = 4096, background = false } = options;
    this.#background = background;
    this.#clock = clock;
    this.#exchangesMax = exchangesMax;
    const agentOptions = {
      keepAlive: true,
      keepAliveMsecs: PROBE_MS,
      timeout: IDLE_MS,
      maxFreeSockets: IDLE_CONNECTIONS_MAX,
      proxyEnv: env,
    };
    this.#http = new HttpAgent(agentOptions);
    this.#makeHttps = () => {
      const secureContext = options.secureContext?.();
      return new (https().Agent)({
        ...agentOptions,
        ...(secureContext === undefined ? {} : { secureContext }),
      });
    };
  }

  /** Exchanges whose body was not read to its end. */
  get exchanges(): number {
    return this.#exchanges;
  }

  readonly fetch: HttpFetch = ({ method, url, headers, body, signal }) => {
    const raw = ["host", url.host];
    for (const [name, value] of headers) {
      if (name === "host") raw[1] = toBytes(value);
      else raw.push(name, toBytes(value));
    }
    if (body !== undefined) raw.push("content-length", String(Buffer.byteLength(body)));
    // Together with a string, Node would send the bytes of a header as text, once more as UTF-8.
    const bytes = body !== undefined && raw.some((each) => NOT_LATIN.test(each)) ? Buffer.from(body) : body;
    return new Promise((resolve, reject) =>
      this.#start(
        { method, url, headers: raw, body: bytes, signal },
        (head) => resolve(new NodeAnswer(head)),
        reject,
      ),
    );
  };

  /** The same, with headers and bodies as they are. @throws as `HttpFetch` does */
  exchange(request: NodeRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => this.#start(request, resolve, reject));
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#http.destroy();
    this.#https?.destroy();
  }

  #start(
    request: NodeRequest,
    resolve: (head: IncomingMessage) => void,
    reject: (error: unknown) => void,
  ): void {
    if (request.signal.aborted) reject(request.signal.reason);
    else if (this.#disposed) reject(new FetchError("is no longer used here", false));
    else if (this.#exchanges >= this.#exchangesMax) {
      const what = `was not asked, because ${this.#exchanges} requests to servers are in progress already`;
      reject(new FetchError(what, false));
    } else this.#send(request, resolve, reject);
  }

  #send(
    { method, url, headers, body, signal }: NodeRequest,
    resolve: (head: IncomingMessage) => void,
    reject: (error: unknown) => void,
  ): void {
    const isHttps = url.protocol === "https:";
    const request = (isHttps ? https().request : requestHttp)(url, {
      method,
      agent: isHttps ? (this.#https ??= this.#makeHttps()) : this.#http,
      headers,
      setDefaultHeaders: false,
      maxHeaderSize: HEAD_BYTES_MAX,
    });
    this.#exchanges++;
    if (this.#background) request.once("socket", (socket) => socket.unref());
    const connection = watchConnection(request, isHttps, this.#clock);
    let response: IncomingMessage | undefined;
    const onAbort = (): void => void (response ?? request).destroy(signal.reason as Error);
    signal.addEventListener("abort", onAbort);
    request.once("response", (head) => {
      response = head;
      resolve(head);
    });
    // Also after the response, whose reader gets the fault from the body.
    request.on("error", (cause) => {
      if (signal.aborted) reject(signal.reason);
      else reject(new FetchError(whatOf(cause, connection.isMade), connection.isMade, { cause }));
    });
    request.once("close", () => {
      this.#exchanges--;
      connection.end();
      signal.removeEventListener("abort", onAbort);
    });
    if (body === undefined || typeof body === "string" || Buffer.isBuffer(body)) request.end(body);
    else body.pipe(request);
  }
}

/** Loaded when there is a need: Node's TLS costs 5 ms, and most servers are programs or on this machine. */
function https(): typeof Https {
  return process.getBuiltinModule("node:https");
}

class NodeAnswer implements HttpAnswer {
  readonly status: number;
  readonly #response: IncomingMessage;

  constructor(response: IncomingMessage) {
    this.status = response.statusCode ?? 0;
    this.#response = response;
  }

  get body(): AsyncIterable<Uint8Array> {
    const isPacked = this.header("content-encoding")?.toLowerCase() === "gzip";
    return read(isPacked ? unpacked(this.#response) : this.#response);
  }

  header(name: string): string | undefined {
    const value = this.#response.headers[name];
    return typeof value === "object" ? value.join(", ") : value;
  }

  close(): void {
    this.#response.destroy();
  }
}

/** We ask for no encoding, and some servers pack all the same; Codex reads those (0.171). The reader's bounds count what comes out. */
function unpacked(response: IncomingMessage): Readable {
  const { createGunzip } = process.getBuiltinModule("node:zlib");
  const gunzip = createGunzip();
  // What becomes of either ends the other one, and its reader is told by the stream it reads.
  pipeline(response, gunzip, () => {});
  return gunzip;
}

/** As Node's own iteration of a stream, which costs twice as much. */
async function* read(response: Readable): AsyncGenerator<Uint8Array, void> {
  let wake = (): void => {};
  let fault: Error | undefined;
  const onChange = (): void => wake();
  const onError = (error: Error): void => {
    fault = error;
    wake();
  };
  response.on("readable", onChange).on("end", onChange).on("close", onChange).on("error", onError);
  try {
    for (;;) {
      const chunk = response.destroyed ? null : (response.read() as Uint8Array | null);
      if (chunk !== null) yield chunk;
      else if (fault !== undefined) throw fault;
      else if (response.readableEnded) return;
      else if (response.destroyed || response.closed) throw response.errored ?? new Error("aborted");
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    response.off("readable", onChange).off("end", onChange).off("close", onChange).off("error", onError);
    if (!response.readableEnded) response.destroy();
  }
}

/** Gives a new connection its time, and notes whether it was made: what comes before that was not sent (F2). */
function watchConnection(
  request: ClientRequest,
  isHttps: boolean,
  clock: Clock,
): { readonly isMade: boolean; end: () => void } {
  const connection = { isMade: false, end: (): void => {} };
  request.once("socket", (socket: Socket) => {
    if (request.reusedSocket) {
      connection.isMade = true;
      return;
    }
    const timer: Timer = clock.schedule(CONNECT_MS, () => {
      request.destroy(new Error(`no connection within ${CONNECT_MS / 1000} s`));
    });
    const onMade = (): void => {
      connection.isMade = true;
      timer.clear();
    };
    const event = isHttps ? "secureConnect" : "connect";
    connection.end = () => {
      timer.clear();
      socket.off(event, onMade);
    };
    socket.once(event, onMade);
  });
  return connection;
}

/** Node takes values as bytes: text goes out as UTF-8. */
function toBytes(value: string): string {
  return NOT_LATIN.test(value) ? Buffer.from(value, "utf8").toString("latin1") : value;
}

function whatOf(cause: Error, isSent: boolean): string {
  // A host with several addresses fails with one error for each.
  const inner = cause instanceof AggregateError ? (cause.errors[0] as unknown) : cause;
  const why = codeOf(inner) ?? codeOf(cause) ?? messageOf(inner);
  return isSent ? `broke the connection before it answered (${why})` : `cannot be connected to (${why})`;
}
