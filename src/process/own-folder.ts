/** Folders of this process that are removed with it; those of a process that was killed are removed by the next one that makes such a folder. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hostMark, isOwnerDead } from "./process-tree.ts";

/** What `mkdtemp` adds, after a hyphen. */
const RANDOM_CHARS = 6;
/** They are removed also when the process ends without disposing anything. */
const folders = new Set<string>();
let willRemove = false;

/**
 * Makes a folder that only this account can look into.
 *
 * @param prefix of its name, and of the names of those that may be removed
 */
export function makeOwnFolder(parent: string, prefix: string): string {
  sweepFolders(parent, prefix);
  if (!willRemove) process.once("exit", () => folders.forEach(removeOwnFolder));
  willRemove = true;
  const folder = mkdtempSync(join(parent, `${prefix}${hostMark()}-`));
  folders.add(folder);
  return folder;
}

/** Never throws. */
export function removeOwnFolder(folder: string): void {
  folders.delete(folder);
  remove(folder);
}

function sweepFolders(parent: string, prefix: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(prefix)) continue;
    if (isOwnerDead(name.slice(prefix.length, -RANDOM_CHARS - 1))) remove(join(parent, name));
  }
}

function remove(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // Another account's, or in use.
  }
}
