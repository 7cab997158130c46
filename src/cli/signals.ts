/** One way to end a command from outside, for all of them. */

/** What a shell reports for a process that a signal ended: 128 and the number of the signal. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type StopSignal = keyof typeof EXIT_CODES;
const SIGNALS = Object.keys(EXIT_CODES) as StopSignal[];

/**
 * The first signal asks the command to end: it ends what it started, then itself with `exitCode`. The second one ends
 * the process at once.
 */
export class Stop implements Disposable {
  /** 0 until a signal has come. */
  exitCode = 0;
  /** Runs before the second signal ends the process. */
  beforeExit: () => void = () => {};
  readonly #controller = new AbortController();

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Asks the command to end for a reason of its own. */
  end(reason: Error): void {
    this.#controller.abort(reason);
  }

  /** Whether a command failed because it was asked to end. */
  caused(error: unknown): boolean {
    if (!this.signal.aborted) return false;
    return error === this.signal.reason || (error instanceof Error && error.name === "AbortError");
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    const isSecond = this.exitCode !== 0;
    this.exitCode = EXIT_CODES[signal as StopSignal];
    if (isSecond) {
      this.beforeExit();
      process.exit(this.exitCode);
    }
    this.#controller.abort();
  };
}
