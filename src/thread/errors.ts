/** What can go wrong with a thread, whichever engine it belongs to. */

/**
 * - `invalid_options`: the caller's request was invalid; nothing was started
 * - `login_missing`: there is neither a key nor a login to ask the model with
 * - `thread_not_found`: the engine has no thread with that id, or an ephemeral thread has ended
 * - `thread_busy`: another process has the thread open
 * - `request_failed`: the engine or the model rejected a request
 * - `mcp_server_failed`: a required MCP server did not start
 * - `model_unreachable`: the model did not answer in time
 * - `model_unauthorized`: it did not accept the key (HTTP 401 or 403)
 * - `model_rate_limited`: it takes no more requests for now, or the account is used up (HTTP 429)
 * - `reader_stalled`: nobody read the events for too long, so the turn was interrupted
 * - `turn_interrupted`: the turn was interrupted, but not through its signal
 * - `closed`: the engine or the thread was closed
 */
export type EngineErrorCode =
  | "invalid_options"
  | "login_missing"
  | "thread_not_found"
  | "thread_busy"
  | "request_failed"
  | "mcp_server_failed"
  | "model_unreachable"
  | "model_unauthorized"
  | "model_rate_limited"
  | "reader_stalled"
  | "turn_interrupted"
  | "closed";

export interface EngineErrorOptions extends ErrorOptions {
  readonly option?: string;
}

/** The base class of every engine's errors. An engine may add codes of its own. */
export class EngineError extends Error {
  override readonly name: string = "EngineError";
  readonly code: string;
  /** The option (a key of `ThreadOptions`) that `invalid_options` is about; the message begins with it. */
  declare readonly option?: string;

  constructor(code: EngineErrorCode, message: string, options: EngineErrorOptions = {}) {
    super(message, options);
    this.code = code;
    // Absent, and not `undefined`: an error that is printed shows its fields.
    if (options.option !== undefined) this.option = options.option;
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
