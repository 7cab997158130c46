/**
 * What the administrator of a machine allows: `requirements.toml`, by Codex's rules (measured with 0.169).
 *
 * A table `mcp_servers` in it is an allowlist: a server runs only if its name is listed and its command or
 * URL is the one of the list. Nothing is removed and nothing fails: a server that is not allowed is switched off.
 *
 * Invariants
 *   Q1. A file that is there and cannot be understood allows nothing: it is an error, never an absent list.
 *   Q2. An empty list is a list: it allows nothing. The servers of plugins have a list of their own, `plugins`.
 *   Q3. A regular expression that is not understood here allows nothing, and the reason names what is not understood.
 */
import { type ConfigProblem, problem, type ProblemText, formatPlace } from "../problem.ts";
import { compileRustRegex } from "./rust-regex.ts";
import { invalidType } from "../schema/serde-text.ts";
import { nodeAt, type Place, type TomlNode, type TomlTable } from "../../toml/node.ts";
import type { McpServerConfig } from "../server/types.ts";

export interface Requirements {
  readonly file: string;
  /** The allowlist; without one, every server is allowed. */
  readonly mcpServers?: ReadonlyMap<string, Requirement>;
  /** The allowlist of plugins' servers, by plugin and server; without one, all are allowed. */
  readonly plugins?: ReadonlyMap<string, ReadonlyMap<string, Requirement>>;
  /** `[features] use_xaa`, where the administrator decides it. */
  readonly useXaa?: boolean;
  /** `[features] plugins`, where the administrator decides it. */
  readonly usePlugins?: boolean;
}

export type Requirement =
  | { readonly allows: (server: McpServerConfig) => boolean }
  /** Why it cannot be checked (Q3). */
  | { readonly unusable: string };

export interface ReadRequirements {
  readonly requirements: Requirements;
  readonly problems: readonly ConfigProblem[];
}

/** Why the allowlist does not let a server run, or `undefined`. */
export function refusalReason(
  { file, mcpServers }: Requirements,
  name: string,
  server: McpServerConfig,
): string | undefined {
  return mcpServers === undefined ? undefined : listReason(file, mcpServers.get(name), server);
}

/**
 * The same for the server of a plugin (Codex 0.171, measured): an empty `mcp_servers` allows none of them, another one says
 * nothing about them; as soon as `plugins` lists any server, only listed ones are allowed.
 */
export function pluginRefusalReason(
  { file, mcpServers, plugins }: Requirements,
  plugin: string,
  name: string,
  server: McpServerConfig,
): string | undefined {
  if (mcpServers?.size === 0) return `${file} does not list it, so it is not allowed`;
  return plugins === undefined ? undefined : listReason(file, plugins.get(plugin)?.get(name), server);
}

function listReason(
  file: string,
  requirement: Requirement | undefined,
  server: McpServerConfig,
): string | undefined {
  if (requirement === undefined) return `${file} does not list it, so it is not allowed`;
  if ("unusable" in requirement) return `the entry of ${file} cannot be checked: ${requirement.unusable}`;
  if (requirement.allows(server)) return undefined;
  return `${file} allows a server of this name, but not what this one is`;
}

export function readRequirements(root: TomlTable, file: string): ReadRequirements {
  const useXaa = nodeAt(root, ["features", "use_xaa"]);
  const usePlugins = nodeAt(root, ["features", "plugins"]);
  const features = {
    ...(useXaa?.kind === "boolean" ? { useXaa: useXaa.value } : {}),
    ...(usePlugins?.kind === "boolean" ? { usePlugins: usePlugins.value } : {}),
  };
  const reader = new ListReader(file);
  const list = root.entries.get("mcp_servers")?.value;
  const mcpServers = list === undefined ? undefined : reader.servers(list, ["mcp_servers"]);
  const plugins = reader.plugins(root.entries.get("plugins")?.value);
  return {
    requirements: {
      file,
      ...(mcpServers === undefined ? {} : { mcpServers }),
      ...(plugins === undefined ? {} : { plugins }),
      ...features,
    },
    problems: reader.problems,
  };
}

class ListReader {
  readonly problems: ConfigProblem[] = [];
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  servers(list: TomlNode, at: readonly string[]): ReadonlyMap<string, Requirement> {
    const servers = new Map<string, Requirement>();
    if (list.kind !== "table") this.#malformed(invalidType(list, "a map"), at, list.place);
    for (const [name, { value, keyPlace }] of list.kind === "table" ? list.entries : []) {
      const path = [...at, name];
      if (value.kind !== "table") {
        this.#malformed(invalidType(value, "struct RawMcpServerRequirement"), path, value.place);
        continue;
      }
      const entry = value.entries.get("identity");
      if (entry === undefined) {
        this.#malformed("missing field `identity`", path, value.place ?? keyPlace);
        continue;
      }
      const read = readIdentity(entry.value);
      if (read === undefined) {
        this.#malformed(
          "data did not match any variant of untagged enum RawMcpServerIdentity",
          [...path, "identity"],
          entry.value.place ?? entry.keyPlace,
        );
      } else {
        servers.set(name, read);
      }
    }
    return servers;
  }

  /** `undefined` where no server of any plugin is listed: then none is forbidden. */
  plugins(node: TomlNode | undefined): Requirements["plugins"] {
    if (node === undefined) return undefined;
    if (node.kind !== "table") {
      this.#malformed(invalidType(node, "a map"), ["plugins"], node.place);
      return undefined;
    }
    const plugins = new Map<string, ReadonlyMap<string, Requirement>>();
    for (const [id, { value }] of node.entries) {
      const path = ["plugins", id];
      if (value.kind !== "table") {
        this.#malformed(invalidType(value, "struct PluginMcpRequirements"), path, value.place);
        continue;
      }
      const list = value.entries.get("mcp_servers")?.value;
      const servers = list === undefined ? undefined : this.servers(list, [...path, "mcp_servers"]);
      if (servers !== undefined && servers.size > 0) plugins.set(id, servers);
    }
    return plugins.size === 0 ? undefined : plugins;
  }

  #malformed(text: string | ProblemText, path: readonly string[], place: Place | undefined): void {
    const { message, ...others } = typeof text === "string" ? { message: text } : text;
    const whole = `failed to parse requirements layer ${this.#file}: ${message}`;
    this.problems.push(problem({ ...others, message: whole }, path, place));
  }
}

/**
 * Four forms, tried in Codex's order: `command = "x"`, `url = "u"` (both leave other keys alone), then
 * `command = { executable, args }` and `url = matcher` (both reject them). `undefined` where no form fits.
 */
function readIdentity(node: TomlNode): Requirement | undefined {
  if (node.kind !== "table") return undefined;
  const command = node.entries.get("command")?.value;
  const url = node.entries.get("url")?.value;
  const exactCommand = stringOf(command);
  if (exactCommand !== undefined) {
    return { allows: ({ transport: t }) => t.type === "stdio" && t.command === exactCommand };
  }
  const exactUrl = stringOf(url);
  if (exactUrl !== undefined) {
    return { allows: ({ transport: t }) => t.type === "streamable_http" && t.url === exactUrl };
  }
  if (node.entries.size !== 1) return undefined;
  if (command?.kind === "table") return readCommand(command);
  if (url === undefined) return undefined;
  const matcher = readMatcher(url);
  if (matcher === undefined || "unusable" in matcher) return matcher;
  return { allows: ({ transport: t }) => t.type === "streamable_http" && matcher.matches(t.url) };
}

/** As many arguments as matchers, each matching its own. */
function readCommand({ entries }: TomlTable): Requirement | undefined {
  const executable = stringOf(entries.get("executable")?.value);
  const args = entries.get("args")?.value;
  if (entries.size !== 2 || executable === undefined || args?.kind !== "array") return undefined;
  const matchers: Matches[] = [];
  let unusable: Unusable | undefined;
  for (const item of args.items) {
    const matcher = readMatcher(item);
    if (matcher === undefined) return undefined;
    if ("matches" in matcher) matchers.push(matcher.matches);
    else unusable ??= matcher;
  }
  if (unusable !== undefined) return unusable;
  return {
    allows: ({ transport: t }) =>
      t.type === "stdio" &&
      t.command === executable &&
      t.args.length === matchers.length &&
      matchers.every((matches, index) => matches(t.args[index] as string)),
  };
}

type Matches = (text: string) => boolean;
type Unusable = Requirement & { readonly unusable: string };

function readMatcher(node: TomlNode): { readonly matches: Matches } | Unusable | undefined {
  if (node.kind !== "table" || node.entries.size !== 2) return undefined;
  const kind = stringOf(node.entries.get("match")?.value);
  const value = stringOf(node.entries.get("value")?.value);
  const expression = node.entries.get("expression")?.value;
  if (kind === "exact" && value !== undefined) return { matches: (text) => text === value };
  if (kind === "prefix" && value !== undefined) return { matches: (text) => text.startsWith(value) };
  const written = stringOf(expression);
  if (kind !== "regex" || written === undefined) return undefined;
  const regex = compileRustRegex(written);
  if (regex.ok) return { matches: regex.matchesWhole };
  const at = expression?.place === undefined ? "" : ` (${formatPlace(expression.place)})`;
  return { unusable: `in the regular expression ${JSON.stringify(written)}${at}, ${regex.reason}` };
}

/** Codex takes a datetime wherever a string is wanted (measured). */
function stringOf(node: TomlNode | undefined): string | undefined {
  return node?.kind === "string" || node?.kind === "datetime" ? node.value : undefined;
}
