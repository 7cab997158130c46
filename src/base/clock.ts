/**
 * Time, passed in.
 *
 * Everything in Switchyard that waits or measures takes a `Clock`, so that a test owns the time
 * (`testing/manual-clock.ts`) and nothing in the product depends on a duration it cannot control.
 */

/** A pending timer. Clearing it twice, or after it fired, does nothing. */
export interface Timer {
  clear(): void;
}

export interface Clock {
  /** Milliseconds on a monotonic scale whose zero has no meaning. */
  now(): number;
  /** Calls `fire` once after `delayMs`. The timer keeps the process alive unless `background` is set. */
  schedule(delayMs: number, fire: () => void, options?: { readonly background?: boolean }): Timer;
}

/** Milliseconds since 1970, for what other processes read. Anything that waits or measures takes a `Clock`. */
export function wallTime(): number {
  return Date.now();
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  schedule(delayMs, fire, options) {
    // Node turns a delay above 2^31-1 ms into 1 ms.
    const timer = setTimeout(fire, Math.min(delayMs, 2_147_483_647));
    if (options?.background === true) timer.unref();
    return { clear: () => clearTimeout(timer) };
  },
};

/**
 * Waits for `delayMs`.
 *
 * @throws the signal's reason when it aborts first
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason);
    const onAbort = (): void => {
      timer.clear();
      reject(signal?.reason);
    };
    const timer = clock.schedule(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
