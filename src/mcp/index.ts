/** MCP servers of threads: how they are started, wherever they run, kept alive, called, and ended. */
export type { EnvironmentDefinition } from "../config/environments/types.ts";
export {
  type AllowedAppsAuth,
  type AppsAuth,
  type AppsToolsCacheKey,
  appsToolsCacheKey,
} from "./apps/apps-auth.ts";
export { type ThreadWithApps, withAppsServer } from "./apps/apps-server.ts";
export { codexAppsAuth, type CodexAppsAuthOptions } from "./apps/codex-apps-auth.ts";
export { codexLoginStore, type CodexLoginStoreOptions } from "./auth/codex-store/codex-login-store.ts";
export type { CredentialSource, TokenQuestion } from "./auth/credential-source.ts";
export { folderLoginStores } from "./auth/folder-login-store.ts";
export { LoginBroker, type LoginBrokerOptions } from "./auth/login-broker.ts";
export type { AuthStatus } from "./auth/configured-auth.ts";
export { CallbackListener, type CallbackListenerOptions } from "./auth/callback-listener.ts";
export type {
  LoginCallback,
  LoginOptions,
  PendingLogin,
  ScopesFrom,
} from "./auth/login.ts";
export { LoginError, type LoginErrorCode } from "./auth/login-error.ts";
export { memoryLoginStore } from "./auth/memory-login-store.ts";
export type { ClientRegistration, LoginClient } from "./auth/registration.ts";
export { type LoginKey, loginKeyOf, type LoginStore, type StoredLogin } from "./auth/stored-login.ts";
export { userLoginStore, type UserLoginsOptions } from "./auth/user-logins.ts";
export type { BudgetOptions } from "./budget/budget.ts";
export type { CatalogChange } from "./connection/catalog.ts";
export type { RelayOutcome } from "./connection/call.ts";
export type { CallName, RequestSide } from "./connection/in-flight.ts";
export type { ListKind } from "./connection/list-pages.ts";
export type { CallOutcome, CallResult, NotSentReason, RequestFailure } from "./connection/outcome.ts";
export type {
  FailureCode,
  HttpReason,
  ReadyStatus,
  Reason,
  ServerStatus,
  StartStep,
} from "./connection/status.ts";
export { Environments, type EnvironmentSource, type EnvironmentsOptions } from "./environments.ts";
export {
  type LoginWanted,
  McpError,
  type McpErrorCode,
  type Remedy,
  TransportError,
  type TransportErrorCode,
} from "./errors.ts";
export { ExecutorStdioLauncher, type ExecutorStdioLauncherOptions } from "./launcher/executor-launcher.ts";
export { LocalStdioLauncher, type LocalStdioLauncherOptions } from "./launcher/local-launcher.ts";
export type { LaunchOptions, StdioServer, StdioServerLauncher } from "./launcher/stdio-server.ts";
export type { LeaseHolder } from "./lease/lease-pool.ts";
export type { McpEvent } from "./manager/events.ts";
export type {
  CallOptions,
  McpConnectionManager,
  RelayOptions,
  ThreadTool,
} from "./manager/mcp-connection-manager.ts";
export { type ConnectionSnapshot, McpManager, type McpManagerOptions } from "./manager/mcp-manager.ts";
export type { ThreadUpdate } from "./manager/server-table.ts";
export type { ServerView, WaitOptions } from "./manager/server-view.ts";
export {
  collectMcpSnapshot,
  type McpSnapshot,
  type ServerSnapshot,
  type SnapshotFailure,
  type SnapshotOptions,
  type SnapshotSource,
} from "./manager/snapshot.ts";
export type { Answerer } from "./manager/thread-server.ts";
export type {
  Elicitation,
  ElicitationAnswer,
  ElicitationHandler,
  HeaderResolver,
  HeaderValues,
  McpThreadOptions,
  SamplingHandler,
  ThreadServers,
} from "./manager/thread-options.ts";
export type { HttpFailureKind } from "./http/http-failure.ts";
export { type Era, type EraMemory, type EraVerdict, legacyFirst, memoryOfEras } from "./session/era.ts";
export type { Progress, ServerRequest } from "./session/session.ts";
export {
  LINE_BYTES_MAX,
  ProcessTransport,
  type ProcessTransportOptions,
} from "./transport/process-transport.ts";
export type { ServerTransport } from "./transport/server-transport.ts";
