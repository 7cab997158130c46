/** What is decoded, and how, is in `methods.test.ts` and, beside the original, in `test/executor/http-differential.test.ts`. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { ACCEPTED_ENCODINGS } from "./decode.ts";

test("zstd is asked for and decoded only where Node has it", async () => {
  assert.equal(ACCEPTED_ENCODINGS, "zstd,gzip");
  const code = `
    import zlib from "node:zlib";
    const body = zlib.zstdCompressSync("text");
    delete zlib.createZstdDecompress;
    const { ACCEPTED_ENCODINGS, decoded } = await import(${JSON.stringify(new URL("decode.ts", import.meta.url).href)});
    const { Readable } = await import("node:stream");
    const response = Object.assign(Readable.from([body]), { rawHeaders: ["content-encoding", "zstd"] });
    const { rawHeaders, body: same } = decoded(response);
    console.log(JSON.stringify([ACCEPTED_ENCODINGS, rawHeaders, same === response]));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", code]);
  assert.deepEqual(JSON.parse(stdout), ["gzip", ["content-encoding", "zstd"], true]);
});
