/** The servers of Codex's own file and of nothing else, as Codex's loader for them reads it. */
import { join } from "node:path";
import { compareBytes } from "../../base/byte-order.ts";
import { serverEntries } from "./assess.ts";
import { readConfigFile } from "../layers/layers.ts";
import type { ConfigProblem } from "../problem.ts";
import { inlineToken } from "../server/check-server.ts";
import { readMcpServers } from "../server/read-servers.ts";
import type { McpServerConfig } from "../server/types.ts";
import { invalidConfig } from "../show/show-problem.ts";
import { parseToml } from "../../toml/parse.ts";

/**
 * The servers of `<home>/config.toml`, sorted by name; a missing file has none.
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
  const tokens = [...serverEntries(root)].flatMap(([name, { value }]): ConfigProblem[] => {
    const entry = value.kind === "table" ? value.entries.get("bearer_token") : undefined;
    return entry === undefined ? [] : [inlineToken(["mcp_servers", name], entry)];
  });
  const known = new Set(tokens.map(({ message }) => message));
  const problems = [...tokens, ...read.errors.filter(({ message }) => !known.has(message))];
  if (problems.length > 0) throw invalidConfig(problems);
  return new Map([...read.servers].sort(([a], [b]) => compareBytes(a, b)));
}
