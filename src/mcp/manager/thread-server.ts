/** One server of one thread: its configuration, its lease, and the thread's side of the connection. */
import { mkdir } from "node:fs/promises";
import type { ClientCapabilities, Implementation, Tool } from "@modelcontextprotocol/client";
import { abortable, within } from "../../base/abort.ts";
import { messageOf } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { isInBackground, type McpServerConfig } from "../../config/server/types.ts";
import { sentenceOf } from "../../servers/problem.ts";
import { resolve, type Variables } from "../../servers/resolve.ts";
import { authStatusOf } from "../auth/auth-status.ts";
import type { AuthStatus } from "../auth/configured-auth.ts";
import { beginLogin, type LoginOptions, type PendingLogin } from "../auth/login.ts";
import { sendRequest } from "../connection/call.ts";
import type { CatalogChange, Listed } from "../connection/catalog.ts";
import type { CatalogCache } from "../cache/catalog-cache.ts";
import { Connection } from "../connection/connection.ts";
import type { CallName, Holder } from "../connection/in-flight.ts";
import type { ListKind } from "../connection/list-pages.ts";
import type { RequestFailure } from "../connection/outcome.ts";
import { requestError } from "../connection/request-error.ts";
import type { ServerStatus } from "../connection/status.ts";
import { McpError, TransportError } from "../errors.ts";
import type { Lease, LeasePool } from "../lease/lease-pool.ts";
import { sharingOf } from "../lease/sharing-key.ts";
import { type Era, type EraMemory, eraKey } from "../session/era.ts";
import type { ServerRequest } from "../session/session.ts";
import { answerRequest } from "./answers.ts";
import { catalogKeyOf, disabledText, eraParts, joinsSession, numberOf, placeOf } from "./server-facts.ts";
import { type EventHub, logEvent } from "./events.ts";
import type { ServerView, WaitOptions } from "./server-view.ts";
import { openTransport, type TransportParts } from "./server-transport-of.ts";
import type { McpThreadOptions } from "./thread-options.ts";

/** Who asks, where it is not the thread itself: a client of a gateway. */
export interface RequestClient {
  /** @default the thread's */
  readonly capabilities?: ClientCapabilities | undefined;
  /** @default the thread's */
  readonly logLevel?: string | undefined;
}

/** Answers a question that belongs to no request, in the place of the thread's handlers; `undefined` leaves it to them. */
export type Answerer = (
  server: string,
  request: ServerRequest,
  signal: AbortSignal,
) => Promise<JsonObject> | undefined;

export interface ThreadServerOptions extends Omit<McpThreadOptions, "servers" | "signal"> {
  readonly id: string;
  readonly env: Variables;
  readonly name: string;
  readonly config: McpServerConfig;
  readonly parts: TransportParts;
  readonly pool: LeasePool;
  readonly eras: EraMemory;
  readonly catalogs: CatalogCache;
  readonly client: Implementation;
  readonly events: EventHub;
  readonly answerer: () => Answerer | undefined;
}

/** Codex 0.169's. */
export const STARTUP_SECONDS = 30;
const TOOL_SECONDS = 300;
/** Of a session that was begun by somebody else. */
const JOINED = { era: "legacy", version: undefined } as const;
const LOG_LEVEL_MS = 10_000;

const CAPABILITIES_META = "io.modelcontextprotocol/clientCapabilities";
const LOG_LEVEL_META = "io.modelcontextprotocol/logLevel";

type State =
  | { readonly kind: "leased"; readonly lease: Lease }
  /** It has no connection: it is switched off, or cannot be used as it is. */
  | { readonly kind: "fixed"; readonly status: ServerStatus };

export class ThreadServer implements Holder {
  readonly name: string;
  readonly config: McpServerConfig;
  readonly #options: ThreadServerOptions;
  readonly #state: State;
  readonly #subscribed = new Set<string>();
  /** Under which its tools are kept for the next start. */
  #catalogKey: string | undefined;
  #ended = false;

  constructor(options: ThreadServerOptions) {
    this.#options = options;
    this.name = options.name;
    this.config = options.config;
    this.#state = this.#open();
  }

  get view(): ServerView {
    const { name, config } = this;
    const state = this.#state;
    const plugin = this.#options.provenance?.get(name);
    if (state.kind === "fixed")
      return {
        name,
        config,
        plugin,
        status: this.status,
        connection: undefined,
        holders: [],
        tools: 0,
        toolListMeta: undefined,
        capabilities: undefined,
        instructions: undefined,
        clockAheadMs: undefined,
      };
    const { connection, id, key } = state.lease;
    const { tools, toolListMeta, capabilities, instructions, clockAheadMs } = connection;
    const holders = this.#ended ? [] : this.#options.pool.holdersOf(key);
    return {
      name,
      config,
      plugin,
      status: this.status,
      connection: this.#ended ? undefined : id,
      holders,
      tools: tools.length,
      toolListMeta,
      capabilities,
      instructions,
      clockAheadMs,
    };
  }

  get status(): ServerStatus {
    if (this.#ended) return { state: "ended" };
    return this.#state.kind === "fixed" ? this.#state.status : this.#state.lease.connection.status;
  }

  /** Only where `refusal` and `assertUsable` found nothing. */
  get connection(): Connection {
    if (this.#state.kind === "fixed") throw this.#unusable();
    return this.#state.lease.connection;
  }

  /** Whose credentials it is used with. */
  get #principal(): string | undefined {
    return this.#options.principals?.[this.name] ?? this.#options.principal;
  }

  /** Whether a turn can begin with it: it is ready, or its tools are remembered while it starts. */
  get isUsable(): boolean {
    const { state } = this.status;
    return state === "ready" || (state === "starting" && this.#remembered !== undefined);
  }

  /** @throws the signal's reason */
  async check(signal: AbortSignal): Promise<void> {
    if (!this.#ended && this.#state.kind === "leased") await this.#state.lease.connection.check(signal);
  }

  get toolTimeoutMs(): number {
    return (this.config.tool_timeout_sec ?? TOOL_SECONDS) * 1000;
  }

  /** What the thread's rules let through. */
  get tools(): readonly Tool[] {
    if (this.#state.kind === "fixed" || this.#ended) return [];
    const { connection } = this;
    const tools = connection.toolsKnown ? connection.tools : (this.#remembered ?? []);
    return tools.filter(({ name }) => this.#allows(name));
  }

  /** One of them, by its declared name. */
  tool(name: string): Tool | undefined {
    const { connection } = this;
    const isKnown = this.#state.kind !== "fixed" && !this.#ended && connection.toolsKnown;
    return isKnown && this.#allows(name)
      ? connection.tool(name)
      : this.tools.find((tool) => tool.name === name);
  }

  /** What it had the last time, if it may be used before it has started. */
  get #remembered(): readonly Tool[] | undefined {
    return this.#catalogKey === undefined ? undefined : this.#options.catalogs.read(this.#catalogKey);
  }

  /** Why a request, or a call of this tool, is not made; `undefined` if it may be. */
  refusal(tool: string | undefined): RequestFailure | undefined {
    if (tool !== undefined && !this.#allows(tool)) {
      const message = `tool '${tool}' is disabled for MCP server '${this.name}'`;
      return { kind: "not_sent", reason: "tool_disabled", message };
    }
    if (this.#state.kind === "leased" && !this.#ended) return undefined;
    return { kind: "not_sent", reason: "server_unavailable", message: this.#unusable().message };
  }

  /** @throws {McpError} `server_unavailable`, `ended` */
  assertUsable(): void {
    if (this.#state.kind === "fixed" || this.#ended) throw this.#unusable();
  }

  beginLogin(options: LoginOptions): Promise<PendingLogin> {
    const { status, name, config } = this;
    const { parts, env } = this.#options;
    const wanted = options.wanted ?? (status.state === "needs_login" ? status.reason.wanted : undefined);
    const { clock } = parts;
    const fetch = parts.fetch(config.environment_id);
    return beginLogin(
      { server: name, config, env, fetch, clock, onKept: () => this.retry() },
      { ...options, wanted },
    );
  }

  /** @throws the signal's reason */
  async authStatus({ signal = new AbortController().signal, timeoutMs }: WaitOptions): Promise<AuthStatus> {
    const { status, name, config } = this;
    const { parts, env, headers } = this.#options;
    if (status.state === "disabled") return "unsupported";
    const given = headers?.[name] ?? {};
    const own = typeof given === "function" ? [] : Object.keys(given);
    if (own.some((header) => header.toLowerCase() === "authorization")) return "bearerToken";
    const { clock, credentials } = parts;
    // One that works without being asked for a login wants none.
    const wanted =
      status.state === "ready"
        ? (false as const)
        : status.state === "needs_login"
          ? status.reason.wanted
          : undefined;
    const fetch = parts.fetch(config.environment_id);
    const principal = this.#principal;
    const about = { server: name, config, env, principal, credentials, fetch, clock, wanted };
    return authStatusOf({ ...about, signal, timeoutMs });
  }

  /**
   * Waits until it is ready, or will not be for now; for nothing with a remembered catalog or in the background, unless `live`.
   * Never rejects.
   */
  async settled(signal: AbortSignal, live: boolean): Promise<void> {
    if (!live && (this.isUsable || isInBackground(this.config))) return;
    if (this.#state.kind === "leased") await this.connection.session(signal).catch(() => {});
  }

  /** @throws {McpError} */
  list<Kind extends ListKind>(
    kind: Kind,
    options: WaitOptions,
    ended: AbortSignal,
  ): Promise<readonly Listed[Kind][]> {
    return this.#limited(`list its ${kind}`, options, ended, (stop) => this.connection.list(kind, stop));
  }

  /** @throws {McpError} */
  async subscribe(uri: string, options: WaitOptions, ended: AbortSignal): Promise<() => Promise<void>> {
    this.#subscribed.add(uri);
    try {
      const what = `take a subscription to ${uri}`;
      const end = await this.#limited(what, options, ended, (stop) => this.connection.subscribe(uri, stop));
      return async () => {
        this.#subscribed.delete(uri);
        await end();
      };
    } catch (error) {
      this.#subscribed.delete(uri);
      throw error;
    }
  }

  retry(): void {
    if (this.#state.kind === "leased") this.connection.retry();
  }

  /** `_meta` of a request. In the modern era it says what this thread's client can do, whoever else shares the connection. */
  metaOf(era: Era, meta: JsonObject = {}, client: RequestClient = {}): JsonObject {
    const { logLevel = this.#options.logLevel } = client;
    if (era === "legacy") return meta;
    const own = this.#capabilities();
    // A client that can do nothing is not to pass for one that can what the thread offers.
    const told = client.capabilities ?? (Object.keys(own).length === 0 ? undefined : own);
    return {
      ...meta,
      ...(told === undefined ? {} : { [CAPABILITIES_META]: told as JsonObject }),
      ...(logLevel === undefined ? {} : { [LOG_LEVEL_META]: logLevel }),
    };
  }

  paramsOf(era: Era, params: JsonObject): JsonObject {
    const meta = this.metaOf(era);
    return Object.keys(meta).length === 0 ? params : { ...params, _meta: meta };
  }

  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#state.kind === "leased") await this.#state.lease.release();
    this.#options.events.push({ type: "status", server: this.name, status: { state: "ended" } });
  }

  onStatus(status: ServerStatus): void {
    if (!this.#ended) this.#options.events.push({ type: "status", server: this.name, status });
    const { logLevel } = this.#options;
    if (status.state === "ready" && status.era === "legacy" && logLevel !== undefined)
      this.#setLogLevel(logLevel);
  }

  onCatalog(change: CatalogChange): void {
    this.#options.events.push({ type: "catalog", server: this.name, ...change });
  }

  onLog(params: JsonObject, call: CallName | undefined): void {
    this.#options.events.push(logEvent(this.name, params, call));
  }

  onResourceUpdated(uri: string): void {
    // A server may tell of a part of what was subscribed to.
    const ours = [...this.#subscribed].some(
      (subscribed) => uri === subscribed || uri.startsWith(`${subscribed}/`),
    );
    if (ours) this.#options.events.push({ type: "resource_updated", server: this.name, uri });
  }

  onDeclined({ params }: ServerRequest, call?: CallName): void {
    const { message } = params;
    this.#options.events.push({
      type: "question_declined",
      server: this.name,
      ...(call === undefined ? {} : { call }),
      message: typeof message === "string" ? message : "",
    });
  }

  answer(request: ServerRequest, call: CallName | undefined, signal: AbortSignal): Promise<JsonObject> {
    const relayed = this.#options.answerer()?.(this.name, request, signal);
    if (relayed !== undefined) return relayed;
    const about = { server: this.name, call, signal };
    return answerRequest(request, this.#options, about, () => this.onDeclined(request, call));
  }

  /** Codex makes it as soon as it reads the plugin. */
  async #makeDataFolder(): Promise<void> {
    const folder = this.#options.provenance?.get(this.name)?.dataFolder;
    if (folder === undefined) return;
    await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
      const what = `cannot start: the data folder of its plugin cannot be made: ${messageOf(cause)}`;
      throw new TransportError("start_failed", this.name, what, { cause });
    });
  }

  #open(): State {
    const { name, config, id, workspace, env, headers, parts, pool } = this.#options;
    const principal = this.#principal;
    const fixed = (status: ServerStatus): State => ({ kind: "fixed", status });
    if (!config.enabled) return fixed({ state: "disabled", reason: disabledText(config) });
    const resolved = resolve(config, env, [name]);
    if (!resolved.ok) {
      const [problem] = resolved.problems;
      const message = `MCP server ${sentenceOf(problem, (path) => path.join("."))}`;
      return fixed({ state: "failed", reason: { code: "invalid_server", message }, failures: 1 });
    }
    const own = headers?.[name];
    const offered = this.#capabilities();
    const sharingInput = {
      thread: id,
      server: name,
      config,
      resolved: resolved.value,
      principal,
      workspace,
      headers:
        own === undefined ? undefined : typeof own === "function" ? numberOf(own) : Object.entries(own),
      offers: JSON.stringify([offered, this.#options.roots, this.#options.logLevel]),
      hasCredentials: parts.credentials !== undefined,
    };
    const sharing = sharingOf(sharingInput);
    this.#catalogKey = catalogKeyOf({ name, config, sharing: sharingInput, workspace });
    const catalogKey = this.#catalogKey;
    // Over stdio a question of the legacy era does not say whose call it belongs to.
    const isPipe = config.transport.type === "stdio";
    const serial = sharing.shared && isPipe && config.shared_elicitation;
    const asks = !sharing.shared || !isPipe || serial;
    const key = eraKey(eraParts(config));
    // Somebody else's session has begun already: it is of the legacy era, and there is nothing to ask.
    const joins = joinsSession(resolved.value, own);
    const request = { thread: id, server: name, config, principal, workspace, env, headers: own };
    const lease = pool.take(sharing, this, { thread: id, server: name }, () => {
      return new Connection({
        server: name,
        place: placeOf(config),
        onChange: parts.onChange,
        onTools:
          catalogKey === undefined
            ? undefined
            : (tools, asked) => this.#options.catalogs.write(catalogKey, tools, asked),
        open: async (signal) => {
          await this.#makeDataFolder();
          return openTransport(parts, request, signal);
        },
        era: {
          recall: () => (joins ? JOINED : this.#options.eras.recall(key)),
          learn: (verdict) => (joins ? undefined : this.#options.eras.learn(key, verdict)),
          forget: () => this.#options.eras.forget(key),
        },
        client: this.#options.client,
        capabilities: asks ? offered : {},
        shared: sharing.shared,
        serial,
        startupTimeoutMs: (config.startup_timeout_sec ?? STARTUP_SECONDS) * 1000,
        clock: parts.clock,
        random: parts.random,
        log: parts.log,
      });
    });
    return { kind: "leased", lease };
  }

  /** Within the time of its caller, who gets an error of ours. */
  async #limited<T>(
    what: string,
    { signal, timeoutMs = this.toolTimeoutMs }: WaitOptions,
    ended: AbortSignal,
    work: (stop: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const stop = new AbortController();
    const until = signal === undefined ? ended : AbortSignal.any([signal, ended]);
    try {
      const done = await abortable(within(this.#options.parts.clock, timeoutMs, work(stop.signal)), until);
      if (done !== "timeout") return done;
    } catch (error) {
      throw until.aborted ? until.reason : requestError(this.name, what, error);
    } finally {
      stop.abort("MCP request cancelled by caller");
    }
    const message = `MCP server "${this.name}" did not ${what} within ${timeoutMs / 1000} s`;
    throw new McpError("timeout", message, { server: this.name });
  }

  #capabilities(): ClientCapabilities {
    const { onElicit, onSample, roots, offers } = this.#options;
    if (offers !== undefined) return offers;
    return {
      ...(onElicit === undefined ? {} : { elicitation: { form: {}, url: {} } }),
      ...(onSample === undefined ? {} : { sampling: {} }),
      ...(roots === undefined ? {} : { roots: {} }),
    };
  }

  #setLogLevel(level: string): void {
    const request = {
      holder: this,
      method: "logging/setLevel",
      params: () => ({ level }),
      timeoutMs: LOG_LEVEL_MS,
    };
    // A server without that method logs what it wants.
    sendRequest(this.connection, request).catch(() => {});
  }

  #allows(tool: string): boolean {
    const { enabled_tools, disabled_tools } = this.config;
    return (
      (enabled_tools === undefined || enabled_tools.includes(tool)) && disabled_tools?.includes(tool) !== true
    );
  }

  #unusable(): McpError {
    const { status } = this;
    const subject = `MCP server "${this.name}"`;
    const options = { server: this.name };
    if (status.state === "disabled")
      return new McpError("server_unavailable", `${subject} is switched off: ${status.reason}`, options);
    if (status.state === "failed") return new McpError("server_unavailable", status.reason.message, options);
    return new McpError("ended", `${subject} was ended`, options);
  }
}
