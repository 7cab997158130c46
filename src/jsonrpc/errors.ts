/** Two families: errors that the other side answered (`RpcError`), and errors on this side (`PeerError`). */
import type { RpcErrorObject } from "./message.ts";

/** An answer that is an error: the other side's, or one that a handler of ours gives. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  /** The number on the wire, e.g. -32601 for an unknown method. */
  readonly code: number;
  readonly data: unknown;

  constructor(error: RpcErrorObject, options?: ErrorOptions) {
    super(error.message, options);
    this.code = error.code;
    this.data = error.data;
  }

  toObject(): RpcErrorObject {
    return {
      code: this.code,
      message: this.message,
      ...(this.data === undefined ? {} : { data: this.data }),
    };
  }
}

/** JSON-RPC 2.0, section 5.1. */
export const METHOD_NOT_FOUND: number = -32601;
export const INTERNAL_ERROR: number = -32603;

/**
 * A request got no answer, for a reason on this side.
 *
 * - `timeout`: no answer within the time the caller gave
 * - `closed`: the conversation ended; `cause` says why
 */
export class PeerError extends Error {
  override readonly name = "PeerError";
  readonly code: "timeout" | "closed";

  constructor(code: "timeout" | "closed", message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
