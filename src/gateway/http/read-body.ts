/** The body of a request, up to a bound. */
import type { IncomingMessage } from "node:http";

/** @returns `undefined` when it is larger than `bytesMax`, or breaks off */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  if (Number(request.headers["content-length"] ?? 0) > bytesMax) return Promise.resolve(undefined);
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      request.pause();
      resolve(undefined);
    } else chunks.push(chunk);
  });
  request.once("end", () => {
    const [only] = chunks;
    resolve((chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks)).toString());
  });
  request.once("close", () => resolve(undefined));
  return promise;
}
