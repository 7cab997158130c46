/**
 * What the administrator of a machine allows: `requirements.toml`, by Codex's rules (measured with 0.169).
 *
 * A table `mcp_servers` in it is an allowlist: a server runs only if its name is listed and its command or
 * URL is the one of the list. Nothing is removed and nothing fails: a server that is not allowed is switched off.
 *
 * Invariants
 *   Q1. A file that is there and cannot be understood allows nothing: it is an error, never an absent list.
 *   Q2. An empty list is a list: it allows nothing.
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
  /** `[features] use_xaa`, where the administrator decides it. */
  readonly useXaa?: boolean;
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
  if (mcpServers === undefined) return undefined;
  const requirement = mcpServers.get(name);
  if (requirement === undefined) return `${file} does not list it, so it is not allowed`;
  if ("unusable" in requirement) return `the entry of ${file} cannot be checked: ${requirement.unusable}`;
  if (requirement.allows(server)) return undefined;
  return `${file} allows a server of this name, but not what this one is`;
}

export function readRequirements(root: TomlTable, file: string): ReadRequirements {
  const problems: ConfigProblem[] = [];
  const useXaa = nodeAt(root, ["features", "use_xaa"]);
  const features = useXaa?.kind === "boolean" ? { useXaa: useXaa.value } : {};
  const list = root.entries.get("mcp_servers")?.value;
  if (list === undefined) return { requirements: { file, ...features }, problems: [] };

  const addMalformed = (
    text: string | ProblemText,
    path: readonly string[],
    place: Place | undefined,
  ): void => {
    const { message, ...others } = typeof text === "string" ? { message: text } : text;
    const whole = `failed to parse requirements layer ${file}: ${message}`;
    problems.push(problem({ ...others, message: whole }, path, place));
  };
  const mcpServers = new Map<string, Requirement>();
  if (list.kind !== "table") addMalformed(invalidType(list, "a map"), ["mcp_servers"], list.place);
  for (const [name, { value, keyPlace }] of list.kind === "table" ? list.entries : []) {
    const path = ["mcp_servers", name];
    if (value.kind !== "table") {
      addMalformed(invalidType(value, "struct RawMcpServerRequirement"), path, value.place);
      continue;
    }
    const entry = value.entries.get("identity");
    if (entry === undefined) {
      addMalformed("missing field `identity`", path, value.place ?? keyPlace);
      continue;
    }
    const read = readIdentity(entry.value);
    if (read === undefined) {
      addMalformed(
        "data did not match any variant of untagged enum RawMcpServerIdentity",
        [...path, "identity"],
        entry.value.place ?? entry.keyPlace,
      );
    } else {
      mcpServers.set(name, read);
    }
  }
  return { requirements: { file, mcpServers, ...features }, problems };
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
