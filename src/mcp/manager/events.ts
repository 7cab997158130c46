/** What a thread is told about its servers, in order. */
import type { JsonObject } from "../../base/json.ts";
import type { CatalogChange } from "../connection/catalog.ts";
import type { CallName } from "../connection/in-flight.ts";
import type { ServerStatus } from "../connection/status.ts";

export type McpEvent =
  | { readonly type: "status"; readonly server: string; readonly status: ServerStatus }
  | ({ readonly type: "catalog"; readonly server: string } & CatalogChange)
  | {
      readonly type: "log";
      readonly server: string;
      /** Which call it belongs to, where that is known. */
      readonly call?: CallName;
      /** A level of RFC 5424: `debug`, `info`, `notice`, `warning`, `error`, `critical`, `alert`, `emergency`. */
      readonly level: string;
      readonly logger?: string;
      readonly data: unknown;
    }
  | { readonly type: "resource_updated"; readonly server: string; readonly uri: string }
  /** The server asked something, and nobody could be asked: it is not known whose question it was, or there is no handler. */
  | {
      readonly type: "question_declined";
      readonly server: string;
      readonly call?: CallName;
      readonly message: string;
    }
  /** This reader was too slow: so many events before this one were dropped. */
  | { readonly type: "dropped"; readonly count: number };

/** How many events wait for a reader. */
const EVENTS_MAX = 1000;

/** Hands every event to every reader. A reader that does not keep up loses the oldest ones, and is told how many. */
export class EventHub {
  readonly #readers = new Set<Reader>();
  #ended = false;

  push(event: McpEvent): void {
    for (const reader of this.#readers) reader.push(event);
  }

  end(): void {
    this.#ended = true;
    for (const reader of this.#readers) reader.end();
  }

  /** From now on. Leaving the loop, or an abort, ends it. */
  async *read(signal?: AbortSignal): AsyncGenerator<McpEvent, undefined, undefined> {
    const reader = new Reader();
    if (this.#ended) return;
    const end = (): void => reader.end();
    signal?.addEventListener("abort", end, { once: true });
    if (signal?.aborted === true) end();
    this.#readers.add(reader);
    try {
      for (;;) {
        const event = await reader.next();
        if (event === undefined) return;
        yield event;
      }
    } finally {
      this.#readers.delete(reader);
      signal?.removeEventListener("abort", end);
    }
  }
}

class Reader {
  #events: McpEvent[] = [];
  #dropped = 0;
  #ended = false;
  #wake = Promise.withResolvers<void>();

  push(event: McpEvent): void {
    if (this.#events.length >= EVENTS_MAX) {
      this.#events.shift();
      this.#dropped++;
    }
    this.#events.push(event);
    this.#wake.resolve();
  }

  end(): void {
    this.#ended = true;
    this.#wake.resolve();
  }

  async next(): Promise<McpEvent | undefined> {
    while (this.#events.length === 0 && !this.#ended) {
      await this.#wake.promise;
      this.#wake = Promise.withResolvers<void>();
    }
    if (this.#dropped > 0) {
      const event = { type: "dropped", count: this.#dropped } as const;
      this.#dropped = 0;
      return event;
    }
    return this.#events.shift();
  }
}

/** A log message of the server as an event; a level that is none counts as `info`. */
export function logEvent(server: string, params: JsonObject, call: CallName | undefined): McpEvent {
  const { level, logger, data = null } = params;
  return {
    type: "log",
    server,
    ...(call === undefined ? {} : { call }),
    level: typeof level === "string" ? level : "info",
    ...(typeof logger === "string" ? { logger } : {}),
    data,
  };
}
