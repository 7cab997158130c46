/**
 * The stream on which a server of the 2025 era speaks when it likes: a GET that is opened again and again.
 *
 *   GET ──┬── events ──> taken ──ends──> pause ──> GET, from the last event on
 *         ├── fails ──> longer pause ──> GET
 *         └── the server has none (405, 404, not a stream), or lost the session ──> over
 *
 * Invariants
 *   W1. It goes on until the signal aborts or the server has no such stream, with pauses up to `PAUSE_MAX_MS`.
 *   W2. A stream that is open again after a gap is reported, unless the server resumes it from an event.
 *   W3. Headers are asked for anew only for the first attempt after a stream that was open.
 */
import { Backoff } from "../../base/backoff.ts";
import { type Clock, sleep } from "../../base/clock.ts";
import { EventStreamDecoder } from "./event-stream.ts";
import type { HttpAnswer } from "./http-fetch.ts";
import type { HttpFailure } from "./http-failure.ts";
import type { ServerRequests } from "./server-requests.ts";

export interface StandingStreamOptions {
  readonly requests: ServerRequests;
  /** Those of the protocol. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly clock: Clock;
  readonly random: (() => number) | undefined;
  readonly eventBytesMax: number;
  readonly signal: AbortSignal;
  /** Takes the data of one event. */
  readonly take: (data: string) => void;
  readonly onRestored: () => void;
  readonly onSessionLost: () => void;
  /** @param what the predicate of a sentence whose subject is the server */
  readonly log: (level: "debug" | "warn", what: string) => void;
}

/** As the SDK has it; and the least, whatever a server asks for. */
const PAUSE_MS = 1_000;
const PAUSE_MIN_MS = 100;
const PAUSE_MAX_MS = 30_000;

/** Reads events to the end of a body; each gets a turn of the microtasks. */
export async function readEvents(
  { body }: HttpAnswer,
  decoder: EventStreamDecoder,
  take: (data: string) => void,
): Promise<void> {
  for await (const chunk of body) {
    for (const data of decoder.push(chunk)) {
      take(data);
      await Promise.resolve();
    }
  }
}

/** How long to wait before a stream is opened again that ended in good order. */
export function pauseOf({ retryMs = PAUSE_MS }: EventStreamDecoder): number {
  return Math.min(Math.max(retryMs, PAUSE_MIN_MS), PAUSE_MAX_MS);
}

/** Settles when it is over. Never rejects. */
export async function keepStream(options: StandingStreamOptions): Promise<void> {
  const { clock, random, signal, eventBytesMax, requests, log } = options;
  const backoff = new Backoff({
    firstMs: PAUSE_MS,
    maxMs: PAUSE_MAX_MS,
    ...(random === undefined ? {} : { random }),
  });
  let decoder = new EventStreamDecoder(eventBytesMax);
  let hasGap = false;
  let mayAskAgain = true;
  try {
    for (;;) {
      const resumed = decoder.lastEventId;
      const outcome = await requests.send({
        method: "GET",
        headers: resumed === undefined ? options.headers : [...options.headers, ["last-event-id", resumed]],
        signal,
        mayAskAgain,
      });
      mayAskAgain = false;
      let pauseMs: number;
      if (outcome.kind === "answer") {
        if (!isEventStream(outcome.answer)) {
          outcome.answer.close();
          return log("debug", "offers no stream for messages of its own");
        }
        mayAskAgain = true;
        if (hasGap) options.onRestored();
        decoder = new EventStreamDecoder(eventBytesMax, decoder);
        const wasOpen = await read(options, outcome.answer, decoder);
        hasGap = decoder.lastEventId === undefined;
        if (wasOpen) backoff.reset();
        pauseMs = wasOpen ? pauseOf(decoder) : Math.max(backoff.fail(), pauseOf(decoder));
      } else {
        const { failure } = outcome;
        if (failure.kind === "session_lost") return options.onSessionLost();
        if (isFinal(failure))
          return log("debug", `offers no stream for messages of its own: ${failure.message}`);
        // What the server kept for this stream may be gone when it is back.
        hasGap = true;
        pauseMs = Math.min(Math.max(backoff.fail(), failure.retryAfterMs ?? 0), PAUSE_MAX_MS);
        if (backoff.failures === 1)
          log("warn", `cannot send messages of its own at the moment: ${failure.message}`);
      }
      await sleep(clock, pauseMs, signal);
    }
  } catch (error) {
    if (!signal.aborted) log("warn", `can no longer send messages of its own: ${String(error)}`);
  }
}

/** @returns whether anything came, or it ended in good order after some time */
async function read(
  { take, signal, log }: StandingStreamOptions,
  answer: HttpAnswer,
  decoder: EventStreamDecoder,
): Promise<boolean> {
  let hasCome = false;
  try {
    await readEvents(answer, decoder, (data) => {
      hasCome = true;
      take(data);
    });
  } catch (error) {
    signal.throwIfAborted();
    log("debug", `broke off the stream for messages of its own: ${String(error)}`);
  }
  return hasCome || decoder.retryMs !== undefined;
}

export function isEventStream(answer: HttpAnswer): boolean {
  return mediaTypeOf(answer) === "text/event-stream";
}

export function mediaTypeOf(answer: HttpAnswer): string {
  return (answer.header("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** Statuses that no later attempt changes; those of a gateway in front of a server that restarts do. */
function isFinal({ status }: HttpFailure): boolean {
  if (status === undefined || status === 401 || status === 403 || status === 408 || status === 429)
    return false;
  return status < 500 || status === 501;
}
