/**
 * The tools that servers had the last time, for those that are used before they have started (`startup_readiness = "catalog"`).
 *
 *   live list ──write──> memory, file          open ──read──> memory, else file ──> tools without annotations
 *
 * Invariants
 *   E1. What is read has no annotations: nothing of it is parallel or approved before the live list is known (Codex's rule).
 *   E2. An older list never replaces a newer one: a write counts from when its list was asked for.
 *   E3. At most `ENTRIES_MAX` lists are kept in memory, for `MEMORY_MS`; on disk for a week, each of at most 4 MiB.
 *   E4. A file is the user's alone (0600), whole or absent, and holds tools only. What cannot be read or written is no error.
 */
import type { Tool } from "@modelcontextprotocol/client";
import { type Clock, wallTime } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { CatalogFolder } from "./catalog-folder.ts";

/** As Codex 0.169 keeps them in memory. */
const ENTRIES_MAX = 32;
const MEMORY_MS = 30 * 60 * 1000;

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
  readonly #folder: CatalogFolder | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: CatalogCacheOptions) {
    this.#options = options;
    this.#folder = options.folder === undefined ? undefined : new CatalogFolder(options.folder);
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
    const folder = this.#folder;
    if (folder === undefined) return;
    this.#writing = this.#writing.then(() => this.#writeFile(folder, key, tools));
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
    return this.#folder?.read(key)?.tools.map(withoutAnnotations);
  }

  async #writeFile(folder: CatalogFolder, key: string, tools: readonly Tool[]): Promise<void> {
    try {
      // A list that did not change need not be written again for a while.
      const writtenAt = (await folder.writtenAt(key)) ?? Number.NEGATIVE_INFINITY;
      const isRecent = wallTime() - writtenAt < MEMORY_MS;
      if (isRecent && JSON.stringify(folder.read(key)?.tools) === JSON.stringify(tools)) return;
      await folder.write(key, { at: wallTime(), tools, hiddenTools: 0 });
    } catch (error) {
      this.#options.log("debug", `a list of tools was not kept: ${messageOf(error)}`);
    }
  }
}

function withoutAnnotations(tool: Tool): Tool {
  const { annotations: _, ...rest } = tool;
  return rest;
}
