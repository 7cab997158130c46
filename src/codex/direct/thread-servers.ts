/**
 * The MCP servers of one loaded thread, which Codex's own client runs: their names, and which of them are ready.
 *
 * It reads Codex's messages about servers and asks for what Codex does not report. What to do about a server that
 * failed is decided by `thread/session.ts`.
 */
import { abortable } from "../../base/abort.ts";
import type { Clock } from "../../base/clock.ts";
import type { JsonObject } from "../../base/json.ts";
import { addressOf } from "../app-server/http-answers.ts";
import type { AppServerProcess } from "../app-server/process.ts";
import type { Notifications, WireItem } from "../app-server/protocol.ts";
import type { Launches } from "./launches.ts";
import type { DirectServer } from "./servers.ts";
import { brokenServer, gotNoAnswer, missingEnvironment, type StartupFailure } from "./reasons.ts";
import { type ProbedServer, probeSession } from "./session-probe.ts";
import { ServerStartups } from "./startups.ts";
import type { WireServers } from "./wire.ts";

/** A server that is not there, with the whole reason. */
export interface ServerFailure {
  /** The host's name of it. */
  readonly server: string;
  readonly reason: string;
}

/** A tool by the name that its server declares. */
export interface ServerTool {
  /** The host's name of the server. */
  readonly server: string;
  readonly tool: string;
}

const CHECK_TIMEOUT_MS = 5_000;

/** What Codex makes of a name for the model. */
function modelName(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_]/g, "_");
}

export class ThreadServers implements Disposable {
  readonly #process: AppServerProcess;
  readonly #clock: Clock;
  readonly #wire: WireServers;
  readonly #launches: Launches;
  readonly #startups: ServerStartups;
  /** The longest start-up time-out. */
  readonly #timeoutMs: number;
  /** Codex's names of those that are processes and enabled. */
  readonly #processes: readonly string[];
  /** Those that are reached by URL and enabled, and whose answer to a probe says something. */
  readonly #probed: Map<string, ProbedServer>;
  /** Codex's names of those whose session a probe has found to be lost. */
  readonly #lost = new Set<string>();
  /** Codex's names of those that answer a probe in a new session as if it were lost. */
  readonly #useless: Set<string>;
  /** Those whose session is new because a probe has found the one before to be lost. */
  #replaced: readonly ProbedServer[];
  /** Whether a call of theirs got no answer: the session may be lost, and Codex would go on using it. */
  #inDoubt = false;

  readonly #isManaged: boolean;

  /**
   * @param isManaged whether we run the servers: then their connections are restarted behind Codex's back, and it has nothing to probe
   * @param before the same servers of the same thread, before it was opened anew
   */
  constructor(
    servers: readonly DirectServer[],
    wire: WireServers,
    launches: Launches,
    process: AppServerProcess,
    clock: Clock,
    isManaged: boolean,
    before?: ThreadServers,
  ) {
    this.#isManaged = isManaged;
    this.#process = process;
    this.#clock = clock;
    this.#wire = wire;
    this.#launches = launches;
    const enabled = servers.filter((server) => server.enabled);
    const enabledNames = new Set(enabled.map((server) => server.name));
    const names = [...wire.names].filter(([, name]) => enabledNames.has(name));
    this.#startups = new ServerStartups(clock, new Map(names));
    this.#processes = names.flatMap(([name]) => {
      const { command } = (wire.config[name] ?? {}) as JsonObject;
      return command === undefined ? [] : [name];
    });
    this.#useless = new Set(before === undefined ? [] : before.#useless);
    const probed = names.flatMap(([name]): ProbedServer[] => {
      const { url } = (wire.config[name] ?? {}) as JsonObject;
      const address = typeof url === "string" ? addressOf(url) : undefined;
      return isManaged || address === undefined || this.#useless.has(name) ? [] : [{ name, address }];
    });
    this.#probed = new Map(probed.map((server) => [server.name, server]));
    this.#replaced = before === undefined ? [] : probed.filter(({ name }) => before.#lost.has(name));
    this.#timeoutMs = Math.max(0, ...enabled.map((server) => server.startupTimeoutMs));
  }

  /** The host's name of a server that Codex knows as `name`. */
  hostName(name: string): string {
    return this.#wire.names.get(name) ?? name;
  }

  /**
   * Whose tool it is that Codex gives the model as `name`: `mcp__SERVER` and the tool's name, with `__` or nothing between them, or the
   * tool's name alone.
   *
   * @returns `undefined` where it is nobody's, or of several servers
   */
  async toolOf(threadId: string, name: string): Promise<ServerTool | undefined> {
    const isCalled = (wireName: string, tool: string): boolean => {
      const [server, declared] = [modelName(wireName), modelName(tool)];
      return [declared, `mcp__${server}${declared}`, `mcp__${server}__${declared}`].includes(name);
    };
    const params = { threadId, detail: "toolsAndAuthOnly" } as const;
    const { data } = await this.#process.request("mcpServerStatus/list", params, {
      timeoutMs: CHECK_TIMEOUT_MS,
    });
    const found = data
      .filter((server) => this.#wire.names.has(server.name))
      .flatMap((server) =>
        Object.values(server.tools)
          .filter((tool) => isCalled(server.name, tool.name))
          .map((tool) => ({ server: this.hostName(server.name), tool: tool.name })),
      );
    return found.length === 1 ? found[0] : undefined;
  }

  /** The servers that are not there, and why. */
  failures(): Promise<ServerFailure[]> {
    return this.#explained(this.#startups.failures);
  }

  onStatus(params: Notifications["mcpServer/startupStatus/updated"]): void {
    this.#startups.update(params);
  }

  /** Whether opening the thread anew may bring back a server. */
  get needRestart(): boolean {
    return this.#inDoubt || this.#startups.failures.length > 0;
  }

  /** Learns from a completed item whether a server was lost; the next turn then opens the thread anew. */
  onItem(item: WireItem): void {
    this.#inDoubt ||= !this.#isManaged && gotNoAnswer(item);
    const broken = brokenServer(item);
    if (broken !== undefined) this.#startups.lost(broken, "its connection was closed");
  }

  /**
   * Waits until every server is ready or has failed. @returns the failed ones
   *
   * @param stopped rejects to end the wait
   * @throws what `stopped` rejects with
   */
  async settle(threadId: string, stopped: Promise<never>): Promise<ServerFailure[]> {
    const ask = (): Promise<void> => this.#probe(threadId);
    const failures = await this.#startups.settle(this.#timeoutMs, ask, stopped);
    const replaced = this.#replaced;
    this.#replaced = [];
    if (replaced.length > 0) await Promise.race([this.#tryNewSessions(threadId, replaced), stopped]);
    return await this.#explained(failures);
  }

  async #explained(failures: readonly StartupFailure[]): Promise<ServerFailure[]> {
    return await Promise.all(
      failures.map(async (failure) => ({
        server: failure.server,
        reason: await this.#launches.explain(failure),
      })),
    );
  }

  /** The thread is not loaded any more. */
  [Symbol.dispose](): void {
    this.#launches[Symbol.dispose]();
  }

  /**
   * Learns what has been lost since the turn before: Codex knows which processes have ended and does not say, and it
   * does not know which HTTP sessions have.
   *
   * @param urls whether servers that are reached by URL count; it costs each of them a request
   */
  async check(threadId: string, urls: boolean, signal: AbortSignal): Promise<void> {
    if (!this.#startups.isSettled) return;
    const checks = [
      // Asked one by one: about a server that is reached by URL, Codex would send requests.
      ...this.#processes.map((name) => this.#checkProcess(threadId, name)),
      ...(urls ? [...this.#probed.values()].map((server) => this.#checkSession(threadId, server)) : []),
    ];
    await abortable(Promise.allSettled(checks), signal);
  }

  async #checkProcess(threadId: string, serverName: string): Promise<void> {
    const params = { threadId, serverName, detail: "toolsAndAuthOnly" } as const;
    const options = { timeoutMs: CHECK_TIMEOUT_MS };
    const { data } = await this.#process.request("mcpServerStatus/list", params, options);
    for (const { name, runtimeStatus } of data) {
      if (runtimeStatus === "failed") this.#startups.lost(name, "its connection was closed");
    }
  }

  async #checkSession(threadId: string, server: ProbedServer): Promise<void> {
    const { name } = server;
    if (!this.#startups.isReady(name)) return;
    const probe = await probeSession(this.#process, this.#clock, threadId, server);
    if (probe.kind === "lost") {
      this.#lost.add(name);
      this.#startups.lost(name, probe.reason);
      // A turn does not wait twice for a server that does not answer in time.
    } else if (probe.kind === "unknown") this.#probed.delete(name);
  }

  /** What looks lost in a session that is new, is the server's way to answer. */
  async #tryNewSessions(threadId: string, servers: readonly ProbedServer[]): Promise<void> {
    const tried = servers.map(async (server) => {
      const { name } = server;
      if (!this.#startups.isReady(name)) return;
      const probe = await probeSession(this.#process, this.#clock, threadId, server);
      if (probe.kind === "fine") return;
      this.#probed.delete(name);
      if (probe.kind === "lost") this.#useless.add(name);
    });
    await Promise.all(tried);
  }

  /** Asks for the state of servers that Codex has not reported, e.g. because an administrator forbids them. */
  async #probe(threadId: string): Promise<void> {
    const { codexHome, environmentIds, programIds } = this.#process;
    const { data } = await this.#process.request("mcpServerStatus/list", {
      threadId,
      detail: "toolsAndAuthOnly",
    });
    for (const { name, runtimeStatus, toolsError } of data) {
      const { environment_id } = (this.#wire.config[name] ?? {}) as JsonObject;
      const missing =
        runtimeStatus === "disabled"
          ? missingEnvironment(environment_id, codexHome, environmentIds, programIds)
          : undefined;
      this.#startups.probed(name, runtimeStatus, toolsError ?? missing ?? null);
    }
  }
}
