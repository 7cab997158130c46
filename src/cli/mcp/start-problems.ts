/**
 * Why a server of the configuration cannot start on this machine now: a variable, a program, a folder or an environment
 * that is missing. It is a status with a reason, and stops no other server.
 */
import fs from "node:fs";
import { posix, resolve as resolvePath, win32 } from "node:path";
import { codeOf } from "../../base/errors.ts";
import type { EffectiveMcpServer } from "../../config/effective/effective.ts";
import { findEnvironment } from "../../config/environments/find-environment.ts";
import { type LoadedEnvironments, loadEnvironments } from "../../config/environments/load-environments.ts";
import { toEnvironmentDefinition } from "../../config/environments/resolve-environment.ts";
import { type ConfigLayers, mergeLayers } from "../../config/layers/layers.ts";
import { ConfigError, type ConfigProblem, problem } from "../../config/problem.ts";
import { LOCAL_ENVIRONMENT_ID, type McpServerConfig } from "../../config/server/types.ts";
import { maskArgs } from "../../config/show/mask-text.ts";
import { findProgram } from "../../executor/local/find-program.ts";
import { resolve, resolveVariables, type Variables } from "../../servers/resolve.ts";
import { formatKeys } from "../../toml/format.ts";
import { nodeAt } from "../../toml/node.ts";

/** Where the servers would start. */
interface Place {
  readonly cwd: string;
  readonly env: Variables;
  /** @throws {ConfigError} when a file of them cannot be read */
  readonly environments: () => LoadedEnvironments;
}

export function placeOf(layers: ConfigLayers, cwd: string, env: Variables = process.env): Place {
  let loaded: LoadedEnvironments | undefined;
  return { cwd, env, environments: () => (loaded ??= loadEnvironments({ layers, env })) };
}

export interface StartProblem {
  readonly code: "variable" | "folder" | "program_missing" | "program_not_executable" | "environment";
  /** The key that is to blame, below the server. */
  readonly key: readonly string[];
  readonly what: string;
}

/** What keeps servers from starting here, by name. */
export function findStartProblems(
  servers: readonly EffectiveMcpServer[],
  place: Place,
): ReadonlyMap<string, StartProblem> {
  const find = startProblems(place);
  return new Map(
    servers.flatMap((server) => {
      const found = find(server);
      return found === undefined ? [] : [[server.name, found] as const];
    }),
  );
}

/** The servers, with the status `unstartable` for those whose start would fail. */
export function withStartProblems(
  servers: readonly EffectiveMcpServer[],
  place: Place,
): readonly EffectiveMcpServer[] {
  const found = findStartProblems(servers, place);
  return servers.map((server) => withStartProblem(server, found.get(server.name)));
}

/** The server, with the status `unstartable` if its start would fail. */
export function withStartProblem(
  server: EffectiveMcpServer,
  found: StartProblem | undefined,
): EffectiveMcpServer {
  if (found === undefined) return server;
  const key = found.key.length === 0 ? "" : `${formatKeys(found.key)}: `;
  return { ...server, status: "unstartable", reason: `${key}${found.what}` };
}

/** The same as warnings, but for environments that do not exist: those have warnings of their own. */
export function startWarnings(
  servers: readonly EffectiveMcpServer[],
  layers: ConfigLayers,
  place: Place,
): ConfigProblem[] {
  const find = startProblems(place);
  const merged = mergeLayers(layers.layers.filter(({ inactive }) => inactive === undefined));
  return servers.flatMap((server): ConfigProblem[] => {
    const found = find(server);
    if (found === undefined || found.key[0] === "environment_id") return [];
    const path = ["mcp_servers", server.name];
    const at = nodeAt(merged, [...path, ...found.key])?.place;
    const message = `MCP server ${JSON.stringify(server.name)} will not run: ${found.what}`;
    return [problem(message, [...path, ...found.key], at)];
  });
}

/** Why a program cannot be started, by what is looked for and where; most servers have one of a few programs. */
type Searched = Map<string, { readonly error: unknown } | undefined>;

function startProblems(place: Place): (server: EffectiveMcpServer) => StartProblem | undefined {
  const searched: Searched = new Map();
  return ({ status, config, plugin }) => {
    if (status !== "enabled" || config === undefined) return undefined;
    const isHere = config.environment_id === LOCAL_ENVIRONMENT_ID;
    return (
      ofVariables(config, place) ??
      (isHere ? ofProgram(config, place, searched, plugin?.dataFolder) : ofEnvironment(config, place))
    );
  };
}

function ofVariables(config: McpServerConfig, { env }: Place): StartProblem | undefined {
  const resolved = resolve(config, env, []);
  const first = resolved.ok ? undefined : resolved.problems[0];
  return first === undefined ? undefined : { code: "variable", key: first.path, what: first.what };
}

/** As `codex exec-server` and our executor search, in the environment of the server. */
function ofProgram(
  { transport }: McpServerConfig,
  { cwd, env }: Place,
  searched: Searched,
  dataFolder: string | undefined,
): StartProblem | undefined {
  // Windows searches in another way.
  if (transport.type !== "stdio" || process.platform === "win32") return undefined;
  const folder = resolvePath(cwd, transport.cwd ?? ".");
  const isThere = fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
  // That one is made before the start.
  if (!isThere && folder !== dataFolder)
    return { code: "folder", key: ["cwd"], what: `there is no folder ${folder}` };
  const path = resolveVariables(transport, env).variables.get("PATH") ?? env["PATH"];
  const search = { program: transport.command, cwd: isThere ? folder : cwd, path };
  const key = Object.values(search).join("\0");
  if (!searched.has(key)) searched.set(key, whyNot(search));
  const found = searched.get(key);
  if (found === undefined) return undefined;
  const { error } = found;
  const [program = ""] = maskArgs([transport.command]);
  const where = program.includes("/") ? "" : " in PATH";
  const isMissing = codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR";
  const what = isMissing
    ? `there is no program ${JSON.stringify(program)}${where}: install it, or name it by its whole path`
    : `${JSON.stringify(program)} cannot be executed (${codeOf(error) ?? "not a program"})`;
  return { code: isMissing ? "program_missing" : "program_not_executable", key: ["command"], what };
}

function whyNot(search: Parameters<typeof findProgram>[0]): { readonly error: unknown } | undefined {
  try {
    findProgram(search);
    return undefined;
  } catch (error) {
    return { error };
  }
}

function ofEnvironment(
  { transport, environment_id: id }: McpServerConfig,
  { env, environments }: Place,
): StartProblem | undefined {
  try {
    const found = findEnvironment(environments(), id);
    if (!found.ok)
      return { code: "environment", key: ["environment_id"], what: `${found.message}. ${found.hint}` };
    toEnvironmentDefinition(found.environment, env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { code: "environment", key: [], what: error.message };
  }
  if (transport.type !== "stdio") return undefined;
  const { cwd } = transport;
  if (cwd === undefined)
    return {
      code: "folder",
      key: [],
      what: "it needs a cwd, because it runs on an executor: set cwd to an absolute path there",
    };
  if (posix.isAbsolute(cwd) || win32.isAbsolute(cwd)) return undefined;
  return {
    code: "folder",
    key: ["cwd"],
    what: `it is not absolute: write the whole path on the machine of environment ${JSON.stringify(id)}`,
  };
}
