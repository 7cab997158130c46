/** Which layer a key comes from, and the line it is written in. */
import type { ConfigLayer, ConfigLayerName } from "./layers.ts";
import { lineAndColumn, nodeAt, type TomlEntry, type TomlNode } from "../../toml/node.ts";
import { EMPTY_TABLE } from "../../toml/tree.ts";

export interface Origin {
  readonly layer: ConfigLayerName | "plugin";
  /** The id of the plugin that the file belongs to. */
  readonly plugin?: string;
  /** The path of a file, or `-c KEY`; all three are absent for what a program handed over as an object. */
  readonly file?: string;
  /** Of the key; both count from 1. */
  readonly line?: number;
  readonly column?: number;
}

/** For people: `file:line`, or what else it is. */
export function formatOrigin({ layer, plugin, file, line }: Origin): string {
  if (plugin !== undefined) return `plugin ${plugin} (${file}:${line})`;
  if (file === undefined) return "the configuration of the thread";
  return layer === "overrides" ? file : `${file}:${line}`;
}

type Layer = Pick<Origin, "layer" | "plugin">;

/** A value at one path, in one layer. */
interface Writing {
  readonly layer: Layer;
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
  return originsInTables(
    layers.map(({ name, root }) => ({
      layer: name,
      root: nodeAt(root, parents.toReversed()) ?? EMPTY_TABLE,
    })),
    key,
  );
}

/** The same for tables that are no whole layers: the key in each of them. */
export function originsInTables(
  tables: readonly (Layer & { readonly root: TomlNode })[],
  key: string,
): ReadonlyMap<string, Origin> {
  const origins = new Map<string, Origin>();
  collect(
    tables.toReversed().flatMap(({ root, ...layer }) => writingsOf(key, layer, root)),
    "",
    origins,
  );
  return origins;
}

function writingsOf(key: string, layer: Layer, parent: TomlNode | undefined): Writing[] {
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
  if (place === undefined) return { layer: layer.layer };
  return { ...layer, file: place.source.name, ...lineAndColumn(place) };
}
