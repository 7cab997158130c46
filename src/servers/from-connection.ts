/** A server as a host writes it, from what the host holds: a connection, and not a configuration. */
import type { McpHttpServerInput } from "./written.ts";

/** What a host knows of a connection to an MCP server. What is absent, `null` or empty is not sent. */
export interface McpConnection {
  /** Where the server is: an http or https URL. */
  readonly url: string | URL;
  /** `Mcp-Session-Id`: the session to join. Without it, the server gives out a session of its own. */
  readonly sessionId?: string | null | undefined;
  /** `Authorization`, whole: `Bearer …`. */
  readonly authorization?: string | null | undefined;
  /** `User-Agent`. */
  readonly userAgent?: string | null | undefined;
  /** `X-Title`: the name of the application. */
  readonly title?: string | null | undefined;
  /** `Referer`, and `HTTP-Referer`, as some services spell it: the address of the application. */
  readonly referer?: string | null | undefined;
}

/** A server of a connection: an entry of `mcp_servers` in a run, and of `mcpServers` in the library. */
export interface McpConnectionServer extends McpHttpServerInput {
  readonly headers: Readonly<Record<string, string>>;
}

/** The server behind a connection, with the connection's headers. They are sent with every request to it. */
export function mcpServerFrom(connection: McpConnection): McpConnectionServer {
  const { url, sessionId, authorization, userAgent, title, referer } = connection;
  const headers = Object.entries({
    "Mcp-Session-Id": sessionId,
    Authorization: authorization,
    "User-Agent": userAgent,
    "X-Title": title,
    Referer: referer,
    "HTTP-Referer": referer,
  }).filter((header): header is [string, string] => (header[1] ?? "") !== "");
  return { url: String(url), headers: Object.fromEntries(headers) };
}
