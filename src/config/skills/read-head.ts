/** The beginning of a file of a skill. */
import fs from "node:fs";
import { messageOf } from "../../base/errors.ts";
import type { Source } from "../../toml/node.ts";
import { decodeText } from "../file/text.ts";
import { YamlProblem } from "./yaml-file.ts";

/** Of one file; YAML of this size takes up to a second. Codex reads files of any size. */
export const BYTES_MAX: number = 64 * 1024;

export interface Head {
  readonly source: Source;
  /** Whether the file goes on. */
  readonly cut: boolean;
}

/** @returns `undefined` where there is no such file. @throws {YamlProblem} where it cannot be read */
export function readHead(file: string): Head | undefined {
  const refuse = (why: string): YamlProblem =>
    new YamlProblem({
      message: `failed to read file: ${why}`,
      place: { source: { name: file, text: "", kind: "text" }, start: 0, end: 0 },
    });
  let bytes: Buffer;
  try {
    // Checked first, because opening a pipe would wait forever.
    if (fs.statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
    bytes = readBytes(file);
  } catch (error) {
    throw refuse(messageOf(error));
  }
  const cut = bytes.length > BYTES_MAX;
  const whole = cut ? bytes.subarray(0, wholeCharacters(bytes)) : bytes;
  const decoded = decodeText(whole);
  if (!decoded.ok) throw refuse(`invalid utf-8 sequence (${decoded.wrong})`);
  return { source: { name: file, text: decoded.text, kind: "text" }, cut };
}

function readBytes(file: string): Buffer {
  const buffer = Buffer.alloc(BYTES_MAX + 1);
  const handle = fs.openSync(file, "r");
  try {
    let length = 0;
    for (;;) {
      const count = fs.readSync(handle, buffer, length, buffer.length - length, null);
      length += count;
      if (count === 0 || length === buffer.length) return buffer.subarray(0, length);
    }
  } finally {
    fs.closeSync(handle);
  }
}

/** How many bytes the limit leaves, without a character that it cuts. */
function wholeCharacters(bytes: Uint8Array): number {
  let end = BYTES_MAX;
  while (end > BYTES_MAX - 4 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return end;
}
