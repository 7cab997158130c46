/**
 * Reads `[mcp_servers]` into configured servers.
 *
 * Accepts and rejects what Codex 0.169 does. The first error is Codex's, in its words; then come all others.
 * The differential test holds it against the real binary.
 *
 * Invariants
 *   R1. Servers are read in the order of the file; within one, the values come before the server as a whole.
 *   R2. A server with an error is in no result; its neighbours are.
 *   R3. An unknown key never makes a server invalid: it is a warning, or in strict mode an error behind all others.
 */
import { checkServer, ignoredHeaders } from "./check-server.ts";
import { SERVER } from "../schema/server-keys.ts";
import { type ConfigProblem, problem, ProblemCollector, type ProblemText } from "../problem.ts";
import { readStruct, type StructReading } from "../schema/read-value.ts";
import { secondsFromMilliseconds, secondsFromNumber } from "../schema/seconds.ts";
import { invalidType } from "../schema/serde-text.ts";
import { fromPlain, PlainValueError, type TomlEntry, type TomlNode } from "../../toml/node.ts";
import { isTooDeep } from "../../toml/tree.ts";
import {
  LOCAL_ENVIRONMENT_ID,
  type McpServerConfig,
  type McpServerToolConfig,
  type McpServerTransportConfig,
} from "./types.ts";

export interface ReadOptions {
  /** Unknown keys are errors. @default false */
  readonly strict?: boolean;
  /** Keys of ours are known, as in `switchyard.toml`. @default false */
  readonly own?: boolean;
}

interface Read {
  /** The servers without an error, in the order of the file. */
  readonly servers: ReadonlyMap<string, McpServerConfig>;
  readonly warnings: readonly ConfigProblem[];
}

export type ReadServersResult =
  | (Read & { readonly ok: true; readonly errors: readonly [] })
  /** The first error is the one Codex reports. */
  | (Read & { readonly ok: false; readonly errors: readonly [ConfigProblem, ...ConfigProblem[]] });

/** @param node the value of `mcp_servers`, if any */
export function readMcpServers(node: TomlNode | undefined, options: ReadOptions = {}): ReadServersResult {
  const problems = new ProblemCollector(options.own === true);
  const servers = node === undefined ? new Map<string, McpServerConfig>() : readServers(node, problems);
  return readResult(servers, problems, options);
}

/** The same for a program's object: server name to table. */
export function parseMcpServers(input: unknown, options: ReadOptions = {}): ReadServersResult {
  const refused = (text: ProblemText, path: readonly string[]): ReadServersResult => {
    const errors = [problem(text, path, undefined)] as const;
    return { ok: false, servers: new Map(), errors, warnings: [] };
  };
  const root = ["mcp_servers"];
  const what = "holds itself, or is too deep for TOML";
  if (isTooDeep(input)) return refused({ message: `mcp_servers ${what}`, what }, root);
  let node: TomlNode;
  try {
    node = fromPlain(input, root);
  } catch (error) {
    if (!(error instanceof PlainValueError)) throw error;
    return refused({ message: error.message, what: error.what }, error.path);
  }
  return readMcpServers(node, options);
}

/** Turns what was found into a result: unknown keys count as the options say (R3). */
export function readResult(
  servers: ReadonlyMap<string, McpServerConfig>,
  problems: ProblemCollector,
  { strict = false }: ReadOptions,
): ReadServersResult {
  const warnings = [...(strict ? [] : problems.unknown), ...problems.ignored];
  const unknown = strict ? problems.unknown : [];
  const [first, ...others] = [...problems.errors, ...unknown, ...problems.late];
  if (first === undefined) return { ok: true, servers, errors: [], warnings };
  return { ok: false, servers, errors: [first, ...others], warnings };
}

/** The valid servers of a `mcp_servers` table. */
export function readServers(node: TomlNode, problems: ProblemCollector): Map<string, McpServerConfig> {
  const servers = new Map<string, McpServerConfig>();
  if (node.kind !== "table") {
    problems.error(
      invalidType(node, "a map"),
      ["mcp_servers"],
      node,
      "Write a table for each server: [mcp_servers.NAME]",
    );
    return servers;
  }
  for (const [name, entry] of node.entries) {
    const server = readServer(entry, ["mcp_servers", name], problems);
    if (server !== undefined) servers.set(name, server);
  }
  return servers;
}

/** One server, wherever it is written. @returns `undefined` when it has an error (R2) */
export function readServer(
  { value, keyPlace }: TomlEntry,
  path: readonly string[],
  problems: ProblemCollector,
): McpServerConfig | undefined {
  const errorsBefore = problems.errors.length;
  const reading = readStruct(SERVER, value, path, problems);
  if (reading === undefined) return undefined;
  // An array that is too short has its error already; its elements mean nothing together.
  if (value.kind === "table" || problems.errors.length === errorsBefore) {
    problems.errors.push(...checkServer(reading, path, keyPlace));
  }
  if (problems.errors.length > errorsBefore) return undefined;
  problems.ignored.push(...ignoredHeaders(reading, path));
  return serverConfig(reading);
}

/** Fills the defaults in. Only for a reading without errors. */
function serverConfig({ values, entries }: StructReading): McpServerConfig {
  // The fields of `SERVER` are those of `WrittenMcpServer`: read-servers.test.ts holds the two together.
  const get = <Key extends keyof McpServerConfig>(key: Key): McpServerConfig[Key] | undefined =>
    values.get(key) as McpServerConfig[Key] | undefined;
  const enabled = get("enabled") ?? true;
  const startupSeconds = startupTimeout(values, entries);
  return {
    transport: transportConfig(values),
    environment_id: get("environment_id") ?? LOCAL_ENVIRONMENT_ID,
    enabled,
    ...(enabled ? {} : { disabled_reason: { type: "by_hand" } }),
    required: get("required") ?? false,
    ...(startupSeconds === undefined ? {} : { startup_timeout_sec: startupSeconds }),
    startup_readiness: get("startup_readiness") ?? "connection",
    supports_parallel_tool_calls: get("supports_parallel_tool_calls") ?? false,
    ...pick(values, [
      "tool_timeout_sec",
      "tool_input_schema_max_bytes",
      "omit_tools_from",
      "default_tools_approval_mode",
      "enabled_tools",
      "disabled_tools",
      "scopes",
      "oauth",
      "oauth_resource",
    ]),
    tools: get("tools") ?? new Map<string, McpServerToolConfig>(),
    auth: get("auth") ?? "oauth",
    scope: get("scope") ?? "thread",
    shared_elicitation: get("shared_elicitation") ?? false,
    startup: get("startup") ?? "wait",
  };
}

function transportConfig(values: StructReading["values"]): McpServerTransportConfig {
  type Stdio = McpServerTransportConfig & { type: "stdio" };
  type Http = McpServerTransportConfig & { type: "streamable_http" };
  const command = values.get("command");
  if (command !== undefined) {
    return {
      type: "stdio",
      command: command as string,
      args: (values.get("args") ?? []) as Stdio["args"],
      env_vars: (values.get("env_vars") ?? []) as Stdio["env_vars"],
      ...pick<Stdio>(values, ["env", "cwd"]),
    };
  }
  return {
    type: "streamable_http",
    url: values.get("url") as string,
    ...pick<Http>(values, [
      "bearer_token_env_var",
      "http_headers",
      "env_http_headers",
      "http_headers_helper",
    ]),
  };
}

/** `_sec` wins, wherever it is written. */
function startupTimeout(
  values: StructReading["values"],
  entries: StructReading["entries"],
): number | undefined {
  const seconds = values.get("startup_timeout_sec");
  if (typeof seconds === "number") {
    const converted = secondsFromNumber(seconds);
    return converted.ok ? converted.seconds : undefined;
  }
  // From the node, because more than 2^53 milliseconds do not fit into a number.
  const milliseconds = entries.get("startup_timeout_ms")?.value;
  return milliseconds?.kind === "integer" ? secondsFromMilliseconds(milliseconds.value) : undefined;
}

/** Those of the keys that have a value. */
function pick<Shape = McpServerConfig>(
  values: StructReading["values"],
  keys: readonly (keyof Shape & string)[],
): Partial<Shape> {
  return Object.fromEntries(
    keys.flatMap((key) => (values.has(key) ? [[key, values.get(key)]] : [])),
  ) as Partial<Shape>;
}
