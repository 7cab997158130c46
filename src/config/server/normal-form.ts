/**
 * A server in Codex's normal form, and as the shortest table that means the same.
 *
 * Invariants
 *   N1. `toNormalForm` has the keys of app-server `config/read` (Codex 0.169), in its order; tables of names are
 *       sorted, because Codex does not keep their order.
 *   N2. Reading `toWritten(config)` yields the same config again.
 *   N3. An empty list that means something (`enabled_tools = []`: no tools) stays.
 */
import { compareBytes } from "../../base/byte-order.ts";
import type {
  McpServerConfig,
  McpServerOAuthConfig,
  McpServerToolConfig,
  McpServerTransportConfig,
  WrittenMcpServer,
} from "./types.ts";
import { LOCAL_ENVIRONMENT_ID } from "./types.ts";

/** What `config/read` shows of one server. Secrets are as they are written. */
export function toNormalForm(config: McpServerConfig): Readonly<Record<string, unknown>> {
  const { transport } = config;
  return defined({
    ...(transport.type === "stdio" ? stdioForm(transport) : httpForm(transport)),
    auth: unless(config.auth, "oauth"),
    environment_id: config.environment_id,
    enabled: config.enabled,
    required: unless(config.required, false),
    startup_readiness: unless(config.startup_readiness, "connection"),
    supports_parallel_tool_calls: unless(config.supports_parallel_tool_calls, false),
    tool_input_schema_max_bytes: config.tool_input_schema_max_bytes,
    omit_tools_from: config.omit_tools_from,
    startup_timeout_sec: config.startup_timeout_sec,
    tool_timeout_sec: config.tool_timeout_sec ?? null,
    default_tools_approval_mode: config.default_tools_approval_mode,
    enabled_tools: config.enabled_tools,
    disabled_tools: config.disabled_tools,
    scopes: config.scopes,
    oauth: config.oauth && oauthForm(config.oauth),
    oauth_resource: config.oauth_resource,
    tools: toolsForm(config.tools),
  });
}

/** The smallest table that means the same. */
export function toWritten(config: McpServerConfig): WrittenMcpServer {
  const { transport } = config;
  // What `config/read` shows is itself a table that means the same; its defaults are left out.
  const { args, enabled, environment_id, tool_timeout_sec, ...rest } = toNormalForm(config);
  const raw = {
    ...rest,
    args: transport.type === "stdio" && transport.args.length > 0 ? args : undefined,
    environment_id: unless(environment_id, LOCAL_ENVIRONMENT_ID),
    enabled: unless(enabled, true),
    tool_timeout_sec: tool_timeout_sec ?? undefined,
    scope: unless(config.scope, "thread"),
    shared_elicitation: unless(config.shared_elicitation, false),
    startup: unless(config.startup, "wait"),
  };
  return defined(raw);
}

function stdioForm(transport: McpServerTransportConfig & { type: "stdio" }): object {
  return {
    command: transport.command,
    args: transport.args,
    env: sorted(transport.env),
    env_vars: transport.env_vars.length === 0 ? undefined : transport.env_vars,
    cwd: transport.cwd,
  };
}

function httpForm(transport: McpServerTransportConfig & { type: "streamable_http" }): object {
  return {
    url: transport.url,
    bearer_token_env_var: transport.bearer_token_env_var,
    http_headers: sorted(transport.http_headers),
    env_http_headers: sorted(transport.env_http_headers),
    http_headers_helper: transport.http_headers_helper,
  };
}

function oauthForm(oauth: McpServerOAuthConfig): object {
  return defined({
    client_id: oauth.client_id,
    client_secret: oauth.client_secret,
    token_endpoint_auth_method: oauth.token_endpoint_auth_method,
    callback_url: oauth.callback_url,
    callback_port: oauth.callback_port,
    authorization_server_issuer: oauth.authorization_server_issuer,
  });
}

function toolsForm(tools: ReadonlyMap<string, McpServerToolConfig>): object | undefined {
  if (tools.size === 0) return undefined;
  const forms = [...tools].map(([name, { approval_mode, output_token_limit }]) => {
    return [name, defined({ approval_mode, output_token_limit })] as const;
  });
  return sorted(new Map(forms));
}

/** By code points, as Rust sorts. `fromEntries` makes `__proto__` a key like any other. */
function sorted<Value>(map: ReadonlyMap<string, Value> | undefined): Record<string, Value> | undefined {
  if (map === undefined) return undefined;
  return Object.fromEntries([...map].sort(([a], [b]) => compareBytes(a, b)));
}

function unless<Value>(value: Value, usual: Value): Value | undefined {
  return value === usual ? undefined : value;
}

/** Without the keys that have no value. */
function defined(object: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
