/** Why a server did not start, as data: the one place that reads the errors of a start. */
import { ProtocolError } from "@modelcontextprotocol/client";
import { codeOf } from "../../base/errors.ts";
import { McpError, TransportError, type TransportErrorCode } from "../errors.ts";
import { FetchError } from "../http/http-fetch.ts";
import { HttpFailure } from "../http/http-failure.ts";
import { oneLine } from "../session/failure.ts";
import { ListError } from "./list-pages.ts";
import type { FailureCode, HttpReason, Reason } from "./status.ts";

const OF_TRANSPORT: Readonly<Record<TransportErrorCode, FailureCode>> = {
  invalid_server: "invalid_server",
  start_failed: "start_failed",
  executor_unreachable: "unreachable",
  executor_lost: "exited",
  process_exited: "exited",
  message_too_large: "handshake_failed",
  server_stalled: "handshake_failed",
  request_failed: "handshake_failed",
  closed: "exited",
};

/** What a start is interrupted with when its time is over. */
export class StartTimedOut extends Error {
  override readonly name = "StartTimedOut";
}

export function reasonOf(server: string, thrown: unknown): Reason {
  const error = causeOf(thrown);
  if (error instanceof HttpFailure) {
    const { message, wanted } = error;
    const known = { code: codeOfHttp(error), message, http: httpReason(error) };
    return wanted === undefined ? known : { ...known, wanted };
  }
  if (error instanceof TransportError) {
    const { message, brief } = error;
    return { code: OF_TRANSPORT[error.code], message, ...(brief === undefined ? {} : { brief }) };
  }
  if (error instanceof StartTimedOut) return { code: "timed_out", message: error.message };
  if (error instanceof McpError) {
    return { code: error.code === "budget" ? "budget" : "start_failed", message: error.message };
  }
  const subject = `MCP server "${server}"`;
  if (error instanceof ListError) return { code: "catalog_failed", message: `${subject}: ${error.message}` };
  if (error instanceof ProtocolError) {
    const what = `refused the handshake: JSON-RPC error ${error.code}: ${error.message}`;
    return { code: "handshake_failed", message: `${subject} ${what}` };
  }
  return { code: "handshake_failed", message: `${subject} failed in the handshake: ${oneLine(error)}` };
}

/** The SDK wraps what a transport throws; ours says more. */
function causeOf(error: unknown): unknown {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const isOurs =
      at instanceof TransportError ||
      at instanceof HttpFailure ||
      at instanceof McpError ||
      at instanceof StartTimedOut ||
      at instanceof ListError;
    if (isOurs) return at;
  }
  return error;
}

function httpReason({ kind, status, cause }: HttpFailure): HttpReason {
  // What could not be sent has the error of the connection below ours; a host with several addresses, one for each.
  const found = cause instanceof FetchError ? cause.cause : undefined;
  const inner: unknown = found instanceof AggregateError ? found.errors[0] : found;
  const code = codeOf(inner) ?? codeOf(found);
  return {
    kind,
    ...(status === undefined ? {} : { status }),
    ...(code === undefined ? {} : { cause: code }),
  };
}

function codeOfHttp({ kind, wanted }: HttpFailure): FailureCode {
  if (wanted !== undefined) return "unauthorized";
  switch (kind) {
    case "refused":
    case "reset":
      return "unreachable";
    case "session_lost":
      return "session_lost";
    default:
      return "handshake_failed";
  }
}

/** Whether it may work a moment later: nothing answers, or something in front of the server has trouble, or too much to do. */
export function isPassing(thrown: unknown): boolean {
  const error = causeOf(thrown);
  if (!(error instanceof HttpFailure)) return false;
  const { kind, status = 0 } = error;
  return kind === "refused" || kind === "reset" || status === 429 || status >= 500;
}
