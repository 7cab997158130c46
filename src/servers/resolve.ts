/**
 * References of a server to the environment, filled in at the moment of use.
 *
 *   McpServerConfig ──resolve(env)──> headers or variables as they will be sent, and the secrets among them
 *
 * The result holds secrets. It goes to the code that starts or calls the server, and is kept nowhere else.
 *
 * Invariants
 *   V1. A variable that a header needs and that is not set, or empty, is a problem: Codex would silently leave the
 *       header out. One that `env_vars` names and that is not set is left out, as Codex does, and listed in `unset`.
 *   V2. `env` wins over `env_vars`. What every object inherits is not a variable.
 */
import { headerValueProblem } from "../base/http-header.ts";
import { maskVariable } from "../config/show/mask-text.ts";
import type { McpServerConfig, McpServerEnvVar, McpServerTransportConfig } from "../config/server/types.ts";
import type { ServerSet } from "./check.ts";
import { type Outcome, type ServerProblem, unless } from "./problem.ts";

/** The environment of a process. */
export type Variables = Readonly<Record<string, string | undefined>>;

export type ResolvedMcpServer = ResolvedStdioServer | ResolvedHttpServer;

interface Resolved {
  /** Values that must never show in a message of ours. */
  readonly secrets: readonly string[];
}

export interface ResolvedVariables {
  /** What `env` and `env_vars` come to. */
  readonly variables: ReadonlyMap<string, string>;
  /** Names to be looked up where the server runs. */
  readonly remote: readonly string[];
  /** Names of `env_vars` that are not set here (V1). */
  readonly unset: readonly string[];
}

export interface ResolvedStdioServer extends Resolved, ResolvedVariables {
  readonly type: "stdio";
}

export interface ResolvedHttpServer extends Resolved {
  readonly type: "streamable_http";
  /** Of all fields that give headers. */
  readonly headers: ReadonlyMap<string, string>;
}

/** Headers whose values are not secrets: hiding them would shred the messages of other threads. */
const HARMLESS_HEADERS: ReadonlySet<string> = new Set([
  "accept",
  "accept-language",
  "content-type",
  "user-agent",
  "referer",
  "http-referer",
  "x-title",
]);

/** Whether the values of this header are no secrets. */
export function isHarmlessHeader(name: string): boolean {
  return HARMLESS_HEADERS.has(name.toLowerCase());
}

/** @param at the keys of the server, for the problems */
export function resolve(
  { transport, oauth }: McpServerConfig,
  env: Variables,
  at: readonly string[],
): Outcome<ResolvedMcpServer> {
  if (transport.type === "streamable_http") return resolveHttp(transport, oauth?.client_secret, env, at);
  const resolved = resolveVariables(transport, env);
  return { ok: true, value: { type: "stdio", ...resolved, secrets: [...resolved.variables.values()] } };
}

/** Resolves all servers of a set, or yields every problem. @param at the keys the servers stand under */
export function resolveAll(
  { configs }: ServerSet,
  env: Variables,
  at: readonly string[],
): Outcome<ReadonlyMap<string, ResolvedMcpServer>> {
  const resolved = new Map<string, ResolvedMcpServer>();
  const problems: ServerProblem[] = [];
  for (const [name, config] of configs) {
    const result = resolve(config, env, [...at, name]);
    if (result.ok) resolved.set(name, result.value);
    else problems.push(...result.problems);
  }
  return unless(problems, () => resolved);
}

/** The variables of a stdio server. */
export function resolveVariables(
  {
    env: written,
    env_vars = [],
  }: {
    readonly env?: Iterable<readonly [name: string, value: string]> | undefined;
    readonly env_vars?: readonly McpServerEnvVar[] | undefined;
  },
  env: Variables,
): ResolvedVariables {
  const literal = new Map(written);
  const variables = new Map<string, string>();
  const remote: string[] = [];
  const unset: string[] = [];
  for (const entry of env_vars) {
    const { name, source = "local" } = typeof entry === "string" ? { name: entry } : entry;
    const value = variable(env, name);
    // A variable of the executor's machine is looked up there.
    if (source === "remote") remote.push(name);
    else if (value !== undefined) variables.set(name, value);
    else if (!literal.has(name)) unset.push(name);
  }
  for (const [name, value] of literal) variables.set(name, value);
  return { variables, remote, unset };
}

/** A variable of an environment; what every object inherits is not one: `env.constructor` is a function (V2). */
export function variable(env: Variables, name: string): string | undefined {
  // Not by `hasOwn`: Windows does not look at the case, and neither does Node's `process.env` there.
  const value: unknown = env[name];
  return typeof value === "string" ? value : undefined;
}

function resolveHttp(
  transport: McpServerTransportConfig & { readonly type: "streamable_http" },
  clientSecret: string | undefined,
  env: Variables,
  at: readonly string[],
): Outcome<ResolvedHttpServer> {
  const { url, http_headers = [], env_http_headers = [], bearer_token_env_var: bearer } = transport;
  const headers = new Map(http_headers);
  const problems: ServerProblem[] = [];
  const lookUp = (path: readonly string[], name: string, from: string, scheme = ""): void => {
    const value = variable(env, from);
    const what =
      value === undefined || value === ""
        ? `the environment variable ${maskVariable(from)} is not set`
        : headerValueProblem(value);
    if (what !== undefined) problems.push({ path: [...at, ...path], what });
    else headers.set(name, `${scheme}${value}`);
  };
  for (const [name, from] of env_http_headers) lookUp(["env_http_headers", name], name, from);
  if (bearer !== undefined) lookUp(["bearer_token_env_var"], "Authorization", bearer, "Bearer ");
  return unless(problems, () => {
    const secretHeaders = [...headers].filter(([name]) => !isHarmlessHeader(name));
    const secrets = [
      ...secretsOfUrl(url),
      // With and without a scheme such as `Bearer`.
      ...secretHeaders.flatMap(([, value]) => [value, value.replace(/^\S+ /, "")]),
      ...(clientSecret === undefined ? [] : [clientSecret]),
    ];
    return { type: "streamable_http", headers, secrets };
  });
}

/** A part of a path that is no key; whatever else is there may be one. */
const PLAIN_SEGMENT =
  /^(?:|mcp|sse|api|rpc|https?|streams?|streamable|messages?|servers?|tools|public|v\d{1,2}(?:\.\d{1,2})?)$/i;

/**
 * The user, the password, the path and the query of a URL: hosts take their key in each of them, and errors of Codex show the
 * URL. The path is hidden as a whole, because a part of it may be an ordinary word elsewhere. The host stays.
 */
function secretsOfUrl(url: string): string[] {
  const { username, password, pathname, searchParams, search, hash } = new URL(url);
  const raw = search.slice(1).split("&");
  const segments = pathname.split("/");
  const isPlain = segments.every((segment) => PLAIN_SEGMENT.test(segment));
  return [
    ...(password === "" ? [username, safeDecode(username)] : [password, safeDecode(password)]),
    ...(isPlain ? [] : [pathname, safeDecode(pathname), pathname.replace(/\/+$/, "")]),
    // Long and mixed, it is no word. It may be shown without the rest.
    ...segments.filter((segment) => segment.length >= 12 && /\d/.test(segment)),
    ...searchParams.values(),
    ...raw.map((pair) => pair.slice(pair.indexOf("=") + 1)),
    hash.slice(1),
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
