/** How a tool call ended. A result of a tool that failed is data; so is every other end. */
import type { CallToolResult } from "@modelcontextprotocol/client";
import type { LoginWanted } from "../errors.ts";

/** What the server said, with `truncated` where we cut it. */
export interface CallResult {
  readonly result: CallToolResult;
  /** What was cut from a result above the bound, in one sentence. */
  readonly truncated?: string;
}

/** Why a call did not reach its tool. */
export type NotSentReason =
  /** The server has failed, is switched off, or its thread has ended. */
  | "server_unavailable"
  | "needs_login"
  /** There is no such server in this thread. */
  | "unknown_server"
  /** The thread's rules take this tool away. */
  | "tool_disabled"
  /** Nothing answers at the server's address. */
  | "unreachable"
  /** Something answered in place of the tool: no permission, too many requests, another HTTP status. */
  | "rejected"
  /** The server does not read its input. */
  | "server_stalled"
  /** Larger than anything on the way takes. */
  | "message_too_large";

export type CallOutcome =
  | ({ readonly kind: "result" } & CallResult)
  /** The tool ran and says that it failed (`isError`). */
  | ({ readonly kind: "tool_error" } & CallResult)
  /** The server answered with a JSON-RPC error, or with something that is no result. */
  | {
      readonly kind: "protocol_error";
      readonly code: number;
      readonly message: string;
      readonly data?: unknown;
    }
  /** The time was over; the server was told. The tool may have run. */
  | { readonly kind: "timeout"; readonly afterMs: number; readonly message: string }
  /** The caller's signal aborted; the server was told, if it had the call. */
  | { readonly kind: "cancelled"; readonly sent: boolean }
  /** It may or may not have been carried out: nobody can know. */
  | { readonly kind: "lost"; readonly message: string }
  /** It was not carried out. */
  | {
      readonly kind: "not_sent";
      readonly reason: NotSentReason;
      readonly message: string;
      /** With `needs_login`: what `beginLogin` needs to know of it. */
      readonly wanted?: LoginWanted;
    };

/** The ends of a request that are failures, whatever was asked. */
export type RequestFailure = Extract<CallOutcome, { readonly kind: "protocol_error" | "lost" | "not_sent" }>;
