/** `--configured`, `--servers`, `--server` and the header flags: the MCP servers of one turn, from the command line. */
import { resolve } from "node:path";
import { parseArgsStringToArgv } from "string-argv";
import { effectiveMcpServers } from "../config/effective/effective.ts";
import { loadConfigLayers, readConfigFile } from "../config/layers/layers.ts";
import { readMcpServers } from "../config/server/read-servers.ts";
import type { McpServerConfig } from "../config/server/types.ts";
import { formatProblem } from "../config/show/show-problem.ts";
import { check, checkConfigs, type ServerSet } from "../servers/check.ts";
import { type Outcome, sentenceOf } from "../servers/problem.ts";
import { resolveAll, type Variables } from "../servers/resolve.ts";
import { formatKeys } from "../toml/format.ts";
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

type Servers = Map<string, McpServerConfig>;

/** Where the servers stand, for problems: as in a file. */
const PATH: readonly string[] = ["mcp_servers"];

/**
 * A server of a `--server` flag replaces one of the same name in the file, and that one a configured one.
 *
 * @throws {UsageError} naming the flag and what it should look like, or the key of the server that is wrong
 */
export function parseServerFlags(flags: ServerFlags, env: Variables = process.env): ServerSet {
  const servers: Servers = new Map([
    ...(flags.configured === true ? configuredServers(flags.cd, env) : []),
    ...(flags.servers === undefined ? [] : readServersFile(flags.servers)),
    ...valueOf(check(Object.fromEntries(writtenServers(flags.server ?? [])), PATH)).configs,
  ]);
  for (const flag of flags.header ?? []) addHeader(servers, "--header", flag, "http_headers");
  for (const flag of flags.headerEnv ?? []) addHeader(servers, "--header-env", flag, "env_http_headers");
  const checked = valueOf(checkConfigs(servers, PATH));
  // Looked up again when the turn starts; what is missing is said before that.
  valueOf(resolveAll(checked, env, PATH));
  return checked;
}

function valueOf<Value>(result: Outcome<Value>): Value {
  if (result.ok) return result.value;
  throw new UsageError(result.problems.map((problem) => sentenceOf(problem, formatKeys)).join("\n"));
}

function writtenServers(flags: readonly string[]): Map<string, object> {
  const servers = new Map<string, object>();
  for (const flag of flags) {
    const form = "name=https://host/mcp or name=command with arguments";
    const { name, rest } = split("--server", flag, "=", form);
    if (servers.has(name)) throw new UsageError(`--server: "${name}" is given twice`);
    const [command, ...args] = parseArgsStringToArgv(rest);
    if (/^https?:\/\//.test(rest)) servers.set(name, { url: rest });
    else if (command !== undefined) servers.set(name, { command, args });
    else throw new UsageError(`--server ${flag}: the command is empty`);
  }
  return servers;
}

function addHeader(
  servers: Servers,
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
  const server = servers.get(name);
  if (server === undefined) {
    const known = [...servers.keys()].join(", ") || "none";
    throw new UsageError(`${option}: there is no server "${name}"; known: ${known}`);
  }
  const { transport } = server;
  if (transport.type === "stdio") {
    throw new UsageError(`${option}: server "${name}" is a command and takes no headers`);
  }
  const headers = new Map([...(transport[field] ?? []), [header, value] as const]);
  servers.set(name, { ...server, transport: { ...transport, [field]: headers } });
}

function split(option: string, flag: string, at: string, form: string): { name: string; rest: string } {
  const index = flag.indexOf(at);
  // The flag itself is not repeated: a header's value may be a secret.
  if (index < 1) throw new UsageError(`${option}: expected ${form}`);
  return { name: flag.slice(0, index), rest: flag.slice(index + 1) };
}

function configuredServers(cd: string | undefined, env: Variables): Servers {
  const { servers, errors } = effectiveMcpServers(
    loadConfigLayers({ env, ...(cd === undefined ? {} : { cwd: resolve(cd) }) }),
  );
  const problems = [
    ...[...errors, ...servers.flatMap((server) => server.errors)].map((problem) => formatProblem(problem)),
    // Left out, they would be missed when it is too late.
    ...servers.flatMap(({ name, status, reason }) =>
      status === "unstartable" ? [`MCP server ${JSON.stringify(name)} cannot start: ${reason}`] : [],
    ),
  ];
  if (problems.length > 0) throw new UsageError(`--configured: ${problems.join("\n")}`);
  return new Map(
    servers.flatMap(({ name, status, config }) =>
      status === "enabled" && config !== undefined ? [[name, config] as const] : [],
    ),
  );
}

function readServersFile(path: string): ReadonlyMap<string, McpServerConfig> {
  const source = readConfigFile(path);
  if (source === undefined) throw new UsageError(`--servers: there is no file "${path}"`);
  const parsed = parseToml(source);
  if (!parsed.ok) throw new UsageError(`--servers ${formatProblem(parsed.problem)}`);
  const table = parsed.document.root.entries.get("mcp_servers")?.value;
  if (table?.kind !== "table") {
    throw new UsageError(`--servers ${path}: there is no [mcp_servers.<name>] table in it`);
  }
  // For the places of errors; then as strictly as what a host writes, with its spelling of headers.
  const { errors } = readMcpServers(table);
  if (errors.length > 0)
    throw new UsageError(`--servers ${errors.map((problem) => formatProblem(problem)).join("\n")}`);
  return valueOf(check(toPlain(table), PATH)).configs;
}
