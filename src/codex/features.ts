/**
 * Features of Codex that are set for every thread.
 *
 * They are flags of the process. A thread whose own configuration has `features` replaces all of the process's (Codex
 * does not merge the two), so they are sent with it, too.
 */
import type { CodexOptions } from "./options.ts";

export function ownFeatures(options: CodexOptions): Readonly<Record<string, boolean>> {
  return {
    // A login shell per thread, and the only thing that makes Codex slower the more threads it has.
    shell_snapshot: false,
    // Both bring MCP servers that no thread of ours has asked for.
    plugins: false,
    apps: false,
    // Its tools take the id of any loaded thread: one thread could read, steer and close the others.
    multi_agent: false,
    // A turn on a dead network fails after 24 s instead of never.
    unbounded_connection_retries: false,
    // An index over skills, rebuilt for every thread: 5 to 8 ms each. Skills themselves stay.
    ...(options.home === "user" ? {} : { skill_search: false }),
  };
}
