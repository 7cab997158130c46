/**
 * The servers of plugins, against each other and against those of the configuration.
 *
 * Invariants
 *   Y1. A name has one server, whole: the configuration's, else a selected plugin's, else an installed one's, the first by id.
 *       Nothing of the others counts, as in Codex 0.171 (measured).
 *   Y2. What the configuration names is decided there, also where it switches the server off: a plugin then brings none.
 *   Y3. A plugin's server that lost, and one that makes no server, is reported.
 */
import { formatOrigin, type Origin, originsInTables } from "../layers/origins.ts";
import type { ConfigLayer, ConfigLayers } from "../layers/layers.ts";
import { policyPath } from "../plugins/plugin-tables.ts";
import type {
  LoadedPlugin,
  PluginAttribution,
  PluginServer,
  ToolPluginProvenance,
} from "../plugins/types.ts";
import { type ConfigProblem, problem } from "../problem.ts";
import type { McpServerConfig } from "../server/types.ts";
import { formatKeys } from "../../toml/format.ts";
import { nodeAt, type TomlEntry, type TomlTable } from "../../toml/node.ts";
import { EMPTY_TABLE, withValue } from "../../toml/tree.ts";

/** A name that only plugins have. */
export interface PluginWinner {
  readonly plugin: PluginAttribution;
  readonly config?: McpServerConfig;
  readonly written: TomlTable;
  readonly origins: ReadonlyMap<string, Origin>;
  readonly errors: readonly ConfigProblem[];
  /** The same as warnings of the whole: Codex skips the server. */
  readonly skipped: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

export interface PluginServers {
  /** By name. One without `config` makes no server. */
  readonly winners: ReadonlyMap<string, PluginWinner>;
  /** By the name of a server of the configuration: those of plugins that do not count beside it. */
  readonly beaten: ReadonlyMap<string, readonly ConfigProblem[]>;
  /** Of no single server. */
  readonly problems: readonly ConfigProblem[];
}

interface Contender {
  readonly plugin: LoadedPlugin;
  readonly server: PluginServer;
}

/** @param configured the tables of `mcp_servers` */
export function pluginServers(
  { plugins: loaded }: ConfigLayers,
  active: readonly ConfigLayer[],
  configured: ReadonlyMap<string, TomlEntry>,
): PluginServers {
  const { plugins = [], problems = [] } = loaded ?? {};
  const all = plugins.flatMap((plugin) => plugin.servers.map((server): Contender => ({ plugin, server })));
  const winners = new Map<string, PluginWinner>();
  const beaten = new Map<string, readonly ConfigProblem[]>();
  for (const [name, contenders] of Map.groupBy(all, ({ server }) => server.name)) {
    const entry = configured.get(name);
    if (entry !== undefined) {
      const why = "the configuration defines a server of this name";
      beaten.set(
        name,
        contenders.map((each) =>
          lost(each, why, "Its settings are not merged: [mcp_servers] takes the place of all of them"),
        ),
      );
      continue;
    }
    const winner = contenders.find(({ server }) => server.config !== undefined) ?? contenders[0];
    if (winner === undefined) continue;
    const why = `plugin \`${winner.plugin.id}\` brings a server of this name, and comes first`;
    const others = contenders.filter((each) => each !== winner);
    winners.set(name, {
      ...winnerOf(winner, active),
      warnings: [
        ...winner.server.warnings,
        ...others.map((each) => (each.server.config === undefined ? skipped(each) : lost(each, why))).flat(),
      ],
    });
  }
  return { winners, beaten, problems };
}

function winnerOf(contender: Contender, active: readonly ConfigLayer[]): Omit<PluginWinner, "warnings"> {
  const { plugin, server } = contender;
  const { id, displayName, dataFolder } = plugin;
  const { name, config, written, errors } = server;
  const overlays = active.flatMap(({ name: layer, root }) => {
    const policy = nodeAt(root, policyPath(id, name));
    return policy === undefined ? [] : [{ layer, root: withValue(EMPTY_TABLE, [name], policy) }];
  });
  return {
    plugin: { id, displayName, ...(dataFolder === undefined ? {} : { dataFolder }) },
    ...(config === undefined ? {} : { config }),
    written,
    origins: originsInTables(
      [{ layer: "plugin", plugin: id, root: withValue(EMPTY_TABLE, [name], written) }, ...overlays],
      name,
    ),
    errors,
    skipped: config === undefined ? skipped(contender) : [],
  };
}

/** What Codex says of it only in its log. */
function skipped({ plugin, server }: Contender): ConfigProblem[] {
  const [first] = server.errors;
  if (first === undefined) return [];
  const what = `MCP server \`${server.name}\` of plugin \`${plugin.id}\` is left out`;
  return [
    {
      ...first,
      message: `${what}: ${first.message}`,
      ...(first.what === undefined ? {} : { what: `${what}: ${first.what}` }),
    },
  ];
}

function lost({ plugin, server }: Contender, why: string, hint?: string): ConfigProblem {
  const [origin] = originsInTables(
    [{ layer: "plugin", plugin: plugin.id, root: withValue(EMPTY_TABLE, [""], server.written) }],
    "",
  ).values();
  const at = origin === undefined ? `plugin ${plugin.id}` : formatOrigin(origin);
  return problem(
    `MCP server \`${server.name}\` of ${at} does not count: ${why}`,
    ["mcp_servers", server.name],
    undefined,
    hint,
  );
}

export function provenanceOf({ winners }: PluginServers): ToolPluginProvenance {
  return new Map(
    [...winners].flatMap(([name, { plugin, config }]) => (config === undefined ? [] : [[name, plugin]])),
  );
}

/** Whoever changes a plugin's server under `[mcp_servers]` meant the table of the plugin. */
export function withOverlayHint(
  error: ConfigProblem,
  root: TomlTable,
  plugins: ConfigLayers["plugins"],
): ConfigProblem {
  const [section, name = ""] = error.path ?? [];
  if (section !== "mcp_servers" || error.path?.length !== 2 || error.field !== undefined) return error;
  const table = nodeAt(root, ["mcp_servers", name]);
  if (table?.kind !== "table" || table.entries.has("command") || table.entries.has("url")) return error;
  const plugin = plugins?.plugins.find(({ servers }) => servers.some((server) => server.name === name));
  if (plugin === undefined) return error;
  return {
    ...error,
    hint: `To change the server of plugin ${plugin.id}: [${formatKeys(policyPath(plugin.id, name))}]`,
  };
}
