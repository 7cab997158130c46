/**
 * Keeps out the MCP servers that configuration files bring along.
 *
 * Codex merges the configuration of a thread over its files field by field, headers included, and has no way to
 * say "only these". So a server of a file is switched off by name, and a server of the thread that happens to have
 * the same name runs under another one, so that not a single field of the file's reaches it.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { abortable } from "../../base/abort.ts";
import { isObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { AppServerProcess } from "../app-server/process.ts";
import type { ResolvedServer } from "../mcp-servers.ts";

/** Names of the servers in Codex's files, asked for again only when a file has changed. */
export class InheritedServers {
  readonly #files: Set<string>;
  #known:
    | {
        readonly process: AppServerProcess;
        readonly stamp: string;
        readonly names: Promise<readonly string[]>;
      }
    | undefined;

  constructor(codexHome: string) {
    this.#files = new Set(
      [codexHome, "/etc/codex"].flatMap((dir) => [
        join(dir, "config.toml"),
        join(dir, "managed_config.toml"),
      ]),
    );
  }

  /** Many threads may ask at once; Codex is asked once. */
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

  async #read(process: AppServerProcess): Promise<readonly string[]> {
    const { layers } = await process.request("config/read", { includeLayers: true });
    const names = new Set<string>();
    for (const { name, config } of layers ?? []) {
      if (name.file !== undefined) this.#files.add(name.file);
      const servers = isObject(config) ? config.mcp_servers : undefined;
      if (isObject(servers)) for (const server of Object.keys(servers)) names.add(server);
    }
    return [...names];
  }

  #stamp(): string {
    return [...this.#files]
      .map((file) => {
        try {
          const stat = statSync(file, { throwIfNoEntry: false });
          return stat === undefined ? "-" : `${stat.mtimeMs}:${stat.size}`;
        } catch {
          // A folder we may not look into. Codex runs as we do, so it cannot read the file either.
          return "?";
        }
      })
      .join(" ");
  }
}

/** The servers of a thread as Codex is told of them. */
export interface WireServers {
  readonly config: JsonObject;
  /** The name Codex knows a server by, to the host's name of it. */
  readonly names: ReadonlyMap<string, string>;
}

/**
 * @param inherited names of the servers in Codex's files
 * @param tag tag that every process started here carries in its environment
 */
export function toWireServers(
  servers: readonly ResolvedServer[],
  inherited: readonly string[],
  tagVariable: string,
  tag: string,
): WireServers {
  // A map, and not an object: a file may name a server "__proto__".
  const config = new Map<string, JsonValue>(inherited.map((name) => [name, { enabled: false }]));
  const names = new Map<string, string>();
  const taken = new Set([...inherited, ...servers.map((server) => server.name)]);
  for (const server of servers) {
    let name = server.name;
    for (let n = 2; inherited.includes(server.name) && taken.has(name); n++) name = `${server.name}_${n}`;
    taken.add(name);
    names.set(name, server.name);
    const env = server.config.env;
    config.set(
      name,
      isObject(env) ? { ...server.config, env: { ...env, [tagVariable]: tag } } : server.config,
    );
  }
  return { config: Object.fromEntries(config), names };
}
