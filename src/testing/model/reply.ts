/**
 * The words a script answers with: what the model says and calls, and how its connection behaves.
 *
 * A reply is one part or a list of parts, played in order over one connection. Parts are plain data; their
 * form on the wire is decided in `responses-items.ts`, when the request that is answered is known.
 */

/** Tokens one answer is charged with. */
export interface Usage {
  /** @default 100 */
  readonly inputTokens?: number;
  /** Part of `inputTokens`. @default 0 */
  readonly cachedInputTokens?: number;
  /** @default 10 */
  readonly outputTokens?: number;
  /** Part of `outputTokens`. @default 0 */
  readonly reasoningOutputTokens?: number;
}

/** One line of a plan. */
export interface PlanStep {
  readonly step: string;
  readonly status: "pending" | "in_progress" | "completed";
}

/** An MCP tool call, by the names the server and its configuration use. */
export interface ToolCallRequest {
  /** Name of the server in the configuration, e.g. `svc`. */
  readonly server: string;
  /** Name of the tool as the server declares it. */
  readonly tool: string;
  /** A string is sent as it is, so that a script can send broken JSON. @default {} */
  readonly arguments?: unknown;
  /** @default unique within the model */
  readonly callId?: string;
}

/** What the model writes: becomes one item of the answer. */
export type ReplyItem =
  | { readonly kind: "message"; readonly text: string }
  | { readonly kind: "reasoning"; readonly summary: string }
  | { readonly kind: "tool"; readonly call: ToolCallRequest }
  | { readonly kind: "command"; readonly command: string }
  | { readonly kind: "patch"; readonly patch: string }
  | { readonly kind: "search"; readonly query: string }
  | { readonly kind: "plan"; readonly steps: readonly PlanStep[] }
  | { readonly kind: "raw"; readonly item: Readonly<Record<string, unknown>> };

/** How the connection behaves: takes effect at its place among the items. */
export type ReplyControl =
  | { readonly kind: "delay"; readonly delayMs: number }
  | { readonly kind: "hang" }
  | { readonly kind: "cut" }
  | {
      readonly kind: "fail";
      readonly status: number;
      readonly body: unknown;
      readonly headers: Readonly<Record<string, string>>;
    }
  | { readonly kind: "usage"; readonly usage: Usage }
  | { readonly kind: "pace"; readonly chunkLength: number; readonly chunkDelayMs: number };

export type ReplyPart = ReplyItem | ReplyControl;

/** One part, or several in order. An empty list is an answer without items. */
export type ModelReply = ReplyPart | readonly ReplyPart[];

/** A message to the user. Codex ends the turn with it unless a call stands in the same reply. */
export function say(text: string): ReplyItem {
  return { kind: "message", text };
}

/** A summary of the model's reasoning. */
export function reason(summary: string): ReplyItem {
  return { kind: "reasoning", summary };
}

/** A call of an MCP tool. Several in one reply are parallel calls. */
export function callTool(call: ToolCallRequest): ReplyItem {
  return { kind: "tool", call };
}

/** A shell command, through whichever shell tool the request offers. */
export function runCommand(command: string): ReplyItem {
  return { kind: "command", command };
}

/** A patch in Codex's format, from `*** Begin Patch` to `*** End Patch`. */
export function applyPatch(patch: string): ReplyItem {
  return { kind: "patch", patch };
}

/** A finished web search. It happens at the model, so nothing comes back: put more into the same reply. */
export function webSearch(query: string): ReplyItem {
  return { kind: "search", query };
}

/** An update of the plan. Codex needs `[tools.update_plan] enabled = true` for a model it does not know. */
export function updatePlan(steps: readonly PlanStep[]): ReplyItem {
  return { kind: "plan", steps };
}

/** An output item of the Responses API, sent as it is; a missing `id` is added. */
export function raw(item: Readonly<Record<string, unknown>>): ReplyItem {
  return { kind: "raw", item };
}

/**
 * Refuses the request with an HTTP status. Must be the first part after delays.
 *
 * @param body sent as JSON, or as it is when it is a string. @default an OpenAI error object
 */
export function fail(
  status: number,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
): ReplyControl {
  const error = { error: { message: `Scripted failure ${status}`, type: "scripted_failure", code: null } };
  return { kind: "fail", status, body: body ?? error, headers: headers ?? {} };
}

/** Stays silent from here on, until the client goes away. */
export function hang(): ReplyControl {
  return { kind: "hang" };
}

/** Waits before the next part, in milliseconds. */
export function delay(delayMs: number): ReplyControl {
  return { kind: "delay", delayMs };
}

/** Destroys the connection here: what stands before it was sent, the end of the answer never comes. */
export function cut(): ReplyControl {
  return { kind: "cut" };
}

/** Charges this answer with these tokens. */
export function usage(tokens: Usage): ReplyControl {
  return { kind: "usage", usage: tokens };
}

/**
 * Streams the texts that follow in pieces.
 *
 * @param options.chunkLength UTF-16 units per piece, at least 1
 * @param options.chunkDelayMs pause before each piece. @default 0
 */
export function pace(options: {
  readonly chunkLength: number;
  readonly chunkDelayMs?: number;
}): ReplyControl {
  return { kind: "pace", chunkLength: options.chunkLength, chunkDelayMs: options.chunkDelayMs ?? 0 };
}
