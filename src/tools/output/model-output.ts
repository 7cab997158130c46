/**
 * The outcome of a call for a model, better than Codex's form of it.
 *
 *   - Structured content does not hide text and images; it is left out where a text says the same already.
 *   - What is too long is cut in the middle, with the exact place, and can be read whole (`KeptOutputs`).
 *   - Resources and links are text, an image among them is one; what cannot be shown is named.
 *   - Nothing holds a registered secret, a control character, or the stack of an error.
 *
 * What a tool prints as its result is the tool's: a traceback in it stays.
 */
import { isDeepStrictEqual } from "node:util";
import { isObject } from "../../base/json.ts";
import type { CallOutcome, CallResult } from "../../mcp/index.ts";
import type { OutputPart, ToolOutput } from "../router/contract.ts";
import { type OutputOptions, wallTime } from "./codex-output.ts";
import { cutMiddle, type Gap } from "./cut-middle.ts";
import { imageUrl } from "./image.ts";
import { type KeptOutputs, READ_TOOL_OUTPUT } from "./kept-outputs.ts";
import { BYTES_PER_TOKEN, DEFAULT_OUTPUT_LIMIT, type ModelTraits } from "./model-traits.ts";
import { outcomeText } from "./outcome-text.ts";
import { plainText } from "./plain-text.ts";

export interface ModelOutputOptions extends OutputOptions {
  /** Keeps the whole of what is cut, for this call. */
  readonly kept?: { readonly outputs: KeptOutputs; readonly callId: string } | undefined;
}

export function modelOutput(outcome: CallOutcome, options: ModelOutputOptions): ToolOutput {
  const { server, tool, model = {}, redactor, elapsedMs } = options;
  const parts =
    outcome.kind === "result" || outcome.kind === "tool_error"
      ? resultParts(outcome, model)
      : [textPart(outcomeText(outcome, server, tool))];
  if (outcome.kind === "tool_error") parts.unshift(textPart("The tool reports an error:"));
  if (elapsedMs !== undefined) parts.unshift(textPart(wallTime(elapsedMs)));
  const plain = parts
    .map((part) => (part.type === "input_text" ? textPart(plainText(part.text, redactor)) : part))
    .filter((part) => part.type !== "input_text" || part.text !== "");
  if (plain.length === 0) return "The tool returned nothing.";
  return shorten(plain, options);
}

function shorten(parts: readonly OutputPart[], options: ModelOutputOptions): ToolOutput {
  const { model = {}, outputTokenLimit, kept } = options;
  const { mode, limit } =
    outputTokenLimit === undefined
      ? (model.outputLimit ?? DEFAULT_OUTPUT_LIMIT)
      : { mode: "tokens", limit: outputTokenLimit };
  const bytesMax = limit * (mode === "tokens" ? BYTES_PER_TOKEN : 1);
  let texts: readonly string[] = parts.flatMap((part) => (part.type === "input_text" ? [part.text] : []));
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes > bytesMax) {
    // One after the other, as they are read later.
    const lines = texts.map((text, at) =>
      at + 1 < texts.length && !text.endsWith("\n") ? `${text}\n` : text,
    );
    const isKept = kept?.outputs.keep(kept.callId, lines.join("")) ?? false;
    texts = cutMiddle(lines, bytesMax, (gap) => marker(gap, isKept ? kept?.callId : undefined)).texts;
  }
  const shown: OutputPart[] = [];
  const next = texts.values();
  for (const part of parts) {
    const shownPart = part.type === "input_text" ? textPart(next.next().value ?? "") : part;
    if (shownPart.type !== "input_text" || shownPart.text !== "") shown.push(shownPart);
  }
  const [first] = shown;
  return shown.length === 1 && first?.type === "input_text" ? first.text : shown;
}

function marker({ from, to, length }: Gap, callId: string | undefined): string {
  const call = JSON.stringify({ call_id: callId, offset: from });
  const hint = callId === undefined ? "" : `; to read them: ${READ_TOOL_OUTPUT} ${call}`;
  return `\n[… characters ${from} to ${to} of ${length} left out${hint} …]\n`;
}

function textPart(text: string): OutputPart {
  return { type: "input_text", text };
}

function resultParts({ result, truncated }: CallResult, model: ModelTraits): OutputPart[] {
  const parts = result.content.map((block) => blockPart(block, model));
  const { structuredContent } = result;
  if (structuredContent !== undefined && structuredContent !== null) {
    const isSaid = parts.some((part) => part.type === "input_text" && says(part.text, structuredContent));
    if (!isSaid) {
      const json = JSON.stringify(structuredContent);
      parts.push(textPart(parts.length === 0 ? json : `Structured content:\n${json}`));
    }
  }
  if (truncated !== undefined) parts.push(textPart(`[${truncated}]`));
  return parts;
}

/** Servers are asked to write structured content as a text, too. */
function says(text: string, value: unknown): boolean {
  if (!/^\s*[{[]/.test(text)) return false;
  try {
    return isDeepStrictEqual(JSON.parse(text), value);
  } catch {
    return false; // no JSON, so it says something else
  }
}

function blockPart(block: unknown, model: ModelTraits): OutputPart {
  if (!isObject(block)) return textPart(JSON.stringify(block) ?? "");
  const { type, text, data, mimeType } = block;
  if (type === "text" && typeof text === "string") return textPart(text);
  if (type === "image" && typeof data === "string") return imagePart(data, named("image", mimeType), model);
  if (type === "audio") return textPart(`[${named("audio", mimeType)} left out: you cannot hear it]`);
  if (type === "resource_link") return textPart(linkText(block));
  if (type === "resource" && isObject(block["resource"])) return resourcePart(block["resource"], model);
  return textPart(JSON.stringify(block));
}

function named(what: string, type: unknown): string {
  return typeof type === "string" && type !== "" ? `${what} (${type})` : what;
}

function imagePart(
  data: string,
  what: string,
  { images = true, imageDetail = "high" }: ModelTraits,
): OutputPart {
  if (!images) return textPart(`[${what} left out: you cannot see it]`);
  const image_url = imageUrl(data);
  if (image_url === undefined)
    return textPart(`[${what} left out: it is not a whole PNG, JPEG, GIF or WebP file]`);
  return { type: "input_image", image_url, detail: imageDetail };
}

function linkText({
  uri,
  name,
  title,
  description,
  mimeType,
  size,
}: Readonly<Record<string, unknown>>): string {
  const about = [
    typeof mimeType === "string" ? mimeType : "",
    typeof size === "number" ? `${size} bytes` : "",
    typeof description === "string" ? description : "",
  ].filter((part) => part !== "");
  const label = [title, name].find((text) => typeof text === "string" && text !== "");
  const what = `Resource ${typeof label === "string" ? `${JSON.stringify(label)}: ` : ""}${String(uri)}`;
  return about.length === 0 ? what : `${what} (${about.join("; ")})`;
}

function resourcePart(
  { uri, mimeType, text, blob }: Readonly<Record<string, unknown>>,
  model: ModelTraits,
): OutputPart {
  const what = named(`Resource ${String(uri)}`, mimeType);
  if (typeof text === "string") return textPart(`${what}:\n${text}`);
  if (typeof blob !== "string") return textPart(`[${what} left out: it is empty]`);
  if (typeof mimeType === "string" && mimeType.startsWith("image/")) return imagePart(blob, what, model);
  return textPart(`[${what} left out: ${Buffer.byteLength(blob, "base64")} bytes that are no text]`);
}
