/**
 * The MCP servers of a configuration: what is written in all layers together, and what of it will run.
 *
 * Codex refuses a whole configuration for one invalid server, and says nothing about what an untrusted project asked
 * for. `configuredMcpServers` answers as Codex does, with all errors; `effectiveMcpServers` lists every server
 * anybody asked for, each with its fate and the reason.
 *
 * Invariants
 *   S1. "enabled" means: valid, switched on, allowed by the requirements, asked for by a layer that counts, and
 *       nothing that is written keeps it from starting.
 *   S2. Every key of a server can be traced to the layer and line it is written in.
 *   S3. What a layer that does not count asks for is told, with the way to make it count: as a server of its own, or
 *       as a warning of the one it would change.
 */
import { join } from "node:path";
import { compareBytes } from "../../base/byte-order.ts";
import { checkConfig, readingOrder } from "./check-root.ts";
import { inlineToken } from "../server/check-server.ts";
import { checkEnterpriseAuth } from "./enterprise-auth.ts";
import { checkHybrid } from "./hybrids.ts";
import {
  type ConfigLayer,
  type ConfigLayers,
  isOwnFile,
  mergeLayers,
  readConfigFile,
} from "../layers/layers.ts";
import { withoutLeftovers } from "./leftovers.ts";
import { maskProblem } from "../show/mask.ts";
import { mergeTables } from "../layers/merge.ts";
import { startProblem } from "../server/start-problem.ts";
import { type Origin, originsOf, originText } from "../layers/origins.ts";
import { strayKeyProblems } from "../layers/own-keys.ts";
import type { ConfigProblem } from "../problem.ts";
import { type ReadOptions, readMcpServers } from "../server/read-servers.ts";
import { isAllowed } from "../requirements/requirements.ts";
import { invalidConfig } from "../show/show-problem.ts";
import { nodeAt, type TomlEntry, type TomlTable } from "../../toml/node.ts";
import { parseToml } from "../../toml/parse.ts";
import { EMPTY_TABLE, sameMeaning, withValue } from "../../toml/tree.ts";
import type { McpServerConfig, McpServerDisabledReason } from "../server/types.ts";

export type Origins = ReadonlyMap<string, Origin>;

export interface ConfiguredMcpServers {
  readonly ok: boolean;
  /** The valid ones, in the order in which they are first named. */
  readonly servers: ReadonlyMap<string, McpServerConfig>;
  /** The first one is Codex's. */
  readonly errors: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
  /** Of a server, also of an invalid one: by the path of the key inside of it (`env.TOKEN`). */
  readonly originsOf: (name: string) => Origins;
}

export interface EffectiveMcpServers {
  /** Sorted by name. */
  readonly servers: readonly EffectiveMcpServer[];
  /** Of no single server: where there is one, Codex refuses the whole configuration. */
  readonly errors: readonly ConfigProblem[];
  /** Of no single server. */
  readonly warnings: readonly ConfigProblem[];
}

export interface EffectiveMcpServer {
  readonly name: string;
  /**
   * - `enabled`: will run
   * - `disabled`: switched off, or not allowed
   * - `unstartable`: switched on, but its start will fail; Codex loads it, and counts it as enabled
   * - `invalid`: what is written makes no server; Codex refuses the whole configuration for it
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
  /** Where its transport is written, or, without one, anything of it. */
  readonly definedIn: Origin | undefined;
}

/** Codex's text for `disabled_reason`; it has none where it names none, nor for a server that is switched off by hand. */
export function disabledReasonText(reason: McpServerDisabledReason | undefined): string | undefined {
  return reason?.type === "requirements" ? `requirements (${reason.source})` : undefined;
}

/**
 * What is written, merged and validated, with Codex's verdict over the whole.
 *
 * Left out are the requirements, which have no say in it, and the layers that do not count. A server may be enabled
 * here and not run: `effectiveMcpServers` knows. Plugins bring servers of their own, which no layer names.
 */
export function configuredMcpServers(
  layers: ConfigLayers,
  { strict = false }: Pick<ReadOptions, "strict"> = {},
): ConfiguredMcpServers {
  const active = activeLayers(layers);
  const merged = mergeLayers(active);
  const { servers: table, leftovers } = withoutLeftovers(merged, active);
  const read = readMcpServers(table, { strict, own: true });
  const root = checkRoot(active, strict);
  const enterprise = checkEnterpriseAuth(layers, read.servers);
  const stray = [...strayKeyProblems(active).values()].flat();
  const hybrids = serverEntries(merged).flatMap(([name, { value }]) => checkHybrid(name, value, active));
  const errors = [
    ...inOrder(merged, [...read.errors, ...root.errors]),
    ...(strict ? stray : []),
    ...enterprise.refused.values(),
    ...enterprise.problems,
  ];
  return {
    ok: errors.length === 0,
    servers: read.servers,
    errors,
    warnings: [
      ...read.warnings,
      ...root.warnings,
      ...(strict ? [] : stray),
      ...hybrids,
      ...leftovers.values(),
    ],
    originsOf: (name) => originsOf(["mcp_servers", name], active),
  };
}

/** What stands beside the servers: Codex's files and ours may say different things there. */
function checkRoot(
  layers: readonly ConfigLayer[],
  strict: boolean,
): { readonly errors: readonly ConfigProblem[]; readonly warnings: readonly ConfigProblem[] } {
  const [ours, codexs] = [true, false].map((own) => {
    const roots = layers.filter((layer) => isOwnFile(layer) === own);
    // Ours as they are written, because what does not count there is just what is to be told.
    const { entries } = own
      ? roots.reduce((merged, { root }) => mergeTables(merged, root), EMPTY_TABLE)
      : mergeLayers(roots);
    const rest = new Map([...entries].filter(([key]) => key !== "mcp_servers"));
    return checkConfig({ kind: "table", entries: rest }, { strict, own });
  });
  return {
    errors: [...(codexs?.errors ?? []), ...(ours?.errors ?? [])],
    warnings: [...(codexs?.warnings ?? []), ...(ours?.warnings ?? [])],
  };
}

/** By the root key they are about, as Codex meets them; those about the whole come last. */
function inOrder({ entries }: TomlTable, problems: readonly ConfigProblem[]): ConfigProblem[] {
  const keys = readingOrder(entries.keys());
  const rank = ({ path }: ConfigProblem): number => {
    const at = path?.[0] === undefined ? -1 : keys.indexOf(path[0]);
    return at === -1 ? keys.length : at;
  };
  return [...problems].sort((a, b) => rank(a) - rank(b));
}

/**
 * Every server that any layer asks for, with what will become of it.
 *
 * Left out are the servers of plugins, which no layer names. Whether a program or a machine is there, and whether a
 * variable is set, only the start will tell.
 */
export function effectiveMcpServers(layers: ConfigLayers): EffectiveMcpServers {
  const active = activeLayers(layers);
  const inactive = layers.layers.filter((layer) => layer.inactive !== undefined);
  const merged = mergeLayers(active);
  const stray = strayKeyProblems(active);
  const { leftovers } = withoutLeftovers(merged, active);
  const wishes = inactive.map((layer) => ({ layer, servers: new Map(serverEntries(mergeLayers([layer]))) }));
  const written = serverEntries(merged).map(([name, entry]): WrittenServer => {
    const server = readServer(name, entry, active);
    const more = [...(stray.get(name) ?? []), ...vainWishes(name, entry, wishes)];
    return { ...server, warnings: [...server.warnings, ...more] };
  });
  const valid = written.flatMap(({ name, config }) =>
    config === undefined ? [] : [[name, config] as const],
  );
  const enterprise = checkEnterpriseAuth(layers, new Map(valid));
  const servers = written.map((server): EffectiveMcpServer => {
    const refused = enterprise.refused.get(server.name);
    const errors = refused === undefined ? server.errors : [...server.errors, refused];
    const { config } = server;
    const leftover = leftovers.get(server.name);
    if (leftover !== undefined) {
      return { ...server, errors: [], status: "inactive", reason: `${leftover.message}. ${leftover.hint}` };
    }
    if (config === undefined || errors.length > 0) {
      const reason = errors[0] === undefined ? "it is invalid" : maskProblem(errors[0]).message;
      return { ...server, errors, status: "invalid", reason };
    }
    return { ...server, ...fate(server, config, layers, enterprise.withheld.get(server.name)) };
  });
  const names = new Set(servers.map(({ name }) => name));
  const table = merged.entries.get("mcp_servers")?.value;
  const noTable = table === undefined || table.kind === "table" ? [] : readMcpServers(table).errors;
  const root = checkRoot(active, false);
  return {
    servers: [...servers, ...inactiveServers(layers, inactive, names)].sort((a, b) =>
      compareBytes(a.name, b.name),
    ),
    errors: [...inOrder(merged, [...noTable, ...root.errors]), ...enterprise.problems],
    warnings: root.warnings,
  };
}

/**
 * The servers of `<home>/config.toml` and nothing else, sorted by name; a missing file has none.
 *
 * @throws {ConfigError} `invalid_config` with every problem, or `unreadable`
 */
export async function loadGlobalMcpServers(codexHome: string): Promise<ReadonlyMap<string, McpServerConfig>> {
  const source = readConfigFile(join(codexHome, "config.toml"));
  if (source === undefined) return new Map();
  const parsed = parseToml(source);
  if (!parsed.ok) throw invalidConfig([parsed.problem]);
  const { root } = parsed.document;
  const read = readMcpServers(root.entries.get("mcp_servers")?.value);
  // This loader of Codex's looks for inline tokens before anything else (measured).
  const tokens = serverEntries(root).flatMap(([name, { value }]): ConfigProblem[] => {
    const entry = value.kind === "table" ? value.entries.get("bearer_token") : undefined;
    return entry === undefined ? [] : [inlineToken(["mcp_servers", name], entry)];
  });
  const told = new Set(tokens.map(({ message }) => message));
  const problems = [...tokens, ...read.errors.filter(({ message }) => !told.has(message))];
  if (problems.length > 0) throw invalidConfig(problems);
  return new Map([...read.servers].sort(([a], [b]) => compareBytes(a, b)));
}

function activeLayers({ layers }: ConfigLayers): ConfigLayer[] {
  return layers.filter(({ inactive }) => inactive === undefined);
}

function serverEntries(root: TomlTable): [string, TomlEntry][] {
  const servers = root.entries.get("mcp_servers")?.value;
  return servers?.kind === "table" ? [...servers.entries] : [];
}

type WrittenServer = Omit<EffectiveMcpServer, "status">;

function readServer(name: string, entry: TomlEntry, layers: readonly ConfigLayer[]): WrittenServer {
  const only: TomlTable = { kind: "table", entries: new Map([[name, entry]]) };
  const { servers, errors, warnings } = readMcpServers(only, { own: true });
  const config = servers.get(name);
  const origins = originsOf(["mcp_servers", name], layers);
  return {
    name,
    ...(config === undefined ? {} : { config }),
    errors,
    warnings: [...warnings, ...checkHybrid(name, entry.value, layers)],
    origins,
    definedIn: origins.get("command") ?? origins.get("url") ?? origins.values().next().value,
  };
}

type Fate = Pick<EffectiveMcpServer, "status" | "config" | "reason">;

/** What becomes of a valid server. */
function fate(
  { name, origins }: WrittenServer,
  config: McpServerConfig,
  { requirements }: ConfigLayers,
  withheld: string | undefined,
): Fate {
  const disabled = (disabled_reason: McpServerDisabledReason, reason: string): Fate => {
    return { status: "disabled", config: { ...config, enabled: false, disabled_reason }, reason };
  };
  if (requirements !== undefined && !isAllowed(requirements, name, config)) {
    const { file } = requirements;
    return disabled(
      { type: "requirements", source: file },
      requirements.mcpServers?.has(name) === true
        ? `${file} allows a server of this name, but not what this one is`
        : `${file} does not list it, and what it does not list is not allowed`,
    );
  }
  if (!config.enabled) {
    const at = origins.get("enabled");
    return disabled({ type: "by_hand" }, `enabled = false${at === undefined ? "" : ` in ${originText(at)}`}`);
  }
  if (withheld !== undefined) return disabled({ type: "unknown" }, withheld);
  const unstartable = startProblem(name, config);
  return unstartable === undefined
    ? { status: "enabled", config }
    : { status: "unstartable", config, reason: unstartable };
}

/** What layers that do not count ask for beyond what the others do. */
function inactiveServers(
  { layers }: ConfigLayers,
  inactive: readonly ConfigLayer[],
  known: ReadonlySet<string>,
): EffectiveMcpServer[] {
  if (inactive.length === 0) return [];
  return serverEntries(mergeLayers(layers)).flatMap(([name, entry]) => {
    if (known.has(name)) return [];
    const asking = inactive.findLast(({ root }) => nodeAt(root, ["mcp_servers", name]) !== undefined);
    if (asking?.inactive === undefined) return [];
    const { reason, hint } = asking.inactive;
    return [{ ...readServer(name, entry, layers), status: "inactive", reason: `${reason}. ${hint}` }];
  });
}

/** What layers that do not count would have changed about a server of others (S3). */
function vainWishes(
  name: string,
  { value }: TomlEntry,
  wishes: readonly { readonly layer: ConfigLayer; readonly servers: ReadonlyMap<string, TomlEntry> }[],
): ConfigProblem[] {
  return wishes.flatMap(({ layer: { inactive }, servers }): ConfigProblem[] => {
    const entry = servers.get(name);
    if (entry === undefined || inactive === undefined) return [];
    const now = withValue(EMPTY_TABLE, [name], value);
    if (sameMeaning(mergeTables(now, withValue(EMPTY_TABLE, [name], entry.value)), now)) return [];
    return [
      {
        message: `what this file asks of MCP server \`${name}\` does not count`,
        path: ["mcp_servers", name],
        place: entry.keyPlace,
        hint: `${inactive.reason}. ${inactive.hint}`,
      },
    ];
  });
}
