/**
 * The outcome of a call as Codex 0.169 to 0.171 gives it to a model, byte for byte, as measured on the binary.
 *
 *   Wall time: 0.0054 seconds\nOutput:     a part of its own, unless the result is one text
 *   text, image                            one part each; an empty text is left out
 *   structured content                     hides everything else; the output is one text
 *   audio                                  a placeholder
 *   resources and links                    their JSON
 *   errors, time-outs                      `tool call error: …`
 *
 * Where ours differs, because it must or should:
 *   - A secret that is registered is masked.
 *   - Images are neither scaled down nor, as Codex does with GIF, made a PNG.
 *   - JSON went through JavaScript: `1.0` is `1`, and keys that look like numbers come first.
 *   - A result without any of its fields (`{}`) counts as empty; Codex fails it with `Unexpected response type`.
 *   - Outcomes that Codex does not have (`lost`, `not_sent`) say more than its `Transport closed`, in its frame.
 */
import type { Redactor } from "../../base/redact.ts";
import type { CallOutcome, CallResult } from "../../mcp/index.ts";
import type { OutputPart, ToolOutput } from "../router/contract.ts";
import { type CodexBlock, readCodexBlock } from "./codex-blocks.ts";
import { type PendingImage, truncateParts, truncateText } from "./codex-truncate.ts";
import { imageUrl } from "./image.ts";
import { DEFAULT_OUTPUT_LIMIT, type ModelTraits } from "./model-traits.ts";

export interface OutputOptions {
  /** The name of the server, as configured. */
  readonly server: string;
  /** As the server declares it. */
  readonly tool: string;
  /** How long the call took, its approval included. When absent, the output does not say. */
  readonly elapsedMs?: number | undefined;
  /** What the model takes. @default images, and 10 000 tokens of one output */
  readonly model?: ModelTraits | undefined;
  /** `tools.<tool>.output_token_limit`. It wins over the model's. */
  readonly outputTokenLimit?: number | undefined;
  /** Masks what it knows. */
  readonly redactor?: Redactor | undefined;
}

export function codexOutput(outcome: CallOutcome, options: OutputOptions): ToolOutput {
  const { model = {}, outputTokenLimit, elapsedMs, redactor } = options;
  const limit =
    outputTokenLimit === undefined
      ? (model.outputLimit ?? DEFAULT_OUTPUT_LIMIT)
      : { mode: "tokens" as const, limit: outputTokenLimit };
  const redact = (text: string): string => redactor?.redact(text) ?? text;
  const header = elapsedMs === undefined ? undefined : wallTime(elapsedMs);
  const body = bodyOf(outcome, options);
  if (typeof body === "string")
    return truncateText(redact(header === undefined ? body : `${header}\n${body}`), limit);
  const parts: (OutputPart | PendingImage)[] =
    header === undefined ? [] : [{ type: "input_text", text: header }];
  for (const part of body) {
    if (part.type !== "input_text") parts.push(part);
    else if (part.text !== "") parts.push({ type: "input_text", text: redact(part.text) });
  }
  // Nobody promises that a list may be empty.
  return parts.length === 0 ? "" : truncateParts(parts, limit);
}

/** The part before an output. */
export function wallTime(elapsedMs: number): string {
  return `Wall time: ${(elapsedMs / 1000).toFixed(4)} seconds\nOutput:`;
}

/** A text in Codex is one that stands in one string with the header. */
function bodyOf(
  outcome: CallOutcome,
  options: OutputOptions,
): string | readonly (OutputPart | PendingImage)[] {
  switch (outcome.kind) {
    case "result":
    case "tool_error":
      return resultBody(outcome, options) ?? failed(options, "Unexpected response type");
    case "protocol_error": {
      const { code, message, data } = outcome;
      const about = data === undefined || data === null ? "" : `(${JSON.stringify(data)})`;
      return failed(options, `Mcp error: ${code}: ${message}${about}`);
    }
    case "timeout":
      return failed(options, `timed out awaiting tools/call after ${roundDuration(outcome.afterMs)}`);
    case "cancelled": {
      const seconds = ((options.elapsedMs ?? 0) / 1000).toFixed(1);
      return [{ type: "input_text", text: `aborted by user after ${seconds}s` }];
    }
    case "lost":
    case "not_sent":
      return failed(options, outcome.message);
  }
}

/** @returns undefined where Codex cannot read the result */
function resultBody(
  { result }: CallResult,
  { model = {} }: OutputOptions,
): string | readonly (OutputPart | PendingImage)[] | undefined {
  const blocks: CodexBlock[] = [];
  for (const written of result.content) {
    const block = readCodexBlock(written);
    if (block === undefined) return undefined;
    blocks.push(block);
  }
  const { structuredContent } = result;
  if (structuredContent !== undefined && structuredContent !== null) return JSON.stringify(structuredContent);
  return blocks.map((block) => partOf(block, model));
}

function partOf(block: CodexBlock, model: ModelTraits): OutputPart | PendingImage {
  const text = (words: string): OutputPart => ({ type: "input_text", text: words });
  switch (block.kind) {
    case "text":
      return text(block.text);
    case "json":
      return text(block.json);
    case "audio":
      return text("<audio content omitted because you do not support audio input>");
    case "image":
      if (model.images === false)
        return text("<image content omitted because you do not support image input>");
      return { type: "pending_image", becomes: imagePart(block.data, block.detail, model) };
  }
}

function imagePart(data: string, wanted: unknown, { imageDetail = "high" }: ModelTraits): OutputPart {
  if (wanted === "low" && imageDetail === "high") {
    const text =
      "image content omitted because detail 'low' is not supported; use 'high', 'original', or 'auto'";
    return { type: "input_text", text };
  }
  const image_url = imageUrl(data);
  if (image_url === undefined)
    return { type: "input_text", text: "image content omitted because it could not be processed" };
  const detail = wanted === "auto" && imageDetail === "high" ? "auto" : imageDetail;
  return { type: "input_image", image_url, detail };
}

function failed({ server, tool }: OutputOptions, cause: string): readonly OutputPart[] {
  const frame = `tool call error: tool call failed for \`${server}/${tool}\`\n\nCaused by:\n    `;
  return [{ type: "input_text", text: frame + cause.replaceAll("\n", "\n    ") }];
}

/** Codex writes what was left of the time when it began to wait, rounded: 1 s is `1000ms`, 1.5 s is `1s`. */
function roundDuration(ms: number): string {
  const left = ms - 1e-3;
  return left >= 1000 ? `${Math.round(left / 1000)}s` : `${Math.round(left)}ms`;
}
