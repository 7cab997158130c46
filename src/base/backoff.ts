/** How long to wait before trying again. Time and chance come in from outside. */

export interface BackoffOptions {
  /** Delay after the first failure, in milliseconds. */
  readonly firstMs: number;
  /** No delay is longer than this, in milliseconds. */
  readonly maxMs: number;
  /** Yields a number in [0, 1). @default Math.random */
  readonly random?: (() => number) | undefined;
}

/**
 * Exponential delays with jitter: after the n-th failure in a row, between half of and the whole of
 * `firstMs * 2^(n-1)`, at most `maxMs`. The jitter keeps many clients that failed together from
 * coming back together.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Failures in a row so far. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts one more failure. @returns the milliseconds to wait before the next attempt */
  fail(): number {
    const { firstMs, maxMs, random = Math.random } = this.#options;
    const ceiling = Math.min(firstMs * 2 ** Math.min(this.#failures, 30), maxMs);
    this.#failures++;
    return ceiling * (0.5 + random() / 2);
  }

  /** Forgets the failures: the thing worked long enough to be trusted again. */
  reset(): void {
    this.#failures = 0;
  }
}
