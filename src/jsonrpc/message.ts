/**
 * The shapes of JSON-RPC 2.0 messages, as Codex writes them: without the `jsonrpc` member.
 *
 * `parseMessage` is the only way in; what it returns has the shape of a message.
 */

export type RequestId = number | string;

/** An error as it stands on the wire. */
export interface RpcErrorObject {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

export type Message =
  | { readonly kind: "request"; readonly id: RequestId; readonly method: string; readonly params: unknown }
  | { readonly kind: "notification"; readonly method: string; readonly params: unknown }
  | { readonly kind: "result"; readonly id: RequestId; readonly result: unknown }
  | { readonly kind: "error"; readonly id: RequestId | null; readonly error: RpcErrorObject };

/** @returns the message, or a string that says why the line is not a message */
export function parseMessage(line: string): Message | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return "not JSON";
  }
  return toMessage(value);
}

/** The same for a value that was parsed already. */
export function toMessage(value: unknown): Message | string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "not a JSON object";
  const { id, method, params, result, error } = value as Record<string, unknown>;
  const hasId = typeof id === "number" || typeof id === "string";
  if (typeof method === "string") {
    return hasId ? { kind: "request", id, method, params } : { kind: "notification", method, params };
  }
  if (isErrorObject(error)) return { kind: "error", id: hasId ? id : null, error };
  if (hasId && "result" in value) return { kind: "result", id, result };
  return "neither request, notification, result nor error";
}

function isErrorObject(value: unknown): value is RpcErrorObject {
  if (typeof value !== "object" || value === null) return false;
  const { code, message } = value as Record<string, unknown>;
  return typeof code === "number" && typeof message === "string";
}
