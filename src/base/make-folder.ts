/**
 * Makes a folder with those above it.
 *
 * Not with Node's own `recursive`: where a folder can never be made although the one above it exists (below `/proc`, on
 * some network file systems), the system says "no such file", and Node then tries for ever, on a full core (seen with
 * Node 24). Here each folder is tried at most twice.
 */
import fs from "node:fs";
import { dirname, resolve } from "node:path";
import { codeOf, messageOf } from "./errors.ts";

/**
 * @param mode of each folder that is made; an existing one is left as it is
 * @throws {Error} with Node's `code`, saying which folder cannot be made
 */
export function makeFolder(path: string, mode: number): void {
  const folder = resolve(path);
  try {
    try {
      makeOne(folder, mode);
    } catch (error) {
      if (codeOf(error) !== "ENOENT" || dirname(folder) === folder) throw error;
      makeFolder(dirname(folder), mode);
      makeOne(folder, mode);
    }
  } catch (error) {
    throw error instanceof FolderError ? error : new FolderError(folder, error);
  }
}

class FolderError extends Error {
  readonly code: string | undefined;

  constructor(folder: string, cause: unknown) {
    super(`Cannot make the folder ${folder}: ${messageOf(cause)}`, { cause });
    this.code = codeOf(cause);
  }
}

function makeOne(folder: string, mode: number): void {
  try {
    fs.mkdirSync(folder, { mode });
  } catch (error) {
    // Some systems name another reason than EEXIST for a folder that exists, for example on a read-only disk.
    if (codeOf(error) !== "ENOENT" && isFolder(folder)) return;
    throw error;
  }
}

function isFolder(path: string): boolean {
  try {
    return fs.statSync(path).isDirectory();
  } catch {
    return false;
  }
}
