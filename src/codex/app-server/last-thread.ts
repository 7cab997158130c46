/** The thread that was last worked with in a Codex home. */
import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { isObject } from "../../base/json.ts";

/** The first line of a thread's file has Codex's own instructions in it: some 20 KB. */
const FIRST_LINE_MAX = 1_048_576;

/**
 * @param home a Codex home
 * @param cwd the folder that the thread was started in, without links
 * @returns the id of the thread whose file was last written to; threads that a thread has started do not count
 */
export function lastThread(home: string, cwd: string): string | undefined {
  const files = threadFiles(join(home, "sessions"))
    .map((file) => ({ file, at: statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.at - a.at);
  for (const { file } of files) {
    const id = threadOf(file, cwd);
    if (id !== undefined) return id;
  }
  return undefined;
}

function threadFiles(folder: string): string[] {
  try {
    const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
    return names.filter((name) => /rollout-[^/\\]*\.jsonl$/.test(name)).map((name) => join(folder, name));
  } catch {
    // No thread has been kept here yet.
    return [];
  }
}

function threadOf(file: string, cwd: string): string | undefined {
  let head: unknown;
  try {
    head = JSON.parse(firstLine(file));
  } catch {
    // It has just been begun, removed, or is not a thread's file.
    return undefined;
  }
  const meta = isObject(head) && head.type === "session_meta" ? head.payload : undefined;
  // The source of a thread that another one has started is an object.
  if (!isObject(meta) || meta.cwd !== cwd || isObject(meta.source)) return undefined;
  return typeof meta.id === "string" ? meta.id : undefined;
}

function firstLine(file: string): string {
  const bytes = Buffer.alloc(FIRST_LINE_MAX);
  const fd = openSync(file, "r");
  try {
    let length = 0;
    for (let read = 1; read > 0 && !bytes.subarray(0, length).includes(10); length += read) {
      read = readSync(fd, bytes, length, Math.min(65_536, FIRST_LINE_MAX - length), null);
    }
    const end = bytes.subarray(0, length).indexOf(10);
    return bytes.toString("utf8", 0, end === -1 ? length : end);
  } finally {
    closeSync(fd);
  }
}
