/**
 * The MCP servers of one loaded thread, which Codex's own client runs: their names, and which of them are ready.
 *
 * It reads Codex's messages about servers and asks for what Codex does not report. What to do about a server that
 * failed is decided by `thread/session.ts`.
 */
import { abortable } from "../../base/abort.ts";
import type { Clock } from "../../base/clock.ts";
import type { JsonObject } from "../../base/json.ts";
import type { AppServerProcess } from "../app-server/process.ts";
import type { Notifications, WireItem } from "../app-server/protocol.ts";
import type { Launches } from "./launches.ts";
import type { DirectServer } from "./servers.ts";
import { brokenServer, gotNoAnswer, missingEnvironment, type StartupFailure } from "./reasons.ts";
import { ServerStartups } from "./startups.ts";
import type { WireServers } from "./wire.ts";

/** A server that is not there, with the whole reason. */
export interface ServerFailure {
  /** The host's name of it. */
  readonly server: string;
  readonly reason: string;
}

const CHECK_TIMEOUT_MS = 5_000;

export class ThreadServers implements Disposable {
  readonly #process: AppServerProcess;
  readonly #wire: WireServers;
  readonly #launches: Launches;
  readonly #startups: ServerStartups;
  /** The longest start-up time-out. */
  readonly #timeoutMs: number;
  /** Codex's names of those that are processes and enabled. */
  readonly #processes: readonly string[];
  /** Whether a call of theirs got no answer: the session may be lost, and Codex would go on using it. */
  #inDoubt = false;

  constructor(
    servers: readonly DirectServer[],
    wire: WireServers,
    launches: Launches,
    process: AppServerProcess,
    clock: Clock,
  ) {
    this.#process = process;
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
    this.#timeoutMs = Math.max(0, ...enabled.map((server) => server.startupTimeoutMs));
  }

  /** The host's name of a server that Codex knows as `name`. */
  hostName(name: string): string {
    return this.#wire.names.get(name) ?? name;
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
    this.#inDoubt ||= gotNoAnswer(item);
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
    const probe = (): Promise<void> => this.#probe(threadId);
    return await this.#explained(await this.#startups.settle(this.#timeoutMs, probe, stopped));
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

  /** Learns which processes have ended since the turn before: Codex knows, and does not say. */
  async check(threadId: string, signal: AbortSignal): Promise<void> {
    if (!this.#startups.isSettled) return;
    const ask = async (serverName: string): Promise<void> => {
      const params = { threadId, serverName, detail: "toolsAndAuthOnly" } as const;
      const { data } = await this.#process.request("mcpServerStatus/list", params, {
        timeoutMs: CHECK_TIMEOUT_MS,
      });
      for (const { name, runtimeStatus } of data) {
        if (runtimeStatus === "failed") this.#startups.lost(name, "its connection was closed");
      }
    };
    // Asked one by one: about a server that is reached by URL, Codex would send requests.
    await abortable(Promise.allSettled(this.#processes.map(ask)), signal);
  }

  /** Asks for the state of servers that Codex has not reported, e.g. because an administrator forbids them. */
  async #probe(threadId: string): Promise<void> {
    const { codexHome, environmentIds } = this.#process;
    const { data } = await this.#process.request("mcpServerStatus/list", {
      threadId,
      detail: "toolsAndAuthOnly",
    });
    for (const { name, runtimeStatus, toolsError } of data) {
      const { environment_id } = (this.#wire.config[name] ?? {}) as JsonObject;
      const missing =
        runtimeStatus === "disabled"
          ? missingEnvironment(environment_id, codexHome, environmentIds)
          : undefined;
      this.#startups.probed(name, runtimeStatus, toolsError ?? missing ?? null);
    }
  }
}
