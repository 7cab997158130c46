/** A request while it is under way: what all its sendings have in common. */
import type { JsonObject } from "../../base/json.ts";
import { McpError } from "../errors.ts";
import { type Failure, failureOf } from "../session/failure.ts";
import type { Session } from "../session/session.ts";
import type { Connection } from "./connection.ts";
import { Deadline } from "./deadline.ts";
import type { CallName, Holder, InFlight, RequestSide } from "./in-flight.ts";

/** What the server is told (Codex 0.169). */
const CANCELLED = "MCP request cancelled by caller";

export interface Stop {
  readonly kind: "stopped";
  readonly by: "caller" | "deadline";
  readonly sent: boolean;
}

export type Tried =
  | { readonly kind: "result"; readonly result: JsonObject }
  | { readonly kind: "failed"; readonly failure: Failure; readonly session: Session }
  | { readonly kind: "unavailable"; readonly error: McpError }
  | Stop;

export interface AttemptOptions {
  readonly holder: Holder;
  readonly call: CallName | undefined;
  readonly timeoutMs: number;
  readonly capMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly side?: RequestSide;
}

/** What all sendings of a request have in common: its time, its caller's signal, and its place among those in flight. */
export class Attempt implements InFlight {
  readonly deadline: Deadline;
  readonly holder: Holder;
  readonly call: CallName | undefined;
  readonly side: RequestSide | undefined;
  session: Session | undefined;
  readonly #connection: Connection;
  readonly #options: AttemptOptions;
  readonly #stop = new AbortController();
  #over: AbortController | undefined;
  #stoppedBy: Stop["by"] | undefined;
  readonly #onAbort = (): void => this.#halt("caller");

  constructor(connection: Connection, options: AttemptOptions) {
    this.#connection = connection;
    this.#options = options;
    this.holder = options.holder;
    this.call = options.call;
    this.side = options.side;
    const { timeoutMs: ms, capMs, signal } = options;
    const { clock } = connection.options;
    this.deadline = new Deadline({ clock, ms, capMs, onExpire: () => this.#halt("deadline") });
    if (signal?.aborted === true) this.#halt("caller");
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  get stopped(): boolean {
    return this.#stoppedBy !== undefined;
  }

  stopOf(sent: boolean): Stop {
    return { kind: "stopped", by: this.#stoppedBy ?? "caller", sent };
  }

  async send(exchangeWith: (session: Session, stop: AbortSignal) => Promise<JsonObject>): Promise<Tried> {
    const { stop } = this;
    const connection = this.#connection;
    let release: (() => void) | undefined;
    let session: Session;
    try {
      stop.throwIfAborted();
      session = await connection.session(stop);
      release = await connection.turns?.acquire(stop);
    } catch (error) {
      if (this.stopped) return this.stopOf(false);
      if (error instanceof McpError) return { kind: "unavailable", error };
      throw error;
    }
    this.session = session;
    connection.inFlight.add(this);
    try {
      const result = await exchangeWith(session, stop);
      connection.noteLife();
      return { kind: "result", result };
    } catch (error) {
      if (this.stopped) {
        if (this.#stoppedBy === "deadline") connection.suspect(session);
        return this.stopOf(true);
      }
      return { kind: "failed", failure: failureOf(error, session.endError), session };
    } finally {
      connection.leave(this, session);
      release?.();
    }
  }

  /** Answers a question that came as a part of an answer: the modern era. */
  async answer(asked: Parameters<Holder["answer"]>[0]): Promise<JsonObject> {
    const { holder, call, side } = this;
    const resume = this.deadline.pause();
    const until = AbortSignal.any([this.stop, this.over]);
    try {
      return await (side?.onAsk?.(asked, until) ?? holder.answer(asked, call, until));
    } finally {
      resume();
    }
  }

  end(): void {
    this.deadline.clear();
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#over?.abort();
  }

  /** Made only for a question: most requests have none. */
  get over(): AbortSignal {
    this.#over ??= new AbortController();
    return this.#over.signal;
  }

  #halt(by: Stop["by"]): void {
    this.#stoppedBy ??= by;
    this.deadline.clear();
    this.#stop.abort(CANCELLED);
  }
}
