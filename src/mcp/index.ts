/** One MCP server's life: how it is started, wherever it runs, and how its messages come and go. */
export type { EnvironmentDefinition } from "../config/environments/types.ts";
export { Environments, type EnvironmentSource, type EnvironmentsOptions } from "./environments.ts";
export { type Remedy, TransportError, type TransportErrorCode } from "./errors.ts";
export { ExecutorStdioLauncher, type ExecutorStdioLauncherOptions } from "./launcher/executor-launcher.ts";
export { LocalStdioLauncher, type LocalStdioLauncherOptions } from "./launcher/local-launcher.ts";
export type { LaunchOptions, StdioServer, StdioServerLauncher } from "./launcher/stdio-server.ts";
export {
  LINE_BYTES_MAX,
  ProcessTransport,
  type ProcessTransportOptions,
} from "./transport/process-transport.ts";
export type { ServerTransport } from "./transport/server-transport.ts";
