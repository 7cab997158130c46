/**
 * One start of a server, from nothing to a session whose tools are listed, within its start-up time-out.
 *
 * What it takes to get a session at all, and which attempts are made again, stands in `open-session.ts`.
 */
import { within } from "../../base/abort.ts";
import type { Session, SessionEvents } from "../session/session.ts";
import { McpError } from "../errors.ts";
import type { ConnectionOptions } from "./connection-options.ts";
import { openSession, persist } from "./open-session.ts";
import { reasonOf, StartTimedOut } from "./reason.ts";
import type { StartSteps } from "./start-steps.ts";
import type { Reason } from "./status.ts";

/** How long the end of one session may hold up the next one. */
export const CLOSE_MS = 2_000;

export interface Start {
  readonly options: ConnectionOptions;
  readonly events: SessionEvents;
  readonly steps: StartSteps;
  /** Lists the tools of the new session. */
  readonly list: (session: Session, signal: AbortSignal) => Promise<void>;
  /** What the last process said on stderr. */
  readonly said: () => Pick<Reason, "stderr">;
  /** Ends the start. */
  readonly stop: AbortSignal;
}

/** @returns the session, or why there is none; then nothing of it is left, or it could not be ended in `CLOSE_MS` */
export async function startSession(start: Start): Promise<{ readonly session: Session } | Reason> {
  const { options, events, steps, list, said, stop } = start;
  const { server, startupTimeoutMs, clock } = options;
  const limit = new AbortController();
  const timer = clock.schedule(startupTimeoutMs, () =>
    limit.abort(new StartTimedOut(timedOut(server, startupTimeoutMs))),
  );
  const signal = AbortSignal.any([stop, limit.signal]);
  let session: Session | undefined;
  try {
    const opened = await openSession(options, events, steps, signal);
    session = opened;
    await persist(clock, signal, () => {
      steps.begin("list");
      return list(opened, signal);
    });
    steps.end();
    return { session: opened };
  } catch (error) {
    // The transport knows more than the SDK: the exit, and the last words on stderr.
    const ended = session?.endError;
    await within(clock, CLOSE_MS, session?.close() ?? Promise.resolve());
    // What kept it from being started says more than that its time was over.
    const isTimeout = limit.signal.aborted && !(error instanceof McpError);
    const reason = reasonOf(server, isTimeout ? limit.signal.reason : (ended ?? error));
    const { current: step } = steps;
    if (step === undefined) return reason;
    // Before a step "initialize" there is no process, or that of an attempt before.
    return { ...reason, step, ...(step === "start" ? {} : said()) };
  } finally {
    timer.clear();
  }
}

function timedOut(server: string, ms: number): string {
  return `MCP server "${server}" was not ready within ${ms / 1000} s; if it needs longer, raise startup_timeout_sec`;
}
