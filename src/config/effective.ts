/**
 * The MCP servers of a configuration: what is written in all layers together, and what of it will run.
 *
 * Codex refuses a whole configuration for one invalid server, and says nothing about what an untrusted project asked
 * for. `configuredMcpServers` answers as Codex does, with all errors; `effectiveMcpServers` lists every server
 * anybody asked for, each with its fate and the reason.
 *
 * Invariants
 *   S1. "enabled" means: valid, switched on, allowed by the requirements, and asked for by a layer that counts.
 *   S2. Every key of a server can be traced to the layer and line it is written in.
 */
import { join } from "node:path";
import { checkConfig } from "./check-config.ts";
import { checkEnterpriseAuth } from "./enterprise-auth.ts";
import { SERVER } from "./fields.ts";
import {
  type ConfigLayer,
  type ConfigLayers,
  invalidConfig,
  isOwnFile,
  mergeLayers,
  readConfigFile,
  strayOwnKeys,
} from "./layers.ts";
import { compareBytes, EMPTY_TABLE, mergeTables } from "./merge.ts";
import { type Origin, originsOf, originText } from "./origins.ts";
import type { ConfigProblem } from "./problem.ts";
import { type ReadOptions, readMcpServers } from "./read-servers.ts";
import { isAllowed } from "./requirements.ts";
import { nodeAt, type TomlEntry, type TomlNode, type TomlTable } from "./toml/node.ts";
import { parseToml } from "./toml/parse.ts";
import type { McpServerConfig, McpServerDisabledReason } from "./types.ts";

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

export interface EffectiveMcpServer {
  readonly name: string;
  /**
   * - `enabled`: will run
   * - `disabled`: switched off, or not allowed
   * - `invalid`: what is written makes no server; Codex refuses the whole configuration for it
   * - `inactive`: only a project that is not trusted asks for it
   */
  readonly status: "enabled" | "disabled" | "invalid" | "inactive";
  /** Absent where it is invalid. Of an inactive one: what it would be. */
  readonly config?: McpServerConfig;
  /** Why it will not run, in a sentence, with what to do about it. */
  readonly reason?: string;
  readonly disabledReason?: McpServerDisabledReason;
  readonly errors: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
  readonly origins: Origins;
  /** Where its transport is written, or, without one, anything of it. */
  readonly definedIn: Origin | undefined;
}

/** Codex's text for `disabled_reason`; it has none for a server that is switched off by hand. */
export function disabledReasonText(reason: McpServerDisabledReason | undefined): string | undefined {
  switch (reason?.type) {
    case "requirements":
      return `requirements (${reason.source})`;
    case "unknown":
      return "unknown";
    case "by_hand":
    case undefined:
      return undefined;
  }
}

/** What is written, merged and validated; requirements have no say in it. */
export function configuredMcpServers(
  layers: ConfigLayers,
  { strict = false }: Pick<ReadOptions, "strict"> = {},
): ConfiguredMcpServers {
  const active = activeLayers(layers);
  const merged = mergeLayers(active);
  const read = readMcpServers(merged.entries.get("mcp_servers")?.value, { strict, own: true });
  const root = checkRoot(active, strict);
  const enterprise = checkEnterpriseAuth(layers, read.servers);
  const stray = [...strayProblems(active).values()].flat();
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
    warnings: [...read.warnings, ...root.warnings, ...(strict ? [] : stray), ...hybrids],
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
  const keys = [...entries.keys()];
  const rank = ({ path }: ConfigProblem): number => {
    const at = path === undefined ? -1 : keys.indexOf(path.split(".", 1)[0] ?? "");
    return at === -1 ? keys.length : at;
  };
  return [...problems].sort((a, b) => rank(a) - rank(b));
}

/** Every server that any layer asks for, sorted by name. */
export function effectiveMcpServers(layers: ConfigLayers): readonly EffectiveMcpServer[] {
  const active = activeLayers(layers);
  const stray = strayProblems(active);
  const written = serverEntries(mergeLayers(active)).map(([name, entry]) =>
    readServer(name, entry, active, stray),
  );
  const valid = written.flatMap(({ name, config }) =>
    config === undefined ? [] : [[name, config] as const],
  );
  const enterprise = checkEnterpriseAuth(layers, new Map(valid));
  const servers = written.map((server): EffectiveMcpServer => {
    const refused = enterprise.refused.get(server.name);
    const errors = refused === undefined ? server.errors : [...server.errors, refused];
    const { config } = server;
    if (config === undefined || errors.length > 0) {
      return { ...server, errors, status: "invalid", reason: errors[0]?.message ?? "it is invalid" };
    }
    return { ...server, ...fate(server, config, layers, enterprise.withheld.get(server.name)) };
  });
  const names = new Set(servers.map(({ name }) => name));
  return [...servers, ...inactiveServers(layers, names)].sort((a, b) => compareBytes(a.name, b.name));
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
    if (entry === undefined) return [];
    const message = `mcp_servers.${name} uses unsupported \`bearer_token\`; set \`bearer_token_env_var\`.`;
    return [{ message, path: `mcp_servers.${name}`, place: entry.keyPlace }];
  });
  const problems = [...tokens, ...read.errors];
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

function readServer(
  name: string,
  entry: TomlEntry,
  layers: readonly ConfigLayer[],
  stray: ReadonlyMap<string, readonly ConfigProblem[]>,
): WrittenServer {
  const only: TomlTable = { kind: "table", entries: new Map([[name, entry]]) };
  const { servers, errors, warnings } = readMcpServers(only, { own: true });
  const config = servers.get(name);
  const origins = originsOf(["mcp_servers", name], layers);
  return {
    name,
    ...(config === undefined ? {} : { config }),
    errors,
    warnings: [...warnings, ...(stray.get(name) ?? []), ...checkHybrid(name, entry.value, layers)],
    origins,
    definedIn: origins.get("command") ?? origins.get("url") ?? origins.values().next().value,
  };
}

type Fate = Pick<EffectiveMcpServer, "status" | "config" | "reason" | "disabledReason">;

/** What becomes of a valid server. */
function fate(
  { name, origins }: WrittenServer,
  config: McpServerConfig,
  { requirements }: ConfigLayers,
  withheld: string | undefined,
): Fate {
  if (requirements !== undefined && !isAllowed(requirements, name, config)) {
    const listed = requirements.mcpServers?.has(name) === true;
    const disabledReason: McpServerDisabledReason = { type: "requirements", source: requirements.file };
    return {
      status: "disabled",
      config: { ...config, enabled: false, disabled_reason: disabledReason },
      disabledReason,
      reason: listed
        ? `${requirements.file} allows a server of this name, but not what this one is`
        : `${requirements.file} does not list it, and what it does not list is not allowed`,
    };
  }
  if (!config.enabled) {
    const at = origins.get("enabled");
    const reason = `enabled = false${at === undefined ? "" : ` in ${originText(at)}`}`;
    return { status: "disabled", config, disabledReason: { type: "by_hand" }, reason };
  }
  // Codex gives no reason for this one.
  if (withheld !== undefined) {
    return { status: "disabled", config: { ...config, enabled: false }, reason: withheld };
  }
  return { status: "enabled", config };
}

/** What layers that do not count ask for beyond what the others do. */
function inactiveServers({ layers }: ConfigLayers, known: ReadonlySet<string>): EffectiveMcpServer[] {
  const inactive = layers.filter((layer) => layer.inactive !== undefined);
  if (inactive.length === 0) return [];
  return serverEntries(mergeLayers(layers)).flatMap(([name, entry]) => {
    if (known.has(name)) return [];
    const asking = inactive.findLast(({ root }) => nodeAt(root, ["mcp_servers", name]) !== undefined);
    if (asking?.inactive === undefined) return [];
    const { reason, hint } = asking.inactive;
    return [
      { ...readServer(name, entry, layers, new Map()), status: "inactive", reason: `${reason}. ${hint}` },
    ];
  });
}

/** By server: keys of ours that stand where they do not count. */
function strayProblems(layers: readonly ConfigLayer[]): ReadonlyMap<string, readonly ConfigProblem[]> {
  const problems = layers.flatMap(strayOwnKeys).map(({ name, entry }): [string, ConfigProblem] => {
    const path = `mcp_servers.${name}.scope`;
    return [
      name,
      {
        message: `unknown configuration field \`${path}\``,
        path,
        place: entry.keyPlace,
        hint: "scope is a key of Switchyard's own and counts in switchyard.toml only",
      },
    ];
  });
  const byName = Map.groupBy(problems, ([name]) => name);
  return new Map([...byName].map(([name, pairs]) => [name, pairs.map(([, problem]) => problem)]));
}

const KEYS_OF_ONE_TRANSPORT = (["stdio", "streamable_http"] as const).map((transport) =>
  SERVER.fields.filter((field) => field.transport === transport).map(({ name }) => name),
);

/**
 * Two layers that mean different servers by one name. Codex merges them key by key, then blames a key; which two
 * files met, only we can say.
 */
function checkHybrid(name: string, server: TomlNode, layers: readonly ConfigLayer[]): ConfigProblem[] {
  if (server.kind !== "table") return [];
  const [stdio = [], http = []] = KEYS_OF_ONE_TRANSPORT.map((keys) =>
    // The key that chooses the transport says most.
    ["command", "url", ...keys].filter(
      (key, at, all) => keys.includes(key) && server.entries.has(key) && all.indexOf(key) === at,
    ),
  );
  const writerOf = (key: string): ConfigLayer | undefined =>
    layers.findLast(({ root }) => nodeAt(root, ["mcp_servers", name, key]) !== undefined);
  for (const ours of stdio) {
    const theirs = http.find((key) => writerOf(key) !== writerOf(ours));
    if (theirs === undefined) continue;
    const [first, second] = [ours, theirs].map((key) => {
      const origin = [...originsOf(["mcp_servers", name, key], layers).values()][0];
      return { key, origin, place: server.entries.get(key)?.keyPlace };
    });
    const said = [first, second].map(
      (each) => `\`${each?.key}\` (${each?.origin && originText(each.origin)})`,
    );
    return [
      {
        message: `MCP server \`${name}\` is half stdio, half streamable HTTP: two layers make it from ${said.join(" and ")}`,
        path: `mcp_servers.${name}`,
        place: second?.place,
        hint: "If they mean different servers, give one of them another name",
      },
    ];
  }
  return [];
}
