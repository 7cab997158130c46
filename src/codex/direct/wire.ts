/**
 * The servers of a thread as they are sent to Codex, beside those of its configuration files.
 *
 * Codex merges the configuration of a thread over its files field by field, headers included, and has no way to
 * say "only these". So a server of a file is switched off by name, and a server of the thread with the same name
 * runs under another one, so that no field of the file's server reaches it.
 */
import { isObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { DirectServer } from "./servers.ts";

/** The servers as they are sent, and whose they are. */
export interface WireServers {
  readonly config: JsonObject;
  /** Codex's name of each server, and the host's. */
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
  // Not an object: a file may name a server "__proto__".
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
