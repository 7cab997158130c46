/**
 * The `fetch` that the SDK's OAuth functions are given: ours below it, with a bound on the answer and a time-out. It follows no
 * redirect; the SDK does, within an origin.
 *
 * Invariants
 *   U1. An answer is read whole, within `timeoutMs` and up to `ANSWER_BYTES_MAX`, or the request fails.
 *   U2. An error names the origin that was asked, never a path, a query or a body.
 */
import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { packageVersion } from "../../base/package-version.ts";
import { type HttpFetch, readText, TooLargeError } from "../http/http-fetch.ts";

export interface OAuthHttp {
  readonly fetch: HttpFetch;
  readonly clock: Clock;
  /** Ends every request. */
  readonly signal: AbortSignal;
  /** Of one request with its answer, in milliseconds. @default 10 000 */
  readonly timeoutMs?: number | undefined;
}

/** A request got no answer that could be read. A `TypeError`, as of the web's `fetch`: the SDK takes it for nothing else. */
export class OAuthRequestError extends TypeError {
  override readonly name = "OAuthRequestError";
}

const TIMEOUT_MS = 10_000;
export const ANSWER_BYTES_MAX: number = 256 * 1024;
/** Those that the SDK reads. */
const HEADERS = ["content-type", "location", "www-authenticate", "retry-after"] as const;
/** Node's `Response` has no body with these. */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

export function oauthFetch({ fetch, clock, signal, timeoutMs = TIMEOUT_MS }: OAuthHttp) {
  return async (input: string | URL, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(input);
    const late = new AbortController();
    const timer = clock.schedule(timeoutMs, () =>
      late.abort(new OAuthRequestError(`${url.origin} did not answer within ${timeoutMs / 1000} s`)),
    );
    try {
      const answer = await fetch({
        method: init.method === "POST" ? "POST" : "GET",
        url,
        headers: headersOf(init),
        body: init.body === undefined || init.body === null ? undefined : textOf(init.body),
        signal: AbortSignal.any([signal, late.signal]),
      });
      const text = await readText(answer, ANSWER_BYTES_MAX);
      const headers = new Headers();
      for (const name of HEADERS) {
        const value = answer.header(name);
        if (value !== undefined) headers.set(name, value.replace(/[^\x20-\x7e]/g, "?"));
      }
      const { status } = answer;
      return new Response(WITHOUT_BODY.has(status) ? null : text, { status, headers });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof OAuthRequestError) throw error;
      const what = error instanceof TooLargeError ? `answered with ${error.message}` : messageOf(error);
      throw new OAuthRequestError(`${url.origin} ${what}`, { cause: error });
    } finally {
      timer.clear();
    }
  };
}

function headersOf({ headers }: RequestInit): readonly (readonly [name: string, value: string])[] {
  const merged = new Headers({ "user-agent": `switchyard/${packageVersion()}`, accept: "application/json" });
  for (const [name, value] of new Headers(headers)) merged.set(name, value);
  return [...merged];
}

/** The SDK sends text and forms. */
function textOf(body: NonNullable<RequestInit["body"]>): string {
  if (typeof body === "string" || body instanceof URLSearchParams) return String(body);
  throw new TypeError("a body that is neither text nor a form");
}

/** Configured headers of an MCP server go to its own origin, and nowhere else. Those of the request count before them. */
export function withHeadersOf(
  serverUrl: string,
  configured: ReadonlyMap<string, string>,
  fetch: HttpFetch,
): HttpFetch {
  const origin = URL.parse(serverUrl)?.origin;
  return (request) => {
    if (request.url.origin !== origin) return fetch(request);
    const headers = new Map([...configured].map(([name, value]) => [name.toLowerCase(), value]));
    for (const [name, value] of request.headers) headers.set(name, value);
    return fetch({ ...request, headers: [...headers] });
  };
}
