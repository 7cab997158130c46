/** Where a login of the command ends: as Codex has it, so that a client that is registered for Codex counts here too. */
import { createHash } from "node:crypto";
import type { OAuthSettings } from "../../config/layers/oauth-settings.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import { isSafe } from "../../mcp/auth/discovery.ts";
import { CallbackListener, LoginError } from "../../mcp/index.ts";

export interface CallbackPlace extends AsyncDisposable {
  readonly listener: CallbackListener;
  /** What the authorization server is told: another address where the configuration has one. */
  readonly redirectUrl: string;
  /** The same for a client that the configuration will name. */
  readonly redirectUrlOfClient: string;
}

const LOOPBACK = /^(?:localhost|127\.0\.0\.1)$/;

/**
 * The keys of the server count before those of the root (`mcp_oauth_callback_…`).
 *
 * @throws {LoginError} `invalid_server` for an address that no login may end at
 * @throws {Error} when the port is taken
 */
export async function callbackPlace(
  server: string,
  config: McpServerConfig,
  settings: OAuthSettings,
): Promise<CallbackPlace> {
  const { oauth = {}, transport } = config;
  const written = oauth.callback_url ?? settings.callbackUrl;
  if (written !== undefined && !isSafe(written)) {
    const key = oauth.callback_url === undefined ? "mcp_oauth_callback_url" : "oauth.callback_url";
    const what = `MCP server "${server}": ${key} has to be an https URL, or one of this machine`;
    throw new LoginError("invalid_server", server, what);
  }
  const url = written === undefined ? undefined : (URL.parse(written) ?? undefined);
  // An address of this machine that has a port is one to listen on.
  const own = url !== undefined && LOOPBACK.test(url.hostname) && url.port !== "" ? Number(url.port) : 0;
  const serverUrl = transport.type === "streamable_http" ? transport.url : "";
  const pathOfClient = `/callback/${idOf(serverUrl)}`;
  const listener = await CallbackListener.start({
    port: oauth.callback_port ?? settings.callbackPort ?? own,
    path: url?.pathname ?? (oauth.client_id === undefined ? undefined : pathOfClient),
  });
  return {
    listener,
    redirectUrl: written ?? listener.redirectUrl,
    redirectUrlOfClient: written ?? new URL(pathOfClient, listener.redirectUrl).href,
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
}

/** Measured with 0.171. */
function idOf(url: string): string {
  return createHash("sha256").update(url).digest("base64url").slice(0, 12);
}
