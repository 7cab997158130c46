/**
 * The executor protocol of Codex 0.171: its numbers, and its errors. `docs/executor.md` describes it in prose.
 *
 * JSON-RPC without the `jsonrpc` member, one message per WebSocket frame or line. Paths are `file://` URIs, bytes are
 * base64. The shape of each message stands once, for both sides, in `*-messages.ts`.
 */
import { RpcError } from "../../jsonrpc/index.ts";

/** The number on the wire for what went wrong. */
export const RpcCode: {
  readonly [Name in
    | "invalidRequest"
    | "methodNotFound"
    | "invalidParams"
    | "failed"
    | "notFound"
    | "sessionAttached"]: number;
} = {
  /** Out of order, a known or unknown id, not JSON, … */
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  /** The operating system said no; the message is its text. */
  failed: -32603,
  notFound: -32004,
  /** The session to resume is attached to another link. The other side may try again. */
  sessionAttached: -32010,
};

export function rpcError(code: keyof typeof RpcCode, message: string, cause?: unknown): RpcError {
  return new RpcError({ code: RpcCode[code], message }, cause === undefined ? undefined : { cause });
}

/** The id of answers to what could not be read as a request. */
export const UNREADABLE_ID: number = -1;

/** Codex accepts output in chunks of at most this many bytes. */
export const CHUNK_BYTES_ACCEPTED: number = 1024 * 1024;
/** How long a session outlives its link, and a process record its process, in milliseconds. */
export const RETENTION_MS = 80_000;
/** How many ids of writes are remembered per process. */
export const WRITE_IDS_MAX = 4096;
/** A larger frame ends the link. */
export const FRAME_BYTES_MAX: number = 16 * 1024 * 1024;
/** One fragmented message may be larger than a frame; ours are not fragmented. */
export const MESSAGE_BYTES_MAX: number = 64 * 1024 * 1024;
export const PING_INTERVAL_MS = 30_000;
