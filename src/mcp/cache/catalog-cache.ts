/**
 * The tools that servers had the last time, for those that are used before they have started (`startup_readiness = "catalog"`).
 *
 *   live list ──write──> memory, file          open ──read──> memory, else file ──> tools without annotations
 *
 * Invariants
 *   E1. What is read has no annotations: nothing of it is parallel or approved before the live list is known (Codex's rule).
 *   E2. An older list never replaces a newer one: a write counts from when its list was asked for.
 *   E3. At most `ENTRIES_MAX` lists are kept in memory, for `MEMORY_MS`; on disk for `DISK_MS`, each at most `BYTES_MAX`.
 *   E4. A file is the user's alone (0600), whole or absent, and holds tools only. What cannot be read or written is no error.
 */
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Tool } from "@modelcontextprotocol/client";
import { type Clock, wallTime } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { isObject } from "../../base/json.ts";
import type { Log } from "../../base/log.ts";
import { makeFolder } from "../../base/make-folder.ts";

/** As Codex 0.169 keeps them in memory. */
const ENTRIES_MAX = 32;
const MEMORY_MS = 30 * 60 * 1000;
const DISK_MS = 7 * 24 * 60 * 60 * 1000;
const BYTES_MAX: number = 4 * 1024 * 1024;

export interface CatalogCacheOptions {
  /** Where the files are. @default in memory only */
  readonly folder: (() => string) | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

interface Entry {
  readonly tools: readonly Tool[];
  /** When its list was asked for, on the clock. */
  readonly asked: number;
  readonly at: number;
}

export class CatalogCache {
  readonly #options: CatalogCacheOptions;
  readonly #entries = new Map<string, Entry>();
  #writing: Promise<void> = Promise.resolve();
  #removedOld = false;

  constructor(options: CatalogCacheOptions) {
    this.#options = options;
  }

  /** @returns tools without annotations; `undefined` when nothing is known, or it is too old */
  read(key: string): readonly Tool[] | undefined {
    const known = this.#entries.get(key);
    if (known !== undefined && this.#options.clock.now() - known.at <= MEMORY_MS) {
      this.#keep(key, known);
      return known.tools;
    }
    this.#entries.delete(key);
    const tools = this.#readFile(key);
    if (tools !== undefined)
      this.#keep(key, { tools, asked: Number.NEGATIVE_INFINITY, at: this.#options.clock.now() });
    return tools;
  }

  /** @param asked when the list was asked for, on the clock (E2) */
  write(key: string, live: readonly Tool[], asked: number): void {
    const known = this.#entries.get(key);
    if (known !== undefined && asked < known.asked) return;
    const tools = live.map(withoutAnnotations);
    this.#keep(key, { tools, asked, at: this.#options.clock.now() });
    const { folder } = this.#options;
    if (folder === undefined) return;
    this.#writing = this.#writing.then(() => this.#writeFile(folder(), key, tools));
  }

  /** Waits for what is being written. */
  async end(): Promise<void> {
    await this.#writing;
  }

  /** The one that was used last is the last to go. */
  #keep(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > ENTRIES_MAX && oldest !== undefined) this.#entries.delete(oldest);
  }

  #readFile(key: string): readonly Tool[] | undefined {
    const { folder } = this.#options;
    if (folder === undefined) return undefined;
    try {
      const read: unknown = JSON.parse(readFileSync(join(folder(), `${key}.json`), "utf8"));
      if (!isObject(read) || read["version"] !== 1 || typeof read["at"] !== "number") return undefined;
      const { tools } = read;
      if (wallTime() - read["at"] > DISK_MS || !Array.isArray(tools) || !tools.every(isTool))
        return undefined;
      return tools.map(withoutAnnotations);
    } catch {
      return undefined;
    }
  }

  async #writeFile(folder: string, key: string, tools: readonly Tool[]): Promise<void> {
    const text = JSON.stringify({ version: 1, at: wallTime(), tools });
    if (Buffer.byteLength(text) > BYTES_MAX) return;
    const path = join(folder, `${key}.json`);
    const fresh = `${path}.${randomUUID()}`;
    try {
      makeFolder(folder, 0o700);
      const before = await stat(path).catch(() => undefined);
      // A list that did not change need not be written again for a while.
      if (before !== undefined && wallTime() - before.mtimeMs < MEMORY_MS && sameTools(path, tools)) return;
      await writeFile(fresh, text, { mode: 0o600, flag: "wx" });
      await rename(fresh, path);
      await this.#removeOld(folder);
    } catch (error) {
      await rm(fresh, { force: true }).catch(() => {});
      this.#options.log("debug", `a list of tools was not kept: ${messageOf(error)}`);
    }
  }

  /** Once: what is too old, and what a host that died had not finished. */
  async #removeOld(folder: string): Promise<void> {
    if (this.#removedOld) return;
    this.#removedOld = true;
    for (const name of await readdir(folder)) {
      const path = join(folder, name);
      const { mtimeMs } = await stat(path);
      if (CATALOG_FILE.test(name) && wallTime() - mtimeMs > DISK_MS) await rm(path, { force: true });
    }
  }
}

const CATALOG_FILE = /^[0-9a-f]{40}\.json/;

function withoutAnnotations(tool: Tool): Tool {
  const { annotations: _, ...rest } = tool;
  return rest;
}

function isTool(value: unknown): value is Tool {
  return isObject(value) && typeof value["name"] === "string" && isObject(value["inputSchema"]);
}

function sameTools(path: string, tools: readonly Tool[]): boolean {
  try {
    const read = JSON.parse(readFileSync(path, "utf8")) as { readonly tools: unknown };
    return JSON.stringify(read.tools) === JSON.stringify(tools);
  } catch {
    return false;
  }
}

/** A name for a file from what makes a server the same. @param parts without credentials */
export function catalogKey(parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 40);
}
