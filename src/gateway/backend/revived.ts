/**
 * A server that worked and is lost again and again is tried later and later. That pause is for when nobody asks: a client's request
 * has it tried at once. A program that does not even start keeps its pause.
 */
import type { McpConnectionManager, RelayOutcome } from "../../mcp/index.ts";

/** @param send made a second time when the first one certainly did not reach the server, because that was lost */
export async function revived(
  thread: McpConnectionManager,
  server: string,
  send: () => Promise<RelayOutcome>,
): Promise<RelayOutcome> {
  const outcome = await send();
  const isUnavailable = outcome.kind === "not_sent" && outcome.reason === "server_unavailable";
  if (!isUnavailable || !isLost(thread, server)) return outcome;
  thread.retry(server);
  return send();
}

function isLost(thread: McpConnectionManager, server: string): boolean {
  const { status, config } = thread.server(server);
  if (status.state !== "failed") return false;
  const { code, step } = status.reason;
  switch (code) {
    case "exited":
      return step === undefined;
    case "session_lost":
      return true;
    case "unreachable":
      return "url" in config.transport;
    default:
      return false;
  }
}
