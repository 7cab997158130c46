/** The entries of a folder, bounded, with links followed as far as the fence allows. */
import type { Dirent } from "node:fs";
import { opendir, stat } from "node:fs/promises";
import { join } from "node:path";
import { rpcError } from "../../wire/protocol.ts";
import type { Fence } from "./fence.ts";

export interface Listed {
  readonly name: string;
  readonly kind: "file" | "directory" | "other";
  /** Where it leads, if it is a link; its `kind` is that of the target. */
  readonly target: string | undefined;
}

/** The answer has to fit into a message: names, and the JSON around each. */
const LISTING_BYTES_MAX: number = 12 * 1024 * 1024;
const ENTRY_BYTES = 64;

/**
 * In no order. A link that leads nowhere or out of the fence is left out; `codex exec-server` leaves out the former too.
 *
 * @param real a path without links
 * @throws {RpcError} when its entries do not fit into a message
 */
export async function listFolder(real: string, fence: Fence): Promise<readonly Listed[]> {
  const entries: Dirent[] = [];
  let bytes = 0;
  for await (const entry of await opendir(real)) {
    bytes += Buffer.byteLength(entry.name) + ENTRY_BYTES;
    if (bytes > LISTING_BYTES_MAX) {
      const message = `the entries of \`${real}\` do not fit into a message of ${LISTING_BYTES_MAX} bytes`;
      throw rpcError("failed", message);
    }
    entries.push(entry);
  }
  const listed: Listed[] = [];
  for (const entry of entries) {
    if (!entry.isSymbolicLink()) {
      listed.push({ name: entry.name, kind: kindOf(entry), target: undefined });
      continue;
    }
    const link = await followLink(join(real, entry.name), fence);
    if (link !== undefined) listed.push({ name: entry.name, ...link });
  }
  return listed;
}

async function followLink(path: string, fence: Fence): Promise<Omit<Listed, "name"> | undefined> {
  try {
    const target = await fence.target(path, "read");
    return { target, kind: kindOf(await stat(target)) };
  } catch {
    return undefined;
  }
}

function kindOf(entry: { isFile(): boolean; isDirectory(): boolean }): Listed["kind"] {
  if (entry.isDirectory()) return "directory";
  return entry.isFile() ? "file" : "other";
}
