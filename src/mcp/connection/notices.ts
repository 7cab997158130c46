/** Notifications of a server, each passed to the thread or the request that it concerns. */
import type { JsonObject } from "../../base/json.ts";
import type { Holder, InFlight } from "./in-flight.ts";
import type { ListKind } from "./list-pages.ts";

export interface NoticeOptions {
  readonly holders: ReadonlySet<Holder>;
  readonly inFlight: ReadonlySet<InFlight>;
  /** Whether several threads may hold the connection. */
  readonly shared: boolean;
  readonly onListChanged: (kind: ListKind) => void;
}

const CHANGED_LISTS: Readonly<Record<string, readonly ListKind[]>> = {
  "notifications/tools/list_changed": ["tools"],
  "notifications/prompts/list_changed": ["prompts"],
  "notifications/resources/list_changed": ["resources", "resourceTemplates"],
};

export class Notices {
  readonly #options: NoticeOptions;

  constructor(options: NoticeOptions) {
    this.#options = options;
  }

  /** @param asked the request that it belongs to, when the protocol tells */
  take(method: string, params: JsonObject, asked: InFlight | undefined): void {
    const { inFlight, onListChanged } = this.#options;
    const kinds = CHANGED_LISTS[method];
    if (kinds !== undefined) {
      for (const kind of kinds) onListChanged(kind);
      for (const { side } of inFlight) side?.onListChanged?.(method);
    } else if (method === "notifications/resources/updated") this.#updated(params["uri"]);
    else if (method === "notifications/message") this.#log(params, asked);
  }

  #updated(uri: unknown): void {
    if (typeof uri === "string") this.#tell((holder) => holder.onResourceUpdated(uri));
  }

  /** A message may tell of one thread's work: of several threads, only the one it belongs to gets it. */
  #log(params: JsonObject, told: InFlight | undefined): void {
    const { inFlight, shared } = this.#options;
    // Over stdio nothing tells; where one request alone is under way, it is that one's.
    const [only] = inFlight.size === 1 && !shared ? inFlight : [];
    const asked = told ?? only;
    if (asked?.side?.onLog !== undefined) asked.side.onLog(params);
    else if (told !== undefined) told.holder.onLog(params, told.call);
    else if (!shared) this.#tell((holder) => holder.onLog(params, undefined));
  }

  #tell(what: (holder: Holder) => void): void {
    for (const holder of [...this.#options.holders]) what(holder);
  }
}
