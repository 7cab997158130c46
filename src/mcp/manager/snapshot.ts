/**
 * What the servers of a thread, of a host or of a configuration are and offer at one moment: state, era, tools, resources, prompts,
 * failures.
 *
 * Invariants
 *   O1. All servers are asked at the same time, each within its own start-up time-out: a slow one holds up no other one, and all
 *       together take as long as the slowest.
 *   O2. A server or a list that fails is in the snapshot, with the reason, and takes nothing else away.
 *   O3. What was opened for a snapshot has ended when it is there.
 *   O4. Of the same servers it says what Codex's app-server says in `mcpServerStatus/list`, field by field; what differs has a
 *       reason, and test/mcp/snapshot-of-codex.test.ts has its name.
 */
import {
  type Implementation,
  type Prompt,
  ProtocolError,
  type Resource,
  type ResourceTemplateType,
  type ServerCapabilities,
  type Tool,
} from "@modelcontextprotocol/client";
import { abortable } from "../../base/abort.ts";
import { type Clock, systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { missingServer } from "../../base/suggest.ts";
import type { EffectiveMcpServer } from "../../config/effective/effective.ts";
import type { Origin } from "../../config/layers/origins.ts";
import type { PluginAttribution } from "../../config/plugins/types.ts";
import { LOCAL_ENVIRONMENT_ID, type McpServerConfig } from "../../config/server/types.ts";
import type { ListKind } from "../connection/list-pages.ts";
import type { ServerStatus } from "../connection/status.ts";
import { type AuthStatus, configuredAuth } from "../auth/configured-auth.ts";
import { McpError } from "../errors.ts";
import type { Era } from "../session/era.ts";
import { openable, provenanceIn, statusOfOther } from "./effective-servers.ts";
import { McpConnectionManager } from "./mcp-connection-manager.ts";
import { McpManager, type McpManagerOptions } from "./mcp-manager.ts";
import type { ServerView } from "./server-view.ts";
import { STARTUP_SECONDS } from "./thread-server.ts";
import type { McpThreadOptions, ThreadServers } from "./thread-options.ts";

export interface SnapshotOptions {
  /** Names of servers. @default all */
  readonly servers?: readonly string[];
  /** What is listed beside tools. @default all */
  readonly lists?: readonly Exclude<ListKind, "tools">[];
  /** Whether servers are asked for what they say of logins, beside what is configured. @default true */
  readonly askAuth?: boolean;
  /** Where servers are configured, by name. @default what the source says of it, as `effectiveMcpServers` does */
  readonly origins?: ReadonlyMap<string, Origin>;
  /** Gives up when it aborts. */
  readonly signal?: AbortSignal;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/** Servers that are opened for a snapshot alone. */
export interface SnapshotSource extends Omit<McpThreadOptions, "servers"> {
  /** By name; or as `effectiveMcpServers` yields them: those that will not run are in the snapshot with the reason. */
  readonly servers: ThreadServers | readonly EffectiveMcpServer[];
  /** Where servers with an `environment_id` run. @default this machine alone */
  readonly environments?: McpManagerOptions["environments"];
  /** Asked for the tokens of logins. @default nobody is */
  readonly credentials?: McpManagerOptions["credentials"];
}

/** A list that could not be had. */
export interface SnapshotFailure {
  readonly list: ListKind;
  /** A sentence that names the server, without secrets. */
  readonly message: string;
}

/** One server. What it offers is empty unless it is ready. */
export interface ServerSnapshot {
  readonly name: string;
  /** The id of its thread; absent where servers were opened for the snapshot. */
  readonly thread: string | undefined;
  readonly status: ServerStatus;
  /** Absent where what is written makes no server. */
  readonly transport: "stdio" | "streamable_http" | undefined;
  /** Scheme, host and port of its URL. */
  readonly httpOrigin: string | undefined;
  /** The id of the environment it runs in; `local` is this machine. */
  readonly environment: string;
  readonly origin: Origin | undefined;
  /** The plugin that it comes from. */
  readonly plugin: PluginAttribution | undefined;
  readonly authStatus: AuthStatus;
  readonly era: Era | undefined;
  readonly protocolVersion: string | undefined;
  /** How it calls itself. */
  readonly serverInfo: Implementation | undefined;
  /** What it declared that it can do. */
  readonly capabilities: ServerCapabilities | undefined;
  /** What it tells the model about itself. */
  readonly instructions: string | undefined;
  /** As declared; those that `enabled_tools` and `disabled_tools` let through. */
  readonly tools: readonly Tool[];
  /** `_meta` of its list of tools. Over HTTP in the modern era it is not known. */
  readonly toolListMeta: JsonObject | undefined;
  /** How many tools those keys take away. */
  readonly hiddenTools: number;
  readonly resources: readonly Resource[];
  readonly resourceTemplates: readonly ResourceTemplateType[];
  readonly prompts: readonly Prompt[];
  readonly failures: readonly SnapshotFailure[];
}

export interface McpSnapshot {
  /** In the order of the source; of a manager, thread after thread. */
  readonly servers: readonly ServerSnapshot[];
}

const LISTS: readonly Exclude<ListKind, "tools">[] = ["resources", "resourceTemplates", "prompts"];
const AUTH_MS = 5_000;
/** Of a list that begins when the start-up time-out is nearly over. */
const LIST_MS_MIN = 1_000;

/**
 * Looks at the servers of a thread, or of all threads of a manager; or opens servers for that, and ends them before it returns.
 *
 * @throws {McpError} `unknown_server`; `invalid_servers`, where servers are opened
 * @throws the signal's reason
 */
export async function collectMcpSnapshot(
  source: McpManager | McpConnectionManager | SnapshotSource,
  options: SnapshotOptions = {},
): Promise<McpSnapshot> {
  if (source instanceof McpConnectionManager) return await snapshotOf(seenIn(source, source.id), options);
  if (source instanceof McpManager)
    return await snapshotOf(
      source.threads.flatMap((thread) => seenIn(thread, thread.id)),
      options,
    );
  const { environments, credentials, servers, ...threadOptions } = source;
  const effective = Array.isArray(servers) ? (servers as readonly EffectiveMcpServer[]) : undefined;
  await using manager = new McpManager({
    publish: false,
    // One thread has all that are asked for.
    budget: { processesPerThread: 1_000, startsPerSecond: 1_000 },
    ...(environments === undefined ? {} : { environments }),
    ...(credentials === undefined ? {} : { credentials }),
  });
  const thread = manager.openThread({
    ...threadOptions,
    servers: effective === undefined ? (servers as ThreadServers) : openable(effective),
    ...(effective === undefined ? {} : { provenance: provenanceIn(effective) }),
  });
  const running = new Map(seenIn(thread, undefined).map((each) => [each.name, each]));
  const all = effective?.map((each) => running.get(each.name) ?? notOpened(each)) ?? [...running.values()];
  const origins = options.origins ?? new Map((effective ?? []).flatMap(originOf));
  return await snapshotOf(all, { ...options, origins });
}

/** A server that can be looked at. */
interface Seen {
  readonly name: string;
  readonly look: (options: SnapshotOptions, beganMs: number) => Promise<ServerSnapshot> | ServerSnapshot;
}

function seenIn(thread: McpConnectionManager, id: string | undefined): Seen[] {
  return thread.servers.map((view) => ({
    name: view.name,
    look: async (options, beganMs) => ({
      ...(await serverSnapshot(thread, view, options, beganMs)),
      thread: id,
    }),
  }));
}

async function snapshotOf(all: readonly Seen[], options: SnapshotOptions): Promise<McpSnapshot> {
  const { clock = systemClock, signal, servers = [...new Set(all.map(({ name }) => name))] } = options;
  const beganMs = clock.now();
  // All names are known before anything is asked.
  for (const name of servers) {
    if (all.some((each) => each.name === name)) continue;
    const names = [...new Set(all.map((each) => each.name))];
    throw new McpError("unknown_server", missingServer(name, names), { server: name });
  }
  const asked =
    options.servers === undefined ? all : servers.flatMap((name) => all.filter((each) => each.name === name));
  const taken = Promise.all(asked.map(async ({ look }) => await look(options, beganMs)));
  return { servers: await abortable(taken, signal) };
}

async function serverSnapshot(
  thread: McpConnectionManager,
  { name, config }: ServerView,
  { lists = LISTS, askAuth = true, origins, signal, clock = systemClock }: SnapshotOptions,
  beganMs: number,
): Promise<Omit<ServerSnapshot, "thread">> {
  // A required server that failed rejects; its status says why.
  await thread
    .ready([name], { live: true, ...(signal === undefined ? {} : { signal }) })
    .catch(() => signal?.throwIfAborted());
  const endMs = beganMs + (config.startup_timeout_sec ?? STARTUP_SECONDS) * 1000;
  const timeoutMs = Math.max(LIST_MS_MIN, endMs - clock.now());
  const failures: SnapshotFailure[] = [];
  const wait = { timeoutMs, ...(signal === undefined ? {} : { signal }) };
  const listed = async <Item>(
    list: Exclude<ListKind, "tools">,
    ask: () => Promise<readonly Item[]>,
  ): Promise<readonly Item[]> => {
    if (!lists.includes(list) || !declares(thread.server(name), list)) return [];
    try {
      return await ask();
    } catch (error) {
      signal?.throwIfAborted();
      // Who has resources need not have templates of them.
      if (isUnknownMethod(error)) return [];
      failures.push({ list, message: messageOf(error) });
      return [];
    }
  };
  const [authStatus, resources, resourceTemplates, prompts] = await Promise.all([
    askAuth ? askedAuth(thread, name, wait) : undefined,
    listed("resources", () => thread.listResources(name, wait)),
    listed("resourceTemplates", () => thread.listResourceTemplates(name, wait)),
    listed("prompts", () => thread.listPrompts(name, wait)),
  ]);
  const view = thread.server(name);
  const { status, instructions, capabilities, toolListMeta } = view;
  const still = {
    ...ofConfig(name, config, status),
    ...{ origin: origins?.get(name), plugin: view.plugin, status },
    ...(authStatus === undefined ? {} : { authStatus }),
  };
  if (status.state !== "ready") return { ...still, ...NOTHING, failures };
  const { era, protocolVersion, serverInfo } = status;
  const tools = thread.listTools(name).map(({ tool }) => tool);
  return {
    ...still,
    era,
    protocolVersion,
    serverInfo,
    capabilities,
    instructions,
    tools,
    toolListMeta,
    hiddenTools: view.tools - tools.length,
    resources,
    resourceTemplates,
    prompts,
    failures,
  };
}

async function askedAuth(
  thread: McpConnectionManager,
  name: string,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<AuthStatus> {
  try {
    const wait = { timeoutMs: Math.min(timeoutMs, AUTH_MS), ...(signal === undefined ? {} : { signal }) };
    return await thread.authStatus(name, wait);
  } catch (error) {
    signal?.throwIfAborted();
    // The thread has ended, or there is no such environment: the status says that.
    if (error instanceof McpError) return "unknown";
    throw error;
  }
}

/** What a server that is not ready offers. */
const NOTHING = {
  era: undefined,
  protocolVersion: undefined,
  serverInfo: undefined,
  capabilities: undefined,
  instructions: undefined,
  tools: [],
  toolListMeta: undefined,
  hiddenTools: 0,
  resources: [],
  resourceTemplates: [],
  prompts: [],
} as const;

function ofConfig(
  name: string,
  config: McpServerConfig | undefined,
  status: ServerStatus,
): Pick<ServerSnapshot, "name" | "transport" | "httpOrigin" | "environment" | "authStatus"> {
  const transport = config?.transport;
  return {
    name,
    transport: transport?.type,
    httpOrigin: transport?.type === "streamable_http" ? URL.parse(transport.url)?.origin : undefined,
    environment: config?.environment_id ?? LOCAL_ENVIRONMENT_ID,
    authStatus:
      status.state === "disabled"
        ? "unsupported"
        : (configuredAuth(config, process.env) ??
          (status.state === "needs_login" ? "notLoggedIn" : "unknown")),
  };
}

function notOpened(server: EffectiveMcpServer): Seen {
  const status = statusOfOther(server);
  const { name, config, plugin } = server;
  return {
    name,
    look: ({ origins }) => ({
      ...ofConfig(name, config, status),
      ...NOTHING,
      ...{ origin: origins?.get(name), plugin, status, thread: undefined, failures: [] },
    }),
  };
}

function originOf({ name, definedIn }: EffectiveMcpServer): readonly (readonly [string, Origin])[] {
  return definedIn === undefined ? [] : [[name, definedIn]];
}

/** Whether it is worth asking: only what was declared, where anything was. */
function declares({ status, capabilities = {} }: ServerView, list: Exclude<ListKind, "tools">): boolean {
  if (status.state !== "ready") return false;
  if (Object.keys(capabilities).length === 0) return true;
  return capabilities[list === "prompts" ? "prompts" : "resources"] !== undefined;
}

function isUnknownMethod(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof ProtocolError && error.cause.code === -32601;
}
