/**
 * A server that worked and has ended again and again is tried later and later. That pause is for when nobody asks: a client's call of one
 * of its tools starts it at once. A server that does not even start keeps its pause.
 */
import type { McpConnectionManager, RelayOutcome } from "../../mcp/index.ts";

/** @param call made a second time when the first one certainly did not reach the server, because that had ended */
export async function revived(
  thread: McpConnectionManager,
  server: string,
  call: () => Promise<RelayOutcome>,
): Promise<RelayOutcome> {
  const outcome = await call();
  const isUnavailable = outcome.kind === "not_sent" && outcome.reason === "server_unavailable";
  if (!isUnavailable || !hasEnded(thread, server)) return outcome;
  thread.retry(server);
  return call();
}

function hasEnded(thread: McpConnectionManager, server: string): boolean {
  const { status } = thread.server(server);
  return status.state === "failed" && status.reason.code === "exited" && status.reason.step === undefined;
}
