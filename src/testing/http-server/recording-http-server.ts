/**
 * A real MCP server over streamable HTTP that writes down everything it is asked, and misbehaves on cue.
 *
 * Any path is served, so one server plays the servers of many tenants (`/mcp/a`, `/mcp/b`). The MCP part is
 * the official SDK's; the tools are in `mcp-tools.ts`.
 *
 * Invariants
 *   H1. A request is in the record before it is answered. The record holds at most `recordMax` requests; the
 *       oldest are dropped, `order` goes on counting.
 *   H2. With sessions, each belongs to one client: an unknown session id is answered with 404.
 *   H3. After disposal no socket, session or tool call is left.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, Server as HttpServer, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { NodeStreamableHTTPServerTransport, toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler } from "@modelcontextprotocol/server";
import type { McpServer } from "@modelcontextprotocol/server";
import { abortable } from "../../base/abort.ts";
import { sleep, systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { isObject } from "../../base/json.ts";
import { flattenHeaders, readBody } from "./http-message.ts";
import { CallRecord } from "../call-record.ts";
import { createTestServer } from "../mcp-server.ts";
import type { RecordedCall } from "../call-record.ts";
import type { TestServerOptions } from "../mcp-server.ts";
import { defaultTools } from "../mcp-tools.ts";
import type { TestTool, ToolContext } from "../mcp-tools.ts";
import { Watch } from "../watch.ts";
import type { WaitOptions } from "../watch.ts";

/** How the server misbehaves. May be changed at any time; it takes effect with the next request. */
export interface HttpBehaviour {
  /** Delays the answer to `initialize`, in milliseconds. @default 0 */
  startupDelayMs?: number;
  /** Never answers `initialize`. */
  hangInitialize?: boolean;
  /** Answers every request with this status; a function decides by request. */
  refuse?: number | ((request: RecordedHttpRequest) => number | undefined);
  /** Headers of a refusal, e.g. `www-authenticate`. */
  refuseHeaders?: Readonly<Record<string, string>>;
  /** Body of a refusal. @default a JSON-RPC error whose id is null */
  refuseBody?: (request: RecordedHttpRequest) => string;
  /** Delays the answer to a request, in milliseconds; `Infinity` never answers. @default 0 */
  delayMs?: (request: RecordedHttpRequest) => number;
}

export interface RecordingMcpServerOptions extends TestServerOptions {
  /**
   * No sessions: every request stands alone, and clients of the 2026-07-28 era are served too.
   * @default false: sessions, 2025 era
   */
  readonly stateless?: boolean;
  /** The port to listen on. @default 0: any free port */
  readonly port?: number;
  /** Headers besides `authorization` that `whoami` tells, in lower case. @default ["x-identity"] */
  readonly identityHeaders?: readonly string[];
  /** How it misbehaves. */
  readonly behaviour?: HttpBehaviour;
  /** How many requests, and how many calls, the record keeps. @default 10_000 */
  readonly recordMax?: number;
}

/** One HTTP request as it arrived. */
export interface RecordedHttpRequest {
  /** Counts requests from 0, in the order their bodies were complete. */
  readonly order: number;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** Names in lower case; repeated headers are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /** Name and value pairs as they were written, in their order. */
  readonly rawHeaders: readonly (readonly [name: string, value: string])[];
  /** Parsed JSON body; `undefined` when there is none. */
  readonly body: unknown;
  /** Method of the JSON-RPC request or notification in it. */
  readonly rpcMethod: string | undefined;
  /** Tool named by a `tools/call`. */
  readonly tool: string | undefined;
  /** `params._meta` of the JSON-RPC message. */
  readonly meta: Readonly<Record<string, unknown>> | undefined;
  readonly sessionId: string | undefined;
}

/** One MCP session. */
export interface RecordedSession {
  readonly id: string;
  /** Path of the `initialize` request. */
  readonly path: string;
  /** Headers of the `initialize` request, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** How it ended: by the client's DELETE, or by this server. `undefined` while it lives. */
  readonly closedBy: "client" | "server" | undefined;
}

interface Session {
  readonly transport: NodeStreamableHTTPServerTransport;
  readonly server: McpServer;
}

export class RecordingMcpServer implements AsyncDisposable {
  /** How the server misbehaves; change it at any time. */
  readonly behaviour: HttpBehaviour;
  readonly #options: RecordingMcpServerOptions;
  readonly #http: HttpServer;
  readonly #watch = new Watch();
  readonly #closing = new AbortController();
  readonly #record: CallRecord;
  readonly #tools: readonly TestTool[];
  readonly #requests: RecordedHttpRequest[] = [];
  readonly #sessions = new Map<string, { -readonly [Key in keyof RecordedSession]: RecordedSession[Key] }>();
  readonly #live = new Map<string, Session>();
  readonly #stateless: ReturnType<typeof createMcpHandler> | undefined;
  #received = 0;
  #connections = 0;
  #closed: Promise<void> | undefined;

  private constructor(options: RecordingMcpServerOptions) {
    this.#options = options;
    this.behaviour = { ...options.behaviour };
    this.#record = new CallRecord(this.#watch, this.#recordMax);
    this.#tools = defaultTools((context) => this.#identify(context));
    if (options.stateless === true) this.#stateless = createMcpHandler(() => this.#createServer());
    this.#http = createServer((request, response) => void this.#serve(request, response));
    // Node closes an idle connection after 5 s. A client that uses it at that moment loses its request, and Codex
    // does not send a tool call twice: on a busy machine a test would fail now and then.
    this.#http.keepAliveTimeout = 120_000;
    this.#http.on("connection", (socket) => {
      this.#connections++;
      socket.on("close", () => {
        this.#connections--;
        this.#watch.changed();
      });
      this.#watch.changed();
    });
  }

  /**
   * Starts to listen on 127.0.0.1.
   *
   * @throws the socket's error, e.g. `EADDRINUSE`
   */
  static async start(options: RecordingMcpServerOptions = {}): Promise<RecordingMcpServer> {
    const server = new RecordingMcpServer(options);
    server.#http.listen(options.port ?? 0, "127.0.0.1");
    await once(server.#http, "listening");
    return server;
  }

  /** Scheme, host and port, e.g. `http://127.0.0.1:4711`. */
  get origin(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  /** The URL to configure. Any other path of `origin` works as well. */
  get url(): string {
    return `${this.origin}/mcp`;
  }

  /** Every HTTP request, oldest first; see H1. */
  get requests(): readonly RecordedHttpRequest[] {
    return this.#requests;
  }

  /** Every tool call, in the order they started. */
  get calls(): readonly RecordedCall[] {
    return this.#record.calls;
  }

  /** Every session since the start, in the order they were opened. Empty when stateless. */
  get sessions(): readonly RecordedSession[] {
    return [...this.#sessions.values()];
  }

  /** Sessions that live now. */
  get openSessions(): number {
    return this.#live.size;
  }

  /** Sockets that are open now. */
  get connections(): number {
    return this.#connections;
  }

  /**
   * Waits until `check` yields something other than `undefined` and `false`; it is asked again after every
   * recorded fact: a request, a call's start or end, a session's or a socket's opening or end.
   *
   * @throws the signal's reason, or an error once the server is disposed
   */
  waitFor<T>(check: (server: this) => T | undefined | false, options?: WaitOptions): Promise<T> {
    return this.#watch.waitFor(() => check(this), options);
  }

  /** Forgets all sessions, as a restarted server would: clients get 404 and must initialise again. */
  async forgetSessions(): Promise<void> {
    const live = [...this.#live.keys()];
    await Promise.all(live.map((id) => this.#endSession(id, "server")));
  }

  /** Destroys every open socket; sessions stay. */
  dropConnections(): void {
    this.#http.closeAllConnections();
  }

  /** Tells every client with a session that the list of tools has changed. */
  async announceToolListChange(): Promise<void> {
    await Promise.all([...this.#live.values()].map(({ server }) => server.server.sendToolListChanged()));
  }

  /** Ends calls, sessions and sockets. Idempotent. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    this.#closing.abort(new Error("The server was disposed"));
    await this.forgetSessions();
    await this.#stateless?.close();
    this.#http.closeAllConnections();
    await closed;
    await this.#watch.waitFor(() => this.#record.running === 0);
    this.#watch.end(new Error("Cannot wait for a fact: the recording server was disposed"));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.on("close", () => gone.abort(new Error("The client went away")));
    const signal = AbortSignal.any([gone.signal, this.#closing.signal]);
    try {
      const entry = toEntry(request, await readBody(request), this.#received);
      this.#received++;
      this.#requests.push(entry);
      if (this.#requests.length > this.#recordMax) this.#requests.shift();
      this.#watch.changed();
      if (await this.#misbehave(entry, response, signal)) return;
      await this.#handle(entry, request, response);
    } catch (error) {
      // If the client left or we are closing (H3), nobody is left to answer.
      if (signal.aborted || response.headersSent) return void response.destroy();
      sendError(response, 500, -32_603, messageOf(error));
    }
  }

  /** @returns whether the request has been dealt with */
  async #misbehave(
    entry: RecordedHttpRequest,
    response: ServerResponse,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { refuse, refuseHeaders, refuseBody, hangInitialize, startupDelayMs = 0 } = this.behaviour;
    const delayMs = this.behaviour.delayMs?.(entry) ?? 0;
    // Rejects when the client leaves or the server closes.
    if (delayMs === Infinity) await abortable(new Promise<never>(() => {}), signal);
    if (delayMs > 0) await sleep(systemClock, delayMs, signal);
    const status = typeof refuse === "function" ? refuse(entry) : refuse;
    if (status !== undefined) {
      if (refuseBody !== undefined) response.writeHead(status, refuseHeaders).end(refuseBody(entry));
      else sendError(response, status, -32_000, `Refused with ${status}`, refuseHeaders);
      return true;
    }
    if (entry.rpcMethod !== "initialize" && entry.rpcMethod !== "server/discover") return false;
    if (hangInitialize === true) {
      // Rejects when the client leaves or the server closes.
      await abortable(new Promise<never>(() => {}), signal);
    }
    if (startupDelayMs > 0) await sleep(systemClock, startupDelayMs, signal);
    return false;
  }

  async #handle(
    entry: RecordedHttpRequest,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    if (this.#stateless !== undefined) {
      // The SDK's type forbids an explicit `undefined` that Node's own type allows.
      const message = request as Parameters<ReturnType<typeof toNodeHandler>>[0];
      return toNodeHandler(this.#stateless)(message, response, entry.body);
    }
    if (entry.sessionId !== undefined) {
      const session = this.#live.get(entry.sessionId);
      if (session === undefined) return sendError(response, 404, -32_001, "Session not found");
      return session.transport.handleRequest(request, response, entry.body);
    }
    const session = await this.#openSession(entry);
    try {
      await session.transport.handleRequest(request, response, entry.body);
    } finally {
      // A request that did not initialise was refused by the transport; the session never came to be.
      if (session.transport.sessionId === undefined) await session.server.close();
    }
  }

  async #openSession(entry: RecordedHttpRequest): Promise<Session> {
    const server = this.#createServer();
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => {
        const path = entry.path.split("?", 1)[0] ?? "/";
        this.#live.set(id, { transport, server });
        this.#sessions.set(id, { id, path, headers: entry.headers, closedBy: undefined });
        this.#watch.changed();
      },
      onsessionclosed: (id) => this.#endSession(id, "client"),
    });
    await server.connect(transport);
    return { transport, server };
  }

  async #endSession(id: string, closedBy: "client" | "server"): Promise<void> {
    const session = this.#live.get(id);
    if (session === undefined) return;
    this.#live.delete(id);
    const entry = this.#sessions.get(id);
    if (entry !== undefined) entry.closedBy = closedBy;
    this.#watch.changed();
    // The transport closes itself after a DELETE; closing the server ends the calls in flight in both cases.
    await session.server.close();
  }

  #createServer(): McpServer {
    return createTestServer(this.#options, this.#tools, this.#record, this.#closing.signal);
  }

  #identify(context: ToolContext): unknown {
    const chosen = this.#options.identityHeaders ?? ["x-identity"];
    const headers = Object.fromEntries(chosen.map((name) => [name, context.headers[name] ?? null]));
    return { authorization: context.headers["authorization"] ?? null, ...headers };
  }

  get #recordMax(): number {
    return this.#options.recordMax ?? 10_000;
  }
}

function toEntry(request: IncomingMessage, body: unknown, order: number): RecordedHttpRequest {
  const headers = flattenHeaders(request);
  const rawHeaders: (readonly [string, string])[] = [];
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
    rawHeaders.push([request.rawHeaders[at] ?? "", request.rawHeaders[at + 1] ?? ""]);
  }
  const message = asObject(body);
  const params = asObject(message?.["params"]);
  const rpcMethod = asString(message?.["method"]);
  return {
    order,
    method: request.method ?? "GET",
    path: request.url ?? "/",
    headers,
    rawHeaders,
    body,
    rpcMethod,
    tool: rpcMethod === "tools/call" ? asString(params?.["name"]) : undefined,
    meta: asObject(params?.["_meta"]),
    sessionId: headers["mcp-session-id"],
  };
}

function sendError(
  response: ServerResponse,
  status: number,
  code: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = JSON.stringify({ jsonrpc: "2.0", error: { code, message }, id: null });
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return isObject(value) ? value : undefined;
}

function asString(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
