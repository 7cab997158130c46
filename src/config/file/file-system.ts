/**
 * The calls by which configuration files are read, locked and replaced.
 *
 * An interface with only the calls that are used, so that a test can fail or kill at any one of them. What goes
 * wrong is worded here, once.
 */
import * as fs from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf, messageOf } from "../../base/errors.ts";
import { makeFolder } from "../../base/make-folder.ts";
import { ConfigError, type ConfigErrorCode } from "../problem.ts";

/** What is asked of a file's status. */
export interface FileStatus {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  isFile(): boolean;
  isSymbolicLink(): boolean;
}

export interface ConfigFileHandle {
  stat(): Promise<FileStatus>;
  readFile(): Promise<Uint8Array>;
  writeFile(bytes: Uint8Array): Promise<void>;
  chmod(mode: number): Promise<void>;
  chown(uid: number, gid: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface ConfigFileSystem {
  open(path: string, flags: string | number, mode?: number): Promise<ConfigFileHandle>;
  lstat(path: string): Promise<FileStatus>;
  readlink(path: string): Promise<string>;
  realpath(path: string): Promise<string>;
  readdir(path: string): Promise<string[]>;
  /** With the folders above it. */
  makeFolder(path: string, mode: number): Promise<void>;
  link(existing: string, path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
}

export const nodeFileSystem: ConfigFileSystem = {
  ...fs,
  makeFolder: async (path, mode) => makeFolder(path, mode),
};

/** Makes the folder of a file if needed, for its owner alone, because configuration may hold secrets. */
export async function makeFolderOf(path: string, fs: ConfigFileSystem): Promise<void> {
  await fs.makeFolder(dirname(path), 0o700);
}

/** Removes a file that may be gone already. */
export async function removeFile(path: string, fs: ConfigFileSystem): Promise<void> {
  const unlink = async (): Promise<void> => {
    try {
      await fs.unlink(path);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
    }
  };
  // Once more, because what is left behind costs the next one more than the second attempt costs us.
  await unlink().catch(unlink);
}

/** Does something with an open file, and closes it in any case. */
export async function withFile<T>(
  handle: ConfigFileHandle,
  use: (handle: ConfigFileHandle) => Promise<T>,
): Promise<T> {
  let result: T;
  try {
    result = await use(handle);
  } catch (error) {
    // A second failure would hide the first one.
    await handle.close().catch(() => {});
    throw error;
  }
  await handle.close();
  return result;
}

const REASONS: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  ENOSPC: ["the disk is full", "Free some space and try again"],
  EDQUOT: ["your disk quota is used up", "Free some space and try again"],
  EACCES: ["permission is denied", "Check who owns the file and its folder, and whether you may write there"],
  EPERM: ["the system does not permit it", "Check who owns the file and its folder, and their attributes"],
  EROFS: ["the file system is read-only", "Mount it writable, or use a file elsewhere"],
  ENOENT: ["its folder is gone", "Create the folder and try again"],
  ENOTDIR: ["a part of its path is a file, not a folder", "Check the path"],
  EISDIR: ["it is a folder", "Name a file"],
  ENAMETOOLONG: ["its name is too long", "Use a shorter name"],
  EMFILE: ["too many files are open", "Try again, or raise the limit of open files"],
  ENFILE: ["too many files are open on this machine", "Try again later"],
  ELOOP: ["its symbolic links go in a circle", "Repair the links"],
};

/**
 * An error about a file: what could not be done, why, and what to do.
 *
 * @param action as in `Cannot <action> "<path>"`
 */
export function fileError(
  code: ConfigErrorCode,
  action: string,
  path: string,
  cause: unknown,
  note = "",
): ConfigError {
  const system = codeOf(cause);
  const known = system === undefined ? undefined : REASONS[system];
  const what = known?.[0] ?? messageOf(cause);
  const remedy = known === undefined ? "" : `. ${known[1]}`;
  const label = known === undefined ? "" : ` (${system})`;
  return new ConfigError(code, `Cannot ${action} "${path}": ${what}${label}${note}${remedy}`, { cause });
}
