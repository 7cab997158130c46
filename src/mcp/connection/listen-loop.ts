/**
 * The stream on which a server tells what changed, kept open, and the subscriptions to resources.
 *
 * In the legacy era the notifications come on the session itself, and a subscription is a request. In the modern era one
 * stream (`subscriptions/listen`) carries all; it is opened anew when it breaks and when the subscriptions change.
 *
 * Invariants
 *   W1. The owner is told whenever the stream opens, because changes before that may have been missed.
 *   W2. Subscriptions outlive a session: they are made again in the next one.
 */
import { abortable } from "../../base/abort.ts";
import { Backoff } from "../../base/backoff.ts";
import { type Clock, sleep } from "../../base/clock.ts";
import type { JsonObject } from "../../base/json.ts";
import type { Session } from "../session/session.ts";

export interface ListenLoopOptions {
  readonly clock: Clock;
  readonly random: (() => number) | undefined;
  readonly onEvent: (method: string, params: JsonObject) => void;
  /** The stream is open. Changes before that may have been missed (W1). */
  readonly onOpen: () => void;
}

const BACKOFF = { firstMs: 1_000, maxMs: 30_000 };

export class ListenLoop {
  readonly #options: ListenLoopOptions;
  /** URI to the number of those who subscribed. */
  readonly #uris = new Map<string, number>();
  #session: Session | undefined;
  #stop = new AbortController();
  /** Ends the open stream, so that the next one has other subscriptions. */
  #renew = new AbortController();
  /** Settles when the next stream is open, or could not be opened. */
  #next: PromiseWithResolvers<void> | undefined;

  constructor(options: ListenLoopOptions) {
    this.#options = options;
  }

  begin(session: Session): void {
    this.#session = session;
    this.#stop = new AbortController();
    if (session.era === "modern") void this.#listen(session, this.#stop.signal);
    else for (const uri of this.#uris.keys()) session.request("resources/subscribe", { uri }).catch(() => {});
  }

  end(): void {
    this.#session = undefined;
    this.#stop.abort();
  }

  /** @throws what the request is rejected with */
  async subscribe(session: Session, uri: string, signal: AbortSignal): Promise<() => Promise<void>> {
    const before = this.#uris.get(uri) ?? 0;
    this.#uris.set(uri, before + 1);
    try {
      if (before === 0) await this.#tell(session, "resources/subscribe", uri, signal);
    } catch (error) {
      this.#drop(uri);
      throw error;
    }
    let taken = false;
    return async () => {
      if (taken) return;
      taken = true;
      const current = this.#session;
      if (this.#drop(uri) && current !== undefined)
        await this.#tell(current, "resources/unsubscribe", uri).catch(() => {});
    };
  }

  /** @returns whether nobody is left */
  #drop(uri: string): boolean {
    const left = (this.#uris.get(uri) ?? 1) - 1;
    if (left > 0) this.#uris.set(uri, left);
    else this.#uris.delete(uri);
    return left <= 0;
  }

  async #tell(session: Session, method: string, uri: string, signal?: AbortSignal): Promise<void> {
    if (session.era === "legacy") {
      await session.request(method, { uri }, { signal });
      return;
    }
    const next = Promise.withResolvers<void>();
    this.#next = next;
    this.#renew.abort();
    if (method === "resources/subscribe") await abortable(next.promise, signal);
    else next.promise.catch(() => {});
  }

  async #listen(session: Session, stop: AbortSignal): Promise<void> {
    const { clock, random, onOpen } = this.#options;
    const backoff = new Backoff({ ...BACKOFF, random });
    while (!stop.aborted) {
      const filter = this.#filterOf(session);
      this.#renew = new AbortController();
      const renew = this.#renew.signal;
      if (filter === undefined) {
        await new Promise<void>((resolve) => {
          renew.addEventListener("abort", () => resolve(), { once: true });
          stop.addEventListener("abort", () => resolve(), { once: true });
        });
        continue;
      }
      try {
        const subscription = await session.listen(filter, AbortSignal.any([stop, renew]));
        this.#next?.resolve();
        onOpen();
        backoff.reset();
        if ((await subscription.closed) === "local") continue;
      } catch (error) {
        // A server that offers no such stream is asked again later, and ever more rarely.
        if (!renew.aborted) this.#next?.reject(error);
      }
      if (!stop.aborted && !renew.aborted) await sleep(clock, backoff.fail(), stop).catch(() => {});
    }
  }

  #filterOf({ capabilities }: Session): Parameters<Session["listen"]>[0] | undefined {
    const resourceSubscriptions = [...this.#uris.keys()];
    const filter = {
      ...(capabilities.tools?.listChanged === true ? { toolsListChanged: true } : {}),
      ...(capabilities.prompts?.listChanged === true ? { promptsListChanged: true } : {}),
      ...(capabilities.resources?.listChanged === true ? { resourcesListChanged: true } : {}),
      ...(resourceSubscriptions.length === 0 ? {} : { resourceSubscriptions }),
    };
    return Object.keys(filter).length === 0 ? undefined : filter;
  }
}
