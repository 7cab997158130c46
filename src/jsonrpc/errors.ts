/** Two families: what the other side said (`RpcError`), and what happened here (`PeerError`). */
import type { RpcErrorObject } from "./message.ts";

/** The other side answered a request with an error; or a handler of ours wants to answer with one. */
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
 * - `closed`: the connection ended; `cause` says why
 */
export class PeerError extends Error {
  override readonly name = "PeerError";
  readonly code: "timeout" | "closed";

  constructor(code: "timeout" | "closed", message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
