/**
 * Asks a server for a sign of life after something went wrong that may mean the end of its session. One question at a time is enough,
 * however many callers want an answer.
 *
 * A server over stdio that may be at work on another request is left alone until that one is over, too.
 */
import type { Clock, Timer } from "../../base/clock.ts";
import type { Session } from "../session/session.ts";
import type { InFlight } from "./in-flight.ts";
import { isDeadOnProbe } from "./open-session.ts";
import type { Reason } from "./status.ts";

/** How long a server may leave the question unanswered. */
const PULSE_MS = 5_000;

export interface PulseOptions {
  readonly server: string;
  readonly clock: Clock;
  readonly inFlight: ReadonlySet<InFlight>;
  /** The answer is there, or its time is over. */
  readonly onAnswer: () => void;
  /** The session is of no use any more. */
  readonly renew: (session: Session, reason: Reason) => void;
}

export class Pulse {
  readonly #options: PulseOptions;
  #timer: Timer | undefined;
  /** What was under way when the server was first found silent; nothing was heard of it since. */
  #workedOn: ReadonlySet<InFlight> | undefined;

  constructor(options: PulseOptions) {
    this.#options = options;
  }

  /** Whether an answer is awaited. */
  get isAwaited(): boolean {
    return this.#timer !== undefined;
  }

  /** Asks; without a sign of life the session is renewed. */
  ask(session: Session): void {
    if (this.#timer !== undefined) return;
    const { clock, server, inFlight, onAnswer, renew } = this.#options;
    const silent = new AbortController();
    this.#timer = clock.schedule(PULSE_MS, () => silent.abort("MCP request cancelled by caller"));
    void isDeadOnProbe(session, silent.signal).then((dead) => {
      this.end();
      onAnswer();
      if (!dead) return this.felt();
      if (silent.signal.aborted) {
        // Later requests do not count: while many threads ask, some request is always under way.
        this.#workedOn ??= new Set(inFlight);
        if ([...this.#workedOn].some((each) => inFlight.has(each))) return;
      }
      const what = silent.signal.aborted
        ? `does not answer: no sign of life in ${PULSE_MS / 1000} s`
        : "lost our session";
      renew(session, { code: "session_lost", message: `MCP server "${server}" ${what}` });
    });
  }

  /** The server has said something, or a new session has begun. */
  felt(): void {
    this.#workedOn = undefined;
  }

  end(): void {
    this.#timer?.clear();
    this.#timer = undefined;
  }
}
