/**
 * The files a link holds open, under the ids that its client gave them.
 *
 * Invariants
 *   H1. An id is taken from the moment its opening is requested. Requests about it wait for the file, so a client need
 *       not wait for the answer.
 *   H2. Requests about one file are carried out in their order, one after the other.
 *   H3. There are at most `FILES_MAX` files. Disposal closes all of them, after what is being done with them.
 */
import type { FileHandle } from "node:fs/promises";
import { Semaphore } from "../../../base/semaphore.ts";
import type { RpcError } from "../../../jsonrpc/index.ts";
import { rpcError } from "../../wire/protocol.ts";

export const FILES_MAX = 128;
const ID_BYTES_MAX = 32;

interface OpenFile {
  /** `undefined` when it could not be opened. Never rejects. */
  readonly file: Promise<FileHandle | undefined>;
  readonly turn: Semaphore;
}

export class FileHandles implements AsyncDisposable {
  readonly #files = new Map<string, OpenFile>();

  /** @throws {RpcError} when the id is taken, or there are too many files */
  async open(id: string, open: () => Promise<FileHandle>): Promise<void> {
    checkId(id);
    if (this.#files.has(id)) throw rpcError("invalidRequest", `file handle \`${id}\` already exists`);
    if (this.#files.size >= FILES_MAX) {
      throw rpcError("invalidRequest", `at most ${FILES_MAX} file handles may be open per connection`);
    }
    const opening = open();
    const entry: OpenFile = { file: opening.catch(() => undefined), turn: new Semaphore(1) };
    this.#files.set(id, entry);
    try {
      await opening;
    } catch (error) {
      if (this.#files.get(id) === entry) this.#files.delete(id);
      throw error;
    }
  }

  /** Does something with a file, in its turn. @throws {RpcError} when there is no such file */
  async use<T>(id: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
    checkId(id);
    const entry = this.#files.get(id);
    if (entry === undefined) throw unknownHandle(id);
    const done = await entry.turn.acquire();
    try {
      const file = await entry.file;
      if (file === undefined) throw unknownHandle(id);
      return await work(file);
    } finally {
      done();
    }
  }

  /** Does nothing for an unknown id. */
  async close(id: string): Promise<void> {
    checkId(id);
    const entry = this.#files.get(id);
    if (entry === undefined) return;
    this.#files.delete(id);
    // Never released: nothing may follow.
    await entry.turn.acquire();
    await (await entry.file)?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#files.keys()].map((id) => this.close(id)));
  }
}

function checkId(id: string): void {
  if (Buffer.byteLength(id) <= ID_BYTES_MAX) return;
  throw rpcError("invalidRequest", `file handle ID must not exceed ${ID_BYTES_MAX} bytes`);
}

function unknownHandle(id: string): RpcError {
  return rpcError("notFound", `unknown file handle \`${id}\``);
}
