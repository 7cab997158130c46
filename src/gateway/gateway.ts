/**
 * Threads' servers as MCP endpoints on this machine.
 *
 *   openThread ──> /t/THREAD/SERVER and /t/THREAD     with the bearer of this thread
 *   serve      ──> /mcp and /mcp/SERVER               with the gateway's token; each client has a thread of its own
 *
 * Invariants
 *   G1. A thread's endpoints can be used with its bearer and with no other one; an unknown thread and a wrong bearer get the same
 *       answer.
 *   G2. When the thread ends, or `revoke` is called, the next request is refused, and open streams end.
 *   G3. The bearer is not logged, and not part of a URL unless that is asked for.
 */
import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { type Clock, systemClock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { McpConnectionManager } from "../mcp/index.ts";
import type { ClientFacts, OpenBackend } from "./backend/backend.ts";
import { backendOf, type ClientThreads, openFor } from "./backend/client-threads.ts";
import { ThreadNews } from "./backend/thread-news.ts";
import { GatewayError } from "./errors.ts";
import { checkExposure, type ListenAddress } from "./http/address.ts";
import { bearerOf, Capability } from "./http/capability.ts";
import { Endpoint } from "./http/endpoint.ts";
import { DEFAULT_LIMITS, type Limits } from "./http/limits.ts";
import { Listener } from "./http/listener.ts";

export interface GatewayOptions {
  /** Where it listens. @default 127.0.0.1, and a port that the system chooses */
  readonly address?: ListenAddress;
  /** What clients of `threads` must send as a bearer. Needed beyond loopback. @default nothing, on loopback */
  readonly token?: string;
  /** Bounds on the clients of each URL. */
  readonly limits?: Partial<Limits>;
  /** Opens the thread of a client that comes to `/mcp`. @default there is no such URL */
  readonly threads?: ClientThreads;
  /** Whether this process may end by itself while the gateway listens. @default false */
  readonly background?: boolean;
  /** Receives diagnostics. @default silent */
  readonly log?: Log;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/** What a thread's servers can be reached by. */
export interface ThreadGateway {
  /**
   * The URL of a server of the thread, or of all of them together.
   *
   * @param options `capability: "path"`: for clients that cannot send a header. It then needs no bearer, and must not be logged
   * @throws {McpError} `unknown_server`
   */
  readonly urlOf: (server?: string, options?: { readonly capability?: "path" }) => string;
  /** What clients have to send in `Authorization: Bearer …`. */
  readonly bearer: string;
  /** Clients that are there now. */
  readonly clients: number;
  /** Settles when a client was given the tools of a server that was ready, at the URL of that server. */
  readonly listed: (server: string) => Promise<void>;
  /** Ends it (G2). The thread goes on. */
  readonly revoke: () => Promise<void>;
}

interface OpenedThread {
  readonly thread: McpConnectionManager;
  readonly joins: boolean;
  readonly news: ThreadNews;
  readonly capability: Capability;
  readonly endpoints: Map<string | undefined, Endpoint>;
}

let startOn: (listener: Listener, options: GatewayOptions) => Gateway;

/** A gateway on a socket that is there already, and stays when the gateway ends. */
export function gatewayOn(listener: Listener, options: GatewayOptions): Gateway {
  return startOn(listener, options);
}

export class Gateway implements AsyncDisposable {
  static {
    startOn = (listener, options) => {
      const gateway = new Gateway(options);
      gateway.#serveOn(listener);
      return gateway;
    };
  }

  readonly #options: GatewayOptions;
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #token: Capability | undefined;
  /** By the public part of their URLs. */
  readonly #threads = new Map<string, OpenedThread>();
  /** By server; `undefined` for all of them. */
  readonly #served = new Map<string | undefined, Endpoint>();
  /** Compared with where there is no such thread (G1). */
  readonly #nobody = new Capability(Capability.random());
  #listener: Listener | undefined;
  /** Closed with the gateway. */
  #own: Listener | undefined;
  #leave: () => void = () => {};
  #ending: Promise<void> | undefined;

  private constructor(options: GatewayOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#token = options.token === undefined ? undefined : new Capability(options.token);
  }

  /** @throws {GatewayError} `cannot_listen`, `exposed` */
  static async start(options: GatewayOptions = {}): Promise<Gateway> {
    const { address = { host: "127.0.0.1", port: 0 }, token, threads, log = silentLog } = options;
    if (threads !== undefined) checkExposure(address, token !== undefined);
    const gateway = new Gateway(options);
    const listener = await Listener.start({
      address,
      background: options.background ?? false,
      clock: gateway.#clock,
      onError: (error) => log("warn", `The gateway: ${messageOf(error)}`),
    });
    gateway.#own = listener;
    gateway.#serveOn(listener);
    return gateway;
  }

  #serveOn(listener: Listener): void {
    this.#listener = listener;
    this.#leave = listener.add({
      route: (path, request) => this.#route(path, request),
      tick: () => {
        for (const endpoint of this.#endpoints()) endpoint.tick();
      },
    });
  }

  /** Scheme, host and port. */
  get origin(): string {
    if (this.#listener === undefined) throw new GatewayError("ended", "The gateway has ended");
    return this.#listener.origin;
  }

  /** The clients of `threads` that are there now. */
  get clients(): number {
    return clientsOf(this.#served.values());
  }

  /**
   * Makes the servers of a thread reachable, until it ends.
   *
   * @param options `joins`: a client of one server that has failed is let in, and told of its tools when it is back; for clients that
   * do not come again. A required server is excepted. @default it is told the reason as an error
   * @throws {GatewayError} `ended`
   */
  openThread(
    thread: McpConnectionManager,
    { joins = false }: { readonly joins?: boolean } = {},
  ): ThreadGateway {
    if (this.#ending !== undefined || thread.ended.aborted)
      throw new GatewayError("ended", "The gateway, or the thread, has ended");
    const key = randomBytes(9).toString("base64url");
    const bearer = Capability.random();
    const opened: OpenedThread = {
      thread,
      joins,
      news: new ThreadNews(thread),
      capability: new Capability(bearer),
      endpoints: new Map(),
    };
    this.#threads.set(key, opened);
    const revoke = (): Promise<void> => {
      thread.ended.removeEventListener("abort", onEnd);
      return this.#revoke(key);
    };
    const onEnd = (): void => void revoke();
    thread.ended.addEventListener("abort", onEnd, { once: true });
    const { origin } = this;
    return {
      bearer,
      revoke,
      listed: (server) => opened.news.listed(server),
      get clients() {
        return clientsOf(opened.endpoints.values());
      },
      urlOf: (server, { capability } = {}) => {
        if (server !== undefined) thread.server(server);
        const secret = capability === "path" ? `/c/${bearer}` : "";
        return `${origin}/t/${key}${secret}${server === undefined ? "" : `/s/${encoded(server)}`}`;
      },
    };
  }

  /** Ends all endpoints and closes the socket. Threads go on, except those of `threads`. Never rejects. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    await Promise.all([...this.#threads.keys()].map((key) => this.#revoke(key)));
    await Promise.all([...this.#served.values()].map((endpoint) => endpoint.end()));
    this.#leave();
    await this.#own?.[Symbol.asyncDispose]();
  }

  async #revoke(key: string): Promise<void> {
    const opened = this.#threads.get(key);
    this.#threads.delete(key);
    await Promise.all([...(opened?.endpoints.values() ?? [])].map((endpoint) => endpoint.end()));
  }

  *#endpoints(): Generator<Endpoint> {
    for (const { endpoints } of this.#threads.values()) yield* endpoints.values();
    yield* this.#served.values();
  }

  #route(path: string, { headers }: IncomingMessage): Endpoint | "unauthorized" | undefined {
    const parts = path.split("/").slice(1);
    const bearer = bearerOf(headers.authorization);
    if (parts[0] === "t") {
      const [, key = "", ...rest] = parts;
      const secret = rest[0] === "c" ? rest[1] : bearer;
      const [mark, name, ...more] = rest[0] === "c" ? rest.slice(2) : rest;
      const opened = this.#threads.get(key);
      if (!(opened?.capability ?? this.#nobody).allows(secret) || opened === undefined) return "unauthorized";
      if (mark === undefined) return this.#endpointOf(opened, undefined);
      const server = mark === "s" && name !== undefined && more.length === 0 ? decoded(name) : undefined;
      return server === undefined ? undefined : this.#endpointOf(opened, server);
    }
    const { threads } = this.#options;
    if (threads === undefined || parts[0] !== "mcp" || parts.length > 2) return undefined;
    if (this.#token !== undefined && !this.#token.allows(bearer)) return "unauthorized";
    const server = parts[1] === undefined ? undefined : decoded(parts[1]);
    if (parts[1] !== undefined && (server === undefined || !threads.names().includes(server)))
      return undefined;
    return this.#serve(threads, server);
  }

  #endpointOf(
    { thread, joins, news, endpoints }: OpenedThread,
    server: string | undefined,
  ): Endpoint | undefined {
    const known = endpoints.get(server);
    if (known !== undefined) return known;
    if (server !== undefined && !thread.servers.some(({ name }) => name === server)) return undefined;
    const backend = backendOf(thread, server, news, this.#clock, joins);
    const open = (): OpenBackend => ({ backend, end: async () => {} });
    const endpoint = new Endpoint({ open, limits: this.#limits, clock: this.#clock });
    endpoints.set(server, endpoint);
    return endpoint;
  }

  #serve(threads: ClientThreads, server: string | undefined): Endpoint {
    const known = this.#served.get(server);
    if (known !== undefined) return known;
    const open = (client: ClientFacts): OpenBackend => openFor(threads, client, server, this.#clock);
    const endpoint = new Endpoint({ open, limits: this.#limits, clock: this.#clock });
    this.#served.set(server, endpoint);
    return endpoint;
  }
}

function clientsOf(endpoints: Iterable<Endpoint>): number {
  return [...endpoints].reduce((sum, { clients }) => sum + clients, 0);
}

/** A server may be called `.` or `..`, which clients would take for a way through the path, also in percent signs. No name has a `~`. */
function encoded(name: string): string {
  return /^\.\.?$/.test(name) ? `~${name}` : encodeURIComponent(name);
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part.startsWith("~.") ? part.slice(1) : part);
  } catch {
    return undefined;
  }
}
