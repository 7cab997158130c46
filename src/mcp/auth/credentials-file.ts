/**
 * A file of logins, in the format of Codex's `.credentials.json` (measured with 0.171): one object, an entry for each pair of a
 * server's name and URL.
 *
 * Invariants
 *   C1. Other entries, and what is not known in an entry, are kept as they are, numbers too large for JavaScript included. (Codex
 *       itself drops what it does not know when it writes.)
 *   C2. The file is the old one or the new one, whole; only its owner may read it. Without an entry there is no file.
 *   C4. A file with several names stays one, and is written in place: our Codex homes share the user's so, and Codex writes in place.
 *   C3. A file that is not of this format is an error and stays. No error shows what is in it.
 */
import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { open, stat } from "node:fs/promises";
import { fileError, nodeFileSystem, removeFile } from "../../config/file/file-system.ts";
import { readVersioned, replaceFile, resolveTarget } from "../../config/file/safe-write.ts";
import { ConfigError } from "../../config/problem.ts";
import { isObject } from "../../base/json.ts";
import type { LoginKey, StoredLogin } from "./stored-login.ts";

type Entry = Readonly<Record<string, unknown>>;
type Entries = ReadonlyMap<string, Entry>;

/** Codex's name of an entry: the server's name, `|`, and 16 digits of a hash over its transport without headers. */
export function entryName({ server, url }: LoginKey): string {
  const transport = JSON.stringify({ type: "http", url, headers: {} });
  return `${server}|${createHash("sha256").update(transport).digest("hex").slice(0, 16)}`;
}

export class CredentialsFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws {ConfigError} `unreadable` */
  async read(key: LoginKey): Promise<StoredLogin | undefined> {
    // Asked at each start of a server: most often there is no file, and to find that out by following links takes five calls.
    if (isAbsent(this.#path)) return undefined;
    const { entries } = await this.#load();
    const entry = [...entries.values()].find((each) => isOf(each, key));
    if (entry === undefined) return undefined;
    const login = loginOf(key, entry);
    if (login !== undefined) return login;
    throw broken(this.#path, `the login of ${JSON.stringify(key.server)} lacks client_id or access_token`);
  }

  /** Under a lock of the caller's. @throws {ConfigError} `unreadable`, `write_failed`, `conflict` */
  async write(login: StoredLogin, signal: AbortSignal): Promise<void> {
    await this.#change(signal, (entries) => {
      const name = entryName(login);
      const before = entries.get(name);
      for (const [each, entry] of entries) if (isOf(entry, login)) entries.delete(each);
      entries.set(name, { ...before, ...entryOf(login) });
      return true;
    });
  }

  /** Under a lock of the caller's. @throws as `write` */
  remove(key: LoginKey, signal: AbortSignal): Promise<boolean> {
    return this.#change(signal, (entries) => {
      const names = [...entries].flatMap(([name, entry]) => (isOf(entry, key) ? [name] : []));
      for (const name of names) entries.delete(name);
      return names.length > 0;
    });
  }

  /** @param change returns whether it changed anything */
  async #change(signal: AbortSignal, change: (entries: Map<string, Entry>) => boolean): Promise<boolean> {
    const { entries, target, version } = await this.#load();
    const changed = new Map(entries);
    if (!change(changed)) return false;
    if (changed.size === 0) await removeFile(target, nodeFileSystem);
    else {
      // Sorted, as Codex writes it.
      const sorted = [...changed].toSorted(([a], [b]) => (a < b ? -1 : 1));
      const members = sorted.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`);
      const text = `{${members.join(",")}}`;
      if (await hasOtherNames(target)) await overwrite(target, text);
      else await replaceFile(target, text, { expectedVersion: version, signal });
    }
    return true;
  }

  async #load(): Promise<{ entries: Entries; target: string; version: string | undefined }> {
    const target = await resolveTarget(this.#path);
    const file = await readVersioned(target);
    return { entries: parse(this.#path, file?.text ?? "{}"), target, version: file?.version };
  }
}

/** @returns `false` also where that cannot be found out: reading it says why */
function isAbsent(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}

async function hasOtherNames(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => undefined);
  return status !== undefined && status.nlink > 1;
}

/** With other names, a new file would leave them with refresh tokens that are used up (C4). */
async function overwrite(path: string, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  try {
    await using handle = await open(path, "r+");
    await handle.chmod(0o600);
    // In one call, so that nobody sees half of it.
    await handle.write(bytes, 0, bytes.length, 0);
    await handle.truncate(bytes.length);
    await handle.sync();
  } catch (error) {
    throw fileError("write_failed", "write", path, error);
  }
}

function parse(path: string, text: string): Entries {
  let value: unknown;
  try {
    value = JSON.parse(text, keepNumber);
  } catch {
    // Not as the cause: its message quotes the text.
    throw broken(path, "it is not JSON");
  }
  if (!isObject(value)) throw broken(path, "it is not an object");
  const entries = new Map<string, Entry>();
  for (const [name, entry] of Object.entries(value)) {
    if (!isObject(entry)) throw broken(path, "an entry is not an object");
    entries.set(name, entry);
  }
  return entries;
}

/** Keeps the digits of a number that JavaScript would round (C1). */
function keepNumber(_key: string, value: unknown, context?: { readonly source: string }): unknown {
  if (typeof value !== "number" || context === undefined || Number.isSafeInteger(value)) return value;
  return JSON_WITH_SOURCE.rawJSON(context.source);
}

/** In every Node that we run on; not in the types of the language yet. */
const JSON_WITH_SOURCE = JSON as typeof JSON & { rawJSON(text: string): unknown };

function isOf(entry: Entry, { server, url }: LoginKey): boolean {
  return entry["server_name"] === server && entry["server_url"] === url;
}

/** @returns `undefined` for what is no login */
export function loginOf(key: LoginKey, entry: Entry): StoredLogin | undefined {
  const { client_id: clientId, access_token: accessToken, expires_at: expiresAt, scopes } = entry;
  if (typeof clientId !== "string" || typeof accessToken !== "string") return undefined;
  const method = entry["token_endpoint_auth_method"];
  return {
    server: key.server,
    url: key.url,
    issuer: text(entry["issuer"]),
    clientId,
    clientSecret: text(entry["client_secret"]),
    clientAuthMethod:
      method === "none" || method === "client_secret_basic" || method === "client_secret_post"
        ? method
        : undefined,
    resource: text(entry["resource"]),
    accessToken,
    refreshToken: text(entry["refresh_token"]),
    expiresAt: typeof expiresAt === "number" ? expiresAt : undefined,
    scopes: Array.isArray(scopes) ? scopes.filter((scope) => typeof scope === "string") : [],
  };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Codex's names; it has none for the last three, which are written only where they say something. */
export function entryOf(login: StoredLogin): Entry {
  return {
    server_name: login.server,
    server_url: login.url,
    issuer: login.issuer,
    client_id: login.clientId,
    access_token: login.accessToken,
    expires_at: login.expiresAt,
    refresh_token: login.refreshToken,
    scopes: login.scopes,
    client_secret: login.clientSecret,
    token_endpoint_auth_method: login.clientSecret === undefined ? undefined : login.clientAuthMethod,
    resource: login.resource === login.url ? undefined : login.resource,
  };
}

function broken(path: string, what: string): ConfigError {
  const remedy = "Repair it, or remove it and log in again";
  return new ConfigError("unreadable", `Cannot read the logins in "${path}": ${what}. ${remedy}`);
}
