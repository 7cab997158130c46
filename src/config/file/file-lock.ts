/**
 * One Switchyard at a time: a lock file beside the file that is edited.
 *
 * It keeps out every process that takes it, on this machine and on others that share the folder. Other programs do
 * not take it; against those there is the check of the version (`safe-write.ts`, W3). What is done under the lock is
 * the caller's.
 *
 * The files, for `config.toml`; T is a token, new for every claim:
 *   .config.toml.switchyard-lock       the lock: who holds it, as JSON
 *   .config.toml.switchyard-T.claim    the same text before it becomes the lock, or a marker
 *   .config.toml.switchyard-T.break-1  a marker: who may remove the lock with token T, whose holder is dead
 *   .config.toml.switchyard-T.break-2  the marker for when the process of marker 1 has died too, and so on
 *
 * Invariants
 *   L1. A lock or a marker is there whole or not at all: it is a claim, written and synced, under a second name
 *       (`link`), and `link` replaces nothing. Where there are no links (FAT), it is created empty and then written;
 *       one that cannot be read is never broken, but waited for.
 *   L2. A token is used for one lock, once. When the lock no longer holds T, it never will again.
 *   L3. The lock is removed by its holder, or, when that is dead, by the one breaker of its token (L4). The dead do
 *       not return: a process is its id and its start time, in its process namespace on its host. Where we cannot
 *       look, on another host or in another namespace, everybody counts as alive.
 *   L4. While the lock holds T, at most one living process is the breaker of T: the one that holds marker n and has
 *       seen the processes of the markers 1 to n-1 dead. Two of them, with m < n, cannot be: the one with n saw a
 *       dead process's marker m, and nobody removes a dead one's marker before the lock with T is gone (L5).
 *   L5. The breaker reads the lock again after it has its marker. Only if it still holds T does the breaker remove
 *       it; by L3 and L4 nobody else does that between the two, so what is removed is the lock with T. Who comes to
 *       a marker too late finds another token, or none, and removes only its own marker (L2).
 *   L6. Markers of other tokens, claims of the dead and the files of failed writes are removed by the holder of the
 *       lock: nobody else can be using them. A living process whose claim is removed while it writes it finds it
 *       missing and writes it again.
 *   L7. The lock is released when the work is over, however it ends; a lock that is not ours is left alone.
 */
import { randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { Backoff } from "../../base/backoff.ts";
import { type Clock, sleep, systemClock } from "../../base/clock.ts";
import { codeOf } from "../../base/errors.ts";
import { Semaphore } from "../../base/semaphore.ts";
import { ConfigError } from "../problem.ts";
import {
  type ConfigFileSystem,
  fileError,
  makeFolderOf,
  nodeFileSystem,
  removeFile,
  withFile,
} from "./file-system.ts";
import { canSee, type Holder, isDead, parseHolder, thisProcess } from "./lock-holder.ts";
import { isLitter, litterName } from "./safe-write.ts";

const DEFAULT_TIMEOUT_MS = 10_000;
const FIRST_POLL_MS = 10;
const SLOWEST_POLL_MS = 100;
const NO_LINKS = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];

export interface FileLockOptions {
  /** How long to wait for others; with 0 it is tried once. @default 10_000 */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait. The work heeds it itself. */
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  /** Yields a number in [0, 1). @default Math.random */
  readonly random?: (() => number) | undefined;
  readonly fs?: ConfigFileSystem | undefined;
}

/**
 * Does `work` while no other Switchyard, and no other caller in this one, does any for the same target.
 *
 * @param target no symbolic link: see `resolveTarget`; its folder is made if need be
 * @throws {ConfigError} `locked` when others take longer than `timeoutMs`, `write_failed` when there can be no lock
 * @throws the signal's reason when it aborts the wait
 */
export async function withFileLock<T>(
  target: string,
  work: () => Promise<T>,
  options: FileLockOptions = {},
): Promise<T> {
  const {
    timeoutMs = DEFAULT_TIMEOUT_MS,
    signal,
    clock = systemClock,
    random,
    fs = nodeFileSystem,
  } = options;
  signal?.throwIfAborted();
  const lock = new FileLock(target, fs);
  const deadline = new AbortController();
  const timer = clock.schedule(timeoutMs, () => deadline.abort());
  const patience = signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]);
  const backoff = new Backoff({
    firstMs: FIRST_POLL_MS,
    maxMs: SLOWEST_POLL_MS,
    ...(random === undefined ? {} : { random }),
  });
  let leaveQueue = (): void => {};
  try {
    try {
      leaveQueue = await enterQueue(lock.path, patience);
      await lock.acquire(() => sleep(clock, backoff.fail(), patience));
    } catch (error) {
      // Worded only now: the time may be over before the first look has shown who holds the lock.
      throw deadline.signal.aborted && error === deadline.signal.reason ? lock.lockedError(timeoutMs) : error;
    } finally {
      timer.clear();
    }
    return await lock.holdFor(work);
  } finally {
    leaveQueue();
  }
}

/** A lock that is there, whoever made it. */
export interface HeldLock {
  readonly path: string;
  /** `undefined`: it names nobody. */
  readonly pid: number | undefined;
  /** `dead`: the next one to lock removes it. `elsewhere`: of another host or container, or of nobody that can be seen. */
  readonly life: "alive" | "dead" | "elsewhere";
}

/**
 * Looks at the lock of a file, and takes none.
 *
 * @throws an error of the system, as `node:fs` throws them
 */
export async function heldLock(
  target: string,
  fs: ConfigFileSystem = nodeFileSystem,
): Promise<HeldLock | undefined> {
  const path = litterName(target, "lock");
  const self = thisProcess("");
  let bytes: Uint8Array;
  try {
    bytes = await withFile(await fs.open(path, "r"), (handle) => handle.readFile());
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    if (codeOf(error) === "EISDIR") return { path, pid: undefined, life: "elsewhere" };
    throw error;
  }
  const holder = parseHolder(bytes);
  if (holder === undefined) return { path, pid: undefined, life: "elsewhere" };
  const { pid } = holder;
  if (isDead(self, holder)) return { path, pid, life: "dead" };
  return { path, pid, life: canSee(self, holder) ? "alive" : "elsewhere" };
}

const queues = new Map<string, Semaphore>();

/** Callers of one process take turns here; the lock file would have them poll. */
async function enterQueue(path: string, signal: AbortSignal): Promise<() => void> {
  const queue = queues.get(path) ?? new Semaphore(1);
  queues.set(path, queue);
  const leave = await queue.acquire(signal);
  return () => {
    leave();
    if (queue.held === 0 && queue.waiting === 0) queues.delete(path);
  };
}

/** What is at a path: nothing, a holder's claim, or something without a holder. */
type Found = { readonly kind: "none" } | { readonly kind: "held"; readonly by: Holder | undefined };

class FileLock {
  readonly path: string;
  readonly #target: string;
  readonly #fs: ConfigFileSystem;
  readonly #self: Holder;
  readonly #claim: string;
  /** The last other holder that was seen. */
  #seen: Holder | undefined;

  constructor(target: string, fs: ConfigFileSystem) {
    this.#target = target;
    this.#fs = fs;
    this.path = litterName(target, "lock");
    this.#self = thisProcess(randomBytes(16).toString("hex"));
    this.#claim = litterName(target, `${this.#self.token}.claim`);
  }

  /** @param pause waits before the next look, or throws when the patience is over */
  async acquire(pause: () => Promise<void>): Promise<void> {
    try {
      await this.#attempt(() => makeFolderOf(this.#target, this.#fs));
      try {
        await this.#attempt(() => this.#writeClaim());
        while (!(await this.#attempt(() => this.#tryOnce()))) await pause();
      } finally {
        await this.#attempt(() => removeFile(this.#claim, this.#fs));
      }
      await this.#removeLitter();
    } catch (error) {
      await this.#release().catch(() => {});
      throw error;
    }
  }

  /** Does the work, and releases the lock (L7). An error of the work matters more than one of the release. */
  async holdFor<T>(work: () => Promise<T>): Promise<T> {
    const result = await work().catch(async (error: unknown) => {
      await this.#release().catch(() => {});
      throw error;
    });
    await this.#release().catch((error: unknown) => {
      const note = ". What was done under it stays";
      throw fileError("write_failed", "release the lock of", this.#target, error, note);
    });
    return result;
  }

  lockedError(waitedMs: number): ConfigError {
    const holder = this.#seen;
    const file = `Cannot change "${this.#target}": `;
    const waited = `for more than ${waitedMs / 1000} s`;
    if (holder === undefined) {
      const who = `another caller in this process, or a lock file without a holder, has held it ${waited}`;
      const what = `Try again; if nothing else is running, remove "${this.path}"`;
      return new ConfigError("locked", `${file}${who}. ${what}`);
    }
    const who = `process ${holder.pid} on ${holder.host} has held its lock "${this.path}" ${waited}`;
    const what = canSee(this.#self, holder)
      ? "Wait for it, or end it, and try again"
      : `If that process is no longer running, remove "${this.path}" and try again`;
    return new ConfigError("locked", `${file}${who}. ${what}`);
  }

  #attempt<T>(action: () => Promise<T>): Promise<T> {
    return action().catch((error: unknown) => {
      throw fileError("write_failed", "lock", this.#target, error);
    });
  }

  async #writeClaim(): Promise<void> {
    const text = `${JSON.stringify(this.#self)}\n`;
    await withFile(await this.#fs.open(this.#claim, "w", 0o600), async (handle) => {
      await handle.writeFile(Buffer.from(text));
      // Otherwise a power failure could leave a lock without a holder.
      await handle.sync();
    });
  }

  /** Takes the lock if it is free; makes it free if its holder is dead. @returns whether it is ours */
  async #tryOnce(): Promise<boolean> {
    const found = await this.#take(this.path);
    if (found === "taken") return true;
    // Gone since: the next attempt will do.
    if (found.kind === "none") return false;
    this.#seen = found.by;
    if (found.by !== undefined && isDead(this.#self, found.by)) await this.#break(found.by.token);
    return false;
  }

  /** Makes the claim the file at `path`, unless there is one (L1). */
  async #take(path: string): Promise<"taken" | Found> {
    try {
      await this.#link(path);
      return "taken";
    } catch (error) {
      if (codeOf(error) === "ENOENT") {
        // Taken for litter while it was being written (L6).
        await this.#writeClaim();
        return { kind: "none" };
      }
      if (codeOf(error) !== "EEXIST") throw error;
    }
    const found = await this.#read(path);
    // A network file system may have done it, lost the answer, and tried again.
    return found.kind === "held" && found.by?.token === this.#self.token ? "taken" : found;
  }

  async #link(path: string): Promise<void> {
    try {
      await this.#fs.link(this.#claim, path);
      return;
    } catch (error) {
      if (!NO_LINKS.includes(codeOf(error) ?? "")) throw error;
    }
    const handle = await this.#fs.open(path, "wx", 0o600);
    try {
      await withFile(handle, (opened) => opened.writeFile(Buffer.from(JSON.stringify(this.#self))));
    } catch (error) {
      await removeFile(path, this.#fs).catch(() => {});
      throw error;
    }
  }

  async #read(path: string): Promise<Found> {
    try {
      const bytes = await withFile(await this.#fs.open(path, "r"), (handle) => handle.readFile());
      return { kind: "held", by: parseHolder(bytes) };
    } catch (error) {
      if (codeOf(error) === "ENOENT") return { kind: "none" };
      if (codeOf(error) === "EISDIR") return { kind: "held", by: undefined };
      throw error;
    }
  }

  /** Removes the lock with a dead holder's token, unless somebody living is about to (L4, L5). */
  async #break(token: string): Promise<void> {
    for (let number = 1; ; number++) {
      const marker = litterName(this.#target, `${token}.break-${number}`);
      const found = await this.#take(marker);
      if (found === "taken") {
        try {
          await this.#removeIfHeld(token);
        } finally {
          await removeFile(marker, this.#fs);
        }
        return;
      }
      if (found.kind === "none" || found.by === undefined || !isDead(this.#self, found.by)) return;
    }
  }

  async #removeIfHeld(token: string): Promise<void> {
    const found = await this.#read(this.path);
    if (found.kind === "held" && found.by?.token === token) await removeFile(this.path, this.#fs);
  }

  /** Tried twice: a lock that a living process leaves behind locks everybody out until that process ends. */
  #release(): Promise<void> {
    const remove = (): Promise<void> => this.#removeIfHeld(this.#self.token);
    return remove().catch(remove);
  }

  /** Removes what others left behind (L6). It does no harm, so a failure does not stop the work. */
  async #removeLitter(): Promise<void> {
    const folder = dirname(this.#target);
    const names = await this.#fs.readdir(folder).catch(() => []);
    const prefix = basename(litterName(this.#target, ""));
    for (const name of names.filter((each) => each.startsWith(prefix))) {
      const path = join(folder, name);
      try {
        const isOver =
          isLitter(this.#target, name) ||
          /-[0-9a-f]{32}\.break-\d+$/.test(name) ||
          (/-[0-9a-f]{32}\.claim$/.test(name) && (await this.#isAbandoned(path)));
        if (isOver) await removeFile(path, this.#fs);
      } catch {
        // The next holder tries again.
      }
    }
  }

  async #isAbandoned(claim: string): Promise<boolean> {
    const found = await this.#read(claim);
    return found.kind === "held" && (found.by === undefined || isDead(this.#self, found.by));
  }
}
