/** A server with Codex's keys, from JSON: read and checked as one of a configuration file is. */
import type { JsonNull } from "./json-text.ts";
import { type ConfigProblem, problem, ProblemCollector } from "../problem.ts";
import { readServer } from "../server/read-servers.ts";
import type { PluginServer } from "./types.ts";
import { EMPTY_TABLE } from "../../toml/tree.ts";
import { nodeAt, type TomlEntry } from "../../toml/node.ts";

/** @param nulls below the server, by their path in it */
export function readWritten(
  file: string,
  name: string,
  entry: TomlEntry,
  path: readonly string[],
  nulls: readonly JsonNull[] = [],
): PluginServer {
  const problems = new ProblemCollector(false);
  const config = readServer(entry, path, problems);
  const wrong = [...wrongNulls(nulls, path), ...enterpriseLogin(entry, path)];
  const errors = [...problems.errors, ...wrong];
  const { value } = entry;
  return {
    name,
    ...(config === undefined || errors.length > 0 ? {} : { config }),
    written: value.kind === "table" ? value : EMPTY_TABLE,
    file,
    errors,
    warnings: [...problems.unknown, ...problems.ignored],
  };
}

/** A null in the place of a key's value is as good as the absent key (measured with Codex 0.171); any other one is wrong. */
function wrongNulls(nulls: readonly JsonNull[], server: readonly string[]): ConfigProblem[] {
  return nulls.flatMap(({ path, place }) => {
    const [key = ""] = path;
    const isAbsence =
      path.length === 1 ||
      (key === "oauth" && path.length === 2) ||
      (["tools", "env_vars"].includes(key) && path.length === 3);
    if (isAbsence) return [];
    const at = [...server, ...path];
    return [problem({ message: `${path.join(".")} must not be null`, what: "must not be null" }, at, place)];
  });
}

/** Codex takes no login that an enterprise manages from a plugin (0.171, measured). */
function enterpriseLogin({ value }: TomlEntry, path: readonly string[]): ConfigProblem[] {
  const auth = nodeAt(value, ["auth"]);
  if (auth?.kind !== "string" || auth.value !== "ema_auth") return [];
  const message =
    "plugin MCP declarations cannot select ema_auth; configure enterprise authentication in host policy";
  return [problem(message, [...path, "auth"], auth.place)];
}
