/**
 * Everything that is found about the servers of a configuration, put together once.
 *
 * `configuredServers` (what is written, as Codex judges it) and `effectiveServers` (what becomes of each server) are two
 * views of it.
 */
import { checkEnterpriseAuth, type EnterpriseAuth } from "./enterprise-auth.ts";
import { checkConfig } from "./check-root.ts";
import { checkHybrid } from "./hybrids.ts";
import { findLeftovers } from "./leftovers.ts";
import { type ConfigLayer, type ConfigLayers, isOwnFile, mergeLayers } from "../layers/layers.ts";
import { mergeTables } from "../layers/merge.ts";
import { strayKeyProblems } from "../layers/own-keys.ts";
import type { ConfigProblem } from "../problem.ts";
import { misreadValues } from "./misread.ts";
import { type PluginServers, pluginServers, withOverlayHint } from "./plugin-servers.ts";
import { type ReadOptions, readMcpServers, type ReadServersResult } from "../server/read-servers.ts";
import type { TomlEntry, TomlTable } from "../../toml/node.ts";
import { EMPTY_TABLE } from "../../toml/tree.ts";

type ByServer<Value> = ReadonlyMap<string, Value>;

export interface Assessment {
  readonly layers: ConfigLayers;
  /** The layers that count, low to high, and what they say together. */
  readonly active: readonly ConfigLayer[];
  readonly merged: TomlTable;
  readonly strict: boolean;
  /** `mcp_servers` of `merged`, leftovers included. */
  readonly read: ReadServersResult;
  /** The problems of the keys beside the servers. */
  readonly root: Pick<ReadServersResult, "errors" | "warnings">;
  readonly leftovers: ByServer<ConfigProblem>;
  readonly hybrids: ByServer<ConfigProblem>;
  readonly stray: ByServer<readonly ConfigProblem[]>;
  readonly enterprise: EnterpriseAuth;
  readonly plugins: PluginServers;
}

export function assess(
  layers: ConfigLayers,
  { strict = false }: Pick<ReadOptions, "strict"> = {},
): Assessment {
  const active = layers.layers.filter(({ inactive }) => inactive === undefined);
  const merged = mergeLayers(active);
  const servers = readMcpServers(merged.entries.get("mcp_servers")?.value, { strict, own: true });
  const plugins = pluginServers(layers, active, serverEntries(merged));
  const read = withHints({ ...servers, warnings: [...servers.warnings, ...misreadValues(merged)] }, (error) =>
    withOverlayHint(error, merged, layers.plugins),
  );
  return {
    layers,
    active,
    merged,
    strict,
    read,
    root: checkRoot(active, strict),
    leftovers: findLeftovers(merged, active),
    hybrids: checkHybrids(merged, active),
    stray: strayKeyProblems(active),
    enterprise: checkEnterpriseAuth(layers, read.servers),
    plugins,
  };
}

function withHints(
  read: ReadServersResult,
  hinted: (error: ConfigProblem) => ConfigProblem,
): ReadServersResult {
  if (read.ok) return read;
  const [first, ...others] = read.errors;
  return { ...read, errors: [hinted(first), ...others.map(hinted)] };
}

/** The tables of `mcp_servers`, by name. */
export function serverEntries(root: TomlTable): ReadonlyMap<string, TomlEntry> {
  const servers = root.entries.get("mcp_servers")?.value;
  return servers?.kind === "table" ? servers.entries : EMPTY_TABLE.entries;
}

export function checkHybrids(root: TomlTable, layers: readonly ConfigLayer[]): ByServer<ConfigProblem> {
  const found = [...serverEntries(root)].map(
    ([name, { value }]) => [name, checkHybrid(name, value, layers)] as const,
  );
  return new Map(found.flatMap(([name, hybrid]) => (hybrid === undefined ? [] : [[name, hybrid]])));
}

/** Codex's files and ours may say different things beside the servers. */
function checkRoot(layers: readonly ConfigLayer[], strict: boolean): Assessment["root"] {
  const own = layers.filter(isOwnFile);
  const codexs = mergeLayers(layers.filter((layer) => !isOwnFile(layer)));
  // Ours are merged as written, because the keys that do not count in them are reported.
  const ours = own.reduce((merged, { root }) => mergeTables(merged, root), EMPTY_TABLE);
  const [first, second] = [checkBeside(codexs, { strict }), checkBeside(ours, { strict, own: true })];
  return {
    errors: [...first.errors, ...second.errors],
    warnings: [...first.warnings, ...second.warnings],
  };
}

function checkBeside({ entries }: TomlTable, options: ReadOptions): ReadServersResult {
  const beside = new Map([...entries].filter(([key]) => key !== "mcp_servers"));
  return checkConfig({ kind: "table", entries: beside }, options);
}
