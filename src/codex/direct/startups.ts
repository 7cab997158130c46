/**
 * Which servers of an open thread are ready, which have failed, and why.
 *
 * A name stands for one server: Codex registers those of a thread without an environment, also with its feature
 * `multi_environment_mcp` and for servers that run in one (0.171). `test/executor/real-codex.test.ts` watches it.
 */
import { within } from "../../base/abort.ts";
import type { Clock } from "../../base/clock.ts";
import { inHostsWords, isEnd, plainReason, type StartupFailure } from "./reasons.ts";

type Startup =
  | { readonly kind: "starting" }
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly reason: string; readonly hasEnded: boolean };

/** Codex is asked after this time without news: it never reports a server that an administrator forbids (0.169). */
const PROBE_AFTER_MS = 1_500;
/** Codex ends a start at the server's time-out; this is the time for the news to arrive. */
const MARGIN_MS = 5_000;

export class ServerStartups {
  readonly #clock: Clock;
  readonly #startups = new Map<string, Startup>();
  readonly #hostNames: ReadonlyMap<string, string>;
  #settled = Promise.withResolvers<void>();

  /** @param names of the enabled servers: Codex's name of each, and the host's */
  constructor(clock: Clock, names: ReadonlyMap<string, string>) {
    this.#clock = clock;
    this.#hostNames = names;
    for (const name of names.keys()) this.#startups.set(name, { kind: "starting" });
    this.#check();
  }

  get failures(): StartupFailure[] {
    return [...this.#startups].flatMap(([name, startup]) => {
      if (startup.kind !== "failed") return [];
      const server = this.#hostNames.get(name) ?? name;
      const { reason, hasEnded } = startup;
      return [{ name, server, reason: inHostsWords(reason, name, server), hasEnded }];
    });
  }

  /** Takes `mcpServer/startupStatus/updated`. */
  update({ name, status, error }: { name: string; status: string; error: string | null }): void {
    if (status === "ready") this.#set(name, { kind: "ready" });
    else if (status !== "starting") {
      this.#set(name, {
        kind: "failed",
        reason: error === null ? `its start was ${status}` : plainReason(error),
        hasEnded: error !== null && isEnd(error),
      });
    }
  }

  /** Takes an entry of `mcpServerStatus/list`. News that came in the meantime counts more. */
  probed(name: string, runtimeStatus: string | null, toolsError: string | null): void {
    if (this.#startups.get(name)?.kind !== "starting") return;
    if (runtimeStatus === "connected") this.#set(name, { kind: "ready" });
    else if (runtimeStatus !== null && runtimeStatus !== "starting" && runtimeStatus !== "notStarted") {
      const reason =
        runtimeStatus === "disabled" ? "it is disabled by a requirement of this machine" : runtimeStatus;
      this.#set(name, { kind: "failed", reason: toolsError ?? reason, hasEnded: false });
    }
  }

  isReady(name: string): boolean {
    return this.#startups.get(name)?.kind === "ready";
  }

  /** A server that was ready has been lost. */
  lost(name: string, reason: string): void {
    if (this.isReady(name)) this.#set(name, { kind: "failed", reason, hasEnded: true });
  }

  /**
   * Waits until every server is ready or has failed; one that is neither by then counts as failed.
   *
   * @param timeoutMs the longest start-up time-out among them
   * @param probe asks Codex; called once, if there is no news for a while
   * @param stopped rejects to end the wait
   * @throws what `stopped` rejects with
   */
  async settle(
    timeoutMs: number,
    probe: () => Promise<void>,
    stopped: Promise<never>,
  ): Promise<StartupFailure[]> {
    const settled = Promise.race([this.#settled.promise, stopped]);
    settled.catch(() => {});
    if ((await within(this.#clock, PROBE_AFTER_MS, settled)) === "timeout") {
      // The answer comes when the servers have settled. If the request fails, news may still come.
      probe().catch(() => {});
      if ((await within(this.#clock, timeoutMs + MARGIN_MS, settled)) === "timeout") {
        for (const [name, { kind }] of this.#startups) {
          if (kind !== "starting") continue;
          this.#set(name, { kind: "failed", reason: `not ready within ${timeoutMs} ms`, hasEnded: false });
        }
      }
    }
    return this.failures;
  }

  #set(name: string, startup: Startup): void {
    if (!this.#startups.has(name)) return;
    this.#startups.set(name, startup);
    this.#check();
  }

  get isSettled(): boolean {
    return [...this.#startups.values()].every(({ kind }) => kind !== "starting");
  }

  #check(): void {
    if (this.isSettled) this.#settled.resolve();
  }
}
