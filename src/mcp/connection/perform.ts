/**
 * A request from its sending to what became of it: sent, sent again where that is safe and may help, and at last a result, a
 * failure, or a stop. What callers make of these ends is theirs: `call.ts` for tool calls, requests and relayed ones.
 */
import type { Tool } from "@modelcontextprotocol/client";
import { isObject, type JsonObject } from "../../base/json.ts";
import type { McpError } from "../errors.ts";
import type { Era } from "../session/era.ts";
import type { Progress, Session } from "../session/session.ts";
import type { Attempt, Stop } from "./attempt.ts";
import type { Connection } from "./connection.ts";
import { exchange } from "./exchange.ts";
import type { RequestFailure } from "./outcome.ts";
import { react } from "./react.ts";

export interface Performance {
  readonly method: string;
  /** For the era the server turns out to speak. */
  readonly params: (era: Era) => JsonObject;
  /** The tool it calls, by its declared name. */
  readonly tool?: string | undefined;
  /** Whether to carry it out twice does no harm. */
  readonly safe: () => boolean;
  /** Returns a result that asks for input as it is. @default what is asked is answered here */
  readonly passesInput?: boolean | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export type Performed =
  | { readonly kind: "answer"; readonly result: JsonObject; readonly era: Era }
  | { readonly kind: "unavailable"; readonly error: McpError }
  | Stop
  | RequestFailure;

export async function perform(
  connection: Connection,
  attempt: Attempt,
  performance: Performance,
): Promise<Performed> {
  const { clock } = connection.options;
  const { params, safe, passesInput } = performance;
  for (let sends = 0, refusals = 0; ; ) {
    let era: Era = "legacy";
    const tried = await attempt.send((session, stop) => {
      era = session.era;
      const send = (leg: JsonObject): Promise<JsonObject> =>
        sendOnce(connection, session, attempt, performance, leg, stop);
      if (passesInput === true) return send(params(era));
      return exchange(params(era), { clock, signal: stop, answer: (asked) => attempt.answer(asked), send });
    });
    if (tried.kind === "result") return { kind: "answer", result: tried.result, era };
    if (tried.kind !== "failed") return tried;
    if (tried.failure.kind === "not_sent") refusals++;
    else sends++;
    const reaction = { sends, refusals, safe: safe(), clock, stop: attempt.stop };
    const next = await react(connection, tried.session, tried.failure, reaction);
    if (next === "again") continue;
    return attempt.stopped ? attempt.stopOf(true) : next;
  }
}

function sendOnce(
  connection: Connection,
  session: Session,
  attempt: Attempt,
  { method, tool, onProgress }: Performance,
  leg: JsonObject,
  signal: AbortSignal,
): Promise<JsonObject> {
  const options = { signal, call: attempt, ...(onProgress === undefined ? {} : { onProgress }) };
  const known = tool === undefined ? undefined : connection.tool(tool);
  return known !== undefined && session.mirrorsArguments && mirrors(known)
    ? session.callMirrored(leg, withoutOutputSchema(known), options)
    : session.request(method, leg, options);
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
