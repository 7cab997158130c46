/**
 * What is wrong with environments, as far as servers are concerned: broken definitions, and servers that name an environment
 * that does not exist, which Codex silently leaves out.
 */
import { checkServerEnvironments } from "../../config/environments/find-environment.ts";
import { loadEnvironments } from "../../config/environments/load-environments.ts";
import type { ConfigLayers } from "../../config/layers/layers.ts";
import { ConfigError, type ConfigProblem } from "../../config/problem.ts";
import type { Args } from "../args/parse.ts";

interface EnvironmentProblems {
  /** Of definitions, whether or not a server names them. Some of them are found when the layers are checked, too. */
  readonly broken: readonly ConfigProblem[];
  readonly missing: readonly ConfigProblem[];
}

/** Nothing for a single file: environments are defined in other files. */
export function environmentProblems(args: Args, layers: ConfigLayers): EnvironmentProblems {
  if (args.has("file")) return { broken: [], missing: [] };
  try {
    const loaded = loadEnvironments({ layers });
    return { broken: loaded.errors, missing: checkServerEnvironments(layers, loaded) };
  } catch (error) {
    // A broken file of environments must not hide the servers.
    if (!(error instanceof ConfigError)) throw error;
    return { broken: error.problems.length > 0 ? error.problems : [{ message: error.message }], missing: [] };
  }
}

/** Whether it is about an environment, and not about a server. */
export function isOfEnvironment({ path }: ConfigProblem): boolean {
  return path?.[0] === "environments";
}

/** Without those that say the same of the same place as one before. */
export function eachOnce(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const byText = new Map<string, ConfigProblem>();
  for (const problem of problems) {
    const { message, place } = problem;
    const key = `${place?.source.name}:${place?.start}:${message}`;
    if (!byText.has(key)) byText.set(key, problem);
  }
  return [...byText.values()];
}
