/**
 * The plugins that a configuration has switched on, and those that a host has selected, with the servers they declare.
 *
 * Marketplaces, installing and updating are Codex's (`codex plugin`); what it has installed is read here.
 *
 * Invariants
 *   P1. A plugin makes nothing fail: what is wrong with one is a problem, and everything else goes on.
 *   P2. Reading changes nothing on disk.
 *   P3. At most 256 servers of a plugin count, and 256 plugins.
 */
import fs from "node:fs";
import { join } from "node:path";
import { compareBytes } from "../../base/byte-order.ts";
import { messageOf } from "../../base/errors.ts";
import { shellWord } from "../../base/shell-word.ts";
import { AGENT_MCP_FILE, type AgentFolders, readAgentServers } from "./agent-servers.ts";
import { type Placement, readLegacyServers, serversIn } from "./legacy-servers.ts";
import { readManifest } from "./manifest.ts";
import type { PluginManifest } from "./manifest-keys.ts";
import { type ReadPluginFile, readPluginFile, resolvedPath } from "./plugin-files.ts";
import { installedRoot, parsePluginId, pluginDataRoot, type PluginId } from "./plugin-store.ts";
import { policyPath, readPluginTables, withPolicy } from "./plugin-tables.ts";
import { type ConfigProblem, problem } from "../problem.ts";
import type { LoadedPlugin, LoadedPlugins, PluginServer, SelectedPlugin } from "./types.ts";
import { nodeAt, type Place, type TomlTable } from "../../toml/node.ts";

const PLUGINS_MAX = 256;
const SERVERS_MAX = 256;

export interface LoadPluginsOptions {
  /** Those of one thread. @default none */
  readonly selected?: readonly SelectedPlugin[] | undefined;
  /** `[features] plugins`, where an administrator decides it. @default what the layers say */
  readonly feature?: boolean | undefined;
}

/** @param root of all layers that count, merged */
export function loadPlugins(
  root: TomlTable,
  codexHome: string,
  { selected = [], feature }: LoadPluginsOptions = {},
): LoadedPlugins {
  const tables = readPluginTables(root, feature);
  const problems: ConfigProblem[] = [];
  const plugins: LoadedPlugin[] = [];
  const add = (id: string, load: () => Loaded): void => {
    const plugin = tableOf(root, id);
    let loaded: Loaded;
    try {
      loaded = load();
    } catch (error) {
      // Of the file system: a folder that may not be read (P1).
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      loaded = { problems: [problem(messageOf(error), undefined, undefined)] };
    }
    problems.push(...loaded.problems.map((each) => ofPlugin(id, each, plugin)));
    if (loaded.plugin === undefined) return;
    const servers = loaded.plugin.servers.map(({ config, ...server }): PluginServer => {
      if (config === undefined) return server;
      return { ...server, config: withPolicy(config, nodeAt(root, policyPath(id, server.name))) };
    });
    plugins.push({ ...loaded.plugin, id, servers });
  };

  const counted = selected.filter(({ id }) => tables.allows(id));
  const known = new Set(counted.map(({ id }) => id));
  const installed = tables.ids.filter((id) => tables.allows(id) && !known.has(id)).sort(compareBytes);
  for (const each of counted.slice(0, PLUGINS_MAX))
    add(each.id, () => readPlugin(each.root, undefined, "here"));
  for (const id of installed.slice(0, PLUGINS_MAX - Math.min(PLUGINS_MAX, counted.length)))
    add(id, () => readInstalled(id, codexHome));
  const all = counted.length + installed.length;
  if (all > PLUGINS_MAX)
    problems.push(problem(`only the first ${PLUGINS_MAX} of ${all} plugins count`, ["plugins"], undefined));
  return { plugins, problems };
}

interface Loaded {
  readonly plugin?: Omit<LoadedPlugin, "id">;
  /** Of no single server. */
  readonly problems: readonly ConfigProblem[];
}

function readInstalled(text: string, codexHome: string): Loaded {
  const id = parsePluginId(text);
  if (id === undefined)
    return { problems: [problem("its name is not PLUGIN@MARKETPLACE", undefined, undefined)] };
  const root = installedRoot(codexHome, id);
  if (root !== undefined) return readPlugin(root, { codexHome, id }, "declared");
  const hint = `To install it: codex plugin add ${shellWord(text)}`;
  return { problems: [problem("it is not installed", undefined, undefined, hint)] };
}

/** @param home where its data is; absent for a selected plugin */
function readPlugin(
  root: string,
  home: { readonly codexHome: string; readonly id: PluginId } | undefined,
  placement: Placement,
): Loaded {
  const selected = home === undefined;
  if (!isFolder(root)) return { problems: [problem(`${root} is not a folder`, undefined, undefined)] };
  const read = readManifest(root);
  if (!read.ok) return { problems: [read.problem] };
  const { manifest } = read;
  if (manifest.format === "agent" && selected) {
    const message = "a plugin of the Agent Plugins format brings servers only where it is installed";
    return { problems: [problem(message, undefined, undefined)] };
  }
  const dataFolder =
    manifest.format === "agent" && home !== undefined
      ? resolvedPath(pluginDataRoot(home.codexHome, home.id))
      : undefined;
  const found =
    dataFolder === undefined
      ? legacyServers(root, manifest, placement)
      : agentServers(root, { root: resolvedPath(root), data: dataFolder });
  const declared = found.servers.length;
  return {
    plugin: {
      displayName: manifest.displayName,
      ...(dataFolder === undefined ? {} : { dataFolder }),
      root,
      selected,
      skills: [...new Set(manifest.skills)].map((path) => join(root, path)).filter(isFolder),
      servers: found.servers.slice(0, SERVERS_MAX),
    },
    problems: [
      ...manifest.warnings,
      ...found.problems,
      ...(declared > SERVERS_MAX
        ? [problem(`only the first ${SERVERS_MAX} of its ${declared} servers count`, undefined, undefined)]
        : []),
    ],
  };
}

interface Found {
  readonly servers: readonly PluginServer[];
  readonly problems: readonly ConfigProblem[];
}

function legacyServers(root: string, manifest: PluginManifest, placement: Placement): Found {
  if (manifest.format !== "legacy") return { servers: [], problems: [] };
  const { servers: where } = manifest;
  if ("inline" in where) return taken(serversIn(join(root, manifest.path), where.json, ["mcpServers"]));
  const read = readPluginFile(root, where.file);
  return read.ok ? taken(serversIn(read.file, read.json)) : { servers: [], problems: problemsOf(read) };

  function taken(file: ReturnType<typeof serversIn>): Found {
    if (!("table" in file)) return { servers: [], problems: [file] };
    return { servers: readLegacyServers(root, file, placement), problems: [] };
  }
}

function agentServers(root: string, folders: AgentFolders): Found {
  const read = readPluginFile(root, AGENT_MCP_FILE);
  if (!read.ok) return { servers: [], problems: problemsOf(read) };
  const servers = readAgentServers(read.file, read.json, folders);
  return Array.isArray(servers) ? { servers, problems: [] } : { servers: [], problems: [servers] };
}

function isFolder(path: string): boolean {
  return fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function problemsOf(read: ReadPluginFile): readonly ConfigProblem[] {
  return read.ok || read.problem === undefined ? [] : [read.problem];
}

/** Where the configuration names it. */
function tableOf(root: TomlTable, id: string): Place | undefined {
  const plugins = root.entries.get("plugins")?.value;
  return plugins?.kind === "table" ? plugins.entries.get(id)?.keyPlace : undefined;
}

function ofPlugin(id: string, found: ConfigProblem, place: Place | undefined): ConfigProblem {
  return {
    ...found,
    message: `plugin \`${id}\`: ${found.message}`,
    path: ["plugins", id],
    place: found.place ?? place,
  };
}
