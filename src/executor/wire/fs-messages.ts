/** The messages about files: parameters and results of `fs/*`. */
import {
  anything,
  boolean,
  nullish,
  object,
  oneOf,
  type Reader,
  string,
  withDefault,
} from "../../base/reader.ts";
import { fileUri } from "./file-uri.ts";
import { bytes, u64 } from "./params.ts";

/** What a client may say about the sandbox its request is to run in. */
interface Sandboxed {
  readonly sandbox?: unknown;
}
const sandbox = nullish(anything);

interface PathParams extends Sandboxed {
  /** Not necessarily of the executor's machine. */
  readonly path: URL;
}

interface FollowingPathParams extends PathParams {
  /** `false` rejects a path that leads through a link. Absent is `true`. */
  readonly followSymlinks?: boolean;
}
const followSymlinks = nullish(boolean);

export type GetMetadataParams = FollowingPathParams;
export const getMetadataParams: Reader<GetMetadataParams> = object(
  { path: fileUri, followSymlinks, sandbox },
  "ignore",
);

export interface GetMetadataResult {
  readonly isDirectory: boolean;
  readonly isFile: boolean;
  readonly isSymlink: boolean;
  readonly size: number;
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
}

export type ReadFileParams = FollowingPathParams;
export const readFileParams: Reader<ReadFileParams> = getMetadataParams;

export interface ReadFileResult {
  readonly dataBase64: string;
}

export interface WriteFileParams extends FollowingPathParams {
  /** Not decoded: what is not base64 is another error than a wrong parameter. */
  readonly dataBase64: string;
}
export const writeFileParams: Reader<WriteFileParams> = object(
  { path: fileUri, dataBase64: string, followSymlinks, sandbox },
  "ignore",
);

export interface CreateDirectoryParams extends FollowingPathParams {
  readonly recursive?: boolean;
}
export const createDirectoryParams: Reader<CreateDirectoryParams> = object(
  { path: fileUri, recursive: nullish(boolean), followSymlinks, sandbox },
  "ignore",
);

export type ReadDirectoryParams = PathParams;
export const readDirectoryParams: Reader<ReadDirectoryParams> = object({ path: fileUri, sandbox }, "ignore");

export interface ReadDirectoryResult {
  readonly entries: readonly {
    readonly fileName: string;
    readonly isDirectory: boolean;
    readonly isFile: boolean;
  }[];
}

export type CanonicalizeParams = PathParams;
export const canonicalizeParams: Reader<CanonicalizeParams> = readDirectoryParams;

export interface CanonicalizeResult {
  readonly path: string;
}

export interface WalkOptions {
  /** How deep folders are entered; 0 is the folder itself. */
  readonly maxDepth: number;
  /** Folders entered, the first one included. */
  readonly maxDirectories: number;
  /** Entries looked at, whether they are listed or not. */
  readonly maxEntries: number;
  readonly followDirectorySymlinks: boolean;
  /** Lists folders whose name begins with a dot, but does not enter them. */
  readonly pruneHiddenDirectories: boolean;
}

export interface WalkParams extends PathParams {
  readonly options: WalkOptions;
}
export const walkParams: Reader<WalkParams> = object(
  {
    path: fileUri,
    options: object<WalkOptions>(
      {
        maxDepth: u64,
        maxDirectories: u64,
        maxEntries: u64,
        followDirectorySymlinks: boolean,
        pruneHiddenDirectories: withDefault(boolean, false),
      },
      "ignore",
    ),
    sandbox,
  },
  "ignore",
);

export interface WalkResult {
  readonly entries: readonly { readonly path: string; readonly kind: "file" | "directory" }[];
  readonly errors: readonly { readonly path: string; readonly message: string }[];
  readonly truncated: boolean;
}

export interface RemoveParams extends FollowingPathParams {
  readonly recursive?: boolean;
  readonly force?: boolean;
}
export const removeParams: Reader<RemoveParams> = object(
  { path: fileUri, recursive: nullish(boolean), force: nullish(boolean), followSymlinks, sandbox },
  "ignore",
);

export interface CopyParams extends Sandboxed {
  readonly sourcePath: URL;
  readonly destinationPath: URL;
  readonly recursive: boolean;
}
export const copyParams: Reader<CopyParams> = object(
  { sourcePath: fileUri, destinationPath: fileUri, recursive: boolean, sandbox },
  "ignore",
);

export interface OpenParams extends PathParams {
  readonly handleId: string;
  readonly mode: "read" | "replace";
}
export const openParams: Reader<OpenParams> = object(
  { handleId: string, path: fileUri, mode: withDefault(oneOf("read", "replace"), "read"), sandbox },
  "ignore",
);

export interface OpenResult {
  readonly handleId: string;
}

export interface ReadBlockParams {
  readonly handleId: string;
  readonly offset: number;
  readonly len: number;
}
export const readBlockParams: Reader<ReadBlockParams> = object(
  { handleId: string, offset: u64, len: u64 },
  "ignore",
);

export interface ReadBlockResult {
  readonly chunk: string;
  readonly eof: boolean;
}

export interface WriteBlockParams {
  readonly handleId: string;
  readonly offset: number;
  readonly chunk: Buffer;
}
export const writeBlockParams: Reader<WriteBlockParams> = object(
  { handleId: string, offset: u64, chunk: bytes },
  "ignore",
);

export interface CloseParams {
  readonly handleId: string;
}
export const closeParams: Reader<CloseParams> = object({ handleId: string }, "ignore");
