/**
 * The methods `fs/*` of one connection: files and folders of this machine, within a fence.
 *
 *   params ──> paths of this machine ──fence──> paths to work on ──> answer, or the system's error in Rust's words
 *
 * Where a path leads is `fs-fence.ts`'s business; what is done there that of `fs-files.ts`, `fs-changes.ts` and
 * `fs-walk.ts`; files that are held open that of `fs-handle-methods.ts`.
 *
 * Invariants
 *   M1. Nothing is done outside of the fence.
 *   M2. A client that wants a sandbox is refused, unless what it wants is none: we have none to put it into.
 *   M3. Requests are not ordered among each other, but for those about one open file. Whoever needs an order waits for
 *       the answers, as Codex does.
 *   M4. A connection reads `WHOLE_FILES_MAX` whole files at once, and none while it does not take what was sent
 *       already: their memory has an end.
 */
import { lstat, mkdir, realpath, stat } from "node:fs/promises";
import { Semaphore } from "../../../base/semaphore.ts";
import type { RpcError } from "../../../jsonrpc/index.ts";
import { systemError } from "../../local/system-error.ts";
import { decodeBase64 } from "../../wire/base64.ts";
import { boolean, optional, type Reader, string, struct, usize, withDefault } from "../../wire/schema.ts";
import { toFileUri } from "../../wire/file-uri.ts";
import { fileUri, pathOf } from "../file-uri.ts";
import { copy, createFolders, remove } from "./changes.ts";
import { type Access, lstatIfAny } from "./fence.ts";
import { openForReading, readWhole, writeWhole } from "./files.ts";
import { FsHandleMethods } from "./handle-methods.ts";
import { listFolder } from "./listing.ts";
import { checkWalkOptions, walk } from "./walk.ts";
import { followSymlinks, FsWorkplace, type FsWorkplaceOptions, invalidRequest, sandbox } from "./context.ts";
import { type Method, method, type MethodContext, type MethodFamily } from "../method.ts";

const WHOLE_FILES_MAX = 2;

// As 0.169 calls them and orders their fields, which positional parameters go by.
const getMetadataParams = struct("WireFsGetMetadataParams", { path: fileUri, followSymlinks, sandbox });
const readFileParams = struct("WireFsReadFileParams", { path: fileUri, followSymlinks, sandbox });
const writeFileParams = struct("WireFsWriteFileParams", {
  path: fileUri,
  dataBase64: string,
  followSymlinks,
  sandbox,
});
const createDirectoryParams = struct("WireFsCreateDirectoryParams", {
  path: fileUri,
  recursive: optional(boolean),
  followSymlinks,
  sandbox,
});
const readDirectoryParams = struct("WireFsReadDirectoryParams", { path: fileUri, sandbox });
const canonicalizeParams = struct("WireFsCanonicalizeParams", { path: fileUri, sandbox });
const walkParams = struct("WireFsWalkParams", {
  path: fileUri,
  options: struct("WalkOptions", {
    maxDepth: usize,
    maxDirectories: usize,
    maxEntries: usize,
    followDirectorySymlinks: boolean,
    pruneHiddenDirectories: withDefault(boolean, false),
  }),
  sandbox,
});
const removeParams = struct("WireFsRemoveParams", {
  path: fileUri,
  recursive: optional(boolean),
  force: optional(boolean),
  followSymlinks,
  sandbox,
});
const copyParams = struct("WireFsCopyParams", {
  sourcePath: fileUri,
  destinationPath: fileUri,
  recursive: boolean,
  sandbox,
});

type Params<R> = R extends Reader<infer P> ? P : never;

export type FsMethodsOptions = FsWorkplaceOptions;

export class FsMethods implements MethodFamily, AsyncDisposable {
  readonly methods: Readonly<Record<string, Method>>;
  readonly #place: FsWorkplace;
  readonly #handles: FsHandleMethods;
  readonly #wholeFiles = new Semaphore(WHOLE_FILES_MAX);

  constructor(options: FsMethodsOptions) {
    this.#place = new FsWorkplace(options);
    this.#handles = new FsHandleMethods(this.#place);
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

  #method<P extends { readonly sandbox: unknown }>(
    reader: Reader<P>,
    run: (params: P, context: MethodContext) => Promise<unknown>,
  ): Method {
    return method(reader, (params, context) => {
      this.#place.checkSandbox(params.sandbox);
      return this.#place.work(context, () => run(params, context));
    });
  }

  /** The path to work on. */
  #reach(uri: URL, access: Access, follow: boolean | undefined, what: "target" | "entry"): Promise<string> {
    const { fence } = this.#place;
    const path = pathOf(uri);
    return follow === false ? fence.plain(path, access) : fence[what](path, access);
  }

  async #getMetadata(params: Params<typeof getMetadataParams>): Promise<unknown> {
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

  async #readFile(params: Params<typeof readFileParams>, context: MethodContext): Promise<unknown> {
    this.#place.checkSandbox(params.sandbox);
    const done = await this.#wholeFiles.acquire(context.signal);
    try {
      await context.room();
      return await this.#place.work(context, async () => {
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

  async #writeFile(params: Params<typeof writeFileParams>): Promise<unknown> {
    const content = decodeBase64(params.dataBase64);
    if (typeof content === "string") {
      throw invalidRequest(`fs/writeFile requires valid base64 dataBase64: ${content}`);
    }
    await writeWhole(await this.#reach(params.path, "write", params.followSymlinks, "target"), content);
    return {};
  }

  async #createDirectory(params: Params<typeof createDirectoryParams>): Promise<unknown> {
    const real = await this.#reach(params.path, "write", params.followSymlinks, "entry");
    if (params.followSymlinks === false && (await lstatIfAny(real))?.isDirectory() === false) {
      throw systemError("ENOTDIR");
    }
    if (params.recursive === false) await mkdir(real);
    else await createFolders(real);
    return {};
  }

  async #readDirectory(params: Params<typeof readDirectoryParams>): Promise<unknown> {
    const real = await this.#place.fence.target(pathOf(params.path), "read");
    const listed = await listFolder(real, this.#place.fence);
    const entries = listed.map(({ name, kind }) => ({
      fileName: name,
      isDirectory: kind === "directory",
      isFile: kind === "file",
    }));
    return { entries };
  }

  async #canonicalize(params: Params<typeof canonicalizeParams>): Promise<unknown> {
    const real = await this.#place.fence.target(pathOf(params.path), "read");
    return { path: toFileUri(await realpath(real)) };
  }

  async #walk({ path, options }: Params<typeof walkParams>, signal: AbortSignal): Promise<unknown> {
    checkWalkOptions(options);
    return walk(pathOf(path), options, this.#place.fence, signal);
  }

  async #remove({ path, recursive, force, ...more }: Params<typeof removeParams>): Promise<unknown> {
    const real = await this.#reach(path, "write", more.followSymlinks, "entry");
    if (more.followSymlinks === false && (await lstatIfAny(real))?.isSymbolicLink() === true)
      throw leadsThroughLink();
    await remove(real, { recursive: recursive ?? true, force: force ?? true });
    return {};
  }

  async #copy(params: Params<typeof copyParams>, signal: AbortSignal): Promise<unknown> {
    const { sourcePath, destinationPath, recursive } = params;
    const request = { source: pathOf(sourcePath), destination: pathOf(destinationPath), recursive };
    await copy(request, this.#place.fence, signal);
    return {};
  }
}

function leadsThroughLink(): RpcError {
  return invalidRequest("path contains a symbolic link");
}
