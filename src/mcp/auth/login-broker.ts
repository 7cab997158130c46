/**
 * Hands out the tokens of stored logins, and refreshes them: the one place that does, for all connections of a host.
 *
 * What one login goes through is in `held-login.ts`, which has its rules.
 *
 * Invariants
 *   B1. A principal gets tokens of its own store only.
 *   B2. A refresh ends within its time-outs, and holds nobody but those who wait for that login.
 *   B3. After disposal nothing is under way: a refresh that had begun has had `GOODBYE_MS` to be carried through.
 */
import { randomInt } from "node:crypto";
import { within } from "../../base/abort.ts";
import { type Clock, systemClock } from "../../base/clock.ts";
import { type Log, silentLog } from "../../base/log.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import { McpError } from "../errors.ts";
import type { HttpFetch } from "../http/http-fetch.ts";
import type { LoginToken } from "../http/login-token.ts";
import { NodeFetch } from "../http/node-fetch.ts";
import type { CredentialSource, TokenQuestion } from "./credential-source.ts";
import { HeldLogin } from "./held-login.ts";
import { LoginEnded } from "./refresh-request.ts";
import { loginKeyOf, type LoginStore } from "./stored-login.ts";

export interface LoginBrokerOptions {
  /** The store of a principal's logins. `undefined`: it has none. */
  readonly stores: (principal: string | undefined) => LoginStore | undefined;
  /** What a person does about a login that is missing or has ended. @default `Log in: switchyard mcp login NAME` */
  readonly advice?: ((server: string) => string) | undefined;
  /** Receives diagnostics, without secrets. @default silent */
  readonly log?: Log | undefined;
  /** HTTP to authorization servers of servers on this machine. @default from this process, through the proxy that its variables name */
  readonly fetch?: HttpFetch | undefined;
  /** Time, for tests. */
  readonly clock?: Clock | undefined;
  /** Yields a number in [0, 1), for tests. */
  readonly random?: (() => number) | undefined;
}

/** A token is due between these before its end, another time in each process. Codex refreshes 30 s before. */
const SKEW_MS = [30_000, 60_000] as const;
const GOODBYE_MS = 5_000;
/** Logins that are remembered; the oldest that nothing happens to are forgotten, and read again when asked for. */
const HELD_MAX = 1_000;

export class LoginBroker implements CredentialSource, AsyncDisposable {
  readonly #options: LoginBrokerOptions;
  readonly #clock: Clock;
  readonly #ownFetch: NodeFetch | undefined;
  readonly #fetch: HttpFetch;
  readonly #skewMs: number;
  readonly #stop = new AbortController();
  readonly #kill = new AbortController();
  readonly #held = new Map<string, HeldLogin>();

  constructor(options: LoginBrokerOptions) {
    const { clock = systemClock, random = () => randomInt(1_000) / 1_000 } = options;
    this.#options = options;
    this.#clock = clock;
    this.#ownFetch = options.fetch === undefined ? new NodeFetch({ clock }) : undefined;
    this.#fetch = options.fetch ?? (this.#ownFetch as NodeFetch).fetch;
    this.#skewMs = SKEW_MS[0] + random() * (SKEW_MS[1] - SKEW_MS[0]);
  }

  /**
   * @returns `undefined` without a login
   * @throws {McpError} `needs_login` after a 401, when there is no token that may be taken
   * @throws what kept the login from being refreshed; it may work later
   */
  async token({
    server,
    config,
    principal,
    why,
    last,
    fetch,
    signal,
  }: TokenQuestion): Promise<LoginToken | undefined> {
    const held = this.#heldOf(server, config, principal);
    if (held === undefined) return undefined;
    const unauthorized = why === "unauthorized";
    try {
      const found = await held.token({ config, fetch }, { unauthorized, last }, signal);
      if (found !== undefined || !unauthorized) return found;
    } catch (error) {
      if (!(error instanceof LoginEnded)) throw error;
      throw this.#needsLogin(server, `its login has ended: ${error.message}`, error);
    }
    throw this.#needsLogin(server, last === undefined ? "there is no login for it" : "its login is gone");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new McpError("ended", "The broker of logins was disposed"));
    const idle = Promise.all([...this.#held.values()].map((held) => held.idle));
    if ((await within(this.#clock, GOODBYE_MS, idle)) === "timeout") {
      this.#kill.abort(this.#stop.signal.reason);
      await idle;
    }
    this.#ownFetch?.[Symbol.dispose]();
  }

  #heldOf(server: string, config: McpServerConfig, principal: string | undefined): HeldLogin | undefined {
    this.#stop.signal.throwIfAborted();
    const key = loginKeyOf(server, config);
    const name = JSON.stringify([principal ?? null, key]);
    const known = this.#held.get(name);
    if (key === undefined || known !== undefined) return known;
    const store = this.#options.stores(principal);
    if (store === undefined) return undefined;
    const held = new HeldLogin(store, key, {
      clock: this.#clock,
      log: this.#options.log ?? silentLog,
      fetch: this.#fetch,
      skewMs: this.#skewMs,
      stop: this.#stop.signal,
      kill: this.#kill.signal,
    });
    if (this.#held.size >= HELD_MAX) {
      const idle = [...this.#held].find(([, each]) => !each.isBusy);
      if (idle !== undefined) this.#held.delete(idle[0]);
    }
    this.#held.set(name, held);
    return held;
  }

  #needsLogin(server: string, what: string, cause?: Error): McpError {
    const advice = this.#options.advice?.(server) ?? `Log in: switchyard mcp login ${inShell(server)}`;
    return new McpError("needs_login", `${what}. ${advice}`, { server, cause });
  }
}

function inShell(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}
