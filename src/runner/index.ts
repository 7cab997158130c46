/** The runner: many Codex runs behind one pipe. `docs/runner-protocol.md` is its protocol. */
export { defaultMaxConcurrent } from "./concurrency.ts";
export { DiagnosticWriter } from "./diagnostics.ts";
export { LINE_BYTES_MAX, type ServeOptions, type ServeOutcome, serveNdjson } from "./ndjson.ts";
export { parseLine, type ParseOptions } from "./parse-line.ts";
export type {
  AnswerMessage,
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
  Rejection,
  RejectionCode,
  RunMessage,
  RunParams,
  WireQuestion,
} from "./messages.ts";
export { Runner, type RunnerOptions, type Sink } from "./runner.ts";
