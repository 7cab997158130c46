/**
 * What happens to the servers of one thread, for the clients of a gateway: one reader of the thread's events, while somebody
 * watches, and the answers to questions that belong to no request.
 *
 * Such a question goes to the client that came last, because a client that connects anew may leave its former session behind.
 */
import type { JsonObject } from "../../base/json.ts";
import type { McpConnectionManager, McpEvent, ServerRequest } from "../../mcp/index.ts";
import type { ListName, News, Watcher } from "./backend.ts";

interface Watch extends Watcher {
  /** @default all */
  readonly server: string | undefined;
}

const LIST: Readonly<Record<string, ListName>> = {
  tools: "tools",
  prompts: "prompts",
  resources: "resources",
  resourceTemplates: "resources",
};

export class ThreadNews {
  readonly #thread: McpConnectionManager;
  readonly #watches = new Set<Watch>();
  readonly #listed = new Map<string, PromiseWithResolvers<void>>();
  #reading: AbortController | undefined;
  #answering: Disposable | undefined;

  constructor(thread: McpConnectionManager) {
    this.#thread = thread;
  }

  /** Settles when a client was given the tools of a server that was ready. */
  listed(server: string): Promise<void> {
    return this.#listedOf(server).promise;
  }

  noteListed(server: string): void {
    this.#listedOf(server).resolve();
  }

  #listedOf(server: string): PromiseWithResolvers<void> {
    const known = this.#listed.get(server) ?? Promise.withResolvers<void>();
    this.#listed.set(server, known);
    return known;
  }

  watch(server: string | undefined, watcher: Watcher): Disposable {
    const watch: Watch = { ...watcher, server };
    this.#watches.add(watch);
    this.#begin();
    return {
      [Symbol.dispose]: () => {
        this.#watches.delete(watch);
        if (this.#watches.size === 0) this.#end();
      },
    };
  }

  #begin(): void {
    if (this.#reading !== undefined) return;
    const reading = new AbortController();
    this.#reading = reading;
    this.#answering = this.#thread.answerWith((server, request, signal) =>
      this.#ask(server, request, signal),
    );
    void this.#read(reading.signal);
  }

  #end(): void {
    this.#reading?.abort();
    this.#reading = undefined;
    this.#answering?.[Symbol.dispose]();
    this.#answering = undefined;
  }

  async #read(signal: AbortSignal): Promise<void> {
    for await (const event of this.#thread.events({ signal })) {
      if (signal.aborted) return;
      for (const [server, news] of newsOf(event))
        for (const watch of [...this.#watches])
          if (server === undefined || watch.server === undefined || watch.server === server) watch.told(news);
    }
  }

  #ask(server: string, request: ServerRequest, signal: AbortSignal): Promise<JsonObject> | undefined {
    const able = [...this.#watches].findLast(
      (watch) => watch.ask !== undefined && (watch.server ?? server) === server,
    );
    return able?.ask?.(request, signal);
  }
}

/** @param server @default all */
function allChanged(server: string | undefined): readonly (readonly [string | undefined, News])[] {
  return (["tools", "prompts", "resources"] as const).map((list) => [server, { kind: "changed", list }]);
}

/** @returns news, each with the server it is about; `undefined` for all of them */
function newsOf(event: McpEvent): readonly (readonly [string | undefined, News])[] {
  switch (event.type) {
    case "catalog": {
      const list = LIST[event.kind];
      return list === undefined ? [] : [[event.server, { kind: "changed", list }]];
    }
    case "resource_updated":
      return [[event.server, { kind: "updated", uri: event.uri }]];
    case "log": {
      const { level, logger, data } = event;
      const params = { level, data, ...(logger === undefined ? {} : { logger }) } as JsonObject;
      return [[event.server, { kind: "log", params }]];
    }
    case "status":
      // Clients that are connected already have not seen what it offers now.
      return event.status.state === "ready" ? allChanged(event.server) : [];
    case "dropped":
      return allChanged(undefined);
    case "question_declined":
      return [];
  }
}
