/**
 * Reads one request of OpenAI's Responses API the way a scripted model needs it.
 *
 * Pure: a parsed body in, a `ModelRequest` out. Sockets belong to `scripted-model.ts`, answers to `reply.ts`.
 *
 * The history a client sends back with each request is the only memory: where a script stands is counted from
 * `input`, so one model serves any number of threads without knowing them apart.
 */
import { isObject } from "../../base/json.ts";

/** One tool the request offers to the model. */
export interface OfferedTool {
  /** `function`, `custom`, `web_search`, ... as on the wire. */
  readonly type: string;
  /** Name inside its namespace. Hosted tools without a name have their type here. */
  readonly name: string;
  /** E.g. `mcp__svc`; absent for tools outside a namespace. */
  readonly namespace?: string;
}

/** What the client answered to one call of the model. */
export interface ToolOutput {
  readonly callId: string;
  /** The text parts, joined by newlines. */
  readonly text: string;
}

/** A model request, with what scripts usually ask of it. */
export interface ModelRequest {
  /** Model name the client asked for. */
  readonly model: string;
  /** Text of the last message a person wrote. Context that Codex inserts as a user message is skipped. */
  readonly prompt: string;
  /** Answers the model has already given after that message: 0 for the first request of a turn. */
  readonly step: number;
  /** Outputs of the calls made since that message, in the order of the history. */
  readonly outputs: readonly ToolOutput[];
  readonly tools: readonly OfferedTool[];
  /** Token of the `Authorization: Bearer` header. */
  readonly bearerToken?: string;
  /** Header names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The parsed body as it came. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Whether the client wants server-sent events. */
  readonly stream: boolean;
  /** Aborts when the client goes away before it has the whole answer, or the model is disposed. */
  readonly signal: AbortSignal;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * Parses the body of `POST /v1/responses`.
 *
 * @throws {Error} when the body is no JSON object
 */
export function parseModelRequest(
  body: unknown,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): ModelRequest {
  if (!isObject(body)) throw new Error("Cannot read a model request: the body is no JSON object");
  const input = readInput(body["input"]);
  const { prompt, tail } = splitAtPrompt(input);
  // Codex in code mode offers its tools in an item of the input.
  const added = input.filter((item) => item["type"] === "additional_tools");
  const token = /^Bearer (.+)$/i.exec(headers["authorization"] ?? "")?.[1];
  return {
    model: typeof body["model"] === "string" ? body["model"] : "",
    prompt,
    step: countAnswers(tail),
    outputs: tail.filter(isOutput).map(readOutput),
    tools: [body["tools"], ...added.map((item) => item["tools"])].flatMap(readTools),
    ...(token === undefined ? {} : { bearerToken: token }),
    headers,
    body,
    stream: body["stream"] === true,
    signal,
  };
}

/** The namespace under which Codex offers the tools of an MCP server, collisions aside. */
export function mcpNamespace(server: string): string {
  const clean = sanitise(server);
  return clean.startsWith("mcp__") ? clean : `mcp__${clean}`;
}

/** The name by which Codex offers an MCP tool inside its namespace, collisions aside. */
export function mcpToolName(tool: string): string {
  return sanitise(tool);
}

function sanitise(name: string): string {
  return name === "" ? "_" : name.replace(/[^A-Za-z0-9_]/gu, "_");
}

function readInput(input: unknown): readonly Json[] {
  if (typeof input === "string") return [{ type: "message", role: "user", content: input }];
  return Array.isArray(input) ? input.filter(isObject) : [];
}

function splitAtPrompt(input: readonly Json[]): { readonly prompt: string; readonly tail: readonly Json[] } {
  for (let index = input.length - 1; index >= 0; index--) {
    const item = input[index];
    if (item === undefined || item["role"] !== "user") continue;
    const text = readText(item["content"]);
    if (!isContext(text)) return { prompt: text, tail: input.slice(index + 1) };
  }
  return { prompt: "", tail: input };
}

/** Codex states facts about the environment as user messages; a person does not write like this. */
function isContext(text: string): boolean {
  const trimmed = text.trim();
  if (trimmed.startsWith("# AGENTS.md instructions")) return true;
  const tag = /^<([a-z]+(?:_[a-z]+)+|skill|INSTRUCTIONS)>/.exec(trimmed)?.[1];
  return tag !== undefined && trimmed.endsWith(`</${tag}>`);
}

/**
 * An answer is a run of items the model wrote; the outputs that follow end it. Codex appends all outputs of
 * parallel calls after the calls, so one answer never looks like two.
 */
function countAnswers(tail: readonly Json[]): number {
  let answers = 0;
  let writing = false;
  for (const item of tail) {
    if (isOutput(item)) {
      writing = false;
    } else if (isWrittenByModel(item) && !writing) {
      writing = true;
      answers++;
    }
  }
  return answers;
}

function isWrittenByModel(item: Json): boolean {
  const type = item["type"] ?? "message";
  if (type === "message") return item["role"] === "assistant";
  return type === "reasoning" || (typeof type === "string" && type.endsWith("_call"));
}

function isOutput(item: Json): boolean {
  const type = item["type"];
  return typeof type === "string" && type.endsWith("_output");
}

function readOutput(item: Json): ToolOutput {
  const output = item["output"];
  const body = isObject(output) ? (output["content"] ?? output) : output;
  return { callId: textOf(item["call_id"]), text: readText(body) };
}

function readText(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return content === undefined ? "" : JSON.stringify(content);
  const texts = content.filter(isObject).map((part) => part["text"]);
  return texts
    .filter((text) => typeof text === "string")
    .filter((text) => !IMAGE_LABEL.test(text))
    .join("\n");
}

/** Codex wraps each image of a prompt into these two text parts. */
const IMAGE_LABEL = /^<\/?image\b[^>]*>$/;

function readTools(tools: unknown): readonly OfferedTool[] {
  if (!Array.isArray(tools)) return [];
  return tools.filter(isObject).flatMap((tool) => {
    const type = textOf(tool["type"]);
    if (type !== "namespace") return [{ type, name: textOf(tool["name"], type) }];
    const namespace = textOf(tool["name"]);
    return readTools(tool["tools"]).map((inner) => ({ ...inner, namespace }));
  });
}

function textOf(value: unknown, fallback = ""): string {
  return typeof value === "string" ? value : fallback;
}
