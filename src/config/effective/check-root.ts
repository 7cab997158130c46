/**
 * A whole configuration file: the servers, and of what else stands at its root, what servers depend on. A wrong value of
 * any other key is Codex's to report (`switchyard mcp check --ask-codex`).
 *
 * Invariants
 *   K1. Keys are read in the order of the file, `project_root_markers` before all, so the first error is Codex's.
 *   K2. What Codex checks only when all values are of the right type comes last, in Codex's order (measured).
 *   K3. In Codex's own file an unknown key is a finding in strict mode; otherwise only one that looks like
 *       `mcp_servers` is: a newer Codex may know it. In `switchyard.toml` every unknown key is.
 */
import { isBlank } from "../server/check-server.ts";
import { misreadValues } from "./misread.ts";
import { pluginTableErrors } from "../plugins/plugin-tables.ts";
import { type ConfigProblem, problem, ProblemCollector } from "../problem.ts";
import { readValue } from "../schema/read-value.ts";
import { CODEX_ROOT_KEYS, CODEX_ROOT_NAMES, MISTAKEN_ROOT_KEYS, OWN_ROOT_KEYS } from "../schema/root-keys.ts";
import { unknownKey } from "../schema/serde-text.ts";
import { type ReadOptions, readResult, type ReadServersResult, readServers } from "../server/read-servers.ts";
import { nearest } from "../../base/suggest.ts";
import { nodeAt, type TomlEntry, type TomlNode, type TomlTable } from "../../toml/node.ts";
import type { McpServerConfig } from "../server/types.ts";
import { EMPTY_TABLE } from "../../toml/tree.ts";

/** @param root of a file, or of several that were merged */
export function checkConfig(root: TomlTable, options: ReadOptions = {}): ReadServersResult {
  const { strict = false, own = false } = options;
  const problems = new ProblemCollector(own);
  const checked = own ? OWN_ROOT_KEYS : CODEX_ROOT_KEYS;
  const known = own ? new Set(OWN_ROOT_KEYS.keys()) : CODEX_ROOT_NAMES;
  let servers: ReadonlyMap<string, McpServerConfig> = new Map();
  for (const key of readingOrder(root.entries.keys())) {
    const { value, keyPlace } = root.entries.get(key) as TomlEntry;
    const kind = checked.get(key);
    if (key === "mcp_servers") servers = readServers(value, problems);
    else if (key === "plugins" && !own) problems.errors.push(...pluginTableErrors(value));
    else if (kind !== undefined) readValue(kind, value, [key], problems);
    else if (!known.has(key) && (strict || own || MISTAKEN_ROOT_KEYS.includes(key))) {
      problems.unknown.push(problem(unknownKey([key]), [key], keyPlace, unknownRootKeyHint(key, known, own)));
    } else if (key === "profiles") problems.unknown.push(...serversOfProfiles(value));
  }
  if (!own) {
    checkProfile(root, problems);
    checkIdentityProvider(root, problems);
  }
  problems.ignored.push(...misreadValues(root));
  return readResult(servers, problems, options);
}

/** Codex has to know where a project begins before it reads on (measured). */
export function readingOrder(keys: Iterable<string>): readonly string[] {
  const first = "project_root_markers";
  return [...keys].sort((a, b) => Number(b === first) - Number(a === first));
}

function unknownRootKeyHint(key: string, known: ReadonlySet<string>, own: boolean): string | undefined {
  if (MISTAKEN_ROOT_KEYS.includes(key)) return "The key is mcp_servers; these servers are ignored";
  if (own && CODEX_ROOT_NAMES.has(key)) return "It is a key of Codex's: it belongs in config.toml";
  const meant = nearest(key, ["mcp_servers", ...known]);
  return meant === undefined ? undefined : `Did you mean ${meant}?`;
}

/** A profile had other keys in the file, but never servers. */
function serversOfProfiles(profiles: TomlNode): ConfigProblem[] {
  if (profiles.kind !== "table") return [];
  return [...profiles.entries].flatMap(([name, { value }]): ConfigProblem[] => {
    const entry = value.kind === "table" ? value.entries.get("mcp_servers") : undefined;
    if (entry === undefined) return [];
    const path = ["profiles", name, "mcp_servers"];
    const hint = `These servers are ignored; they belong in ${name}.config.toml in Codex's home, for --profile ${name}`;
    return [problem(unknownKey(path), path, entry.keyPlace, hint)];
  });
}

/** With the selection of an old profile, Codex does not start (measured); the tables of such profiles do no harm. */
function checkProfile(root: TomlTable, problems: ProblemCollector): void {
  const entry = root.entries.get("profile");
  if (entry?.value.kind !== "string") return;
  const { value: name } = entry.value;
  const message = `legacy \`profile = "${name}"\` config is no longer supported; use \`--profile ${name}\` with \`${name}.config.toml\` instead`;
  const move =
    nodeAt(root, ["profiles", name]) === undefined
      ? ""
      : `, and move [profiles.${name}] to ${name}.config.toml in Codex's home`;
  const hint = `Codex does not start with it: remove it${move}`;
  problems.late.push(problem(message, undefined, entry.keyPlace, hint, ["profile"]));
}

function checkIdentityProvider(root: TomlTable, problems: ProblemCollector): void {
  const path = ["mcp_enterprise_managed_auth", "idp"];
  const idp = nodeAt(root, path);
  const entries = idp?.kind === "table" ? idp.entries : EMPTY_TABLE.entries;
  const refuse = (key: string, message: string): void => {
    problems.late.push(problem(message, undefined, entries.get(key)?.keyPlace));
  };
  const secret = entries.get("client_secret")?.value;
  if (secret?.kind === "string" && isBlank(secret.value)) {
    refuse("client_secret", "enterprise IdP client_secret must not be empty");
  }
  if (entries.has("token_endpoint_auth_method") && secret === undefined) {
    const message = "enterprise IdP token_endpoint_auth_method requires client_secret";
    refuse("token_endpoint_auth_method", message);
  }
}
