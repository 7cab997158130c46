/**
 * From a server to a session: the start, and the starts again that are right within one start-up time-out.
 *
 *   - nothing answers at the URL, or something in front of the server has trouble or says 429: three attempts, as Codex 0.171
 *   - the server dies of the question for its era: once more, as one of the legacy era
 *   - the remembered era is wrong: once more, asked anew
 */
import { ProtocolError, SdkError, SdkErrorCode } from "@modelcontextprotocol/client";
import { abortable } from "../../base/abort.ts";
import { type Clock, sleep } from "../../base/clock.ts";
import type { Era } from "../session/era.ts";
import { failureOf } from "../session/failure.ts";
import { Session, type SessionEvents } from "../session/session.ts";
import type { ConnectionOptions } from "./connection-options.ts";
import { isPassing } from "./reason.ts";
import type { StartSteps } from "./start-steps.ts";

/** Before the second and the third attempt (Codex 0.169). */
const AGAIN_MS = [250, 1_000] as const;
/** How long a server may leave the question for its era unanswered, at most. */
const PROBE_MS_MAX = 5_000;

export function openSession(
  options: ConnectionOptions,
  events: SessionEvents,
  steps: StartSteps,
  signal: AbortSignal,
): Promise<Session> {
  const openOnce = (era: Era | undefined): Promise<Session> => openAs(era, options, events, steps, signal);
  return persist(options.clock, signal, () => openInItsEra(options, openOnce, signal));
}

/** A step of a start, up to three times where what hinders it may pass. */
export async function persist<T>(clock: Clock, signal: AbortSignal, step: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await step();
    } catch (error) {
      const delay = AGAIN_MS[attempt];
      if (delay === undefined || !isPassing(error) || signal.aborted) throw error;
      await sleep(clock, delay, signal);
    }
  }
}

async function openInItsEra(
  { era }: ConnectionOptions,
  openOnce: (era: Era | undefined) => Promise<Session>,
  signal: AbortSignal,
): Promise<Session> {
  const known = era.recall();
  const isLegacy = known?.era === "legacy";
  try {
    const session = await openOnce(isLegacy ? "legacy" : undefined);
    const version = session.serverInfo?.version;
    if (!isLegacy) era.learn({ era: session.era, version });
    else if (known.version !== undefined && version !== known.version) era.forget();
    return session;
  } catch (error) {
    if (signal.aborted) throw error;
    if (isLegacy && isModernOnly(error)) {
      era.forget();
      return openOnce(undefined);
    }
    if (!isLegacy && diedOfTheProbe(error)) {
      // Remembered, so that a server that dies anyway is started once for each further attempt.
      era.learn({ era: "legacy", version: undefined });
      return openOnce("legacy");
    }
    throw error;
  }
}

async function openAs(
  era: Era | undefined,
  { open, client, capabilities, startupTimeoutMs }: ConnectionOptions,
  events: SessionEvents,
  steps: StartSteps,
  signal: AbortSignal,
): Promise<Session> {
  steps.begin("start");
  const transport = await open(signal);
  steps.begin("initialize");
  // Over HTTP there is an answer; who is slow with it is no server of the older era.
  const probeMs =
    transport.hasPerRequestStream === true ? startupTimeoutMs : Math.min(PROBE_MS_MAX, startupTimeoutMs / 3);
  try {
    return await Session.open({ ...events, transport, client, capabilities, era, probeMs, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    // The transport knows more than the SDK: the exit, and the last words on stderr.
    const ended = await abortable(transport.ended, signal);
    throw ended.code === "closed" || diedOfTheProbe(error) ? error : ended;
  }
}

/** A server that rejects `initialize`: it may be of the modern era alone. */
export function isModernOnly(error: unknown): boolean {
  return error instanceof ProtocolError;
}

function diedOfTheProbe(error: unknown): boolean {
  return (
    error instanceof SdkError &&
    error.code === SdkErrorCode.EraNegotiationFailed &&
    error.message.includes("connection closed")
  );
}

/** Whether a server that is asked for a sign of life shows none, or no longer knows our session. */
export async function isDeadOnProbe(session: Session, signal: AbortSignal): Promise<boolean> {
  try {
    await session.request(session.era === "legacy" ? "ping" : "server/discover", {}, { signal });
    return false;
  } catch (error) {
    // A server that rejects the question lives.
    return failureOf(error, session.endError).kind !== "answered";
  }
}
