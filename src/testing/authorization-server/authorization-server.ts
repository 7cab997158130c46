/**
 * A real OAuth authorization server on loopback: it approves every login at once, rotates, revokes, and lies on cue.
 *
 *   /.well-known/…   metadata (RFC 8414, OpenID), where `metadataAt` says
 *   /register        dynamic client registration (RFC 7591)
 *   /authorize       redirects with a code at once; PKCE S256 is required
 *   /token           authorization_code and refresh_token
 *
 * Tokens are opaque. `protected-resource.ts` is the guard of an MCP server that takes them.
 *
 * Invariants
 *   A1. A request is in the record before it is answered.
 *   A2. After disposal no socket is left.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { abortable } from "../../base/abort.ts";
import { sleep, systemClock } from "../../base/clock.ts";
import { isObject } from "../../base/json.ts";
import { flattenHeaders, readBody } from "../http-server/http-message.ts";
import { type WaitOptions, Watch } from "../watch.ts";
import { type Grant, Grants, type IssuedTokens, type OAuthClient, OAuthProblem, secret } from "./grants.ts";

export type OAuthEndpoint = "metadata" | "register" | "authorize" | "token" | "other";

/** One request as it arrived. */
export interface RecordedOAuthRequest {
  readonly endpoint: OAuthEndpoint;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of the query and of a form. */
  readonly params: Readonly<Record<string, string>>;
  /** Parsed, if it is JSON. */
  readonly body: unknown;
}

export interface OAuthAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a string is sent as it is. */
  readonly body?: unknown;
}

/** How the server misbehaves. May be changed at any time; it takes effect with the next request. */
export interface OAuthBehaviour {
  /** Delays the answer, in milliseconds; `Infinity` never answers. @default 0 */
  delayMs?: (request: RecordedOAuthRequest) => number;
  /** Answers when this settles: for what should happen meanwhile. @default at once */
  until?: (request: RecordedOAuthRequest) => Promise<unknown> | undefined;
  /** Sends something else than the truth: another issuer, broken JSON, a field less, an error. */
  meddle?: (truth: OAuthAnswer, request: RecordedOAuthRequest) => OAuthAnswer;
  /** Answers a login with `access_denied`. */
  deny?: boolean;
}

export interface AuthorizationServerOptions {
  /** Path of the issuer, such as `/tenant`. @default none */
  readonly issuerPath?: string;
  /** Which of the well-known places has the metadata; see the authorization text of MCP. @default "oauth" */
  readonly metadataAt?: "oauth" | "openid-inserted" | "openid-appended" | "nowhere";
  /** Whether clients may register. @default true */
  readonly registration?: boolean;
  /** Whether the URL of a client's metadata is a client id; the document is not fetched. @default false */
  readonly clientIdMetadata?: boolean;
  /** Clients that are known from the start. */
  readonly clients?: readonly OAuthClient[];
  /** How clients may authenticate, as the metadata says. @default ["none", "client_secret_basic", "client_secret_post"] */
  readonly authMethods?: readonly string[];
  /** Scopes that there are. @default ["read", "write"] */
  readonly scopes?: readonly string[];
  /** Seconds that an access token counts. @default 3600 */
  readonly lifetimeS?: number;
  /** Whether a refresh yields another refresh token, and the old one is used up. @default true */
  readonly rotate?: boolean;
  /** Whether using a refresh token again revokes every token of that login. @default true */
  readonly revokeOnReuse?: boolean;
  /** How it misbehaves. */
  readonly behaviour?: OAuthBehaviour;
}

export class AuthorizationServer implements AsyncDisposable {
  /** How the server misbehaves; change it at any time. */
  readonly behaviour: OAuthBehaviour;
  readonly #options: AuthorizationServerOptions;
  readonly #grants: Grants;
  readonly #http: Server;
  readonly #watch = new Watch();
  readonly #closing = new AbortController();
  readonly #requests: RecordedOAuthRequest[] = [];

  private constructor(options: AuthorizationServerOptions) {
    this.#options = options;
    this.behaviour = { ...options.behaviour };
    const { lifetimeS = 3600, rotate = true, revokeOnReuse = true, clients = [] } = options;
    this.#grants = new Grants({ lifetimeS, rotate, revokeOnReuse });
    for (const client of clients) this.#grants.clients.set(client.id, client);
    this.#http = createServer((request, response) => void this.#serve(request, response));
    this.#http.keepAliveTimeout = 120_000;
  }

  /** Starts to listen on 127.0.0.1. */
  static async start(options: AuthorizationServerOptions = {}): Promise<AuthorizationServer> {
    const server = new AuthorizationServer(options);
    server.#http.listen(0, "127.0.0.1");
    await once(server.#http, "listening");
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  get issuer(): string {
    return `${this.origin}${this.#options.issuerPath ?? ""}`;
  }

  /** Every request, oldest first (A1). */
  get requests(): readonly RecordedOAuthRequest[] {
    return this.#requests;
  }

  /** How often a used refresh token was used again. */
  get reuses(): number {
    return this.#grants.reuses;
  }

  /** Requests at one endpoint. */
  asked(endpoint: OAuthEndpoint): readonly RecordedOAuthRequest[] {
    return this.#requests.filter((request) => request.endpoint === endpoint);
  }

  /** Waits until `check`, asked after every request, yields something other than `undefined` and `false`. */
  waitFor<T>(check: (server: this) => T | undefined | false, options?: WaitOptions): Promise<T> {
    return this.#watch.waitFor(() => check(this), options);
  }

  /** A login without a browser. The client is made known if it is not. */
  issue(grant: Grant): IssuedTokens {
    if (!this.#grants.clients.has(grant.clientId))
      this.#grants.clients.set(grant.clientId, { id: grant.clientId });
    return this.#grants.issue(grant);
  }

  /** What an access token that counts now was given for. */
  check(accessToken: string): Grant | undefined {
    return this.#grants.check(accessToken);
  }

  /** No access token counts any more; refresh tokens do. */
  expireAccessTokens(): void {
    this.#grants.expireAccessTokens();
  }

  /** Every login is over: its tokens are rejected, and a refresh is `invalid_grant`. */
  revokeAll(): void {
    this.#grants.revokeAll();
  }

  /** Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("The authorization server was disposed"));
    if (!this.#http.listening) return;
    const closed = once(this.#http, "close");
    this.#http.close();
    this.#http.closeAllConnections();
    await closed;
    this.#watch.end(new Error("Cannot wait for a fact: the authorization server was disposed"));
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? "/", this.origin);
    const body = await readBody(incoming).catch(() => undefined);
    const form = typeof body === "string" ? new URLSearchParams(body) : [];
    const request: RecordedOAuthRequest = {
      endpoint: this.#endpointOf(url.pathname),
      method: incoming.method ?? "GET",
      path: url.pathname,
      headers: flattenHeaders(incoming),
      params: Object.fromEntries([...url.searchParams, ...form]),
      body,
    };
    this.#requests.push(request);
    this.#watch.changed();
    try {
      const delayMs = this.behaviour.delayMs?.(request) ?? 0;
      const { signal } = this.#closing;
      if (delayMs === Infinity) await abortable(new Promise<never>(() => {}), signal);
      if (delayMs > 0) await sleep(systemClock, delayMs, signal);
      await abortable(Promise.resolve(this.behaviour.until?.(request)), signal);
    } catch {
      // Disposed meanwhile (A2).
      return void response.destroy();
    }
    const truth = this.#answer(request);
    const answer = this.behaviour.meddle?.(truth, request) ?? truth;
    response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
    response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body ?? {}));
  }

  #endpointOf(path: string): OAuthEndpoint {
    if (path.includes("/.well-known/")) return "metadata";
    const name = path.slice((this.#options.issuerPath ?? "").length + 1);
    return name === "register" || name === "authorize" || name === "token" ? name : "other";
  }

  #answer(request: RecordedOAuthRequest): OAuthAnswer {
    try {
      switch (request.endpoint) {
        case "metadata":
          return request.path === this.#metadataPath ? { status: 200, body: this.#metadata } : NOT_FOUND;
        case "register":
          return this.#options.registration === false ? NOT_FOUND : this.#register(request);
        case "authorize":
          return this.#authorize(request);
        case "token":
          return { status: 200, headers: { "cache-control": "no-store" }, body: this.#token(request) };
        case "other":
          return NOT_FOUND;
      }
    } catch (error) {
      if (!(error instanceof OAuthProblem)) throw error;
      return { status: error.status, body: { error: error.code, error_description: error.message } };
    }
  }

  get #metadataPath(): string | undefined {
    const { metadataAt = "oauth", issuerPath = "" } = this.#options;
    switch (metadataAt) {
      case "oauth":
        return `/.well-known/oauth-authorization-server${issuerPath}`;
      case "openid-inserted":
        return `/.well-known/openid-configuration${issuerPath}`;
      case "openid-appended":
        return `${issuerPath}/.well-known/openid-configuration`;
      case "nowhere":
        return undefined;
    }
  }

  get #metadata(): object {
    const { issuer } = this;
    const { registration = true, clientIdMetadata = false, metadataAt = "oauth" } = this.#options;
    const { authMethods = ["none", "client_secret_basic", "client_secret_post"] } = this.#options;
    const openId = {
      jwks_uri: `${issuer}/jwks`,
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["RS256"],
    };
    return {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      ...(registration ? { registration_endpoint: `${issuer}/register` } : {}),
      response_types_supported: ["code"],
      grant_types_supported: ["authorization_code", "refresh_token"],
      code_challenge_methods_supported: ["S256"],
      token_endpoint_auth_methods_supported: authMethods,
      scopes_supported: this.#options.scopes ?? ["read", "write"],
      authorization_response_iss_parameter_supported: true,
      ...(clientIdMetadata ? { client_id_metadata_document_supported: true } : {}),
      ...(metadataAt === "oauth" ? {} : openId),
    };
  }

  #register({ body }: RecordedOAuthRequest): OAuthAnswer {
    const uris = isObject(body) ? body["redirect_uris"] : undefined;
    if (!isObject(body) || !Array.isArray(uris)) {
      throw new OAuthProblem("invalid_client_metadata", "redirect_uris is missing");
    }
    const method = body["token_endpoint_auth_method"] ?? "client_secret_basic";
    if (method !== "none" && method !== "client_secret_basic" && method !== "client_secret_post") {
      throw new OAuthProblem("invalid_client_metadata", "token_endpoint_auth_method is not supported");
    }
    const client: OAuthClient = {
      id: secret("client"),
      ...(method === "none" ? {} : { secret: secret("secret") }),
      authMethod: method,
      redirectUris: uris.map(String),
    };
    this.#grants.clients.set(client.id, client);
    const given = {
      client_id: client.id,
      ...(client.secret === undefined ? {} : { client_secret: client.secret }),
    };
    return { status: 201, body: { ...body, ...given, token_endpoint_auth_method: method } };
  }

  #authorize({ params }: RecordedOAuthRequest): OAuthAnswer {
    const { client_id: clientId = "", redirect_uri: redirectUri = "", state, resource } = params;
    // Without a client and a place to go back to, nobody is redirected (RFC 6749, 4.1.2.1).
    const { redirectUris } = this.#client(clientId);
    if (
      !URL.canParse(redirectUri) ||
      redirectUris?.some((uri) => isSameRedirect(uri, redirectUri)) === false
    ) {
      throw new OAuthProblem("invalid_request", "The redirect_uri is not the client's");
    }
    const back = new URL(redirectUri);
    if (state !== undefined) back.searchParams.set("state", state);
    back.searchParams.set("iss", this.issuer);
    const { code_challenge: challenge, code_challenge_method: method, response_type: type } = params;
    const scopes = params["scope"]?.split(" ").filter((each) => each !== "") ?? [];
    const supported = this.#options.scopes ?? ["read", "write"];
    const problem =
      this.behaviour.deny === true
        ? "access_denied"
        : type !== "code"
          ? "unsupported_response_type"
          : challenge === undefined || method !== "S256"
            ? "invalid_request"
            : scopes.every((each) => supported.includes(each))
              ? undefined
              : "invalid_scope";
    if (problem === undefined && challenge !== undefined) {
      const code = this.#grants.issueCode({ clientId, redirectUri, challenge, scopes, resource });
      back.searchParams.set("code", code);
    } else back.searchParams.set("error", problem ?? "server_error");
    return { status: 302, headers: { location: back.href }, body: "" };
  }

  #token(request: RecordedOAuthRequest): IssuedTokens {
    const { params } = request;
    const client = this.#authenticate(request);
    switch (params["grant_type"]) {
      case "authorization_code": {
        const { code = "", redirect_uri: redirectUri = "", code_verifier: verifier = "" } = params;
        return this.#grants.redeemCode(code, client.id, redirectUri, verifier);
      }
      case "refresh_token":
        return this.#grants.refresh(params["refresh_token"] ?? "", client.id);
      default:
        throw new OAuthProblem("unsupported_grant_type", "Use authorization_code or refresh_token");
    }
  }

  #authenticate({ headers, params }: RecordedOAuthRequest): OAuthClient {
    const basic = /^Basic (.+)$/i.exec(headers["authorization"] ?? "")?.[1];
    const [id = "", given] =
      basic === undefined
        ? [params["client_id"], params["client_secret"]]
        : Buffer.from(basic, "base64").toString().split(":").map(decodeURIComponent);
    const client = this.#client(id);
    const method = client.authMethod ?? (client.secret === undefined ? "none" : "client_secret_basic");
    const used =
      basic !== undefined ? "client_secret_basic" : given !== undefined ? "client_secret_post" : "none";
    if (used !== method || given !== client.secret) {
      throw new OAuthProblem("invalid_client", `The client must authenticate by ${method}`, 401);
    }
    return client;
  }

  #client(id: string): OAuthClient {
    const known = this.#grants.clients.get(id);
    if (known !== undefined) return known;
    if (this.#options.clientIdMetadata === true && id.startsWith("https://")) return { id };
    throw new OAuthProblem("invalid_client", "The client is not known", 401);
  }
}

const NOT_FOUND: OAuthAnswer = { status: 404, body: { error: "not_found" } };

function isSameRedirect(registered: string, used: string): boolean {
  const [one, other] = [new URL(registered), new URL(used)];
  for (const url of [one, other])
    if (["127.0.0.1", "[::1]", "localhost"].includes(url.hostname)) url.port = "";
  return one.href === other.href;
}
