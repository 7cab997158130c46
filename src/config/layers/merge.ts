/**
 * One configuration laid over another, by Codex's rule (measured): tables merge key by key at any depth, everything
 * else is replaced whole. So a layer can add and change but never take away, and nothing here knows what a server is.
 *
 * Invariants
 *   M1. A value keeps its place: what was merged can still say where it is written.
 *   M2. Keys of the lower layer come first and keep their order. Codex reports the first error in that order.
 */
import type { TomlEntry, TomlTable } from "../../toml/node.ts";

export function mergeTables(low: TomlTable, high: TomlTable): TomlTable {
  const entries = new Map(low.entries);
  for (const [key, entry] of high.entries) {
    const below = entries.get(key);
    entries.set(key, below === undefined ? entry : mergeEntries(below, entry));
  }
  return { kind: "table", entries, place: low.place ?? high.place };
}

function mergeEntries(low: TomlEntry, high: TomlEntry): TomlEntry {
  if (low.value.kind !== "table" || high.value.kind !== "table") return high;
  return { value: mergeTables(low.value, high.value), keyPlace: low.keyPlace ?? high.keyPlace };
}
