/** What can go wrong between a caller that wants a process and the executor that runs it. */

/**
 * - `executor_unreachable`: no link could be made: connection refused, no answer, wrong token, not an executor
 * - `executor_lost`: a link was given up, and with it everything that ran on it; `cause` says why
 * - `start_failed`: the executor could not start the process: the program or the folder does not exist, …
 * - `refused`: the executor's owner does not allow it, or a limit is reached
 * - `unknown_environment`: there is no environment with that name
 * - `unknown_process`: the executor knows no such process (any more)
 * - `stdin_closed`: nothing can be written to the process (any more)
 * - `stdin_full`: the process does not read, and too much waits already
 * - `output_lost`: output that the caller has not seen is not retained any more
 * - `reader_stalled`: the caller did not read the events of a process for too long, and held up all others
 * - `outcome_unknown`: the link dropped after a request that must not be sent twice; it may have been carried out
 * - `protocol_error`: the executor broke the protocol
 * - `connect_failed`: the executor could not connect to where an HTTP request goes; it was not sent
 * - `http_failed`: the executor got no answer to an HTTP request, or it broke off; it may have been carried out
 * - `unsupported`: this executor cannot do it
 * - `invalid_request`: the request makes no sense
 * - `timeout`: no answer in time
 * - `disposed`: the executor was disposed here
 */
export type ExecutorErrorCode =
  | "executor_unreachable"
  | "executor_lost"
  | "start_failed"
  | "refused"
  | "unknown_environment"
  | "unknown_process"
  | "stdin_closed"
  | "stdin_full"
  | "output_lost"
  | "reader_stalled"
  | "outcome_unknown"
  | "protocol_error"
  | "connect_failed"
  | "http_failed"
  | "unsupported"
  | "invalid_request"
  | "timeout"
  | "disposed";

/** Local: it never crosses a wire as it is. */
export class ExecutorError extends Error {
  override readonly name = "ExecutorError";
  readonly code: ExecutorErrorCode;

  constructor(code: ExecutorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
