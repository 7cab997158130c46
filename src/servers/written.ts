/** MCP servers as a host writes them in code: the keys of `[mcp_servers.<name>]`, by name. */
import type {
  AppToolApproval,
  HttpServerKey,
  StdioServerKey,
  WrittenMcpServer,
} from "../config/server/types.ts";

/** What both transports have. Times are in seconds. Where Codex runs the servers, it shares none, and `scope` has no effect. */
export interface McpServerRules
  extends Omit<WrittenMcpServer, StdioServerKey | HttpServerKey | "bearer_token" | "name"> {
  /**
   * When Codex asks before a call. @default "approve" where the thread's approval policy is "never" (nobody could
   * be asked, and the host chose the server), otherwise Codex's own "auto"
   */
  readonly default_tools_approval_mode?: AppToolApproval;
}

/** Keys of the other transport: to give one of them does not compile, as the check at run time rejects it. */
type Without<Keys extends string> = { readonly [Key in Keys]?: undefined };

/** A server that Codex starts as a process and speaks to over its stdin and stdout. */
export interface McpStdioServerInput
  extends McpServerRules,
    Pick<WrittenMcpServer, StdioServerKey>,
    Without<HttpServerKey | "headers"> {
  /** The program to start, found in PATH. */
  readonly command: string;
}

/** A server that is reached over streamable HTTP. */
export interface McpHttpServerInput
  extends McpServerRules,
    Pick<WrittenMcpServer, HttpServerKey>,
    Without<StdioServerKey> {
  /** The endpoint: an http or https URL. */
  readonly url: string;
  /** Another spelling of `http_headers`; give one of them. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A server as a host writes it: the keys of `[mcp_servers.<name>]` (`config/schema/server-keys.ts` says what each means). */
export type McpServerInput = McpStdioServerInput | McpHttpServerInput;
export type McpServers = Readonly<Record<string, McpServerInput>>;
