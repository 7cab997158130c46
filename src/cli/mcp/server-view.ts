/**
 * A server in `--json`: Codex's own element of `mcp list --json`, then everything that element leaves out.
 *
 * Invariants
 *   V1. The keys are always the same, in this order; an absent value is null or empty. docs/config.md lists them.
 *   V2. The network is not asked: what only a server could tell is "unknown".
 */
import { disabledReasonText, type EffectiveMcpServer } from "../../config/effective/effective.ts";
import type { Origin } from "../../config/layers/origins.ts";
import type { ConfigProblem } from "../../config/problem.ts";
import { type ConfigProblemJson, problemToJson } from "../../config/show/show-problem.ts";
import { type McpServerConfig, SETTINGS } from "../../config/server/types.ts";
import { maskServer } from "../../config/show/mask-server.ts";
import { type AuthStatus, configuredAuth } from "../../mcp/auth/configured-auth.ts";

export function serverView(
  server: EffectiveMcpServer,
  showSecrets: boolean,
): Readonly<Record<string, unknown>> {
  const { name, status, reason = null, definedIn, plugin } = server;
  const config = server.config === undefined || showSecrets ? server.config : maskServer(server.config);
  const problems = (list: readonly ConfigProblem[]): ConfigProblemJson[] =>
    list.map((problem) => problemToJson(problem, { showSecrets }));
  return {
    name,
    // Valid, switched on and allowed, as Codex means it; `status` says whether it will run.
    enabled: isEnabled(server),
    disabled_reason: disabledReasonText(config?.disabled_reason) ?? null,
    transport: config === undefined ? null : transportView(config),
    startup_timeout_sec: config?.startup_timeout_sec ?? null,
    tool_timeout_sec: config?.tool_timeout_sec ?? null,
    auth_status: inSnakeCase(authStatus(server)),
    status,
    reason,
    ...Object.fromEntries(SETTINGS.map((key) => [key, config?.[key] ?? null])),
    tools: Object.fromEntries(config?.tools ?? []),
    auth: config?.transport.type === "streamable_http" ? config.auth : null,
    plugin: plugin === undefined ? null : { id: plugin.id, display_name: plugin.displayName },
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

/** As far as the configuration tells (V2). */
export function authStatus(server: EffectiveMcpServer): AuthStatus {
  return isEnabled(server) ? (configuredAuth(server.config, process.env) ?? "unknown") : "unsupported";
}

/** As Codex's command writes what its app-server calls `bearerToken`. */
export function inSnakeCase(word: string): string {
  return word.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function originView({ layer, file, line, column }: Origin): Readonly<Record<string, string | number | null>> {
  return { layer, file: file ?? null, line: line ?? null, column: column ?? null };
}
