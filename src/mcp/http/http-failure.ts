/** What one request to an MCP server over HTTP fails with. The server itself may be well. */
import { type LoginWanted, type Remedy, TransportError } from "../errors.ts";

/**
 * - `refused`: no connection could be made
 * - `reset`: the connection broke before there was an answer
 * - `cut`: the answer began, and broke off or ended without its result
 * - `session_lost`: the server does not know the session (any more)
 * - `unauthorized`, `forbidden`: 401, also with headers that were asked for anew; 403
 * - `rate_limited`: 429
 * - `http_status`: another status that is not success
 * - `bad_answer`: success, but no answer to this request: HTML, not JSON, 202, another id
 * - `message_too_large`: the answer is above the limit
 */
export type HttpFailureKind =
  | "refused"
  | "reset"
  | "cut"
  | "session_lost"
  | "unauthorized"
  | "forbidden"
  | "rate_limited"
  | "http_status"
  | "bad_answer"
  | "message_too_large";

/** What the server did with the request: it certainly did not get it; it said that it did not carry it out; nobody knows. */
export type HttpPhase = "not_sent" | "rejected" | "unknown";

export interface HttpFailureFacts {
  readonly kind: HttpFailureKind;
  readonly phase: HttpPhase;
  readonly status?: number | undefined;
  /** How long the server asks to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** Whether the request named a session: a 400 may then mean that it is lost. */
  readonly inSession?: boolean | undefined;
  /** With a 401, and with a 403 that a login with more scopes would help. */
  readonly wanted?: LoginWanted | undefined;
}

const REMEDIES: Readonly<Record<HttpFailureKind, Remedy>> = {
  refused: "retry",
  reset: "retry",
  cut: "retry",
  session_lost: "relaunch",
  unauthorized: "fix_config",
  forbidden: "fix_config",
  rate_limited: "retry",
  http_status: "fix_config",
  bad_answer: "fix_config",
  message_too_large: "fix_config",
};

export class HttpFailure extends TransportError {
  readonly kind: HttpFailureKind;
  readonly phase: HttpPhase;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly inSession: boolean;
  readonly wanted: LoginWanted | undefined;

  /** @param what the predicate of a sentence whose subject is the server; it names no more of the URL than the origin */
  constructor(server: string, facts: HttpFailureFacts, what: string, options?: ErrorOptions) {
    super(facts.kind === "message_too_large" ? "message_too_large" : "request_failed", server, what, options);
    this.kind = facts.kind;
    this.phase = facts.phase;
    this.status = facts.status;
    this.retryAfterMs = facts.retryAfterMs;
    this.inSession = facts.inSession ?? false;
    this.wanted = facts.wanted;
  }

  override get remedy(): Remedy {
    return this.status !== undefined && this.status >= 500 ? "retry" : REMEDIES[this.kind];
  }
}

/** The failure that an error is, or that caused it: the SDK wraps one that ends its negotiation. */
export function httpFailureOf(error: unknown): HttpFailure | undefined {
  let at = error;
  for (let depth = 0; depth < 8 && at instanceof Error; depth++) {
    if (at instanceof HttpFailure) return at;
    at = at.cause;
  }
  return undefined;
}

/** Whether a request failed because its answer broke off. */
export function isCut(error: unknown): boolean {
  return httpFailureOf(error)?.kind === "cut";
}
