/**
 * Decides which paths a client may read and write.
 *
 *   asked path ──locate──> where it is, or would be ──mayRead / mayWrite──> the path to work on
 *
 * A fence against mistakes, not a sandbox: a process that replaces a folder with a link between the check and the work
 * gets past it. Only processes of the same user can do that, and they need not.
 *
 * Invariants
 *   F1. The check is made for a path without links, and the work is done on that path.
 *   F2. A path outside is rejected whether it exists or not, so nothing is learned by asking.
 *   F3. A folder that the fence is made of is not removed, nor one that contains it.
 */
import { lstat, readlink, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { codeOf } from "../../../base/errors.ts";
import { systemError } from "../../local/system-error.ts";
import { rpcError } from "../../wire/protocol.ts";

export interface FenceOptions {
  /** Whether a path may be read. Everything in a folder that may be read may be read too. */
  readonly mayRead: (path: string) => boolean;
  /** The same for writing, creating and removing. */
  readonly mayWrite: (path: string) => boolean;
  /** Whether a path that may be written may also be removed, with what is below. */
  readonly mayRemove: (path: string) => boolean;
}

export type Access = "read" | "write" | "remove";

/** As many links as Linux follows in one path. */
const LINKS_MAX = 40;

export class Fence {
  readonly #options: FenceOptions;

  constructor(options: FenceOptions) {
    this.#options = options;
  }

  /**
   * Where a path leads, its last component followed if it is a link.
   *
   * @param path absolute and normal
   * @throws {RpcError} when it may not be touched
   * @throws the error of the operating system for a path that cannot be followed
   */
  async target(path: string, access: Access): Promise<string> {
    return this.#admit(await locate(path, "follow"), path, access);
  }

  /** The same for the entry itself: only the links before its last component are followed. */
  async entry(path: string, access: Access): Promise<string> {
    const real = path === "/" ? path : join(await locate(dirname(path), "stop"), basename(path));
    // A link is removed from where it lies; where it leads does not count.
    const isLink = access === "remove" && (await readLink(real)) !== undefined;
    return this.#admit(real, path, access, isLink ? dirname(real) : real);
  }

  /** The same for a path that must not lead through a link; the caller checks whether its last component is one. */
  async plain(path: string, access: Access): Promise<string> {
    const real = await this.entry(path, access);
    if (real !== path) throw systemError("ENOTDIR");
    return real;
  }

  #admit(real: string, asked: string, access: Access, decisive: string = real): string {
    const { mayRead, mayWrite, mayRemove } = this.#options;
    const verb = access === "read" ? "read" : "write";
    if (!(verb === "read" ? mayRead(decisive) : mayWrite(decisive))) {
      throw rpcError("failed", `path \`${asked}\` is outside of what this executor lets its clients ${verb}`);
    }
    if (access !== "remove" || mayRemove(real)) return real;
    throw rpcError(
      "failed",
      `path \`${asked}\` cannot be removed: it is a folder that this executor allows, or contains one`,
    );
  }
}

/**
 * Where a path is, or would be once created: its existing part without links, and then the rest.
 *
 * @param atDeadEnd what to do where the path itself is a link to a missing file: writing to it creates the target,
 *   creating a folder does not
 */
async function locate(
  path: string,
  atDeadEnd: "follow" | "stop",
  linksMax: number = LINKS_MAX,
): Promise<string> {
  for (let existing = path, rest = ""; ; ) {
    try {
      return join(await realpath(existing), rest);
    } catch (error) {
      if (existing === "/" || codeOf(error) === "ELOOP") throw error;
    }
    const link = atDeadEnd === "follow" && existing === path ? await readLink(path) : undefined;
    if (link !== undefined) {
      if (linksMax === 0) throw systemError("ELOOP");
      return locate(resolve(await realpath(dirname(path)), link), atDeadEnd, linksMax - 1);
    }
    rest = join(basename(existing), rest);
    existing = dirname(existing);
  }
}

/** `undefined` where nothing exists. */
export async function lstatIfAny(path: string): Promise<Awaited<ReturnType<typeof lstat>> | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function readLink(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch {
    // Not a link, or not readable; the work itself will fail with the reason.
    return undefined;
  }
}
