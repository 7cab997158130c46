/**
 * A whole configuration file: the servers, and what else stands at its root.
 *
 * Invariants
 *   K1. Keys are read in the order of the file, `project_root_markers` before all, so the first error is Codex's.
 *   K2. What Codex checks only when all values are of the right type comes last, in Codex's order (measured).
 *   K3. In Codex's own file an unknown key is a finding in strict mode; otherwise only one that looks like
 *       `mcp_servers` is: a newer Codex may know it, and it is no business of ours. In `switchyard.toml` each one is.
 */
import { isBlank } from "../server/check-server.ts";
import { problem } from "../problem.ts";
import { Findings, readValue } from "../schema/read-value.ts";
import { type ReadOptions, type ReadResult, readResult, readServers } from "../server/read-servers.ts";
import { CODEX_ROOT_KEYS, MISTAKEN_ROOT_KEYS, OWN_ROOT_KEYS } from "../schema/root-keys.ts";
import { nearest } from "../../base/suggest.ts";
import { nodeAt, type TomlEntry, type TomlTable } from "../../toml/node.ts";
import type { McpServerConfig } from "../server/types.ts";

/** @param root of a file, or of several that were merged */
export function checkConfig(root: TomlTable, options: ReadOptions = {}): ReadResult {
  const findings = new Findings(options.own === true);
  const known = findings.own ? OWN_ROOT_KEYS : CODEX_ROOT_KEYS;
  let servers: ReadonlyMap<string, McpServerConfig> = new Map();
  for (const key of readingOrder(root.entries.keys())) {
    const entry = root.entries.get(key) as TomlEntry;
    const value = known.get(key);
    if (key === "mcp_servers") servers = readServers(entry.value, findings);
    else if (value !== undefined) readValue(value, entry.value, [key], findings);
    else if (options.strict || findings.own || MISTAKEN_ROOT_KEYS.includes(key)) {
      findings.unknownKey([key], entry, unknownRootKeyHint(key, findings.own));
    }
  }
  if (!findings.own) checkWhole(root, findings);
  return readResult(servers, findings, options);
}

/** Where a project begins is what Codex has to know before it can read on (measured). */
export function readingOrder(keys: Iterable<string>): readonly string[] {
  const first = "project_root_markers";
  return [...keys].sort((a, b) => Number(b === first) - Number(a === first));
}

function unknownRootKeyHint(key: string, own: boolean): string | undefined {
  if (MISTAKEN_ROOT_KEYS.includes(key))
    return "The key is mcp_servers; without it these servers are not there";
  if (own && CODEX_ROOT_KEYS.has(key)) return "It is a key of Codex's: it belongs into config.toml";
  const meant = nearest(key, ["mcp_servers", ...(own ? OWN_ROOT_KEYS : CODEX_ROOT_KEYS).keys()]);
  return meant === undefined ? undefined : `Did you mean ${meant}?`;
}

function checkWhole(root: TomlTable, findings: Findings): void {
  const text = (...path: string[]): string | undefined => {
    const node = nodeAt(root, path);
    return node?.kind === "string" || node?.kind === "datetime" ? node.value : undefined;
  };
  const refuse = (message: string, path: readonly string[], hint?: string): void => {
    findings.late.push(problem(message, undefined, keyPlace(root, path), hint));
  };
  if (text("experimental_thread_store_endpoint") !== undefined) {
    const message = "`experimental_thread_store_endpoint` is no longer supported; remove it from config.toml";
    refuse(message, ["experimental_thread_store_endpoint"]);
  }
  const profile = text("profile");
  if (profile !== undefined) {
    refuse(
      `legacy \`profile = "${profile}"\` config is no longer supported; ` +
        `use \`--profile ${profile}\` with \`${profile}.config.toml\` instead`,
      ["profile"],
    );
  }
  const idp = ["mcp_enterprise_managed_auth", "idp"];
  const secret = text(...idp, "client_secret");
  if (secret !== undefined && isBlank(secret)) {
    refuse("enterprise IdP client_secret must not be empty", [...idp, "client_secret"]);
  }
  const method = [...idp, "token_endpoint_auth_method"];
  if (nodeAt(root, method) !== undefined && nodeAt(root, [...idp, "client_secret"]) === undefined) {
    refuse("enterprise IdP token_endpoint_auth_method requires client_secret", method);
  }
}

function keyPlace(root: TomlTable, path: readonly string[]): Parameters<typeof problem>[2] {
  const table = nodeAt(root, path.slice(0, -1));
  return table?.kind === "table" ? table.entries.get(path.at(-1) ?? "")?.keyPlace : undefined;
}
