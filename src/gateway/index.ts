/** Threads' servers as MCP endpoints on this machine, for any MCP client. */
export { type GatewayErrorCode, GatewayError } from "./errors.ts";
export {
  type ClientThreads,
  Gateway,
  type GatewayClient,
  type GatewayOptions,
  type ThreadGateway,
} from "./gateway.ts";
export type { ListenAddress } from "./http/address.ts";
export type { Limits } from "./http/limits.ts";
