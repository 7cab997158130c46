/** The executors of managed threads: those that the host announced, and those of `environments.toml` in Codex's home. */
import { loadEnvironments } from "../../config/environments/load-environments.ts";
import { toEnvironmentDefinition } from "../../config/environments/resolve-environment.ts";
import type { EnvironmentDefinition } from "../../config/environments/types.ts";
import { ConfigError } from "../../config/problem.ts";
import { LOCAL_ENVIRONMENT_ID } from "../../config/server/types.ts";
import type { Variables } from "../../servers/resolve.ts";
import type { CodexEnvironment } from "../options.ts";

/**
 * One of the host's counts before one of the file with its id. Those of the file that cannot be used are left out: a server that names
 * one is reported with it.
 */
export function managedEnvironments(
  announced: readonly CodexEnvironment[],
  codexHome: string,
  env: Variables,
): EnvironmentDefinition[] {
  const ids = new Set([LOCAL_ENVIRONMENT_ID, ...announced.map(({ id }) => id)]);
  return [
    ...announced.map((each): EnvironmentDefinition => {
      if ("url" in each) return { ...each, kind: "url" };
      return { ...each, kind: "program", args: each.args ?? [], env: each.env ?? {} };
    }),
    ...definedIn(codexHome, env).filter(({ id }) => !ids.has(id)),
  ];
}

function definedIn(codexHome: string, env: Variables): EnvironmentDefinition[] {
  // The host's own switchyard.toml is for the command, as it is where Codex runs the servers.
  const files = { codexHome, switchyardHome: "/dev/null", cwd: codexHome, env };
  return orNothing(() => loadEnvironments(files)).flatMap(({ environments }) =>
    [...environments.values()].flatMap((each) =>
      each.status === "usable" ? orNothing(() => toEnvironmentDefinition(each, env)) : [],
    ),
  );
}

function orNothing<T>(load: () => T): T[] {
  try {
    return [load()];
  } catch (error) {
    if (error instanceof ConfigError) return [];
    throw error;
  }
}
