/** Servers that ask for an environment that is not there: Codex leaves them out and says nothing. */
import { checkServerEnvironments } from "../../config/environments/find-environment.ts";
import { loadEnvironments } from "../../config/environments/load-environments.ts";
import type { ConfigLayers } from "../../config/layers/layers.ts";
import { ConfigError, type ConfigProblem } from "../../config/problem.ts";
import type { Args } from "../args/parse.ts";

/** Of one file alone nobody can say it: environments are defined in others. */
export function environmentWarnings(args: Args, layers: ConfigLayers): readonly ConfigProblem[] {
  if (args.has("file")) return [];
  try {
    return checkServerEnvironments(layers, loadEnvironments({ layers }));
  } catch (error) {
    // What is wrong with Codex's environments keeps nobody from reading about servers.
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.length > 0 ? error.problems : [{ message: error.message }];
  }
}
