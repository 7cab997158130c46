/**
 * A tool of a server, as a model may be offered it.
 *
 * A tool name has three identities, each with a type of its own: as the server declares it (`DeclaredToolName`), with its
 * server (`QualifiedToolName`), and as the model sees it (`VisibleToolName`). A call is made by the qualified name; the visible
 * one is only ever looked up in a `ToolCatalog`, never taken apart.
 *
 * The thread's rules (`enabled_tools`, then `disabled_tools`) are applied where the thread lists its tools, and nowhere else.
 */
import type { PluginAttribution } from "../config/plugins/types.ts";
import type { McpServerScope } from "../config/server/types.ts";
import { APPS_SERVER } from "../mcp/apps/apps-server.ts";
import type { McpConnectionManager, ThreadTool } from "../mcp/manager/mcp-connection-manager.ts";
import { connectorOf, type ToolConnector } from "./connector.ts";

/** As the server declares it: any text, also an empty one. */
export type DeclaredToolName = string;

/** What a call goes to. */
export interface QualifiedToolName {
  /** The name of the server, as configured. */
  readonly server: string;
  readonly tool: DeclaredToolName;
}

/** What a model sees: letters, digits and `_` only. */
export interface VisibleToolName {
  /** E.g. `mcp__svc`. */
  readonly namespace: string;
  /** Within the namespace. `namespace.length + 2 + name.length` is at most 128. */
  readonly name: string;
  /** Both in one, for models without namespaces: `mcp__svc__tool`. At most 64 characters. */
  readonly flat: string;
}

/** Where a tool comes from. */
export interface ToolProvenance {
  /** Where its server runs: `local`, or the id of an executor. */
  readonly environment: string;
  /** Who may share the connection to its server. */
  readonly scope: McpServerScope;
  /** The plugin that brought the server. */
  readonly plugin?: PluginAttribution;
}

type Tool = ThreadTool["tool"];

/** A tool that has no visible name yet. */
export interface ServerTool {
  readonly server: string;
  /** As the server declares it. */
  readonly tool: ThreadTool["tool"];
  /** `supports_parallel_tool_calls` of its server. */
  readonly supportsParallelToolCalls: boolean;
  /** What the running server says; `undefined` while only an older catalog is known. Hints, not facts. */
  readonly annotations: ThreadTool["tool"]["annotations"];
  /**
   * Whether models are offered it: not if its `_meta.ui.visibility` lacks `model`, or it is of the apps server and of no connector.
   * Codex's rules; hosts may call it.
   */
  readonly forModel: boolean;
  readonly provenance: ToolProvenance;
  /** Of a tool of ChatGPT's apps server. */
  readonly connector?: ToolConnector;
}

/** A tool of a server, as a model may be offered it. */
export interface ToolInfo extends ServerTool {
  readonly qualified: QualifiedToolName;
  readonly visible: VisibleToolName;
}

/** The tools that a thread's rules let through, of the servers whose tools are known now. Waits for nothing. */
export function toolsOf(thread: McpConnectionManager): readonly ServerTool[] {
  return thread.servers.flatMap(({ name, config, plugin }) => {
    const provenance = {
      environment: config.environment_id,
      scope: config.scope,
      ...(plugin === undefined ? {} : { plugin }),
    };
    return thread.listTools(name).map(({ tool }) => {
      const connector = name === APPS_SERVER ? connectorOf(tool) : undefined;
      return {
        server: name,
        tool,
        supportsParallelToolCalls: config.supports_parallel_tool_calls,
        annotations: tool.annotations,
        forModel: isForModel(tool) && (connector === undefined || connector.id !== undefined),
        provenance,
        ...(connector === undefined ? {} : { connector }),
      };
    });
  });
}

/**
 * What a model is told of a tool: its own description and, if its server comes from a plugin, which one. As Codex 0.171 does
 * (measured).
 */
export function modelDescription({
  tool,
  provenance: { plugin },
}: Pick<ServerTool, "tool" | "provenance">): string {
  return ofPlugin(tool, plugin).description ?? "";
}

/** A tool with that description. */
export function ofPlugin(tool: Tool, plugin: PluginAttribution | undefined): Tool {
  if (plugin === undefined) return tool;
  return { ...tool, description: withPluginNote(tool.description ?? "", [plugin.displayName]) };
}

/** @param names of plugins, as people are told them; of a tool of an app there may be several */
export function withPluginNote(description: string, names: readonly string[]): string {
  if (names.length === 0) return description;
  const quoted = names.map((name) => `\`${name}\``).join(", ");
  const note = `This tool is part of plugin${names.length === 1 ? "" : "s"} ${quoted}.`;
  const text = description.trim();
  if (text === "") return note;
  return /[.!?]$/.test(text) ? `${text} ${note}` : `${text}. ${note}`;
}

function isForModel({ _meta: meta }: ThreadTool["tool"]): boolean {
  const ui = meta?.["ui"];
  if (typeof ui !== "object" || ui === null || !("visibility" in ui)) return true;
  return !Array.isArray(ui.visibility) || ui.visibility.includes("model");
}
