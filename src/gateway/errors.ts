/** What goes wrong with a gateway itself. What goes wrong with a server is told to its clients. */

/**
 * - `cannot_listen`: the address is in use, or not one of this machine
 * - `exposed`: it would be reachable from other machines without a token
 * - `invalid_address`: it cannot listen on what was given
 * - `ended`: the gateway, or the thread, has ended
 */
export type GatewayErrorCode = "cannot_listen" | "exposed" | "invalid_address" | "ended";

/** What a gateway could not do. Local: it is never sent over a wire. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly code: GatewayErrorCode;

  constructor(code: GatewayErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
