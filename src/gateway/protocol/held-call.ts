/**
 * A request of a modern client at a server of the legacy era that asks something: the request stays under way at the server, and
 * the client gets a result that asks for input. With the answers it comes back, and finds its request where it left it.
 *
 *   client   tools/call ──> input_required, state ······ tools/call with answers, state ──> result
 *   server   tools/call ──> elicitation/create ················ answer ──> result
 *
 * Invariants
 *   P1. The state is a secret of 128 bits, good for one return, for this client's endpoint and for the same request.
 *   P2. A request whose client does not come back in `HELD_MS` is cancelled at the server, and so is the oldest one when there are
 *       more than `HELD_MAX`.
 *   P3. A question that the client did not answer when it came back is asked again.
 */
import { randomBytes } from "node:crypto";
import type { Clock, Timer } from "../../base/clock.ts";
import { isObject, type JsonObject } from "../../base/json.ts";
import type { RelayOutcome, ServerRequest } from "../../mcp/index.ts";

const HELD_MS = 10 * 60_000;
const HELD_MAX = 256;
const PREFIX = "switchyard-";

export type Step =
  | { readonly kind: "done"; readonly outcome: RelayOutcome }
  | { readonly kind: "asks"; readonly requests: JsonObject };

interface Question {
  readonly request: ServerRequest;
  readonly resolve: (answer: JsonObject) => void;
  readonly reject: (error: Error) => void;
}

export class HeldCall {
  readonly #cancelling = new AbortController();
  readonly #questions = new Map<string, Question>();
  #outcome: RelayOutcome | undefined;
  #changed = Promise.withResolvers<void>();
  #asked = 0;

  /** Aborts when the request is cancelled at the server. */
  get signal(): AbortSignal {
    return this.#cancelling.signal;
  }

  /** The request that it is about. */
  follow(running: Promise<RelayOutcome>): void {
    void running.then((outcome) => {
      this.#outcome = outcome;
      this.#changed.resolve();
    });
  }

  cancel(): void {
    this.#cancelling.abort();
  }

  readonly ask = (request: ServerRequest, signal: AbortSignal): Promise<JsonObject> => {
    const { promise, resolve, reject } = Promise.withResolvers<JsonObject>();
    const key = `q${++this.#asked}`;
    const withdraw = (): void => reject(new Error("The request it belonged to is over"));
    this.#questions.set(key, { request, resolve, reject });
    signal.addEventListener("abort", withdraw, { once: true });
    if (signal.aborted) withdraw();
    this.#changed.resolve();
    return promise.finally(() => {
      this.#questions.delete(key);
      signal.removeEventListener("abort", withdraw);
    });
  };

  /** What the client gets next. */
  async step(): Promise<Step> {
    for (;;) {
      if (this.#outcome !== undefined) return { kind: "done", outcome: this.#outcome };
      if (this.#questions.size > 0) return { kind: "asks", requests: this.#requests() };
      await this.#changed.promise;
      this.#changed = Promise.withResolvers<void>();
    }
  }

  /** The client is back. What it did not answer stays open (P3). */
  answer(responses: unknown): void {
    for (const [key, { resolve }] of [...this.#questions]) {
      const answer = isObject(responses) && Object.hasOwn(responses, key) ? responses[key] : undefined;
      if (isObject(answer)) {
        this.#questions.delete(key);
        resolve(answer as JsonObject);
      }
    }
  }

  #requests(): JsonObject {
    const entries = [...this.#questions].map(
      ([key, { request }]) =>
        [key, { method: request.method, params: request.params as JsonObject }] as const,
    );
    return Object.fromEntries(entries);
  }
}

interface Held {
  readonly call: HeldCall;
  readonly about: string;
  readonly timer: Timer;
}

/** The requests of an endpoint that wait for their client. */
export class HeldCalls {
  readonly #clock: Clock;
  readonly #held = new Map<string, Held>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a state is one of these, good or not. */
  static isState(state: unknown): state is string {
    return typeof state === "string" && state.startsWith(PREFIX);
  }

  /**
   * @param about what a return has to repeat: method and params
   * @returns the state for the client
   */
  keep(call: HeldCall, about: string): string {
    if (this.#held.size >= HELD_MAX) {
      const [oldest] = this.#held.keys();
      if (oldest !== undefined) this.#drop(oldest);
    }
    const state = PREFIX + randomBytes(16).toString("base64url");
    const timer = this.#clock.schedule(HELD_MS, () => this.#drop(state), { background: true });
    this.#held.set(state, { call, about, timer });
    return state;
  }

  /** @returns `undefined` for a state that is not good (P1) */
  take(state: string, about: string): HeldCall | undefined {
    const held = this.#held.get(state);
    if (held === undefined || held.about !== about) return undefined;
    held.timer.clear();
    this.#held.delete(state);
    return held.call;
  }

  end(): void {
    for (const state of [...this.#held.keys()]) this.#drop(state);
  }

  #drop(state: string): void {
    const held = this.#held.get(state);
    this.#held.delete(state);
    held?.timer.clear();
    held?.call.cancel();
  }
}
