/**
 * From an MCP server to its authorization server (RFC 9728, RFC 8414, OpenID Connect Discovery), as the authorization texts of
 * the revisions 2025-11-25 and 2026-07-28 have it.
 *
 *   challenge ──> metadata of the resource ──> authorization server ──> its metadata, checked
 *                     └── none: the origin of the server is asked (2025-03-26)
 *
 * Invariants
 *   V1. Metadata is used only of the resource and the issuer that it was asked for.
 *   V2. Without PKCE (S256), or with an endpoint that is neither https nor of this machine, there is no login.
 *   V3. An answer that breaks off, is late, or is an error of the server is no absence: the login fails instead of going elsewhere.
 */
import {
  type AuthorizationServerMetadata,
  checkResourceAllowed,
  discoverAuthorizationServerMetadata,
  discoverOAuthProtectedResourceMetadata,
  IssuerMismatchError,
  type OAuthProtectedResourceMetadata,
  resourceUrlFromServerUrl,
} from "@modelcontextprotocol/client";
import { toLogLine } from "../../base/log-line.ts";
import type { LoginWanted } from "../errors.ts";
import { loginWanted } from "../http/challenge.ts";
import { LoginError } from "./login-error.ts";
import { type OAuthHttp, oauthFetch, OAuthRequestError } from "./oauth-fetch.ts";

/** Where a login to a server is made. */
export interface LoginPlace {
  readonly metadata: AuthorizationServerMetadata;
  /** The resource indicator (RFC 8707). */
  readonly resource: string;
  /** Those that the resource says it has. */
  readonly scopes: readonly string[];
}

export interface DiscoveryOptions {
  /** Its name, for messages. */
  readonly server: string;
  readonly url: string;
  readonly wanted?: LoginWanted | undefined;
  /** The resource as configured; it is then not taken from the metadata. */
  readonly resource?: string | undefined;
  readonly http: OAuthHttp;
}

/** What a server and its authorization server say of themselves. */
export interface LoginDescription {
  /** Of the server, where it publishes any. */
  readonly resource: OAuthProtectedResourceMetadata | undefined;
  readonly metadata: AuthorizationServerMetadata;
}

/**
 * @returns `undefined` when neither the server nor its origin says anything about a login
 * @throws {LoginError} `bad_metadata`, `unreachable`
 * @throws the signal's reason
 */
export async function discoverLogin(options: DiscoveryOptions): Promise<LoginPlace | undefined> {
  const { server, url, resource } = options;
  const found = await describedLogin(options);
  if (found === undefined) return undefined;
  const { resource: described, metadata } = found;
  if (described !== undefined && described.resource !== resource && !isOf(described.resource, url))
    throw bad(server, `describes itself as another resource: ${shown(described.resource)}`);
  assertSafe(server, metadata);
  return {
    metadata,
    resource: resource ?? described?.resource ?? resourceUrlFromServerUrl(url).href,
    scopes: described?.scopes_supported ?? [],
  };
}

/**
 * The same before it is asked whether a login there would be safe.
 *
 * @throws {LoginError} `bad_metadata`, `unreachable`
 * @throws the signal's reason
 */
export async function describedLogin(options: DiscoveryOptions): Promise<LoginDescription | undefined> {
  const { server, url, http } = options;
  const resource = await resourceMetadata(options);
  const [named] = resource?.authorization_servers ?? [];
  const issuer = named ?? new URL("/", url).href;
  const metadata = await authorizationServerOf(server, issuer, http);
  if (metadata !== undefined) return { resource, metadata };
  if (named === undefined) return undefined;
  throw bad(server, `names an authorization server that publishes no metadata: ${shown(named)}`);
}

/**
 * The metadata of an authorization server, of that issuer and no other (V1).
 *
 * @param server the name of the MCP server, for messages
 * @returns `undefined` when it publishes none
 * @throws {LoginError} `bad_metadata`, `unreachable`
 * @throws the signal's reason
 */
export async function authorizationServerOf(
  server: string,
  issuer: string,
  http: OAuthHttp,
): Promise<AuthorizationServerMetadata | undefined> {
  if (!isHttpUrl(issuer)) throw bad(server, `names an authorization server that is no URL: ${shown(issuer)}`);
  try {
    return await discoverAuthorizationServerMetadata(issuer, { fetchFn: oauthFetch(http) });
  } catch (error) {
    http.signal.throwIfAborted();
    if (error instanceof IssuerMismatchError)
      throw bad(
        server,
        `has an authorization server that calls itself something else than ${shown(issuer)}`,
        error,
      );
    throw unusable(server, "the metadata of its authorization server", error);
  }
}

/**
 * Asks the server for something that it can answer without a session, and without credentials.
 *
 * @returns what it wants of a login; `undefined` when it does not want one for this
 * @throws {LoginError} `unreachable`
 * @throws the signal's reason
 */
export async function probeLogin({ server, url, http }: DiscoveryOptions): Promise<LoginWanted | undefined> {
  try {
    const answer = await oauthFetch(http)(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": "2025-11-25",
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
    });
    return answer.status === 401
      ? loginWanted(answer.headers.get("www-authenticate") ?? undefined)
      : undefined;
  } catch (error) {
    http.signal.throwIfAborted();
    throw unusable(server, "its answer", error);
  }
}

async function resourceMetadata({
  server,
  url,
  wanted,
  http,
}: DiscoveryOptions): Promise<OAuthProtectedResourceMetadata | undefined> {
  const fetch = oauthFetch(http);
  let status = 0;
  const noting: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init);
    status = answer.status;
    return answer;
  };
  const resourceMetadataUrl = wanted?.resourceMetadataUrl;
  try {
    return await discoverOAuthProtectedResourceMetadata(
      url,
      resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl },
      noting,
    );
  } catch (error) {
    http.signal.throwIfAborted();
    const isAbsent = !(error instanceof OAuthRequestError) && status >= 300 && status < 500;
    if (isAbsent && resourceMetadataUrl === undefined) return undefined;
    throw unusable(server, "its metadata as a protected resource (RFC 9728)", error);
  }
}

function isOf(resource: string, url: string): boolean {
  return (
    isHttpUrl(resource) && checkResourceAllowed({ requestedResource: url, configuredResource: resource })
  );
}

function assertSafe(server: string, metadata: AuthorizationServerMetadata): void {
  const { issuer, code_challenge_methods_supported: methods } = metadata;
  if (methods?.includes("S256") !== true) {
    const what = "does not say that it supports PKCE with S256 (code_challenge_methods_supported)";
    throw bad(
      server,
      `has an authorization server, ${shown(issuer)}, that ${what}: a login there would not be safe`,
    );
  }
  const { authorization_endpoint, token_endpoint, registration_endpoint } = metadata;
  for (const [name, endpoint] of Object.entries({
    authorization_endpoint,
    token_endpoint,
    registration_endpoint,
  })) {
    if (endpoint === undefined || isSafe(endpoint)) continue;
    throw bad(server, `has an authorization server, ${shown(issuer)}, whose ${name} is not https`);
  }
}

/** https, or this machine (RFC 8252). */
export function isSafe(text: string): boolean {
  const url = URL.parse(text);
  return url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(url.hostname));
}

export function isLoopback(hostname: string): boolean {
  return /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}

function isHttpUrl(text: string): boolean {
  const protocol = URL.parse(text)?.protocol;
  return protocol === "https:" || protocol === "http:";
}

function bad(server: string, what: string, cause?: unknown): LoginError {
  return new LoginError("bad_metadata", server, `MCP server "${server}" ${what}`, { cause });
}

function unusable(server: string, what: string, error: unknown): LoginError {
  const subject = `MCP server "${server}": ${what} cannot be read`;
  if (error instanceof OAuthRequestError)
    return new LoginError("unreachable", server, `${subject}: ${error.message}`, { cause: error });
  // The SDK's checks of a document: not JSON, or not of this shape.
  const isDocument = error instanceof SyntaxError || (error instanceof Error && error.name === "ZodError");
  return isDocument
    ? new LoginError("bad_metadata", server, `${subject}: it is not what the standard says`, { cause: error })
    : new LoginError("unreachable", server, `${subject}: the answer is an error`, { cause: error });
}

export function shown(text: string): string {
  return JSON.stringify(toLogLine(text, undefined, 200));
}
