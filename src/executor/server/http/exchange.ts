/**
 * One HTTP request with its redirects, up to the head of the response, as `codex exec-server` 0.171 makes it.
 *
 * Like the original it adds nothing: no User-Agent. A body is decoded by `decode.ts`. HTTP/1.1 only.
 *
 * Safer than the original when a redirect leads to another origin: a header with a value of the executor's environment
 * is not sent there, nor is the caller's Host. And the length of a body is computed, whatever the caller says.
 *
 * Invariants
 *   E1. A redirect to another origin carries no credentials, and a dropped header does not come back later.
 *   E2. The signal ends an exchange at any time. A response that is not read to its end is closed by its reader, or by
 *       the signal.
 */
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { unescape } from "node:querystring";
import { ACCEPTED_ENCODINGS } from "./decode.ts";

export interface OutgoingHeader {
  /** In lower case. */
  readonly name: string;
  readonly value: string;
  /** Whether it must not go to another origin than the first one. */
  readonly isSecret: boolean;
}

export interface Exchange {
  readonly method: string;
  readonly url: URL;
  readonly headers: readonly OutgoingHeader[];
  readonly body: Buffer | undefined;
  readonly followRedirects: boolean;
}

/** It failed before there was a response; the message names the URL, without credentials. */
export class ExchangeError extends Error {
  override readonly name = "ExchangeError";
}

const REDIRECTS_MAX = 10;
const HEAD_BYTES_MAX: number = 64 * 1024;
/** An idle connection is closed earlier than most servers do: a request is lost if they close it while we send. */
const IDLE_MS = 4_000;
const IDLE_CONNECTIONS_MAX = 16;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
const CREDENTIALS: readonly string[] = [
  "authorization",
  "cookie",
  "cookie2",
  "proxy-authorization",
  "www-authenticate",
];
const OF_BODY: readonly string[] = [
  "content-type",
  "content-length",
  "content-encoding",
  "transfer-encoding",
];

/** Connections that are kept for the next request, through a proxy if the environment names one (Node 24.5 and later). */
export class HttpConnections implements Disposable {
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  /** @param env where `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` are looked up */
  constructor(env: Readonly<Record<string, string | undefined>>) {
    const options = {
      keepAlive: true,
      timeout: IDLE_MS,
      maxFreeSockets: IDLE_CONNECTIONS_MAX,
      proxyEnv: env,
    };
    this.#http = new HttpAgent(options);
    this.#https = new HttpsAgent(options);
  }

  /**
   * @returns the response to the last request; its body has not been read
   * @throws {ExchangeError}
   */
  async exchange(first: Exchange, signal: AbortSignal): Promise<IncomingMessage> {
    let next = withUserInfo(first);
    for (let redirects = 0; ; redirects++) {
      const response = await this.#send(next, signal);
      const target = next.followRedirects ? redirectTarget(response, next.url) : undefined;
      if (target === undefined) return response;
      response.destroy();
      if (redirects === REDIRECTS_MAX) throw new ExchangeError("too many redirects");
      next = redirected(next, target, response.statusCode ?? 0);
    }
  }

  [Symbol.dispose](): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  #send({ method, url, headers, body }: Exchange, signal: AbortSignal): Promise<IncomingMessage> {
    const isHttps = url.protocol === "https:";
    return new Promise((resolve, reject) => {
      const request = (isHttps ? requestHttps : requestHttp)(url, {
        method,
        signal,
        agent: isHttps ? this.#https : this.#http,
        headers: rawHeaders(url, headers, body),
        setDefaultHeaders: false,
        maxHeaderSize: HEAD_BYTES_MAX,
      });
      request.on("response", resolve);
      request.on("upgrade", (response, socket) => {
        // Another protocol follows, which we do not speak.
        socket.destroy();
        resolve(response);
      });
      // Also after the response, which reports faults of its body itself.
      request.on("error", (cause) => {
        reject(new ExchangeError(`error sending request for url (${url.href})`, { cause }));
      });
      request.end(body);
    });
  }
}

/** Node sends a list unchanged, and takes values as bytes: text goes out as UTF-8. */
function rawHeaders(url: URL, headers: readonly OutgoingHeader[], body: Buffer | undefined): string[] {
  const raw: string[] = [];
  for (const { name, value } of headers) raw.push(name, Buffer.from(value, "utf8").toString("latin1"));
  const has = (name: string): boolean => headers.some((header) => header.name === name);
  if (!has("accept")) raw.push("accept", "*/*");
  if (!has("accept-encoding")) raw.push("accept-encoding", ACCEPTED_ENCODINGS);
  if (!has("host")) raw.push("host", url.host);
  if (body !== undefined && body.length > 0) raw.push("content-length", String(body.length));
  return raw;
}

/** Name and password of the URL as the header they mean; a URL without them may be shown. */
function withUserInfo(exchange: Exchange): Exchange {
  const { username, password } = exchange.url;
  const url = withoutUserInfo(exchange.url);
  const headers = exchange.headers.filter(
    ({ name }) => name !== "content-length" && name !== "transfer-encoding",
  );
  if (username !== "" || password !== "") {
    const basic = Buffer.from(`${unescape(username)}:${unescape(password)}`).toString("base64");
    headers.push({ name: "authorization", value: `Basic ${basic}`, isSecret: true });
  }
  return { ...exchange, url, headers };
}

function withoutUserInfo(url: URL): URL {
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  return bare;
}

/** @throws {ExchangeError} for a target that is not HTTP */
function redirectTarget({ statusCode, headers }: IncomingMessage, url: URL): URL | undefined {
  const { location } = headers;
  // With a location that cannot be read the caller gets the response as it is.
  if (!REDIRECTS.includes(statusCode ?? 0) || location === undefined || !/^[\t\x20-\x7e]*$/.test(location))
    return undefined;
  const target = URL.parse(location, url.href);
  if (target === null) return undefined;
  if (target.protocol === "http:" || target.protocol === "https:") return withoutUserInfo(target);
  throw new ExchangeError(`redirect target uses unsupported URL scheme: ${target.protocol.slice(0, -1)}`);
}

function redirected(exchange: Exchange, url: URL, status: number): Exchange {
  const becomesGet =
    (status === 303 && exchange.method !== "HEAD") ||
    ((status === 301 || status === 302) && exchange.method === "POST");
  const losesBody = becomesGet || status === 303;
  const isSameOrigin = url.origin === exchange.url.origin;
  const headers = exchange.headers.filter(({ name, isSecret }) => {
    if (losesBody && OF_BODY.includes(name)) return false;
    if (name === "referer") return false;
    return isSameOrigin || !(isSecret || name === "host" || CREDENTIALS.includes(name));
  });
  const referer = refererOf(exchange.url, url);
  if (referer !== undefined) headers.push({ name: "referer", value: referer, isSecret: false });
  return {
    ...exchange,
    method: becomesGet ? "GET" : exchange.method,
    url,
    headers,
    body: losesBody ? undefined : exchange.body,
  };
}

/** Another origin gets only the origin of the request; without encryption, not even that. */
function refererOf(from: URL, to: URL): string | undefined {
  if (from.protocol === "https:" && to.protocol === "http:") return undefined;
  if (from.origin !== to.origin) return `${from.origin}/`;
  return from.href.slice(0, from.href.length - from.hash.length);
}
