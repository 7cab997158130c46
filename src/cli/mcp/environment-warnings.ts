/** Servers that name an environment that does not exist: Codex silently leaves them out. */
import { checkServerEnvironments } from "../../config/environments/find-environment.ts";
import { loadEnvironments } from "../../config/environments/load-environments.ts";
import type { ConfigLayers } from "../../config/layers/layers.ts";
import { ConfigError, type ConfigProblem } from "../../config/problem.ts";
import type { Args } from "../args/parse.ts";

/** Nothing for a single file: environments are defined in other files. */
export function environmentWarnings(args: Args, layers: ConfigLayers): readonly ConfigProblem[] {
  if (args.has("file")) return [];
  try {
    return checkServerEnvironments(layers, loadEnvironments({ layers }));
  } catch (error) {
    // A broken file of environments must not hide the servers.
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.length > 0 ? error.problems : [{ message: error.message }];
  }
}
