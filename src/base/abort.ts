/** Waiting that can be given up. */
import type { Clock } from "./clock.ts";

/**
 * Waits for `promise`, but no longer than until `signal` aborts.
 *
 * The promise itself goes on; only this wait ends. A later rejection of it is not reported as unhandled.
 *
 * @throws the signal's reason when it aborts first
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    // Before it settles, so that the caller finds nothing left behind.
    const stop = (): void => signal.removeEventListener("abort", onAbort);
    promise.finally(stop).then(resolve, reject);
  });
}

/**
 * Waits for `promise`, but no longer than `timeoutMs`.
 *
 * @returns `"timeout"` when the time is over first; the promise itself goes on
 */
export function within<T>(clock: Clock, timeoutMs: number, promise: Promise<T>): Promise<T | "timeout"> {
  return new Promise((resolve, reject) => {
    const timer = clock.schedule(timeoutMs, () => resolve("timeout"));
    promise.finally(() => timer.clear()).then(resolve, reject);
  });
}
