/**
 * Calls of different threads on one connection: those that may not overlap there go one by one, through the gate that all loops on
 * the manager share. Within one thread it is the client who decides which calls it has under way at once.
 */
import type { McpConnectionManager, RelayOutcome } from "../../mcp/index.ts";
import { Gate, isParallel } from "../../tools/index.ts";

/** @returns the call's outcome, or `cancelled` when the signal aborts before it was made */
export async function throughGate(
  thread: McpConnectionManager,
  server: string,
  tool: string,
  signal: AbortSignal | undefined,
  call: () => Promise<RelayOutcome>,
): Promise<RelayOutcome> {
  const { config, connection } = thread.server(server);
  if (config.scope === "thread" || connection === undefined) return call();
  const parallel = isParallel({
    serverFlag: config.supports_parallel_tool_calls,
    annotations: thread.tool(server, tool)?.annotations,
  });
  // A turn of its own: only the connection counts.
  const request = { turn: {}, connection, parallel, ...(signal === undefined ? {} : { signal }) };
  try {
    using _pass = await Gate.of(thread.manager).enter(request);
    return await call();
  } catch (error) {
    if (signal?.aborted === true) return { kind: "cancelled", sent: false };
    throw error;
  }
}
