/**
 * One URL: its clients of both eras, over streamable HTTP.
 *
 *   POST  legacy: a message of a session, which `initialize` begins    modern: a request that says itself who asks
 *   GET   legacy: the stream that belongs to no request                DELETE  legacy: the end of a session
 *
 * Which era a message is of, its body says; what disagrees is rejected with the statuses and codes of the SDK's own entry.
 *
 * Invariants
 *   E1. A session is known at the endpoint that began it, and nowhere else.
 *   E2. Bodies, sessions, their rate and requests under way are bounded; above a bound a client is refused, and nobody else is.
 *   E3. When it ends, its sessions end, its streams end, and what was under way is cancelled.
 *   E4. An answer that nobody can read any more is not waited for: when a client's connection closes, its request is cancelled.
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { classifyInboundRequest } from "@modelcontextprotocol/server";
import type { Clock } from "../../base/clock.ts";
import { isObject, type JsonObject } from "../../base/json.ts";
import { type ClientFacts, type OpenBackend, textOf } from "../backend/backend.ts";
import { errorOfThrown } from "../protocol/answers.ts";
import { LegacySession } from "../protocol/legacy-session.ts";
import {
  errorMessage,
  HEADER_MISMATCH,
  type Id,
  type Incoming,
  INVALID_REQUEST,
  LEGACY_VERSIONS,
  META,
  METHOD_NOT_FOUND,
  MISSING_CAPABILITY,
  MODERN_VERSION,
  NO_SUCH_SESSION,
  PARSE_ERROR,
  readMessage,
  type RequestMessage,
  resultMessage,
  type RpcError,
  SERVER_ERROR,
  UNSUPPORTED_VERSION,
} from "../protocol/messages.ts";
import { type Envelope, ModernClient, readEnvelope } from "../protocol/modern-client.ts";
import type { Limits } from "./limits.ts";
import { header, headerProblem } from "./modern-headers.ts";
import { paramHeaderProblem } from "./param-headers.ts";
import { Rate } from "./rate.ts";
import { readBody } from "./read-body.ts";
import { GONE, json, refuse } from "./refusal.ts";
import { HttpReply, type ReplyOptions } from "./reply.ts";

export interface EndpointOptions {
  /** Yields the backend for a client. Of the modern era, clients that say the same of themselves are one client. */
  readonly open: (client: ClientFacts) => OpenBackend;
  readonly limits: Limits;
  readonly clock: Clock;
}

interface Session {
  readonly legacy: LegacySession;
  usedAt: number;
}

interface Modern {
  readonly client: ModernClient;
  readonly opened: OpenBackend;
  requests: number;
  usedAt: number;
}

export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #modern = new Map<string, Modern>();
  readonly #replies = new Set<HttpReply>();
  readonly #rate: Rate;
  readonly #over = new AbortController();
  #opening = 0;

  constructor(options: EndpointOptions) {
    this.#options = options;
    const { sessionsPerSecond: perSecond, sessionsMax: burst } = options.limits;
    this.#rate = new Rate(options.clock, { perSecond, burst });
  }

  /** Clients that are there now. */
  get clients(): number {
    return this.#sessions.size + this.#modern.size;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    switch (request.method) {
      case "POST":
        return this.#post(request, response);
      case "GET":
        return this.#get(request, response);
      case "DELETE":
        return this.#delete(request, response);
      default:
        return refuse(response, 405, { code: SERVER_ERROR, message: "Method not allowed" }, undefined, {
          allow: "GET, POST, DELETE",
        });
    }
  }

  /** Now and then: streams are kept alive, and who has not been heard of for long is let go. */
  tick(): void {
    for (const reply of this.#replies) reply.tick();
    const { clock, limits } = this.#options;
    const since = clock.now() - limits.idleMs;
    for (const [id, session] of this.#sessions)
      if (!session.legacy.isBusy && session.usedAt < since) void this.#drop(id, session);
    for (const [key, modern] of this.#modern)
      if (modern.requests === 0 && modern.usedAt < since) void this.#dropModern(key, modern);
  }

  /** (E3) Never rejects. */
  async end(): Promise<void> {
    this.#over.abort();
    await Promise.all([
      ...[...this.#sessions].map(([id, session]) => this.#drop(id, session)),
      ...[...this.#modern].map(([key, modern]) => this.#dropModern(key, modern)),
    ]);
    for (const reply of this.#replies) reply.cut();
  }

  async #post(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers } = request;
    const { bodyBytesMax, requestsMax } = this.#options.limits;
    if (!/^application\/json *(?:;|$)/i.test(headers["content-type"] ?? "")) {
      const message = "Unsupported Media Type: Content-Type must be application/json";
      return refuse(response, 415, { code: SERVER_ERROR, message });
    }
    const text = await readBody(request, bodyBytesMax);
    if (text === undefined) {
      if (request.destroyed && !request.complete) return;
      const message = `Payload Too Large: a message has at most ${bodyBytesMax} bytes`;
      return refuse(response, 413, { code: SERVER_ERROR, message }, undefined, { connection: "close" });
    }
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      return refuse(response, 400, { code: PARSE_ERROR, message: "Parse error: the body is not valid JSON" });
    }
    const message = readMessage(body);
    const classify = message !== undefined && isLegacy(headers, body) ? undefined : await loadClassify();
    if (this.#over.signal.aborted) return refuse(response, 404, GONE);
    if (classify !== undefined) {
      const verdict = classify({
        httpMethod: "POST",
        ...named("protocolVersionHeader", header(headers, "mcp-protocol-version")),
        ...named("mcpMethodHeader", header(headers, "mcp-method")),
        ...named("mcpNameHeader", header(headers, "mcp-name")),
        body,
      });
      if (verdict.kind === "reject") return refuse(response, verdict.httpStatus, verdict, idOf(message));
      if (verdict.kind === "modern") {
        if (message === undefined) return refuse(response, 400, NO_MESSAGE);
        return message.kind === "request"
          ? this.#postModern(message, request, response)
          : void response.writeHead(202).end();
      }
    }
    if (message === undefined) return refuse(response, 400, NO_MESSAGE);
    if (this.#replies.size >= requestsMax) return tooMany(response, "requests under way", idOf(message));
    if (message.kind === "request" && message.method === "initialize")
      return this.#initialize(message, request, response);
    const session = this.#sessionOf(request, response, idOf(message));
    if (session === undefined) return;
    if (message.kind !== "request") {
      session.note(message);
      response.writeHead(202).end();
      return;
    }
    session.request(message, this.#reply(response, { takesStream: takesStream(headers) }));
  }

  async #initialize(
    message: RequestMessage,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { id, params } = message;
    const { sessionsMax } = this.#options.limits;
    if (header(request.headers, "mcp-session-id") !== undefined)
      return refuse(response, 400, { code: INVALID_REQUEST, message: "It is initialized already" }, id);
    if (!this.#rate.take()) return tooMany(response, "new sessions a second", id);
    if (this.#sessions.size + this.#opening >= sessionsMax && !this.#makeRoom())
      return tooMany(response, "sessions", id);
    const gone = new AbortController();
    const leave = (): void => gone.abort();
    response.once("close", leave);
    this.#opening++;
    try {
      const signal = AbortSignal.any([gone.signal, this.#over.signal]);
      const legacy = await LegacySession.open(params, this.#options.open, signal);
      if (signal.aborted) return await legacy.end();
      const sessionId = randomUUID();
      const session = { legacy, usedAt: this.#options.clock.now() };
      this.#sessions.set(sessionId, session);
      legacy.over.addEventListener("abort", () => this.#sessions.delete(sessionId), { once: true });
      json(response, 200, resultMessage(id, legacy.greeting), { "mcp-session-id": sessionId });
    } catch (error) {
      json(response, 200, errorMessage(id, errorOfThrown(error)));
    } finally {
      this.#opening--;
      response.off("close", leave);
    }
  }

  /** Lets the session go that was used the longest ago and waits for nothing. @returns whether there is one */
  #makeRoom(): boolean {
    const idle = [...this.#sessions].filter(([, { legacy }]) => !legacy.isBusy);
    const [oldest] = idle.toSorted(([, a], [, b]) => a.usedAt - b.usedAt);
    if (oldest === undefined) return false;
    void this.#drop(...oldest);
    return true;
  }

  #postModern(message: RequestMessage, request: IncomingMessage, response: ServerResponse): void {
    const { headers } = request;
    const { id, params } = message;
    const envelope = readEnvelope(params);
    const problem = "code" in envelope ? envelope : headerProblem(headers, message);
    if (problem !== undefined) return refuse(response, 400, problem, id);
    if (this.#replies.size >= this.#options.limits.requestsMax)
      return tooMany(response, "requests under way", id);
    let modern: Modern | undefined;
    try {
      modern = this.#modernOf(envelope as Envelope);
    } catch (error) {
      return json(response, 200, errorMessage(id, errorOfThrown(error)));
    }
    if (modern === undefined) return tooMany(response, "clients", id);
    const tool =
      message.method === "tools/call" ? modern.opened.backend.tool(textOf(params["name"])) : undefined;
    const mismatch = tool === undefined ? undefined : paramHeaderProblem(headers, tool, params["arguments"]);
    if (mismatch !== undefined) return refuse(response, 400, mismatch, id);
    const reply = this.#reply(response, { takesStream: takesStream(headers), statusOf: statusOfModern });
    modern.requests++;
    response.once("close", () => {
      modern.requests--;
      modern.usedAt = this.#options.clock.now();
    });
    modern.client.request(message, envelope as Envelope, reply);
  }

  #modernOf(client: Envelope): Modern | undefined {
    const key = JSON.stringify([client.name, client.version, client.capabilities]);
    const known = this.#modern.get(key);
    if (known !== undefined) return known;
    if (this.#modern.size >= this.#options.limits.sessionsMax) {
      const idle = [...this.#modern].find(([, { requests }]) => requests === 0);
      if (idle === undefined) return undefined;
      void this.#dropModern(...idle);
    }
    const opened = this.#options.open(client);
    const { clock } = this.#options;
    const modern = {
      client: new ModernClient(opened.backend, clock),
      opened,
      requests: 0,
      usedAt: clock.now(),
    };
    this.#modern.set(key, modern);
    return modern;
  }

  #get(request: IncomingMessage, response: ServerResponse): void {
    if (!takesStream(request.headers)) {
      const message = "Not Acceptable: a client has to accept text/event-stream";
      return refuse(response, 406, { code: SERVER_ERROR, message });
    }
    const session = this.#sessionOf(request, response, undefined);
    if (session === undefined) return;
    if (session.hasStanding)
      return refuse(response, 409, { code: SERVER_ERROR, message: "This session has such a stream already" });
    const reply = this.#reply(response, { takesStream: true });
    reply.open();
    session.stand(reply);
  }

  async #delete(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const session = this.#sessionOf(request, response, undefined);
    if (session === undefined) return;
    await session.end();
    response.writeHead(200).end();
  }

  /** @returns `undefined` when it was refused */
  #sessionOf(
    { headers }: IncomingMessage,
    response: ServerResponse,
    id: Id | undefined,
  ): LegacySession | undefined {
    const sessionId = header(headers, "mcp-session-id");
    if (sessionId === undefined) {
      refuse(response, 400, { code: SERVER_ERROR, message: NO_SESSION_ID }, id);
      return undefined;
    }
    const session = this.#sessions.get(sessionId);
    if (session === undefined) {
      refuse(response, 404, { code: NO_SUCH_SESSION, message: "Session not found" }, id);
      return undefined;
    }
    const version = header(headers, "mcp-protocol-version");
    if (version !== undefined && !LEGACY_VERSIONS.includes(version)) {
      const known = LEGACY_VERSIONS.join(", ");
      const message = `Bad Request: Unsupported protocol version (supported versions: ${known})`;
      refuse(response, 400, { code: SERVER_ERROR, message }, id);
      return undefined;
    }
    session.usedAt = this.#options.clock.now();
    return session.legacy;
  }

  #reply(response: ServerResponse, options: ReplyOptions): HttpReply {
    const reply = new HttpReply(response, options);
    this.#replies.add(reply);
    response.once("close", () => this.#replies.delete(reply));
    return reply;
  }

  async #drop(id: string, { legacy }: Session): Promise<void> {
    this.#sessions.delete(id);
    await legacy.end();
  }

  async #dropModern(key: string, { client, opened }: Modern): Promise<void> {
    this.#modern.delete(key);
    client.end();
    await opened.end();
  }
}

const NO_MESSAGE: RpcError = {
  code: INVALID_REQUEST,
  message: "Invalid Request: this is no JSON-RPC message",
};
const NO_SESSION_ID = "Bad Request: Mcp-Session-Id header is required";

const STATUS: ReadonlyMap<unknown, number> = new Map([
  [METHOD_NOT_FOUND, 404],
  [HEADER_MISMATCH, 400],
  [MISSING_CAPABILITY, 400],
  [UNSUPPORTED_VERSION, 400],
]);

/** The modern era has statuses for some errors. */
function statusOfModern({ error }: JsonObject): number {
  return (isObject(error) ? STATUS.get(error["code"]) : undefined) ?? 200;
}

function claims(body: unknown): boolean {
  const params = isObject(body) ? body["params"] : undefined;
  const meta = isObject(params) ? params["_meta"] : undefined;
  return isObject(meta) && META.version in meta;
}

/** A message that names no version, or an old one, is of the legacy era. The SDK compares versions as texts, too. */
function isLegacy(headers: IncomingMessage["headers"], body: unknown): boolean {
  const version = header(headers, "mcp-protocol-version");
  return (version === undefined || version < MODERN_VERSION) && !claims(body);
}

let classify: typeof classifyInboundRequest | undefined;

/** The SDK's rules for what may be of the modern era. A host whose clients are all of the legacy one does not load them. */
async function loadClassify(): Promise<typeof classifyInboundRequest> {
  classify ??= (await import("@modelcontextprotocol/server")).classifyInboundRequest;
  return classify;
}

function takesStream({ accept }: IncomingMessage["headers"]): boolean {
  return accept === undefined || /text\/event-stream|text\/\*|\*\/\*/i.test(accept);
}

function idOf(message: Incoming | undefined): Id | undefined {
  return message?.kind === "request" ? message.id : undefined;
}

function named<Key extends string>(key: Key, value: string | undefined): { [K in Key]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]?: string });
}

function tooMany(response: ServerResponse, what: string, id: Id | undefined): void {
  const error = { code: SERVER_ERROR, message: `Too Many Requests: there are too many ${what}` };
  refuse(response, 429, error, id, { "retry-after": "1" });
}
