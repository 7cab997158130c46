/**
 * A record of tool calls, and what it tells about their overlap.
 *
 * Invariants
 *   C1. A call is in the record before its tool runs, and is closed exactly once; a cancelled one at its
 *       cancellation, whether its tool obeys or not.
 *   C2. `startedAt` and `endedAt` are read from one monotonic clock, so calls of all sessions compare.
 *   C3. The record holds at most `callsMax` calls; the oldest are dropped, `order` goes on counting.
 */
import { systemClock } from "../base/clock.ts";
import type { Watch } from "./watch.ts";

/** `failed` is a result with `isError` or a JSON-RPC error; `cancelled` wins over both. */
export type CallOutcome = "completed" | "failed" | "cancelled";

/** One tool call, from its arrival to its answer. */
export interface RecordedCall {
  /** Counts calls from 0 in the order they started. */
  readonly order: number;
  /** The tool's declared name. */
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Headers of the HTTP request that carried it, names in lower case; empty on stdio. */
  readonly headers: Readonly<Record<string, string>>;
  /** Path of that request, e.g. `/mcp/a`; empty on stdio. */
  readonly path: string;
  readonly sessionId: string | undefined;
  /** `_meta` of the call. */
  readonly meta: Readonly<Record<string, unknown>>;
  /** Milliseconds on a monotonic scale whose zero has no meaning. */
  readonly startedAt: number;
  /** On the same scale; `undefined` while the call runs. */
  readonly endedAt: number | undefined;
  /** `undefined` while the call runs. */
  readonly outcome: CallOutcome | undefined;
}

export class CallRecord {
  readonly #watch: Watch;
  readonly #callsMax: number;
  readonly #calls: RecordedCall[] = [];
  #started = 0;

  constructor(watch: Watch, callsMax: number) {
    this.#watch = watch;
    this.#callsMax = callsMax;
  }

  get calls(): readonly RecordedCall[] {
    return this.#calls;
  }

  /** Calls that run now. */
  get running(): number {
    return this.#calls.filter((call) => call.outcome === undefined).length;
  }

  /** @returns a function that closes the call */
  start(
    call: Omit<RecordedCall, "order" | "startedAt" | "endedAt" | "outcome">,
  ): (outcome: CallOutcome) => void {
    const entry: { -readonly [Key in keyof RecordedCall]: RecordedCall[Key] } = {
      ...call,
      order: this.#started++,
      startedAt: systemClock.now(),
      endedAt: undefined,
      outcome: undefined,
    };
    this.#calls.push(entry);
    if (this.#calls.length > this.#callsMax) this.#calls.shift();
    this.#watch.changed();
    return (outcome) => {
      if (entry.outcome !== undefined) return;
      entry.endedAt = systemClock.now();
      entry.outcome = outcome;
      this.#watch.changed();
    };
  }
}

/** The most calls that ran at the same moment. Calls that only touch do not overlap. */
export function maxOverlap(calls: readonly Pick<RecordedCall, "startedAt" | "endedAt">[]): number {
  const edges = calls.flatMap((call) => [
    { at: call.startedAt, change: 1 },
    { at: call.endedAt ?? Number.POSITIVE_INFINITY, change: -1 },
  ]);
  edges.sort((a, b) => a.at - b.at || a.change - b.change);
  let running = 0;
  let most = 0;
  for (const { change } of edges) {
    running += change;
    most = Math.max(most, running);
  }
  return most;
}
