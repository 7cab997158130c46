/** Which layer a key comes from, and the line it is written in. */
import type { ConfigLayer, ConfigLayerName } from "./layers.ts";
import { lineAndColumn, nodeAt, type TomlEntry, type TomlNode } from "../../toml/node.ts";

export interface Origin {
  readonly layer: ConfigLayerName;
  /** The path of a file, or `-c KEY`; all three are absent for what a program handed over as an object. */
  readonly file?: string;
  /** Of the key; both count from 1. */
  readonly line?: number;
  readonly column?: number;
}

/** For people: `file:line`, or what else it is. */
export function formatOrigin({ layer, file, line }: Origin): string {
  if (file === undefined) return "the configuration of the thread";
  return layer === "overrides" ? file : `${file}:${line}`;
}

/** A value at one path, in one layer. */
interface Writing {
  readonly layer: ConfigLayer;
  readonly entry: TomlEntry;
}

/**
 * The origins of everything below a path, by dotted path relative to it; of a value that is not a table, by "".
 *
 * @param layers low to high, as they are merged
 */
export function originsOf(
  path: readonly string[],
  layers: readonly ConfigLayer[],
): ReadonlyMap<string, Origin> {
  const [key = "", ...parents] = path.toReversed();
  const writings = layers.toReversed().flatMap((layer) => {
    const parent = nodeAt(layer.root, parents.toReversed());
    return writingsOf(key, layer, parent);
  });
  const origins = new Map<string, Origin>();
  collect(writings, "", origins);
  return origins;
}

function writingsOf(key: string, layer: ConfigLayer, parent: TomlNode | undefined): Writing[] {
  const entry = parent?.kind === "table" ? parent.entries.get(key) : undefined;
  return entry === undefined ? [] : [{ layer, entry }];
}

/** @param writings of one path, high to low: tables merge down to the first that is not a table */
function collect(writings: readonly Writing[], path: string, origins: Map<string, Origin>): void {
  const [highest] = writings;
  if (highest === undefined) return;
  const end = writings.findIndex(({ entry }) => entry.value.kind !== "table");
  const tables = end === -1 ? writings : writings.slice(0, end);
  const keys = new Set(
    tables
      .toReversed()
      .flatMap(({ entry }) => (entry.value.kind === "table" ? [...entry.value.entries.keys()] : [])),
  );
  if (keys.size === 0) origins.set(path, originOf(highest));
  for (const key of keys) {
    const below = tables.flatMap(({ layer, entry }) => writingsOf(key, layer, entry.value));
    collect(below, path === "" ? key : `${path}.${key}`, origins);
  }
}

function originOf({ layer, entry }: Writing): Origin {
  const place = entry.keyPlace ?? entry.value.place;
  if (place === undefined) return { layer: layer.name };
  return { layer: layer.name, file: place.source.name, ...lineAndColumn(place) };
}
