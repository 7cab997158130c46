/**
 * The cut of Codex 0.169 to 0.171, twice, as it does it: once where the output is made, once where it is remembered.
 *
 * The second cut meets the first one's marker, which made the text too long again, and takes it out. So the number that a
 * model reads (`…7 tokens truncated…`) is that of the marker, not of the output. It is kept here because it is what Codex shows.
 */
import type { OutputPart } from "../router/contract.ts";
import { BYTES_PER_TOKEN, type OutputLimit, tokensOf } from "./model-traits.ts";

/** Codex lets an output be a fifth longer than the limit says. */
const MARGIN = 1.2;

export function truncateText(text: string, limit: OutputLimit): string {
  const [first, second] = passes(limit);
  return cut(cut(text, first), second);
}

/** An image as the first cut meets it. Codex looks into it between the two, and it may become a text. */
export interface PendingImage {
  readonly type: "pending_image";
  readonly becomes: OutputPart;
}

export function truncateParts(
  parts: readonly (OutputPart | PendingImage)[],
  limit: OutputLimit,
): readonly OutputPart[] {
  const [first, second] = passes(limit);
  const settled = onePass(parts, first).map((part) => (part.type === "pending_image" ? part.becomes : part));
  return onePass(settled, second);
}

function passes({ mode, limit }: OutputLimit): readonly [OutputLimit, OutputLimit] {
  const budget = Math.ceil(limit * MARGIN);
  const tokens = mode === "tokens" ? budget : tokensOf(budget);
  return [
    { mode, limit: budget },
    { mode: "tokens", limit: tokens },
  ];
}

type Text = OutputPart & { readonly type: "input_text" };

function onePass<Other extends { readonly type: string }>(
  parts: readonly (Text | Other)[],
  { mode, limit }: OutputLimit,
): readonly (Text | Other)[] {
  const kept: (Text | Other)[] = [];
  let left = limit;
  let omitted = 0;
  for (const part of parts) {
    if (!isText(part)) {
      kept.push(part);
      continue;
    }
    if (left === 0) {
      omitted++;
      continue;
    }
    const bytes = Buffer.byteLength(part.text);
    const cost = mode === "tokens" ? tokensOf(bytes) : bytes;
    kept.push(cost <= left ? part : { type: "input_text", text: cut(part.text, { mode, limit: left }) });
    left = Math.max(0, left - cost);
  }
  if (omitted > 0) kept.push({ type: "input_text", text: `[omitted ${omitted} text items ...]` });
  return kept;
}

function isText(part: { readonly type: string }): part is Text {
  return part.type === "input_text";
}

function cut(text: string, { mode, limit }: OutputLimit): string {
  const bytesMax = mode === "tokens" ? limit * BYTES_PER_TOKEN : limit;
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesMax) return text;
  const half = Math.floor(bytesMax / 2);
  let head = half;
  while (head > 0 && isInsideCharacter(bytes, head)) head--;
  let tail = bytes.length - (bytesMax - half);
  while (tail < bytes.length && isInsideCharacter(bytes, tail)) tail++;
  const removed =
    mode === "tokens"
      ? `${tokensOf(bytes.length - bytesMax)} tokens`
      : `${characters(bytes, head, tail)} chars`;
  return `${bytes.toString("utf8", 0, head)}…${removed} truncated…${bytes.toString("utf8", tail)}`;
}

function characters(bytes: Buffer, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at++) if (!isInsideCharacter(bytes, at)) count++;
  return count;
}

function isInsideCharacter(bytes: Buffer, at: number): boolean {
  return ((bytes[at] ?? 0) & 0xc0) === 0x80;
}
