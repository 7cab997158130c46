/**
 * A bound on what one result may hold. What is cut is said, in the result and beside it.
 *
 * Text is cut in the middle, because both ends of an output tell most. An image, audio or a blob cannot be cut; above the bound
 * it is replaced by a sentence. Structured content above the bound is left out.
 */
import type { CallToolResult } from "@modelcontextprotocol/client";
import { isObject } from "../../base/json.ts";
import type { CallResult } from "./outcome.ts";

/** @param bytesMax of the whole result, about as JSON */
export function boundResult(result: CallToolResult, bytesMax: number): CallResult {
  const bytes = sizeOf(result);
  if (bytes <= bytesMax) return { result };
  const cuts: string[] = [];
  let left = bytesMax;
  let structured = result.structuredContent;
  if (structured !== undefined) {
    const size = Buffer.byteLength(JSON.stringify(structured));
    if (size > left) {
      structured = undefined;
      cuts.push(`structured content of ${size} bytes was left out`);
    } else {
      left -= size;
    }
  }
  const content = result.content.map((block): CallToolResult["content"][number] => {
    const size = Buffer.byteLength(JSON.stringify(block));
    if (size <= left) {
      left -= size;
      return block;
    }
    if (block.type === "text") {
      const text = cutMiddle(block.text, Math.max(0, left - TEXT_FRAME));
      left = 0;
      cuts.push(`a text of ${block.text.length} characters was cut to ${text.length}`);
      return { ...block, text };
    }
    cuts.push(`${nameOf(block)} of ${size} bytes was left out`);
    return {
      type: "text",
      text: `[${nameOf(block)} of ${size} bytes was left out: the result is too large]`,
    };
  });
  const { structuredContent: _, ...rest } = result;
  return {
    result: { ...rest, content, ...(structured === undefined ? {} : { structuredContent: structured }) },
    truncated: `The result had ${bytes} bytes, and the limit is ${bytesMax}: ${cuts.join("; ")}`,
  };
}

/** Without writing all of it as JSON, which would cost as much as the call. */
function sizeOf(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value) + 2;
  if (typeof value !== "object" || value === null) return 8;
  let size = 2;
  for (const [key, inner] of Object.entries(value)) size += key.length + 4 + sizeOf(inner);
  return size;
}

/** What a text block and the sentence about the cut take besides the text. */
const TEXT_FRAME = 200;

function cutMiddle(text: string, charactersMax: number): string {
  const half = Math.floor(charactersMax / 2);
  const head = text.slice(0, half).replace(/[\uD800-\uDBFF]$/, "");
  const tail = text.slice(text.length - half).replace(/^[\uDC00-\uDFFF]/, "");
  const cut = text.length - head.length - tail.length;
  return `${head}\n[… ${cut} of ${text.length} characters cut …]\n${half === 0 ? "" : tail}`;
}

function nameOf(block: unknown): string {
  const type = isObject(block) && typeof block["type"] === "string" ? block["type"] : "a block";
  return type === "image" || type === "audio" || type === "resource" ? `content of type ${type}` : "content";
}
