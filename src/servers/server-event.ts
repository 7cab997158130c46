/** What becomes of an MCP server of a thread, as a host is told it: spelled like the events of a turn. */

/**
 * - `starting`: it starts, for the first time in this thread
 * - `ready`: it can be used
 * - `restarting`: it was lost, and starts again
 * - `failed`: it does not work; unless `next_attempt_ms` is absent, it is tried again
 * - `needs_login`: it wants a login, or other credentials
 * - `disabled`: it is switched off
 * - `ended`: the thread has it no more
 *
 * A type alias, as the events are: an interface could not be passed as a `Record<string, unknown>`.
 */
export type McpServerEvent = {
  type: "mcp.server";
  thread_id: string;
  /** As configured. */
  server: string;
} & (
  | { state: "starting" }
  | {
      state: "ready";
      /** From its start to its first list of tools, in milliseconds. */
      took_ms: number;
      /** How often it was started so far, 1 for the first time. */
      starts: number;
      /** How many tools it offers, before the thread's rules. */
      tools: number;
      /** How many other threads use the same connection. */
      shared_with: number;
    }
  | {
      state: "restarting" | "needs_login";
      /** A sentence that names the server. */
      reason: string;
      /** One word for it: `exited`, `timed_out`, `unreachable`, … */
      code: string;
    }
  | {
      state: "failed";
      reason: string;
      code: string;
      /** How long until it is tried again, in milliseconds. */
      next_attempt_ms?: number;
    }
  | { state: "disabled"; reason: string }
  | { state: "ended" }
);

export type McpServerHandler = (event: McpServerEvent) => void;
