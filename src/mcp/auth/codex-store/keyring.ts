/**
 * The keyring of the system, through the package `@napi-rs/keyring` where it is installed. It uses the library that Codex uses,
 * and so the same entries.
 *
 * Codex's entry is one JSON text (from its published source; no keyring ran where we tested): the fields of a login, and the answer of
 * the token endpoint as it came.
 */
import { createRequire } from "node:module";
import { codeOf, messageOf } from "../../../base/errors.ts";
import { isObject } from "../../../base/json.ts";
import { ConfigError } from "../../../config/problem.ts";
import { entryName, entryOf, loginOf } from "../credentials-file.ts";
import type { LoginKey, StoredLogin } from "../stored-login.ts";

/** As Codex calls it. */
const SERVICE = "Codex MCP Credentials";

/** What is used of the package. */
interface KeyringEntry {
  getPassword(signal?: AbortSignal): Promise<string | null | undefined>;
  setPassword(password: string, signal?: AbortSignal): Promise<unknown>;
  deletePassword(signal?: AbortSignal): Promise<unknown>;
}
type KeyringPackage = { readonly AsyncEntry: new (service: string, account: string) => KeyringEntry };

/** @throws {ConfigError} `unreadable`, `write_failed`: there is no package, no keyring, or it is locked. No error has a value of it */
export class Keyring {
  #package: KeyringPackage | Error | undefined;

  /** Whether it is known that there is no package for it. */
  get isMissing(): boolean {
    this.#package ??= load();
    return this.#package instanceof Error && isMissing(this.#package);
  }

  async read(key: LoginKey, signal: AbortSignal): Promise<StoredLogin | undefined> {
    return this.#use("unreadable", key, signal, async (entry) => {
      const text = await entry.getPassword(signal);
      return text === null || text === undefined ? undefined : toLogin(key, text);
    });
  }

  async write(login: StoredLogin, signal: AbortSignal): Promise<void> {
    await this.#use("write_failed", login, signal, async (entry) => {
      const before = await entry.getPassword(signal);
      await entry.setPassword(toText(login, before ?? undefined), signal);
    });
  }

  /** @returns whether there was one */
  async remove(key: LoginKey, signal: AbortSignal): Promise<boolean> {
    return this.#use("write_failed", key, signal, async (entry) => {
      const before = await entry.getPassword(signal);
      if (before === null || before === undefined) return false;
      await entry.deletePassword(signal);
      return true;
    });
  }

  async #use<T>(
    code: "unreadable" | "write_failed",
    key: LoginKey,
    signal: AbortSignal,
    use: (entry: KeyringEntry) => Promise<T>,
  ): Promise<T> {
    try {
      this.#package ??= load();
      if (this.#package instanceof Error) throw this.#package;
      return await use(new this.#package.AsyncEntry(SERVICE, entryName(key)));
    } catch (error) {
      signal.throwIfAborted();
      const what = isMissing(error)
        ? 'it needs the package "@napi-rs/keyring" beside mcp-switchyard: npm install @napi-rs/keyring'
        : messageOf(error);
      throw new ConfigError(
        code,
        `Cannot use the keyring for the login of ${JSON.stringify(key.server)}: ${what}`,
      );
    }
  }
}

function load(): KeyringPackage | Error {
  try {
    return createRequire(import.meta.url)("@napi-rs/keyring") as KeyringPackage;
  } catch (error) {
    return error instanceof Error ? error : new Error(messageOf(error));
  }
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === "MODULE_NOT_FOUND";
}

function toLogin(key: LoginKey, text: string): StoredLogin {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not as the cause: its message quotes the text.
  }
  const answer = isObject(value) ? value["token_response"] : undefined;
  if (!isObject(value) || !isObject(answer)) throw new Error("the entry is not one of Codex");
  const { token_response: _, url: server_url, ...fields } = value;
  const { access_token, refresh_token, scope } = answer;
  const scopes = typeof scope === "string" ? scope.split(" ").filter((each) => each !== "") : [];
  const login = loginOf(key, { ...fields, server_url, access_token, refresh_token, scopes });
  if (login === undefined) throw new Error("the entry lacks client_id or access_token");
  return login;
}

/** @param before what is kept of it: fields that are not known */
function toText(login: StoredLogin, before: string | undefined): string {
  const { server_url, access_token, refresh_token, scopes: _, ...fields } = entryOf(login);
  const old: unknown = before === undefined ? undefined : tryParse(before);
  const answer = isObject(old) ? old["token_response"] : undefined;
  const { expires_in: __, ...kept } = isObject(answer) ? answer : {};
  const token_response = {
    ...kept,
    access_token,
    token_type: "bearer",
    refresh_token,
    ...(login.scopes.length === 0 ? {} : { scope: login.scopes.join(" ") }),
  };
  return JSON.stringify({ ...(isObject(old) ? old : {}), ...fields, url: server_url, token_response });
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // It is replaced.
    return undefined;
  }
}
