/** What a plugin of Codex's brings, as far as MCP servers are concerned. */
import type { ConfigProblem } from "../problem.ts";
import type { McpServerConfig } from "../server/types.ts";
import type { TomlTable } from "../../toml/node.ts";

/** Which plugin a server comes from. */
export interface PluginAttribution {
  /** `plugin@marketplace`; of a selected plugin, the id it was selected by. */
  readonly id: string;
  /** What people and models are told. */
  readonly displayName: string;
  /** Where its servers keep data; made when one of them starts. Only a plugin of the Agent Plugins format has one. */
  readonly dataFolder?: string;
}

/** Codex's `ToolPluginProvenance`: by server, the plugin it comes from. Servers of the configuration are not in it. */
export type ToolPluginProvenance = ReadonlyMap<string, PluginAttribution>;

/** A plugin that a host selects for one thread. It takes precedence over installed ones, and the configuration over it. */
export interface SelectedPlugin {
  /** Any text: `[plugins."ID"]` of the configuration is about it. */
  readonly id: string;
  /** The plugin's folder, an absolute path. */
  readonly root: string;
}

/** A server that a plugin declares. */
export interface PluginServer {
  readonly name: string;
  /** Absent where what is written makes no server. Codex skips such a one, and so do we. */
  readonly config?: McpServerConfig;
  /** What is written, with Codex's keys and in the plugin's own places. */
  readonly written: TomlTable;
  /** The file it is written in. */
  readonly file: string;
  readonly errors: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

/** A plugin that counts, with its servers. */
export interface LoadedPlugin extends PluginAttribution {
  readonly root: string;
  /** For one thread, and not installed. */
  readonly selected: boolean;
  /** The folders of its skills that there are. */
  readonly skills: readonly string[];
  /** Sorted by name. */
  readonly servers: readonly PluginServer[];
}

export interface LoadedPlugins {
  /** The first that has a name wins it: selected ones as they were selected, then installed ones by id. */
  readonly plugins: readonly LoadedPlugin[];
  /** Of no single server. Codex goes on without what they are about. */
  readonly problems: readonly ConfigProblem[];
}
