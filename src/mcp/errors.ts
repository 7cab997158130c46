/** What goes wrong between us and one MCP server, wherever it runs. */

/**
 * - `invalid_server`: the configuration cannot be started; nothing was started
 * - `start_failed`: the program could not be started: no such program, no such folder, not allowed; or the
 *   `http_headers_helper` failed
 * - `executor_unreachable`: the executor of the server's environment does not answer
 * - `executor_lost`: the executor no longer reports on the server, which may or may not have ended
 * - `process_exited`: the server ended by itself, or closed its input
 * - `message_too_large`: the server wrote a line above the limit, and was ended; or a message to it is larger than
 *   any executor takes, or its answer over HTTP is above the limit, and only that message is rejected
 * - `server_stalled`: the server is not reading and its queue is full; only this message is rejected
 * - `request_failed`: a request over HTTP failed; only this message is rejected. `HttpFailure` has the details
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
  | "request_failed"
  | "closed";

/**
 * What the caller may do next. Decided here once, so that no call site guesses from a message.
 *
 * - `fix_config`: it will not work until a person changes something
 * - `relaunch`: start the server again; calls in progress may or may not have been carried out
 * - `retry`: the same thing may work later
 * - `none`: the caller ended it
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
  request_failed: "retry",
  closed: "none",
};

/** Why a server could not be started, or its transport ended. Local: it is never sent over a wire. */
export class TransportError extends Error {
  override readonly name = "TransportError";
  readonly code: TransportErrorCode;
  /** The name of the server. */
  readonly server: string;
  /** The message without the server's last words, and without the code; `undefined` where it has no such words. */
  readonly brief: string | undefined;

  /**
   * @param what the predicate of a sentence whose subject is the server, such as `ended with exit code 3`
   * @param options.lastWords of the server on stderr, in one line
   */
  constructor(
    code: TransportErrorCode,
    server: string,
    what: string,
    { lastWords, ...options }: ErrorOptions & { readonly lastWords?: string | undefined } = {},
  ) {
    const sentence = `MCP server "${server}" ${what}`;
    super(`${sentence}${lastWords === undefined ? "" : `; its last words: ${lastWords}`} [${code}]`, options);
    this.code = code;
    this.server = server;
    this.brief = lastWords === undefined ? undefined : sentence;
  }

  get remedy(): Remedy {
    return REMEDY[this.code];
  }
}

/**
 * - `invalid_servers`: what a thread was opened with is not right; nothing was started
 * - `unknown_server`: the thread has no such server
 * - `server_unavailable`: the server has failed, is switched off, or was ended; the message says why
 * - `needs_login`: it wants a login, or other credentials
 * - `protocol_error`: it answered with a JSON-RPC error, or with something that is no answer
 * - `timeout`: it did not answer in time
 * - `lost`: it may or may not have carried the request out
 * - `not_sent`: it did not get the request
 * - `unsupported`: it does not offer this
 * - `budget`: a bound of this host does not allow another process
 * - `ended`: the thread, or the manager, has ended
 */
export type McpErrorCode =
  | "invalid_servers"
  | "unknown_server"
  | "server_unavailable"
  | "needs_login"
  | "protocol_error"
  | "timeout"
  | "lost"
  | "not_sent"
  | "unsupported"
  | "budget"
  | "ended";

/** What a server wants of a login, as it said with a 401, or with a 403 that asks for more scopes. */
export interface LoginWanted {
  /** Those it named. Empty: it named none. */
  readonly scopes: readonly string[];
  /** Where it describes itself as a protected resource (RFC 9728); `undefined` when it did not say. */
  readonly resourceMetadataUrl: string | undefined;
  /** Whether there is a login, which lacks the scopes. */
  readonly insufficientScope: boolean;
}

/** What a manager, or a thread's connections, could not do. Local: it is never sent over a wire. */
export class McpError extends Error {
  override readonly name = "McpError";
  readonly code: McpErrorCode;
  /** The name of the server, if it concerns one. */
  readonly server: string | undefined;
  /** With `needs_login` of an HTTP server: what `beginLogin` needs to know of it. */
  readonly wanted: LoginWanted | undefined;

  constructor(
    code: McpErrorCode,
    message: string,
    options: ErrorOptions & { readonly server?: string; readonly wanted?: LoginWanted | undefined } = {},
  ) {
    const { server, wanted, ...rest } = options;
    super(message, rest);
    this.code = code;
    this.server = server;
    this.wanted = wanted;
  }
}
