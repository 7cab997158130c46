/** Why a server that asks for an environment is not there: Codex 0.169 leaves it out without a word. */
import { LOCAL_ENVIRONMENT_ID } from "../../config/environments/environment.ts";
import { findEnvironment } from "../../config/environments/find-environment.ts";
import { loadEnvironments } from "../../config/environments/load-environments.ts";
import { ConfigError } from "../../config/problem.ts";

/**
 * @param id the server's `environment_id`, if it has one
 * @param codexHome where this Codex has its `environments.toml`
 * @param added the ids it was told of besides
 * @returns a sentence, or `undefined` when that environment is there
 */
export function missingEnvironment(
  id: unknown,
  codexHome: string,
  added: readonly string[],
): string | undefined {
  if (typeof id !== "string" || id === LOCAL_ENVIRONMENT_ID || added.includes(id)) return undefined;
  try {
    // Codex knows nothing of our own files.
    const loaded = loadEnvironments({ codexHome, switchyardHome: "/dev/null", cwd: codexHome, env: {} });
    const found = findEnvironment(loaded, id);
    if (found.ok) return undefined;
    const more =
      added.length === 0 ? "" : `, and of this Codex ${added.map((each) => `"${each}"`).join(", ")}`;
    return `${found.message} (${found.hint} in environments.toml${more})`;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}
