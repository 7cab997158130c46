/**
 * What became of a request, as far as can be known: the one place where the errors of the SDK and of transports are read.
 *
 *   answered      the server said no, by a JSON-RPC error
 *   not_sent      it certainly did not reach the server
 *   rejected      something answered in the place of the server, and did not carry it out
 *   unknown       it may have been carried out
 *   bad_answer    it was carried out, and the answer cannot be used
 */
import { type JSONRPCMessage, ProtocolError, SdkError, SdkErrorCode } from "@modelcontextprotocol/client";
import { messageOf } from "../../base/errors.ts";
import { type LoginWanted, TransportError } from "../errors.ts";
import { HttpFailure, isCut } from "../http/http-failure.ts";

export type Failure =
  | { readonly kind: "answered"; readonly code: number; readonly message: string; readonly data?: unknown }
  | {
      readonly kind: "not_sent";
      readonly message: string;
      /** `gone`: the session has ended. `refused`: nothing answers at the address. */
      readonly reason: "gone" | "refused" | "stalled" | "too_large";
    }
  | {
      readonly kind: "rejected";
      readonly why: "session_lost" | "unauthorized" | "forbidden" | "rate_limited" | "http_status";
      readonly status: number | undefined;
      /** Whether the request named a session. */
      readonly inSession: boolean;
      readonly message: string;
      readonly retryAfterMs?: number | undefined;
      /** A login would help. */
      readonly wanted?: LoginWanted | undefined;
    }
  | { readonly kind: "unknown"; readonly message: string }
  | { readonly kind: "bad_answer"; readonly message: string };

const BAD_ANSWER: ReadonlySet<string> = new Set([
  SdkErrorCode.InvalidResult,
  SdkErrorCode.UnsupportedResultType,
]);

/** What the SDK is not to read. */
class Kept {
  readonly data: unknown;

  constructor(data: unknown) {
    this.data = data;
  }
}

/** The 2025 era's "no such resource". */
const NO_SUCH_RESOURCE = -32002;

/** Of such an error the SDK would make one of the 2026 era, with its code; what a server answers is passed on with its own. */
export function keepCode(message: JSONRPCMessage): void {
  if ("error" in message && message.error.code === NO_SUCH_RESOURCE && message.error.data !== undefined)
    message.error.data = new Kept(message.error.data);
}

/** @param ended why the transport has ended, if it has */
export function failureOf(error: unknown, ended: TransportError | undefined): Failure {
  if (error instanceof HttpFailure) return ofHttp(error);
  if (isCut(error)) return { kind: "unknown", message: "the connection broke before the answer came" };
  if (error instanceof ProtocolError) {
    const { code, message } = error;
    const data = error.data instanceof Kept ? error.data.data : error.data;
    return { kind: "answered", code, message, ...(data === undefined ? {} : { data }) };
  }
  if (error instanceof TransportError) {
    const { code, message } = error;
    if (code === "server_stalled") return { kind: "not_sent", message, reason: "stalled" };
    if (code === "message_too_large") return { kind: "not_sent", message, reason: "too_large" };
    return { kind: "unknown", message };
  }
  const code = error instanceof SdkError ? error.code : undefined;
  if (code === SdkErrorCode.MethodNotSupportedByProtocolVersion)
    return { kind: "answered", code: -32601, message: messageOf(error) };
  if (code === SdkErrorCode.NotConnected)
    return { kind: "not_sent", message: ended?.message ?? messageOf(error), reason: "gone" };
  if (code !== undefined && BAD_ANSWER.has(code)) return { kind: "bad_answer", message: oneLine(error) };
  // "Not connected" without a code, and calls in flight when the transport ended.
  return { kind: "unknown", message: ended?.message ?? oneLine(error) };
}

/** The SDK's check of a result speaks over many lines. */
export function oneLine(error: unknown): string {
  const text = messageOf(error).replace(/\s+/g, " ");
  return text.length <= WORDS_MAX ? text : `${text.slice(0, WORDS_MAX)}…`;
}

const WORDS_MAX = 300;

function ofHttp(failure: HttpFailure): Failure {
  const { phase, kind, message, status, inSession, retryAfterMs, wanted } = failure;
  if (phase === "not_sent")
    return { kind: "not_sent", message, reason: kind === "message_too_large" ? "too_large" : "refused" };
  // Also with an answer that is none: something in front of the server may have given it.
  if (phase === "unknown") return { kind: "unknown", message };
  const why =
    kind === "session_lost" || kind === "unauthorized" || kind === "forbidden" || kind === "rate_limited"
      ? kind
      : "http_status";
  return {
    kind: "rejected",
    why,
    status,
    inSession,
    message,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(wanted === undefined ? {} : { wanted }),
  };
}
