/** The MCP servers that Codex's own configuration files define. `wire.ts` switches them off. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { abortable } from "../../base/abort.ts";
import { isObject } from "../../base/json.ts";
import type { AppServerProcess } from "../app-server/process.ts";

/** The names of the servers in Codex's files. Codex is asked again only after a file has changed. */
export class InheritedServers {
  readonly #files: Set<string>;
  #known:
    | {
        readonly process: AppServerProcess;
        readonly stamp: string;
        readonly names: Promise<readonly string[]>;
      }
    | undefined;

  #urls: ReadonlyMap<string, string> = new Map();

  constructor(codexHome: string) {
    this.#files = new Set(
      [codexHome, "/etc/codex"].flatMap((dir) => [
        join(dir, "config.toml"),
        join(dir, "managed_config.toml"),
      ]),
    );
  }

  /** Many callers at once share one request. */
  names(process: AppServerProcess, signal: AbortSignal | undefined): Promise<readonly string[]> {
    const stamp = this.#stamp();
    if (this.#known?.process !== process || this.#known.stamp !== stamp) {
      const known = { process, stamp, names: this.#read(process) };
      this.#known = known;
      known.names.catch(() => {
        if (this.#known === known) this.#known = undefined;
      });
    }
    return abortable(this.#known.names, signal);
  }

  /**
   * The URL of a server of which the files say nothing else: a server of a thread with that name and URL is the same
   * one, and has no field to inherit. It keeps its name, under which the user is logged in to it.
   */
  urlOf(name: string): string | undefined {
    return this.#urls.get(name);
  }

  async #read(process: AppServerProcess): Promise<readonly string[]> {
    const { layers } = await process.request("config/read", { includeLayers: true });
    const names = new Set<string>();
    const urls = new Map<string, string>();
    for (const { name, config } of layers ?? []) {
      if (name.file !== undefined) this.#files.add(name.file);
      const servers = isObject(config) ? config.mcp_servers : undefined;
      for (const [server, table] of Object.entries(isObject(servers) ? servers : {})) {
        const url = isObject(table) && Object.keys(table).length === 1 ? table.url : undefined;
        const isAsBefore = !names.has(server) || urls.get(server) === url;
        names.add(server);
        if (typeof url === "string" && isAsBefore) urls.set(server, url);
        else urls.delete(server);
      }
    }
    this.#urls = urls;
    return [...names];
  }

  #stamp(): string {
    return [...this.#files]
      .map((file) => {
        try {
          const stat = statSync(file, { throwIfNoEntry: false });
          return stat === undefined ? "-" : `${stat.mtimeMs}:${stat.size}`;
        } catch {
          // No permission to look. Codex runs as the same user, so it cannot read the file either.
          return "?";
        }
      })
      .join(" ");
  }
}
