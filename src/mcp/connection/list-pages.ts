/** Lists everything a server offers of one kind, page by page, within Codex 0.169's limits. */
import { isObject, type JsonObject } from "../../base/json.ts";
import type { Session } from "../session/session.ts";

export const PAGES_MAX = 100;
export const ITEMS_MAX = 2048;
export const CURSOR_BYTES_MAX: number = 64 * 1024;

/** A list that a server offers. */
export type ListKind = "tools" | "resources" | "resourceTemplates" | "prompts";

const METHOD: Readonly<Record<ListKind, string>> = {
  tools: "tools/list",
  resources: "resources/list",
  resourceTemplates: "resources/templates/list",
  prompts: "prompts/list",
};

/** A list that cannot be used. Its message is the predicate of a sentence about the server. */
export class ListError extends Error {
  override readonly name = "ListError";
}

export interface Pages {
  readonly items: readonly JsonObject[];
  /** `_meta` of the first page. */
  readonly meta: JsonObject | undefined;
}

/**
 * @throws {ListError} a limit, or an answer that is no list
 * @throws what the request is rejected with
 */
export async function listPages(session: Session, kind: ListKind, signal: AbortSignal): Promise<Pages> {
  const method = METHOD[kind];
  const items: JsonObject[] = [];
  let meta: JsonObject | undefined;
  let cursor: string | undefined;
  for (let page = 1; ; page++) {
    if (page > PAGES_MAX) throw new ListError(`${method} exceeded the catalog limit of ${PAGES_MAX} pages`);
    const result = await session.request(method, cursor === undefined ? {} : { cursor }, { signal });
    if (page === 1 && isObject(result["_meta"])) meta = result["_meta"];
    const list = result[kind];
    if (!Array.isArray(list)) throw new ListError(`answered ${method} without a list of ${kind}`);
    for (const item of list) {
      if (typeof item !== "object" || item === null || Array.isArray(item))
        throw new ListError(`answered ${method} with an entry that is not an object`);
      items.push(item);
    }
    if (items.length > ITEMS_MAX)
      throw new ListError(`${method} exceeded the catalog limit of ${ITEMS_MAX} items`);
    const next = result["nextCursor"];
    if (typeof next !== "string" || next === "") return { items, meta };
    if (next === cursor) throw new ListError(`answered ${method} with the same cursor twice`);
    if (Buffer.byteLength(next) > CURSOR_BYTES_MAX)
      throw new ListError(`${method} returned a cursor of more than ${CURSOR_BYTES_MAX} bytes`);
    cursor = next;
  }
}
