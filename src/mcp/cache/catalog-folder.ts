/** Lists of tools in a folder, each in a file of its own. MCP's SDK is not loaded here: commands read such lists while a person waits. */
import { createHash, randomUUID } from "node:crypto";
import fs from "node:fs";
import { join } from "node:path";
import type { Tool } from "@modelcontextprotocol/client";
import { wallTime } from "../../base/clock.ts";
import { isObject } from "../../base/json.ts";
import { makeFolder } from "../../base/make-folder.ts";

const DISK_MS = 7 * 24 * 60 * 60 * 1000;
const BYTES_MAX: number = 4 * 1024 * 1024;

/** A list as it was at one moment. */
export interface KeptCatalog {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly tools: readonly Tool[];
  /** How many more the server has, which its configuration takes away. */
  readonly hiddenTools: number;
}

export class CatalogFolder {
  readonly #path: () => string;
  #removedOld = false;

  constructor(path: () => string) {
    this.#path = path;
  }

  /** @returns `undefined` when there is none, it cannot be read, or it is older than a week */
  read(key: string): KeptCatalog | undefined {
    try {
      const read: unknown = JSON.parse(fs.readFileSync(this.#file(key), "utf8"));
      if (!isObject(read) || read["version"] !== 1 || typeof read["at"] !== "number") return undefined;
      const { at, tools, hiddenTools = 0 } = read;
      if (wallTime() - at > DISK_MS || !Array.isArray(tools) || !tools.every(isTool)) return undefined;
      return { at, tools, hiddenTools: Number(hiddenTools) };
    } catch {
      return undefined;
    }
  }

  /** Whole, or not at all: a list that is too long is not kept. @throws what the file system says */
  async write(key: string, { at, tools, hiddenTools }: KeptCatalog): Promise<void> {
    const more = hiddenTools === 0 ? {} : { hiddenTools };
    const text = JSON.stringify({ version: 1, at, ...more, tools });
    if (Buffer.byteLength(text) > BYTES_MAX) return;
    const file = this.#file(key);
    const fresh = `${file}.${randomUUID()}`;
    try {
      makeFolder(this.#path(), 0o700);
      await fs.promises.writeFile(fresh, text, { mode: 0o600, flag: "wx" });
      await fs.promises.rename(fresh, file);
      await this.#removeOld();
    } catch (error) {
      await fs.promises.rm(fresh, { force: true }).catch(() => {});
      throw error;
    }
  }

  /** When it was written, in milliseconds since 1970. */
  async writtenAt(key: string): Promise<number | undefined> {
    const stat = await fs.promises.stat(this.#file(key)).catch(() => undefined);
    return stat?.mtimeMs;
  }

  async remove(key: string): Promise<void> {
    await fs.promises.rm(this.#file(key), { force: true });
  }

  #file(key: string): string {
    return join(this.#path(), `${key}.json`);
  }

  /** Once: what is too old, and what a host that died had not finished. */
  async #removeOld(): Promise<void> {
    if (this.#removedOld) return;
    this.#removedOld = true;
    const folder = this.#path();
    for (const name of await fs.promises.readdir(folder)) {
      const path = join(folder, name);
      const { mtimeMs } = await fs.promises.stat(path);
      if (CATALOG_FILE.test(name) && wallTime() - mtimeMs > DISK_MS)
        await fs.promises.rm(path, { force: true });
    }
  }
}

const CATALOG_FILE = /^[0-9a-f]{40}\.json/;

function isTool(value: unknown): value is Tool {
  return isObject(value) && typeof value["name"] === "string" && isObject(value["inputSchema"]);
}

/** A name for a file from what makes a server the same. @param parts without credentials */
export function catalogKey(parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 40);
}
