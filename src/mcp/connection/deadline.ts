/**
 * The time a call may take, which stands still while a person is asked.
 *
 * Invariants
 *   D1. It expires once, after `ms` of running time; time in which it is paused does not count.
 *   D2. Pauses nest: it runs again when the last one is over.
 *   D3. An extension gives the whole time again, but never more running time than the cap in total.
 */
import type { Clock, Timer } from "../../base/clock.ts";

export interface DeadlineOptions {
  readonly clock: Clock;
  /** Running time, in milliseconds. */
  readonly ms: number;
  /** Running time in total, with all extensions, in milliseconds. @default `ms`: extensions change nothing */
  readonly capMs?: number | undefined;
  readonly onExpire: () => void;
}

export class Deadline {
  readonly #options: DeadlineOptions;
  /** Of the current span. */
  #leftMs: number;
  #spentMs = 0;
  #runningSince: number | undefined;
  #timer: Timer | undefined;
  #pauses = 0;
  #over = false;

  constructor(options: DeadlineOptions) {
    this.#options = options;
    this.#leftMs = options.ms;
    this.#run();
  }

  /** @returns a function that lets it run again; calling it twice does nothing */
  pause(): () => void {
    this.#halt();
    this.#pauses++;
    let resumed = false;
    return () => {
      if (resumed) return;
      resumed = true;
      this.#pauses--;
      this.#run();
    };
  }

  /** The call is alive: its whole time begins anew, as far as the cap allows (D3). */
  extend(): void {
    const { ms, capMs = ms } = this.#options;
    this.#halt();
    this.#leftMs = Math.max(this.#leftMs, Math.min(ms, capMs - this.#spentMs));
    this.#run();
  }

  /** It no longer matters. */
  clear(): void {
    this.#halt();
    this.#over = true;
  }

  #run(): void {
    if (this.#over || this.#pauses > 0 || this.#timer !== undefined) return;
    this.#runningSince = this.#options.clock.now();
    this.#timer = this.#options.clock.schedule(this.#leftMs, () => {
      this.clear();
      this.#options.onExpire();
    });
  }

  #halt(): void {
    if (this.#timer === undefined || this.#runningSince === undefined) return;
    this.#timer.clear();
    this.#timer = undefined;
    const ran = this.#options.clock.now() - this.#runningSince;
    this.#spentMs += ran;
    this.#leftMs = Math.max(0, this.#leftMs - ran);
  }
}
