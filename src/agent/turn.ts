/**
 * One turn: the model is asked, what it calls is called, and it is asked again, until it calls nothing.
 *
 *   input ──> history ──> model ──> answer ──> history ──┬── no calls: completed
 *                           ^                            └── calls ──> tools ──> outputs ──> history ──┐
 *                           └──────────────────────────────────────────────────────────────────────────┘
 *
 * Invariants
 *   T1. The history can go on, whatever ended the turn: every call in it has an output, and what the model does not take is
 *       taken back. A call is on disk before it is made; its output, as soon as it is known. No call is made twice.
 *   T2. A step's outputs are in the history together, in the order of its calls.
 *   T3. What was reported of an answer is in the history, and the other way round.
 *   T4. Steps are bounded.
 */
import { abortable, within } from "../base/abort.ts";
import type { Clock } from "../base/clock.ts";
import { isObject } from "../base/json.ts";
import { AbortError, EngineError } from "../thread/errors.ts";
import type { McpToolCallItem, ThreadEvent } from "../thread/events.ts";
import type { DispatchEvent, FunctionCallItem, StepTools } from "../tools/router/contract.ts";
import {
  askModel,
  type ConversationItem,
  type ModelAnswer,
  type ModelEndpoint,
  ModelError,
  type ModelRequest,
} from "./model-client.ts";
import { openCalls, outputTypeOf, type ThreadStore } from "./thread-store.ts";

export interface TurnRequest {
  readonly endpoint: ModelEndpoint;
  readonly request: Omit<ModelRequest, "input" | "tools">;
  readonly input: readonly ConversationItem[];
  readonly store: ThreadStore;
  readonly tools: StepTools;
  /** Requests to the model at most. */
  readonly stepsMax: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly emit: (event: ThreadEvent) => void;
  /** Names an item of this turn. */
  readonly newId: () => string;
  /** Waits until the reader has caught up. */
  readonly room: () => Promise<void>;
}

const INTERRUPTED =
  "The turn was interrupted before this call had an answer. It may or may not have been carried out: find out before you repeat it.";
const WITHHELD =
  "The output of this call is left out, because the model did not take the request that held it.";
const NO_SUCH_TOOL = "There is no such tool.";
/** For tools that do not heed their signal, in milliseconds. */
const CANCEL_GRACE_MS = 5_000;

/** @throws {EngineError} {AbortError} and then the history can go on (T1) */
export async function runTurn(turn: TurnRequest): Promise<void> {
  const { store, stepsMax, signal, emit, room } = turn;
  emit({ type: "turn.started" });
  // Of a turn whose outputs could not be written.
  const open = openCalls(store.items);
  if (open.length > 0) store.add(open.map((call) => outputOf(call, INTERRUPTED)));
  let taken = store.items.length;
  store.add(turn.input);
  for (let step = 1; step <= stepsMax; step++) {
    await room();
    if (signal.aborted) throw new AbortError(signal);
    const answer = await ask(turn, taken);
    const items = readItems(answer.items);
    store.add(items.filter(isSentBack), answer.usage);
    taken = store.items.length;
    for (const item of items) report(item, turn);
    const calls = items.filter((item) => outputTypeOf(item) !== undefined);
    if (calls.length === 0) return emit({ type: "turn.completed", usage: store.usage });
    store.add(await runCalls(calls, turn));
    if (signal.aborted) throw new AbortError(signal);
  }
  throw new EngineError("turn_interrupted", `The turn took ${stepsMax} steps and had not ended (stepsMax)`);
}

/** @param taken the length of the history that the model took the last time */
async function ask(
  { endpoint, request, store, tools, signal, emit }: TurnRequest,
  taken: number,
): Promise<ModelAnswer> {
  try {
    return await askModel(
      endpoint,
      { ...request, input: store.items, tools: tools.tools() },
      signal,
      (message) => emit({ type: "error", message }),
    );
  } catch (error) {
    // Whatever was new is what it does not take: it would not take it in the next turn either (T1).
    if (error instanceof ModelError && error.isRejection) {
      store.rewind(taken);
      const outputs = openCalls(store.items).map((call) => outputOf(call, WITHHELD));
      if (outputs.length > 0) store.add(outputs);
    }
    throw error;
  }
}

/** @returns an output for each of the calls, in their order (T2) */
async function runCalls(
  calls: readonly ConversationItem[],
  turn: TurnRequest,
): Promise<readonly ConversationItem[]> {
  const { store, tools, signal, clock, emit, newId } = turn;
  const known = new Map<unknown, ConversationItem>();
  const ids = new Map<string, string>();
  let over = false;
  const onEvent = (event: DispatchEvent): void => {
    // Of a tool that did not heed its signal.
    if (over) return;
    if (event.type === "ended") {
      const output: ConversationItem = {
        type: "function_call_output",
        call_id: event.callId,
        output: event.output as ConversationItem[string],
      };
      known.set(event.callId, output);
      try {
        store.keep(output);
      } catch {
        // It is written again with those of the other calls, which then says what is wrong.
      }
    }
    const shown = toolEvent(event, ids, newId);
    if (shown !== undefined) emit(shown);
  };
  const dispatched = tools.dispatch(calls.filter(isFunctionCall).map(toFunctionCall), { signal, onEvent });
  try {
    const outputs = await abortable(dispatched, signal).catch(() =>
      within(clock, CANCEL_GRACE_MS, dispatched),
    );
    if (outputs !== "timeout") for (const output of outputs) known.set(output.call_id, output as never);
  } finally {
    over = true;
  }
  return calls.map(
    (call) => known.get(call["call_id"]) ?? outputOf(call, isFunctionCall(call) ? INTERRUPTED : NO_SUCH_TOOL),
  );
}

function outputOf(call: ConversationItem, output: string): ConversationItem {
  return { type: outputTypeOf(call) as string, call_id: call["call_id"] as string, output };
}

// ---- what the model says ---------------------------------------------------------------------------------------

/** The items of an answer as they are kept and sent back: a model may write anything. */
function readItems(items: readonly ConversationItem[]): ConversationItem[] {
  const callIds = new Set<string>();
  return items.map(({ id: _id, status: _status, ...item }, index): ConversationItem => {
    if (item.type !== "function_call") return item;
    const { call_id: given, name, arguments: args } = item;
    let callId = typeof given === "string" && given !== "" ? given : `call_${index}`;
    while (callIds.has(callId)) callId += "_";
    callIds.add(callId);
    return {
      ...item,
      call_id: callId,
      name: typeof name === "string" ? name : "",
      arguments: typeof args === "string" ? args : JSON.stringify(args ?? {}),
    };
  });
}

/** A summary of reasoning is for people; sent back without the reasoning itself, it would be rejected. */
function isSentBack(item: ConversationItem): boolean {
  return (
    item.type !== "reasoning" ||
    typeof item["encrypted_content"] === "string" ||
    Array.isArray(item["content"])
  );
}

function isFunctionCall({ type }: ConversationItem): boolean {
  return type === "function_call";
}

function toFunctionCall({ call_id, name, namespace, arguments: args }: ConversationItem): FunctionCallItem {
  return {
    type: "function_call",
    call_id: call_id as string,
    name: name as string,
    ...(typeof namespace === "string" ? { namespace } : {}),
    arguments: args as string,
  };
}

// ---- what is reported ------------------------------------------------------------------------------------------

function report(item: ConversationItem, { emit, newId }: TurnRequest): void {
  if (item.type === "message") {
    const text = textsOf(item["content"]).join("");
    emit({ type: "item.completed", item: { id: newId(), type: "agent_message", text } });
  } else if (item.type === "reasoning") {
    const text = textsOf(item["summary"]).join("\n");
    if (text.trim() !== "") emit({ type: "item.completed", item: { id: newId(), type: "reasoning", text } });
  }
}

function textsOf(parts: unknown): readonly string[] {
  if (!Array.isArray(parts)) return [];
  return parts.flatMap((part: unknown) => {
    const text = isObject(part) ? (part["text"] ?? part["refusal"]) : undefined;
    return typeof text === "string" ? [text] : [];
  });
}

/** In the form that the codex engine gives these items, with its nulls. A host's own tools are no items: it knows them. */
function toolEvent(
  event: DispatchEvent,
  ids: Map<string, string>,
  newId: () => string,
): ThreadEvent | undefined {
  if (event.type === "progress" || event.routed.kind !== "mcp") return undefined;
  const { callId, args, routed } = event;
  const known = ids.get(callId);
  const id = known ?? newId();
  ids.set(callId, id);
  const ended = event.type === "ended" ? endOf(event) : { result: null, error: null, status: "in_progress" };
  const { server, tool } = routed;
  const item = {
    id,
    type: "mcp_tool_call",
    server,
    tool,
    arguments: args,
    ...ended,
  } as unknown as McpToolCallItem;
  return { type: event.type === "ended" ? "item.completed" : "item.started", item };
}

function endOf({ outcome, error }: DispatchEvent & { readonly type: "ended" }): object {
  if (outcome?.kind === "result" || outcome?.kind === "tool_error") {
    const { content, structuredContent = null, _meta: meta } = outcome.result;
    const result = {
      content,
      structured_content: structuredContent,
      ...(meta === undefined ? {} : { _meta: meta }),
    };
    return { result, error: null, status: outcome.kind === "result" ? "completed" : "failed" };
  }
  return { result: null, error: { message: error ?? "the call was not made" }, status: "failed" };
}
