/**
 * Logins of many principals, in a folder of the host's: one file for each principal.
 *
 * Invariants
 *   F1. A principal's store reads and writes that principal's file only; whatever a principal is called, its file is in the folder.
 *   F2. One change at a time, over all processes that use the folder (`exclusively`, `write`, `remove`).
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { withFileLock } from "../../config/file/file-lock.ts";
import { CredentialsFile, entryName } from "./credentials-file.ts";
import type { LoginKey, LoginStore, StoredLogin } from "./stored-login.ts";

/** How long to wait for others. One of them may be waiting for an authorization server. */
const LOCK_MS = 60_000;

/**
 * @param folder made if need be, for its owner alone; its files have hashed names, and only their owner may read them
 * @returns the store of each principal; `undefined` is the host itself
 */
export function folderLoginStores(folder: string): (principal: string | undefined) => LoginStore {
  return (principal) => new FolderLoginStore(folder, principal);
}

class FolderLoginStore implements LoginStore {
  readonly #path: string;
  readonly #file: CredentialsFile;

  constructor(folder: string, principal: string | undefined) {
    this.#path = join(folder, `${hashOf(JSON.stringify(principal ?? null))}.json`);
    this.#file = new CredentialsFile(this.#path);
  }

  async read(key: LoginKey, signal: AbortSignal): Promise<StoredLogin | undefined> {
    signal.throwIfAborted();
    return this.#file.read(key);
  }

  write(login: StoredLogin, signal: AbortSignal): Promise<void> {
    return withFileLock(this.#path, () => this.#file.write(login, signal), { signal, timeoutMs: LOCK_MS });
  }

  remove(key: LoginKey, signal: AbortSignal): Promise<boolean> {
    return withFileLock(this.#path, () => this.#file.remove(key, signal), { signal, timeoutMs: LOCK_MS });
  }

  exclusively<T>(key: LoginKey, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const path = `${this.#path}-${hashOf(entryName(key))}`;
    return withFileLock(path, work, { signal, timeoutMs: LOCK_MS });
  }
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
