/**
 * Every server that any layer asks for, with what becomes of it and why.
 *
 * Codex refuses a whole configuration for one invalid server, and says nothing about what an untrusted project asked
 * for; here each server has a status of its own.
 *
 * Invariants
 *   S1. "enabled" means: valid, switched on, allowed by the requirements, asked for by a layer that counts, and
 *       nothing that is written keeps it from starting.
 *   S2. Every key of a server can be traced to the layer and line it is written in.
 *   S3. What an inactive layer asks for is reported, with the way to make it count: as a server of its own, or as a
 *       warning of the server it would change.
 */
import { compareBytes } from "../../base/byte-order.ts";
import { assess, type Assessment, checkHybrids, serverEntries } from "./assess.ts";
import { inCodexsOrder, type Origins } from "./configured.ts";
import { type ConfigLayer, type ConfigLayers, mergeLayers } from "../layers/layers.ts";
import { mergeTables } from "../layers/merge.ts";
import { formatOrigin, type Origin, originsOf } from "../layers/origins.ts";
import { maskProblem } from "../show/mask-problem.ts";
import { type PluginWinner, provenanceOf } from "./plugin-servers.ts";
import type { PluginAttribution, ToolPluginProvenance } from "../plugins/types.ts";
import type { ConfigProblem } from "../problem.ts";
import { pluginRefusalReason, refusalReason } from "../requirements/requirements.ts";
import { readMcpServers, type ReadServersResult } from "../server/read-servers.ts";
import { startProblem } from "../server/start-problem.ts";
import type { McpServerConfig, McpServerDisabledReason } from "../server/types.ts";
import type { TomlEntry, TomlTable } from "../../toml/node.ts";
import { EMPTY_TABLE, sameMeaning, withValue } from "../../toml/tree.ts";

export interface EffectiveMcpServers {
  /** Sorted by name. */
  readonly servers: readonly EffectiveMcpServer[];
  /** Of no single server: where there is one, Codex refuses the whole configuration. */
  readonly errors: readonly ConfigProblem[];
  /** Of no single server. */
  readonly warnings: readonly ConfigProblem[];
  /** Which servers come from a plugin. */
  readonly provenance: ToolPluginProvenance;
}

export interface EffectiveMcpServer {
  readonly name: string;
  /**
   * - `enabled`: will run
   * - `disabled`: switched off, or not allowed
   * - `unstartable`: switched on, but its start will fail; Codex loads it, and counts it as enabled
   * - `invalid`: what is written makes no server; Codex refuses the whole configuration for it, or, of a plugin, skips it
   * - `inactive`: only a project that is not trusted asks for it, or no file that counts says what it is
   */
  readonly status: "enabled" | "disabled" | "unstartable" | "invalid" | "inactive";
  /** Absent where it is invalid. Of an inactive one: what it would be. */
  readonly config?: McpServerConfig;
  /** Why it will not run, in a sentence, with what to do about it. */
  readonly reason?: string;
  readonly errors: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
  readonly origins: Origins;
  /** Where its transport is written, or, without one, its first key. */
  readonly definedIn: Origin | undefined;
  /** The plugin that it comes from; absent where the configuration defines it. */
  readonly plugin?: PluginAttribution;
}

/** Codex's text for `disabled_reason`: only for requirements. */
export function disabledReasonText(reason: McpServerDisabledReason | undefined): string | undefined {
  return reason?.type === "requirements" ? `requirements (${reason.source})` : undefined;
}

/**
 * Every server that any layer asks for, and those of the plugins that the layers switch on.
 *
 * Whether a program or a machine is there, and whether a variable is set, only the start shows.
 */
export function effectiveMcpServers(layers: ConfigLayers): EffectiveMcpServers {
  return effectiveServers(assess(layers));
}

/** The same view of what was assessed before. */
export function effectiveServers(assessment: Assessment): EffectiveMcpServers {
  const { layers, active, merged, read, root, stray, enterprise, plugins } = assessment;
  const inactive = layers.layers.filter((layer) => layer.inactive !== undefined);
  const entries = serverEntries(merged);
  const ignored = inactive.map((layer) => ({ layer, servers: serverEntries(mergeLayers([layer])) }));
  const servers = describeServers(merged, read, assessment.hybrids, active).map((server) => {
    const { name } = server;
    const warnings = [
      ...server.warnings,
      ...(stray.get(name) ?? []),
      ...ignored.flatMap(({ layer, servers }) =>
        ignoredChange(name, entries.get(name), servers.get(name), layer),
      ),
      ...(plugins.beaten.get(name) ?? []),
    ];
    return { ...server, warnings, ...statusOf(server, assessment) };
  });
  const ofPlugins = [...plugins.winners].map(([name, server]): EffectiveMcpServer => {
    const changes = ignored.flatMap(({ layer, servers }) =>
      ignoredChange(name, { value: server.written }, servers.get(name), layer),
    );
    return {
      name,
      origins: server.origins,
      definedIn: definedIn(server.origins),
      plugin: server.plugin,
      warnings: [...server.warnings, ...changes],
      ...pluginStatus(name, server, layers),
    };
  });
  const known = new Set([...entries.keys(), ...plugins.winners.keys()]);
  const ofNone = read.errors.filter(({ path }) => path?.length === 1);
  return {
    servers: [...servers, ...ofPlugins, ...inactiveServers(layers, inactive, known)].sort((a, b) =>
      compareBytes(a.name, b.name),
    ),
    provenance: provenanceOf(plugins),
    errors: [...inCodexsOrder(merged, [...ofNone, ...root.errors]), ...enterprise.problems],
    warnings: [...root.warnings, ...plugins.problems],
  };
}

/** A server as it is written: its status is not known yet. */
type DescribedServer = Omit<EffectiveMcpServer, "status">;

/** @param read the servers of the root */
function describeServers(
  root: TomlTable,
  read: ReadServersResult,
  hybrids: Assessment["hybrids"],
  layers: readonly ConfigLayer[],
): DescribedServer[] {
  const [errors, warnings] = [read.errors, read.warnings].map((problems: readonly ConfigProblem[]) =>
    Map.groupBy(problems, ({ path }) => path?.[1]),
  );
  return [...serverEntries(root).keys()].map((name) => {
    const config = read.servers.get(name);
    const hybrid = hybrids.get(name);
    const origins = originsOf(["mcp_servers", name], layers);
    return {
      name,
      ...(config === undefined ? {} : { config }),
      errors: errors?.get(name) ?? [],
      warnings: [...(warnings?.get(name) ?? []), ...(hybrid === undefined ? [] : [hybrid])],
      origins,
      definedIn: definedIn(origins),
    };
  });
}

function definedIn(origins: Origins): Origin | undefined {
  return origins.get("command") ?? origins.get("url") ?? origins.values().next().value;
}

type Status = Pick<EffectiveMcpServer, "status" | "config" | "reason" | "errors">;

/** What becomes of a server of the layers that count (S1). */
function statusOf({ name, config, origins, ...server }: DescribedServer, assessment: Assessment): Status {
  const { leftovers, enterprise, layers } = assessment;
  const leftover = leftovers.get(name);
  if (leftover !== undefined) {
    return { status: "inactive", reason: `${leftover.message}. ${leftover.hint}`, errors: [] };
  }
  const refused = enterprise.refused.get(name);
  const errors = refused === undefined ? server.errors : [...server.errors, refused];
  if (config === undefined || errors.length > 0) {
    const reason = errors[0] === undefined ? "it is invalid" : maskProblem(errors[0]).message;
    return { status: "invalid", reason, errors };
  }
  const { requirements } = layers;
  const refusal = requirements === undefined ? undefined : refusalReason(requirements, name, config);
  return (
    ruledOut(config, origins, requirements, refusal, enterprise.withheld.get(name)) ?? started(name, config)
  );
}

/** The same of a plugin's server. */
function pluginStatus(
  name: string,
  { plugin, config, origins, errors }: PluginWinner,
  { requirements }: ConfigLayers,
): Status {
  if (config === undefined) {
    const reason = errors[0] === undefined ? "it is invalid" : maskProblem(errors[0]).message;
    return { status: "invalid", reason: `${reason}, so it is left out of plugin ${plugin.id}`, errors };
  }
  const refusal =
    requirements === undefined ? undefined : pluginRefusalReason(requirements, plugin.id, name, config);
  return ruledOut(config, origins, requirements, refusal, undefined) ?? started(name, config);
}

/** Whether something keeps a valid server from counting. */
function ruledOut(
  config: McpServerConfig,
  origins: Origins,
  requirements: ConfigLayers["requirements"],
  refusal: string | undefined,
  withheld: string | undefined,
): Status | undefined {
  const disabled = (disabled_reason: McpServerDisabledReason, reason: string): Status => {
    return { status: "disabled", config: { ...config, enabled: false, disabled_reason }, reason, errors: [] };
  };
  if (requirements !== undefined && refusal !== undefined) {
    return disabled({ type: "requirements", source: requirements.file }, refusal);
  }
  if (!config.enabled) {
    const at = origins.get("enabled");
    return disabled(
      { type: "by_hand" },
      `enabled = false${at === undefined ? "" : ` in ${formatOrigin(at)}`}`,
    );
  }
  return withheld === undefined ? undefined : disabled({ type: "unknown" }, withheld);
}

function started(name: string, config: McpServerConfig): Status {
  const unstartable = startProblem(name, config);
  return unstartable === undefined
    ? { status: "enabled", config, errors: [] }
    : { status: "unstartable", config, reason: unstartable, errors: [] };
}

/** The servers that only inactive layers ask for (S3). @param known the others */
function inactiveServers(
  { layers }: ConfigLayers,
  inactive: readonly ConfigLayer[],
  known: ReadonlySet<string>,
): EffectiveMcpServer[] {
  const asking = new Map(
    inactive.flatMap((layer) => [...serverEntries(layer.root).keys()].map((name) => [name, layer.inactive])),
  );
  const root = mergeLayers(layers);
  const entries = new Map([...serverEntries(root)].filter(([name]) => asking.has(name) && !known.has(name)));
  if (entries.size === 0) return [];
  const servers: TomlTable = { kind: "table", entries };
  const only: TomlTable = { kind: "table", entries: new Map([["mcp_servers", { value: servers }]]) };
  const read = readMcpServers(servers, { own: true });
  return describeServers(only, read, checkHybrids(only, layers), layers).map((server) => {
    const why = asking.get(server.name);
    return { ...server, status: "inactive", reason: `${why?.reason}. ${why?.hint}` };
  });
}

/** What an inactive layer would have changed about a server of others (S3). */
function ignoredChange(
  name: string,
  counts: TomlEntry | undefined,
  asked: TomlEntry | undefined,
  { inactive }: ConfigLayer,
): ConfigProblem[] {
  if (counts === undefined || asked === undefined || inactive === undefined) return [];
  const now = withValue(EMPTY_TABLE, [name], counts.value);
  if (sameMeaning(mergeTables(now, withValue(EMPTY_TABLE, [name], asked.value)), now)) return [];
  const message = `what this file says about MCP server \`${name}\` does not count`;
  const hint = `${inactive.reason}. ${inactive.hint}`;
  return [{ message, path: ["mcp_servers", name], place: asked.keyPlace, hint }];
}
