/**
 * An MCP server as it is written (`WrittenMcpServer`) and with its defaults filled in (`McpServerConfig`).
 *
 * The keys are Codex 0.169's own, spelled as in its TOML; those marked as ours Codex does not know.
 */

/** When a tool call needs approval. Codex's words. */
export type AppToolApproval = "auto" | "prompt" | "writes" | "approve";
export type McpServerAuth = "oauth" | "chatgpt" | "ema_auth";
export type McpStartupReadiness = "connection" | "catalog";
export type McpToolSurface = "code_mode" | "deferred" | "direct";
/** Who may share a connection. */
export type McpServerScope = "thread" | "project" | "principal" | "host";
/** How a thread begins with a server: a server in the `background` joins when it is ready, unless it is `required`. */
export type McpServerStartup = "wait" | "background";

/** A variable of the environment that a stdio server is given, by name. A plain name is looked up on this machine. */
export type McpServerEnvVar = string | { readonly name: string; readonly source?: "local" | "remote" };

export interface McpServerToolConfig {
  /** When a call of this tool needs approval; it wins over default_tools_approval_mode. */
  readonly approval_mode?: AppToolApproval;
  /** How many tokens of this tool's output the model is given at most. At least 1. */
  readonly output_token_limit?: number;
}

export interface McpServerOAuthConfig {
  /** The id of a client that is registered with the authorization server. */
  readonly client_id?: string;
  /** The secret of that client; it needs client_id. */
  readonly client_secret?: string;
  /** How the client proves itself to the token endpoint; only with auth = "ema_auth". */
  readonly token_endpoint_auth_method?: "client_secret_basic" | "client_secret_post";
  /** The redirect URI of the login, where the listener's own address will not do. */
  readonly callback_url?: string;
  /** The issuer of the authorization server; only with auth = "ema_auth". */
  readonly authorization_server_issuer?: string;
  /** The port the login listens on; 0 takes a free one. At most 65535. */
  readonly callback_port?: number;
}

/** What may be written under `[mcp_servers.<name>]`: the 30 fields of Codex 0.169, and ours. */
export interface WrittenMcpServer {
  /** The program to start, found in PATH; it makes the server a stdio server. */
  readonly command?: string;
  /** The arguments of the program. */
  readonly args?: readonly string[];
  /** Variables the program is given, as written; nothing in them is expanded. */
  readonly env?: Readonly<Record<string, string>>;
  /** Names of variables that are passed on to the program; one that is not set is left out. */
  readonly env_vars?: readonly McpServerEnvVar[];
  /** The folder the program starts in; a relative one is joined to the thread's working directory. */
  readonly cwd?: string;
  /** The endpoint; it makes the server a streamable HTTP server. */
  readonly url?: string;
  /** The name of the variable that holds the bearer token. */
  readonly bearer_token_env_var?: string;
  /** Always rejected: secrets do not belong in a file. Use bearer_token_env_var. */
  readonly bearer_token?: string;
  /** Headers of every request, as written. */
  readonly http_headers?: Readonly<Record<string, string>>;
  /** Headers of every request, each with the name of the variable that holds its value. */
  readonly env_http_headers?: Readonly<Record<string, string>>;
  /** A shell command that prints a JSON object of headers; only for servers reached from this machine. */
  readonly http_headers_helper?: string;
  /** How to log in to the server. */
  readonly auth?: McpServerAuth;
  /** Settings of the OAuth login. */
  readonly oauth?: McpServerOAuthConfig;
  /** The OAuth resource a login is for. */
  readonly oauth_resource?: string;
  /** The OAuth scopes a login asks for. */
  readonly scopes?: readonly string[];
  /** Where the server runs: local, or the id of an executor. */
  readonly environment_id?: string;
  /** Whether the server is used at all. */
  readonly enabled?: boolean;
  /** Whether a thread fails when the server does not start. */
  readonly required?: boolean;
  /** How long the server may take to start, in seconds; 30 if unset. */
  readonly startup_timeout_sec?: number;
  /** The same in milliseconds; it counts only without startup_timeout_sec. */
  readonly startup_timeout_ms?: number;
  /** How long a call may take, in seconds; 300 if unset. */
  readonly tool_timeout_sec?: number;
  /** When the server counts as ready: with its connection, or with a cached catalog of its tools. */
  readonly startup_readiness?: McpStartupReadiness;
  /** Whether calls of its tools may overlap. */
  readonly supports_parallel_tool_calls?: boolean;
  /** The size from which the input schema of a tool is compacted; 5000 if unset. */
  readonly tool_input_schema_max_bytes?: number;
  /** Where its tools are not offered. */
  readonly omit_tools_from?: readonly McpToolSurface[];
  /** When a call of one of its tools needs approval. */
  readonly default_tools_approval_mode?: AppToolApproval;
  /** The only tools that are offered; all if unset, none if empty. */
  readonly enabled_tools?: readonly string[];
  /** Tools that are not offered; it wins over enabled_tools. */
  readonly disabled_tools?: readonly string[];
  /** Rules for single tools, by their declared name. */
  readonly tools?: Readonly<Record<string, McpServerToolConfig>>;
  /** An old display name; it is ignored. */
  readonly name?: string;
  /** Who may share a connection to the server. Ours: Codex has no such key. */
  readonly scope?: McpServerScope;
  /** Whether a shared stdio server of the 2025 protocol may ask questions; its calls then run one at a time. Ours, as `scope`. */
  readonly shared_elicitation?: boolean;
  /** How a thread begins: it waits for the server, or goes on, and the server joins when it is ready. Ours, as `scope`. */
  readonly startup?: McpServerStartup;
}

/** The keys that only a stdio server may have. */
export type StdioServerKey = "command" | "args" | "env" | "env_vars" | "cwd";
/** The keys that only a streamable HTTP server may have, and `scopes`, which means nothing on stdio. */
export type HttpServerKey =
  | "url"
  | "bearer_token_env_var"
  | "http_headers"
  | "env_http_headers"
  | "http_headers_helper"
  | "auth"
  | "oauth"
  | "oauth_resource"
  | "scopes";

/** A server as written, while it is put together. */
export type DraftMcpServer = { -readonly [Key in keyof WrittenMcpServer]: WrittenMcpServer[Key] };

export type McpServerTransportConfig =
  | {
      readonly type: "stdio";
      /** May be empty in a file, as in Codex; rejected at start. */
      readonly command: string;
      readonly args: readonly string[];
      readonly env?: ReadonlyMap<string, string>;
      readonly env_vars: readonly McpServerEnvVar[];
      /** As written. Relative to the thread's working directory (Codex), not to the file. */
      readonly cwd?: string;
    }
  | {
      readonly type: "streamable_http";
      /** As written: any text in a file, as in Codex; rejected at start when it is not an http URL. */
      readonly url: string;
      readonly bearer_token_env_var?: string;
      readonly http_headers?: ReadonlyMap<string, string>;
      /** Header to the variable that holds its value. */
      readonly env_http_headers?: ReadonlyMap<string, string>;
      /** A shell command that prints a JSON object of headers. */
      readonly http_headers_helper?: string;
    };

/** Why a server that is configured will not run. */
export type McpServerDisabledReason =
  /** `enabled = false` is written. */
  | { readonly type: "by_hand" }
  /** A requirements file does not allow it. */
  | { readonly type: "requirements"; readonly source: string }
  /** Codex gives no reason, as with a login that an enterprise manages; ours is in `EffectiveMcpServer.reason`. */
  | { readonly type: "unknown" };

/** A server as it is meant: defaults filled in, every combination possible. */
export interface McpServerConfig {
  readonly transport: McpServerTransportConfig;
  /** Where it runs. @default "local" */
  readonly environment_id: string;
  /** @default true */
  readonly enabled: boolean;
  /** There if, and only if, it is not enabled. */
  readonly disabled_reason?: McpServerDisabledReason;
  /** @default false */
  readonly required: boolean;
  /** Seconds, to the nanosecond. Unset: 30 at run time (Codex 0.169, measured). */
  readonly startup_timeout_sec?: number;
  /** Seconds, to the nanosecond. Unset: 300 at run time (Codex 0.169, measured). */
  readonly tool_timeout_sec?: number;
  /** @default "connection" */
  readonly startup_readiness: McpStartupReadiness;
  /** @default false */
  readonly supports_parallel_tool_calls: boolean;
  /** Unset: 5000 at run time (Codex). */
  readonly tool_input_schema_max_bytes?: number;
  readonly omit_tools_from?: readonly McpToolSurface[];
  readonly default_tools_approval_mode?: AppToolApproval;
  /** Unset: all. Empty: none. */
  readonly enabled_tools?: readonly string[];
  /** Taken away from `enabled_tools`. */
  readonly disabled_tools?: readonly string[];
  readonly tools: ReadonlyMap<string, McpServerToolConfig>;
  /** Kept on stdio servers too, as Codex does, where it means nothing. */
  readonly scopes?: readonly string[];
  /** @default "oauth" */
  readonly auth: McpServerAuth;
  readonly oauth?: McpServerOAuthConfig;
  readonly oauth_resource?: string;
  /** Ours. @default "thread" */
  readonly scope: McpServerScope;
  /** Ours. @default false */
  readonly shared_elicitation: boolean;
  /** Ours. @default "wait" */
  readonly startup: McpServerStartup;
}

/** Whether a thread begins without waiting for it. */
export function isInBackground({ startup, required }: McpServerConfig): boolean {
  return startup === "background" && !required;
}

/** The environment of a server without `environment_id`: this machine. */
export const LOCAL_ENVIRONMENT_ID = "local";

/** What a server has besides its transport, its time-outs, and whether it is enabled. */
export type McpServerSetting = Exclude<
  keyof McpServerConfig,
  "transport" | "enabled" | "disabled_reason" | "startup_timeout_sec" | "tool_timeout_sec"
>;

const SETTING_ORDER: Readonly<Record<McpServerSetting, true>> = {
  environment_id: true,
  scope: true,
  shared_elicitation: true,
  startup: true,
  required: true,
  startup_readiness: true,
  supports_parallel_tool_calls: true,
  default_tools_approval_mode: true,
  tools: true,
  enabled_tools: true,
  disabled_tools: true,
  omit_tools_from: true,
  tool_input_schema_max_bytes: true,
  auth: true,
  scopes: true,
  oauth: true,
  oauth_resource: true,
};
/** All settings, in the order in which JSON shows them. A new one does not compile without its place here. */
export const SETTINGS: readonly McpServerSetting[] = Object.keys(SETTING_ORDER) as McpServerSetting[];
