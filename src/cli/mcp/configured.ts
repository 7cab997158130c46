/** The configured servers, for commands that run them. */
import { shellWord } from "../../base/shell-word.ts";
import { missingServer } from "../../base/suggest.ts";
import { assess } from "../../config/effective/assess.ts";
import { type EffectiveMcpServer, effectiveServers } from "../../config/effective/effective.ts";
import { findEnvironment } from "../../config/environments/find-environment.ts";
import { loadEnvironments } from "../../config/environments/load-environments.ts";
import { toEnvironmentDefinition } from "../../config/environments/resolve-environment.ts";
import type { EnvironmentDefinition } from "../../config/environments/types.ts";
import type { ConfigLayers } from "../../config/layers/layers.ts";
import type { ToolPluginProvenance } from "../../config/plugins/types.ts";
import type { ConfigProblem } from "../../config/problem.ts";
import { LOCAL_ENVIRONMENT_ID, type McpServerConfig } from "../../config/server/types.ts";
import type {
  McpConnectionManager,
  McpManager,
  McpManagerOptions,
  McpThreadOptions,
} from "../../mcp/index.ts";
import { McpError } from "../../mcp/errors.ts";
import { checkConfigs } from "../../servers/check.ts";
import { sentenceOf } from "../../servers/problem.ts";
import { formatKeys } from "../../toml/format.ts";
import { type Args, UsageError } from "../args/parse.ts";
import { personAtTerminal } from "./ask-person.ts";
import { isOfEnvironment } from "./environment-problems.ts";
import { keepTools } from "./kept-tools.ts";
import { findStartProblems, placeOf, type StartProblem, withStartProblem } from "./start-problems.ts";
import { folderOf, readLayers } from "./target.ts";

export interface ConfiguredServers {
  /** Sorted by name. */
  readonly servers: readonly EffectiveMcpServer[];
  /** Of no single server. */
  readonly errors: readonly ConfigProblem[];
  /** Of no single server. */
  readonly warnings: readonly ConfigProblem[];
  /** What keeps servers from starting here, by name; they are `unstartable`. */
  readonly startProblems: ReadonlyMap<string, StartProblem>;
  readonly layers: ConfigLayers;
  /** Where servers start. */
  readonly cwd: string;
}

/** As `switchyard mcp list` shows them. @param flag the one that names a file which counts alone @throws {ConfigError} */
export function configuredServersOf(args: Args, flag?: string): ConfiguredServers {
  const layers = readLayers(args, flag);
  const cwd = folderOf(args);
  const { servers, errors, warnings } = effectiveServers(assess(layers));
  const startProblems = findStartProblems(servers, placeOf(layers, cwd));
  return {
    servers: servers.map((server) => withCheck(withStartProblem(server, startProblems.get(server.name)))),
    startProblems,
    errors: errors.filter((error) => !isOfEnvironment(error)),
    warnings,
    layers,
    cwd,
  };
}

/** A manager takes all servers or none of them: one that it would reject does not reach it. */
function withCheck(server: EffectiveMcpServer): EffectiveMcpServer {
  const { name, status, config } = server;
  if (status !== "enabled" || config === undefined) return server;
  const checked = checkConfigs(new Map([[name, config]]), []);
  if (checked.ok) return server;
  const reason = checked.problems.map((problem) => sentenceOf(problem, formatKeys)).join("; ");
  return { ...server, status: "unstartable", reason };
}

/** @throws {UsageError} that names those which were probably meant */
export function serverNamed({ servers }: ConfiguredServers, name: string): EffectiveMcpServer {
  const found = servers.find((server) => server.name === name);
  if (found !== undefined) return found;
  throw new UsageError(
    missingServer(
      name,
      servers.map((server) => server.name),
    ),
  );
}

/** In a sentence, for a server that is not enabled. */
export function notStartedText({ name, status, reason }: EffectiveMcpServer): string {
  return `MCP server ${JSON.stringify(name)} is not started (${status}): ${reason ?? "no reason is known"}`;
}

/** What helps where a server does not work. */
export function doctorAdvice(name: string): string {
  return `switchyard doctor ${shellWord(name)} says what to do`;
}

/**
 * Starts one server, lets it be asked something, and ends it.
 *
 * @throws {UsageError} when there is no such server
 * @throws {McpError} `server_unavailable` when it is not enabled
 * @throws what `ask` throws
 */
export async function askServer<Answer>(
  args: Args,
  name: string,
  ask: (thread: McpConnectionManager) => Promise<Answer>,
): Promise<Answer> {
  const configured = configuredServersOf(args);
  const server = serverNamed(configured, name);
  const advice = doctorAdvice(name);
  if (server.status !== "enabled")
    throw new McpError("server_unavailable", `${notStartedText(server)}\n${advice}`);
  await using open = await openServers(configured, [server], { onElicit: personAtTerminal() });
  try {
    return await ask(open.thread);
  } catch (error) {
    if (!(error instanceof McpError && error.code === "server_unavailable")) throw error;
    throw new McpError(error.code, `${error.message}\n${advice}`, { server: name, cause: error });
  }
}

export interface OpenServers extends AsyncDisposable {
  readonly thread: McpConnectionManager;
}

/** Starts those of the servers that are enabled. They end when it is disposed. */
export async function openServers(
  configured: ConfiguredServers,
  servers: readonly EffectiveMcpServer[],
  options: Pick<McpThreadOptions, "onElicit"> = {},
): Promise<OpenServers> {
  const opened = await openManager(configured, servers);
  const { thread, ...open } = openThread(opened.manager, configured, servers, options);
  const end = async (): Promise<void> => {
    await open[Symbol.asyncDispose]();
    await opened[Symbol.asyncDispose]();
  };
  return { thread, [Symbol.asyncDispose]: end };
}

export interface OpenManager extends AsyncDisposable {
  readonly manager: McpManager;
}

/** What can start the servers, with the user's logins. */
export async function openManager(
  { layers }: ConfiguredServers,
  servers: readonly EffectiveMcpServer[],
  options: Pick<McpManagerOptions, "log" | "publish"> = {},
): Promise<OpenManager> {
  // Loaded here: other commands, and a wrong command line, do without it.
  const { LoginBroker, McpManager: Manager, userLoginStore } = await import("../../mcp/index.ts");
  const store = userLoginStore({ layers });
  const credentials = new LoginBroker({ stores: () => store });
  const manager = new Manager({
    publish: false,
    credentials,
    environments: environmentsOf(configsOf(servers), layers),
    // One thread has all that are configured, and they start at once.
    budget: { processesPerThread: 1_000, startsPerSecond: 1_000 },
    ...options,
  });
  const end = async (): Promise<void> => {
    await manager[Symbol.asyncDispose]();
    await credentials[Symbol.asyncDispose]();
  };
  return { manager, [Symbol.asyncDispose]: end };
}

/** Starts those of the servers that are enabled, in a thread of their own. They end with it. */
export function openThread(
  manager: McpManager,
  { cwd }: ConfiguredServers,
  servers: readonly EffectiveMcpServer[],
  options: Pick<McpThreadOptions, "onElicit"> = {},
): OpenServers {
  const openedAt = Date.now();
  const thread = manager.openThread({
    servers: configsOf(servers),
    provenance: provenanceOf(servers),
    workspace: cwd,
    ...options,
  });
  const end = async (): Promise<void> => {
    // What it has is read now, and written while the servers end.
    const kept = keepTools(thread, cwd, openedAt);
    await thread[Symbol.asyncDispose]();
    await kept;
  };
  return { thread, [Symbol.asyncDispose]: end };
}

/** Those that may be started, by name. */
export function configsOf(servers: readonly EffectiveMcpServer[]): ReadonlyMap<string, McpServerConfig> {
  return new Map(
    servers.flatMap(({ name, status, config }) =>
      status === "enabled" && config !== undefined ? [[name, config]] : [],
    ),
  );
}

export function provenanceOf(servers: readonly EffectiveMcpServer[]): ToolPluginProvenance {
  return new Map(
    servers.flatMap(({ name, plugin }) => (plugin === undefined ? [] : [[name, plugin] as const])),
  );
}

/** The environments that the servers name. That they can be used is known. */
export function environmentsOf(
  configs: ReadonlyMap<string, McpServerConfig>,
  layers: ConfigLayers,
): EnvironmentDefinition[] {
  const ids = new Set([...configs.values()].map(({ environment_id }) => environment_id));
  ids.delete(LOCAL_ENVIRONMENT_ID);
  if (ids.size === 0) return [];
  const loaded = loadEnvironments({ layers });
  return [...ids].flatMap((id) => {
    const found = findEnvironment(loaded, id);
    return found.ok ? [toEnvironmentDefinition(found.environment)] : [];
  });
}
