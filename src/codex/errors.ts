/** What can go wrong with Codex, and what to do about it. */
import { EngineError, type EngineErrorCode, type EngineErrorOptions } from "../thread/errors.ts";

/**
 * Besides those of every engine:
 *
 * - `codex_not_found`, `codex_unsupported`: there is no usable Codex binary; the message says how to get one
 * - `home_unusable`: the Codex home cannot be made or written to; nothing was started
 * - `codex_start_failed`: the binary ran but did not become an app-server; the message holds its last words
 * - `process_exited`: the app-server ended while something waited for it; the next use starts a new one
 * - `request_timeout`: Codex did not answer in time
 */
export type CodexErrorCode =
  | EngineErrorCode
  | "codex_not_found"
  | "codex_unsupported"
  | "home_unusable"
  | "codex_start_failed"
  | "process_exited"
  | "request_timeout";

export class CodexError extends EngineError {
  override readonly name = "CodexError";
  declare readonly code: CodexErrorCode;

  constructor(code: CodexErrorCode, message: string, options?: EngineErrorOptions) {
    // The base class keeps the code and no more.
    super(code as EngineErrorCode, message, options);
  }
}
