/**
 * What one thread may use: its servers, each with its state, and the way to their tools, resources and prompts.
 *
 * Invariants
 *   B1. Opening waits for nothing; a slow server delays neither another one nor whoever does not use it.
 *   B2. Nothing throws because an optional server does not work: that is its status, with the reason.
 *   B3. `update` applies differences: a server that stays the same keeps its connection.
 *   B4. When disposal returns, the thread holds nothing any more, and whoever waited has an answer.
 */
import type {
  ClientCapabilities,
  GetPromptResult,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplateType,
  Tool,
} from "@modelcontextprotocol/client";
import { abortable } from "../../base/abort.ts";
import { isObject, type JsonObject } from "../../base/json.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import type { ServerSet } from "../../servers/check.ts";
import type { AuthStatus } from "../auth/configured-auth.ts";
import type { LoginOptions, PendingLogin } from "../auth/login.ts";
import { callTool, relay, type RelayOutcome, sendRequest } from "../connection/call.ts";
import type { Listed } from "../connection/catalog.ts";
import type { ListKind } from "../connection/list-pages.ts";
import type { RequestSide } from "../connection/in-flight.ts";
import type { CallOutcome } from "../connection/outcome.ts";
import { McpError } from "../errors.ts";
import type { Progress } from "../session/session.ts";
import { EventHub, type McpEvent } from "./events.ts";
import { readServers } from "./read-servers.ts";
import { ServerTable, type ThreadUpdate } from "./server-table.ts";
import type { ServerView, WaitOptions } from "./server-view.ts";
import { type Answerer, ThreadServer, type ThreadServerOptions } from "./thread-server.ts";
import type { ThreadServers } from "./thread-options.ts";

/** A tool that the thread's rules let through. */
export interface ThreadTool {
  readonly server: string;
  /** As the server declares it. */
  readonly tool: Tool;
}

export interface CallOptions extends WaitOptions {
  /** Names the call in events, questions and `_meta`. @default a number within the thread */
  readonly id?: string;
  /** Sent in `_meta`, beside `callId` and `threadId`, which it cannot replace. */
  readonly meta?: JsonObject;
  /** Told whenever the server reports progress. */
  readonly onProgress?: (progress: Progress) => void;
}

/** A request that is relayed for somebody else: a client of a gateway. */
export interface RelayOptions extends WaitOptions, RequestSide {
  /** What the client can do; in the modern era the server is told. @default what the thread offers */
  readonly capabilities?: ClientCapabilities | undefined;
  /** In the modern era: from which level on the server is to log about this request. @default the thread's */
  readonly logLevel?: string | undefined;
  /** A result that asks for input is returned as it is. @default `onAsk` answers it, and the request is sent again */
  readonly passesInput?: boolean | undefined;
  /** Told whenever the server reports progress. Without it, the server is not asked to. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface ThreadInternals
  extends Omit<ThreadServerOptions, "name" | "config" | "events" | "answerer"> {
  readonly servers: ServerSet;
  readonly signal?: AbortSignal;
  readonly manager: object;
  readonly onEnd: () => void;
}

export class McpConnectionManager implements AsyncDisposable {
  readonly id: string;
  readonly principal: string | undefined;
  readonly workspace: string | undefined;
  readonly #internals: ThreadInternals;
  readonly #events = new EventHub();
  readonly #stop = new AbortController();
  readonly #servers: ServerTable;
  #calls = 0;
  #answerer: Answerer | undefined;
  #ending: Promise<void> | undefined;
  readonly #onAbort = (): void => void this[Symbol.asyncDispose]();

  /** Only for `McpManager.openThread`. */
  constructor(internals: ThreadInternals) {
    this.#internals = internals;
    this.id = internals.id;
    this.principal = internals.principal;
    this.workspace = internals.workspace;
    const { id, servers, signal } = internals;
    this.#servers = new ServerTable({
      id,
      open: (name, config) => this.#open(name, config),
      ended: this.#stop.signal,
    });
    this.#servers.begin(servers.configs);
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (signal?.aborted === true) this.#onAbort();
  }

  /** The `McpManager` that opened it: what threads that may share connections have in common (`Gate.of`). */
  get manager(): object {
    return this.#internals.manager;
  }

  /** Aborts when the thread ends. */
  get ended(): AbortSignal {
    return this.#stop.signal;
  }

  /** All servers, in the order they were given in. */
  get servers(): readonly ServerView[] {
    return this.#servers.all.map((server) => server.view);
  }

  /** One server. @throws {McpError} `unknown_server`, with the nearest name */
  server(name: string): ServerView {
    return this.#servers.get(name).view;
  }

  /**
   * Waits until every one of the servers is ready, or will not be for now.
   *
   * @param names of servers. @default all
   * @param options.live whether a server is waited for that could be used with the tools it had the last time
   *   (`startup_readiness = "catalog"`), or that joins when it is ready (`startup = "background"`). @default false
   * @returns their statuses
   * @throws {McpError} `server_unavailable`, when one that is `required` is not ready; `unknown_server`, `ended`
   * @throws the signal's reason
   */
  async ready(
    names?: readonly string[],
    { signal, live = false }: { readonly signal?: AbortSignal; readonly live?: boolean } = {},
  ): Promise<readonly ServerView[]> {
    const servers = names === undefined ? this.#servers.all : names.map((name) => this.#servers.get(name));
    await abortable(Promise.all(servers.map((server) => server.settled(this.#stop.signal, live))), signal);
    this.#stop.signal.throwIfAborted();
    const missing = servers.filter(
      ({ view, isUsable }) => view.config.required && view.config.enabled && !isUsable,
    );
    if (missing.length > 0) {
      const reasons = missing.map(
        ({ view }) =>
          `${view.name}: ${"reason" in view.status ? reasonText(view.status.reason) : view.status.state}`,
      );
      throw new McpError(
        "server_unavailable",
        `required MCP servers failed to initialize: ${reasons.join("; ")}`,
      );
    }
    return servers.map(({ view }) => view);
  }

  /**
   * The tools that the thread's rules (`enabled_tools`, `disabled_tools`) let through, of the servers whose tools are known now.
   * Waits for nothing; `ready` does.
   */
  listTools(server?: string): readonly ThreadTool[] {
    const servers = server === undefined ? this.#servers.all : [this.#servers.get(server)];
    return servers.flatMap((each) => each.tools.map((tool) => ({ server: each.name, tool })));
  }

  /**
   * One of the tools that are there now, by its declared name.
   *
   * @throws {McpError} `unknown_server`
   */
  tool(server: string, name: string): Tool | undefined {
    return this.#servers.get(server).tool(name);
  }

  /**
   * The same of one server; it is asked again where it has said that they changed, and `listTools` does not know it yet.
   *
   * @throws {McpError} as `readResource`
   */
  async currentTools(server: string, options?: WaitOptions): Promise<readonly ThreadTool[]> {
    await this.#list(server, "tools", options);
    return this.listTools(server);
  }

  /**
   * Calls a tool by its declared name. Waits for a server that is still starting, within the call's own time.
   *
   * @param args `undefined` sends none
   * @returns how it ended; it does not throw
   */
  async callTool(
    server: string,
    tool: string,
    args?: JsonObject,
    options: CallOptions = {},
  ): Promise<CallOutcome> {
    const found = this.#servers.find(server);
    if (found === undefined)
      return { kind: "not_sent", reason: "unknown_server", message: this.#servers.unknown(server).message };
    const refusal = this.#stop.signal.aborted
      ? ({ kind: "not_sent", reason: "server_unavailable", message: `Thread ${this.id} has ended` } as const)
      : found.refusal(tool);
    if (refusal !== undefined) return refusal;
    const { id = String(++this.#calls), meta = {}, signal, timeoutMs, onProgress } = options;
    return callTool(found.connection, {
      holder: found,
      call: { id, tool },
      arguments: args,
      meta: (era) => found.metaOf(era, { ...meta, callId: id, threadId: this.id }),
      timeoutMs: timeoutMs ?? found.toolTimeoutMs,
      progressCapMs: this.#internals.progressCapMs,
      resultBytesMax: RESULT_BYTES_MAX,
      signal: this.#until(signal),
      onProgress,
    });
  }

  /** @throws {McpError} as `readResource` */
  listResources(server: string, options?: WaitOptions): Promise<readonly Resource[]> {
    return this.#list(server, "resources", options);
  }

  /** @throws {McpError} as `readResource` */
  listResourceTemplates(server: string, options?: WaitOptions): Promise<readonly ResourceTemplateType[]> {
    return this.#list(server, "resourceTemplates", options);
  }

  /** @throws {McpError} as `readResource` */
  listPrompts(server: string, options?: WaitOptions): Promise<readonly Prompt[]> {
    return this.#list(server, "prompts", options);
  }

  /**
   * @throws {McpError} `unknown_server`, `server_unavailable`, `needs_login`, `protocol_error`, `timeout`, `lost`, `not_sent`, `ended`
   * @throws the signal's reason
   */
  async readResource(server: string, uri: string, options?: WaitOptions): Promise<ReadResourceResult> {
    return (await this.request(server, "resources/read", { uri }, options)) as unknown as ReadResourceResult;
  }

  /** @throws {McpError} as `readResource` */
  async getPrompt(
    server: string,
    name: string,
    args?: Readonly<Record<string, string>>,
    options?: WaitOptions,
  ): Promise<GetPromptResult> {
    const params = { name, ...(args === undefined ? {} : { arguments: { ...args } }) };
    return (await this.request(server, "prompts/get", params, options)) as unknown as GetPromptResult;
  }

  /** Any other request of the protocol that only reads: it may be sent twice. @throws {McpError} as `readResource` */
  async request(
    server: string,
    method: string,
    params: JsonObject,
    options: WaitOptions = {},
  ): Promise<JsonObject> {
    const found = this.#usable(server);
    const { signal, timeoutMs = found.toolTimeoutMs } = options;
    const until = this.#until(signal);
    const { connection } = found;
    return sendRequest(connection, {
      holder: found,
      method,
      params: (era) => found.paramsOf(era, params),
      timeoutMs,
      signal: until,
    });
  }

  /**
   * Passes a request on, of any method, with everything that belongs to it, for somebody who speaks MCP himself. What the thread's
   * rules take away is not called. Its result is the server's, as it came: it is neither checked nor bounded here.
   *
   * @param params without what belongs to the conversation with the client: its progress token, its era's keys of `_meta`
   * @returns how it ended; it does not throw
   */
  async relay(
    server: string,
    method: string,
    params: JsonObject,
    options: RelayOptions = {},
  ): Promise<RelayOutcome> {
    const found = this.#servers.find(server);
    if (found === undefined)
      return { kind: "not_sent", reason: "unknown_server", message: this.#servers.unknown(server).message };
    const { name } = params;
    const tool = method === "tools/call" ? (typeof name === "string" ? name : "") : undefined;
    const refusal = this.#stop.signal.aborted
      ? ({ kind: "not_sent", reason: "server_unavailable", message: `Thread ${this.id} has ended` } as const)
      : found.refusal(tool);
    if (refusal !== undefined) return refusal;
    const { signal, timeoutMs = found.toolTimeoutMs, capabilities, logLevel, ...rest } = options;
    const { _meta: meta, ...others } = params;
    return relay(found.connection, {
      ...rest,
      holder: found,
      method,
      tool,
      params: (era) => {
        const sent = found.metaOf(era, isObject(meta) ? meta : {}, {
          capabilities,
          logLevel,
        });
        return Object.keys(sent).length === 0 ? others : { ...others, _meta: sent };
      },
      timeoutMs,
      signal: this.#until(signal),
    });
  }

  /** From now on, questions of servers that belong to no request go here, until the returned value is disposed. */
  answerWith(answerer: Answerer): Disposable {
    this.#answerer = answerer;
    return {
      [Symbol.dispose]: () => {
        if (this.#answerer === answerer) this.#answerer = undefined;
      },
    };
  }

  /**
   * Tells of changes of a resource as events (`resource_updated`), also after the server was started again.
   *
   * @returns ends the subscription
   * @throws {McpError} as `readResource`
   */
  async subscribe(server: string, uri: string, options: WaitOptions = {}): Promise<AsyncDisposable> {
    const found = this.#usable(server);
    const end = await found.subscribe(uri, options, this.#stop.signal);
    return { [Symbol.asyncDispose]: end };
  }

  /**
   * What happens from now on, in order. A reader that does not keep up loses the oldest events and is told so. Ends with the
   * thread, or when `signal` aborts.
   */
  events({ signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<McpEvent, undefined, undefined> {
    return this.#events.read(signal);
  }

  /**
   * Begins a login to one of the thread's servers, with what its status says that it wants. `complete` keeps the login and tries the
   * server again: its tools then work in this thread. The manager's `credentials` have to read the same store.
   *
   * @throws {McpError} `unknown_server`, `ended`
   * @throws {LoginError} as `McpManager.beginLogin`
   */
  async beginLogin(server: string, options: LoginOptions): Promise<PendingLogin> {
    this.#stop.signal.throwIfAborted();
    const { signal } = options;
    const until = this.#until(signal);
    return this.#servers.get(server).beginLogin({ ...options, signal: until });
  }

  /**
   * How a server is authorized, in Codex's words: as configured, by a login of the manager's `credentials`, or by what the server says of
   * logins; that is asked over the network.
   *
   * @param options.timeoutMs of the question as a whole; after it, `unknown`. @default 5 000
   * @throws {McpError} `unknown_server`, `ended`
   * @throws the signal's reason
   */
  async authStatus(server: string, options: WaitOptions = {}): Promise<AuthStatus> {
    this.#stop.signal.throwIfAborted();
    const { signal, timeoutMs } = options;
    const until = this.#until(signal);
    return this.#servers
      .get(server)
      .authStatus({ signal: until, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  }

  /**
   * Asks servers for a sign of life before they are needed. A session that is lost is renewed: `ready` then waits for the new one.
   * A server that is at work and says nothing is left alone, after two seconds at most.
   *
   * @param names @default all
   * @throws {McpError} `unknown_server`
   * @throws the signal's reason
   */
  async check(names?: readonly string[], { signal }: Pick<WaitOptions, "signal"> = {}): Promise<void> {
    const servers = names === undefined ? this.#servers.all : names.map((name) => this.#servers.get(name));
    await Promise.all(servers.map((server) => server.check(signal ?? this.#stop.signal)));
  }

  /** Tries a server that failed, or needs a login, again now. @throws {McpError} `unknown_server` */
  retry(server: string): void {
    this.#servers.get(server).retry();
  }

  /**
   * Makes these the thread's servers. Only what differs is started and ended (B3); what is replaced has ended before it starts anew.
   *
   * @returns what was done, when what had to end has ended
   * @throws {McpError} `invalid_servers`, and then nothing has changed; `ended`
   */
  async update(servers: ThreadServers): Promise<ThreadUpdate> {
    const { configs } = readServers(servers);
    return this.#servers.update(configs);
  }

  /** Ends the thread (B4). */
  [Symbol.asyncDispose](): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    this.#internals.signal?.removeEventListener("abort", this.#onAbort);
    this.#stop.abort(new McpError("ended", `Thread ${this.id} has ended`));
    await Promise.all(this.#servers.all.map((server) => server.end()));
    this.#events.end();
    this.#internals.onEnd();
  }

  #open(name: string, config: McpServerConfig): ThreadServer {
    const answerer = (): Answerer | undefined => this.#answerer;
    const server = new ThreadServer({ ...this.#internals, name, config, events: this.#events, answerer });
    this.#events.push({ type: "status", server: name, status: server.status });
    return server;
  }

  async #list<Kind extends ListKind>(
    server: string,
    kind: Kind,
    options: WaitOptions = {},
  ): Promise<readonly Listed[Kind][]> {
    return this.#usable(server).list(kind, options, this.#stop.signal);
  }

  /** Whichever comes first: the caller's signal, or the end of the thread. */
  #until(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
  }

  #usable(name: string): ThreadServer {
    this.#stop.signal.throwIfAborted();
    const server = this.#servers.get(name);
    server.assertUsable();
    return server;
  }
}

/** Bytes of a result at most; the wire takes 32 MiB. */
const RESULT_BYTES_MAX: number = 4 * 1024 * 1024;

function reasonText(reason: string | { readonly message: string }): string {
  return typeof reason === "string" ? reason : reason.message;
}
