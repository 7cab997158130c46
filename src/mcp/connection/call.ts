/**
 * One tool call, from its arguments to its outcome.
 *
 *   wait for the server ──> send ──> result
 *          ^                  └─> failure ──> again, if that is safe ──> outcome
 *
 * Invariants
 *   C1. Every call has exactly one outcome, within its time: waiting for the server, its turn, and sending again are part of it.
 *   C2. A call that certainly did not reach the server is sent again. One that may have is not, unless its tool is annotated
 *       read-only or idempotent; without that, its outcome is `lost`.
 *   C3. A time-out and an abort reach the wire, in both eras.
 *   C4. A call is sent at most three times; attempts that did not reach the server do not count, and there are at most three of them.
 */
import type { CallToolResult, Tool } from "@modelcontextprotocol/client";
import type { JsonObject } from "../../base/json.ts";
import { type LoginWanted, McpError } from "../errors.ts";
import type { Era } from "../session/era.ts";
import type { Progress } from "../session/session.ts";
import { Attempt, type Stop } from "./attempt.ts";
import { boundResult } from "./bound-result.ts";
import type { Connection } from "./connection.ts";
import type { CallName, Holder, RequestSide } from "./in-flight.ts";
import type { CallOutcome, RequestFailure } from "./outcome.ts";
import { outputProblem } from "./output-schema.ts";
import { perform } from "./perform.ts";
import { INTERNAL_ERROR, notSent } from "./react.ts";

export interface CallRequest {
  readonly holder: Holder;
  readonly call: CallName;
  readonly arguments: JsonObject | undefined;
  /** `_meta`, for the era the server turns out to speak. */
  readonly meta: (era: Era) => JsonObject;
  readonly timeoutMs: number;
  /** Running time in total, when progress extends it. @default progress does not extend it */
  readonly progressCapMs?: number | undefined;
  /** Bytes of the result at most. */
  readonly resultBytesMax: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface PlainRequest {
  readonly holder: Holder;
  readonly method: string;
  /** For the era the server turns out to speak. */
  readonly params: (era: Era) => JsonObject;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A request of somebody else, with what belongs to it. */
export interface RelayedRequest extends PlainRequest, RequestSide {
  /** The tool it calls, by its declared name. Only a call that certainly did not reach the server is then sent again (C2). */
  readonly tool?: string | undefined;
  /** In the modern era: a result that asks for input is passed on as it is. @default `onAsk` answers, and it is sent again */
  readonly passesInput?: boolean | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

type Stopped = Extract<CallOutcome, { readonly kind: "timeout" | "cancelled" }>;

/** How a relayed request ended. */
export type RelayOutcome =
  | { readonly kind: "answer"; readonly result: JsonObject; readonly era: Era }
  | RequestFailure
  | Stopped;

export async function callTool(connection: Connection, request: CallRequest): Promise<CallOutcome> {
  const { holder, call, timeoutMs, progressCapMs, signal, onProgress, meta } = request;
  const { server } = connection.options;
  const attempt = new Attempt(connection, { holder, call, timeoutMs, capMs: progressCapMs, signal });
  try {
    const done = await perform(connection, attempt, {
      method: "tools/call",
      params: (era) => ({
        name: call.tool,
        ...(request.arguments === undefined ? {} : { arguments: request.arguments }),
        _meta: meta(era),
      }),
      tool: call.tool,
      safe: () => isSafe(connection.tool(call.tool)),
      onProgress: (news) => {
        if (attempt.stopped) return;
        if (progressCapMs !== undefined) attempt.deadline.extend();
        onProgress?.(news);
      },
    });
    if (done.kind === "answer")
      return await toOutcome(server, connection.tool(call.tool), done.result, request);
    if (done.kind === "stopped") return stopOutcome(server, done, timeoutMs);
    return done.kind === "unavailable" ? unavailable(done.error) : done;
  } finally {
    attempt.end();
  }
}

/**
 * A request that is no tool call: to list, to read, to get. It reads only, so it is sent again when that may help.
 *
 * @throws {McpError} `server_unavailable`, `needs_login`, `protocol_error`, `timeout`, `lost`, `not_sent`, `ended`
 * @throws the signal's reason
 */
export async function sendRequest(connection: Connection, request: PlainRequest): Promise<JsonObject> {
  const { holder, method, params, timeoutMs, signal } = request;
  const { server } = connection.options;
  const attempt = new Attempt(connection, { holder, call: undefined, timeoutMs, capMs: undefined, signal });
  const fail = (code: McpError["code"], what: string, wanted?: LoginWanted): never => {
    throw new McpError(code, `MCP server "${server}": ${method}: ${what}`, { server, wanted });
  };
  try {
    const done = await perform(connection, attempt, { method, params, safe: () => true });
    switch (done.kind) {
      case "answer":
        return done.result;
      case "unavailable":
        throw done.error;
      case "stopped":
        if (done.by === "caller") throw signal?.reason;
        return fail("timeout", `no answer within ${timeoutMs / 1000} s`);
      case "protocol_error":
        return fail("protocol_error", `JSON-RPC error ${done.code}: ${done.message}`);
      case "not_sent":
        return fail(done.reason === "needs_login" ? "needs_login" : "not_sent", done.message, done.wanted);
      case "lost":
        return fail("lost", done.message);
    }
  } finally {
    attempt.end();
  }
}

/**
 * A request of somebody else, passed on with everything that belongs to it: its progress, its questions, its log. The result
 * is the server's, as it came.
 *
 * @returns how it ended; it does not throw
 */
export async function relay(connection: Connection, request: RelayedRequest): Promise<RelayOutcome> {
  const { holder, method, params, tool, timeoutMs, signal, passesInput, onProgress } = request;
  const { server } = connection.options;
  const attempt = new Attempt(connection, {
    holder,
    call: undefined,
    timeoutMs,
    capMs: undefined,
    signal,
    side: request,
  });
  try {
    const done = await perform(connection, attempt, {
      method,
      params,
      tool,
      safe: () => tool === undefined || isSafe(connection.tool(tool)),
      passesInput,
      onProgress,
    });
    if (done.kind === "stopped") return stopOutcome(server, done, timeoutMs);
    return done.kind === "unavailable" ? unavailable(done.error) : done;
  } finally {
    attempt.end();
  }
}

function unavailable(error: McpError): RequestFailure {
  const { code, message, wanted } = error;
  return notSent(code === "needs_login" ? "needs_login" : "server_unavailable", message, wanted);
}

function stopOutcome(server: string, { by, sent }: Stop, timeoutMs: number): Stopped {
  if (by === "caller") return { kind: "cancelled", sent };
  const what = sent ? "did not answer" : "was not ready";
  const message = `MCP server "${server}" ${what} within ${timeoutMs / 1000} s; if it needs longer, raise tool_timeout_sec`;
  return { kind: "timeout", afterMs: timeoutMs, message };
}

async function toOutcome(
  server: string,
  tool: Tool | undefined,
  answer: JsonObject,
  { resultBytesMax }: CallRequest,
): Promise<CallOutcome> {
  const { content = [] } = answer;
  if (!Array.isArray(content)) {
    const message = `MCP server "${server}" answered with content that is not a list`;
    return { kind: "protocol_error", code: INTERNAL_ERROR, message };
  }
  const result = { ...answer, content } as unknown as CallToolResult;
  const problem = tool === undefined ? undefined : await outputProblem(tool, result);
  if (problem !== undefined) return { kind: "protocol_error", code: -32602, message: problem };
  const kind = result.isError === true ? "tool_error" : "result";
  return { kind, ...boundResult(result, resultBytesMax) };
}

/** By the live annotations: to carry it out twice does no harm. */
function isSafe(tool: Tool | undefined): boolean {
  return tool?.annotations?.readOnlyHint === true || tool?.annotations?.idempotentHint === true;
}
