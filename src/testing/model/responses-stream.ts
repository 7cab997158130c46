/**
 * Renders an answer of the Responses API: server-sent events for `stream: true`, one JSON object otherwise.
 *
 * Pure: items in, text out. When each piece is sent is decided in `scripted-model.ts`.
 *
 * Invariants
 *   R1. Numbers of a stream rise by one from 0, and every `output_index` is opened and closed once.
 *   R2. The pieces of a text, joined, are the text.
 */
import { pick } from "../pick.ts";
import type { Usage } from "./reply.ts";
import type { WireItem } from "./responses-items.ts";

/** One answer while it is written. Each method returns the text to send next. */
export class ResponseStream {
  readonly #id: string;
  readonly #model: string;
  readonly #output: WireItem[] = [];
  #sequence = 0;

  constructor(id: string, model: string) {
    this.#id = id;
    this.#model = model;
  }

  created(): string {
    return this.#event("response.created", { response: this.#response("in_progress") });
  }

  /**
   * The events of one item, as chunks to be sent one after the other.
   *
   * @param chunkLength UTF-16 units per piece of a message's text; `Infinity` for one piece
   */
  *item(item: WireItem, chunkLength: number): Generator<string, void, undefined> {
    const index = this.#output.push(item) - 1;
    const text = messageText(item);
    const at = { item_id: item.id, output_index: index, content_index: 0 };
    yield this.#event("response.output_item.added", { output_index: index, item: opened(item) });
    if (text !== undefined) {
      const empty = { type: "output_text", text: "", annotations: [] };
      yield this.#event("response.content_part.added", { ...at, part: empty });
      for (const delta of pieces(text, chunkLength)) {
        yield this.#event("response.output_text.delta", { ...at, delta });
      }
      yield this.#event("response.output_text.done", { ...at, text });
      yield this.#event("response.content_part.done", { ...at, part: { ...empty, text } });
    }
    yield this.#event("response.output_item.done", { output_index: index, item });
  }

  completed(usage: Usage): string {
    return this.#event("response.completed", { response: this.#response("completed", usage) });
  }

  /** The whole answer as one object, for a client that did not ask for a stream. */
  object(usage: Usage): Readonly<Record<string, unknown>> {
    return this.#response("completed", usage);
  }

  #response(status: string, usage?: Usage): Readonly<Record<string, unknown>> {
    return {
      id: this.#id,
      object: "response",
      created_at: 0,
      status,
      model: this.#model,
      output: [...this.#output],
      error: null,
      incomplete_details: null,
      usage: usage === undefined ? null : wireUsage(usage),
    };
  }

  #event(type: string, fields: Readonly<Record<string, unknown>>): string {
    const data = { type, sequence_number: this.#sequence++, ...fields };
    return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
  }
}

function wireUsage(usage: Usage): Readonly<Record<string, unknown>> {
  const { inputTokens = 100, cachedInputTokens = 0, outputTokens = 10, reasoningOutputTokens = 0 } = usage;
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedInputTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningOutputTokens },
    total_tokens: inputTokens + outputTokens,
  };
}

function messageText(item: WireItem): string | undefined {
  if (item.type !== "message") return undefined;
  const text = pick(item, "content", 0, "text");
  return typeof text === "string" ? text : undefined;
}

/** The item as it looks before its content is there. */
function opened(item: WireItem): WireItem {
  const open = { ...item, ...("status" in item ? { status: "in_progress" } : {}) };
  return item.type === "message" ? { ...open, content: [] } : open;
}

function* pieces(text: string, chunkLength: number): Generator<string, void, undefined> {
  const step = Math.max(1, chunkLength);
  for (let start = 0; start < text.length; start += step) {
    yield text.slice(start, start + step);
  }
}
