/** How far a start has come, and how long each of its steps took. A new attempt begins anew. */
import type { Clock } from "../../base/clock.ts";
import type { StartStep } from "./status.ts";

export class StartSteps {
  readonly #clock: Clock;
  #began: number;
  #current: StartStep | undefined;
  readonly #tookMs: Record<StartStep, number> = { start: 0, initialize: 0, list: 0 };

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#began = clock.now();
  }

  /** That is under way, or failed. */
  get current(): StartStep | undefined {
    return this.#current;
  }

  /** In milliseconds. */
  get tookMs(): Readonly<Record<StartStep, number>> {
    return { ...this.#tookMs };
  }

  begin(step: StartStep): void {
    this.end();
    this.#current = step;
  }

  /** The step that is under way has succeeded. */
  end(): void {
    const now = this.#clock.now();
    if (this.#current !== undefined) this.#tookMs[this.#current] = now - this.#began;
    this.#began = now;
    this.#current = undefined;
  }
}
