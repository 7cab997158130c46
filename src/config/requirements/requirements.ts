/**
 * What the administrator of a machine allows: `requirements.toml`, by Codex's rules (measured with 0.169).
 *
 * A table `mcp_servers` in it is an allowlist: a server runs only if its name is listed and it is what the list says
 * it is (its command, or its URL). Nothing is removed and nothing fails: what is not allowed is switched off.
 *
 * Invariants
 *   Q1. A file that is there and cannot be understood allows nothing: it is an error, never an absent list.
 *   Q2. An empty list is a list: it allows nothing.
 */
import { type ConfigProblem, problem, type ProblemText } from "../problem.ts";
import { compileRustRegex } from "./rust-regex.ts";
import { compareBytes } from "../../base/byte-order.ts";
import { invalidType } from "../schema/serde-text.ts";
import { nodeAt, type Place, type TomlNode, type TomlTable } from "../../toml/node.ts";
import type { McpServerConfig } from "../server/types.ts";

export interface Requirements {
  readonly file: string;
  /** The allowlist; without one, every server is allowed. */
  readonly mcpServers?: ReadonlyMap<string, AllowsServer>;
  /** `[features] use_xaa`, where the administrator decides it. */
  readonly useXaa?: boolean;
}

export type AllowsServer = (server: McpServerConfig) => boolean;

export interface ReadRequirements {
  readonly requirements: Requirements;
  readonly problems: readonly ConfigProblem[];
}

/** Whether the allowlist lets a server run. */
export function isAllowed(requirements: Requirements, name: string, server: McpServerConfig): boolean {
  const { mcpServers } = requirements;
  return mcpServers === undefined || (mcpServers.get(name)?.(server) ?? false);
}

export function readRequirements(root: TomlTable, file: string): ReadRequirements {
  const malformed: ConfigProblem[] = [];
  const unusable: ConfigProblem[] = [];
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
    malformed.push(problem({ ...others, message: whole }, path, place));
  };
  const mcpServers = new Map<string, AllowsServer>();
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
    } else if ("allows" in read) {
      mcpServers.set(name, read.allows);
    } else {
      unusable.push({
        message: `invalid requirement for MCP server \`${name}\` (set by ${file}): ${read.reason}`,
        path: [...path, "identity"],
        place: read.place,
      });
    }
  }
  // Codex reports the former in the order of the file, the latter in the order of the names (measured).
  unusable.sort((a, b) => compareBytes(a.path?.[1] ?? "", b.path?.[1] ?? ""));
  return { requirements: { file, mcpServers, ...features }, problems: [...malformed, ...unusable] };
}

type Unusable = { readonly reason: string; readonly place: Place | undefined };
type Identity = { readonly allows: AllowsServer } | Unusable;

/**
 * Four forms, tried in Codex's order: `command = "x"`, `url = "u"` (both leave other keys alone), then
 * `command = { executable, args }` and `url = matcher` (both refuse them). `undefined` where none fits.
 */
function readIdentity(node: TomlNode): Identity | undefined {
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
  if (matcher === undefined || "reason" in matcher) return matcher;
  return { allows: ({ transport: t }) => t.type === "streamable_http" && matcher.matches(t.url) };
}

/** Exactly so many arguments, each like its matcher. */
function readCommand({ entries }: TomlTable): Identity | undefined {
  const executable = stringOf(entries.get("executable")?.value);
  const args = entries.get("args")?.value;
  if (entries.size !== 2 || executable === undefined || args?.kind !== "array") return undefined;
  const matchers: Matches[] = [];
  let unusable: Unusable | undefined;
  for (const [index, item] of args.items.entries()) {
    const matcher = readMatcher(item);
    if (matcher === undefined) return undefined;
    if ("matches" in matcher) matchers.push(matcher.matches);
    else unusable ??= { ...matcher, reason: `invalid argument matcher at index ${index}: ${matcher.reason}` };
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
  return regex.ok ? { matches: regex.matchesWhole } : { reason: regex.reason, place: expression?.place };
}

/** Codex takes a datetime wherever a string is wanted (measured). */
function stringOf(node: TomlNode | undefined): string | undefined {
  return node?.kind === "string" || node?.kind === "datetime" ? node.value : undefined;
}
