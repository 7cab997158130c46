/** What goes wrong between us and one MCP server, whoever runs it. */

/**
 * - `invalid_server`: what is configured cannot be started as it is; nothing was started
 * - `start_failed`: the program could not be started: no such program, no such folder, not allowed
 * - `executor_unreachable`: nobody answers in the environment the server belongs to
 * - `executor_lost`: the executor stopped telling about the server, which may have ended or not
 * - `process_exited`: the server ended by itself, or closed its input for good
 * - `message_too_large`: the server wrote a line above the limit, and was ended; or it was to be sent one that no
 *   executor takes, and only that message is refused
 * - `server_stalled`: the server does not read, and too much waits for it already; only this message is refused
 * - `closed`: it was closed here
 */
export type TransportErrorCode =
  | "invalid_server"
  | "start_failed"
  | "executor_unreachable"
  | "executor_lost"
  | "process_exited"
  | "message_too_large"
  | "server_stalled"
  | "closed";

/**
 * What the caller may do next. Decided here once, so that no call site guesses from a message.
 *
 * - `fix_config`: nothing will change until a human changes something
 * - `relaunch`: start the server again; what was called may have been done
 * - `retry`: the same thing may work later
 * - `none`: it is over because the caller wanted it so
 */
export type Remedy = "fix_config" | "relaunch" | "retry" | "none";

const REMEDY: Readonly<Record<TransportErrorCode, Remedy>> = {
  invalid_server: "fix_config",
  start_failed: "fix_config",
  executor_unreachable: "retry",
  executor_lost: "relaunch",
  process_exited: "relaunch",
  message_too_large: "fix_config",
  server_stalled: "retry",
  closed: "none",
};

/** A server could not be started, or its transport stopped, and why. Local: it never crosses a wire as it is. */
export class TransportError extends Error {
  override readonly name = "TransportError";
  readonly code: TransportErrorCode;
  /** The name of the server. */
  readonly server: string;

  /** @param what a clause with the server as its subject, e.g. `ended with exit code 3` */
  constructor(code: TransportErrorCode, server: string, what: string, options?: ErrorOptions) {
    super(`MCP server "${server}" ${what} [${code}]`, options);
    this.code = code;
    this.server = server;
  }

  get remedy(): Remedy {
    return REMEDY[this.code];
  }
}
