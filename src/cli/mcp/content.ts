/** What a server answered, as text: text as it is, everything else described. */
import type { CallResult } from "../../mcp/index.ts";
import { print, say, tell } from "../output.ts";

export type Content = CallResult["result"]["content"][number];

/** A block for each line or more. */
export function contentText(content: readonly Content[]): string {
  return content.map(blockText).join("\n");
}

function blockText(block: Content): string {
  switch (block.type) {
    case "text":
      return block.text;
    case "image":
    case "audio":
      return `[${block.type}: ${block.mimeType}, ${bytesText(byteLength(block.data))}]`;
    case "resource_link":
      return `[link: ${block.uri}${block.mimeType === undefined ? "" : ` (${block.mimeType})`}]`;
    case "resource":
      return resourceText(block.resource);
    default:
      return `[${(block as { readonly type: string }).type}]`;
  }
}

interface ResourceContents {
  readonly uri: string;
  readonly mimeType?: string | undefined;
  readonly text?: string;
  readonly blob?: string;
}

export function resourceText({ uri, mimeType, text, blob }: ResourceContents): string {
  const what = `${uri}${mimeType === undefined ? "" : ` (${mimeType})`}`;
  if (text !== undefined) return `[resource: ${what}]\n${text}`;
  return `[resource: ${what}, ${bytesText(byteLength(blob ?? ""))}]`;
}

function byteLength(base64: string): number {
  return Buffer.byteLength(base64, "base64");
}

function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  const kilobytes = bytes / 1024;
  return kilobytes < 1024 ? `${kilobytes.toFixed(1)} kB` : `${(kilobytes / 1024).toFixed(1)} MB`;
}

/** To stdout: as it came for a program that reads it, and without control characters for a terminal. */
export function printAnswer(text: string): void {
  if (text === "") return tell("(the answer is empty)");
  if (process.stdout.isTTY) say(text);
  else print(text.endsWith("\n") ? text : `${text}\n`);
}
