/**
 * One refresh of a login at its authorization server, as Codex makes it (measured with 0.171): the metadata of the stored issuer, then the
 * stored scopes, the client and the resource with the refresh token.
 *
 * Invariants
 *   N1. What the authorization server will say again is told apart from what may pass: a login that has ended is not tried again.
 *   N2. No error has a token in it, nor an answer as it came.
 */
import {
  type AuthorizationServerMetadata,
  OAuthError,
  type OAuthTokens,
  refreshAuthorization,
} from "@modelcontextprotocol/client";
import { wallTime } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { toLogLine } from "../../base/log-line.ts";
import { Redactor } from "../../base/redact.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import { authorizationServerOf, discoverLogin, isSafe, shown } from "./discovery.ts";
import { LoginError } from "./login-error.ts";
import { type OAuthHttp, oauthFetch, OAuthRequestError } from "./oauth-fetch.ts";
import type { StoredLogin } from "./stored-login.ts";

/** The login cannot be refreshed any more: a person has to log in again. */
export class LoginEnded extends Error {
  override readonly name = "LoginEnded";
}

const SAID_CHARS_MAX = 200;
/** RFC 6749, 5.2: of the grant, and of the client. */
const FINAL: ReadonlySet<string> = new Set(["invalid_grant", "invalid_client", "unauthorized_client"]);

/**
 * @returns the login with its new tokens; what the answer does not say is kept
 * @throws {LoginEnded} (N1)
 * @throws {LoginError} `unreachable`, `rejected`, `bad_metadata`: it may work later
 * @throws the signal's reason
 */
export async function requestRefresh(
  login: StoredLogin,
  config: McpServerConfig,
  http: OAuthHttp,
): Promise<StoredLogin> {
  const { server, url, clientId, clientAuthMethod, refreshToken, scopes } = login;
  if (refreshToken === undefined || refreshToken.trim() === "")
    throw new LoginEnded("the authorization server gave no refresh token with it");
  const { issuer, metadata } = await placeOf(login, http);
  const clientSecret = secretOf(login, config);
  const tokens = await refreshAuthorization(issuer, {
    ...(metadata === undefined ? {} : { metadata }),
    clientInformation: {
      client_id: clientId,
      ...(clientSecret === undefined ? {} : { client_secret: clientSecret }),
      ...(clientAuthMethod === undefined ? {} : { token_endpoint_auth_method: clientAuthMethod }),
    },
    refreshToken,
    ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") }),
    resource: login.resource ?? config.oauth_resource ?? url,
    fetchFn: oauthFetch(http),
  }).catch((error: unknown) => {
    http.signal.throwIfAborted();
    throw readError(server, error, [login.accessToken, refreshToken, clientSecret]);
  });
  return withTokens(login, tokens);
}

/** @throws {LoginError} `bad_metadata` where a refresh token would go out in the open (V2 of discovery.ts) */
async function placeOf(
  { server, url, issuer }: StoredLogin,
  http: OAuthHttp,
): Promise<{ readonly issuer: string; readonly metadata: AuthorizationServerMetadata | undefined }> {
  // An older Codex did not write it down.
  const metadata =
    issuer === undefined
      ? (await discoverLogin({ server, url, http }))?.metadata
      : await authorizationServerOf(server, issuer, http);
  const found = issuer ?? metadata?.issuer ?? new URL("/", url).href;
  const endpoint = metadata?.token_endpoint ?? found;
  if (isSafe(endpoint)) return { issuer: found, metadata };
  const what = `the token endpoint of its authorization server, ${shown(endpoint)}, is not https`;
  throw new LoginError("bad_metadata", server, `MCP server "${server}": ${what}`);
}

/** That of a configured client is not kept with the login. */
function secretOf({ clientId, clientSecret }: StoredLogin, { oauth }: McpServerConfig): string | undefined {
  return clientSecret ?? (oauth?.client_id === clientId ? oauth.client_secret : undefined);
}

function withTokens(login: StoredLogin, tokens: OAuthTokens): StoredLogin {
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: seconds, scope } = tokens;
  return {
    ...login,
    accessToken,
    refreshToken: refreshToken ?? login.refreshToken,
    expiresAt: seconds === undefined ? undefined : wallTime() + Number(seconds) * 1000,
    scopes: scope === undefined || scope === "" ? login.scopes : scope.split(" "),
  };
}

function readError(server: string, error: unknown, secrets: readonly (string | undefined)[]): Error {
  if (error instanceof OAuthRequestError)
    return new LoginError("unreachable", server, error.message, { cause: error });
  // Not as the cause: the SDK's error may quote an answer.
  if (!(error instanceof OAuthError)) {
    const what = "the authorization server answered with something else than tokens";
    return new LoginError("rejected", server, what);
  }
  const redactor = new Redactor();
  for (const secret of secrets) if (secret !== undefined) redactor.add(secret);
  // With this code, the SDK also tells of an answer that is no error of OAuth.
  const description = error.code === "server_error" ? "" : messageOf(error);
  const said = toLogLine(
    `${error.code}${description === "" ? "" : `: ${description}`}`,
    redactor,
    SAID_CHARS_MAX,
  );
  if (FINAL.has(error.code)) return new LoginEnded(`the authorization server answered ${said}`);
  return new LoginError("rejected", server, `the authorization server answered ${said}`);
}
