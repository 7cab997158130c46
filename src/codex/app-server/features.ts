/**
 * Codex features that are the same for all threads: ours, and those of `CodexOptions`.
 *
 * They are flags of the process: a thread whose own configuration has `features` takes 20 ms longer to open and replaces
 * all features of the process, because Codex does not merge the two. Such a thread is sent all of them.
 */
import { codexConfig } from "../config-values.ts";
import type { CodexOptions } from "../options.ts";

const OWN_FEATURES: Readonly<Record<string, boolean>> = {
  // Starts a login shell per thread; nothing else makes Codex slower with the number of its threads.
  shell_snapshot: false,
  // Both add MCP servers that no thread has asked for.
  plugins: false,
  apps: false,
  // Its tools take the id of any loaded thread: one thread could read, steer and close the others.
  multi_agent: false,
  // Off, so that a turn on a dead network fails after 24 s instead of never.
  unbounded_connection_retries: false,
};

/** With it, Codex lists the tools of a server again when the server says that they have changed. */
export const TOOL_NEWS = "mcp_tool_list_changed";

/** The features as flags of the process: the name of each, and whether it is on. */
export function processFeatures(options: CodexOptions): Readonly<Record<string, boolean>> {
  const { features } = codexConfig(options);
  const asked = typeof features === "object" && features !== null ? Object.entries(features) : [];
  const switches = asked.filter((entry): entry is [string, boolean] => typeof entry[1] === "boolean");
  const listens = options.mcp === "managed" ? { [TOOL_NEWS]: true } : {};
  return { ...OWN_FEATURES, ...listens, ...Object.fromEntries(switches) };
}
