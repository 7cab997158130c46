/** What an edit is meant to do, on values alone: the proof compares this with what the edited text says. */
import type { TomlEntry, TomlNode, TomlTable } from "../toml/node.ts";

/** The tree with `value` at `path`; tables on the way are made. The given tree stays as it is. */
export function withValue(root: TomlTable, path: readonly string[], value: TomlNode): TomlTable {
  const [key, ...rest] = path as [string, ...string[]];
  const there = root.entries.get(key)?.value;
  const below: TomlTable = there?.kind === "table" ? there : { kind: "table", entries: new Map() };
  return withEntry(root, key, { value: rest.length === 0 ? value : withValue(below, rest, value) });
}

/** The tree without what is at `path`. */
export function withoutValue(root: TomlTable, path: readonly string[]): TomlTable {
  const [key, ...rest] = path as [string, ...string[]];
  const there = root.entries.get(key)?.value;
  if (there === undefined) return root;
  if (rest.length > 0) {
    return there.kind === "table" ? withEntry(root, key, { value: withoutValue(there, rest) }) : root;
  }
  const entries = new Map(root.entries);
  entries.delete(key);
  return { kind: "table", entries };
}

function withEntry(table: TomlTable, key: string, entry: TomlEntry): TomlTable {
  return { kind: "table", entries: new Map(table.entries).set(key, entry) };
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
