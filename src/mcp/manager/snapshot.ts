/**
 * What the servers of a thread are and offer at one moment: state, era, tools, resources, prompts, failures.
 *
 * Invariants
 *   O1. All servers are asked at the same time, each within its own start-up time-out: a slow one holds up no other one, and all
 *       together take as long as the slowest.
 *   O2. A server or a list that fails is in the snapshot, with the reason, and takes nothing else away.
 *   O3. What was opened for a snapshot has ended when it is there.
 */
import {
  type Implementation,
  type Prompt,
  ProtocolError,
  type Resource,
  type ResourceTemplateType,
  type Tool,
} from "@modelcontextprotocol/client";
import { abortable } from "../../base/abort.ts";
import { type Clock, systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Origin } from "../../config/layers/origins.ts";
import type { ListKind } from "../connection/list-pages.ts";
import type { ServerStatus } from "../connection/status.ts";
import type { Era } from "../session/era.ts";
import { McpConnectionManager } from "./mcp-connection-manager.ts";
import { McpManager, type McpManagerOptions } from "./mcp-manager.ts";
import type { ServerView } from "./server-view.ts";
import { STARTUP_SECONDS } from "./thread-server.ts";
import type { McpThreadOptions } from "./thread-options.ts";

export interface SnapshotOptions {
  /** Names of servers. @default all */
  readonly servers?: readonly string[];
  /** What is listed beside tools. @default all */
  readonly lists?: readonly Exclude<ListKind, "tools">[];
  /** Where servers are configured, by name: `definedIn` of `effectiveMcpServers`. @default it is not known */
  readonly origins?: ReadonlyMap<string, Origin>;
  /** Gives up when it aborts. */
  readonly signal?: AbortSignal;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/** Servers that are opened for a snapshot alone. */
export interface SnapshotSource extends McpThreadOptions {
  /** Where servers with an `environment_id` run. @default this machine alone */
  readonly environments?: McpManagerOptions["environments"];
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
  readonly status: ServerStatus;
  readonly transport: "stdio" | "streamable_http";
  /** The id of the environment it runs in; `local` is this machine. */
  readonly environment: string;
  readonly origin: Origin | undefined;
  readonly era: Era | undefined;
  readonly protocolVersion: string | undefined;
  /** How it calls itself. */
  readonly serverInfo: Implementation | undefined;
  /** What it tells the model about itself. */
  readonly instructions: string | undefined;
  /** As declared; those that `enabled_tools` and `disabled_tools` let through. */
  readonly tools: readonly Tool[];
  /** How many tools those keys take away. */
  readonly hiddenTools: number;
  readonly resources: readonly Resource[];
  readonly resourceTemplates: readonly ResourceTemplateType[];
  readonly prompts: readonly Prompt[];
  readonly failures: readonly SnapshotFailure[];
}

export interface McpSnapshot {
  /** In the order of the thread. */
  readonly servers: readonly ServerSnapshot[];
}

const LISTS: readonly Exclude<ListKind, "tools">[] = ["resources", "resourceTemplates", "prompts"];
/** Of a list that begins when the start-up time-out is nearly over. */
const LIST_MS_MIN = 1_000;

/**
 * Looks at the servers of a thread, or opens servers for that, and ends them before it returns.
 *
 * @throws {McpError} `unknown_server`; `invalid_servers`, where servers are opened
 * @throws the signal's reason
 */
export async function collectMcpSnapshot(
  source: McpConnectionManager | SnapshotSource,
  options: SnapshotOptions = {},
): Promise<McpSnapshot> {
  if (source instanceof McpConnectionManager) return snapshotOf(source, options);
  const { environments, ...threadOptions } = source;
  await using manager = new McpManager({
    publish: false,
    // One thread has all that are asked for.
    budget: { processesPerThread: 1_000 },
    ...(environments === undefined ? {} : { environments }),
  });
  return await snapshotOf(manager.openThread(threadOptions), options);
}

async function snapshotOf(thread: McpConnectionManager, options: SnapshotOptions): Promise<McpSnapshot> {
  const { clock = systemClock, signal } = options;
  const names = options.servers ?? thread.servers.map(({ name }) => name);
  const beganMs = clock.now();
  // All names are known before anything is asked.
  const views = names.map((name) => thread.server(name));
  const taken = Promise.all(
    views.map(async ({ name, config }) => {
      // A required server that failed rejects; its status says why.
      await thread
        .ready([name], signal === undefined ? {} : { signal })
        .catch(() => signal?.throwIfAborted());
      const endMs = beganMs + (config.startup_timeout_sec ?? STARTUP_SECONDS) * 1000;
      return serverSnapshot(thread, name, options, Math.max(LIST_MS_MIN, endMs - clock.now()));
    }),
  );
  return { servers: await abortable(taken, signal) };
}

async function serverSnapshot(
  thread: McpConnectionManager,
  name: string,
  { lists = LISTS, origins, signal }: SnapshotOptions,
  timeoutMs: number,
): Promise<ServerSnapshot> {
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
  const [resources, resourceTemplates, prompts] = await Promise.all([
    listed("resources", () => thread.listResources(name, wait)),
    listed("resourceTemplates", () => thread.listResourceTemplates(name, wait)),
    listed("prompts", () => thread.listPrompts(name, wait)),
  ]);
  const view = thread.server(name);
  const { status, config, instructions } = view;
  const ready = status.state === "ready" ? status : undefined;
  const tools = ready === undefined ? [] : thread.listTools(name).map(({ tool }) => tool);
  return {
    name,
    status,
    transport: config.transport.type,
    environment: config.environment_id,
    origin: origins?.get(name),
    era: ready?.era,
    protocolVersion: ready?.protocolVersion,
    serverInfo: ready?.serverInfo,
    instructions,
    tools,
    hiddenTools: ready === undefined ? 0 : view.tools - tools.length,
    resources,
    resourceTemplates,
    prompts,
    failures,
  };
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
