/**
 * The MCP servers of a thread: what a host writes, checked, with its secrets filled in.
 *
 *   McpServerConfig (host) --check--> --resolve references--> the `mcp_servers` object of the thread's config
 *
 * The keys are Codex 0.169's own. References to the environment (`bearer_token_env_var`, `env_http_headers`,
 * `env_vars`) are looked up here and not by Codex: the shared process then needs no secret in its environment, and
 * a missing variable is an error instead of a header that silently stays away.
 *
 * Invariants
 *   M1. A config is refused whole, before anything starts, by an error that names the server and the field.
 *   M2. Nothing is inherited: what is not written here does not apply.
 */
import { CodexError } from "./errors.ts";
import type { JsonObject, JsonValue } from "./protocol.ts";

export type McpToolApproval = "auto" | "prompt" | "writes" | "approve";

/** Keys that both transports have. Times are in seconds. */
export interface McpServerRules {
  /** A required server that does not start fails the turn before the model is asked. @default false */
  required?: boolean;
  /** @default true */
  enabled?: boolean;
  /** Time for the handshake and the first list of tools. @default 30 */
  startup_timeout_sec?: number;
  startup_timeout_ms?: number;
  /** Time for one call; it stands still while the server waits for an elicitation. @default 300 */
  tool_timeout_sec?: number;
  /** Raw tool names, exact. An empty list allows nothing. @default all */
  enabled_tools?: readonly string[];
  /** Taken away from `enabled_tools`. @default none */
  disabled_tools?: readonly string[];
  /** Whether calls to this server may overlap with other calls of a turn. @default false */
  supports_parallel_tool_calls?: boolean;
  /**
   * When Codex asks before a call. @default "approve" where the thread's approval policy is "never" (nobody could
   * be asked, and the host chose the server), otherwise Codex's own "auto"
   */
  default_tools_approval_mode?: McpToolApproval;
  tools?: Readonly<Record<string, { approval_mode?: McpToolApproval; output_token_limit?: number }>>;
  startup_readiness?: "connection" | "catalog";
  omit_tools_from?: readonly ("direct" | "deferred" | "code_mode")[];
  tool_input_schema_max_bytes?: number;
  environment_id?: string;
}

/** A server that Codex starts as a process and speaks to over its stdin and stdout. */
export interface McpStdioServerConfig extends McpServerRules {
  command: string;
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Names of variables of the host's environment to hand on. A name that is not set is skipped, as in Codex. */
  env_vars?: readonly (string | { readonly name: string; readonly source?: "local" | "remote" })[];
  /** @default the thread's working directory */
  cwd?: string;
}

/** A server that is reached over streamable HTTP. */
export interface McpHttpServerConfig extends McpServerRules {
  url: string;
  /** Sent with every request to this server. */
  http_headers?: Readonly<Record<string, string>>;
  /** Another spelling of `http_headers`; give one of them. */
  headers?: Readonly<Record<string, string>>;
  /** Header to the name of the environment variable that holds its value. */
  env_http_headers?: Readonly<Record<string, string>>;
  /** Name of the environment variable whose value is sent as `Authorization: Bearer …`. */
  bearer_token_env_var?: string;
  http_headers_helper?: string;
  auth?: string;
  scopes?: readonly string[];
  oauth?: Readonly<Record<string, JsonValue>>;
  oauth_resource?: string;
}

export type McpServerConfig = McpStdioServerConfig | McpHttpServerConfig;
export type McpServers = Readonly<Record<string, McpServerConfig>>;

/** A checked server: what goes to Codex, and what we must know of it. */
export interface ResolvedServer {
  readonly name: string;
  readonly config: JsonObject;
  readonly enabled: boolean;
  readonly required: boolean;
  readonly startupTimeoutMs: number;
  /** Values that must never show in a message of ours. */
  readonly secrets: readonly string[];
}

export interface ResolveOptions {
  /** Where references are looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Used where a server does not say. */
  readonly defaultApproval: McpToolApproval | undefined;
}

type FieldType = "string" | "boolean" | "number" | "strings" | "string_map" | "object" | "env_vars" | "any";

const COMMON: Readonly<Record<string, FieldType>> = {
  required: "boolean",
  enabled: "boolean",
  startup_timeout_sec: "number",
  startup_timeout_ms: "number",
  tool_timeout_sec: "number",
  enabled_tools: "strings",
  disabled_tools: "strings",
  supports_parallel_tool_calls: "boolean",
  default_tools_approval_mode: "string",
  tools: "object",
  startup_readiness: "string",
  omit_tools_from: "strings",
  tool_input_schema_max_bytes: "number",
  environment_id: "string",
};
const STDIO: Readonly<Record<string, FieldType>> = {
  command: "string",
  args: "strings",
  env: "string_map",
  env_vars: "env_vars",
  cwd: "string",
};
const HTTP: Readonly<Record<string, FieldType>> = {
  url: "string",
  http_headers: "string_map",
  headers: "string_map",
  env_http_headers: "string_map",
  bearer_token_env_var: "string",
  http_headers_helper: "any",
  auth: "string",
  scopes: "strings",
  oauth: "object",
  oauth_resource: "string",
};
/** Codex 0.169 lets a server with another name fail at its start; saying it at once is kinder. */
const NAME = /^[a-zA-Z0-9_:@/.-]+$/;
const APPROVALS: readonly string[] = ["auto", "prompt", "writes", "approve"] satisfies McpToolApproval[];
/** Codex's default. */
const STARTUP_TIMEOUT_MS = 30_000;

/**
 * Checks the servers of a thread and fills in their references.
 *
 * @throws {CodexError} `invalid_options`, naming server and field (M1)
 */
export function resolveServers(servers: unknown, options: ResolveOptions): ResolvedServer[] {
  if (!isObject(servers)) throw invalid("mcp_servers must be an object of servers by name");
  return Object.entries(servers).map(([name, config]) => resolveServer(name, config, options));
}

function resolveServer(name: string, raw: unknown, options: ResolveOptions): ResolvedServer {
  const at = `mcp_servers.${name}`;
  if (!NAME.test(name)) {
    throw invalid(`MCP server name ${JSON.stringify(name)} may only have letters, digits and _ : @ / . -`);
  }
  if (name === "codex_apps") throw invalid(`${at}: Codex keeps this name for itself; choose another`);
  if (!isObject(raw)) throw invalid(`${at} must be an object`);
  const given = Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== undefined));
  checkTransport(at, given);
  checkFields(at, given, "command" in given ? STDIO : HTTP);
  const secrets: string[] = [];
  const config =
    "command" in given ? stdioConfig(given, options, secrets) : httpConfig(at, given, options, secrets);
  if (options.defaultApproval !== undefined) config.default_tools_approval_mode ??= options.defaultApproval;
  const { startup_timeout_ms: ms, startup_timeout_sec: seconds } = given;
  return {
    name,
    config,
    enabled: given.enabled !== false,
    required: given.required === true && given.enabled !== false,
    startupTimeoutMs:
      typeof seconds === "number" ? seconds * 1000 : typeof ms === "number" ? ms : STARTUP_TIMEOUT_MS,
    secrets,
  };
}

function checkTransport(at: string, given: Record<string, unknown>): void {
  const { command, url } = given;
  if ("command" in given && "url" in given) {
    throw invalid(
      `${at} has both "command" and "url": a server is either started (command) or reached (url)`,
    );
  }
  if (!("command" in given) && !("url" in given)) throw invalid(`${at} needs "command" or "url"`);
  if ("bearer_token" in given) {
    throw invalid(
      `${at}.bearer_token is not supported; set bearer_token_env_var to the name of an environment variable, ` +
        "or send the header itself through http_headers",
    );
  }
  if ("command" in given && (typeof command !== "string" || command === "")) {
    throw invalid(`${at}.command must be a non-empty string`);
  }
  if ("url" in given) {
    const parsed = typeof url === "string" ? URL.parse(url) : null;
    if (parsed === null || (parsed.protocol !== "http:" && parsed.protocol !== "https:")) {
      throw invalid(`${at}.url must be an http or https URL`);
    }
  }
}

function checkFields(
  at: string,
  given: Record<string, unknown>,
  own: Readonly<Record<string, FieldType>>,
): void {
  for (const [field, value] of Object.entries(given)) {
    const type = own[field] ?? COMMON[field];
    if (type === undefined) {
      const elsewhere = own === HTTP ? STDIO : HTTP;
      const why =
        field in elsewhere
          ? `is for ${own === HTTP ? "a command" : "a url"} only`
          : `is unknown; known are ${[...Object.keys(own), ...Object.keys(COMMON)].join(", ")}`;
      throw invalid(`${at}.${field} ${why}`);
    }
    const wrong = checkType(value, type);
    if (wrong !== undefined) throw invalid(`${at}.${field} must be ${wrong}`);
  }
  const { default_tools_approval_mode: mode, headers, http_headers: httpHeaders } = given;
  if (mode !== undefined && !APPROVALS.includes(mode as string)) {
    throw invalid(`${at}.default_tools_approval_mode must be one of ${APPROVALS.join(", ")}`);
  }
  if (headers !== undefined && httpHeaders !== undefined) {
    throw invalid(`${at} has both "headers" and "http_headers"; they mean the same, give one`);
  }
}

/** @returns what the value should have been, or `undefined` when it is right */
function checkType(value: unknown, type: FieldType): string | undefined {
  switch (type) {
    case "any":
      return undefined;
    case "string":
      return typeof value === "string" ? undefined : "a string";
    case "boolean":
      return typeof value === "boolean" ? undefined : "true or false";
    case "number":
      return typeof value === "number" && Number.isFinite(value) && value >= 0
        ? undefined
        : "a number that is not negative";
    case "strings":
      return Array.isArray(value) && value.every((item) => typeof item === "string")
        ? undefined
        : "a list of strings";
    case "string_map":
      return isObject(value) && Object.values(value).every((item) => typeof item === "string")
        ? undefined
        : "an object of strings";
    case "object":
      return isObject(value) ? undefined : "an object";
    case "env_vars":
      return Array.isArray(value) && value.every((item) => typeof envVarName(item) === "string")
        ? undefined
        : "a list of variable names, or of objects with a name";
  }
}

function stdioConfig(given: Record<string, unknown>, options: ResolveOptions, secrets: string[]): JsonObject {
  const { env_vars: names, ...rest } = given;
  const env: Record<string, string> = {};
  const forRemote: JsonValue[] = [];
  for (const entry of (names as unknown[] | undefined) ?? []) {
    // A variable of the executor's machine is that machine's to look up.
    if (isObject(entry) && entry.source === "remote") forRemote.push(entry as JsonObject);
    else {
      const value = options.env[envVarName(entry) as string];
      if (value !== undefined) env[envVarName(entry) as string] = value;
    }
  }
  Object.assign(env, given.env);
  secrets.push(...Object.values(env));
  const config = { ...rest, env } as JsonObject;
  if (forRemote.length > 0) config.env_vars = forRemote;
  return config;
}

function httpConfig(
  at: string,
  given: Record<string, unknown>,
  options: ResolveOptions,
  secrets: string[],
): JsonObject {
  const { headers, http_headers, env_http_headers: fromEnv, bearer_token_env_var: bearer, ...rest } = given;
  const all: Record<string, string> = {
    ...((http_headers ?? headers) as Record<string, string> | undefined),
  };
  for (const [header, variable] of Object.entries((fromEnv as Record<string, string> | undefined) ?? {})) {
    all[header] = lookUp(`${at}.env_http_headers.${header}`, variable, options.env);
  }
  if (bearer !== undefined) {
    all.Authorization = `Bearer ${lookUp(`${at}.bearer_token_env_var`, bearer as string, options.env)}`;
  }
  for (const [header, value] of Object.entries(all)) {
    if (!isHeader(header, value))
      throw invalid(`${at}: ${JSON.stringify(header)} is not a header that can be sent`);
    secrets.push(value, value.replace(/^\S+ /, ""));
  }
  return { ...rest, http_headers: all } as JsonObject;
}

function lookUp(at: string, variable: string, env: ResolveOptions["env"]): string {
  const value = env[variable];
  if (value !== undefined && value !== "") return value;
  throw invalid(`${at}: the environment variable ${variable} is not set`);
}

/** RFC 9110, section 5.1 and 5.5: a name is a token, a value has no control characters. */
function isHeader(name: string, value: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) && !/[\0\r\n]/.test(value);
}

function envVarName(entry: unknown): unknown {
  return isObject(entry) ? entry.name : entry;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(message: string): CodexError {
  return new CodexError("invalid_options", message);
}
