/**
 * One server of a thread, passed through: requests go to it as they are, and its results come back as they are. Only the list of its tools
 * is made here: the thread's rules may take some away, and the descriptions name the plugin that a tool is part of.
 */
import type { Implementation, ServerCapabilities, Tool } from "@modelcontextprotocol/client";
import type { JsonObject } from "../../base/json.ts";
import { isInBackground } from "../../config/server/types.ts";
import {
  type McpConnectionManager,
  McpError,
  type RelayOptions,
  type RelayOutcome,
  type ServerView,
} from "../../mcp/index.ts";
import { ofPlugin } from "../../tools/tool-info.ts";
import { type Backend, type Description, textOf, type Watcher } from "./backend.ts";
import type { ThreadNews } from "./thread-news.ts";
import { revived } from "./revived.ts";
import { throughGate } from "./through-gate.ts";

export interface OneServerOptions {
  readonly thread: McpConnectionManager;
  /** One of the thread's. */
  readonly server: string;
  readonly news: ThreadNews;
  /** Whether a client is let in where the server has failed: it offers nothing until it is back. @default the client is told why */
  readonly joins?: boolean;
}

export class OneServer implements Backend {
  readonly #thread: McpConnectionManager;
  readonly #server: string;
  readonly #news: ThreadNews;
  readonly #joins: boolean;
  /** Whether its tools were listed while it was ready. */
  #wasReady = false;

  constructor({ thread, server, news, joins = false }: OneServerOptions) {
    this.#thread = thread;
    this.#server = server;
    this.#news = news;
    this.#joins = joins;
  }

  get ended(): AbortSignal {
    return this.#thread.ended;
  }

  async describe(signal: AbortSignal): Promise<Description> {
    const view = await this.#usable(signal);
    const { status, instructions } = view;
    const serverInfo = status.state === "ready" ? status.serverInfo : undefined;
    return { serverInfo: serverInfo ?? named(this.#server), capabilities: offered(view), instructions };
  }

  tool(name: string): Tool | undefined {
    return this.#thread.tool(this.#server, name);
  }

  async request(method: string, params: JsonObject, options: RelayOptions): Promise<RelayOutcome> {
    const relay = (): Promise<RelayOutcome> =>
      revived(this.#thread, this.#server, () => this.#thread.relay(this.#server, method, params, options));
    try {
      switch (method) {
        case "tools/list":
          return await this.#listTools(options.signal);
        case "tools/call":
          return await throughGate(this.#thread, this.#server, textOf(params["name"]), options.signal, relay);
        case "logging/setLevel":
          return this.#hasLevelOfItsOwn ? await relay() : { kind: "answer", era: "legacy", result: {} };
        default:
          return await relay();
      }
    } catch (error) {
      if (!(error instanceof McpError)) return { kind: "cancelled", sent: false };
      const reason = error.code === "needs_login" ? "needs_login" : "server_unavailable";
      return { kind: "not_sent", reason, message: error.message };
    }
  }

  subscribe(uri: string, signal: AbortSignal): Promise<AsyncDisposable> {
    return this.#thread.subscribe(this.#server, uri, { signal });
  }

  watch(watcher: Watcher): Disposable {
    return this.#news.watch(this.#server, watcher);
  }

  async #listTools(signal: AbortSignal | undefined): Promise<RelayOutcome> {
    const { status, config } = await this.#usable(signal);
    if (status.state === "ready") {
      this.#wasReady = true;
      this.#news.noteListed(this.#server);
    }
    const isMissing = status.state === "failed" || status.state === "needs_login";
    if (isMissing && !this.#wasReady && !isInBackground(config))
      return { kind: "answer", era: "legacy", result: { tools: [] } };
    // Of a server that still starts, or cannot list them now, what is known of it.
    const waiting = signal === undefined ? {} : { signal };
    if (status.state === "ready") await this.#thread.currentTools(this.#server, waiting).catch(() => []);
    signal?.throwIfAborted();
    const { plugin } = this.#thread.server(this.#server);
    const tools = this.#thread.listTools(this.#server).map(({ tool }) => ofPlugin(tool, plugin));
    return { kind: "answer", era: "legacy", result: { tools } as unknown as JsonObject };
  }

  /** Whether a level can be set at the server for this thread alone; otherwise the client's log is filtered here. */
  get #hasLevelOfItsOwn(): boolean {
    const { config, status } = this.#thread.server(this.#server);
    return config.scope === "thread" && status.state === "ready" && status.era === "legacy";
  }

  async #usable(signal: AbortSignal | undefined): Promise<ServerView> {
    const [view] = await this.#thread.ready([this.#server], signal === undefined ? {} : { signal });
    if (view === undefined) throw new McpError("ended", "The thread has ended");
    const { status, name, config } = view;
    // What it has is told when it is ready, also where it failed before.
    const isAwaited = isInBackground(config) || (this.#joins && !config.required);
    const mayJoin = isAwaited && status.state !== "disabled" && status.state !== "ended";
    if (mayJoin || status.state === "ready" || status.state === "starting" || status.state === "restarting")
      return view;
    if (status.state === "ended") throw new McpError("ended", `MCP server "${name}" was ended`);
    const reason = typeof status.reason === "string" ? status.reason : status.reason.message;
    const code = status.state === "needs_login" ? "needs_login" : "server_unavailable";
    throw new McpError(code, reason, { server: name });
  }
}

export function named(name: string): Implementation {
  return { name, version: "unknown" };
}

/**
 * What the server can do, as far as it crosses the gateway (docs/gateway.md). We tell of changes whether it does or not: it may be
 * started again with other tools.
 */
function offered({ capabilities }: ServerView): ServerCapabilities {
  // Before it has started, and in a session that somebody else began, nothing is known.
  if (capabilities === undefined || Object.keys(capabilities).length === 0)
    return { tools: { listChanged: true } };
  const { tasks: _, tools, prompts, resources, ...others } = capabilities;
  return {
    ...others,
    ...(tools === undefined ? {} : { tools: { ...tools, listChanged: true } }),
    ...(prompts === undefined ? {} : { prompts: { ...prompts, listChanged: true } }),
    ...(resources === undefined ? {} : { resources: { ...resources, listChanged: true } }),
  };
}
