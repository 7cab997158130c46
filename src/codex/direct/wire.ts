/**
 * The servers of a thread in the form Codex's own MCP client takes them.
 *
 * Codex merges the configuration of a thread over its files field by field, headers included, and has no way to
 * say "only these". So a server of a file is switched off by name, and a server of the thread that happens to have
 * the same name runs under another one, so that not a single field of the file's reaches it.
 */
import { isObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { DirectServer } from "./servers.ts";

/** What is sent, and what the names in it mean. */
export interface WireServers {
  readonly config: JsonObject;
  /** The name Codex knows a server by, to the host's name of it. */
  readonly names: ReadonlyMap<string, string>;
}

/**
 * @param inherited names of the servers in Codex's files
 * @param tag that every process started here carries in its environment
 */
export function toWireServers(
  servers: readonly DirectServer[],
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
