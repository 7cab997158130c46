/**
 * The Codex homes of runs that have a process of their own, and the runners that own them.
 *
 *   $SWITCHYARD_HOME/isolated/
 *     <owner>.sock          listens as long as the runner called <owner> lives
 *     <owner>.<n>/          a home: CODEX_HOME of one run, later of the runs that resume its thread
 *     <owner>.<n>/kept      there once the home holds a thread that can be resumed
 *     threads/<thread id>   the name of the home the thread lives in
 *
 * The kernel tells whether a runner is dead: a socket that nobody listens on refuses the connection, whichever process
 * has the process id by now, in any container. Where no socket can be made, the homes are called `unowned-…`
 * and are never removed.
 *
 * Invariants
 *   H1. Only the account that runs the runner can look into a home (mode 0700).
 *   H2. A home is removed with its run, unless it holds a thread to resume.
 *   H3. A home that a crashed runner left behind is removed at the next start of any runner, unless kept; one
 *       whose runner lives, or may live, is not touched.
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { makeFolder } from "../base/make-folder.ts";

export interface IsolatedHome {
  readonly path: string;
  /** Keeps the home for the thread, which can then be resumed. */
  keepFor(threadId: string): Promise<void>;
  /** The run has ended: removes the home, unless it is kept (H2). */
  release(): Promise<void>;
}

const KEPT = "kept";
const HOME = /^(unowned-)?[0-9a-f]{12}\.\d+$/;
const OWNED = /^([0-9a-f]{12})\.\d+$/;

export class IsolatedHomes implements AsyncDisposable {
  readonly #root: string;
  readonly #owner: string;
  readonly #socket: Server | undefined;
  #count = 0;

  /** Makes the folder, takes a name in it, and removes what dead runners left (H3). */
  static async open(root: string): Promise<IsolatedHomes> {
    makeFolder(join(root, "threads"), 0o700);
    const name = randomBytes(6).toString("hex");
    const socket = await listen(root, name);
    const homes = new IsolatedHomes(root, socket === undefined ? `unowned-${name}` : name, socket);
    await homes.#sweep();
    return homes;
  }

  private constructor(root: string, owner: string, socket: Server | undefined) {
    this.#root = root;
    this.#owner = owner;
    this.#socket = socket;
  }

  /** A fresh home. */
  async create(): Promise<IsolatedHome> {
    this.#count++;
    const name = `${this.#owner}.${this.#count}`;
    makeFolder(join(this.#root, name), 0o700);
    return this.#home(name, false);
  }

  /** The home a thread lives in; `undefined` for a thread that does not live here. */
  async find(threadId: string): Promise<IsolatedHome | undefined> {
    try {
      const name = await readFile(join(this.#root, "threads", threadId), "utf8");
      // Anything else is the file of a runner that crashed while it wrote.
      return HOME.test(name) ? this.#home(name, true) : undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Gives the name back. */
  async close(): Promise<void> {
    const socket = this.#socket;
    if (socket?.listening !== true) return;
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    await rm(join(this.#root, `${this.#owner}.sock`), { force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #home(name: string, wasKept: boolean): IsolatedHome {
    const path = join(this.#root, name);
    let kept = wasKept;
    return {
      path,
      keepFor: async (threadId) => {
        kept = true;
        await writeFile(join(path, KEPT), "", { mode: 0o600 });
        await writeFile(join(this.#root, "threads", threadId), name, { mode: 0o600 });
      },
      release: async () => {
        if (!kept) await rm(path, { recursive: true, force: true, maxRetries: 3 });
      },
    };
  }

  async #sweep(): Promise<void> {
    const names = await readdir(this.#root);
    const owners = new Set<string>();
    for (const name of names) {
      const owner = OWNED.exec(name)?.[1] ?? /^([0-9a-f]{12})\.sock$/.exec(name)?.[1];
      if (owner !== undefined && owner !== this.#owner) owners.add(owner);
    }
    for (const owner of owners) {
      if (!(await isDead(this.#root, owner))) continue;
      for (const name of names) {
        if (OWNED.exec(name)?.[1] !== owner) continue;
        if ((await readdir(join(this.#root, name))).includes(KEPT)) continue;
        await rm(join(this.#root, name), { recursive: true, force: true, maxRetries: 3 });
      }
      await rm(join(this.#root, `${owner}.sock`), { force: true });
    }
  }
}

/** @returns `undefined` where the system or the file system has no such sockets */
async function listen(root: string, owner: string): Promise<Server | undefined> {
  const server = createServer((connection) => connection.destroy());
  // Renamed only when it listens: until then it would refuse connections, as that of a dead runner does.
  const listening = await withShortPath(root, `${owner}.new`, async (path) => {
    return await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(path, () => resolve(true));
    });
  });
  if (listening !== true) return undefined;
  await rename(join(root, `${owner}.new`), join(root, `${owner}.sock`));
  return server.unref();
}

async function isDead(root: string, owner: string): Promise<boolean> {
  const answer = await withShortPath(root, `${owner}.sock`, async (path) => {
    return await new Promise<string | undefined>((resolve) => {
      const connection = connect(path, () => {
        connection.destroy();
        resolve("alive");
      });
      connection.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
    });
  });
  // A missing socket was closed by its owner, or removed by a sweep that found its owner dead.
  return answer === "ECONNREFUSED" || answer === "ENOENT";
}

/** The path of a socket is limited to about a hundred bytes; on Linux an open folder has a short path of its own. */
async function withShortPath<T>(
  folder: string,
  name: string,
  use: (path: string) => Promise<T>,
): Promise<T | undefined> {
  const path = join(folder, name);
  if (process.platform === "win32") return undefined;
  if (Buffer.byteLength(path) < 100) return await use(path);
  if (process.platform !== "linux") return undefined;
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    return await use(`/proc/self/fd/${handle.fd}/${name}`);
  } catch {
    return undefined;
  } finally {
    await handle?.close();
  }
}
