/** One line of a server's stdout, read as a message of MCP. */
import type { JSONRPCMessage } from "@modelcontextprotocol/client";

/**
 * Only the frame is looked at; whether the content makes sense is for the client to say.
 *
 * @returns the message, or a string that says what the line is instead
 */
export function readMessage(line: string): JSONRPCMessage | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return "not JSON";
  }
  if (typeof value !== "object" || value === null) return "not a JSON object";
  // MCP had batches for one revision, and took them back.
  if (Array.isArray(value)) return "a batch";
  return isMessage(value) ? value : "JSON, but not a JSON-RPC message";
}

function isMessage(value: object): value is JSONRPCMessage {
  const { jsonrpc, id, method, error } = value as Readonly<Record<string, unknown>>;
  if (jsonrpc !== "2.0") return false;
  const hasId = typeof id === "string" || typeof id === "number";
  if (typeof method === "string") return hasId || id === undefined;
  if (typeof error === "object" && error !== null) return hasId || id === undefined || id === null;
  return hasId && "result" in value;
}
