/** What became of a request at the server, as the message a client gets, in the client's era. */
import type { Implementation } from "@modelcontextprotocol/client";
import { isObject, type JsonObject } from "../../base/json.ts";
import { McpError, type RelayOutcome } from "../../mcp/index.ts";
import {
  INTERNAL_ERROR,
  INVALID_PARAMS,
  META,
  NO_SUCH_RESOURCE,
  type RpcError,
  SERVER_ERROR,
  TIMED_OUT,
} from "./messages.ts";

type Answered = Extract<RelayOutcome, { readonly kind: "answer" }>;
type Failed = Exclude<RelayOutcome, Answered>;

/** `data.outcome` says the kind, for clients that want to know whether the call may have been carried out. */
export function errorOf(outcome: Failed, era: "legacy" | "modern"): RpcError {
  switch (outcome.kind) {
    case "protocol_error": {
      const { code, message, data } = outcome;
      const same = era === "modern" && code === NO_SUCH_RESOURCE ? INVALID_PARAMS : code;
      return { code: same, message, ...(data === undefined ? {} : { data }) };
    }
    case "timeout":
      return { code: TIMED_OUT, message: outcome.message, data: { outcome: "timeout" } };
    case "cancelled":
      return { code: SERVER_ERROR, message: "The request was cancelled", data: { outcome: "cancelled" } };
    case "lost":
      return { code: SERVER_ERROR, message: outcome.message, data: { outcome: "lost" } };
    case "not_sent":
      return {
        code: outcome.reason === "tool_disabled" ? INVALID_PARAMS : SERVER_ERROR,
        message: outcome.message,
        data: { outcome: "not_sent", reason: outcome.reason },
      };
  }
}

/** For what a backend throws. */
export function errorOfThrown(error: unknown): RpcError {
  if (error instanceof McpError)
    return { code: SERVER_ERROR, message: error.message, data: { reason: error.code } };
  return { code: INTERNAL_ERROR, message: "Internal error" };
}

/** Results that say how long they may be kept. */
const CACHEABLE: ReadonlySet<string> = new Set([
  "tools/list",
  "prompts/list",
  "resources/list",
  "resources/templates/list",
  "resources/read",
]);

/** A result for a client of the legacy era: without what a server of the modern era says in its own. */
export function legacyResult({ result, era }: Answered): JsonObject {
  if (era === "legacy") return result;
  const { resultType: _type, ttlMs: _ttl, cacheScope: _scope, _meta: meta, ...others } = result;
  if (!isObject(meta)) return meta === undefined ? others : { ...others, _meta: meta };
  const { [META.server]: _server, ...kept } = meta;
  return Object.keys(kept).length === 0 ? others : { ...others, _meta: kept };
}

/** A result for a client of the modern era: with what that era demands, where the server did not say it. */
export function modernResult(
  method: string,
  result: JsonObject,
  serverInfo: Implementation | undefined,
): JsonObject {
  const { _meta: meta = {}, resultType = "complete" } = result;
  const isCacheable = resultType === "complete" && CACHEABLE.has(method);
  const identity =
    serverInfo === undefined || !isObject(meta) ? {} : { [META.server]: serverInfo as unknown as JsonObject };
  return {
    ...(isCacheable ? { ttlMs: 0, cacheScope: "private" } : {}),
    ...result,
    resultType,
    ...(isObject(meta) ? { _meta: { ...identity, ...meta } } : {}),
  };
}
