/** The answers of an executor: results that are checked, and errors as `ExecutorError`. */
import { Issue, type Reader, showPath } from "../../base/reader.ts";
import { isObject } from "../../base/json.ts";
import { PeerError, RpcError } from "../../jsonrpc/index.ts";
import { ExecutorError, type ExecutorErrorCode } from "../errors.ts";
import { RpcCode } from "../wire/protocol.ts";

/** Results come from another machine. @throws {ExecutorError} `protocol_error` */
export function readResult<T>(method: string, reader: Reader<T>, result: unknown): T {
  const read = reader(result);
  if (!(read instanceof Issue)) return read;
  const what = `${showPath(read.path)} ${read.what}`.trim();
  throw new ExecutorError("protocol_error", `The executor's answer to "${method}" is not valid: ${what}`);
}

/** @param failed the code for an operation that the executor tried and that failed */
export function toExecutorError(error: unknown, what: string, failed: ExecutorErrorCode): unknown {
  if (error instanceof PeerError) {
    if (error.cause instanceof ExecutorError) return error.cause;
    return new ExecutorError("timeout", `${what}: ${error.message}`, { cause: error });
  }
  if (!(error instanceof RpcError)) return error;
  return new ExecutorError(codeOf(error, failed), `${what}: ${error.message}`, { cause: error });
}

function codeOf({ code, data }: RpcError, failed: ExecutorErrorCode): ExecutorErrorCode {
  // Our own executor sends more than the number.
  const own = isObject(data) ? data["code"] : undefined;
  if (own === "refused" || own === "unsupported" || own === "connect_failed") return own;
  switch (code) {
    case RpcCode.methodNotFound:
      return "unsupported";
    case RpcCode.invalidParams:
      return "invalid_request";
    default:
      return failed;
  }
}
