/**
 * One HTTP exchange as the transport of an MCP server needs it, from this machine (`node-fetch.ts`) or from the machine
 * of an executor (`executor-fetch.ts`).
 *
 * Not the web's `fetch`: its streams and signals are more than half of what a call over HTTP costs (measured).
 */

export interface HttpRequest {
  readonly method: "POST" | "GET" | "DELETE";
  /** Without user name and password. */
  readonly url: URL;
  /** Names in lower case, each once. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: string | undefined;
  /** Ends the exchange at any time, also while the body is being read. */
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  /** The value of a header, its name in lower case. */
  header(name: string): string | undefined;
  /** Read it, once, or `close` it. Throws where the body broke off, and what the signal was aborted with. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives up what was not read. */
  close(): void;
}

/**
 * Sends a request and waits for the head of the answer. Follows no redirect.
 *
 * @throws {FetchError}
 * @throws the signal's reason when it aborts first
 */
export type HttpFetch = (request: HttpRequest) => Promise<HttpAnswer>;

/** There was no answer. */
export class FetchError extends Error {
  override readonly name = "FetchError";
  /** Whether the request certainly did not leave. */
  readonly isSent: boolean;

  /** @param what the predicate of a sentence whose subject is the server */
  constructor(what: string, isSent: boolean, options?: ErrorOptions) {
    super(what, options);
    this.isSent = isSent;
  }
}

/** A body, or an event of a stream, is larger than its limit. */
export class TooLargeError extends Error {
  override readonly name = "TooLargeError";
}

/** @throws {TooLargeError} and closes the answer */
export async function readText({ body }: HttpAnswer, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop early closes the answer.
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new TooLargeError(`more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  const [only] = chunks;
  return (
    only !== undefined && chunks.length === 1
      ? Buffer.from(only.buffer, only.byteOffset, only.length)
      : Buffer.concat(chunks)
  ).toString("utf8");
}
