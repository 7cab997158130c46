/**
 * The body of a response as it was before the server compressed it, as `codex exec-server` 0.171 hands it on.
 *
 * `gzip` and `zstd` are decoded, whatever the caller asked for; all else goes through untouched. The head then no longer
 * has the encoding and the length, which were those of the compressed body.
 */
import type { IncomingMessage } from "node:http";
import { pipeline, type Transform, type Readable } from "node:stream";
import zlib from "node:zlib";
import { CHUNK_BYTES_MAX } from "../../executor.ts";

/** Node has zstd from 22.15 on. */
const DECODERS: ReadonlyMap<string, () => Transform> = new Map([
  ...(typeof zlib.createZstdDecompress === "function" ? [["zstd", createZstdDecoder] as const] : []),
  ["gzip", createGzipDecoder],
]);

const OPTIONS = { chunkSize: CHUNK_BYTES_MAX };

/** Node's decoder takes no body at all, as after HEAD, for one that was cut. */
function createGzipDecoder(): Transform {
  const decoder = zlib.createGunzip(OPTIONS);
  const flush = decoder._flush.bind(decoder);
  decoder._flush = (done) => (decoder.bytesWritten === 0 ? done() : flush(done));
  return decoder;
}

/** The same; and it ends with the first frame, whatever follows. Here that is an error, so that nothing is lost silently. */
function createZstdDecoder(): Transform {
  const decoder = zlib.createZstdDecompress(OPTIONS);
  const flush = decoder._flush.bind(decoder);
  const push = decoder.push.bind(decoder);
  let isAtEnd = false;
  decoder._flush = (done) => {
    isAtEnd = true;
    if (decoder.bytesWritten === 0) done();
    else flush(done);
  };
  decoder.push = (chunk: unknown) => {
    if (chunk !== null || isAtEnd) return push(chunk);
    decoder.destroy(new Error("The body goes on after its first zstd frame"));
    return false;
  };
  return decoder;
}

/** What a request asks for, unless its caller does. */
export const ACCEPTED_ENCODINGS: string = [...DECODERS.keys()].join(",");

export interface DecodedResponse {
  readonly status: number;
  /** Name and value in turn, as they came. */
  readonly rawHeaders: readonly string[];
  /** Destroying it closes the response, and the reverse. */
  readonly body: Readable;
}

export function decoded(response: IncomingMessage): DecodedResponse {
  const { statusCode: status = 0, rawHeaders } = response;
  const createDecoder = DECODERS.get(rawHeaderOf(rawHeaders, "content-encoding") ?? "");
  if (createDecoder === undefined) return { status, rawHeaders, body: response };
  const body = pipeline(response, createDecoder(), () => {
    // The reader of the body gets the error.
  });
  return { status, rawHeaders: without(rawHeaders, ["content-encoding", "content-length"]), body };
}

function rawHeaderOf(rawHeaders: readonly string[], wanted: string): string | undefined {
  const at = rawHeaders.findIndex((each, index) => index % 2 === 0 && each.toLowerCase() === wanted);
  return at === -1 ? undefined : rawHeaders[at + 1];
}

function without(rawHeaders: readonly string[], names: readonly string[]): string[] {
  const isKept = (index: number): boolean =>
    !names.includes((rawHeaders[index - (index % 2)] ?? "").toLowerCase());
  return rawHeaders.filter((_, index) => isKept(index));
}
