/**
 * What a server offers now: its tools, and on request its resources, templates and prompts.
 *
 *   start ──> tools listed ──> ready
 *   list_changed ──(debounced)──> listed again ──> what was added, removed and changed
 *
 * Invariants
 *   G1. A list never goes back: an answer that was asked for before the last accepted one is dropped, also one of a former session.
 *   G2. Many notifications within the debounce are one list; one that comes while a list is under way brings another one.
 *   G3. A definition that did not change stays the same object, so what was compiled for it stays valid.
 *   G4. While a server restarts, its last lists stay.
 */
import { isDeepStrictEqual } from "node:util";
import {
  type Prompt,
  ProtocolError,
  type Resource,
  type ResourceTemplateType,
  type Tool,
} from "@modelcontextprotocol/client";
import { abortable, within } from "../../base/abort.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { JsonObject } from "../../base/json.ts";
import type { Session } from "../session/session.ts";
import { ListError, type ListKind, listPages, type Pages } from "./list-pages.ts";

/** What changed in a list: names of tools and prompts, URIs of resources, URI templates. */
export interface CatalogChange {
  readonly kind: ListKind;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

export interface Listed {
  readonly tools: Tool;
  readonly resources: Resource;
  readonly resourceTemplates: ResourceTemplateType;
  readonly prompts: Prompt;
}

/** The property that names an entry. */
const NAME: Readonly<Record<ListKind, string>> = {
  tools: "name",
  resources: "uri",
  resourceTemplates: "uriTemplate",
  prompts: "name",
};
/** Of a whole list, in milliseconds (Codex 0.169). */
const LIST_MS = 30_000;
const DEBOUNCE_MS = 300;

export interface CatalogOptions {
  readonly clock: Clock;
  readonly onChange: (change: CatalogChange) => void;
  /** Told of each list of tools, with the time at which it was asked for: a later one counts more. */
  readonly onTools?: ((tools: readonly Tool[], asked: number) => void) | undefined;
  /** A list could not be had again; the old one stays. */
  readonly onError: (kind: ListKind, error: unknown) => void;
}

type Entries = ReadonlyMap<string, JsonObject>;

export class Catalog {
  readonly #options: CatalogOptions;
  readonly #lists = new Map<ListKind, Entries>();
  /** The number of the list that was accepted last, by kind (G1). */
  readonly #accepted = new Map<ListKind, number>();
  readonly #timers = new Map<ListKind, Timer>();
  /** Lists that were had in this session. */
  readonly #fresh = new Set<ListKind>();
  #asked = 0;
  #session: Session | undefined;
  #tools: readonly Tool[] = [];
  #toolListMeta: JsonObject | undefined;

  constructor(options: CatalogOptions) {
    this.#options = options;
  }

  /** As of the last list. */
  get tools(): readonly Tool[] {
    return this.#tools;
  }

  /** `_meta` of the first page of that list. */
  get toolListMeta(): JsonObject | undefined {
    return this.#toolListMeta;
  }

  /** @returns `undefined` when there is no such tool now */
  tool(name: string): Tool | undefined {
    return this.#lists.get("tools")?.get(name) as Tool | undefined;
  }

  /**
   * A new session has begun: lists its tools.
   *
   * @throws {ListError} and what the request is rejected with
   */
  async begin(session: Session, signal: AbortSignal): Promise<void> {
    this.#session = session;
    this.#fresh.clear();
    try {
      await this.#load(session, "tools", signal);
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause;
      const what = `rejected tools/list: JSON-RPC error ${cause.code}: ${cause.message}`;
      throw new ListError(what, { cause });
    }
  }

  /** The list of a kind: as it is known in this session, or asked for. @throws as `begin` */
  async list<Kind extends ListKind>(
    session: Session,
    kind: Kind,
    signal: AbortSignal,
  ): Promise<readonly Listed[Kind][]> {
    if (session !== this.#session || !this.#fresh.has(kind)) await this.#load(session, kind, signal);
    return [...(this.#lists.get(kind)?.values() ?? [])] as unknown as readonly Listed[Kind][];
  }

  /** Whether this list was asked for before. */
  knows(kind: ListKind): boolean {
    return this.#lists.has(kind);
  }

  /** The server says that a list has changed. */
  noteChanged(kind: ListKind): void {
    this.#timers.get(kind)?.clear();
    this.#fresh.delete(kind);
    const refresh = (): void => {
      this.#timers.delete(kind);
      const session = this.#session;
      if (session === undefined) return;
      this.#load(session, kind, undefined, true).catch((error: unknown) => {
        if (session.endError === undefined) this.#options.onError(kind, error);
      });
    };
    this.#timers.set(kind, this.#options.clock.schedule(DEBOUNCE_MS, refresh));
  }

  end(): void {
    for (const timer of this.#timers.values()) timer.clear();
    this.#timers.clear();
    this.#session = undefined;
  }

  /** @param isNews the server said that it has changed: also a first list is a change then */
  async #load(session: Session, kind: ListKind, signal?: AbortSignal, isNews = false): Promise<void> {
    const number = ++this.#asked;
    const askedAt = this.#options.clock.now();
    const limit = new AbortController();
    const stop = signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal]);
    const listed = fetchList(session, kind, stop);
    const pages = await abortable(within(this.#options.clock, LIST_MS, listed), signal);
    if (pages === "timeout") {
      limit.abort("MCP request cancelled by caller");
      listed.catch(() => {});
      throw new ListError(`did not list its ${kind} within ${LIST_MS / 1000} s`);
    }
    if (number < (this.#accepted.get(kind) ?? 0) || session !== this.#session) return;
    this.#accepted.set(kind, number);
    this.#fresh.add(kind);
    this.#accept(kind, pages.items, isNews);
    if (kind !== "tools") return;
    this.#toolListMeta = pages.meta;
    this.#options.onTools?.(this.#tools, askedAt);
  }

  #accept(kind: ListKind, items: readonly JsonObject[], isNews: boolean): void {
    const before = this.#lists.get(kind);
    const after = new Map<string, JsonObject>();
    for (const item of items) {
      const name = item[NAME[kind]];
      if (typeof name !== "string" || after.has(name)) continue;
      const known = before?.get(name);
      after.set(name, known !== undefined && isDeepStrictEqual(known, item) ? known : item);
    }
    this.#lists.set(kind, after);
    if (kind === "tools") this.#tools = [...after.values()] as unknown as readonly Tool[];
    const change = difference(kind, before ?? new Map(), after);
    const nothing = change.added.length + change.removed.length + change.changed.length === 0;
    if ((before !== undefined || isNews) && !nothing) this.#options.onChange(change);
  }
}

async function fetchList(session: Session, kind: ListKind, signal: AbortSignal): Promise<Pages> {
  if (kind !== "tools" || !session.mirrorsArguments) return listPages(session, kind, signal);
  const items = (await session.listTools(signal)) as unknown as readonly JsonObject[];
  return { items, meta: undefined };
}

function difference(kind: ListKind, before: Entries, after: Entries): CatalogChange {
  return {
    kind,
    added: [...after.keys()].filter((name) => !before.has(name)),
    removed: [...before.keys()].filter((name) => !after.has(name)),
    changed: [...after]
      .filter(([name, item]) => before.has(name) && before.get(name) !== item)
      .map(([name]) => name),
  };
}
