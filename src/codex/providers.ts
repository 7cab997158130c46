/**
 * Model providers that configuration defines (`model_provider`, `model_providers.<name>`): Azure, OpenRouter, a proxy.
 *
 *   in options            their references to variables are filled in; the values stay here where we ask the model (`relayed/`), or go over the
 *                         pipe, as those of MCP servers do
 *   in files of the home  Codex reads them itself, so the variables they name are passed on to its process
 *
 * Invariants
 *   P1. A key of a provider in options is neither in the environment of the process nor in its arguments.
 *   P2. Of the host's environment, the process gets no more than what providers name.
 *   P3. A provider in use whose key is not set is an error that names the variable, before anything starts.
 */
import { isObject, type JsonObject } from "../base/json.ts";
import type { ConfiguredProviders } from "../config/layers/model-providers.ts";
import { type Variables, variable } from "../servers/resolve.ts";
import { CodexError } from "./errors.ts";

/** Codex's own provider, which a login of Codex is for. */
export const OPENAI = "openai";

/**
 * Fills in the references of the providers in `config` (P1). As in Codex, a header whose variable is not set is left out.
 *
 * @returns the values that must never show in a message
 * @throws {CodexError} `invalid_options` (P3)
 */
export function fillInProviders(config: JsonObject, env: Variables): string[] {
  const { model_provider: selected, model_providers: tables } = config;
  if (!isObject(tables)) return [];
  const secrets: string[] = [];
  for (const [name, table] of Object.entries(tables)) {
    if (!isObject(table)) continue;
    const { env_key: key, env_key_instructions, env_http_headers: references, ...rest } = table;
    const filled: JsonObject = rest;
    const token = typeof key === "string" ? valueOf(env, key) : undefined;
    if (token !== undefined) {
      filled.experimental_bearer_token = token;
      secrets.push(token);
    } else if (key !== undefined) {
      if (name === selected && typeof key === "string") throw notSet(`config.model_providers.${name}`, key);
      filled.env_key = key;
      if (env_key_instructions !== undefined) filled.env_key_instructions = env_key_instructions;
    }
    if (isObject(references)) {
      const headers: JsonObject = { ...(isObject(rest.http_headers) ? rest.http_headers : {}) };
      for (const [header, from] of Object.entries(references)) {
        const value = typeof from === "string" ? valueOf(env, from) : undefined;
        if (value === undefined) continue;
        headers[header] = value;
        secrets.push(value);
      }
      filled.http_headers = headers;
    } else if (references !== undefined) filled.env_http_headers = references;
    tables[name] = filled;
  }
  return secrets;
}

/**
 * Whether the model can only be asked with a key or a login of Codex.
 *
 * @param config that of a thread
 * @param home what the files of the home say
 * @throws {CodexError} `invalid_options`: the provider in use needs a variable that is not set (P3)
 */
export function needsLogin(config: JsonObject, home: ConfiguredProviders, env: Variables): boolean {
  const { selected: inHome, tables, openaiBaseUrl } = home;
  const selected: unknown = config.model_provider ?? inHome ?? OPENAI;
  if (selected === OPENAI) return (config.openai_base_url ?? openaiBaseUrl) === undefined;
  if (typeof selected !== "string") return false;
  const own = tableOf(config.model_providers, selected);
  const table: Readonly<Record<string, unknown>> = { ...tableOf(tables, selected), ...own };
  const { env_key: key } = table;
  if (typeof key === "string" && valueOf(env, key) === undefined) {
    throw notSet(`model_providers.${selected}`, key);
  }
  return table.requires_openai_auth === true;
}

function tableOf(tables: unknown, name: string): Readonly<Record<string, unknown>> {
  const table = isObject(tables) && Object.hasOwn(tables, name) ? tables[name] : undefined;
  return isObject(table) ? table : {};
}

/** Codex takes an empty variable for one that is not set. */
function valueOf(env: Variables, name: string): string | undefined {
  const value = variable(env, name);
  return value === undefined || value.trim() === "" ? undefined : value;
}

function notSet(provider: string, name: string): CodexError {
  const message = `${provider}.env_key: the environment variable ${name} is not set`;
  return new CodexError("invalid_options", message);
}
