/**
 * The files and folders below a folder, breadth first and by name, as `codex exec-server` 0.169 walks.
 *
 * Invariants
 *   W1. It is bounded three times: by the options, by hard limits on these, and by the size of the answer.
 *   W2. It ends in folders that link to each other: a folder is entered once, however it is reached.
 *
 * A folder that cannot be read is reported, and the walk goes on.
 */
import { lstat, stat } from "node:fs/promises";
import { join } from "node:path";
import { toFileUri } from "../../wire/file-uri.ts";
import type { WalkOptions, WalkResult } from "../../wire/fs-messages.ts";
import { rpcError } from "../../wire/protocol.ts";
import { toRpcError } from "../system-rpc-error.ts";
import type { Fence } from "./fence.ts";
import { type Listed, listFolder } from "./listing.ts";

const DEPTH_MAX = 64;
const DIRECTORIES_MAX = 10_000;
const ENTRIES_MAX = 50_000;
/** Of paths and messages, with the JSON around each. */
const ANSWER_BYTES_MAX: number = 4 * 1024 * 1024;
const ITEM_BYTES = 64;

interface Folder {
  /** As it is reported. */
  readonly path: string;
  /** Without links. */
  readonly real: string;
  readonly depth: number;
}

/** @throws {RpcError} for options out of bounds */
export function checkWalkOptions({ maxDepth, maxDirectories, maxEntries }: WalkOptions): void {
  if (maxDirectories === 0 || maxEntries === 0) {
    throw rpcError("invalidRequest", "filesystem walk limits must be greater than zero");
  }
  if (maxDepth <= DEPTH_MAX && maxDirectories <= DIRECTORIES_MAX && maxEntries <= ENTRIES_MAX) return;
  throw rpcError(
    "invalidRequest",
    `filesystem walk limits exceed maximums: depth=${DEPTH_MAX}, directories=${DIRECTORIES_MAX}, entries=${ENTRIES_MAX}`,
  );
}

/**
 * @param path absolute and normal
 * @throws the error of the operating system for `path` itself; the signal's reason
 */
export async function walk(
  path: string,
  options: WalkOptions,
  fence: Fence,
  signal: AbortSignal,
): Promise<WalkResult> {
  const real = await fence.target(path, "read");
  const isRoot =
    (await stat(real)).isDirectory() &&
    (options.followDirectorySymlinks || !(await lstat(path)).isSymbolicLink());
  const walker = new Walker(options, fence);
  if (isRoot) await walker.run({ path, real, depth: 0 }, signal);
  const { entries, errors, truncated } = walker;
  return { entries, errors, truncated };
}

class Walker {
  readonly entries: { path: string; kind: "file" | "directory" }[] = [];
  readonly errors: { path: string; message: string }[] = [];
  truncated = false;
  readonly #options: WalkOptions;
  readonly #fence: Fence;
  /** Folders that were reached, by real path. */
  readonly #reached = new Set<string>();
  #looked = 0;
  #bytesLeft = ANSWER_BYTES_MAX;

  constructor(options: WalkOptions, fence: Fence) {
    this.#options = options;
    this.#fence = fence;
  }

  async run(root: Folder, signal: AbortSignal): Promise<void> {
    this.#reached.add(root.real);
    const queue = [root];
    // The list grows during the loop.
    for (const folder of queue) {
      signal.throwIfAborted();
      if (!(await this.#enter(folder, queue))) return;
    }
  }

  /** @returns whether there is room for more */
  async #enter(folder: Folder, queue: Folder[]): Promise<boolean> {
    let listed: Listed[];
    try {
      listed = [...(await listFolder(folder.real, this.#fence))];
    } catch (error) {
      return this.#report(folder.path, toRpcError(error).message);
    }
    listed.sort((one, other) => (one.name < other.name ? -1 : 1));
    for (const { name, kind, target } of listed) {
      if (this.#looked === this.#options.maxEntries) return this.#truncate();
      this.#looked++;
      if (kind === "other") continue;
      if (target !== undefined && !(this.#options.followDirectorySymlinks && kind === "directory")) continue;
      const path = join(folder.path, name);
      const uri = toFileUri(path);
      if (!this.#reserve(uri.length)) return false;
      this.entries.push({ path: uri, kind });
      if (kind !== "directory" || folder.depth >= this.#options.maxDepth) continue;
      if (this.#options.pruneHiddenDirectories && name.startsWith(".")) continue;
      const real = target ?? join(folder.real, name);
      if (this.#reached.has(real)) continue;
      this.#reached.add(real);
      if (queue.length === this.#options.maxDirectories) this.truncated = true;
      else queue.push({ path, real, depth: folder.depth + 1 });
    }
    return true;
  }

  #report(path: string, message: string): boolean {
    const uri = toFileUri(path);
    if (!this.#reserve(uri.length + Buffer.byteLength(message))) return false;
    this.errors.push({ path: uri, message });
    return true;
  }

  #reserve(bytes: number): boolean {
    if (bytes + ITEM_BYTES > this.#bytesLeft) return this.#truncate();
    this.#bytesLeft -= bytes + ITEM_BYTES;
    return true;
  }

  #truncate(): false {
    this.truncated = true;
    return false;
  }
}
