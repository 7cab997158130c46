/** MCP servers as a host writes them in code: the keys of `[mcp_servers.<name>]`, by name. */
import type { AppToolApproval, WrittenMcpServer } from "../config/server/types.ts";

/** What both transports have. Times are in seconds. */
export interface McpServerRules
  extends Pick<
    WrittenMcpServer,
    | "required"
    | "enabled"
    | "startup_timeout_sec"
    | "startup_timeout_ms"
    | "tool_timeout_sec"
    | "enabled_tools"
    | "disabled_tools"
    | "supports_parallel_tool_calls"
    | "tools"
    | "startup_readiness"
    | "omit_tools_from"
    | "tool_input_schema_max_bytes"
    | "environment_id"
  > {
  /**
   * When Codex asks before a call. @default "approve" where the thread's approval policy is "never" (nobody could
   * be asked, and the host chose the server), otherwise Codex's own "auto"
   */
  readonly default_tools_approval_mode?: AppToolApproval;
}

/** A server that Codex starts as a process and speaks to over its stdin and stdout. */
export interface McpStdioServerInput
  extends McpServerRules,
    Pick<WrittenMcpServer, "args" | "env" | "env_vars" | "cwd"> {
  readonly command: string;
}

/** A server that is reached over streamable HTTP. */
export interface McpHttpServerInput
  extends McpServerRules,
    Pick<
      WrittenMcpServer,
      | "http_headers"
      | "env_http_headers"
      | "bearer_token_env_var"
      | "http_headers_helper"
      | "auth"
      | "scopes"
      | "oauth"
      | "oauth_resource"
    > {
  readonly url: string;
  /** Another spelling of `http_headers`; give one of them. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A server as a host writes it: the keys of `[mcp_servers.<name>]` (`config/schema/server-keys.ts` says what each means). */
export type McpServerInput = McpStdioServerInput | McpHttpServerInput;
export type McpServers = Readonly<Record<string, McpServerInput>>;
