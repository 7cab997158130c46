/**
 * Whether a turn is on disk. Codex ends a turn as completed although its file could not be written; then the next resume fails or
 * lacks the turn. On a full disk Codex 0.171 warns about most of it, but says nothing of a file that was removed.
 */
import { statSync } from "node:fs";

/**
 * To be called before a turn.
 *
 * @param path the thread's file; `undefined` for a thread that is not to be kept
 * @returns to be called after the turn: says what is wrong with the file. It only grows, and does so with each turn
 */
export function watchThreadFile(path: string | undefined): () => string | undefined {
  if (path?.endsWith(".jsonl") !== true) return () => undefined;
  const before = sizeOf(path) ?? 0;
  return () => {
    const after = sizeOf(path);
    if (after !== undefined && after > before) return undefined;
    const what = after === undefined ? "is missing" : after === 0 ? "is empty" : "did not grow";
    return `This turn is not on disk, and resuming the thread will fail or lack it: its file ${path} ${what}. Check the disk of the Codex home`;
  };
}

function sizeOf(path: string): number | undefined {
  try {
    return statSync(path).size;
  } catch {
    return undefined;
  }
}
