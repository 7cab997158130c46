/** The MCP servers of a run: checked where its line is read, looked up again where it is admitted. */
import { showPath } from "../base/reader.ts";
import { check, type ServerSet } from "../servers/check.ts";
import { sentenceOf, type ServerProblems } from "../servers/problem.ts";
import { resolveAll, type Variables } from "../servers/resolve.ts";
import type { Rejection } from "./messages.ts";

const PATH: readonly string[] = ["params", "mcp_servers"];

export interface ReadServers {
  readonly servers: ServerSet;
  /** Values that must never show in a message. */
  readonly secrets: readonly string[];
}

/**
 * @param given an object of servers, or what was checked before
 * @param env where references are looked up: a variable that is missing is reported before the run waits
 */
export function readServers(given: unknown, env: Variables): ReadServers | Rejection {
  const checked = check(given, PATH);
  if (!checked.ok) return rejection(checked.problems);
  const resolved = resolveAll(checked.value, env, PATH);
  if (!resolved.ok) return rejection(resolved.problems);
  const secrets = [...resolved.value.values()].flatMap((server) => server.secrets);
  return { servers: checked.value, secrets };
}

function rejection([problem]: ServerProblems): Rejection {
  const message = sentenceOf(problem, showPath);
  return { type: "error", code: "invalid_mcp_server", field: showPath(problem.path), message };
}
