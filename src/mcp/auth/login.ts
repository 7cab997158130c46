/**
 * A login: a URL that a person opens, and the callback that completes it.
 *
 *   beginLogin ──> discovery ──> client ──> url        the browser        complete(callback) ──> token ──> store
 *
 * OAuth 2.1 with PKCE (S256), `state`, `resource` (RFC 8707) and `iss` (RFC 9207), as the authorization texts of the revisions
 * 2025-11-25 and 2026-07-28 have it. How scopes are chosen: explicit, configured, of the challenge, of the resource, none (Codex).
 *
 * Invariants
 *   O1. No code, token, verifier or secret is in an error.
 *   O2. A callback with another `state` changes nothing. One with ours ends the login, whatever it says.
 *   O3. A code goes only to the authorization server that the callback is from, and only once.
 *   O4. To ask for more scopes keeps those there are, and is refused when the login has them already.
 */
import { randomBytes } from "node:crypto";
import {
  type AuthorizationServerMetadata,
  exchangeAuthorization,
  IssuerMismatchError,
  OAuthError,
  type OAuthClientInformationMixed,
  type OAuthTokens,
  selectClientAuthMethod,
  startAuthorization,
  validateAuthorizationResponseIssuer,
} from "@modelcontextprotocol/client";
import { type Clock, wallTime } from "../../base/clock.ts";
import { toLogLine } from "../../base/log-line.ts";
import { Redactor } from "../../base/redact.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import { sentenceOf } from "../../servers/problem.ts";
import { resolve, type Variables } from "../../servers/resolve.ts";
import type { LoginWanted } from "../errors.ts";
import { scopesOf } from "../http/challenge.ts";
import type { HttpFetch } from "../http/http-fetch.ts";
import { discoverLogin, isSafe, type LoginPlace, probeLogin, shown } from "./discovery.ts";
import { LoginError } from "./login-error.ts";
import { type OAuthHttp, oauthFetch, OAuthRequestError, withHeadersOf } from "./oauth-fetch.ts";
import { chooseClient, type ClientRegistration, type LoginClient } from "./registration.ts";
import type { LoginStore, StoredLogin } from "./stored-login.ts";

export interface LoginOptions {
  /** Where the login is kept. */
  readonly store: LoginStore;
  /** Where the authorization server sends the browser: of a `CallbackListener`, or a page of the host. https, or this machine. */
  readonly redirectUrl: string;
  /** Empty: none is asked for. @default those of the configuration, of the challenge, of the resource, or none */
  readonly scopes?: readonly string[];
  /** What the server wants: `wanted` of a `needs_login`. @default the server is asked */
  readonly wanted?: LoginWanted | undefined;
  /** How the host presents itself. */
  readonly client?: LoginClient;
  /** How the authorization server is told of the client. @default "auto": what fits first */
  readonly registration?: ClientRegistration;
  /** Ends what `beginLogin` waits for. */
  readonly signal?: AbortSignal;
  /** Of each request to a server, in milliseconds. @default 10 000 */
  readonly timeoutMs?: number;
}

/** Where a login is made from. */
export interface LoginParts {
  readonly server: string;
  readonly config: McpServerConfig;
  readonly env: Variables;
  readonly fetch: HttpFetch;
  readonly clock: Clock;
  /** Told when the login is in the store. */
  readonly onKept?: () => void;
}

/** What an authorization server sends the browser back with. */
export interface LoginCallback {
  readonly code?: string | undefined;
  readonly state?: string | undefined;
  readonly iss?: string | undefined;
  readonly error?: string | undefined;
  readonly error_description?: string | undefined;
}

export type ScopesFrom = "explicit" | "configured" | "challenge" | "resource" | "none";

export interface PendingLogin {
  /** The name of the server. */
  readonly server: string;
  /** Where a person logs in and consents. It holds no secret, but belongs to this login only. */
  readonly url: string;
  /** The authorization server, as it names itself. */
  readonly issuer: string;
  readonly scopes: readonly string[];
  /** Where they come from. `resource`: a guess; a login that is `scopes_rejected` is worth another one without any. */
  readonly scopesFrom: ScopesFrom;
  /** Whether a callback is of this login, by its `state`. */
  owns(callback: string | URL | LoginCallback): boolean;
  /**
   * Takes the code to the authorization server, and keeps what it gives.
   *
   * @param callback the URL that the browser was sent to, or what its query says
   * @throws {LoginError} `wrong_callback`, `denied`, `scopes_rejected`, `scopes_not_granted` (the login is kept), `rejected`,
   *   `unreachable`, `ended`; and what the store throws
   * @throws the signal's reason
   */
  complete(
    callback: string | URL | LoginCallback,
    options?: { readonly signal?: AbortSignal },
  ): Promise<StoredLogin>;
}

/**
 * @throws {LoginError} `no_http`, `invalid_server`, `other_credentials`, `not_needed`, `no_metadata`, `bad_metadata`, `cannot_register`,
 *   `registration_rejected`, `scopes_not_granted`, `unreachable`
 * @throws the signal's reason
 */
export async function beginLogin(parts: LoginParts, options: LoginOptions): Promise<PendingLogin> {
  const { server, config } = parts;
  const { store, redirectUrl, client = {}, registration = "auto" } = options;
  if (!isSafe(redirectUrl)) throw new TypeError("redirectUrl is neither https nor of this machine");
  const url = urlOf(parts);
  const http = httpFor(parts, options);
  const place = await placeOf(parts, url, http, options);
  const kept = await keptScopes(parts, url, options, http.signal);
  const { metadata, resource } = place;
  let { scopes, from } = scopesFor(config, place, kept, options);
  const about = { server, configured: config.oauth, metadata, redirectUrl, client, registration, http };
  const information = await chooseClient({ ...about, scopes }).catch((error: unknown) => {
    if (from !== "resource" || !(error instanceof LoginError) || error.code !== "registration_rejected")
      throw error;
    // A resource may name scopes that its authorization server does not know (Codex tries once without).
    scopes = [];
    from = "none";
    return chooseClient({ ...about, scopes });
  });
  const state = randomBytes(32).toString("base64url");
  const { authorizationUrl, codeVerifier } = await startAuthorization(metadata.issuer, {
    metadata,
    clientInformation: information,
    state,
    redirectUrl,
    resource,
    ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") }),
  });
  return new Login(parts, {
    url: authorizationUrl.href,
    server,
    serverUrl: url,
    state,
    verifier: codeVerifier,
    metadata,
    resource,
    client: information,
    isConfigured: information.client_id === config.oauth?.client_id,
    scopes,
    scopesFrom: from,
    needed: options.wanted?.insufficientScope === true ? options.wanted.scopes : [],
    redirectUrl,
    store,
    timeoutMs: options.timeoutMs,
  });
}

interface LoginFacts {
  readonly server: string;
  readonly url: string;
  readonly serverUrl: string;
  readonly state: string;
  readonly verifier: string;
  readonly metadata: AuthorizationServerMetadata;
  readonly resource: string;
  readonly client: OAuthClientInformationMixed;
  /** Whether the configuration names the client: then it has the secret, too. */
  readonly isConfigured: boolean;
  readonly scopes: readonly string[];
  readonly scopesFrom: ScopesFrom;
  /** Those that the server asked for when a login lacked them. */
  readonly needed: readonly string[];
  readonly redirectUrl: string;
  readonly store: LoginStore;
  readonly timeoutMs: number | undefined;
}

class Login implements PendingLogin {
  readonly server: string;
  readonly url: string;
  readonly issuer: string;
  readonly scopes: readonly string[];
  readonly scopesFrom: ScopesFrom;
  readonly #parts: LoginParts;
  readonly #facts: LoginFacts;
  #isOver = false;

  constructor(parts: LoginParts, facts: LoginFacts) {
    this.#parts = parts;
    this.#facts = facts;
    this.server = facts.server;
    this.url = facts.url;
    this.issuer = facts.metadata.issuer;
    this.scopes = facts.scopes;
    this.scopesFrom = facts.scopesFrom;
  }

  owns(callback: string | URL | LoginCallback): boolean {
    return this.#read(callback).state === this.#facts.state;
  }

  async complete(
    callback: string | URL | LoginCallback,
    { signal = new AbortController().signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<StoredLogin> {
    const given = this.#read(callback);
    if (given.state !== this.#facts.state) {
      const what = "the callback belongs to another login, or is not complete: its state is another one";
      throw this.#error("wrong_callback", what);
    }
    if (this.#isOver)
      throw this.#error("ended", "the login was completed before, or has failed; begin another one");
    // A code works once (O2).
    this.#isOver = true;
    this.#assertIssuer(given);
    const { store } = this.#facts;
    const tokens = await this.#exchange(this.#codeOf(given), given.iss, signal);
    const login = this.#loginOf(tokens);
    await store.exclusively(login, () => store.write(login, signal), signal);
    this.#parts.onKept?.();
    const missing = this.#facts.needed.filter((scope) => !login.scopes.includes(scope));
    if (missing.length > 0) {
      const what = `the login was made, but without scopes that the server asks for: ${shown(missing.join(" "))}`;
      throw this.#error("scopes_not_granted", what);
    }
    return login;
  }

  /** Before anything else of the callback is believed (RFC 9207). */
  #assertIssuer({ iss }: LoginCallback): void {
    const { metadata } = this.#facts;
    try {
      validateAuthorizationResponseIssuer({
        iss,
        expectedIssuer: metadata.issuer,
        issParameterSupported: metadata.authorization_response_iss_parameter_supported === true,
      });
    } catch (error) {
      if (!(error instanceof IssuerMismatchError)) throw error;
      const who =
        iss === undefined
          ? "does not say which authorization server it is from"
          : "is from another authorization server";
      throw this.#error("wrong_callback", `the callback ${who}; expected ${shown(metadata.issuer)}`);
    }
  }

  #codeOf({ code, error, error_description: said }: LoginCallback): string {
    if (error === undefined && code !== undefined && code !== "") return code;
    const why = this.#shownError(error ?? "there is neither a code nor an error in the callback", said);
    if (error === "access_denied") throw this.#error("denied", `the login was denied${why}`);
    if (error === "invalid_scope") throw this.#scopesRejected(why);
    throw this.#error("rejected", `the authorization server did not log in${why}`);
  }

  async #exchange(code: string, iss: string | undefined, signal: AbortSignal): Promise<OAuthTokens> {
    const { metadata, client, verifier, redirectUrl, resource, timeoutMs, state } = this.#facts;
    const redactor = new Redactor();
    for (const secret of [code, verifier, state, client.client_secret ?? ""]) redactor.add(secret);
    const { fetch, clock } = this.#parts;
    let tokens: OAuthTokens;
    try {
      tokens = await exchangeAuthorization(metadata.issuer, {
        metadata,
        clientInformation: client,
        authorizationCode: code,
        ...(iss === undefined ? {} : { iss }),
        codeVerifier: verifier,
        redirectUri: redirectUrl,
        resource,
        fetchFn: oauthFetch({ fetch, clock, signal, timeoutMs }),
      });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof OAuthRequestError)
        throw this.#error("unreachable", `the code could not be exchanged: ${error.message}`);
      if (!(error instanceof OAuthError))
        throw this.#error("rejected", "the token endpoint answered with no token");
      const why = this.#shownError(error.code, error.message, redactor);
      if (error.code === "invalid_scope") throw this.#scopesRejected(why);
      throw this.#error("rejected", `the authorization server rejected the code${why}`);
    }
    if (tokens.token_type.toLowerCase() !== "bearer")
      throw this.#error(
        "rejected",
        `the token is of a type that is not supported: ${shown(tokens.token_type)}`,
      );
    return tokens;
  }

  #loginOf(tokens: OAuthTokens): StoredLogin {
    const { server, serverUrl, metadata, client, isConfigured, scopes, resource } = this.#facts;
    const { access_token, refresh_token, expires_in, scope } = tokens;
    const { client_id, client_secret } = client;
    const method = selectClientAuthMethod(client, metadata.token_endpoint_auth_methods_supported ?? []);
    return {
      server,
      url: serverUrl,
      issuer: metadata.issuer,
      clientId: client_id,
      // That of a configured client stays where it is.
      ...(client_secret === undefined || isConfigured ? {} : { clientSecret: client_secret }),
      clientAuthMethod: method,
      ...(resource === serverUrl ? {} : { resource }),
      accessToken: access_token,
      ...(refresh_token === undefined ? {} : { refreshToken: refresh_token }),
      ...(expires_in === undefined ? {} : { expiresAt: wallTime() + expires_in * 1000 }),
      scopes: scope === undefined ? scopes : scopesOf(scope),
    };
  }

  #read(callback: string | URL | LoginCallback): LoginCallback {
    if (typeof callback === "object" && !(callback instanceof URL)) return callback;
    const query = URL.parse(String(callback).trim(), this.#facts.redirectUrl)?.searchParams;
    const at = (name: keyof LoginCallback): string | undefined => query?.get(name) ?? undefined;
    return {
      code: at("code"),
      state: at("state"),
      iss: at("iss"),
      error: at("error"),
      error_description: at("error_description"),
    };
  }

  #scopesRejected(why: string): LoginError {
    const { scopes } = this.#facts;
    return this.#error(
      "scopes_rejected",
      `the authorization server rejected the scopes ${shown(scopes.join(" "))}${why}`,
    );
  }

  #shownError(code: string, said: string | undefined, redactor?: Redactor): string {
    const parts = [code, said === code ? undefined : said].filter((part) => part !== undefined);
    return parts.map((part) => `: ${toLogLine(part, redactor, 200)}`).join("");
  }

  #error(code: LoginError["code"], what: string): LoginError {
    return new LoginError(code, this.server, `MCP server "${this.server}": ${what}`);
  }
}

function urlOf({ server, config }: LoginParts): string {
  const { transport } = config;
  if (transport.type === "stdio")
    throw new LoginError("no_http", server, `MCP server "${server}" is a stdio server: it has no login`);
  if (transport.bearer_token_env_var !== undefined) {
    const what = `has its credentials from the variable ${transport.bearer_token_env_var} (bearer_token_env_var)`;
    throw new LoginError(
      "other_credentials",
      server,
      `MCP server "${server}" ${what}: a login would not be used`,
    );
  }
  return transport.url;
}

/** Configured headers go to the server's own origin. */
function httpFor(parts: LoginParts, { signal, timeoutMs }: LoginOptions): OAuthHttp {
  const { server, config, env, fetch, clock } = parts;
  const resolved = resolve(config, env, [server]);
  if (!resolved.ok) {
    const [problem] = resolved.problems;
    throw new LoginError(
      "invalid_server",
      server,
      `MCP server ${sentenceOf(problem, (path) => path.join("."))}`,
    );
  }
  const headers =
    resolved.value.type === "streamable_http" ? resolved.value.headers : new Map<string, string>();
  if ([...headers.keys()].some((name) => name.toLowerCase() === "authorization")) {
    const what = "has an Authorization header in its configuration: a login would not be used";
    throw new LoginError("other_credentials", server, `MCP server "${server}" ${what}`);
  }
  const { transport } = config;
  return {
    fetch: transport.type === "stdio" ? fetch : withHeadersOf(transport.url, headers, fetch),
    clock,
    signal: signal ?? new AbortController().signal,
    timeoutMs,
  };
}

async function placeOf(
  { server, config }: LoginParts,
  url: string,
  http: OAuthHttp,
  options: LoginOptions,
): Promise<LoginPlace> {
  const about = { server, url, resource: config.oauth_resource, http };
  const wanted = options.wanted ?? (await probeLogin(about));
  const place = await discoverLogin({ ...about, wanted });
  if (place !== undefined) return place;
  throw wanted === undefined
    ? new LoginError(
        "not_needed",
        server,
        `MCP server "${server}" works without a login, and says nothing of one`,
      )
    : new LoginError(
        "no_metadata",
        server,
        `MCP server "${server}" wants a login, but does not say where (RFC 9728)`,
      );
}

/** Of the login there is, when more are asked for (O4). */
async function keptScopes(
  { server }: LoginParts,
  url: string,
  { store, wanted }: LoginOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (wanted?.insufficientScope !== true) return [];
  const login = await store.read({ server, url }, signal);
  const scopes = login?.scopes ?? [];
  if (wanted.scopes.length > 0 && wanted.scopes.every((scope) => scopes.includes(scope))) {
    const what = `asks for scopes that the login has: ${shown(wanted.scopes.join(" "))}. Another login would not help`;
    throw new LoginError("scopes_not_granted", server, `MCP server "${server}" ${what}`);
  }
  return scopes;
}

function scopesFor(
  config: McpServerConfig,
  { metadata, scopes: ofResource }: LoginPlace,
  kept: readonly string[],
  { scopes: explicit, wanted }: LoginOptions,
): { readonly scopes: readonly string[]; readonly from: ScopesFrom } {
  if (explicit !== undefined) return { scopes: explicit, from: "explicit" };
  const more = wanted?.insufficientScope === true ? union(kept, wanted.scopes) : [];
  if (config.scopes !== undefined) return { scopes: union(config.scopes, more), from: "configured" };
  const asked = union(more, wanted?.scopes ?? []);
  const found = asked.length > 0 ? asked : ofResource;
  if (found.length === 0) return { scopes: [], from: "none" };
  // So that the login can be refreshed (SEP-2207).
  const offline = metadata.scopes_supported?.includes("offline_access") === true ? ["offline_access"] : [];
  return { scopes: union(found, offline), from: asked.length > 0 ? "challenge" : "resource" };
}

function union(one: readonly string[], other: readonly string[]): readonly string[] {
  return [...new Set([...one, ...other])];
}
