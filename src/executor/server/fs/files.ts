/** Regular files: opened without waiting (for the other end of a pipe, say), and read and written whole. */
import { constants } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";
import type { RpcError } from "../../../jsonrpc/index.ts";
import { systemError } from "../../local/system-error.ts";
import { MESSAGE_BYTES_MAX, rpcError } from "../../wire/protocol.ts";

const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_TRUNC, O_WRONLY } = constants;

/** What fits into one message as base64, with the JSON around it. */
export const FILE_BYTES_MAX: number = ((MESSAGE_BYTES_MAX - 1024) / 4) * 3;

/** Files are read in parts of it. */
const PART_BYTES: number = 1024 * 1024;

/**
 * @param real a path without links
 * @param asked the path to name in errors
 * @throws {RpcError} when it is not a regular file
 */
export async function openForReading(real: string, asked: string): Promise<FileHandle> {
  // Opening a device may have effects, so its type is checked first; and again afterwards, as it may have changed.
  const found = await lstat(real);
  if (found.isSymbolicLink()) throw systemError("ELOOP");
  if (!found.isFile()) throw notAFile(asked);
  return onlyRegular(await open(real, O_RDONLY | O_NONBLOCK | O_NOFOLLOW), asked);
}

/** Opens an empty file, created or emptied. */
export async function openForReplacing(real: string, asked: string): Promise<FileHandle> {
  const file = await openForWriting(real, asked);
  try {
    await file.truncate();
  } catch (error) {
    await file.close();
    throw error;
  }
  return file;
}

async function openForWriting(real: string, asked: string): Promise<FileHandle> {
  return onlyRegular(await open(real, O_WRONLY | O_CREAT | O_NONBLOCK | O_NOFOLLOW), asked);
}

/**
 * Copies content and mode of a regular file. A file that is its own target stays as it is.
 *
 * Node's own function removes a target that it could not copy to, even a device.
 *
 * @param from a path without links
 */
export async function copyContent(
  from: string,
  to: { readonly real: string; readonly asked: string },
  signal: AbortSignal,
): Promise<void> {
  const source = await openForReading(from, from);
  try {
    const target = await openForWriting(to.real, to.asked);
    try {
      await copyBetween(source, target, signal);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function copyBetween(source: FileHandle, target: FileHandle, signal: AbortSignal): Promise<void> {
  const [from, to] = [await source.stat({ bigint: true }), await target.stat({ bigint: true })];
  if (from.dev === to.dev && from.ino === to.ino) return;
  await target.chmod(Number(from.mode & 0o7777n));
  await target.truncate();
  for (let offset = 0; ; ) {
    signal.throwIfAborted();
    const part = await readAt(source, offset, PART_BYTES);
    if (part.length === 0) return;
    await writeAt(target, offset, part);
    offset += part.length;
  }
}

/** Not only regular files: `/dev/null` works too. A pipe without a reader does not. */
export async function writeWhole(real: string, bytes: Uint8Array): Promise<void> {
  const file = await open(real, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOFOLLOW);
  try {
    await file.writeFile(bytes);
  } finally {
    await file.close();
  }
}

/** Also files that are longer than their size, as in `/proc`. @throws {RpcError} above `FILE_BYTES_MAX` */
export async function readWhole(file: FileHandle): Promise<Buffer> {
  const { size } = await file.stat();
  const parts: Buffer[] = [];
  let length = 0;
  while (size <= FILE_BYTES_MAX) {
    const part = await readAt(file, length, Math.min(PART_BYTES, FILE_BYTES_MAX + 1 - length));
    parts.push(part);
    length += part.length;
    if (length > FILE_BYTES_MAX) break;
    if (part.length < PART_BYTES) return Buffer.concat(parts);
  }
  const message = `file is too large to be read at once: limit is ${FILE_BYTES_MAX} bytes; use fs/open and fs/readBlock`;
  throw rpcError("invalidRequest", message);
}

/** As much as there is, up to `length`. */
export async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position(offset + filled));
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

export async function writeAt(file: FileHandle, offset: number, bytes: Uint8Array): Promise<void> {
  // Node would write at the current position. Codex asks the file system, of which tmpfs and XFS have files as large as that.
  if (!Number.isSafeInteger(offset + bytes.length)) throw systemError("EFBIG");
  for (let written = 0; written < bytes.length; ) {
    const rest = bytes.length - written;
    const { bytesWritten } = await file.write(bytes, written, rest, offset + written);
    written += bytesWritten;
  }
}

/** Beyond the safe integers Node needs a bigint. */
function position(offset: number): number | bigint {
  return Number.isSafeInteger(offset) ? offset : BigInt(offset);
}

async function onlyRegular(file: FileHandle, asked: string): Promise<FileHandle> {
  try {
    if ((await file.stat()).isFile()) return file;
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  throw notAFile(asked);
}

export function notAFile(asked: string): RpcError {
  return rpcError("invalidRequest", `path \`${asked}\` is not a file`);
}
