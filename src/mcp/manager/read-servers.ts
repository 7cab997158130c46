/** The servers of a thread, checked once, where they come in. */
import { check, checkConfigs, ServerSet } from "../../servers/check.ts";
import { sentenceOf } from "../../servers/problem.ts";
import { McpError } from "../errors.ts";
import type { ThreadServers } from "./thread-options.ts";

/** @throws {McpError} `invalid_servers`, with all problems */
export function readServers(servers: ThreadServers): ServerSet {
  const read =
    servers instanceof ServerSet
      ? ({ ok: true, value: servers } as const)
      : servers instanceof Map
        ? checkConfigs(servers, ["servers"])
        : check(servers, ["servers"]);
  if (read.ok) return read.value;
  const sentences = read.problems.map((problem) => sentenceOf(problem, (path) => path.join(".")));
  throw new McpError("invalid_servers", sentences.join("\n"));
}
