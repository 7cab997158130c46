/** What a request that is no tool call failed with, for its caller. */
import { McpError, type McpErrorCode } from "../errors.ts";
import { type Failure, failureOf } from "../session/failure.ts";
import { ListError } from "./list-pages.ts";

/**
 * @param what was asked, for messages
 * @param error of a session, of a list, or ours already
 */
export function requestError(server: string, what: string, error: unknown): McpError {
  if (error instanceof McpError) return error;
  if (error instanceof ListError)
    return new McpError("protocol_error", `MCP server "${server}" ${error.message}`, {
      server,
      cause: error,
    });
  const failure = failureOf(error, undefined);
  const { message } = failure;
  const why = failure.kind === "answered" ? `JSON-RPC error ${failure.code}: ${message}` : message;
  const wanted = failure.kind === "rejected" ? failure.wanted : undefined;
  const code = wanted === undefined ? codeOf(failure) : "needs_login";
  return new McpError(code, `MCP server "${server}": ${what}: ${why}`, { server, wanted, cause: error });
}

function codeOf(failure: Failure): McpErrorCode {
  switch (failure.kind) {
    case "answered":
    case "bad_answer":
      return "protocol_error";
    case "rejected":
    case "not_sent":
      return "not_sent";
    case "unknown":
      return "lost";
  }
}
