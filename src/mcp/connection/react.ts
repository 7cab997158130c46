/** What a failure means: for the session, and for the request. The recovery table of docs/connections.md, in code. */
import { type Clock, sleep } from "../../base/clock.ts";
import type { LoginWanted } from "../errors.ts";
import type { Failure } from "../session/failure.ts";
import type { Session } from "../session/session.ts";
import type { Connection } from "./connection.ts";
import { isDeadOnProbe } from "./open-session.ts";
import type { NotSentReason, RequestFailure } from "./outcome.ts";

/** How often a request is sent, at most. */
export const SENDS_MAX = 3;
/** Before the second and the third attempt at an address where nothing answers. */
const REFUSED_MS = [250, 1_000] as const;
/** A longer wait is the caller's decision. */
const RETRY_AFTER_MS_MAX = 30_000;
export const INTERNAL_ERROR = -32603;

export interface Reaction {
  /** How often it was sent, and may have reached the server. */
  readonly sends: number;
  /** How often it certainly did not. */
  readonly refusals: number;
  /** Whether to carry it out twice does no harm. */
  readonly safe: boolean;
  readonly clock: Clock;
  readonly stop: AbortSignal;
}

/** What a failure means for the session, and whether the request is sent again (C2). */
export async function react(
  connection: Connection,
  session: Session,
  failure: Failure,
  { sends, refusals, safe, clock, stop }: Reaction,
): Promise<RequestFailure | "again"> {
  const { server } = connection.options;
  const again = sends < SENDS_MAX;
  switch (failure.kind) {
    case "answered": {
      const { code, message, data } = failure;
      return { kind: "protocol_error", code, message, ...(data === undefined ? {} : { data }) };
    }
    case "bad_answer":
      return {
        kind: "protocol_error",
        code: INTERNAL_ERROR,
        message: `the tool ran, but ${failure.message}`,
      };
    case "not_sent": {
      if (failure.reason === "stalled" || failure.reason === "too_large")
        return notSent(
          failure.reason === "stalled" ? "server_stalled" : "message_too_large",
          failure.message,
        );
      // Gone: the next session is on its way. Refused: it may be about to restart.
      const wait = REFUSED_MS[refusals - 1];
      const delay = wait === undefined || failure.reason === "refused" ? wait : 0;
      if (delay !== undefined && (await pause(clock, delay, stop))) return "again";
      if (failure.reason === "refused")
        connection.renew(session, { code: "unreachable", message: failure.message });
      return notSent("unreachable", failure.message);
    }
    case "rejected":
      return reactToRejection(connection, session, failure, { sends, refusals, safe, clock, stop });
    case "unknown": {
      if (session.endError === undefined) connection.suspect(session);
      if (safe && again && (await pause(clock, REFUSED_MS[sends - 1] ?? 0, stop))) return "again";
      const what = `it is not known whether the call was carried out: ${failure.message}`;
      return { kind: "lost", message: `MCP server "${server}": ${what}` };
    }
  }
}

async function reactToRejection(
  connection: Connection,
  session: Session,
  failure: Failure & { readonly kind: "rejected" },
  { sends, clock, stop }: Reaction,
): Promise<RequestFailure | "again"> {
  const again = sends < SENDS_MAX;
  switch (failure.why) {
    case "session_lost":
      connection.renew(session, { code: "session_lost", message: failure.message });
      return again ? "again" : notSent("rejected", failure.message);
    case "unauthorized":
      connection.needLogin(session, failure);
      return notSent("needs_login", failure.message, failure.wanted);
    case "forbidden":
      // Tools that need less go on.
      if (failure.wanted === undefined) return notSent("rejected", failure.message);
      return notSent("needs_login", failure.message, failure.wanted);
    case "rate_limited": {
      const wait = failure.retryAfterMs ?? REFUSED_MS[sends - 1] ?? 0;
      if (again && wait <= RETRY_AFTER_MS_MAX && (await pause(clock, wait, stop))) return "again";
      return notSent("rejected", failure.message);
    }
    default:
      // Some servers answer 400 for a session they have lost.
      if (failure.inSession && (await isDeadOnProbe(session, stop)) && again) {
        connection.renew(session, { code: "session_lost", message: failure.message });
        return "again";
      }
      return notSent("rejected", failure.message);
  }
}

/** @returns whether the wait was not given up */
async function pause(clock: Clock, ms: number, stop: AbortSignal): Promise<boolean> {
  if (ms > 0) await sleep(clock, ms, stop).catch(() => {});
  return !stop.aborted;
}

export function notSent(reason: NotSentReason, message: string, wanted?: LoginWanted): RequestFailure {
  return { kind: "not_sent", reason, message, ...(wanted === undefined ? {} : { wanted }) };
}
