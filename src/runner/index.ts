/** The runner: many Codex runs behind one pipe. `docs/runner-protocol.md` is its protocol. */
export {
  type ClientRun,
  type ClientRunParams,
  RunnerClient,
  RunnerClientError,
  type RunnerClientErrorCode,
  type RunnerClientOptions,
} from "./client.ts";
export { defaultMaxConcurrent } from "./concurrency.ts";
export { DiagnosticWriter } from "./diagnostics.ts";
export { LINE_BYTES_MAX, type ServeOptions, type ServeOutcome, serveNdjson } from "./ndjson.ts";
export { parseLine, type ParseOptions } from "./parse-line.ts";
export type {
  AnswerMessage,
  AskClosedMessage,
  AskMessage,
  CancelMessage,
  Diagnostic,
  DiagLevel,
  EndMessage,
  EndStatus,
  ErrorMessage,
  EventMessage,
  Inbound,
  Outbound,
  PingMessage,
  PongMessage,
  ReadyMessage,
  Rejection,
  RejectionCode,
  RunMessage,
  RunOutbound,
  RunParams,
  WireQuestion,
} from "./messages.ts";
export { type McpConnection, type McpConnectionServer, mcpServerFrom } from "../servers/from-connection.ts";
export { Runner, type RunnerOptions, type Sink } from "./runner.ts";
export type { McpServerEvent, McpServerHandler } from "../servers/server-event.ts";
