/**
 * Codex's own store, so that a login there counts here and the other way: `.credentials.json` in the Codex home, or the keyring.
 *
 * As Codex has it: `auto` is the keyring where one can be used, else the file; what is written to the keyring leaves the file; a logout
 * clears both. The locks are Codex's too: one for each login, one for the file (`system-lock.ts`).
 *
 * Invariants
 *   K1. What one of the two writes, the other one reads.
 *   K2. With `auto`, a keyring that cannot be used is no error, and the file is used instead. With `keyring` it is one.
 *   K3. `read` takes no lock. Codex writes the file in place: what cannot be read then is read again under the lock.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { type Clock, systemClock } from "../../../base/clock.ts";
import { ConfigError } from "../../../config/problem.ts";
import { CredentialsFile, entryName } from "../credentials-file.ts";
import type { LoginKey, LoginStore, StoredLogin } from "../stored-login.ts";
import { Keyring } from "./keyring.ts";
import { withSystemLock } from "./system-lock.ts";

export interface CodexLoginStoreOptions {
  /** The folder that Codex calls `CODEX_HOME`. It need not exist before there is a login. */
  readonly codexHome: string;
  /** `mcp_oauth_credentials_store` of the configuration. @default "auto" */
  readonly kept?: "auto" | "file" | "keyring" | undefined;
  /** Time, for tests. */
  readonly clock?: Clock;
}

export function codexLoginStore({
  codexHome,
  kept = "auto",
  clock = systemClock,
}: CodexLoginStoreOptions): LoginStore {
  const keyring = kept === "file" ? undefined : new Keyring();
  return new CodexLoginStore(codexHome, keyring, kept === "auto", clock);
}

class CodexLoginStore implements LoginStore {
  readonly #locks: string;
  readonly #file: CredentialsFile;
  readonly #keyring: Keyring | undefined;
  /** Whether the file is used when the keyring cannot be. */
  readonly #isAuto: boolean;
  readonly #clock: Clock;

  constructor(codexHome: string, keyring: Keyring | undefined, isAuto: boolean, clock: Clock) {
    this.#locks = join(codexHome, "mcp-oauth-locks");
    this.#file = new CredentialsFile(join(codexHome, ".credentials.json"));
    this.#keyring = keyring;
    this.#isAuto = isAuto;
    this.#clock = clock;
  }

  async read(key: LoginKey, signal: AbortSignal): Promise<StoredLogin | undefined> {
    signal.throwIfAborted();
    const found = await this.#inKeyring((keyring) => keyring.read(key, signal));
    return found ?? (this.#usesFile ? await this.#readFile(key, signal) : undefined);
  }

  async write(login: StoredLogin, signal: AbortSignal): Promise<void> {
    const isWritten = await this.#inKeyring(async (keyring) => {
      try {
        await keyring.write(login, signal);
        return true;
      } catch (error) {
        // A login that stays in the keyring would be read instead of the one in the file.
        if ((await keyring.read(login, signal).catch(() => undefined)) === undefined) throw error;
        throw new Error("The keyring has a login, and does not take another one", { cause: error });
      }
    });
    if (isWritten === undefined) await this.#locked(() => this.#file.write(login, signal), signal);
    else await this.#forget(login, signal);
  }

  async remove(key: LoginKey, signal: AbortSignal): Promise<boolean> {
    const fromKeyring = await this.#inKeyring((keyring) => keyring.remove(key, signal));
    const fromFile = await this.#locked(() => this.#file.remove(key, signal), signal);
    return fromKeyring === true || fromFile;
  }

  exclusively<T>(key: LoginKey, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const name = createHash("sha256").update(entryName(key)).digest("hex");
    return withSystemLock(join(this.#locks, `${name}.lock`), work, signal, this.#clock);
  }

  get #usesFile(): boolean {
    return this.#keyring === undefined || this.#isAuto;
  }

  /** @returns `undefined` where there is no keyring to be used (K2) */
  async #inKeyring<T>(use: (keyring: Keyring) => Promise<T>): Promise<T | undefined> {
    if (this.#keyring === undefined || (this.#isAuto && this.#keyring.isMissing)) return undefined;
    try {
      return await use(this.#keyring);
    } catch (error) {
      if (this.#isAuto && error instanceof ConfigError) return undefined;
      throw error;
    }
  }

  async #readFile(key: LoginKey, signal: AbortSignal): Promise<StoredLogin | undefined> {
    try {
      return await this.#file.read(key);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return this.#locked(() => this.#file.read(key), signal);
    }
  }

  /** The login is in the keyring now; the file may still have an older one, which must not count again. */
  async #forget(key: LoginKey, signal: AbortSignal): Promise<void> {
    if ((await this.#file.read(key).catch(() => undefined)) === undefined) return;
    await this.#locked(() => this.#file.remove(key, signal), signal);
  }

  #locked<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return withSystemLock(join(this.#locks, "file-store.lock"), work, signal, this.#clock);
  }
}
