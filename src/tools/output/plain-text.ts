/** Text for a model: without secrets, and without characters that only a terminal understands. */
import { stripVTControlCharacters } from "node:util";
import type { Redactor } from "../../base/redact.ts";

/** All but the tab and the line feed. */
const CONTROL = /[\p{Control}--[\t\n]]/gv;

export function plainText(text: string, redactor: Redactor | undefined): string {
  const redact = (words: string): string => redactor?.redact(words) ?? words;
  // Before, because a secret may hold such characters; after, because they may stand in the middle of one.
  const plain = stripVTControlCharacters(redact(text))
    .replace(/\r\n?/g, "\n")
    .replace(CONTROL, "")
    .toWellFormed();
  return redact(plain);
}

/** Lines of a stack, as JavaScript, Python and Rust write them. */
const FRAMES: readonly RegExp[] = [
  /^\s+at .+/,
  /^\s*File ".*", line \d+/,
  /^\s*Traceback \(most recent call last\):/,
  /^\s*(?:stack backtrace:|\d+: +(?:0x)?\w+)/,
];

/** The message of an error without the stack that some servers write into it. */
export function withoutStack(message: string): string {
  const lines = message.split("\n");
  const kept: string[] = [];
  for (const [at, line] of lines.entries()) {
    const isFrame = FRAMES.some((frame) => frame.test(line));
    // Python shows the line of code below its place.
    const isCode = /^\s*File ".*", line \d+/.test(lines[at - 1] ?? "") && /^\s/.test(line);
    if (!isFrame && !isCode) kept.push(line);
  }
  return kept.join("\n").trim();
}
