/**
 * Where the MCP servers of a host's threads get the tokens of logins: the user's own by default, as in Codex.
 *
 * Invariants
 *   L1. A thread with a principal gets none of the user's logins.
 *   L2. A token that is in use shows in no message, and in nothing that a tool's output gives the model.
 */
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Variables } from "../../servers/resolve.ts";
import type { CredentialSource } from "./credential-source.ts";
import { LoginBroker } from "./login-broker.ts";
import type { LoginStore } from "./stored-login.ts";
import { userLoginStore } from "./user-logins.ts";

export interface HostLoginsOptions {
  readonly credentials: CredentialSource | undefined;
  readonly env: Variables;
  readonly log: Log;
  readonly clock: Clock;
  /** @returns takes it back */
  readonly hide: (secret: string) => () => void;
}

/** Tokens that stay hidden; the one that was last in use longest ago is forgotten first. */
const HIDDEN_MAX = 1_000;

export class HostLogins implements CredentialSource, AsyncDisposable {
  readonly #source: CredentialSource;
  readonly #own: LoginBroker | undefined;
  readonly #hide: (secret: string) => () => void;
  readonly #hidden = new Map<string, () => void>();

  constructor({ credentials, env, log, clock, hide }: HostLoginsOptions) {
    let store: LoginStore | undefined;
    const stores = (principal: string | undefined): LoginStore | undefined =>
      principal === undefined ? (store ??= userLoginStore({ env })) : undefined;
    this.#own = credentials === undefined ? new LoginBroker({ stores, log, clock }) : undefined;
    this.#source = credentials ?? (this.#own as LoginBroker);
    this.#hide = hide;
  }

  async token(question: Parameters<CredentialSource["token"]>[0]): ReturnType<CredentialSource["token"]> {
    const given = await this.#source.token(question);
    const token = typeof given === "string" ? given : given?.token;
    if (token === undefined) return given;
    const forget = this.#hidden.get(token) ?? this.#hide(token);
    this.#hidden.delete(token);
    this.#hidden.set(token, forget);
    const [oldest] = this.#hidden;
    if (this.#hidden.size > HIDDEN_MAX && oldest !== undefined) {
      this.#hidden.delete(oldest[0]);
      oldest[1]();
    }
    return given;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#own?.[Symbol.asyncDispose]();
  }
}
