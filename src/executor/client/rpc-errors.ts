/** What an executor's answers mean to whoever asked. */
import { PeerError, RpcError } from "../../jsonrpc/index.ts";
import { ExecutorError, type ExecutorErrorCode } from "../errors.ts";
import { RpcCode } from "../wire/protocol.ts";

/** @param failed the code for what the executor tried and could not do */
export function toExecutorError(error: unknown, what: string, failed: ExecutorErrorCode): unknown {
  if (error instanceof PeerError) {
    if (error.cause instanceof ExecutorError) return error.cause;
    return new ExecutorError("timeout", `${what}: ${error.message}`, { cause: error });
  }
  if (!(error instanceof RpcError)) return error;
  return new ExecutorError(codeOf(error, failed), `${what}: ${error.message}`, { cause: error });
}

function codeOf({ code, data }: RpcError, failed: ExecutorErrorCode): ExecutorErrorCode {
  // Ours says more than the number.
  const told = (data as { readonly code?: unknown } | null | undefined)?.code;
  if (told === "refused" || told === "unsupported") return told;
  switch (code) {
    case RpcCode.methodNotFound:
      return "unsupported";
    case RpcCode.invalidParams:
      return "invalid_request";
    default:
      return failed;
  }
}
