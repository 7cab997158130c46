/** Values of a tree by their path: changed copies, and what two trees have in common. Nothing here knows a server. */
import { DEPTH_MAX } from "./parse.ts";
import type { Place, TomlEntry, TomlNode, TomlTable } from "./node.ts";

export const EMPTY_TABLE: TomlTable = { kind: "table", entries: new Map() };

/**
 * The tree with `value` at `path`; tables on the way are made, whatever was there. The given tree stays as it is.
 *
 * @param place where the key is written: that of every key that is made
 */
export function withValue(
  root: TomlTable,
  [key = "", ...rest]: readonly string[],
  value: TomlNode,
  place?: Place,
): TomlTable {
  const there = root.entries.get(key);
  if (rest.length === 0) return withEntry(root, key, { value, keyPlace: place });
  const below = there?.value.kind === "table" ? there.value : { ...EMPTY_TABLE, place };
  return withEntry(root, key, {
    value: withValue(below, rest, value, place),
    keyPlace: there?.keyPlace ?? place,
  });
}

/** The tree without what is at `path`. */
export function withoutValue(root: TomlTable, [key = "", ...rest]: readonly string[]): TomlTable {
  const there = root.entries.get(key);
  if (there === undefined) return root;
  if (rest.length > 0) {
    if (there.value.kind !== "table") return root;
    return withEntry(root, key, { ...there, value: withoutValue(there.value, rest) });
  }
  const entries = new Map(root.entries);
  entries.delete(key);
  return { ...root, entries };
}

function withEntry(table: TomlTable, key: string, entry: TomlEntry): TomlTable {
  return { ...table, entries: new Map(table.entries).set(key, entry) };
}

/** Whether two values mean the same: types count, the order of keys and the spelling do not. */
export function sameMeaning(a: TomlNode, b: TomlNode): boolean {
  if (a === b) return true;
  if (a.kind === "array" && b.kind === "array") {
    return (
      a.items.length === b.items.length &&
      a.items.every((item, i) => sameMeaning(item, b.items[i] as TomlNode))
    );
  }
  if (a.kind === "table" && b.kind === "table") {
    if (a.entries.size !== b.entries.size) return false;
    for (const [key, { value }] of a.entries) {
      const other = b.entries.get(key);
      if (other === undefined || !sameMeaning(value, other.value)) return false;
    }
    return true;
  }
  if (a.kind === "array" || a.kind === "table" || b.kind === "array" || b.kind === "table") return false;
  return a.kind === b.kind && Object.is(a.value, b.value);
}

/** How many tables and arrays are in one another. */
export function depthOf(node: TomlNode): number {
  if (node.kind !== "array" && node.kind !== "table") return 0;
  const inner = node.kind === "array" ? node.items : [...node.entries.values()].map(({ value }) => value);
  return 1 + inner.reduce((deepest, item) => Math.max(deepest, depthOf(item)), 0);
}

/** Whether a program's value is deeper than TOML is read; one that holds itself is. */
export function isTooDeep(value: unknown, left: number = DEPTH_MAX): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (left === 0) return true;
  const inner: Iterable<unknown> = value instanceof Map ? value.values() : Object.values(value);
  for (const each of inner) if (isTooDeep(each, left - 1)) return true;
  return false;
}
