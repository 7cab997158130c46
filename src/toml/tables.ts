/**
 * The tables of a document while it is read: which key may be set, and which table may be extended.
 *
 * The rules are TOML 1.1's, the words of the errors are those of the parser in Codex 0.169 (measured).
 *
 * Invariants
 *   B1. A key is set once, and a table has one header at most.
 *   B2. What was written as an inline table or as an array of values is never extended.
 *   B3. A header may go through tables that dotted keys made, but not name one; dotted keys never enter a table
 *       that headers made.
 */
import type { TomlKey } from "./document.ts";
import type { Place, TomlEntry, TomlNode, TomlTable } from "./node.ts";

/** How a table came to be: `through` is a table that only longer headers have named so far. */
type Made = "header" | "through" | "dotted" | "inline";

/** A table that is still being filled. */
export class OpenTable implements TomlTable {
  readonly kind = "table";
  readonly entries: Map<string, TomlEntry> = new Map();
  place: Place | undefined;
  made: Made;

  constructor(made: Made, place: Place | undefined) {
    this.made = made;
    this.place = place;
  }
}

/** An array that `[[headers]]` fill. */
class OpenArray {
  readonly kind = "array";
  readonly items: OpenTable[] = [];
  readonly place: Place | undefined;

  constructor(place: Place | undefined) {
    this.place = place;
  }
}

/** A rule was broken, and by which key. */
export class TableError extends Error {
  readonly place: Place;

  constructor(message: string, key: TomlKey) {
    super(message);
    this.place = key;
  }
}

/** The table that `[keys]` or `[[keys]]` opens. */
export function openHeader(
  root: OpenTable,
  keys: readonly TomlKey[],
  array: boolean,
  headerPlace: Place,
): OpenTable {
  const last = keys[keys.length - 1] as TomlKey;
  let table = root;
  for (const key of keys.slice(0, -1)) table = throughHeader(table, key);
  const there = table.entries.get(last.name)?.value;
  if (array) {
    if (there !== undefined && !(there instanceof OpenArray)) throw new TableError("duplicate key", last);
    const list = there ?? new OpenArray(headerPlace);
    if (there === undefined) enter(table, last, list);
    const item = new OpenTable("header", headerPlace);
    list.items.push(item);
    return item;
  }
  if (there === undefined) {
    const opened = new OpenTable("header", headerPlace);
    enter(table, last, opened);
    return opened;
  }
  if (!(there instanceof OpenTable) || there.made !== "through") throw new TableError("duplicate key", last);
  // Its own header puts it behind what came since: in Codex's order of errors, too (measured).
  const entry = table.entries.get(last.name) as TomlEntry;
  table.entries.delete(last.name);
  table.entries.set(last.name, entry);
  there.made = "header";
  there.place = headerPlace;
  return there;
}

function throughHeader(table: OpenTable, key: TomlKey): OpenTable {
  const there = table.entries.get(key.name)?.value;
  if (there === undefined) {
    const through = new OpenTable("through", key);
    enter(table, key, through);
    return through;
  }
  if (there instanceof OpenArray) return there.items[there.items.length - 1] as OpenTable;
  if (there instanceof OpenTable && there.made !== "inline") return there;
  throw notExtendable(there, key);
}

/** Sets `keys = value` in a table. */
export function setPair(table: OpenTable, keys: readonly TomlKey[], value: TomlNode): void {
  const last = keys[keys.length - 1] as TomlKey;
  let into = table;
  for (const key of keys.slice(0, -1)) {
    const there = into.entries.get(key.name)?.value;
    if (there === undefined) {
      const dotted = new OpenTable("dotted", key);
      enter(into, key, dotted);
      into = dotted;
    } else if (there instanceof OpenTable && there.made === "dotted") into = there;
    else if (there instanceof OpenArray || (there instanceof OpenTable && there.made !== "inline")) {
      throw new TableError("duplicate key", key);
    } else throw notExtendable(there, key);
  }
  if (into.entries.has(last.name)) throw new TableError("duplicate key", last);
  enter(into, last, value);
}

function enter(table: OpenTable, key: TomlKey, value: TomlNode): void {
  table.entries.set(key.name, { value, keyPlace: key });
}

function notExtendable(there: TomlNode, key: TomlKey): TableError {
  const what = there.kind === "table" ? "inline table" : there.kind;
  return new TableError(`cannot extend value of type ${what} with a dotted key`, key);
}
