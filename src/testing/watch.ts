/**
 * Waiting for a recorded fact instead of for a duration.
 *
 * A recorder calls `changed()` after every fact it writes down; the check of every waiter then runs again.
 * The facts themselves belong to the recorder.
 */

/** How to give up a wait. */
export interface WaitOptions {
  /** Ends the wait with its reason. Without one, a fact that never comes is waited for for ever. */
  readonly signal?: AbortSignal;
}

export class Watch {
  readonly #checks = new Set<() => void>();
  #ended: Error | undefined;

  /** Runs the checks of everybody who waits. */
  changed(): void {
    // A copy: a check that holds takes itself out.
    for (const check of Array.from(this.#checks)) check();
  }

  /** Nothing will change any more: every wait now and later fails with `error`, unless its check holds. */
  end(error: Error): void {
    this.#ended ??= error;
    this.changed();
  }

  /**
   * Waits until `check` returns something other than `undefined` and `false`, and returns that.
   *
   * @throws the signal's reason, what `check` throws, or the error given to `end`
   */
  waitFor<T>(check: () => T | undefined | false, options?: WaitOptions): Promise<T> {
    const signal = options?.signal;
    return new Promise<T>((resolve, reject) => {
      const stop = (): void => {
        this.#checks.delete(look);
        signal?.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => {
        stop();
        // The reason is the caller's own and may be anything.
        reject(signal?.reason as Error);
      };
      const look = (): void => {
        try {
          const found = check();
          if (found !== undefined && found !== false) {
            stop();
            resolve(found);
          } else if (this.#ended !== undefined) {
            stop();
            reject(this.#ended);
          }
        } catch (error) {
          stop();
          reject(error);
        }
      };
      this.#checks.add(look);
      signal?.addEventListener("abort", onAbort, { once: true });
      if (signal?.aborted === true) onAbort();
      else look();
    });
  }
}
