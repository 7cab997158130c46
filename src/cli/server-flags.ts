/** `--configured`, `--servers`, `--server` and the header flags: the MCP servers of one turn, from the command line. */
import { resolve } from "node:path";
import { parseArgsStringToArgv } from "string-argv";
import type { McpServerInput, McpServers } from "../servers/written.ts";
import { effectiveMcpServers } from "../config/effective/effective.ts";
import { loadConfigLayers, readConfigFile } from "../config/layers/layers.ts";
import { toWritten } from "../config/server/normal-form.ts";
import { formatProblem } from "../config/show/show-problem.ts";
import { readMcpServers } from "../config/server/read-servers.ts";
import { toPlain } from "../toml/node.ts";
import { parseToml } from "../toml/parse.ts";
import { UsageError } from "./args/parse.ts";

export interface ServerFlags {
  readonly server?: readonly string[];
  readonly header?: readonly string[];
  readonly headerEnv?: readonly string[];
  /** Also the servers that are configured here: what `switchyard mcp list` shows as enabled. @default false */
  readonly configured?: boolean;
  /** The directory to work in, which decides about what is configured. @default the current one */
  readonly cd?: string;
  /** Path of a TOML file with `[mcp_servers.<name>]` tables, as in Codex's `config.toml`. */
  readonly servers?: string;
}

/**
 * A server of a `--server` flag replaces one of the same name in the file, and that one a configured one.
 *
 * @throws {UsageError} naming the flag and what it should look like
 */
export function parseServerFlags(
  flags: ServerFlags,
  env: Readonly<Record<string, string | undefined>> = process.env,
): McpServers {
  const servers: Record<string, McpServerInput> = {
    ...(flags.configured === true ? configuredServers(flags.cd, env) : {}),
    ...(flags.servers === undefined ? {} : readServersFile(flags.servers)),
  };
  const named = new Set<string>();
  for (const flag of flags.server ?? []) {
    const { name, rest } = split(
      "--server",
      flag,
      "=",
      "name=https://host/mcp or name=command with arguments",
    );
    if (named.has(name)) throw new UsageError(`--server: "${name}" is given twice`);
    named.add(name);
    if (/^https?:\/\//.test(rest)) servers[name] = { url: rest };
    else {
      const [command, ...args] = parseArgsStringToArgv(rest);
      if (command === undefined) throw new UsageError(`--server ${flag}: the command is empty`);
      servers[name] = { command, args };
    }
  }
  for (const flag of flags.header ?? []) addHeader(servers, "--header", flag, "http_headers");
  for (const flag of flags.headerEnv ?? []) addHeader(servers, "--header-env", flag, "env_http_headers");
  return servers;
}

function addHeader(
  servers: Record<string, McpServerInput>,
  option: string,
  flag: string,
  field: "http_headers" | "env_http_headers",
): void {
  const form = field === "http_headers" ? "name:Header=value" : "name:Header=VARIABLE";
  // A server's name may hold a colon; the header's may not. So: everything before the last colon before "=".
  const { name: target, rest: value } = split(option, flag, "=", form);
  const colon = target.lastIndexOf(":");
  const name = target.slice(0, colon);
  const header = target.slice(colon + 1);
  if (colon < 1 || header === "") throw new UsageError(`${option}: expected ${form}`);
  const server = servers[name];
  if (server === undefined) {
    const known = Object.keys(servers).join(", ") || "none";
    throw new UsageError(`${option}: there is no server "${name}"; known: ${known}`);
  }
  if (!("url" in server))
    throw new UsageError(`${option}: server "${name}" is a command and takes no headers`);
  servers[name] = { ...server, [field]: { ...server[field], [header]: value } };
}

function split(option: string, flag: string, at: string, form: string): { name: string; rest: string } {
  const index = flag.indexOf(at);
  // The flag itself is not repeated: a header's value may be a secret.
  if (index < 1) throw new UsageError(`${option}: expected ${form}`);
  return { name: flag.slice(0, index), rest: flag.slice(index + 1) };
}

function configuredServers(
  cd: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, McpServerInput> {
  const { servers, errors } = effectiveMcpServers(
    loadConfigLayers({ env, ...(cd === undefined ? {} : { cwd: resolve(cd) }) }),
  );
  const refused = [
    ...[...errors, ...servers.flatMap((server) => server.errors)].map((problem) => formatProblem(problem)),
    // Left out, they would be missed when it is too late.
    ...servers.flatMap(({ name, status, reason }) =>
      status === "unstartable" ? [`MCP server ${JSON.stringify(name)} cannot start: ${reason}`] : [],
    ),
  ];
  if (refused.length > 0) throw new UsageError(`--configured: ${refused.join("\n")}`);
  return Object.fromEntries(
    servers.flatMap(({ name, status, config }) => {
      if (status !== "enabled" || config === undefined) return [];
      // Who may share a connection: in one turn nobody does.
      const { scope: _, ...server } = toWritten(config);
      return [[name, server as McpServerInput]];
    }),
  );
}

function readServersFile(path: string): Record<string, McpServerInput> {
  const source = readConfigFile(path);
  if (source === undefined) throw new UsageError(`--servers: there is no file "${path}"`);
  const parsed = parseToml(source);
  if (!parsed.ok) throw new UsageError(`--servers ${formatProblem(parsed.problem)}`);
  const table = parsed.document.root.entries.get("mcp_servers")?.value;
  if (table?.kind !== "table") {
    throw new UsageError(`--servers ${path}: there is no [mcp_servers.<name>] table in it`);
  }
  const { errors } = readMcpServers(table);
  if (errors.length > 0)
    throw new UsageError(`--servers ${errors.map((problem) => formatProblem(problem)).join("\n")}`);
  return { ...(toPlain(table) as Record<string, unknown> as Record<string, McpServerInput>) };
}
