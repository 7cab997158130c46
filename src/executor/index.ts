/**
 * Executors: processes here, on other machines, and for other hosts. `docs/executor.md` describes how to run one, and its
 * protocol.
 */
export type { HttpRequestSpec, HttpResponse } from "./client/http-requests.ts";
export { RemoteExecutor, type RemoteExecutorOptions } from "./client/remote-executor.ts";
export {
  type LinkOpener,
  programOpener,
  type ProgramOpenerOptions,
  websocketOpener,
  type WebSocketOpenerOptions,
} from "./client/open-link.ts";
export { ExecutorError, type ExecutorErrorCode } from "./errors.ts";
export type {
  EnvironmentInfo,
  EnvironmentPolicy,
  Executor,
  ExecutorProcess,
  OutputStream,
  ProcessEvent,
  ProcessSpec,
  ReadOptions,
  ReadResult,
  WaitOptions,
} from "./executor.ts";
export { LocalExecutor, type LocalExecutorOptions, type StartRequest } from "./local/local-executor.ts";
export type { Graces } from "../process/end.ts";
export { AuditLog } from "./server/access/audit.ts";
export {
  type Authenticator,
  bearerAuthenticator,
  jwtAuthenticator,
  openAuthenticator,
} from "./server/access/auth.ts";
export { ExecutorServer, type ExecutorServerOptions } from "./server/executor-server.ts";
export type { Limits } from "./server/limits.ts";
export { listen, type Listener, type ListenOptions, serveStdio } from "./server/listen.ts";
export { type ListenAddress, parseListenAddress } from "./server/listen-address.ts";
export { StartPolicy } from "./server/access/start-policy.ts";
