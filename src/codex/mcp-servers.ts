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
  auth?: "oauth" | "chatgpt" | "ema_auth";
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

type FieldType =
  | "string"
  | "boolean"
  | "number"
  | "whole"
  | "strings"
  | "string_map"
  | "object"
  | "env_vars"
  | "tools"
  | { readonly oneOf: readonly string[] }
  | { readonly someOf: readonly string[] };

// Codex 0.169 refuses what is not listed here, too, but its error names neither the server nor the field (tried).
const APPROVAL: FieldType = {
  oneOf: ["auto", "prompt", "writes", "approve"] satisfies McpToolApproval[],
};
const COMMON: Readonly<Record<string, FieldType>> = {
  required: "boolean",
  enabled: "boolean",
  startup_timeout_sec: "number",
  startup_timeout_ms: "whole",
  tool_timeout_sec: "number",
  enabled_tools: "strings",
  disabled_tools: "strings",
  supports_parallel_tool_calls: "boolean",
  default_tools_approval_mode: APPROVAL,
  tools: "tools",
  startup_readiness: { oneOf: ["connection", "catalog"] },
  omit_tools_from: { someOf: ["direct", "deferred", "code_mode"] },
  tool_input_schema_max_bytes: "whole",
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
  http_headers_helper: "string",
  auth: { oneOf: ["oauth", "chatgpt", "ema_auth"] },
  scopes: "strings",
  oauth: "object",
  oauth_resource: "string",
};
const TOOL: Readonly<Record<string, FieldType>> = { approval_mode: APPROVAL, output_token_limit: "whole" };
/** Codex 0.169 lets a server with another name fail at its start; saying it at once is kinder. */
const NAME = /^[a-zA-Z0-9_:@/.-]+$/;
/** Codex's default. */
const STARTUP_TIMEOUT_MS = 30_000;
/** Headers whose values are no secrets: hiding them would shred the messages of other threads. */
const HARMLESS_HEADERS: ReadonlySet<string> = new Set([
  "accept",
  "accept-language",
  "content-type",
  "user-agent",
  "referer",
  "http-referer",
  "x-title",
]);

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
  if (name === "codex_apps" || name === "__proto__")
    throw invalid(`${at}: this name is reserved; choose another`);
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
    const type = typeOf(field, own) ?? typeOf(field, COMMON);
    if (type === undefined) {
      const elsewhere = own === HTTP ? STDIO : HTTP;
      const why =
        typeOf(field, elsewhere) !== undefined
          ? `is for ${own === HTTP ? "a command" : "a url"} only`
          : `is unknown; known are ${[...Object.keys(own), ...Object.keys(COMMON)].join(", ")}`;
      throw invalid(`${at}.${field} ${why}`);
    }
    checkValue(`${at}.${field}`, value, type);
  }
  const { headers, http_headers: httpHeaders } = given;
  if (headers !== undefined && httpHeaders !== undefined) {
    throw invalid(`${at} has both "headers" and "http_headers"; they mean the same, give one`);
  }
}

/** A field called "constructor" is unknown like any other. */
function typeOf(field: string, fields: Readonly<Record<string, FieldType>>): FieldType | undefined {
  return Object.hasOwn(fields, field) ? fields[field] : undefined;
}

function checkValue(at: string, value: unknown, type: FieldType): void {
  const wrong = checkType(value, type);
  if (wrong !== undefined) throw invalid(`${at} must be ${wrong}`);
  if (type !== "tools") return;
  for (const [tool, rules] of Object.entries(value as Record<string, unknown>)) {
    if (!isObject(rules)) throw invalid(`${at}.${tool} must be an object`);
    for (const [field, rule] of Object.entries(rules)) {
      if (rule === undefined) continue;
      const known = typeOf(field, TOOL);
      if (known === undefined) {
        throw invalid(`${at}.${tool}.${field} is unknown; known are ${Object.keys(TOOL).join(", ")}`);
      }
      checkValue(`${at}.${tool}.${field}`, rule, known);
    }
  }
}

/** @returns what the value should have been, or `undefined` when it is right */
function checkType(value: unknown, type: FieldType): string | undefined {
  if (typeof type === "object") {
    if ("oneOf" in type) {
      return type.oneOf.includes(value as string) ? undefined : `one of ${type.oneOf.join(", ")}`;
    }
    return Array.isArray(value) && value.every((item) => type.someOf.includes(item as string))
      ? undefined
      : `a list of ${type.someOf.join(", ")}`;
  }
  switch (type) {
    case "string":
      return typeof value === "string" ? undefined : "a string";
    case "boolean":
      return typeof value === "boolean" ? undefined : "true or false";
    case "number":
      return typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER
        ? undefined
        : "a number that is not negative";
    case "whole":
      return Number.isSafeInteger(value) && (value as number) >= 1
        ? undefined
        : "a whole number of at least 1";
    case "strings":
      return Array.isArray(value) && value.every((item) => typeof item === "string")
        ? undefined
        : "a list of strings";
    case "string_map":
      return isObject(value) && Object.values(value).every((item) => typeof item === "string")
        ? undefined
        : "an object of strings";
    case "object":
    case "tools":
      return isObject(value) ? undefined : "an object";
    case "env_vars":
      return Array.isArray(value) && value.every(isEnvVar)
        ? undefined
        : 'a list of variable names, or of objects with a name and a source ("local" or "remote")';
  }
}

function isEnvVar(entry: unknown): boolean {
  if (typeof entry === "string") return entry !== "";
  if (!isObject(entry)) return false;
  const { name, source, ...rest } = entry;
  return (
    typeof name === "string" &&
    name !== "" &&
    (source === undefined || source === "local" || source === "remote") &&
    Object.keys(rest).length === 0
  );
}

function stdioConfig(given: Record<string, unknown>, options: ResolveOptions, secrets: string[]): JsonObject {
  const { env_vars: names, ...rest } = given;
  const env: Record<string, string> = {};
  const forRemote: JsonValue[] = [];
  for (const entry of (names as unknown[] | undefined) ?? []) {
    // A variable of the executor's machine is that machine's to look up.
    if (isObject(entry) && entry.source === "remote") forRemote.push(entry as JsonObject);
    else {
      const name = (isObject(entry) ? entry.name : entry) as string;
      const value = options.env[name];
      // What every object inherits is no variable: `env.constructor` is a function.
      if (typeof value === "string") env[name] = value;
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
  const all: [name: string, value: string][] = [];
  /** Lower-case name to the field that gave it: which of two would be sent is chance. */
  const givenBy = new Map<string, string>();
  const add = (field: string, name: string, value: string): void => {
    if (!HEADER_VALUE.test(value)) {
      throw invalid(`${field}: has a line break or another character that a header cannot hold`);
    }
    const other = givenBy.get(name.toLowerCase());
    if (other !== undefined) throw invalid(`${field}: the header is given by ${other}, too`);
    givenBy.set(name.toLowerCase(), field);
    all.push([name, value]);
    if (!HARMLESS_HEADERS.has(name.toLowerCase())) secrets.push(value, value.replace(/^\S+ /, ""));
  };
  const literal = http_headers === undefined ? "headers" : "http_headers";
  for (const [name, value] of headerEntries(`${at}.${literal}`, http_headers ?? headers)) {
    add(`${at}.${literal}.${name}`, name, value);
  }
  for (const [name, variable] of headerEntries(`${at}.env_http_headers`, fromEnv)) {
    const field = `${at}.env_http_headers.${name}`;
    add(field, name, lookUp(field, variable, options.env));
  }
  if (bearer !== undefined) {
    const field = `${at}.bearer_token_env_var`;
    add(field, "Authorization", `Bearer ${lookUp(field, bearer as string, options.env)}`);
  }
  secrets.push(...secretsOfUrl(rest.url as string));
  const { client_secret: clientSecret } = (rest.oauth ?? {}) as { client_secret?: unknown };
  if (typeof clientSecret === "string") secrets.push(clientSecret);
  return { ...rest, http_headers: Object.fromEntries(all) };
}

/** The password and the query of a URL: many hosts take their key there, and errors of Codex show the URL. */
function secretsOfUrl(url: string): string[] {
  const { password, searchParams, search } = new URL(url);
  const raw = search.slice(1).split("&");
  return [
    password,
    safeDecode(password),
    ...searchParams.values(),
    ...raw.map((pair) => pair.slice(pair.indexOf("=") + 1)),
  ].filter((secret) => secret !== "");
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A lone "%": there is no other spelling.
    return text;
  }
}

function headerEntries(at: string, map: unknown): [name: string, text: string][] {
  const entries = Object.entries((map as Record<string, string> | undefined) ?? {});
  for (const [name] of entries) {
    if (!HEADER_NAME.test(name)) {
      throw invalid(`${at}: ${JSON.stringify(name)} is not a header that can be sent`);
    }
  }
  return entries;
}

function lookUp(at: string, variable: string, env: ResolveOptions["env"]): string {
  const value = env[variable];
  if (typeof value === "string" && value !== "") return value;
  throw invalid(`${at}: the environment variable ${variable} is not set`);
}

/** RFC 9110, section 5.1: a token. */
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What Codex can send; a header with another value it leaves out, without a word. */
const HEADER_VALUE = /^[\t\x20-\x7e]*$/;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(message: string): CodexError {
  return new CodexError("invalid_options", message);
}
