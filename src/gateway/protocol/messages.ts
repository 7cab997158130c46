/** The messages of JSON-RPC as MCP has them, and the names and numbers of both eras. */
import { isObject, type JsonObject, type JsonValue } from "../../base/json.ts";

export type Id = string | number;

export interface RequestMessage {
  readonly kind: "request";
  readonly id: Id;
  readonly method: string;
  readonly params: JsonObject;
}

export type Incoming =
  | RequestMessage
  | { readonly kind: "notification"; readonly method: string; readonly params: JsonObject }
  | { readonly kind: "response"; readonly id: Id; readonly result: JsonObject }
  | { readonly kind: "refusal"; readonly id: Id | undefined; readonly error: JsonObject };

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** @returns `undefined` for what is no message of JSON-RPC */
export function readMessage(value: unknown): Incoming | undefined {
  if (!isObject(value as JsonValue)) return undefined;
  const { jsonrpc, id, method, params = {}, result, error } = value as JsonObject;
  if (jsonrpc !== "2.0" || !isObject(params)) return undefined;
  const known = typeof id === "string" || typeof id === "number" ? id : undefined;
  if (typeof method === "string") {
    if (known !== undefined) return { kind: "request", id: known, method, params };
    return id === undefined ? { kind: "notification", method, params } : undefined;
  }
  if (isObject(error)) return { kind: "refusal", id: known, error };
  return known !== undefined && isObject(result) ? { kind: "response", id: known, result } : undefined;
}

export function resultMessage(id: Id, result: JsonObject): JsonObject {
  return { jsonrpc: "2.0", id, result };
}

export function errorMessage(id: Id | undefined, { code, message, data }: RpcError): JsonObject {
  const error = { code, message, ...(data === undefined ? {} : { data: data as JsonValue }) };
  return { jsonrpc: "2.0", id: id ?? null, error };
}

export function notification(method: string, params: JsonObject): JsonObject {
  return { jsonrpc: "2.0", method, params };
}

export const PARSE_ERROR = -32700;
export const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;
export const INVALID_PARAMS = -32602;
export const INTERNAL_ERROR = -32603;
/** Of ours: no connection to the server, a limit, a thread that has ended. Also what the SDK says for these. */
export const SERVER_ERROR = -32000;
/** The SDK's for a request that was not answered in time, and for a session that is not known. */
export const TIMED_OUT = -32001;
export const NO_SUCH_SESSION = -32001;
/** In the legacy era; in the modern one it is `INVALID_PARAMS`. */
export const NO_SUCH_RESOURCE = -32002;
export const HEADER_MISMATCH = -32020;
export const MISSING_CAPABILITY = -32021;
export const UNSUPPORTED_VERSION = -32022;

export const MODERN_VERSION = "2026-07-28";
/** Newest first. Older ones are served to those who ask for them; we promise the first two. */
export const LEGACY_VERSIONS: readonly string[] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/** Keys of `_meta` that MCP reserves. */
export const META = {
  version: "io.modelcontextprotocol/protocolVersion",
  client: "io.modelcontextprotocol/clientInfo",
  capabilities: "io.modelcontextprotocol/clientCapabilities",
  logLevel: "io.modelcontextprotocol/logLevel",
  server: "io.modelcontextprotocol/serverInfo",
  subscription: "io.modelcontextprotocol/subscriptionId",
} as const;

/** Methods that one era alone has; in the other one they do not exist. */
export const LEGACY_ONLY: ReadonlySet<string> = new Set([
  "initialize",
  "ping",
  "logging/setLevel",
  "resources/subscribe",
  "resources/unsubscribe",
]);
export const MODERN_ONLY: ReadonlySet<string> = new Set(["server/discover", "subscriptions/listen"]);

/** The levels of RFC 5424, the least severe first. */
const LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/** Whether a log message is wanted from this level on. A level that is none counts as `info`. */
export function isWanted(params: JsonObject, from: string): boolean {
  const rank = (level: unknown): number => LEVELS.indexOf(typeof level === "string" ? level : "");
  const own = rank(params["level"]);
  return (own === -1 ? 1 : own) >= rank(from);
}

export function isLevel(level: unknown): level is string {
  return typeof level === "string" && LEVELS.includes(level);
}

/** Params for the server, and what belonged to the conversation with the client. */
export function splitParams(params: JsonObject): {
  readonly params: JsonObject;
  readonly progressToken: Id | undefined;
} {
  const { _meta: meta } = params;
  if (!isObject(meta)) return { params, progressToken: undefined };
  const {
    progressToken,
    [META.version]: _version,
    [META.client]: _client,
    [META.capabilities]: _capabilities,
    [META.logLevel]: _level,
    ...kept
  } = meta;
  const { _meta: _, ...others } = params;
  return {
    params: Object.keys(kept).length === 0 ? others : { ...others, _meta: kept },
    progressToken:
      typeof progressToken === "string" || typeof progressToken === "number" ? progressToken : undefined,
  };
}
