/** From a configured environment to what an executor's client takes: the token is looked up, at the moment of use. */
import { ConfigError } from "../problem.ts";
import { maskVariable } from "../show/mask-text.ts";
import {
  type EnvironmentDefinition,
  type EnvironmentOrigin,
  formatEnvironmentOrigin,
  type UsableEnvironment,
} from "./types.ts";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Looks up the token now, so that a variable that was set meanwhile counts.
 *
 * @throws {ConfigError} `invalid_config` when the token is missing, or is not one that a header can carry
 */
export function toEnvironmentDefinition(
  { id, config, origins }: UsableEnvironment,
  env: Env = process.env,
): EnvironmentDefinition {
  if (config.kind === "local") return config;
  if (config.kind === "program") return { ...config, env: Object.fromEntries(config.env) };
  const { bearerToken: reference, ...others } = config;
  if (reference === undefined) return others;
  const isVariable = reference.from === "variable";
  const token = isVariable ? env[reference.name] : reference.reveal();
  const where = at(origins.get(isVariable ? "auth_bearer_token_env_var" : "auth_bearer_token"));
  const what = isVariable
    ? `the variable ${maskVariable(reference.name)}, which`
    : `auth_bearer_token, which`;
  const wrong =
    token === undefined
      ? "is not set"
      : token === ""
        ? "is empty"
        : /^[\x21-\x7e]+$/.test(token)
          ? undefined
          : "has a blank, a line break or another character that a token cannot have";
  if (token !== undefined && wrong === undefined) return { ...others, bearerToken: token };
  throw new ConfigError(
    "invalid_config",
    `Environment "${id}" takes its token from ${what} ${wrong}${where}`,
  );
}

function at(origin: EnvironmentOrigin | undefined): string {
  return origin === undefined ? "" : ` (${formatEnvironmentOrigin(origin)})`;
}
