/**
 * Requests to one MCP server: with its configured headers, and with what its statuses mean.
 *
 *   send ──> configured headers, the protocol's over them ──> fetch ──┬── 2xx ──> the answer, to be read
 *                  ^── asked for anew after a 401                     ├── redirect within the origin: followed
 *                                                                     └── all else ──> an `HttpFailure`, and the body
 *
 * Invariants
 *   Q1. Headers are asked for at the start, and once more after a 401, or a 403 that asks for more scopes: once for all requests
 *       that were sent with the same ones. With the same headers again nothing is sent again.
 *   Q2. A configured header never replaces one of the protocol, but for the session that it joins.
 *   Q3. Headers go to the origin of the URL only: a redirect to another one is a failure that names it.
 *   Q4. A message names the origin, never path or query; what the server said is bounded and without secrets.
 *   Q5. A body of an error is waited for `BODY_MS` at most.
 *   Q6. The token of a login is asked for where no header authorizes: with the headers, and when it is due. A due one that counts is
 *       used meanwhile, so that no request waits for it.
 */
import { unescape } from "node:querystring";
import { abortable, within } from "../../base/abort.ts";
import { type Clock, wallTime } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { headerNameProblem, headerValueProblem } from "../../base/http-header.ts";
import { toLogLine } from "../../base/log-line.ts";
import { packageVersion } from "../../base/package-version.ts";
import type { Redactor } from "../../base/redact.ts";
import { type LoginWanted, McpError, TransportError } from "../errors.ts";
import { loginWanted } from "./challenge.ts";
import { FetchError, type HttpAnswer, type HttpFetch, readText, TooLargeError } from "./http-fetch.ts";
import { HttpFailure, type HttpFailureFacts } from "./http-failure.ts";
import type { LoginSource, LoginToken } from "./login-token.ts";

/**
 * Yields the configured headers of a server: when its transport opens, and after a 401.
 *
 * The source registers what is secret in them with the redactor.
 */
export type HeaderSource = (
  why: "open" | "unauthorized",
  signal: AbortSignal,
) => Promise<ReadonlyMap<string, string>>;

export interface ServerRequestsOptions {
  readonly server: string;
  readonly url: URL;
  readonly headers: HeaderSource;
  /** Asked where no header authorizes (Q6). */
  readonly login?: LoginSource | undefined;
  readonly fetch: HttpFetch;
  readonly redactor: Redactor;
  readonly clock: Clock;
}

export interface ServerRequest {
  readonly method: "POST" | "GET" | "DELETE";
  /** Those of the protocol, names in lower case. */
  readonly headers: Iterable<readonly [name: string, value: string]>;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
  /** Whether headers may be asked for anew. @default true */
  readonly mayAskAgain?: boolean;
}

export type Outcome =
  | { readonly kind: "answer"; readonly answer: HttpAnswer }
  /** `text` is the body, as far as it came. */
  | { readonly kind: "failure"; readonly failure: HttpFailure; readonly text: string };

interface Configured {
  readonly headers: ReadonlyMap<string, string>;
  readonly login: LoginToken | undefined;
}

const REDIRECTS_MAX = 5;
const ERROR_BYTES_MAX: number = 64 * 1024;
export const BODY_MS = 1_000;
const SAID_CHARS_MAX = 200;
/** Of the protocol and of HTTP; the value of one that is configured is ignored, as Codex does. */
const NOT_CONFIGURABLE =
  /^(?:accept|content-type|content-length|transfer-encoding|connection|last-event-id|mcp-(?!session-id$).*)$/;
const USER_AGENT = `switchyard/${packageVersion()}`;

type AskAgain = "open" | "due" | "unauthorized";

/** A due token that could not be renewed is asked for again after this. */
const DUE_AGAIN_MS = 10_000;

/** The source of logins failed, and not that of the headers. */
class LoginFailed extends Error {
  readonly error: unknown;

  constructor(error: unknown) {
    super(messageOf(error));
    this.error = error;
  }
}

export class ServerRequests {
  /** Of the URL; all of it that messages show. */
  readonly origin: string;
  readonly #options: ServerRequestsOptions;
  readonly #url: URL;
  readonly #closed: AbortSignal;
  #configured: Configured = { headers: new Map(), login: undefined };
  #asking: { readonly why: AskAgain; readonly done: Promise<void> } | undefined;
  #clockAheadMs: number | undefined;

  /** @param closed ends the waiting for headers */
  constructor(options: ServerRequestsOptions, closed: AbortSignal) {
    this.#options = options;
    this.#closed = closed;
    this.origin = options.url.origin;
    this.#url = new URL(options.url);
    this.#url.username = "";
    this.#url.password = "";
  }

  /** The session that a configured header names. */
  get joinedSession(): string | undefined {
    return this.#configured.headers.get("mcp-session-id");
  }

  /** How far the clock of what answered last is ahead of ours, in milliseconds; to a second. */
  get clockAheadMs(): number | undefined {
    return this.#clockAheadMs;
  }

  /** Asks for the headers. @throws {TransportError} `invalid_server`; and what the source throws */
  async open(): Promise<void> {
    const headers = await this.#askHeaders("open");
    const login = await this.#askLogin("open", headers).catch((cause: unknown) => {
      this.#closed.throwIfAborted();
      const what = `at ${this.origin} is not asked, because its login cannot be used now: ${messageOf(cause)}`;
      throw this.failure({ kind: "refused", phase: "not_sent" }, what, cause);
    });
    this.#configured = { headers, login };
  }

  /**
   * Sends a request and waits for the head of its answer.
   *
   * @throws the signal's reason when it aborts first
   */
  async send(request: ServerRequest): Promise<Outcome> {
    await this.#renewLogin(request.signal);
    const configured = this.#configured;
    const outcome = await this.#send(request, configured);
    if (outcome.kind !== "failure" || outcome.failure.wanted === undefined || request.mayAskAgain === false)
      return outcome;
    // For more scopes there may be another login by now; to refresh this one does not help.
    const why = outcome.failure.wanted.insufficientScope ? "open" : "unauthorized";
    try {
      if (this.#configured === configured) await abortable(this.#askAgain(why), request.signal);
    } catch (cause) {
      request.signal.throwIfAborted();
      return { ...outcome, failure: this.#unhelped(outcome.failure, cause) };
    }
    return sameHeaders(this.#configured, configured) ? outcome : await this.#send(request, this.#configured);
  }

  /** @param what the predicate of a sentence whose subject is the server */
  failure(facts: HttpFailureFacts, what: string, cause?: unknown): HttpFailure {
    return new HttpFailure(this.#options.server, facts, what, cause === undefined ? undefined : { cause });
  }

  /** The failure of a body that could not be read. */
  bodyFailure(cause: unknown): HttpFailure {
    if (cause instanceof TooLargeError) {
      const what = `at ${this.origin} answered with ${cause.message}`;
      return this.failure({ kind: "message_too_large", phase: "unknown" }, what, cause);
    }
    const what = `at ${this.origin} broke off its answer (${messageOf(cause)}); it may have carried out the request`;
    return this.failure({ kind: "cut", phase: "unknown" }, what, cause);
  }

  /** What the server said, fit to be shown; empty when it said nothing. */
  said(text: string): string {
    const shown = toLogLine(text, this.#options.redactor, SAID_CHARS_MAX);
    return shown === "" ? "" : `; it said: ${shown}`;
  }

  /** Reads a body that nobody waits for, to free its connection; gives it up when it is long or late (Q5). */
  async drain(answer: HttpAnswer): Promise<string> {
    const read = readText(answer, ERROR_BYTES_MAX).catch(() => "");
    const text = await within(this.#options.clock, BODY_MS, read);
    if (text !== "timeout") return text;
    answer.close();
    return "";
  }

  async #send(request: ServerRequest, configured: Configured): Promise<Outcome> {
    const headers = this.#merge(request.headers, configured);
    const { method, body, signal } = request;
    let url = this.#url;
    const inSession = headers.has("mcp-session-id");
    for (let redirects = 0; ; redirects++) {
      let answer: HttpAnswer;
      try {
        answer = await this.#options.fetch({ method, url, headers: [...headers], body, signal });
      } catch (error) {
        if (!(error instanceof FetchError)) throw error;
        return { kind: "failure", failure: this.#unanswered(error, inSession), text: "" };
      }
      const { status } = answer;
      this.#noteDate(answer);
      if (status >= 200 && status < 300) return { kind: "answer", answer };
      const target = redirectTarget(answer, url);
      if (target === undefined) return await this.#refused(answer, inSession);
      void this.drain(answer);
      const keepsMethod = method === "GET" || status === 307 || status === 308;
      if (target.origin === url.origin && keepsMethod && redirects < REDIRECTS_MAX) url = target;
      else return { kind: "failure", failure: this.#redirected(status, target), text: "" };
    }
  }

  #noteDate(answer: HttpAnswer): void {
    const date = Date.parse(answer.header("date") ?? "");
    if (!Number.isNaN(date)) this.#clockAheadMs = date - wallTime();
  }

  #merge(
    own: Iterable<readonly [name: string, value: string]>,
    { headers, login }: Configured,
  ): ReadonlyMap<string, string> {
    const merged = new Map([["user-agent", USER_AGENT]]);
    const { username, password } = this.#options.url;
    if (username !== "" || password !== "") {
      const pair = `${unescape(username)}:${unescape(password)}`;
      merged.set("authorization", `Basic ${Buffer.from(pair).toString("base64")}`);
    }
    for (const [name, value] of headers) merged.set(name, value);
    if (login !== undefined) merged.set("authorization", `Bearer ${login.token}`);
    for (const [name, value] of own) {
      if (name !== "mcp-session-id" || !headers.has(name)) merged.set(name, value);
    }
    return merged;
  }

  /** Asks for a token that is due, and waits for it only if the one there is does not count any more (Q6). */
  async #renewLogin(signal: AbortSignal): Promise<void> {
    const { headers, login } = this.#configured;
    const now = wallTime();
    if (login?.dueAt === undefined || now < login.dueAt) return;
    // Whatever comes of it: not for every request.
    this.#configured = { headers, login: { ...login, dueAt: now + DUE_AGAIN_MS } };
    const renewing = this.#askAgain("due").catch(() => {
      // With a token that does not count, a 401 says it; until then the old one does.
    });
    if (login.endsAt !== undefined && login.endsAt <= now) await abortable(renewing, signal);
  }

  #unhelped(failure: HttpFailure, cause: unknown): HttpFailure {
    const answered = `at ${this.origin} answered ${failure.status}`;
    if (!(cause instanceof LoginFailed)) {
      return this.failure(
        failure,
        `${answered}, and there are no other headers for it: ${messageOf(cause)}`,
        cause,
      );
    }
    const { error } = cause;
    if (error instanceof McpError && error.code === "needs_login") {
      return this.failure(failure, `${answered} (unauthorized): ${error.message}`, error);
    }
    // It may be renewed in a while, without a person.
    const what = `${answered}, and its login cannot be renewed now: ${messageOf(error)}`;
    return this.failure({ kind: "refused", phase: "rejected" }, what, error);
  }

  /** Once for all who need it; a 401 waits for what is due, and asks then if that brought nothing. */
  #askAgain(why: AskAgain): Promise<void> {
    const before = this.#asking;
    if (before !== undefined && (why === "due" || before.why !== "due")) return before.done;
    const { login } = this.#configured;
    const ask = async (): Promise<void> => {
      await before?.done.catch(() => {});
      if (before === undefined || this.#configured.login?.token === login?.token) {
        this.#configured = await this.#ask(why);
      }
    };
    const asking = { why, done: ask() };
    this.#asking = asking;
    const forget = (): void => {
      if (this.#asking === asking) this.#asking = undefined;
    };
    asking.done.then(forget, forget);
    return asking.done;
  }

  async #ask(why: AskAgain): Promise<Configured> {
    const headers = why === "due" ? this.#configured.headers : await this.#askHeaders(why);
    const login = await this.#askLogin(why, headers).catch((error: unknown) => {
      throw new LoginFailed(error);
    });
    return { headers, login };
  }

  async #askHeaders(why: "open" | "unauthorized"): Promise<ReadonlyMap<string, string>> {
    const given = await abortable(this.#options.headers(why, this.#closed), this.#closed);
    const headers = new Map<string, string>();
    for (const [name, value] of given) {
      this.#check(name, value);
      const lower = name.toLowerCase();
      if (!NOT_CONFIGURABLE.test(lower)) headers.set(lower, value);
    }
    return headers;
  }

  async #askLogin(why: AskAgain, headers: ReadonlyMap<string, string>): Promise<LoginToken | undefined> {
    const { login, url } = this.#options;
    if (login === undefined || headers.has("authorization") || url.username !== "") return undefined;
    const last = why === "open" ? undefined : this.#configured.login?.token;
    const given = await abortable(login({ why, last, signal: this.#closed }), this.#closed);
    if (given !== undefined) this.#check("authorization", given.token);
    return given;
  }

  #check(name: string, value: string): void {
    const what = headerNameProblem(name) ?? headerValueProblem(value);
    if (what === undefined) return;
    const sentence = `cannot be sent its headers: the header ${toLogLine(name, this.#options.redactor, 64)} ${what}`;
    throw new TransportError("invalid_server", this.#options.server, sentence);
  }

  #unanswered(error: FetchError, inSession: boolean): HttpFailure {
    const what = `at ${this.origin} ${error.message}`;
    return error.isSent
      ? this.failure(
          { kind: "reset", phase: "unknown", inSession },
          `${what}; it may have carried out the request`,
          error,
        )
      : this.failure(
          { kind: "refused", phase: "not_sent", inSession },
          `${what}; check that it runs, and its url`,
          error,
        );
  }

  #redirected(status: number, target: URL): HttpFailure {
    const what = `at ${this.origin} redirects to ${target.origin} (${status}), which is not followed; use the url there`;
    return this.failure({ kind: "http_status", phase: "rejected", status }, what);
  }

  async #refused(answer: HttpAnswer, inSession: boolean): Promise<Outcome> {
    const { status } = answer;
    const retryAfterMs = retryAfterOf(answer);
    const text = await this.drain(answer);
    const wanted = wantedBy(answer);
    const { kind, phase, meaning } = meaningOf(status, inSession, wanted);
    const what = `at ${this.origin} ${meaning} (${status})${this.said(text)}`;
    return {
      kind: "failure",
      failure: this.failure({ kind, phase, status, retryAfterMs, inSession, wanted }, what),
      text,
    };
  }
}

function meaningOf(
  status: number,
  inSession: boolean,
  wanted: LoginWanted | undefined,
): Pick<HttpFailureFacts, "kind" | "phase"> & { readonly meaning: string } {
  const phase = status >= 500 || status === 408 ? "unknown" : "rejected";
  switch (status) {
    case 401:
      return { kind: "unauthorized", phase, meaning: "answered that the request is not authorized" };
    case 403:
      return {
        kind: "forbidden",
        phase,
        meaning:
          wanted === undefined
            ? "answered that the request is forbidden"
            : `wants a login with more scopes${scopesText(wanted)}`,
      };
    case 429:
      return { kind: "rate_limited", phase, meaning: "answered that there are too many requests" };
    case 404:
      return inSession
        ? { kind: "session_lost", phase, meaning: "does not know the session any more" }
        : { kind: "http_status", phase, meaning: "has nothing at the path of its url" };
    default:
      return { kind: "http_status", phase, meaning: "answered with an error" };
  }
}

/** Of a 401, and of a 403 whose challenge says that the login lacks scopes. */
function wantedBy(answer: HttpAnswer): LoginWanted | undefined {
  if (answer.status !== 401 && answer.status !== 403) return undefined;
  const wanted = loginWanted(answer.header("www-authenticate"));
  return answer.status === 401
    ? { ...wanted, insufficientScope: false }
    : wanted.insufficientScope
      ? wanted
      : undefined;
}

function scopesText({ scopes }: LoginWanted): string {
  return scopes.length === 0 ? "" : `: ${toLogLine(scopes.join(" "), undefined, SAID_CHARS_MAX)}`;
}

function redirectTarget(answer: HttpAnswer, from: URL): URL | undefined {
  const location = answer.header("location");
  if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return undefined;
  const target = URL.parse(location, from.href);
  if (target === null) return undefined;
  target.username = "";
  target.password = "";
  return target;
}

/** In seconds, or a date that is compared with the server's own. */
function retryAfterOf(answer: HttpAnswer): number | undefined {
  const value = answer.header("retry-after");
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const delayMs = Date.parse(value) - Date.parse(answer.header("date") ?? "");
  return Number.isNaN(delayMs) ? undefined : Math.max(0, delayMs);
}

function sameHeaders(one: Configured, other: Configured): boolean {
  if (one === other || one.headers.size !== other.headers.size) return one === other;
  if (one.login?.token !== other.login?.token) return false;
  return [...one.headers].every(([name, value]) => other.headers.get(name) === value);
}
