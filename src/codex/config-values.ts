/** Codex configuration as hosts write it, nested objects, dotted keys and `key=value` strings, as one object. */
import { isObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { plainOverrideValue } from "../config/layers/overrides.ts";
import { CodexError } from "./errors.ts";
import type { CodexOptions } from "./options.ts";

/**
 * The configuration of `CodexOptions`, for every thread.
 *
 * @throws {CodexError} `invalid_options`, naming what cannot be read
 */
export function codexConfig(codex: CodexOptions): JsonObject {
  const config: JsonObject = {};
  for (const [key, value] of Object.entries(codex.config ?? {})) assign(config, key, value);
  for (const override of codex.configOverrides ?? []) applyOverride(config, override);
  return config;
}

/** Sets `value` at a dotted path, merging objects. */
export function assign(target: JsonObject, path: string, value: JsonValue): void {
  const keys = path.split(".");
  // Not a setting; assigning it would change every object of this process.
  if (keys.includes("__proto__")) {
    throw new CodexError("invalid_options", `config: ${JSON.stringify(path)} is not a key`);
  }
  const last = keys.pop() as string;
  let at = target;
  for (const key of keys) {
    const next = at[key];
    at = isObject(next) ? next : (at[key] = {});
  }
  if (!isObject(value) || !isObject(at[last])) {
    at[last] = isObject(value) ? expand(value) : value;
    return;
  }
  for (const [key, inner] of Object.entries(value)) assign(at[last], key, inner);
}

function expand(value: JsonObject): JsonObject {
  const copy: JsonObject = {};
  for (const [key, inner] of Object.entries(value)) if (inner !== undefined) assign(copy, key, inner);
  return copy;
}

function applyOverride(config: JsonObject, override: string): void {
  const equals = override.indexOf("=");
  if (equals < 1) {
    throw new CodexError(
      "invalid_options",
      `configOverrides: ${JSON.stringify(override)} is not "key=value"`,
    );
  }
  assign(config, override.slice(0, equals).trim(), plainOverrideValue(override.slice(equals + 1)));
}
