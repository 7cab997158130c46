/** Threads' servers as MCP endpoints on this machine, for any MCP client. */
export { type GatewayErrorCode, GatewayError } from "./errors.ts";
export type { ClientThreads, GatewayClient } from "./backend/client-threads.ts";
export { Gateway, type GatewayOptions, type ThreadGateway } from "./gateway.ts";
export { type ListenAddress, parseAddress } from "./http/address.ts";
export type { Limits } from "./http/limits.ts";
export { serveStdio, type ServeStdioOptions } from "./stdio/serve-stdio.ts";
