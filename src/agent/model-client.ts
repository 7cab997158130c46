/**
 * One request to a model, over OpenAI's Responses API: a history in, a whole answer out.
 *
 * The official `openai` package speaks the wire. It is loaded with the first request, and tries again what failed before the
 * answer began (408, 409, 429, 5xx, no connection), after the time that Retry-After says, up to a minute. An answer that breaks
 * off is asked for again here.
 *
 * Invariants
 *   M1. An answer counts whole: what breaks off is dropped and asked for again, a bounded number of times.
 *   M2. Errors have an `EngineError` code and say what to do; the key appears in none.
 *   M3. A model that falls silent ends the request: each wait has a bound, and every one ends with the signal.
 */
import type { OpenAI } from "openai";
import { Backoff } from "../base/backoff.ts";
import { type Clock, sleep } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { isObject, type JsonObject } from "../base/json.ts";
import { AbortError, EngineError, type EngineErrorCode } from "../thread/errors.ts";
import type { Usage } from "../thread/events.ts";
import type { ModelReasoningEffort } from "../thread/options.ts";
import type { ToolDefinition } from "../tools/router/contract.ts";

/** An item of a conversation, as the Responses API has it: a message, reasoning, a call, an output. */
export type ConversationItem = JsonObject & { readonly type: string };

export interface ModelRequest {
  readonly model: string;
  readonly instructions: string | undefined;
  readonly input: readonly ConversationItem[];
  readonly tools: readonly ToolDefinition[];
  /** A JSON Schema that the answer keeps to. */
  readonly outputSchema: JsonObject | undefined;
  readonly reasoningEffort: ModelReasoningEffort | undefined;
  /** Requests with the same key may share the model's cache of what they begin with. */
  readonly cacheKey: string;
}

export interface ModelEndpoint {
  /** Up to and without `/responses`. */
  readonly baseUrl: string;
  /** None: no `Authorization` is sent. */
  readonly apiKey: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** How often one request is tried again. */
  readonly retriesMax: number;
  /** How long the model may be silent, in milliseconds. */
  readonly silenceMs: number;
  readonly clock: Clock;
  readonly random?: (() => number) | undefined;
}

export interface ModelAnswer {
  readonly items: readonly ConversationItem[];
  /** Of this request. */
  readonly usage: Usage;
}

/** What went wrong with a request. */
export class ModelError extends EngineError {
  override readonly name = "EngineError";
  /** The model does not take what it was sent; it never will. */
  readonly isRejection: boolean;

  constructor(
    code: EngineErrorCode,
    message: string,
    options: ErrorOptions & { isRejection?: boolean } = {},
  ) {
    const { isRejection = false, ...rest } = options;
    super(code, message, rest);
    this.isRejection = isRejection;
    // An error that is printed shows its fields.
    Object.defineProperty(this, "isRejection", { enumerable: false });
  }
}

/** The answer ended before its end, and the same request may do better. */
class BrokenOff extends Error {}

const FIRST_DELAY_MS = 200;
const DELAY_MAX_MS = 10_000;

/**
 * @param onRetry told when an answer broke off and is asked for again
 * @throws {ModelError} {AbortError}
 */
export async function askModel(
  endpoint: ModelEndpoint,
  request: ModelRequest,
  signal: AbortSignal,
  onRetry: (message: string) => void,
): Promise<ModelAnswer> {
  const { retriesMax, clock, random } = endpoint;
  const backoff = new Backoff({ firstMs: FIRST_DELAY_MS, maxMs: DELAY_MAX_MS, random });
  for (;;) {
    try {
      return await ask(endpoint, request, signal);
    } catch (error) {
      if (signal.aborted) throw new AbortError(signal);
      if (!(error instanceof BrokenOff)) throw toModelError(error, endpoint);
      const delayMs = backoff.fail();
      if (backoff.failures > retriesMax) {
        const what = `The answer of the model at ${originOf(endpoint)} broke off, ${backoff.failures} times in a row`;
        throw new ModelError("model_unreachable", `${what}: ${error.message}`, { cause: error });
      }
      onRetry(`Reconnecting... ${backoff.failures}/${retriesMax} (${error.message})`);
      await sleep(clock, delayMs, signal).catch(() => {});
      if (signal.aborted) throw new AbortError(signal);
    }
  }
}

async function ask(
  endpoint: ModelEndpoint,
  request: ModelRequest,
  signal: AbortSignal,
): Promise<ModelAnswer> {
  const { silenceMs, clock } = endpoint;
  const client = await clientOf(endpoint);
  const stream = (await client.responses.create(bodyOf(request) as never, {
    signal,
  })) as unknown as ServerEvents;
  const items: ConversationItem[] = [];
  let silent = false;
  const onSilence = (): void => {
    silent = true;
    stream.controller.abort();
  };
  let timer = clock.schedule(silenceMs, onSilence);
  try {
    for await (const event of stream) {
      timer.clear();
      timer = clock.schedule(silenceMs, onSilence);
      switch (event["type"]) {
        case "response.output_item.done":
          if (isItem(event["item"])) items.push(event["item"]);
          break;
        case "response.completed":
          return { items, usage: readUsage(event["response"]) };
        case "response.incomplete":
          throw incomplete(event["response"]);
        case "response.failed":
          throw failed(isObject(event["response"]) ? event["response"]["error"] : undefined);
        case "error":
          throw failed(event);
        default:
      }
    }
  } catch (error) {
    if (silent) throw new BrokenOff(`it was silent for ${silenceMs} ms`, { cause: error });
    // What the API says has a status or came as an event; everything else is the connection, or text that is no answer.
    if (error instanceof ModelError || error instanceof BrokenOff || statusOf(error) !== undefined)
      throw error;
    throw new BrokenOff(causeOf(error), { cause: error });
  } finally {
    timer.clear();
    // Nothing after the end of an answer is of use.
    stream.controller.abort();
  }
  throw new BrokenOff(
    silent ? `it was silent for ${silenceMs} ms` : "the stream ended before the answer did",
  );
}

const clients = new WeakMap<ModelEndpoint, OpenAI>();

/** Making one costs a millisecond. */
async function clientOf(endpoint: ModelEndpoint): Promise<OpenAI> {
  const known = clients.get(endpoint);
  if (known !== undefined) return known;
  const { OpenAI } = await import("openai");
  const { baseUrl: baseURL, apiKey, headers, retriesMax, silenceMs } = endpoint;
  const client = new OpenAI({
    baseURL,
    apiKey: apiKey ?? "none",
    maxRetries: retriesMax,
    timeout: silenceMs,
    // Nothing of the environment but what was given.
    organization: null,
    project: null,
    logLevel: "off",
    defaultHeaders: { ...(apiKey === undefined ? { Authorization: null } : {}), ...headers },
  });
  clients.set(endpoint, client);
  return client;
}

interface ServerEvents extends AsyncIterable<Readonly<Record<string, unknown>>> {
  readonly controller: AbortController;
}

function bodyOf(request: ModelRequest): JsonObject {
  const { model, instructions, input, tools, outputSchema, reasoningEffort, cacheKey } = request;
  return {
    model,
    input: input as unknown as JsonObject[],
    tools: tools as unknown as JsonObject[],
    stream: true,
    store: false,
    parallel_tool_calls: true,
    include: ["reasoning.encrypted_content"],
    prompt_cache_key: cacheKey,
    ...(instructions === undefined ? {} : { instructions }),
    ...(reasoningEffort === undefined ? {} : { reasoning: { effort: reasoningEffort, summary: "auto" } }),
    ...(outputSchema === undefined
      ? {}
      : { text: { format: { type: "json_schema", name: "answer", schema: outputSchema, strict: true } } }),
  };
}

function isItem(value: unknown): value is ConversationItem {
  return isObject(value) && typeof value["type"] === "string";
}

function readUsage(response: unknown): Usage {
  const usage = isObject(response) && isObject(response["usage"]) ? response["usage"] : {};
  const count = (holder: unknown, key: string): number => {
    const value = isObject(holder) ? holder[key] : undefined;
    return typeof value === "number" ? value : 0;
  };
  const { input_tokens_details: input, output_tokens_details: output } = usage;
  return {
    input_tokens: count(usage, "input_tokens"),
    cached_input_tokens: count(input, "cached_tokens"),
    cache_write_input_tokens: count(input, "cache_write_tokens"),
    output_tokens: count(usage, "output_tokens"),
    reasoning_output_tokens: count(output, "reasoning_tokens"),
  };
}

// ---- what went wrong -------------------------------------------------------------------------------------------

function incomplete(response: unknown): ModelError {
  const details = isObject(response) ? response["incomplete_details"] : undefined;
  const reason = isObject(details) && typeof details["reason"] === "string" ? details["reason"] : "unknown";
  return new ModelError("request_failed", `The model did not finish its answer: ${reason}`);
}

/** Codes of a failure in the middle of an answer after which the same request may succeed. */
const PASSING: ReadonlySet<unknown> = new Set(["server_error", "server_is_overloaded", "slow_down"]);

function failed(error: unknown): Error {
  const { code, message } = isObject(error) ? error : {};
  const text = typeof message === "string" && message !== "" ? message : "it gave no reason";
  if (isContextCode(code, text)) return outgrown(text);
  if (code === "rate_limit_exceeded" || code === "insufficient_quota") return rateLimited("The model", text);
  if (PASSING.has(code)) return new BrokenOff(text);
  return new ModelError("request_failed", `The model failed: ${text}`);
}

function toModelError(error: unknown, endpoint: ModelEndpoint): ModelError {
  if (error instanceof ModelError) return error;
  const status = statusOf(error);
  const { code } = error as { readonly code?: unknown };
  const text = status === undefined ? causeOf(error) : messageOf(error).slice(0, WORDS_MAX);
  const subject = `The model at ${originOf(endpoint)}`;
  const options = { cause: error };
  if (isContextCode(code, text)) return outgrown(text, error);
  if (status === undefined)
    return new ModelError("model_unreachable", `${subject} did not answer: ${text}`, options);
  if (status === 401 || status === 403)
    return new ModelError("model_unauthorized", `${subject} does not accept the key: ${text}`, options);
  if (status === 429) return rateLimited(subject, text, error);
  const isRejection = status === 400 || status === 413 || status === 422;
  return new ModelError("request_failed", `${subject} rejected the request: ${text}`, {
    ...options,
    isRejection,
  });
}

const WORDS_MAX = 500;

function statusOf(error: unknown): number | undefined {
  const { status } = error as { readonly status?: unknown };
  return typeof status === "number" ? status : undefined;
}

/** The words of the innermost error: `fetch` wraps the one that says what happened. */
function causeOf(error: unknown): string {
  let at = error;
  for (let depth = 0; depth < 5 && at instanceof Error && at.cause instanceof Error; depth++) at = at.cause;
  return messageOf(at).slice(0, WORDS_MAX);
}

function originOf({ baseUrl }: ModelEndpoint): string {
  return URL.parse(baseUrl)?.origin ?? baseUrl;
}

/** Providers word it in their own ways; the code is OpenAI's. */
function isContextCode(code: unknown, text: string): boolean {
  return code === "context_length_exceeded" || /context (?:length|window)/i.test(text);
}

function outgrown(text: string, cause?: unknown): ModelError {
  const message = `The conversation has outgrown the model: ${text.replace(/\.$/, "")}. Start a new thread, or use a model with a larger context`;
  return new ModelError("request_failed", message, { cause, isRejection: true });
}

function rateLimited(subject: string, text: string, cause?: unknown): ModelError {
  return new ModelError("model_rate_limited", `${subject} takes no more requests: ${text}`, { cause });
}
