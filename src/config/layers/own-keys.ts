/** Our own keys of a server in Codex's files, where Codex ignores them. So do we, with a warning. */
import { SERVER } from "../schema/server-keys.ts";
import { type ConfigProblem, problem } from "../problem.ts";
import { unknownKey } from "../schema/serde-text.ts";
import type { TomlEntry, TomlTable } from "../../toml/node.ts";
import { withoutValue } from "../../toml/tree.ts";

const OWN_KEYS = SERVER.fields.filter(({ own }) => own).map(({ name }) => name);

/** The part of a layer that is looked at here: whether our keys count in it, and its tables. */
interface Layer {
  readonly own: boolean;
  readonly root: TomlTable;
}

interface StrayKey {
  readonly name: string;
  readonly key: string;
  readonly entry: TomlEntry;
}

function strayKeys({ own, root }: Layer): StrayKey[] {
  const servers = root.entries.get("mcp_servers")?.value;
  if (own || servers?.kind !== "table") return [];
  return [...servers.entries].flatMap(([name, { value }]) =>
    OWN_KEYS.flatMap((key) => {
      const entry = value.kind === "table" ? value.entries.get(key) : undefined;
      return entry === undefined ? [] : [{ name, key, entry }];
    }),
  );
}

export function withoutStrayKeys(layer: Layer): TomlTable {
  return strayKeys(layer).reduce(
    (root, { name, key }) => withoutValue(root, ["mcp_servers", name, key]),
    layer.root,
  );
}

/** By server. */
export function strayKeyProblems(layers: readonly Layer[]): ReadonlyMap<string, readonly ConfigProblem[]> {
  const byName = Map.groupBy(layers.flatMap(strayKeys), ({ name }) => name);
  return new Map([...byName].map(([name, keys]) => [name, keys.map(problemOf)]));
}

function problemOf({ name, key, entry }: StrayKey): ConfigProblem {
  const path = ["mcp_servers", name, key];
  const hint = `${key} is a key of Switchyard's own and counts in switchyard.toml only`;
  return problem(unknownKey(path), path, entry.keyPlace, hint);
}
