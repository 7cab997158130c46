/**
 * The servers of one thread, by their names, and how one set of them becomes another one.
 *
 * Only what differs is started and ended; what is replaced has ended before it starts anew.
 */
import { isDeepStrictEqual } from "node:util";
import { nearest } from "../../base/suggest.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import { McpError } from "../errors.ts";
import type { ThreadServer } from "./thread-server.ts";

/** What an update did, by the names of servers. */
export interface ThreadUpdate {
  readonly started: readonly string[];
  readonly ended: readonly string[];
  /** Ended and started again, because their configuration differs. */
  readonly replaced: readonly string[];
  readonly kept: readonly string[];
}

type Configs = ReadonlyMap<string, McpServerConfig>;

export interface ServerTableOptions {
  /** Of the thread, for messages. */
  readonly id: string;
  readonly open: (name: string, config: McpServerConfig) => ThreadServer;
  /** Aborts when the thread ends. */
  readonly ended: AbortSignal;
}

export class ServerTable {
  readonly #options: ServerTableOptions;
  #servers = new Map<string, ThreadServer>();
  /** One update after the other. */
  #updates: Promise<unknown> = Promise.resolve();

  constructor(options: ServerTableOptions) {
    this.#options = options;
  }

  /** The first ones. */
  begin(configs: Configs): void {
    for (const [name, config] of configs) this.#servers.set(name, this.#options.open(name, config));
  }

  /** In the order they were given in. */
  get all(): readonly ThreadServer[] {
    return [...this.#servers.values()];
  }

  find(name: string): ThreadServer | undefined {
    return this.#servers.get(name);
  }

  /** @throws {McpError} `unknown_server`, with the nearest name */
  get(name: string): ThreadServer {
    const server = this.#servers.get(name);
    if (server === undefined) throw this.unknown(name);
    return server;
  }

  unknown(name: string): McpError {
    const names = [...this.#servers.keys()];
    const near = nearest(name, names);
    const others = names.length === 0 ? "it has none" : `there are: ${names.join(", ")}`;
    const hint = near === undefined ? others : `did you mean "${near}"?`;
    const message = `Thread ${this.#options.id} has no MCP server "${name}"; ${hint}`;
    return new McpError("unknown_server", message, { server: name });
  }

  /** @returns what was done, when what had to end has ended. @throws {McpError} `ended` */
  update(configs: Configs): Promise<ThreadUpdate> {
    const update = this.#updates.then(() => this.#update(configs));
    this.#updates = update.catch(() => {});
    return update;
  }

  async #update(configs: Configs): Promise<ThreadUpdate> {
    const { ended: isEnded } = this.#options;
    isEnded.throwIfAborted();
    const before = this.#servers;
    const kept = [...configs].flatMap(([name, config]) => {
      const old = before.get(name);
      return old !== undefined && isDeepStrictEqual(old.config, config) ? [name] : [];
    });
    const started = [...configs.keys()].filter((name) => !before.has(name));
    const replaced = [...configs.keys()].filter((name) => before.has(name) && !kept.includes(name));
    const ended = [...before.keys()].filter((name) => !configs.has(name));
    const leaving = [...replaced, ...ended].map((name) => this.get(name));
    this.#servers = new Map([...before].filter(([name]) => !ended.includes(name)));
    this.#add(configs, started);
    await Promise.all(leaving.map((server) => server.end()));
    // Two of one server at a time would be in each other's way.
    isEnded.throwIfAborted();
    for (const name of replaced) this.#servers.delete(name);
    this.#add(configs, replaced);
    return { started, ended, replaced, kept };
  }

  /** Opens these, and puts all into the order of the configuration. */
  #add(configs: Configs, names: readonly string[]): void {
    const servers = new Map<string, ThreadServer>();
    for (const [name, config] of configs) {
      const known = this.#servers.get(name);
      const server = known ?? (names.includes(name) ? this.#options.open(name, config) : undefined);
      if (server !== undefined) servers.set(name, server);
    }
    this.#servers = servers;
  }
}
