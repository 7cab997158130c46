/**
 * The MCP servers of one thread, which we run, and which Codex reaches through the gateway.
 *
 *   ThreadSpec ──> McpConnectionManager: starts, restarts, shares ──> Gateway: a URL for each ──> what Codex is given
 *
 * Codex gets the URL, a bearer that is worth nothing elsewhere, and the rules of a server that concern its own turn: approval,
 * time-outs, which calls may overlap. Nothing else of its configuration leaves this process.
 *
 * Invariants
 *   M1. What Codex is given holds no value of the server's own: no command, no variable, no header, no URL.
 *   M2. Codex is given a server before it is ready, and connects to it through the gateway, which waits for it. One that fails is missing
 *       with our reason, and is tried again at the next turn; one that fails later comes back behind the same URL. Codex does not connect
 *       again in a thread that it cannot open anew: there the gateway lets it in, and tells it of the tools when the server is back.
 *   M3. The URL and the bearer of a thread stay the same until it is closed or unloaded; afterwards they are refused.
 */
import { abortable, within } from "../../base/abort.ts";
import type { JsonObject } from "../../base/json.ts";
import type { Log } from "../../base/log.ts";
import type { Redactor } from "../../base/redact.ts";
import { isInBackground, type McpServerConfig } from "../../config/server/types.ts";
import type { Gateway, ThreadGateway } from "../../gateway/index.ts";
import type { McpConnectionManager, Reason, ServerView } from "../../mcp/index.ts";
import type { ToolPluginProvenance } from "../../servers/provenance.ts";
import type { Variables } from "../../servers/resolve.ts";
import type { McpServerHandler } from "../../servers/server-event.ts";
import type { DirectServer } from "../direct/servers.ts";
import type { ServerFailure } from "../direct/thread-servers.ts";
import type { ManagedHost } from "./managed-host.ts";
import { ServerNews } from "./server-news.ts";

/** What a thread wants of the manager. */
export interface ManagedSpec {
  readonly configs: ReadonlyMap<string, McpServerConfig>;
  /** The folder of the thread, absolute. */
  readonly workspace: string;
  /** Whose credentials it works with. */
  readonly principal: string | undefined;
  /** Which of them come from a plugin. */
  readonly provenance: ToolPluginProvenance | undefined;
  /** Where references are looked up. */
  readonly env: Variables;
  /** Told what becomes of the servers. */
  readonly onMcpServer: McpServerHandler | undefined;
}

/** The servers as Codex is given them, and those that are missing. */
export interface PreparedServers {
  readonly servers: readonly DirectServer[];
  readonly failures: readonly ServerFailure[];
}

interface Opened {
  readonly thread: McpConnectionManager;
  readonly endpoints: ThreadGateway;
  readonly workspace: string;
  readonly principal: string | undefined;
  /** Whether Codex connects to each server once. */
  readonly once: boolean;
  /** The bearer is worth nothing any more. */
  readonly forget: () => void;
  /** Settles when the last news was told. */
  readonly told: Promise<void>;
}

/** What Codex decides by itself. */
const RULES: ReadonlySet<string> = new Set([
  "enabled",
  "required",
  "enabled_tools",
  "disabled_tools",
  "supports_parallel_tool_calls",
  "default_tools_approval_mode",
  "tools",
  "omit_tools_from",
  "tool_input_schema_max_bytes",
]);

/** Codex's default, and ours. */
const TOOL_TIMEOUT_SEC = 300;
const STARTUP_TIMEOUT_SEC = 30;
const MARGIN_SEC = 5;
/** More than this Codex never answers (0.169). */
const TIMEOUT_MAX_SEC = 2 ** 31;

/** How long the tools of a server that is back may take to be with Codex. */
const JOIN_MS = 2_000;

/** Codex offers its servers both kinds of questions, and nothing else (0.171). */
const OFFERS = { elicitation: { form: {}, url: {} } } as const;

export class ManagedServers {
  readonly #host: ManagedHost;
  readonly #redactor: Redactor;
  readonly #news: ServerNews;
  #opened: Opened | undefined;

  /** @param onMissing called when a server in the background did not start */
  constructor(host: ManagedHost, redactor: Redactor, log: Log, onMissing: (failure: ServerFailure) => void) {
    this.#host = host;
    this.#redactor = redactor;
    this.#news = new ServerNews(redactor, log, (server, reason) =>
      onMissing({ server, reason: this.whyMissing(server) ?? reason }),
    );
  }

  /** What Codex calls the thread. */
  named(threadId: string): void {
    this.#news.named(threadId);
  }

  /**
   * Starts what is new, and ends what is gone.
   *
   * @param servers as they would be given to Codex directly
   * @param isOnce whether Codex cannot open the thread a second time: it is ephemeral
   * @param isLoaded whether Codex still has what was prepared before: then it waits until each server is ready or has failed
   * @throws the signal's reason
   */
  async prepare(
    servers: readonly DirectServer[],
    spec: ManagedSpec,
    isOnce: boolean,
    isLoaded: boolean,
    signal: AbortSignal,
  ): Promise<PreparedServers> {
    this.#news.hear(spec.onMcpServer);
    const { thread, endpoints } = await this.#open(spec, isOnce);
    const enabled = servers.filter((server) => server.enabled).map(({ name }) => name);
    // Codex is given all of them at once, and its own connections wait for them at the gateway. A thread that it has already may go on
    // with servers that were lost meanwhile: they are looked after first.
    const reasons = await Promise.all(
      enabled.map(async (name) => {
        const { config, status } = thread.server(name);
        if (!isLoaded || isInBackground(config)) return renew(thread, name, signal);
        const reason = await settle(thread, name, signal);
        // The server is back: Codex lists its tools again, and has to have done so before the model is asked.
        if (isOnce && status.state !== "ready" && reason === undefined)
          await abortable(within(this.#host.clock, JOIN_MS, endpoints.listed(name)), signal);
        return reason;
      }),
    );
    const failures = enabled.flatMap((server, n): ServerFailure[] => {
      const reason = reasons[n];
      return reason === undefined ? [] : [{ server, reason }];
    });
    const headers = { Authorization: `Bearer ${endpoints.bearer}` };
    return {
      failures,
      servers: servers.map((server) => ({
        ...server,
        config: {
          ...rulesOf(server.config),
          ...timeoutsOf(spec.configs.get(server.name)),
          url: endpoints.urlOf(server.name),
          http_headers: headers,
        },
      })),
    };
  }

  /** Those that failed without Codex being told (M2). */
  get missing(): readonly ServerFailure[] {
    if (this.#opened?.once !== true) return [];
    return this.#opened.thread.servers.flatMap((view): ServerFailure[] => {
      const { state } = view.status;
      const reason = state === "failed" || state === "needs_login" ? reasonOf(view) : undefined;
      return reason === undefined ? [] : [{ server: view.name, reason }];
    });
  }

  /** Why a server does not work now. */
  whyMissing(name: string): string | undefined {
    const view = this.#opened?.thread.servers.find((each) => each.name === name);
    return view === undefined ? undefined : reasonOf(view);
  }

  /** Ends the thread's servers, and its URLs (M3). Codex must not have the thread any more. */
  end(): void {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened === undefined) return;
    this.#host.ending(opened.thread[Symbol.asyncDispose]().finally(opened.forget));
    this.#host.ending(opened.told);
  }

  async #open(
    { configs, workspace, principal, provenance, env }: ManagedSpec,
    once: boolean,
  ): Promise<Opened> {
    const before = this.#opened;
    if (before?.workspace === workspace && before.principal === principal && before.once === once) {
      await before.thread.update(configs);
      return before;
    }
    this.end();
    const { manager, gateway } = await this.#host.parts();
    const thread = manager.openThread({
      servers: configs,
      workspace,
      env,
      offers: OFFERS,
      ...(principal === undefined ? {} : { principal }),
      ...(provenance === undefined ? {} : { provenance }),
    });
    const endpoints = endpointsOf(gateway, thread, once);
    const forget = this.#redactor.add(endpoints.bearer);
    const told = this.#news.follow(thread);
    this.#opened = { thread, endpoints, workspace, principal, once, forget, told };
    return this.#opened;
  }
}

/** @throws {GatewayError} the gateway has ended; then the thread has, too */
function endpointsOf(gateway: Gateway, thread: McpConnectionManager, joins: boolean): ThreadGateway {
  try {
    return gateway.openThread(thread, { joins });
  } catch (error) {
    void thread[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Waits until a server is ready or has failed. One that was there before is asked for a sign of life first, and tried again when it
 * had failed.
 *
 * @returns why it is missing; `undefined` where it works
 * @throws the signal's reason
 */
async function settle(
  thread: McpConnectionManager,
  name: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  // What a required server failed with is in its status.
  const ready = (): Promise<unknown> => thread.ready([name], { signal }).catch(() => signal.throwIfAborted());
  const { state } = thread.server(name).status;
  if (state === "ready") await thread.check([name], { signal });
  else thread.retry(name);
  await ready();
  if (state === "ready" || state === "restarting") {
    // One that was there, and ended in between, is not made to wait for its next attempt.
    thread.retry(name);
    await ready();
  }
  return reasonOf(thread.server(name));
}

/**
 * Looks after a server as `settle` does, but does not wait for it: Codex waits, when it connects at the gateway.
 *
 * @returns why one in the background is missing now; the gateway says it of none
 * @throws the signal's reason
 */
async function renew(
  thread: McpConnectionManager,
  name: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const view = thread.server(name);
  if (view.status.state === "ready") await thread.check([name], { signal });
  else thread.retry(name);
  return isInBackground(view.config) ? reasonOf(view) : undefined;
}

function reasonOf({ status, config }: ServerView): string | undefined {
  switch (status.state) {
    case "failed":
    case "needs_login":
      return described(status.reason, config);
    case "disabled":
      return status.reason;
    case "ended":
      return "it was ended";
    default:
      return undefined;
  }
}

/** With what it wrote at last: its last words, where they are all, or the lines that they are among. */
function described({ message, brief, stderr = [] }: Reason, config: McpServerConfig): string {
  if (stderr.length === 0 || (brief !== undefined && stderr.length === 1)) return message;
  const program = "command" in config.transport ? JSON.stringify(config.transport.command) : "the server";
  return `${brief ?? message}; the last lines of ${program} on stderr:\n${stderr.join("\n")}`;
}

/** Ours ends first, says more, and asks the server whether it lives. */
function timeoutsOf(config: McpServerConfig | undefined): JsonObject {
  const { tool_timeout_sec: call = TOOL_TIMEOUT_SEC, startup_timeout_sec: start = STARTUP_TIMEOUT_SEC } =
    config ?? {};
  const later = (seconds: number): number => Math.min(seconds + MARGIN_SEC, TIMEOUT_MAX_SEC);
  return { tool_timeout_sec: later(call), startup_timeout_sec: later(start) };
}

function rulesOf(config: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(config).filter(([key]) => RULES.has(key)));
}
