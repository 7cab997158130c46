/**
 * Creating, copying and removing, as `codex exec-server` 0.169 does it.
 *
 * Better than the original: a file that is copied onto itself keeps its content, and a folder is not copied into itself
 * through a link in the target.
 */
import { lstat, mkdir, opendir, readlink, rm, rmdir, stat, symlink, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { codeOf } from "../../../base/errors.ts";
import { systemError } from "../../local/system-error.ts";
import { rpcError } from "../../wire/protocol.ts";
import { type Fence, lstatIfAny } from "./fence.ts";
import { copyContent } from "./files.ts";

/** Creates a folder and the missing ones above it. An existing one is not an error. */
export async function createFolders(real: string): Promise<void> {
  const missing: string[] = [];
  for (let path = real; ; path = dirname(path)) {
    try {
      await mkdir(path);
      break;
    } catch (error) {
      if (codeOf(error) === "ENOENT") missing.push(path);
      else if (await isFolder(path)) break;
      else throw error;
    }
    if (path === "/") break;
  }
  for (const path of missing.reverse()) {
    try {
      await mkdir(path);
    } catch (error) {
      // Another process was faster.
      if (!(await isFolder(path))) throw error;
    }
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

export interface RemoveOptions {
  readonly recursive: boolean;
  /** Whether a missing path is not an error. */
  readonly force: boolean;
}

/** A link is removed, not its target. */
export async function remove(real: string, { recursive, force }: RemoveOptions): Promise<void> {
  if (real === "/") throw rpcError("invalidRequest", "the root of the file system cannot be removed");
  const found = await lstatIfAny(real);
  if (found === undefined) {
    if (force) return;
    throw systemError("ENOENT");
  }
  if (!found.isDirectory()) await unlink(real);
  else if (recursive) await rm(real, { recursive: true });
  else await rmdir(real);
}

export interface CopyRequest {
  /** Absolute and normal. */
  readonly source: string;
  readonly destination: string;
  readonly recursive: boolean;
}

/** A link is copied as a link, and only to a free name. Other kinds of files in a folder are not copied. */
export async function copy(
  { source, destination, recursive }: CopyRequest,
  fence: Fence,
  signal: AbortSignal,
): Promise<void> {
  const from = await fence.entry(source, "read");
  const found = await lstat(from);
  if (found.isDirectory()) {
    if (!recursive)
      throw rpcError("invalidRequest", "fs/copy requires recursive: true when sourcePath is a directory");
    return copyFolder(from, destination, fence, signal);
  }
  if (found.isSymbolicLink()) return copyLink(from, destination, fence);
  if (found.isFile()) return copyRegular(from, destination, fence, signal);
  throw rpcError("invalidRequest", "fs/copy only supports regular files, directories, and symlinks");
}

async function copyFolder(
  root: string,
  destination: string,
  fence: Fence,
  signal: AbortSignal,
): Promise<void> {
  const folders = [{ from: root, to: destination }];
  // The list grows during the loop.
  for (const { from, to } of folders) {
    const real = await fence.target(to, "write");
    if (real === root || real.startsWith(join(root, "/"))) {
      throw rpcError("invalidRequest", "fs/copy cannot copy a directory to itself or one of its descendants");
    }
    // Not the target of a link to a missing folder: the original also creates only what has no name yet.
    await createFolders(await fence.entry(to, "write"));
    for await (const entry of await opendir(from)) {
      signal.throwIfAborted();
      const paths = { from: join(from, entry.name), to: join(real, entry.name) };
      if (entry.isDirectory()) folders.push(paths);
      else if (entry.isSymbolicLink()) await copyLink(paths.from, paths.to, fence);
      else if (entry.isFile()) await copyRegular(paths.from, paths.to, fence, signal);
    }
  }
}

async function copyLink(from: string, destination: string, fence: Fence): Promise<void> {
  const to = await fence.entry(destination, "write");
  await symlink(await readlink(from), to);
}

async function copyRegular(
  from: string,
  destination: string,
  fence: Fence,
  signal: AbortSignal,
): Promise<void> {
  await copyContent(from, { real: await fence.target(destination, "write"), asked: destination }, signal);
}
