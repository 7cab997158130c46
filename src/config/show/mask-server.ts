/** A server as it may be shown: its environment, headers and helper masked whole, its other values where they look like a secret. */
import { MASK, maskArgs, maskText, maskUrl, maskVariable } from "./mask-text.ts";
import type { McpServerConfig, McpServerOAuthConfig, McpServerTransportConfig } from "../server/types.ts";

/** A server with every secret masked. */
export function maskServer(config: McpServerConfig): McpServerConfig {
  const { transport, oauth } = config;
  return {
    ...config,
    transport: maskTransport(transport),
    ...(oauth === undefined ? {} : { oauth: maskOauth(oauth) }),
    ...(config.oauth_resource === undefined ? {} : { oauth_resource: maskUrl(config.oauth_resource) }),
  };
}

function maskOauth(oauth: McpServerOAuthConfig): McpServerOAuthConfig {
  return {
    ...oauth,
    ...(oauth.client_secret === undefined ? {} : { client_secret: MASK }),
    ...(oauth.callback_url === undefined ? {} : { callback_url: maskUrl(oauth.callback_url) }),
  };
}

function maskTransport(transport: McpServerTransportConfig): McpServerTransportConfig {
  if (transport.type === "stdio") {
    const { env, env_vars } = transport;
    const words = maskArgs([transport.command, ...transport.args]);
    return {
      ...transport,
      command: words[0] ?? "",
      args: words.slice(1),
      env_vars: env_vars.map((entry) =>
        typeof entry === "string" ? maskVariable(entry) : { ...entry, name: maskVariable(entry.name) },
      ),
      ...(env === undefined ? {} : { env: maskValues(env) }),
    };
  }
  const { http_headers, env_http_headers, http_headers_helper, bearer_token_env_var } = transport;
  return {
    ...transport,
    url: maskText(maskUrl(transport.url)),
    ...(bearer_token_env_var === undefined
      ? {}
      : { bearer_token_env_var: maskVariable(bearer_token_env_var) }),
    ...(http_headers === undefined ? {} : { http_headers: maskValues(http_headers) }),
    ...(env_http_headers === undefined
      ? {}
      : { env_http_headers: new Map([...env_http_headers].map(([key, name]) => [key, maskVariable(name)])) }),
    ...(http_headers_helper === undefined ? {} : { http_headers_helper: MASK }),
  };
}

function maskValues(map: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...map.keys()].map((key) => [key, MASK]));
}
