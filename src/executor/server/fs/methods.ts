/**
 * The methods `fs/*` of one link: files and folders of this machine, within a fence.
 *
 *   params ──> paths of this machine ──fence──> paths to work on ──> answer, or the system's error in Rust's words
 *
 * `fence.ts` says where a path leads; `files.ts`, `changes.ts` and `walk.ts` do the work there; `handle-methods.ts` has
 * the files that are held open.
 *
 * Invariants
 *   M1. Nothing is done outside of the fence.
 *   M2. A request for a sandbox is rejected, unless that sandbox allows everything: we do not have one.
 *   M3. Requests run side by side, except for those about one open file. A client that needs an order waits for the
 *       answers, as Codex does.
 *   M4. A link reads at most `WHOLE_FILES_MAX` whole files at once, and none while its client does not take what was sent
 *       already: their memory is bounded.
 */
import { lstat, mkdir, realpath, stat } from "node:fs/promises";
import { Semaphore } from "../../../base/semaphore.ts";
import type { Reader } from "../../../base/reader.ts";
import type { RpcError } from "../../../jsonrpc/index.ts";
import { systemError } from "../../local/system-error.ts";
import { toFileUri } from "../../wire/file-uri.ts";
import {
  type CanonicalizeParams,
  canonicalizeParams,
  type CanonicalizeResult,
  type CopyParams,
  copyParams,
  type CreateDirectoryParams,
  createDirectoryParams,
  type GetMetadataParams,
  getMetadataParams,
  type GetMetadataResult,
  type ReadDirectoryParams,
  readDirectoryParams,
  type ReadDirectoryResult,
  type ReadFileParams,
  readFileParams,
  type ReadFileResult,
  type RemoveParams,
  removeParams,
  type WalkParams,
  walkParams,
  type WalkResult,
  type WriteFileParams,
  writeFileParams,
} from "../../wire/fs-messages.ts";
import { decodeBase64 } from "../../wire/params.ts";
import { rpcError } from "../../wire/protocol.ts";
import { pathOf } from "../file-uri.ts";
import { type Method, method, type MethodContext, type MethodFamily } from "../method.ts";
import { copy, createFolders, remove } from "./changes.ts";
import { FsContext, type FsContextOptions } from "./context.ts";
import { type Access, lstatIfAny } from "./fence.ts";
import { openForReading, readWhole, writeWhole } from "./files.ts";
import { FsHandleMethods } from "./handle-methods.ts";
import { listFolder } from "./listing.ts";
import { checkWalkOptions, walk } from "./walk.ts";

const WHOLE_FILES_MAX = 2;

export type FsMethodsOptions = FsContextOptions;

export class FsMethods implements MethodFamily, AsyncDisposable {
  readonly methods: Readonly<Record<string, Method>>;
  readonly #fs: FsContext;
  readonly #handles: FsHandleMethods;
  readonly #wholeFiles = new Semaphore(WHOLE_FILES_MAX);

  constructor(options: FsMethodsOptions) {
    this.#fs = new FsContext(options);
    this.#handles = new FsHandleMethods(this.#fs);
    this.methods = {
      ...this.#handles.methods,
      "fs/getMetadata": this.#method(getMetadataParams, (params) => this.#getMetadata(params)),
      "fs/readFile": method(readFileParams, (params, context) => this.#readFile(params, context)),
      "fs/writeFile": this.#method(writeFileParams, (params) => this.#writeFile(params)),
      "fs/createDirectory": this.#method(createDirectoryParams, (params) => this.#createDirectory(params)),
      "fs/readDirectory": this.#method(readDirectoryParams, (params) => this.#readDirectory(params)),
      "fs/canonicalize": this.#method(canonicalizeParams, (params) => this.#canonicalize(params)),
      "fs/walk": this.#method(walkParams, (params, { signal }) => this.#walk(params, signal)),
      "fs/remove": this.#method(removeParams, (params) => this.#remove(params)),
      "fs/copy": this.#method(copyParams, (params, { signal }) => this.#copy(params, signal)),
    };
  }

  /** Closes the files that are open. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handles[Symbol.asyncDispose]();
  }

  #method<P extends { readonly sandbox?: unknown }>(
    reader: Reader<P>,
    run: (params: P, context: MethodContext) => Promise<unknown>,
  ): Method {
    return method(reader, (params, context) => {
      this.#fs.checkSandbox(params.sandbox);
      return this.#fs.work(context, () => run(params, context));
    });
  }

  /** The path to work on. */
  #reach(uri: URL, access: Access, follow: boolean | undefined, what: "target" | "entry"): Promise<string> {
    const { fence } = this.#fs;
    const path = pathOf(uri);
    return follow === false ? fence.plain(path, access) : fence[what](path, access);
  }

  async #getMetadata(params: GetMetadataParams): Promise<GetMetadataResult> {
    const real = await this.#reach(params.path, "read", params.followSymlinks, "target");
    const entry = await lstat(pathOf(params.path));
    const isSymlink = entry.isSymbolicLink();
    if (isSymlink && params.followSymlinks === false) throw leadsThroughLink();
    const found = isSymlink ? await stat(real) : entry;
    return {
      isDirectory: found.isDirectory(),
      isFile: found.isFile(),
      isSymlink,
      size: found.size,
      createdAtMs: Math.floor(found.birthtimeMs),
      modifiedAtMs: Math.floor(found.mtimeMs),
    };
  }

  async #readFile(params: ReadFileParams, context: MethodContext): Promise<ReadFileResult> {
    this.#fs.checkSandbox(params.sandbox);
    const done = await this.#wholeFiles.acquire(context.signal);
    try {
      await context.room();
      return await this.#fs.work(context, async () => {
        const real = await this.#reach(params.path, "read", params.followSymlinks, "target");
        const file = await openForReading(real, pathOf(params.path));
        try {
          return { dataBase64: (await readWhole(file)).toString("base64") };
        } finally {
          await file.close();
        }
      });
    } finally {
      done();
    }
  }

  async #writeFile(params: WriteFileParams): Promise<unknown> {
    const content = decodeBase64(params.dataBase64);
    if (content === undefined)
      throw rpcError("invalidRequest", "fs/writeFile requires valid base64 dataBase64");
    await writeWhole(await this.#reach(params.path, "write", params.followSymlinks, "target"), content);
    return {};
  }

  async #createDirectory(params: CreateDirectoryParams): Promise<unknown> {
    const real = await this.#reach(params.path, "write", params.followSymlinks, "entry");
    if (params.followSymlinks === false && (await lstatIfAny(real))?.isDirectory() === false) {
      throw systemError("ENOTDIR");
    }
    if (params.recursive === false) await mkdir(real);
    else await createFolders(real);
    return {};
  }

  async #readDirectory(params: ReadDirectoryParams): Promise<ReadDirectoryResult> {
    const real = await this.#fs.fence.target(pathOf(params.path), "read");
    const listed = await listFolder(real, this.#fs.fence);
    const entries = listed.map(({ name, kind }) => ({
      fileName: name,
      isDirectory: kind === "directory",
      isFile: kind === "file",
    }));
    return { entries };
  }

  async #canonicalize(params: CanonicalizeParams): Promise<CanonicalizeResult> {
    const real = await this.#fs.fence.target(pathOf(params.path), "read");
    return { path: toFileUri(await realpath(real)) };
  }

  async #walk({ path, options }: WalkParams, signal: AbortSignal): Promise<WalkResult> {
    checkWalkOptions(options);
    return walk(pathOf(path), options, this.#fs.fence, signal);
  }

  async #remove({ path, recursive, force, ...more }: RemoveParams): Promise<unknown> {
    const real = await this.#reach(path, "remove", more.followSymlinks, "entry");
    if (more.followSymlinks === false && (await lstatIfAny(real))?.isSymbolicLink() === true)
      throw leadsThroughLink();
    await remove(real, { recursive: recursive ?? true, force: force ?? true });
    return {};
  }

  async #copy(params: CopyParams, signal: AbortSignal): Promise<unknown> {
    const { sourcePath, destinationPath, recursive } = params;
    const request = { source: pathOf(sourcePath), destination: pathOf(destinationPath), recursive };
    await copy(request, this.#fs.fence, signal);
    return {};
  }
}

function leadsThroughLink(): RpcError {
  return rpcError("invalidRequest", "path contains a symbolic link");
}
