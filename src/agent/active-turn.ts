/**
 * What belongs to one turn while it runs: its events, which wait for their reader, the reason for which it is stopped, and the
 * questions it asks.
 *
 * Invariants
 *   N1. The reader gets everything in order. When it falls behind, the next step waits; when it stays away for `readerStallMs`,
 *       the turn is stopped.
 *   N2. The turn ends exactly once: by `end`, or by the first `fail`.
 *   N3. Every question is answered once: by the handler, or by declining, and then an event says so.
 */
import { Channel } from "../base/channel.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Redactor } from "../base/redact.ts";
import { askHost } from "../thread/ask.ts";
import { AbortError, EngineError } from "../thread/errors.ts";
import type { ErrorItem, ThreadEvent } from "../thread/events.ts";
import {
  type Answer,
  describe,
  OPTION_FOR,
  type Question,
  type QuestionHandler,
} from "../thread/questions.ts";

export interface ActiveTurnOptions {
  readonly clock: Clock;
  readonly redactor: Redactor;
  readonly readerStallMs: number;
  readonly turnTimeoutMs: number;
  readonly onQuestion: QuestionHandler | undefined;
  readonly questionTimeoutMs: number;
}

/** Events kept for a reader before the next step waits. */
const EVENTS_MAX = 256;

export class ActiveTurn {
  readonly #options: ActiveTurnOptions;
  readonly #channel: Channel<ThreadEvent>;
  readonly #stop = new AbortController();
  readonly #timeout: Timer;
  #room: PromiseWithResolvers<void> | undefined;
  #stall: Timer | undefined;
  #nextItem = 0;

  constructor(options: ActiveTurnOptions) {
    this.#options = options;
    this.#channel = new Channel({
      weightMax: EVENTS_MAX,
      onFull: () => this.#onReaderBehind(),
      onRoom: () => this.#onRoom(),
    });
    const { clock, turnTimeoutMs: limitMs } = options;
    this.#timeout = clock.schedule(limitMs, () =>
      this.stop(
        new EngineError("turn_interrupted", `The turn took longer than ${limitMs} ms (turnTimeoutMs)`),
      ),
    );
  }

  /** For one reader, once. */
  get events(): AsyncIterable<ThreadEvent> {
    return this.#channel;
  }

  /** Aborts when the turn is stopped. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Ends the turn early. Only the first reason counts. */
  stop(reason: Error): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort(reason);
    this.#onRoom();
    // Fail the reader now; tools may need a moment to end.
    if (isThrown(reason)) this.fail(reason);
  }

  readonly emit = (event: ThreadEvent): void => this.#channel.push(event);

  readonly newId = (): string => `item_${this.#nextItem++}`;

  /** Waits until the reader has caught up, or the turn is stopped (N1). */
  readonly room = (): Promise<void> => {
    if (!this.#channel.full || this.signal.aborted) return Promise.resolve();
    this.#room ??= Promise.withResolvers<void>();
    return this.#room.promise;
  };

  /** Reports an error that does not end the turn. */
  tell(error: Omit<ErrorItem, "id" | "type">): void {
    const message = this.#options.redactor.redact(error.message);
    this.emit({ type: "item.completed", item: { id: this.newId(), type: "error", ...error, message } });
  }

  /** Asks the host, or declines (N3). @param moot aborts when no answer is needed */
  async ask(question: Question, moot: AbortSignal): Promise<Answer> {
    const { onQuestion: handler, questionTimeoutMs: timeoutMs, clock } = this.#options;
    const dropped = AbortSignal.any([moot, this.signal]);
    const asked = await askHost(question, { handler, timeoutMs, clock, moot: dropped });
    if (asked.kind === "answered") return asked.answer;
    if (asked.kind === "moot") return { decision: "cancel" };
    const option = OPTION_FOR[question.kind];
    const message = `The agent asked ${describe(question)}; declined, because ${asked.why}. To allow it: ${option}`;
    const server = "server" in question ? { server: question.server } : {};
    this.tell({ message, code: "request_declined", request: question.kind, option, ...server });
    return { decision: "decline" };
  }

  /** No more events will come. */
  end(): void {
    this.#channel.end();
    this.#dispose();
  }

  /** Ends the turn with an error: as the last event, or thrown to the reader (see `isThrown`). */
  fail(error: unknown): void {
    if (isThrown(error)) this.#channel.fail(error);
    else {
      const message = this.#options.redactor.redact(messageOf(error));
      const code = error instanceof EngineError ? error.code : "request_failed";
      this.emit({ type: "turn.failed", error: { message, code } });
      this.#channel.end();
    }
    this.#dispose();
  }

  #dispose(): void {
    this.#timeout.clear();
    this.#stall?.clear();
  }

  #onReaderBehind(): void {
    if (this.signal.aborted) return;
    const { clock, readerStallMs: limitMs } = this.#options;
    this.#stall = clock.schedule(limitMs, () =>
      this.stop(new EngineError("reader_stalled", `Nobody read the events of the turn for ${limitMs} ms`)),
    );
  }

  #onRoom(): void {
    this.#stall?.clear();
    this.#room?.resolve();
    this.#room = undefined;
  }
}

/** Whether an error is thrown to the reader instead of becoming a `turn.failed`: as in the codex engine. */
function isThrown(error: unknown): boolean {
  if (error instanceof AbortError) return true;
  return error instanceof EngineError && THROWN.has(error.code);
}

const THROWN: ReadonlySet<string> = new Set([
  "thread_not_found",
  "thread_busy",
  "invalid_options",
  "closed",
  "login_missing",
]);
