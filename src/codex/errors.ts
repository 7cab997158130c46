/** What can go wrong with the engine, and what to do about it. */

/**
 * - `codex_not_found`, `codex_unsupported`: there is no usable Codex binary; the message says how to get one
 * - `codex_start_failed`: the binary ran but did not become an app-server; the message holds its last words
 * - `process_exited`: the app-server ended while something waited for it; the next use starts a new one
 * - `request_failed`: Codex refused a request; `cause` is the JSON-RPC error
 * - `request_timeout`: Codex did not answer in time
 * - `thread_not_found`: no thread with that id in this Codex home, or an ephemeral thread whose process ended
 * - `thread_busy`: another Codex process has the thread open
 * - `invalid_options`: what the caller asked for makes no sense; nothing was started
 * - `mcp_server_failed`: a required MCP server did not start
 * - `model_unreachable`: the model did not answer for `reconnectTimeoutMs`
 * - `reader_stalled`: nobody read the events for `readerStallMs`, so the turn was interrupted
 * - `turn_interrupted`: the turn was interrupted, but not through its signal
 * - `closed`: the `Codex` or the thread was disposed
 */
export type CodexErrorCode =
  | "codex_not_found"
  | "codex_unsupported"
  | "codex_start_failed"
  | "process_exited"
  | "request_failed"
  | "request_timeout"
  | "thread_not_found"
  | "thread_busy"
  | "invalid_options"
  | "mcp_server_failed"
  | "model_unreachable"
  | "reader_stalled"
  | "turn_interrupted"
  | "closed";

export class CodexError extends Error {
  override readonly name = "CodexError";
  readonly code: CodexErrorCode;

  constructor(code: CodexErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The error of a turn that its signal ended, as Node and the Codex SDK shape it. */
export class AbortError extends Error {
  override readonly name = "AbortError";
  readonly code = "ABORT_ERR";

  constructor(signal: AbortSignal) {
    super("The operation was aborted", { cause: signal.reason });
  }
}
