/** The headers of the modern era, which repeat what the body says (SEP-2243), so that what stands in between need not read it. */
import type { IncomingHttpHeaders } from "node:http";
import type { JsonObject } from "../../base/json.ts";
import { HEADER_MISMATCH, META, type RequestMessage, type RpcError } from "../protocol/messages.ts";

/** Which param `Mcp-Name` repeats. */
const NAME: ReadonlyMap<string, string> = new Map([
  ["tools/call", "name"],
  ["prompts/get", "name"],
  ["resources/read", "uri"],
]);

/** One header; of several the first. */
export function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : value?.[0];
}

/** @returns what is wrong: missing, or not what the body says */
export function headerProblem(
  headers: IncomingHttpHeaders,
  { method, params }: RequestMessage,
): RpcError | undefined {
  const claimed = (params["_meta"] as JsonObject | undefined)?.[META.version];
  const version = header(headers, "mcp-protocol-version");
  if (version !== claimed) return mismatch("MCP-Protocol-Version", version, claimed);
  const named = header(headers, "mcp-method");
  if (named !== method) return mismatch("Mcp-Method", named, method);
  const value = params[NAME.get(method) ?? ""];
  if (typeof value !== "string") return undefined;
  const written = header(headers, "mcp-name");
  return written === undefined || decodeHeader(written) !== value
    ? mismatch("Mcp-Name", written, value)
    : undefined;
}

function mismatch(name: string, written: string | undefined, meant: unknown): RpcError {
  const what = written === undefined ? "is missing" : "does not say what the body says";
  return {
    code: HEADER_MISMATCH,
    message: `Bad Request: the header ${name} ${what}`,
    data: { mismatch: { header: written ?? "(missing)", body: String(meant) } },
  };
}

/** Text that no header may hold is written as `=?base64?…?=`. @returns `undefined` for what is not valid */
export function decodeHeader(text: string): string | undefined {
  const trimmed = text.replace(/^[ \t]+|[ \t]+$/g, "");
  const [, encoded] = /^=\?base64\?(.*)\?=$/is.exec(trimmed) ?? [];
  if (encoded === undefined) return trimmed;
  const bytes = Buffer.from(encoded, "base64");
  return bytes.toString("base64") === encoded ? bytes.toString() : undefined;
}
