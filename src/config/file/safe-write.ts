/**
 * Reads a configuration file and replaces it whole, or not at all.
 *
 * `file-lock.ts` decides who may write when; the caller decides about the text.
 *
 * Invariants
 *   W1. Whatever happens, and wherever it stops, the target is the old file in full or the new one in full: the text
 *       goes to a file beside it, onto the disk, and is then renamed over it.
 *   W2. A failure removes the file beside it. After a crash at most that one is left; its name marks it, and the next
 *       holder of the lock removes it (`isLitter`).
 *   W3. The target is replaced only if it still is the version that was read, checked as the last thing before the
 *       rename. What a program that does not take our lock writes between the two is lost; no call closes that gap.
 *   W4. Nobody may read the new file who may not read the old one: it is born for its owner alone and then given the
 *       old mode; where the group cannot be kept, the group's rights are not given either. The umask has no say.
 *   W5. After the rename it is done: a folder that cannot be synced costs durability in a power failure, not truth.
 */
import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve, sep } from "node:path";
import { codeOf } from "../../base/errors.ts";
import { ConfigError } from "../problem.ts";
import {
  type ConfigFileHandle,
  type ConfigFileSystem,
  type FileStatus,
  fileError,
  makeFolderOf,
  nodeFileSystem,
  removeFile,
  withFile,
} from "./file-system.ts";
import { decodeText, FILE_BYTES_MAX, TOO_LARGE } from "./text.ts";

/** As in Linux. */
const LINKS_MAX = 40;
/** The bits that `chmod` sets and that mean something for a plain file. */
const PERMISSIONS = 0o777;
const OWNER_ONLY = 0o600;

export interface VersionedText {
  /** With its byte order mark, if it has one. */
  readonly text: string;
  /** SHA-256 of the bytes. */
  readonly version: string;
  readonly mode: number;
}

/**
 * Follows symbolic links to the file that is to be read or replaced, so that the links stay. The last one may point
 * to nothing: that file is the one to be created.
 *
 * @throws {ConfigError} `unreadable` for links that go in a circle, or are more than 40
 */
export async function resolveTarget(path: string, fs: ConfigFileSystem = nodeFileSystem): Promise<string> {
  let at = resolve(path);
  try {
    for (let links = 0; links <= LINKS_MAX; links++) {
      // The folder first: `..` in a link counts from where the folder really is.
      const folder = await fs.realpath(dirname(at));
      at = join(folder, basename(at));
      if (!(await fs.lstat(at)).isSymbolicLink()) return at;
      const link = await fs.readlink(at);
      at = isAbsolute(link) ? link : folder + sep + link;
    }
  } catch (error) {
    if (codeOf(error) === "ENOENT") return resolve(at);
    throw fileError("unreadable", "follow the symbolic links of", path, error);
  }
  const cause = Object.assign(new Error(`more than ${LINKS_MAX} symbolic links`), { code: "ELOOP" });
  throw fileError("unreadable", "follow the symbolic links of", path, cause);
}

/**
 * @returns `undefined` when there is no such file
 * @throws {ConfigError} `unreadable` for what is not a file, is not UTF-8, or has more than 16 MiB
 */
export async function readVersioned(
  path: string,
  fs: ConfigFileSystem = nodeFileSystem,
): Promise<VersionedText | undefined> {
  const file = await readFile(path, fs);
  if (file === undefined) return undefined;
  return {
    text: decode(path, file.bytes),
    version: versionOf(file.bytes),
    mode: file.status.mode & PERMISSIONS,
  };
}

async function readFile(
  path: string,
  fs: ConfigFileSystem,
): Promise<{ readonly bytes: Uint8Array; readonly status: FileStatus } | undefined> {
  try {
    // Without O_NONBLOCK the open of a named pipe waits for a writer. Windows has neither.
    const opened = await fs.open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    return await withFile(opened, async (handle) => {
      const status = await handle.stat();
      if (!status.isFile()) throw new ConfigError("unreadable", `Cannot read "${path}": it is not a file`);
      if (status.size > FILE_BYTES_MAX) throw tooLarge(path);
      const bytes = await handle.readFile();
      if (bytes.length > FILE_BYTES_MAX) throw tooLarge(path);
      return { bytes, status };
    });
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    if (error instanceof ConfigError) throw error;
    throw fileError("unreadable", "read", path, error);
  }
}

function tooLarge(path: string): ConfigError {
  return new ConfigError("unreadable", `Cannot read "${path}": ${TOO_LARGE}`);
}

function versionOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function decode(path: string, bytes: Uint8Array): string {
  const decoded = decodeText(bytes);
  if (decoded.ok) return decoded.text;
  const { wrong, cause } = decoded;
  const message = `Cannot read "${path}": it is not UTF-8 (${wrong}). Save it as UTF-8`;
  throw new ConfigError("unreadable", message, { cause });
}

export interface ReplaceOptions {
  /** The version that was read; `undefined` for a file that must not exist. */
  readonly expectedVersion: string | undefined;
  /** The mode that was read. @default 0o600 */
  readonly mode?: number | undefined;
  /** Heeded until the rename. */
  readonly signal?: AbortSignal | undefined;
  readonly fs?: ConfigFileSystem | undefined;
}

/**
 * Replaces a file, or creates it together with its folder. Held under the target's lock (`withFileLock`).
 *
 * @param target no symbolic link: see `resolveTarget`
 * @throws {ConfigError} `conflict` when the file is not the expected version, `write_failed` for all else
 * @throws the signal's reason when it aborts first
 */
export async function replaceFile(target: string, text: string, options: ReplaceOptions): Promise<void> {
  const { expectedVersion, mode = OWNER_ONLY, signal, fs = nodeFileSystem } = options;
  const temporary = litterName(target, `${randomBytes(8).toString("hex")}.tmp`);
  try {
    signal?.throwIfAborted();
    if (expectedVersion === undefined) await makeFolderOf(target, fs);
    const old = await statusOf(target, fs);
    try {
      await writeNew(temporary, text, mode & PERMISSIONS, old, fs);
      await checkVersion(target, expectedVersion, fs);
      signal?.throwIfAborted();
      await fs.rename(temporary, target);
    } catch (error) {
      // A second failure would hide the first one.
      await removeFile(temporary, fs).catch(() => {});
      throw error;
    }
  } catch (error) {
    if (error instanceof ConfigError || (signal?.aborted === true && error === signal.reason)) throw error;
    const untouched = expectedVersion === undefined ? "" : ". The file is unchanged";
    throw fileError("write_failed", "write", target, error, untouched);
  }
  await syncFolder(dirname(target), fs);
}

async function statusOf(path: string, fs: ConfigFileSystem): Promise<FileStatus | undefined> {
  try {
    return await fs.lstat(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function writeNew(
  path: string,
  text: string,
  mode: number,
  old: FileStatus | undefined,
  fs: ConfigFileSystem,
): Promise<void> {
  await withFile(await fs.open(path, "wx", OWNER_ONLY), async (handle) => {
    const groupKept = old === undefined || (await keepOwner(handle, old));
    await handle.writeFile(Buffer.from(text));
    await handle.chmod(groupKept ? mode : mode & ~0o070);
    await handle.sync();
  });
}

/** @returns whether the group is that of the old file (W4) */
async function keepOwner(handle: ConfigFileHandle, old: FileStatus): Promise<boolean> {
  const born = await handle.stat();
  if (born.uid === old.uid && born.gid === old.gid) return true;
  try {
    await handle.chown(old.uid, old.gid);
    return true;
  } catch {
    // Only root may give files away; writing goes on without it.
    return born.gid === old.gid;
  }
}

async function checkVersion(
  target: string,
  expected: string | undefined,
  fs: ConfigFileSystem,
): Promise<void> {
  const file = await readFile(target, fs);
  const found = file === undefined ? undefined : versionOf(file.bytes);
  if (found === expected) return;
  const what =
    expected === undefined
      ? "was created by another program"
      : found === undefined
        ? "was removed"
        : "was changed by another program";
  throw new ConfigError(
    "conflict",
    `Cannot write "${target}": it ${what} since it was read. Read it again and repeat the change`,
  );
}

async function syncFolder(folder: string, fs: ConfigFileSystem): Promise<void> {
  try {
    await withFile(await fs.open(folder, "r"), (handle) => handle.sync());
  } catch {
    // Windows cannot open a folder, and some file systems cannot sync one (W5).
  }
}

/** The name of a file of ours beside the target. */
export function litterName(target: string, end: string): string {
  return join(dirname(target), `.${basename(target)}.switchyard-${end}`);
}

/** Whether a name in the target's folder is that of a file that `replaceFile` did not come to rename (W2). */
export function isLitter(target: string, name: string): boolean {
  return name.startsWith(basename(litterName(target, ""))) && /-[0-9a-f]{16}\.tmp$/.test(name);
}
