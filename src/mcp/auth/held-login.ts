/**
 * One login of a store, as this process uses it: whose token is sent, and who refreshes it when.
 *
 *   asked ──> store ──┬── good ──> its token
 *                     └── due, or refused ──> one refresh for all who ask ──> lock ──> store again ──┬── another one has: theirs
 *                                                                                                    └── refresh ──> write ──> ours
 *
 * Invariants
 *   R1. All who need a refresh at the same time get that of one.
 *   R2. A refresh token is sent once: under the lock of the login, after the store was read again. Who comes later finds other tokens
 *       and takes them.
 *   R3. Nothing is removed from the store here. A login or logout that others made meanwhile wins over ours.
 *   R4. A login that has ended is not tried again, until the store has another one.
 *   R5. A refresh that has begun is carried through, whoever gives up waiting for it: its tokens replace used ones.
 *   R6. New tokens that cannot be written are used, and written with the next refresh.
 */
import { abortable } from "../../base/abort.ts";
import { type Clock, wallTime } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import type { HttpFetch } from "../http/http-fetch.ts";
import type { LoginToken } from "../http/login-token.ts";
import { LoginEnded, requestRefresh } from "./refresh-request.ts";
import type { LoginKey, LoginStore, StoredLogin } from "./stored-login.ts";

export interface HeldLoginParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly fetch: HttpFetch;
  /** How long before its end a token is due, in milliseconds: not the same in all processes. */
  readonly skewMs: number;
  /** Ends the wait for a lock. */
  readonly stop: AbortSignal;
  /** Ends requests. */
  readonly kill: AbortSignal;
}

/** The server that a login is used for. */
export interface ServerOfLogin {
  readonly config: McpServerConfig;
  /** @default that of the parts */
  readonly fetch: HttpFetch | undefined;
}

/** Of one request to the authorization server. Codex waits for 45 s. */
const REQUEST_MS = 30_000;
/** A token that others have got is taken if it counts for so long. */
const LEFT_MS = 5_000;
/** Until a refresh that failed is tried again, while the token counts. */
const AGAIN_MS = 10_000;

export class HeldLogin {
  readonly #store: LoginStore;
  readonly #key: LoginKey;
  readonly #parts: HeldLoginParts;
  #refreshing: Promise<StoredLogin> | undefined;
  /** The login that has ended (R4), and why. */
  #ended: { readonly login: StoredLogin; readonly error: LoginEnded } | undefined;
  /** What is in the store, and what should be there (R6). */
  #unsaved: { readonly stored: StoredLogin; readonly login: StoredLogin } | undefined;
  /** The last token that a refresh brought, ours or another's, and when it is due: one that counts for a minute is not due at once. */
  #fresh: { readonly token: string; readonly dueAt: number } | undefined;

  constructor(store: LoginStore, key: LoginKey, parts: HeldLoginParts) {
    this.#store = store;
    this.#key = key;
    this.#parts = parts;
  }

  /** Settles when no refresh is under way. */
  get idle(): Promise<unknown> {
    return this.#refreshing?.catch(() => {}) ?? Promise.resolve();
  }

  get isBusy(): boolean {
    return this.#refreshing !== undefined || this.#unsaved !== undefined;
  }

  /**
   * @param about.unauthorized whether a request was answered with 401
   * @param about.last the token that is due, or that the request had
   * @returns `undefined` without a login, and, before a 401, with one that has ended and whose token is over
   * @throws {LoginEnded} after a 401
   * @throws what a refresh failed with, where there is no other token; it may work later
   */
  async token(
    of: ServerOfLogin,
    { unauthorized, last }: { readonly unauthorized: boolean; readonly last: string | undefined },
    signal: AbortSignal,
  ): Promise<LoginToken | undefined> {
    const refused = unauthorized ? last : undefined;
    let login = await this.#current(signal);
    if (login === undefined) return undefined;
    // Another process has refreshed it.
    if (last !== undefined && login.accessToken !== last && !isOver(login, LEFT_MS)) this.#take(login);
    // Twice: the refresh that was under way may have brought the very token that was refused.
    for (let times = 0; times < 2 && (login.accessToken === refused || this.#isDue(login)); times++) {
      try {
        login = await this.#refresh(login, of, signal);
      } catch (error) {
        signal.throwIfAborted();
        const hasEnded = error instanceof LoginEnded;
        if (login.accessToken !== refused && !isOver(login)) {
          const dueAt = hasEnded ? undefined : wallTime() + AGAIN_MS;
          return { token: login.accessToken, dueAt, endsAt: login.expiresAt };
        }
        if (hasEnded && !unauthorized) return undefined;
        throw error;
      }
    }
    if (login.accessToken === refused) throw new LoginEnded("the server does not take its new token either");
    return { token: login.accessToken, dueAt: this.#dueAt(login), endsAt: login.expiresAt };
  }

  #refresh(seen: StoredLogin, of: ServerOfLogin, signal: AbortSignal): Promise<StoredLogin> {
    if (this.#ended !== undefined && isSame(this.#ended.login, seen))
      return Promise.reject(this.#ended.error);
    this.#refreshing ??= this.#exclusively(seen, of).finally(() => (this.#refreshing = undefined));
    return abortable(this.#refreshing, signal);
  }

  #exclusively(seen: StoredLogin, of: ServerOfLogin): Promise<StoredLogin> {
    const { stop, kill } = this.#parts;
    return this.#store.exclusively(
      this.#key,
      async () => {
        const stored = await this.#store.read(this.#key, kill);
        if (stored === undefined) throw new LoginEnded("it was removed meanwhile");
        const latest = this.#withUnsaved(stored);
        if (latest.accessToken !== seen.accessToken && !isOver(latest, LEFT_MS)) return this.#take(latest);
        const login = await this.#request(latest, stored, of);
        return login === undefined ? this.#found(stored) : this.#save(login, stored);
      },
      stop,
    );
  }

  /** @returns `undefined` when the store has another login by now */
  async #request(
    login: StoredLogin,
    stored: StoredLogin,
    { config, fetch = this.#parts.fetch }: ServerOfLogin,
  ): Promise<StoredLogin | undefined> {
    const { clock, kill } = this.#parts;
    try {
      return await requestRefresh(login, config, { fetch, clock, signal: kill, timeoutMs: REQUEST_MS });
    } catch (error) {
      if (!(error instanceof LoginEnded)) throw error;
      // Somebody who does not take our lock may have been faster.
      const now = await this.#store.read(this.#key, kill);
      if (now !== undefined && !isSame(now, stored)) return undefined;
      this.#ended = { login, error };
      throw error;
    }
  }

  async #save(login: StoredLogin, stored: StoredLogin): Promise<StoredLogin> {
    const { kill, log } = this.#parts;
    this.#unsaved = { stored, login };
    try {
      const now = await this.#store.read(this.#key, kill);
      // A login or logout that others made in between (R3).
      if (!isSame(now, stored)) return await this.#found(stored);
      await this.#store.write(login, kill);
      this.#unsaved = undefined;
    } catch (error) {
      if (error instanceof LoginEnded) throw error;
      const what = `The new tokens of MCP server ${JSON.stringify(this.#key.server)} are used, but could not be kept`;
      log("warn", `${what}: ${messageOf(error)}`, { server: this.#key.server });
    }
    return this.#take(login);
  }

  /** What others have put into the store. */
  async #found(before: StoredLogin): Promise<StoredLogin> {
    const now = await this.#store.read(this.#key, this.#parts.kill);
    this.#unsaved = undefined;
    if (now === undefined || isSame(now, before)) throw new LoginEnded("it was removed meanwhile");
    return this.#take(now);
  }

  #take(login: StoredLogin): StoredLogin {
    const { expiresAt } = login;
    if (expiresAt !== undefined && this.#fresh?.token !== login.accessToken) {
      const left = expiresAt - wallTime();
      const dueAt = expiresAt - Math.min(this.#parts.skewMs, left / 2);
      this.#fresh = { token: login.accessToken, dueAt };
    }
    return login;
  }

  async #current(signal: AbortSignal): Promise<StoredLogin | undefined> {
    const stored = await this.#store.read(this.#key, signal);
    return stored === undefined ? undefined : this.#withUnsaved(stored);
  }

  #withUnsaved(stored: StoredLogin): StoredLogin {
    if (this.#unsaved === undefined) return stored;
    if (isSame(this.#unsaved.stored, stored)) return this.#unsaved.login;
    this.#unsaved = undefined;
    return stored;
  }

  #isDue(login: StoredLogin): boolean {
    const dueAt = this.#dueAt(login);
    return dueAt !== undefined && dueAt <= wallTime();
  }

  #dueAt({ accessToken, expiresAt }: StoredLogin): number | undefined {
    if (this.#fresh?.token === accessToken) return this.#fresh.dueAt;
    return expiresAt === undefined ? undefined : expiresAt - this.#parts.skewMs;
  }
}

function isOver({ expiresAt }: StoredLogin, leftMs = 0): boolean {
  return expiresAt !== undefined && expiresAt - leftMs <= wallTime();
}

function isSame(one: StoredLogin | undefined, other: StoredLogin): boolean {
  return one?.accessToken === other?.accessToken && one?.refreshToken === other?.refreshToken;
}
