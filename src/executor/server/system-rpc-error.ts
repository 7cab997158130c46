/** Errors of the operating system as errors of the wire. */
import { codeOf, messageOf } from "../../base/errors.ts";
import { RpcError } from "../../jsonrpc/index.ts";
import { systemErrorText } from "../local/system-error.ts";
import { type RpcCode, rpcError } from "../wire/protocol.ts";

/** The codes of Rust's kinds of errors; all others are -32603. */
const CODES: Readonly<Record<string, keyof typeof RpcCode>> = {
  ENOENT: "notFound",
  EACCES: "invalidRequest",
  EPERM: "invalidRequest",
  EINVAL: "invalidRequest",
};

/** What the file system methods answer where the operating system said no. */
export function toRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  const text = systemErrorText(error);
  if (text === undefined) return rpcError("failed", messageOf(error), error);
  return rpcError(CODES[codeOf(error) ?? ""] ?? "failed", text, error);
}
