/** The executors that the servers of one turn name, for an engine that does not read the user's `environments.toml`. */
import { basename, resolve } from "node:path";
import type { ServerSet } from "../servers/check.ts";
import { toEnvironmentDefinition } from "../config/environments/resolve-environment.ts";
import { LOCAL_ENVIRONMENT_ID } from "../config/server/types.ts";
import type { EnvironmentDefinition } from "../config/environments/types.ts";
import { findEnvironment } from "../config/environments/find-environment.ts";
import { loadEnvironments } from "../config/environments/load-environments.ts";
import { ConfigError } from "../config/problem.ts";
import { UsageError } from "./args/parse.ts";

type Variables = Readonly<Record<string, string | undefined>>;

interface EnvironmentFlags {
  /** The directory to work in, which decides about what is configured. @default the current one */
  readonly cd?: string;
  /** Codex runs in the user's own home, and reads the file there. @default false */
  readonly userHome?: boolean;
  /** This process starts environments that are programs. @default false */
  readonly programs?: boolean;
}

/** @throws {UsageError} naming a server whose environment cannot be used, and why */
export function environmentsOf(
  { configs }: ServerSet,
  flags: EnvironmentFlags,
  env: Variables = process.env,
): EnvironmentDefinition[] {
  const wanted = new Map<string, string>();
  for (const [name, { environment_id: id, enabled }] of configs) {
    if (id !== LOCAL_ENVIRONMENT_ID && enabled && !wanted.has(id)) wanted.set(id, name);
  }
  return [...wanted].flatMap(([id, server]) => {
    const found = find(id, flags, env);
    if (typeof found !== "string") return found;
    throw new UsageError(`MCP server ${JSON.stringify(server)} ${found}`);
  });
}

/** Why a server in this environment cannot run, or `undefined`. */
export function environmentProblem(id: string, flags: EnvironmentFlags, env: Variables): string | undefined {
  const found = id === LOCAL_ENVIRONMENT_ID ? [] : find(id, flags, env);
  return typeof found === "string" ? found : undefined;
}

/** Its definition where the engine does not read it itself, or why it cannot be used. */
function find(
  id: string,
  { cd, userHome, programs }: EnvironmentFlags,
  env: Variables,
): EnvironmentDefinition[] | string {
  try {
    const loaded = loadEnvironments({ env, ...(cd === undefined ? {} : { cwd: resolve(cd) }) });
    const found = findEnvironment(loaded, id);
    if (!found.ok) return `cannot run: ${found.message}. ${found.hint}`;
    const { definedIn } = found.environment;
    if (userHome === true && basename(definedIn?.file ?? "") === "environments.toml") return [];
    const definition = toEnvironmentDefinition(found.environment, env);
    if (definition.kind === "url" || programs === true) return [definition];
    return `cannot run: environment ${JSON.stringify(id)} is a program, and Codex starts those only from environments.toml in its own home (--user-home); with --mcp managed Switchyard starts it`;
  } catch (error) {
    if (error instanceof ConfigError) return `cannot run: ${error.message}`;
    throw error;
  }
}
