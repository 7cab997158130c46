/**
 * The script that a prompt carries: the default of a scripted model.
 *
 * A prompt that is a JSON array of steps is played; any other prompt is echoed. The model keeps nothing
 * between requests, so hundreds of threads share one, each with its own script.
 *
 *   [{"call": {"server": "svc", "tool": "whoami"}}, {"say": "thanks"}]
 *
 * A client asks again only after a call. A step without one therefore goes out together with the steps after
 * it, up to and including the next call: `[{"say": "a"}, {"run": "ls"}, {"say": "b"}]` makes two answers.
 *
 * Invariants
 *   P1. Every step is played exactly once, in order, when the client answers every call.
 *   P2. The last answer says something: a script that ends on a call, or without a word, is followed by
 *       "done".
 *   P3. An array that looks like a script but is not valid is rejected with status 400 and the reason, so a typing
 *       error fails the turn instead of being echoed.
 */
import type { ModelReply, PlanStep, ReplyPart, ToolCallRequest, Usage } from "./reply.ts";
import { applyPatch, callTool, cut, delay, fail, hang, pace, raw, reason } from "./reply.ts";
import { runCommand, say, updatePlan, usage, webSearch } from "./reply.ts";
import { isCall } from "./responses-items.ts";
import type { ModelRequest } from "./responses-request.ts";

/**
 * One step. It may have several keys; they are played in the order listed here. For another order, or several of a
 * kind, a step may be an array of these objects.
 */
export interface PromptStep {
  /** Waits first, in milliseconds. */
  readonly delayMs?: number;
  /** Tokens the answer is charged with. */
  readonly usage?: Usage;
  /** Streams texts in pieces of so many UTF-16 units. */
  readonly chunkLength?: number;
  /** Rejects the request. A client that tries again meets the same step again. */
  readonly fail?: {
    readonly status: number;
    readonly body?: unknown;
    readonly headers?: Readonly<Record<string, string>>;
  };
  readonly reason?: string;
  readonly search?: string;
  readonly say?: string;
  readonly plan?: readonly PlanStep[];
  readonly patch?: string;
  readonly run?: string;
  readonly call?: ToolCallRequest;
  readonly raw?: Readonly<Record<string, unknown>>;
  /** Stays silent until the client leaves. */
  readonly hang?: true;
  /** Drops the connection. */
  readonly cut?: true;
}

/** A script as a prompt carries it. */
export type PromptScript = readonly (PromptStep | readonly PromptStep[])[];

/** Writes a script as prompt text. */
export function promptOf(...steps: PromptScript): string {
  return JSON.stringify(steps);
}

/** Plays the script in the request's prompt, or echoes the prompt: `You said: …`. */
export function playPrompt(request: ModelRequest): ModelReply {
  const script = parseScript(request.prompt);
  switch (script.kind) {
    case "text":
      return say(`You said: ${request.prompt}`);
    case "malformed":
      return fail(400, { error: { message: script.why, type: "invalid_request_error", code: null } });
    case "steps":
      return groupIntoAnswers(script.steps)[request.step] ?? say("done");
  }
}

type Parsed =
  | { readonly kind: "text" }
  | { readonly kind: "malformed"; readonly why: string }
  | { readonly kind: "steps"; readonly steps: readonly (readonly ReplyPart[])[] };

function parseScript(prompt: string): Parsed {
  if (!prompt.trimStart().startsWith("[")) return { kind: "text" };
  let parsed: unknown;
  try {
    parsed = JSON.parse(prompt);
  } catch {
    // Text that happens to begin with a bracket.
    return { kind: "text" };
  }
  if (!Array.isArray(parsed) || !parsed.every((step) => typeof step === "object" && step !== null)) {
    return { kind: "text" };
  }
  const steps: ReplyPart[][] = [];
  for (const [index, step] of parsed.entries()) {
    const objects: unknown[] = Array.isArray(step) ? step : [step];
    const parts: ReplyPart[] = [];
    for (const object of objects) {
      const why = findMistake(object);
      if (why !== undefined)
        return { kind: "malformed", why: `Cannot play step ${index} of the prompt: ${why}` };
      parts.push(...partsOf(object as PromptStep));
    }
    steps.push(parts);
  }
  return { kind: "steps", steps };
}

const KEYS: Readonly<Record<keyof PromptStep, "string" | "number" | "object" | "boolean">> = {
  delayMs: "number",
  usage: "object",
  chunkLength: "number",
  fail: "object",
  reason: "string",
  search: "string",
  say: "string",
  plan: "object",
  patch: "string",
  run: "string",
  call: "object",
  raw: "object",
  hang: "boolean",
  cut: "boolean",
};

function findMistake(object: unknown): string | undefined {
  if (typeof object !== "object" || object === null) return "it is not an object";
  for (const [key, value] of Object.entries(object)) {
    const wanted = Object.hasOwn(KEYS, key) ? KEYS[key as keyof PromptStep] : undefined;
    if (wanted === undefined) return `"${key}" is not one of ${Object.keys(KEYS).join(", ")}`;
    if (typeof value !== wanted || value === null) return `"${key}" must be of type ${wanted}`;
  }
  const { call, fail: failure } = object as PromptStep;
  if (call !== undefined && (typeof call.server !== "string" || typeof call.tool !== "string")) {
    return `"call" needs the strings "server" and "tool"`;
  }
  if (failure !== undefined && typeof failure.status !== "number") return `"fail" needs the number "status"`;
  return undefined;
}

function partsOf(step: PromptStep): ReplyPart[] {
  const parts: ReplyPart[] = [];
  if (step.delayMs !== undefined) parts.push(delay(step.delayMs));
  if (step.usage !== undefined) parts.push(usage(step.usage));
  if (step.chunkLength !== undefined) parts.push(pace({ chunkLength: step.chunkLength }));
  if (step.fail !== undefined) parts.push(fail(step.fail.status, step.fail.body, step.fail.headers));
  if (step.reason !== undefined) parts.push(reason(step.reason));
  if (step.search !== undefined) parts.push(webSearch(step.search));
  if (step.say !== undefined) parts.push(say(step.say));
  if (step.plan !== undefined) parts.push(updatePlan(step.plan));
  if (step.patch !== undefined) parts.push(applyPatch(step.patch));
  if (step.run !== undefined) parts.push(runCommand(step.run));
  if (step.call !== undefined) parts.push(callTool(step.call));
  if (step.raw !== undefined) parts.push(raw(step.raw));
  if (step.hang === true) parts.push(hang());
  if (step.cut === true) parts.push(cut());
  return parts;
}

/** Joins steps until one makes the client come back, or ends the connection. */
function groupIntoAnswers(steps: readonly (readonly ReplyPart[])[]): ReplyPart[][] {
  const answers: ReplyPart[][] = [];
  let open: ReplyPart[] = [];
  for (const step of steps) {
    open.push(...step);
    if (step.some(endsAnswer)) {
      answers.push(open);
      open = [];
    }
  }
  if (!open.some((part) => part.kind === "message")) open.push(say("done"));
  answers.push(open);
  return answers;
}

function endsAnswer(part: ReplyPart): boolean {
  switch (part.kind) {
    case "fail":
    case "hang":
    case "cut":
      return true;
    case "delay":
    case "usage":
    case "pace":
      return false;
    case "message":
    case "reasoning":
    case "tool":
    case "command":
    case "patch":
    case "search":
    case "plan":
    case "raw":
      return isCall(part);
  }
}
