/**
 * One run of a thread: from its acceptance to its end.
 *
 *   notifications ──> mapper ──> channel ──> reader
 *   questions ──────> handler, or a refusal and an event about it
 *   stop(reason) ───> everything that waits for the run
 *
 * It owns what belongs to one run: the events that wait for their reader, the state of the turn, the timers that
 * end it early. Opening the thread and asking Codex is the business of `session.ts`.
 *
 * Invariants
 *   N1. The reader gets everything in order. When it falls behind, the pipe is stopped and nothing is dropped. When it
 *       stays away for `readerStallMs`, the run is stopped; the error comes after everything that was kept.
 *   N2. A run that was stopped does not hold the pipe: the messages that end it must be read too.
 *   N3. The run ends exactly once: by `end`, or by the first `fail`.
 *   N4. Every question is answered once: by the handler, or, when it is absent, fails or is late, by declining; then an
 *       event says what was declined and which option allows it. A turn waits for ever on an open question. One that needs
 *       no answer any more, or whose run is over, is dropped: the handler's signal aborts, and nothing is reported.
 *   N5. `thread.started` comes when the thread can be resumed; what was reported before waits for it, but for the news
 *       that the run waits for Codex itself. Without it, the rest comes with the end of the run.
 */
import { Channel } from "../../base/channel.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Redactor } from "../../base/redact.ts";
import { askHost } from "../../thread/ask.ts";
import { CodexError } from "../errors.ts";
import { AbortError } from "../../thread/errors.ts";
import { EventMapper, turnIdOf } from "./event-mapper.ts";
import type { ErrorItem, ThreadEvent, Usage } from "../../thread/events.ts";
import type { Notification, TurnStartParams, WireInput } from "../app-server/protocol.ts";
import {
  type Answer,
  describe,
  OPTION_FOR,
  type Question,
  type QuestionHandler,
} from "../../thread/questions.ts";
import type { ThreadSpec } from "./spec.ts";

export interface RunRequest {
  readonly spec: ThreadSpec;
  readonly input: WireInput[];
  readonly turn: Omit<TurnStartParams, "threadId" | "input">;
  readonly signal: AbortSignal | undefined;
  readonly onQuestion: QuestionHandler | undefined;
  readonly questionTimeoutMs: number;
}

/** What stops and restarts the flow of events: the process that the thread is loaded in. */
export interface PausableInput {
  /** Stops the flow until the returned function is called. */
  pause(): () => void;
  readonly paused: boolean;
}

export interface ActiveRunOptions {
  readonly request: RunRequest;
  /** Aborts when the caller gives up, or the thread is closed. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly redactor: Redactor;
  readonly reconnectTimeoutMs: number;
  readonly readerStallMs: number;
  /** Usage of the thread before this run. */
  readonly usage: Usage;
  /** The host's name of a server that Codex knows as `name`. */
  readonly serverName: (name: string) => string;
  /** What Codex or the provider says of the model, in the host's words: where we ask it, Codex knows neither its URL nor why it fails. */
  readonly ofModel: (message: string) => string;
  /** Whether the model cannot be reached, as Codex would find where it asks itself. */
  readonly isUnreachable: () => boolean;
  readonly input: () => PausableInput | undefined;
}

export type TurnEnd = "completed" | "interrupted" | "failed";

/** What Codex 0.171 says, when it could not write any more. The next turn may write it after all. */
const SAVE_FAILED = /^Failed to save the conversation transcript/;

/** Characters of events kept for a reader before the pipe is stopped. */
const EVENTS_WEIGHT_MAX = 4 * 1024 * 1024;

export class ActiveRun {
  readonly request: RunRequest;
  readonly signal: AbortSignal;
  /** Servers of which it has told that they are missing. */
  readonly missing: Set<string> = new Set();
  readonly #options: ActiveRunOptions;
  readonly #channel: Channel<ThreadEvent>;
  readonly #mapper: EventMapper;
  readonly #stopped = Promise.withResolvers<never>();
  readonly #turnStarted = Promise.withResolvers<void>();
  readonly #turnEnded = Promise.withResolvers<TurnEnd>();
  #stopReason: Error | undefined;
  /** The turn that was asked for, by its id once that is known. */
  #turn: { id: string | undefined } | undefined;
  #unsaved: () => string | undefined = () => undefined;
  /** Codex has said so itself. */
  #notSaved = false;
  #announced = false;
  /** Events that wait for `thread.started` (N5); there are few before a turn. */
  #held: [ThreadEvent, number][] | undefined;
  #warned = false;
  readonly #over = new AbortController();
  #reconnect: Timer | undefined;
  #stall: Timer | undefined;

  constructor(options: ActiveRunOptions) {
    this.request = options.request;
    this.signal = options.signal;
    this.#options = options;
    this.#mapper = new EventMapper({ usage: options.usage, serverName: options.serverName });
    this.#channel = new Channel({
      weightMax: EVENTS_WEIGHT_MAX,
      onFull: () => this.#onReaderBehind(),
      onRoom: () => this.#stall?.clear(),
    });
    // It may be stopped while nothing waits for that.
    this.#stopped.promise.catch(() => {});
  }

  /** For one reader, once. */
  get events(): AsyncIterable<ThreadEvent> {
    return this.#channel;
  }

  /** Rejects with the reason once the run is stopped; never resolves. */
  get stopped(): Promise<never> {
    return this.#stopped.promise;
  }

  /** Settles when Codex reports the start of the turn. It stands in for a reply to `turn/start` that was lost. */
  get turnStarted(): Promise<void> {
    return this.#turnStarted.promise;
  }

  /** Settles when Codex reports the end of the turn. */
  get turnEnded(): Promise<TurnEnd> {
    return this.#turnEnded.promise;
  }

  /** Whether the model was asked, or is about to be. */
  get inTurn(): boolean {
    return this.#turn !== undefined;
  }

  get turnId(): string | undefined {
    return this.#turn?.id;
  }

  /** Why the run was stopped, if it was. */
  get stopReason(): Error | undefined {
    return this.#stopReason;
  }

  /** @throws the reason when the run was stopped */
  throwIfStopped(): void {
    if (this.#stopReason !== undefined) throw this.#stopReason;
  }

  /** Ends the run early. Only the first reason counts. */
  stop(reason: Error): void {
    if (this.#stopReason !== undefined) return;
    this.#stopReason = reason;
    this.#stall?.clear();
    this.#stopped.reject(reason);
    // Fail the reader now; the end of the turn may be queued behind other threads' output.
    if (isThrown(reason)) this.fail(reason);
  }

  /** The next turn that starts belongs to this run. @param unsaved says why a completed turn is not on disk */
  beginTurn(unsaved: () => string | undefined = () => undefined): void {
    this.#turn ??= { id: undefined };
    this.#unsaved = unsaved;
  }

  /** Takes the id of the turn from the reply to `turn/start`. */
  turnIsNamed(turnId: string): void {
    if (this.#turn !== undefined) this.#turn.id ??= turnId;
  }

  /** The thread has no id yet: events wait until it is announced. */
  awaitId(): void {
    this.#held ??= [];
  }

  /** Reports the id of the thread, once. */
  announce(threadId: string): void {
    if (this.#announced) return;
    this.#announced = true;
    this.#channel.push({ type: "thread.started", thread_id: threadId });
    this.#pushHeld();
  }

  /** Reports warnings about the process, once. */
  warn(warnings: readonly Notification[]): void {
    if (this.#warned) return;
    this.#warned = true;
    for (const warning of warnings) this.take(warning);
  }

  /** Reports an error that does not end the turn. @param when `"now"`: it does not wait for `thread.started` */
  tell(error: Omit<ErrorItem, "id" | "type">, when?: "now"): void {
    const event = this.#mapper.errorItem(error);
    if (when === "now") this.#channel.push(event);
    else this.#push(event);
  }

  /** Takes a notification of the thread. @param weight its size, in characters */
  take(notification: Notification, weight = 1): void {
    const { method, params } = notification;
    if (method === "turn/started" && this.#turn !== undefined) {
      this.#turn.id ??= params.turn.id;
      if (this.#turn.id === params.turn.id) this.#turnStarted.resolve();
    }
    const turnId = turnIdOf(notification);
    if (this.turnId !== undefined && turnId !== undefined && turnId !== this.turnId) return;
    this.#watchConnection(notification);
    if (method === "turn/completed" && params.turn.status === "completed") {
      const message = this.#unsaved();
      if (message !== undefined && !this.#notSaved) this.tell({ message, code: "thread_not_saved" });
    }
    if (method === "warning" && SAVE_FAILED.test(params.message)) {
      this.#notSaved = true;
      return this.tell({ message: this.#options.redactor.redact(params.message), code: "thread_not_saved" });
    }
    for (const event of this.#mapper.map(notification)) this.#push(this.#clean(event), weight);
    if (method === "turn/completed" && params.turn.status !== "inProgress") {
      this.#turnEnded.resolve(params.turn.status);
    }
  }

  /** Answers a question through the host's handler, or declines it (N4). @param moot aborts when no answer is needed */
  async ask(question: Question, moot: AbortSignal): Promise<Answer> {
    const { onQuestion: handler, questionTimeoutMs: timeoutMs } = this.request;
    const { clock, redactor } = this.#options;
    const dropped = AbortSignal.any([moot, this.#over.signal]);
    const asked = await askHost(question, { handler, timeoutMs, clock, moot: dropped });
    if (asked.kind === "answered") return asked.answer;
    return asked.kind === "moot" ? noAnswer(question) : this.#decline(question, redactor.redact(asked.why));
  }

  /** No more events will come. */
  end(): void {
    this.#pushHeld();
    this.#channel.end();
  }

  /** Ends the run with an error: as the last event, or thrown to the reader (see `isThrown`). */
  fail(error: unknown): void {
    this.#pushHeld();
    if (isThrown(error)) return this.#channel.fail(error);
    const message = messageOf(error);
    const code = error instanceof CodexError ? error.code : "request_failed";
    const failed = { message: this.#options.redactor.redact(message), code };
    this.#channel.push({ type: "turn.failed", error: failed });
    this.#channel.end();
  }

  /** The reader has left: events kept for it are dropped. */
  async leave(): Promise<void> {
    await this.#channel.return();
  }

  dispose(): void {
    this.#over.abort();
    this.#reconnect?.clear();
  }

  #push(event: ThreadEvent, weight = 1): void {
    if (this.#held === undefined) this.#channel.push(event, weight);
    else this.#held.push([event, weight]);
  }

  #pushHeld(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const [event, weight] of held) this.#channel.push(event, weight);
  }

  /** Stops the run when Codex has retried the model for too long. */
  #watchConnection({ method, params }: Notification): void {
    if (method !== "error" || !params.willRetry) {
      this.#reconnect?.clear();
      this.#reconnect = undefined;
      return;
    }
    const { clock, reconnectTimeoutMs: limitMs, input, ofModel } = this.#options;
    const { message } = params.error;
    const giveUp = (): void => {
      // While the pipe is stopped, the news that the model answers again may be in it.
      if (input()?.paused === true) this.#reconnect = clock.schedule(limitMs, giveUp);
      else {
        const text = `The model could not be reached for ${limitMs} ms: ${ofModel(message)}`;
        this.stop(new CodexError("model_unreachable", text));
      }
    };
    this.#reconnect ??= clock.schedule(limitMs, giveUp);
  }

  /** Stops the pipe until the reader has caught up, but not for ever (N1, N2). */
  #onReaderBehind(): void {
    if (this.#stopReason !== undefined) return;
    const { clock, readerStallMs: limitMs, input } = this.#options;
    const resume = input()?.pause() ?? (() => {});
    const timer = clock.schedule(limitMs, () =>
      this.stop(new CodexError("reader_stalled", `Nobody read the events of the turn for ${limitMs} ms`)),
    );
    this.#stall = {
      clear: () => {
        timer.clear();
        resume();
      },
    };
  }

  /** Hides secrets in messages of Codex and the provider. The output of tools and commands is the host's own data. */
  #clean(event: ThreadEvent): ThreadEvent {
    const { redactor, ofModel, isUnreachable } = this.#options;
    if (event.type === "error") return { ...event, message: redactor.redact(ofModel(event.message)) };
    if (event.type === "turn.failed") {
      const code = event.error.code ?? (isUnreachable() ? "model_unreachable" : undefined);
      const message = redactor.redact(ofModel(event.error.message));
      return { ...event, error: { ...event.error, message, ...(code === undefined ? {} : { code }) } };
    }
    if (event.type === "item.completed" && event.item.type === "error") {
      return { ...event, item: { ...event.item, message: redactor.redact(event.item.message) } };
    }
    return event;
  }

  #decline(question: Question, why: string): Answer {
    const option = OPTION_FOR[question.kind];
    const message = `Codex asked ${describe(question)}; declined, because ${why}. To allow it: ${option}`;
    const server = "server" in question ? { server: question.server } : {};
    this.tell({ message, code: "request_declined", request: question.kind, option, ...server });
    return { decision: "decline" };
  }
}

/**
 * Whether an error is thrown to the reader instead of becoming a `turn.failed`: the caller gave up, the request was
 * invalid, or there is no usable Codex or thread.
 */
export function isThrown(error: unknown): boolean {
  if (error instanceof AbortError) return true;
  return error instanceof CodexError && THROWN.has(error.code);
}

const THROWN: ReadonlySet<CodexError["code"]> = new Set([
  "codex_not_found",
  "codex_unsupported",
  "codex_start_failed",
  "home_unusable",
  "thread_not_found",
  "thread_busy",
  "invalid_options",
  "closed",
]);

/** What Codex gets for a question that nobody answered: it ends the question, and nobody has said no. */
function noAnswer({ kind }: Question): Answer {
  // For commands and file changes, "cancel" would interrupt the turn.
  return { decision: kind === "elicitation" || kind === "mcp_tool_call" ? "cancel" : "decline" };
}
