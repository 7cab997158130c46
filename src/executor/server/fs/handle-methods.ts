/** The methods about open files: `fs/open`, `fs/readBlock`, `fs/writeBlock`, `fs/close`. */
import type { FileHandle } from "node:fs/promises";
import { systemError } from "../../local/system-error.ts";
import {
  closeParams,
  type OpenParams,
  openParams,
  type OpenResult,
  type ReadBlockParams,
  readBlockParams,
  type ReadBlockResult,
  type WriteBlockParams,
  writeBlockParams,
} from "../../wire/fs-messages.ts";
import { rpcError } from "../../wire/protocol.ts";
import { pathOf } from "../file-uri.ts";
import { type Method, method, type MethodContext, type MethodFamily } from "../method.ts";
import type { FsContext } from "./context.ts";
import { openForReading, openForReplacing, readAt, writeAt } from "./files.ts";
import { FileHandles } from "./handles.ts";

/** Of one `fs/readBlock` or `fs/writeBlock`. */
const BLOCK_BYTES_MAX: number = 1024 * 1024;

export class FsHandleMethods implements MethodFamily {
  readonly methods: Readonly<Record<string, Method>>;
  readonly #fs: FsContext;
  readonly #handles = new FileHandles();

  constructor(fs: FsContext) {
    this.#fs = fs;
    this.methods = {
      "fs/open": method(openParams, (params, context) => this.#open(params, context)),
      "fs/readBlock": method(readBlockParams, (params, context) => this.#readBlock(params, context)),
      "fs/writeBlock": method(writeBlockParams, (params, context) => this.#writeBlock(params, context)),
      "fs/close": method(closeParams, async ({ handleId }) => {
        await this.#handles.close(handleId);
        return {};
      }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handles[Symbol.asyncDispose]();
  }

  async #open(params: OpenParams, context: MethodContext): Promise<OpenResult> {
    const { handleId, mode } = params;
    this.#fs.checkSandbox(params.sandbox);
    const path = pathOf(params.path);
    const { fence } = this.#fs;
    const open = async (): Promise<FileHandle> =>
      mode === "read"
        ? openForReading(await fence.target(path, "read"), path)
        : openForReplacing(await fence.target(path, "write"), path);
    await this.#handles.open(handleId, () => this.#fs.work(context, open));
    return { handleId };
  }

  async #readBlock(params: ReadBlockParams, context: MethodContext): Promise<ReadBlockResult> {
    const { handleId, offset, len } = params;
    checkLength("read", len);
    let isReadable = true;
    try {
      const chunk = await this.#handles.use(handleId, (file) => {
        isReadable = false;
        return this.#fs.work(context, async () => {
          if (offset >= 2 ** 63) throw systemError("EINVAL");
          const read = await readAt(file, offset, len);
          isReadable = true;
          return read;
        });
      });
      return { chunk: chunk.toString("base64"), eof: chunk.length < len };
    } finally {
      // The original also closes a file that it could not read.
      if (!isReadable) await this.#handles.close(handleId);
    }
  }

  async #writeBlock(params: WriteBlockParams, context: MethodContext): Promise<unknown> {
    const { handleId, offset, chunk } = params;
    checkLength("write", chunk.length);
    if (offset + chunk.length >= 2 ** 63) {
      throw rpcError("invalidRequest", "file write range exceeds the signed 64-bit file offset limit");
    }
    const write = (file: FileHandle): Promise<void> =>
      this.#fs.work(context, () => writeAt(file, offset, chunk));
    await this.#handles.use(handleId, write);
    return {};
  }
}

function checkLength(what: "read" | "write", length: number): void {
  if (length >= 1 && length <= BLOCK_BYTES_MAX) return;
  throw rpcError("invalidRequest", `file ${what} block length must be between 1 and ${BLOCK_BYTES_MAX}`);
}
