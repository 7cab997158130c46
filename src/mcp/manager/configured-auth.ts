/** How a server is authorized, as far as its configuration and its answers tell: nothing is asked for it. */
import type { McpServerConfig } from "../../config/server/types.ts";
import type { ServerStatus } from "../connection/status.ts";

/**
 * Codex's words for it on the wire of its app-server.
 *
 * - `unsupported`: it takes no login: it is a program, or is switched off
 * - `bearerToken`: its configuration has a token or an `Authorization` header
 * - `oAuth`: there is a login
 * - `notLoggedIn`: it wants a login, and there is none
 * - `unknown`: only the server could tell
 */
export type AuthStatus = "unknown" | "unsupported" | "notLoggedIn" | "bearerToken" | "oAuth";

export function configuredAuth(
  config: McpServerConfig | undefined,
  state: ServerStatus["state"],
): AuthStatus {
  const transport = config?.transport;
  if (transport?.type !== "streamable_http" || state === "disabled") return "unsupported";
  const headers = [...(transport.http_headers?.keys() ?? []), ...(transport.env_http_headers?.keys() ?? [])];
  const isBearer =
    transport.bearer_token_env_var !== undefined ||
    headers.some((header) => header.toLowerCase() === "authorization");
  if (isBearer) return "bearerToken";
  return state === "needs_login" ? "notLoggedIn" : "unknown";
}
