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
import { isObject, type JsonObject } from "../../base/json.ts";
import { type LoginWanted, McpError } from "../errors.ts";
import type { Era } from "../session/era.ts";
import type { Progress } from "../session/session.ts";
import { Attempt, type Stop } from "./attempt.ts";
import { boundResult } from "./bound-result.ts";
import type { Connection } from "./connection.ts";
import { exchange } from "./exchange.ts";
import type { CallName, Holder } from "./in-flight.ts";
import type { CallOutcome } from "./outcome.ts";
import { outputProblem } from "./output-schema.ts";
import { INTERNAL_ERROR, notSent, react } from "./react.ts";

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

export async function callTool(connection: Connection, request: CallRequest): Promise<CallOutcome> {
  const { holder, call, timeoutMs, progressCapMs, signal, onProgress, meta } = request;
  const { server, clock } = connection.options;
  const attempt = new Attempt(connection, { holder, call, timeoutMs, capMs: progressCapMs, signal });
  const paramsFor = (era: Era): JsonObject => ({
    name: call.tool,
    ...(request.arguments === undefined ? {} : { arguments: request.arguments }),
    _meta: meta(era),
  });
  const progress = (news: Progress): void => {
    if (attempt.stopped) return;
    if (progressCapMs !== undefined) attempt.deadline.extend();
    onProgress?.(news);
  };
  try {
    for (let sends = 0, refusals = 0; ; ) {
      const tried = await attempt.send((session, stop) => {
        const tool = connection.tool(call.tool);
        return exchange(paramsFor(session.era), {
          clock,
          signal: stop,
          answer: (asked) => attempt.answer(asked),
          send: (leg) => {
            const options = { signal: stop, onProgress: progress, call: attempt };
            return tool !== undefined && session.mirrorsArguments && mirrors(tool)
              ? session.callMirrored(leg, withoutOutputSchema(tool), options)
              : session.request("tools/call", leg, options);
          },
        });
      });
      if (tried.kind === "result")
        return await toOutcome(server, connection.tool(call.tool), tried.result, request);
      if (tried.kind === "stopped") return stopOutcome(server, tried, timeoutMs);
      if (tried.kind === "unavailable") return unavailable(tried.error);
      const safe = isSafe(connection.tool(call.tool));
      if (tried.failure.kind === "not_sent") refusals++;
      else sends++;
      const next = await react(connection, tried.session, tried.failure, {
        sends,
        refusals,
        safe,
        clock,
        stop: attempt.stop,
      });
      if (next !== "again")
        return attempt.stopped ? stopOutcome(server, attempt.stopOf(true), timeoutMs) : next;
    }
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
  const { server, clock } = connection.options;
  const attempt = new Attempt(connection, { holder, call: undefined, timeoutMs, capMs: undefined, signal });
  const fail = (code: McpError["code"], what: string, wanted?: LoginWanted): never => {
    throw new McpError(code, `MCP server "${server}": ${method}: ${what}`, { server, wanted });
  };
  try {
    for (let sends = 0, refusals = 0; ; ) {
      const tried = await attempt.send((session, stop) =>
        exchange(params(session.era), {
          clock,
          signal: stop,
          answer: (asked) => attempt.answer(asked),
          send: (leg) => session.request(method, leg, { signal: stop, call: attempt }),
        }),
      );
      if (tried.kind === "result") return tried.result;
      if (tried.kind === "unavailable") throw tried.error;
      if (tried.kind === "stopped") {
        if (tried.by === "caller") throw signal?.reason;
        return fail("timeout", `no answer within ${timeoutMs / 1000} s`);
      }
      if (tried.failure.kind === "not_sent") refusals++;
      else sends++;
      const next = await react(connection, tried.session, tried.failure, {
        sends,
        refusals,
        safe: true,
        clock,
        stop: attempt.stop,
      });
      if (next === "again") continue;
      if (next.kind === "protocol_error")
        fail("protocol_error", `JSON-RPC error ${next.code}: ${next.message}`);
      else if (next.kind === "not_sent")
        fail(next.reason === "needs_login" ? "needs_login" : "not_sent", next.message, next.wanted);
      else fail("lost", "message" in next ? next.message : next.kind);
    }
  } finally {
    attempt.end();
  }
}

function unavailable(error: McpError): CallOutcome {
  const { code, message, wanted } = error;
  return notSent(code === "needs_login" ? "needs_login" : "server_unavailable", message, wanted);
}

function stopOutcome(server: string, { by, sent }: Stop, timeoutMs: number): CallOutcome {
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

function mirrors({ inputSchema }: Tool): boolean {
  const { properties } = inputSchema;
  return isObject(properties) && JSON.stringify(properties).includes('"x-mcp-header"');
}

const stripped = new WeakMap<Tool, Tool>();

/** Its result is checked by us, and an answer that asks for input has no structured content. One object per tool: it is compiled once. */
function withoutOutputSchema(tool: Tool): Tool {
  const { outputSchema: _, ...rest } = tool;
  const known = stripped.get(tool) ?? rest;
  stripped.set(tool, known);
  return known;
}
