/**
 * A server in `--json`: Codex's own element of `mcp list --json`, then everything that element leaves out.
 *
 * Invariants
 *   V1. The keys are always the same, in this order; an absent value is null or empty. docs/config.md lists them.
 *   V2. Neither the network nor the environment is asked: what only a server could tell is "unknown".
 */
import { disabledReasonText, type EffectiveMcpServer } from "../../config/effective/effective.ts";
import type { Origin } from "../../config/layers/origins.ts";
import type { ConfigProblem } from "../../config/problem.ts";
import { type ConfigProblemJson, problemToJson } from "../../config/show/show-problem.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import { maskServer } from "../../config/show/mask-server.ts";

export interface OriginView {
  readonly layer: string;
  readonly file: string | null;
  readonly line: number | null;
  readonly column: number | null;
}

export interface ServerView {
  readonly name: string;
  /** Whether it is valid, switched on and allowed, as Codex means it; `status` says whether it will run. */
  readonly enabled: boolean;
  readonly disabled_reason: string | null;
  /** Null for an invalid server. */
  readonly transport: Readonly<Record<string, unknown>> | null;
  readonly startup_timeout_sec: number | null;
  readonly tool_timeout_sec: number | null;
  readonly auth_status: "unsupported" | "bearer_token" | "unknown";
  readonly status: EffectiveMcpServer["status"];
  readonly reason: string | null;
  readonly environment_id: string | null;
  readonly scope: string | null;
  readonly required: boolean | null;
  readonly startup_readiness: string | null;
  readonly supports_parallel_tool_calls: boolean | null;
  readonly default_tools_approval_mode: string | null;
  readonly tools: Readonly<Record<string, unknown>>;
  readonly enabled_tools: readonly string[] | null;
  readonly disabled_tools: readonly string[] | null;
  readonly omit_tools_from: readonly string[] | null;
  readonly tool_input_schema_max_bytes: number | null;
  /** Null for stdio. */
  readonly auth: string | null;
  readonly scopes: readonly string[] | null;
  readonly oauth: Readonly<Record<string, unknown>> | null;
  readonly oauth_resource: string | null;
  readonly origin: OriginView | null;
  /** By key, nested ones dotted: `env.TOKEN`. */
  readonly origins: Readonly<Record<string, OriginView>>;
  readonly errors: readonly ConfigProblemJson[];
  readonly warnings: readonly ConfigProblemJson[];
}

export function serverView(server: EffectiveMcpServer, showSecrets: boolean): ServerView {
  const { name, status, reason = null, definedIn } = server;
  const config = server.config === undefined || showSecrets ? server.config : maskServer(server.config);
  const problems = (list: readonly ConfigProblem[]): ConfigProblemJson[] =>
    list.map((problem) => problemToJson(problem, { showSecrets }));
  return {
    name,
    enabled: isEnabled(server),
    disabled_reason: disabledReasonText(config?.disabled_reason) ?? null,
    transport: config === undefined ? null : transportView(config),
    startup_timeout_sec: config?.startup_timeout_sec ?? null,
    tool_timeout_sec: config?.tool_timeout_sec ?? null,
    auth_status: authStatus(server),
    status,
    reason,
    environment_id: config?.environment_id ?? null,
    scope: config?.scope ?? null,
    required: config?.required ?? null,
    startup_readiness: config?.startup_readiness ?? null,
    supports_parallel_tool_calls: config?.supports_parallel_tool_calls ?? null,
    default_tools_approval_mode: config?.default_tools_approval_mode ?? null,
    tools: Object.fromEntries(config?.tools ?? []),
    enabled_tools: config?.enabled_tools ?? null,
    disabled_tools: config?.disabled_tools ?? null,
    omit_tools_from: config?.omit_tools_from ?? null,
    tool_input_schema_max_bytes: config?.tool_input_schema_max_bytes ?? null,
    auth: config?.transport.type === "streamable_http" ? config.auth : null,
    scopes: config?.scopes ?? null,
    oauth: config?.oauth === undefined ? null : { ...config.oauth },
    oauth_resource: config?.oauth_resource ?? null,
    origin: definedIn === undefined ? null : originView(definedIn),
    origins: Object.fromEntries([...server.origins].map(([key, origin]) => [key, originView(origin)])),
    errors: problems(server.errors),
    warnings: problems(server.warnings),
  };
}

function isEnabled({ status }: EffectiveMcpServer): boolean {
  return status === "enabled" || status === "unstartable";
}

function transportView({ transport }: McpServerConfig): Readonly<Record<string, unknown>> {
  if (transport.type === "stdio") {
    const { type, command, args, env, env_vars, cwd = null } = transport;
    return { type, command, args, env: mapView(env), env_vars, cwd };
  }
  const { type, url, bearer_token_env_var = null, http_headers_helper = null } = transport;
  const { http_headers, env_http_headers } = transport;
  return {
    type,
    url,
    bearer_token_env_var,
    http_headers: mapView(http_headers),
    env_http_headers: mapView(env_http_headers),
    http_headers_helper,
  };
}

function mapView(map: ReadonlyMap<string, string> | undefined): Readonly<Record<string, string>> | null {
  return map === undefined ? null : Object.fromEntries(map);
}

/** Codex's `auth_status`, as far as the configuration tells (V2). */
function authStatus(server: EffectiveMcpServer): ServerView["auth_status"] {
  const transport = server.config?.transport;
  if (!isEnabled(server) || transport?.type !== "streamable_http") return "unsupported";
  const headers = [...(transport.http_headers?.keys() ?? []), ...(transport.env_http_headers?.keys() ?? [])];
  const isBearer =
    transport.bearer_token_env_var !== undefined ||
    headers.some((header) => header.toLowerCase() === "authorization");
  return isBearer ? "bearer_token" : "unknown";
}

function originView({ layer, file, line, column }: Origin): OriginView {
  return { layer, file: file ?? null, line: line ?? null, column: column ?? null };
}
