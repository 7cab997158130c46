/**
 * The connections of one host: one manager, which owns them all.
 *
 *   McpManager ── openThread ──> McpConnectionManager: what this thread may use
 *       └── leases ──> connections ──> processes and HTTP sessions, bounded by the budget
 *
 * Invariants
 *   A1. When disposal returns, every server that was started has ended, with all it started, and every thread is told.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { type Clock, systemClock } from "../../base/clock.ts";
import { type Log, silentLog } from "../../base/log.ts";
import { packageVersion } from "../../base/package-version.ts";
import { switchyardHome } from "../../config/layers/homes.ts";
import { LOCAL_ENVIRONMENT_ID, type McpServerConfig } from "../../config/server/types.ts";
import type { EnvironmentDefinition } from "../../config/environments/types.ts";
import type { Executor } from "../../executor/executor.ts";
import { LocalExecutor } from "../../executor/local/local-executor.ts";
import { memoryOfOwnProcesses } from "../../process/process-tree.ts";
import type { ServerSet } from "../../servers/check.ts";
import type { Variables } from "../../servers/resolve.ts";
import type { CredentialSource } from "../auth/credential-source.ts";
import { beginLogin, type LoginOptions, type PendingLogin } from "../auth/login.ts";
import { CatalogCache } from "../cache/catalog-cache.ts";
import { Budget, type BudgetOptions } from "../budget/budget.ts";
import type { ServerStatus } from "../connection/status.ts";
import { Environments } from "../environments.ts";
import { McpError } from "../errors.ts";
import { executorFetch } from "../http/executor-fetch.ts";
import type { HttpFetch } from "../http/http-fetch.ts";
import { NodeFetch } from "../http/node-fetch.ts";
import { LeasePool, type LeaseHolder } from "../lease/lease-pool.ts";
import { runFolder } from "../run/host-file.ts";
import { HostPublisher, type HostSnapshot } from "../run/host-publisher.ts";
import { type EraMemory, memoryOfEras } from "../session/era.ts";
import { McpConnectionManager } from "./mcp-connection-manager.ts";
import { publishedOf } from "./published-of.ts";
import { readServers } from "./read-servers.ts";
import type { TransportParts } from "./server-transport-of.ts";
import type { McpThreadOptions } from "./thread-options.ts";

export interface McpManagerOptions {
  /** Where servers with an `environment_id` run. Yours: it is not disposed here. @default this machine alone */
  readonly environments?: Environments | readonly EnvironmentDefinition[];
  /** Bounds on processes. */
  readonly budget?: BudgetOptions;
  /** Asked for the tokens of logins: a `LoginBroker`, say. Yours: it is not disposed here. @default nobody is */
  readonly credentials?: CredentialSource;
  /** Where references to variables, and `SWITCHYARD_HOME`, are looked up. @default the environment of this process */
  readonly env?: Variables;
  /** How long a shared connection may be idle, in milliseconds. @default 300 000 */
  readonly idleMs?: number;
  /** What is known of the eras of servers. @default it is found out, and kept while the manager lives */
  readonly eras?: EraMemory;
  /**
   * Where lists of tools are kept for servers with `startup_readiness = "catalog"`, which are used before they have started.
   * `false`: in memory only. @default `cache/catalogs` below `$SWITCHYARD_HOME`
   */
  readonly catalogFolder?: string | false;
  /**
   * Whether `switchyard ps` shows this host: by a small file without secrets (names of servers, ids of threads, origins of URLs), in
   * `run` below `$SWITCHYARD_HOME`, or in this folder. It is written when a server is used, at most once a second; a folder
   * that cannot be written to is no error. @default true
   */
  readonly publish?: boolean | { readonly folder: string };
  /** How it calls itself to servers. @default mcp-switchyard and its version */
  readonly client?: { readonly name: string; readonly version: string; readonly title?: string };
  /**
   * Whether this process may end by itself while servers of this machine run, when nothing waits for them; they are ended then.
   * @default false
   */
  readonly background?: boolean;
  /** Receives diagnostics, and what servers write to stderr. @default silent */
  readonly log?: Log;
  /** Time, for tests. */
  readonly clock?: Clock;
  /** Yields a number in [0, 1), for tests. */
  readonly random?: () => number;
}

/** A connection, and who holds it. */
export interface ConnectionSnapshot {
  readonly server: string;
  readonly status: ServerStatus;
  readonly shared: boolean;
  readonly holders: readonly LeaseHolder[];
}

const IDLE_MS = 300_000;

export class McpManager implements AsyncDisposable {
  readonly #options: McpManagerOptions;
  readonly #environments: Environments;
  readonly #ownsEnvironments: boolean;
  readonly #local: LocalExecutor;
  readonly #nodeFetch: NodeFetch;
  readonly #parts: TransportParts;
  readonly #pool: LeasePool;
  readonly #eras: EraMemory;
  readonly #catalogs: CatalogCache;
  readonly #publisher: HostPublisher | undefined;
  readonly #threads = new Set<McpConnectionManager>();
  #disposing: Promise<void> | undefined;

  constructor(options: McpManagerOptions = {}) {
    this.#options = options;
    const { environments = [], clock = systemClock, random, log = silentLog } = options;
    this.#ownsEnvironments = !(environments instanceof Environments);
    this.#environments =
      environments instanceof Environments ? environments : new Environments(environments, { clock, log });
    const { background = false } = options;
    this.#local = new LocalExecutor({ clock, log, background });
    this.#nodeFetch = new NodeFetch({ background });
    this.#eras = options.eras ?? memoryOfEras(() => clock.now());
    const { catalogFolder } = options;
    const folder = (): string => catalogFolder || join(switchyardHome(this.#env), "cache", "catalogs");
    this.#catalogs = new CatalogCache({ folder: catalogFolder === false ? undefined : folder, clock, log });
    this.#publisher = this.#createPublisher(clock, log);
    const onChange = (): void => this.#publisher?.changed();
    this.#pool = new LeasePool({ clock, idleMs: options.idleMs ?? IDLE_MS, onChange });
    this.#parts = {
      clock,
      random,
      log,
      onChange,
      budget: new Budget(options.budget ?? {}, clock, memoryOfOwnProcesses),
      credentials: options.credentials,
      executor: (environment) => this.#executorOf(environment),
      fetch: (environment) => this.#fetchOf(environment),
    };
  }

  /**
   * Opens a thread: starts all its enabled servers at the same time, and returns at once.
   *
   * @throws {McpError} `invalid_servers` with every problem, before anything starts; `ended`
   */
  openThread(options: McpThreadOptions): McpConnectionManager {
    if (this.#disposing !== undefined) throw new McpError("ended", "The manager was disposed");
    const servers: ServerSet = readServers(options.servers);
    const { name, version, title } = this.#options.client ?? {
      name: "mcp-switchyard",
      version: packageVersion(),
    };
    const thread = new McpConnectionManager({
      ...options,
      id: options.id ?? randomUUID(),
      env: options.env ?? this.#env,
      servers,
      parts: this.#parts,
      pool: this.#pool,
      eras: this.#eras,
      catalogs: this.#catalogs,
      client: { name, version, ...(title === undefined ? {} : { title }) },
      manager: this,
      onEnd: () => void this.#threads.delete(thread),
    });
    this.#threads.add(thread);
    return thread;
  }

  /**
   * Begins a login to a server, which need not be one of a thread. `thread.beginLogin` does it for one that is, and tries it again.
   *
   * @throws {LoginError} `no_http`, `invalid_server`, `other_credentials`, `not_needed`, `no_metadata`, `bad_metadata`,
   *   `cannot_register`, `registration_rejected`, `scopes_not_granted`, `unreachable`
   * @throws the signal's reason
   */
  beginLogin(server: string, config: McpServerConfig, options: LoginOptions): Promise<PendingLogin> {
    const { clock } = this.#parts;
    const fetch = this.#fetchOf(config.environment_id);
    return beginLogin({ server, config, env: this.#env, fetch, clock }, options);
  }

  /** The threads that are open. */
  get threads(): readonly McpConnectionManager[] {
    return [...this.#threads];
  }

  /** Every connection there is, with its holders; one without holders is idle and ends soon. */
  get connections(): readonly ConnectionSnapshot[] {
    return [...this.#pool.entries()].map(({ connection, shared, holders }) => ({
      server: connection.options.server,
      status: connection.status,
      shared,
      holders,
    }));
  }

  get #env(): Variables {
    return this.#options.env ?? process.env;
  }

  /** Ends all threads and all servers (A1). */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposing ??= this.#dispose();
    return this.#disposing;
  }

  async #dispose(): Promise<void> {
    await Promise.all([...this.#threads].map((thread) => thread[Symbol.asyncDispose]()));
    await this.#pool.end();
    await this.#local[Symbol.asyncDispose]();
    if (this.#ownsEnvironments) await this.#environments[Symbol.asyncDispose]();
    this.#nodeFetch[Symbol.dispose]();
    await this.#catalogs.end();
    await this.#publisher?.end();
  }

  #createPublisher(clock: Clock, log: Log): HostPublisher | undefined {
    const { publish = true } = this.#options;
    if (publish === false) return undefined;
    const folder =
      publish === true ? (): string => runFolder(switchyardHome(this.#env)) : (): string => publish.folder;
    const snapshot = (): HostSnapshot => ({
      threads: this.#threads.size,
      connections: [...this.#pool.entries()].map((entry) => publishedOf(entry, clock)),
    });
    return new HostPublisher({ folder, snapshot, clock, log });
  }

  #executorOf(environment: string): Executor {
    return environment === LOCAL_ENVIRONMENT_ID ? this.#local : this.#environments.get(environment);
  }

  #fetchOf(environment: string): HttpFetch {
    const { fetch } = this.#nodeFetch;
    if (environment === LOCAL_ENVIRONMENT_ID) return fetch;
    // An environment that does not exist is an error now, and not of every request.
    this.#executorOf(environment);
    return executorFetch(() => this.#executorOf(environment), fetch);
  }
}
