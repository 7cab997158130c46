/** One way to end a command from outside, for all of them. */

/** What a shell reports for a process that ended by one of them: 128 and the number of the signal. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type StopSignal = keyof typeof EXIT_CODES;

/**
 * The first signal asks the command to end; it ends what it started, and its exit code is `exitCode`. The second one
 * ends the process at once.
 */
export class Stop implements Disposable {
  readonly #controller = new AbortController();
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.exitCode = EXIT_CODES[signal as StopSignal];
    if (this.signal.aborted) {
      this.beforeSecond();
      process.exit(this.exitCode);
    }
    this.#controller.abort();
  };

  /** For another reason than a signal. */
  because(reason: Error): void {
    this.#controller.abort(reason);
  }

  /** What must not wait for a command that takes too long to end. */
  beforeSecond: () => void = () => {};
  /** 0 until a signal has come. */
  exitCode = 0;

  constructor() {
    for (const signal of Object.keys(EXIT_CODES)) process.on(signal, this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether a command failed because it was asked to end. */
  caused(error: unknown): boolean {
    if (!this.signal.aborted) return false;
    return error === this.signal.reason || (error instanceof Error && error.name === "AbortError");
  }

  [Symbol.dispose](): void {
    for (const signal of Object.keys(EXIT_CODES)) process.off(signal, this.#onSignal);
  }
}
