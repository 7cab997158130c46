/**
 * Requests to a model, passed on from this machine: who asks has a secret that is worth nothing elsewhere, and the key of the model
 * stays in this process.
 *
 *   POST http://127.0.0.1:PORT/m/KEY/responses    with the bearer of `open`  ──>  POST BASE_URL/responses    with the key
 *
 * Bodies are passed on as they come, both ways: neither is read faster than the other side takes it, and nothing of them is kept.
 *
 * Invariants
 *   Y1. A bearer opens its own URL and no other one; an unknown URL and a wrong bearer get the same answer.
 *   Y2. When `revoke` is called, the next request is refused, and what is under way is cut, on both sides.
 *   Y3. The key goes to the host of the base URL only: a redirect is not followed, and nothing but the paths of `PATHS` can be reached.
 *   Y4. Status, headers and body of an answer are the upstream's own, but for the headers that concern one connection. An answer that breaks off
 *       breaks off for the client, too, and one that the client leaves is left.
 *   Y5. Who slows down slows down the other side. Nothing is kept but what is between two sockets.
 *   Y6. A request that could not be asked breaks off, as it would for a client that asks itself. `failure` says why, without the key, until
 *       the model answers again; a new reason is logged.
 */
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { messageOf } from "../../base/errors.ts";
import { type Log, silentLog } from "../../base/log.ts";
import { FetchError } from "../../mcp/http/http-fetch.ts";
import type { NodeFetch } from "../../mcp/http/node-fetch.ts";
import { bearerOf, Capability } from "../http/capability.ts";
import type { Handler, Listener, Route } from "../http/listener.ts";
import { json } from "../http/refusal.ts";
import { passedHeaders } from "./passed-headers.ts";

/** Whom the model is asked at. */
export interface Upstream {
  /** `http:` or `https:`, without user name and password. Its query, if any, is sent with each request. */
  readonly baseUrl: URL;
  /** Sent with each request, the key among them; names in lower case. They take the place of the client's own. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Why a model could not be asked, or did not answer. */
export interface Failure {
  readonly message: string;
  /** Whether it may have got the request. */
  readonly isSent: boolean;
}

/** A way to a model. */
export interface ModelWay {
  /** Takes the place of the base URL of the model. */
  readonly baseUrl: string;
  /** Takes the place of its key. */
  readonly bearer: string;
  /** Another model, or another key, from the next request on. */
  readonly lead: (upstream: Upstream) => void;
  /** Why the last request could not be asked (Y6). */
  readonly failure: Failure | undefined;
  /** (Y2) */
  readonly revoke: () => void;
}

export interface ModelRelayOptions {
  readonly fetches: NodeFetch;
  readonly log?: Log;
}

/** What Codex asks a provider for (0.169 and 0.171), below the base URL. */
const PATHS: ReadonlyMap<string, "GET" | "POST"> = new Map([
  ["responses", "POST"],
  ["responses/compact", "POST"],
  ["models", "GET"],
  ["alpha/search", "POST"],
  ["images/generations", "POST"],
  ["images/edits", "POST"],
  ["memories/trace_summarize", "POST"],
]);

export class ModelRelay {
  readonly #options: ModelRelayOptions;
  readonly #listener: Listener;
  readonly #ways = new Map<string, Way>();
  /** Compared with where there is no such URL (Y1). */
  readonly #nobody = new Capability(Capability.random());

  /** Serves on `listener` as long as that is open. */
  constructor(listener: Listener, options: ModelRelayOptions) {
    this.#options = options;
    this.#listener = listener;
    const route: Route["route"] = (path, request) => this.#route(path, request);
    listener.add({ route });
  }

  /** Opens a way to a model, until it is revoked. */
  open(upstream: Upstream): ModelWay {
    const key = randomBytes(9).toString("base64url");
    const bearer = Capability.random();
    const way = new Way(`/m/${key}/`, new Capability(bearer), upstream, this.#options);
    this.#ways.set(key, way);
    return {
      baseUrl: `${this.#listener.origin}/m/${key}`,
      bearer,
      lead: (other) => (way.upstream = other),
      get failure() {
        return way.failure;
      },
      revoke: () => {
        this.#ways.delete(key);
        way.cut();
      },
    };
  }

  #route(path: string, { headers }: IncomingMessage): Handler | "unauthorized" | undefined {
    const [, mark, key = ""] = path.split("/", 3);
    if (mark !== "m") return undefined;
    const way = this.#ways.get(key);
    const isAllowed = (way?.capability ?? this.#nobody).allows(bearerOf(headers.authorization));
    return isAllowed && way !== undefined ? way : "unauthorized";
  }
}

class Way implements Handler {
  readonly capability: Capability;
  upstream: Upstream;
  failure: Failure | undefined;
  readonly #prefix: string;
  readonly #options: ModelRelayOptions;
  readonly #underWay = new Set<() => void>();

  constructor(prefix: string, capability: Capability, upstream: Upstream, options: ModelRelayOptions) {
    this.#prefix = prefix;
    this.capability = capability;
    this.upstream = upstream;
    this.#options = options;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    const [path = "", query = ""] = url.slice(this.#prefix.length).split(/\?(.*)/s, 2);
    if (PATHS.get(path) !== method)
      return tell(response, 404, `A model is not asked at ${method} ${path} here`);
    const { baseUrl, headers } = this.upstream;
    const stop = new AbortController();
    const cut = (): void => {
      stop.abort(new Error("cut"));
      response.destroy();
    };
    this.#underWay.add(cut);
    response.once("close", () => {
      this.#underWay.delete(cut);
      if (!response.writableFinished) stop.abort(new Error("the client has left"));
    });
    let answer: IncomingMessage;
    try {
      answer = await this.#options.fetches.exchange({
        method,
        url: targetOf(baseUrl, path, query),
        headers: requestHeaders(request, baseUrl, headers),
        body: hasBody(request) ? request : undefined,
        signal: stop.signal,
      });
    } catch (error) {
      // Nobody is there to be told.
      if (!stop.signal.aborted) this.#fail(baseUrl, error);
      response.destroy();
      return;
    }
    this.failure = undefined;
    const { statusCode = 502, statusMessage, rawHeaders } = answer;
    // A client that went there itself would take the bearer along, or ask a model that nobody has named.
    if (statusCode >= 300 && statusCode < 400 && answer.headers.location !== undefined) {
      answer.destroy();
      return tell(response, 400, redirected(baseUrl, statusCode, answer.headers.location));
    }
    response.writeHead(statusCode, statusMessage, passedHeaders(rawHeaders));
    // The first event of a stream may take a while.
    response.flushHeaders();
    answer.once("error", () => response.destroy());
    answer.pipe(response);
  }

  /** (Y2) */
  cut(): void {
    for (const each of this.#underWay) each();
  }

  #fail({ origin }: URL, error: unknown): void {
    const what = error instanceof FetchError ? error.message : `cannot be asked (${messageOf(error)})`;
    const remedy = /CERT|ISSUER|SIGNATURE|SELF_SIGNED/.test(what)
      ? ". If it has a certificate of its own, name its authority with caFile"
      : "";
    const message = `The model at ${origin} ${what}${remedy}`;
    if (message !== this.failure?.message) (this.#options.log ?? silentLog)("warn", message);
    this.failure = { message, isSent: error instanceof FetchError && error.isSent };
  }
}

/** In the shape of the Responses API's own errors. */
function tell(response: ServerResponse, status: number, message: string): void {
  json(response, status, { error: { message, type: "switchyard", code: null, param: null } });
}

function targetOf(baseUrl: URL, path: string, query: string): URL {
  const url = new URL(baseUrl);
  url.pathname = `${baseUrl.pathname.replace(/\/+$/, "")}/${path}`;
  if (query !== "") url.search = url.search === "" ? query : `${url.search}&${query}`;
  return url;
}

function requestHeaders(request: IncomingMessage, { host }: URL, own: Upstream["headers"]): string[] {
  const headers = passedHeaders(request.rawHeaders, "host", "authorization", ...Object.keys(own));
  headers.push("host", host, ...Object.entries(own).flat());
  // Of a body whose length is not known; `setDefaultHeaders` is off.
  if (request.headers["transfer-encoding"] !== undefined) headers.push("transfer-encoding", "chunked");
  return headers;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function redirected({ origin }: URL, status: number, location: string): string {
  const to = URL.parse(location, origin);
  const where = to === null ? "another place" : `${to.origin}${to.pathname}`;
  return `The model at ${origin} redirects (${status}) to ${where}: give the base URL that it is at`;
}
