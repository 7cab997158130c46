/**
 * Features of Codex that are the same for all threads: ours, and those of `CodexOptions`.
 *
 * They are flags of the process, because a thread whose own configuration has `features` costs 20 ms more to open, and
 * replaces all of the process's (Codex does not merge the two). Where a thread does have some, all are sent with it.
 */
import { codexConfig } from "../config-values.ts";
import type { CodexOptions } from "../options.ts";

const OWN_FEATURES: Readonly<Record<string, boolean>> = {
  // A login shell per thread, and the only thing that makes Codex slower the more threads it has.
  shell_snapshot: false,
  // Both bring MCP servers that no thread of ours has asked for.
  plugins: false,
  apps: false,
  // Its tools take the id of any loaded thread: one thread could read, steer and close the others.
  multi_agent: false,
  // A turn on a dead network fails after 24 s instead of never.
  unbounded_connection_retries: false,
};

/** @returns feature to whether it is on, as the flags of the process have it */
export function processFeatures(options: CodexOptions): Readonly<Record<string, boolean>> {
  const { features } = codexConfig(options);
  const asked = typeof features === "object" && features !== null ? Object.entries(features) : [];
  const switches = asked.filter((entry): entry is [string, boolean] => typeof entry[1] === "boolean");
  return { ...OWN_FEATURES, ...Object.fromEntries(switches) };
}
