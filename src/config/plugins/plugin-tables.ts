/**
 * `[plugins]` of the configuration: which plugins are on, and what is decided about their servers.
 *
 *   [plugins._default]                       enabled, for all that do not say it
 *   [plugins."p@market"]                     enabled
 *   [plugins."p@market".mcp_servers.NAME]    enabled, enabled_tools, disabled_tools, default_tools_approval_mode, tools
 *
 * A wrong value makes Codex refuse the whole configuration. It blames `plugins`; the field says where it is.
 */
import { ProblemCollector, type ConfigProblem } from "../problem.ts";
import { readStruct } from "../schema/read-value.ts";
import { both, type FieldValue, type Struct, TOOL } from "../schema/server-keys.ts";
import { invalidType } from "../schema/serde-text.ts";
import type { McpServerConfig, McpServerToolConfig } from "../server/types.ts";
import { nodeAt, type TomlNode, type TomlTable } from "../../toml/node.ts";

const BOOLEAN: FieldValue = { type: "boolean" };
const STRINGS: FieldValue = { type: "strings" };

const POLICY: Struct = {
  name: "PluginMcpServerConfig",
  fields: [
    both("enabled", BOOLEAN, "Whether the server is used."),
    both(
      "default_tools_approval_mode",
      { type: "enum", variants: ["auto", "prompt", "writes", "approve"] },
      "When a call of one of its tools needs approval.",
    ),
    both("enabled_tools", STRINGS, "The only tools that are offered."),
    both("disabled_tools", STRINGS, "Tools that are not offered."),
    both("tools", { type: "structs", struct: TOOL }, "Rules for single tools."),
  ],
};
const PLUGIN: Struct = {
  name: "PluginConfig",
  fields: [
    both("enabled", BOOLEAN, "Whether the plugin is used."),
    both("mcp_servers", { type: "structs", struct: POLICY }, "What is decided about its servers."),
  ],
};
const DEFAULTS: Struct = {
  name: "PluginsDefaultConfig",
  fields: [both("enabled", BOOLEAN, "Whether plugins are used.")],
};
/** The table whose name no plugin can have. */
const DEFAULT = "_default";

/** The keys of an overlay that are taken over as they are. */
const TAKEN = ["default_tools_approval_mode", "enabled_tools", "disabled_tools"] as const;

export interface PluginTables {
  /** The ids of the tables. */
  readonly ids: readonly string[];
  /** Whether `[features] plugins` and the tables let a plugin count. */
  readonly allows: (id: string) => boolean;
}

/**
 * @param root of all layers that count, merged
 * @param decided `[features] plugins`, where an administrator decides it
 */
export function readPluginTables(root: TomlTable, decided?: boolean): PluginTables {
  const node = root.entries.get("plugins")?.value;
  const tables = node?.kind === "table" ? node.entries : new Map<string, never>();
  const written = nodeAt(root, ["features", "plugins"]);
  const isOff = !(decided ?? (written?.kind === "boolean" ? written.value : true));
  const enabled = (id: string): boolean | undefined => {
    const value = node === undefined ? undefined : nodeAt(node, [id, "enabled"]);
    return value?.kind === "boolean" ? value.value : undefined;
  };
  return {
    ids: [...tables.keys()].filter((id) => id !== DEFAULT),
    allows: (id) => !isOff && (enabled(id) ?? enabled(DEFAULT) ?? true),
  };
}

/** What is wrong with `[plugins]`, in Codex's words; the defaults come first, as in Codex (0.171, measured). */
export function pluginTableErrors(node: TomlNode): readonly ConfigProblem[] {
  const problems = new ProblemCollector(false);
  if (node.kind !== "table") {
    problems.error(invalidType(node, "struct PluginsConfigToml"), ["plugins"], node);
    return problems.errors;
  }
  const defaults = node.entries.get(DEFAULT);
  if (defaults !== undefined) readStruct(DEFAULTS, defaults.value, ["plugins", DEFAULT], problems);
  const before = problems.errors.length;
  for (const [id, { value }] of node.entries)
    if (id !== DEFAULT) readStruct(PLUGIN, value, ["plugins", id], problems);
  return problems.errors.map((error, at) => {
    const [first = "", ...field] = error.path ?? [];
    return at < before ? error : { ...error, path: [first], field: [...field, ...(error.field ?? [])] };
  });
}

/** The table about one server of a plugin. */
export function policyPath(id: string, server: string): readonly string[] {
  return ["plugins", id, "mcp_servers", server];
}

/**
 * A plugin's server with what the configuration decides about it. A table that does not say `enabled` switches the
 * server on, whatever the plugin says (Codex 0.171, measured).
 */
export function withPolicy(config: McpServerConfig, policy: TomlNode | undefined): McpServerConfig {
  if (policy?.kind !== "table") return config;
  const reading = readStruct(POLICY, policy, [], new ProblemCollector(false));
  if (reading === undefined) return config;
  const { values } = reading;
  const enabled = (values.get("enabled") as boolean | undefined) ?? true;
  const { disabled_reason: _, ...others } = config;
  const rules = (values.get("tools") ?? new Map()) as ReadonlyMap<string, McpServerToolConfig>;
  const tools = new Map(config.tools);
  for (const [tool, { approval_mode }] of rules) {
    tools.set(tool, { ...tools.get(tool), ...(approval_mode === undefined ? {} : { approval_mode }) });
  }
  return {
    ...others,
    enabled,
    ...(enabled ? {} : { disabled_reason: { type: "by_hand" } }),
    ...Object.fromEntries(TAKEN.flatMap((key) => (values.has(key) ? [[key, values.get(key)]] : []))),
    tools,
  };
}
