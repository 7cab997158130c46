/**
 * The MCP servers of a thread: what a host writes, checked, with its secrets filled in.
 *
 *   McpServerInput (host) --config/--> McpServerConfig --references--> the `mcp_servers` object of the thread's config
 *
 * The keys are Codex 0.169's own, and `config/` says what is right. References to the environment
 * (`bearer_token_env_var`, `env_http_headers`, `env_vars`) are looked up here and not by Codex: the shared process
 * then needs no secret in its environment, and a missing variable is an error instead of a header that silently
 * stays away.
 *
 * Invariants
 *   M1. A config is refused whole, before anything starts, by an error that names the server and the field.
 *   M2. Nothing is inherited: what is not written here does not apply.
 *   M3. Only what was read goes on to Codex, so that no value has a meaning there that we have not seen.
 *   M4. An error shows names (of servers, fields, headers, variables) and no other value: it may be a secret that
 *       landed in the wrong place.
 */
import { isObject, type JsonObject } from "../base/json.ts";
import { headerNameProblem, headerValueProblem } from "../base/http-header.ts";
import { serverNameProblem, serverUrlProblem } from "../config/server/start-problem.ts";
import { toWritten } from "../config/server/normal-form.ts";
import { type ConfigProblem, keysOf, valueFreeText } from "../config/problem.ts";
import { parseMcpServers } from "../config/server/read-servers.ts";
import type {
  AppToolApproval,
  McpServerConfig,
  McpServerEnvVar,
  McpServerTransportConfig,
} from "../config/server/types.ts";
import { CodexError } from "./errors.ts";

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
  readonly defaultApproval: AppToolApproval | undefined;
}

/** Codex's default. */
const STARTUP_TIMEOUT_SEC = 30;
/** 68 years. */
const TIMEOUT_MAX_SEC = 2 ** 31;
/** What a timer of Node can wait; Codex takes any number of seconds. */
const TIMER_MAX_MS = 2 ** 31 - 1;
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
  return Object.entries(servers).map(([name, given]) => resolveServer(name, given, options));
}

function resolveServer(
  name: string,
  given: unknown,
  { env, defaultApproval }: ResolveOptions,
): ResolvedServer {
  const at = `mcp_servers.${name}`;
  const problem = serverNameProblem(name);
  if (problem !== undefined) throw invalid(problem);
  if (name === "codex_apps" || name === "__proto__") {
    throw invalid(`${at}: this name is reserved; choose another`);
  }
  const headersKey = isObject(given) && given.headers !== undefined ? "headers" : "http_headers";
  const server = readServer(name, at, given, headersKey);
  const { enabled, required, startup_timeout_sec: seconds = STARTUP_TIMEOUT_SEC } = server;
  const secrets: string[] = [];
  const transport =
    server.transport.type === "stdio"
      ? fillInVariables(at, server.transport, env, secrets)
      : fillInHeaders(at, headersKey, server.transport, env, secrets);
  if (server.oauth?.client_secret !== undefined) secrets.push(server.oauth.client_secret);
  const config = toWritten({ ...withoutEternity(server), transport }) as JsonObject;
  if (defaultApproval !== undefined) config.default_tools_approval_mode ??= defaultApproval;
  return {
    name,
    config,
    enabled,
    required: required && enabled,
    startupTimeoutMs: Math.min(seconds * 1000, TIMER_MAX_MS),
    secrets,
  };
}

/** Codex takes up to 2^64 seconds, but beyond 2^63 it never answers (seen with 0.169). */
function withoutEternity(server: McpServerConfig): McpServerConfig {
  const { startup_timeout_sec: startup, tool_timeout_sec: tool } = server;
  return {
    ...server,
    ...(startup === undefined ? {} : { startup_timeout_sec: Math.min(startup, TIMEOUT_MAX_SEC) }),
    ...(tool === undefined ? {} : { tool_timeout_sec: Math.min(tool, TIMEOUT_MAX_SEC) }),
  };
}

type HeadersKey = "headers" | "http_headers";

/** @param headersKey how the host spells `http_headers`, for the errors */
function readServer(name: string, at: string, given: unknown, headersKey: HeadersKey): McpServerConfig {
  const read = parseMcpServers(new Map([[name, withHttpHeaders(at, given)]]), { strict: true });
  const [problem] = read.errors;
  if (problem !== undefined) {
    const told = explain(problem);
    throw invalid(at + told.slice(at.length).replace(/^\.http_headers\b/, `.${headersKey}`));
  }
  const server = read.servers.get(name);
  if (server === undefined) throw new Error(`${at} was read as nothing`);
  return server;
}

/** `headers` under its one name. */
function withHttpHeaders(at: string, given: unknown): unknown {
  if (!isObject(given) || given.headers === undefined) return given;
  const { headers, ...rest } = given;
  if (rest.http_headers !== undefined) {
    throw invalid(`${at} has both "headers" and "http_headers"; they mean the same, give one`);
  }
  return { ...rest, http_headers: headers };
}

/** A sentence that begins with the path of the field (M1) and shows no value (M4). */
function explain(problem: ConfigProblem): string {
  const words = valueFreeText(problem);
  const sentence = `${keysOf(problem).join(".")}${/^(?:is|must|requires) /.test(words) ? "" : ":"} ${words}`;
  return problem.hint === undefined ? sentence : `${sentence}. ${problem.hint}`;
}

/** The variables of a stdio server, in its `env`. */
function fillInVariables(
  at: string,
  transport: McpServerTransportConfig & { readonly type: "stdio" },
  env: ResolveOptions["env"],
  secrets: string[],
): McpServerTransportConfig {
  if (transport.command === "") throw invalid(`${at}.command must not be empty`);
  const all = new Map<string, string>();
  const forRemote: McpServerEnvVar[] = [];
  for (const entry of transport.env_vars) {
    const { name, source = "local" } = typeof entry === "string" ? { name: entry } : entry;
    const value = env[name];
    // A variable of the executor's machine is that machine's to look up.
    if (source === "remote") forRemote.push(entry);
    // What every object inherits is no variable: `env.constructor` is a function.
    else if (typeof value === "string") all.set(name, value);
  }
  for (const [name, value] of transport.env ?? []) all.set(name, value);
  secrets.push(...all.values());
  return { ...transport, env: all, env_vars: forRemote };
}

/** The headers of an HTTP server, whatever field gives them, in its `http_headers`. */
function fillInHeaders(
  at: string,
  headersKey: HeadersKey,
  transport: McpServerTransportConfig & { readonly type: "streamable_http" },
  env: ResolveOptions["env"],
  secrets: string[],
): McpServerTransportConfig {
  const { http_headers, env_http_headers, bearer_token_env_var: bearer, ...rest } = transport;
  // Not with the scheme that is quoted in it: of "user:password" it is the user (M4).
  const problem = serverUrlProblem(rest.url)?.replace(/ '.*'/, "");
  if (problem !== undefined) throw invalid(`${at}.url: ${problem}`);
  secrets.push(...secretsOfUrl(rest.url));
  const all = new Map<string, string>();
  /** Lower-case name to the field that gave it: which of two would be sent is chance. */
  const givenBy = new Map<string, string>();
  const add = (field: string, name: string, value: string): void => {
    const wrong = headerValueProblem(value);
    if (wrong !== undefined) throw invalid(`${field}: ${wrong}`);
    const other = givenBy.get(name.toLowerCase());
    if (other !== undefined) throw invalid(`${field}: the header is given by ${other}, too`);
    givenBy.set(name.toLowerCase(), field);
    all.set(name, value);
    if (!HARMLESS_HEADERS.has(name.toLowerCase())) secrets.push(value, value.replace(/^\S+ /, ""));
  };
  for (const [name, value] of headerEntries(`${at}.${headersKey}`, http_headers)) {
    add(`${at}.${headersKey}.${name}`, name, value);
  }
  for (const [name, variable] of headerEntries(`${at}.env_http_headers`, env_http_headers)) {
    const field = `${at}.env_http_headers.${name}`;
    add(field, name, lookUp(field, variable, env));
  }
  if (bearer !== undefined) {
    const field = `${at}.bearer_token_env_var`;
    add(field, "Authorization", `Bearer ${lookUp(field, bearer, env)}`);
  }
  return { ...rest, http_headers: all };
}

function headerEntries(
  at: string,
  headers: ReadonlyMap<string, string> = new Map(),
): ReadonlyMap<string, string> {
  for (const name of headers.keys()) {
    const wrong = headerNameProblem(name);
    if (wrong !== undefined) throw invalid(`${at}: ${JSON.stringify(name)} ${wrong}`);
  }
  return headers;
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

function lookUp(at: string, variable: string, env: ResolveOptions["env"]): string {
  const value = env[variable];
  if (typeof value === "string" && value !== "") return value;
  throw invalid(`${at}: the environment variable ${variable} is not set`);
}

function invalid(message: string): CodexError {
  return new CodexError("invalid_options", message);
}
