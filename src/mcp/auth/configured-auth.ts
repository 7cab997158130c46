/** What the configuration tells of how a server is authorized. Apart, because commands that ask nobody load nothing of MCP's SDK. */
import type { McpServerConfig } from "../../config/server/types.ts";
import type { Variables } from "../../servers/resolve.ts";

/**
 * As on the wire of Codex's app-server.
 *
 * - `unsupported`: it takes no login: it is a program, is switched off, or says nothing of a login
 * - `bearerToken`: its configuration has a token or an `Authorization` header
 * - `oAuth`: there is a login
 * - `notLoggedIn`: it takes a login, and there is none
 * - `unknown`: it could not be asked, or was not
 */
export type AuthStatus = "unknown" | "unsupported" | "notLoggedIn" | "bearerToken" | "oAuth";

/** As far as the configuration tells. @returns `undefined` where a login would be used */
export function configuredAuth(
  config: McpServerConfig | undefined,
  env: Variables,
): "unsupported" | "bearerToken" | undefined {
  const transport = config?.transport;
  if (transport?.type !== "streamable_http" || config?.enabled === false) return "unsupported";
  if (transport.bearer_token_env_var !== undefined || hasUser(transport.url)) return "bearerToken";
  const isAuthorization = (name: string): boolean => name.toLowerCase() === "authorization";
  // A header whose variable is not set is not sent.
  const fromVariables = [...(transport.env_http_headers ?? [])].filter(
    ([, name]) => (env[name] ?? "") !== "",
  );
  const names = [...(transport.http_headers?.keys() ?? []), ...fromVariables.map(([name]) => name)];
  return names.some(isAuthorization) ? "bearerToken" : undefined;
}

function hasUser(url: string): boolean {
  const { username = "", password = "" } = URL.parse(url) ?? {};
  return username !== "" || password !== "";
}
