import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import { check } from "../../servers/check.ts";
import {
  AuthorizationServer,
  type AuthorizationServerOptions,
} from "../../testing/authorization-server/authorization-server.ts";
import {
  ProtectedResource,
  type ProtectedResourceOptions,
} from "../../testing/authorization-server/protected-resource.ts";
import { RawPeer } from "../../testing/http-server/raw-peer.ts";
import { NodeFetch } from "../http/node-fetch.ts";
import { beginLogin, type LoginOptions, type PendingLogin } from "./login.ts";
import { LoginError, type LoginErrorCode } from "./login-error.ts";
import { memoryLoginStore } from "./memory-login-store.ts";
import type { LoginStore, StoredLogin } from "./stored-login.ts";

const REDIRECT = "http://127.0.0.1:4711/callback";
const { signal } = new AbortController();

class Desk implements AsyncDisposable {
  readonly store: LoginStore = memoryLoginStore();
  readonly #fetches = new NodeFetch();
  readonly #mcp: RawPeer;
  readonly server: AuthorizationServer;
  readonly resource: ProtectedResource;
  /** What is written of the server besides its URL. */
  written: object = {};

  private constructor(mcp: RawPeer, server: AuthorizationServer, resource: ProtectedResource) {
    this.#mcp = mcp;
    this.server = server;
    this.resource = resource;
  }

  static async open(
    options: AuthorizationServerOptions = {},
    guard: Partial<ProtectedResourceOptions> = {},
  ): Promise<Desk> {
    const mcp = await RawPeer.start((_, response) => void response.writeHead(200).end("{}"));
    const server = await AuthorizationServer.start(options);
    const target = mcp.url.href;
    return new Desk(
      mcp,
      server,
      await ProtectedResource.start({ authorizationServer: server, target, ...guard }),
    );
  }

  get url(): string {
    return this.resource.url;
  }

  get config(): McpServerConfig {
    return configOf({ url: this.url, ...this.written });
  }

  begin(options: Partial<LoginOptions> = {}): Promise<PendingLogin> {
    const { store, config } = this;
    const parts = {
      server: "s",
      config,
      env: { KEY: "k-e-y" },
      fetch: this.#fetches.fetch,
      clock: systemClock,
    };
    return beginLogin(parts, { store, redirectUrl: REDIRECT, ...options });
  }

  /** @returns where the browser lands */
  async approve({ url }: PendingLogin): Promise<URL> {
    const answer = await fetch(url, { redirect: "manual" });
    const location = answer.headers.get("location");
    assert.ok(location !== null, await answer.text());
    return new URL(location);
  }

  async logIn(options: Partial<LoginOptions> = {}): Promise<StoredLogin> {
    const login = await this.begin(options);
    return login.complete(await this.approve(login));
  }

  stored(): Promise<StoredLogin | undefined> {
    return this.store.read({ server: "s", url: this.url }, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fetches[Symbol.dispose]();
    await this.resource[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
    await this.#mcp[Symbol.asyncDispose]();
  }
}

function configOf(written: object): McpServerConfig {
  const checked = check({ s: written }, []);
  assert.ok(checked.ok, JSON.stringify(checked));
  const config = checked.value.configs.get("s");
  assert.ok(config !== undefined);
  return config;
}

function fails(code: LoginErrorCode, message?: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof LoginError, String(error));
    assert.equal(error.code, code, error.message);
    if (message !== undefined) assert.match(error.message, message);
    return true;
  };
}

suite("a login", () => {
  test("ends with a token in the store, which the server takes", async () => {
    await using desk = await Desk.open();
    const login = await desk.logIn();
    assert.deepEqual(await desk.stored(), login);
    const grant = desk.server.check(login.accessToken);
    assert.equal(grant?.resource, desk.url);
    assert.equal(login.issuer, desk.server.issuer);
    assert.ok(login.refreshToken !== undefined && (login.expiresAt ?? 0) > Date.now() + 3_000_000);
    assert.equal(login.clientAuthMethod, "none");
    const [registered] = desk.server.asked("register");
    assert.deepEqual(registered?.body, {
      client_name: "Switchyard",
      redirect_uris: [REDIRECT],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
      application_type: "native",
    });
    const [authorized] = desk.server.asked("authorize");
    assert.equal(authorized?.params["code_challenge_method"], "S256");
    assert.equal(authorized.params["resource"], desk.url);
    assert.equal(desk.server.asked("token")[0]?.params["resource"], desk.url);
  });

  test("sends configured headers to the server, and to nobody else", async () => {
    await using desk = await Desk.open();
    desk.written = { env_http_headers: { "x-key": "KEY" } };
    const seen: (string | undefined)[] = [];
    const onward = await RawPeer.start(({ headers }, response) => {
      seen.push(headers["x-key"]);
      const metadata = {
        resource: onward.url.href.split("?")[0],
        authorization_servers: [desk.server.issuer],
      };
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(metadata));
    });
    desk.written = { ...desk.written, url: onward.url.href.split("?")[0] };
    await desk.logIn();
    await onward[Symbol.asyncDispose]();
    assert.ok(seen.length > 0 && seen.every((value) => value === "k-e-y"), JSON.stringify(seen));
    assert.ok(desk.server.requests.every(({ headers }) => headers["x-key"] === undefined));
  });

  test("with another state changes nothing; with ours, it is over (O2)", async () => {
    await using desk = await Desk.open();
    const login = await desk.begin();
    const landed = await desk.approve(login);
    const foreign = new URL(landed);
    foreign.searchParams.set("state", "another");
    assert.equal(login.owns(foreign), false);
    await assert.rejects(login.complete(foreign), fails("wrong_callback", /belongs to another login/));
    await assert.rejects(login.complete("what?"), fails("wrong_callback"));
    assert.ok(login.owns(landed.href));
    // As a person pastes it.
    await login.complete(` ${landed.search}\n`);
    await assert.rejects(login.complete(landed), fails("ended"));
    assert.equal(desk.server.asked("token").length, 1);
  });

  test("whose callback is from another issuer, or from none, gives no code away (O3)", async () => {
    await using desk = await Desk.open();
    for (const iss of ["https://evil.example", undefined]) {
      const login = await desk.begin();
      const landed = await desk.approve(login);
      if (iss === undefined) landed.searchParams.delete("iss");
      else landed.searchParams.set("iss", iss);
      await assert.rejects(login.complete(landed), fails("wrong_callback", /authorization server/));
      await assert.rejects(login.complete(landed), fails("ended"));
    }
    assert.equal(desk.server.asked("token").length, 0);
  });

  test("that is denied, or fails otherwise, says so", async () => {
    await using desk = await Desk.open({ behaviour: { deny: true } });
    const denied = await desk.begin();
    await assert.rejects(
      denied.complete(await desk.approve(denied)),
      fails("denied", /the login was denied/),
    );
    const login = await desk.begin();
    const { searchParams } = new URL(login.url);
    const state = searchParams.get("state") ?? "";
    const said = {
      state,
      iss: desk.server.issuer,
      error: "server_error",
      error_description: "a\u001b[2Jb\nc",
    };
    await assert.rejects(login.complete(said), fails("rejected", /did not log in: server_error: abc$/));
  });

  test("says nothing of a code, a verifier or a secret, whatever the token endpoint answers (O1)", async () => {
    await using desk = await Desk.open();
    let code = "";
    desk.server.behaviour.meddle = (truth, { endpoint, params }) => {
      if (endpoint !== "token") return truth;
      code = params["code"] ?? "";
      const said = `bad ${code} ${params["code_verifier"]}`;
      return { status: 400, body: { error: "invalid_grant", error_description: said } };
    };
    const login = await desk.begin();
    const error = await login.complete(await desk.approve(login)).catch((reason: unknown) => reason);
    assert.ok(fails("rejected", /rejected the code: invalid_grant: bad \*\*\* \*\*\*$/)(error));
    assert.ok(code.length > 10);
    const { searchParams } = new URL(login.url);
    assert.ok(!searchParams.has("code_verifier"));
    for (const body of ["<html>", "{}", '{"access_token":7}']) {
      desk.server.behaviour.meddle = (truth, { endpoint }) =>
        endpoint === "token" ? { status: 200, body } : truth;
      const next = await desk.begin();
      await assert.rejects(
        next.complete(await desk.approve(next)),
        fails("rejected", /answered with no token/),
      );
    }
    assert.equal(await desk.stored(), undefined);
  });

  test("is given up with its signal, and when a server does not answer in time", async () => {
    await using desk = await Desk.open({ behaviour: { delayMs: () => Infinity } });
    const controller = new AbortController();
    const begun = desk.begin({ signal: controller.signal });
    await desk.server.waitFor((server) => server.requests.length > 0);
    controller.abort(new Error("enough"));
    await assert.rejects(begun, { message: "enough" });
    await assert.rejects(desk.begin({ timeoutMs: 50 }), fails("unreachable", /did not answer within 0.05 s/));
  });
});

suite("scopes of a login", () => {
  const rows: [
    string,
    object,
    Partial<LoginOptions>,
    Partial<ProtectedResourceOptions>,
    string | undefined,
    string,
  ][] = [
    [
      "explicit ones first",
      { scopes: ["read"] },
      { scopes: ["write"] },
      { scopes: ["read"] },
      "write",
      "explicit",
    ],
    ["explicitly none", { scopes: ["read"] }, { scopes: [] }, { scopes: ["read"] }, undefined, "explicit"],
    ["then configured ones", { scopes: ["write"] }, { wanted: wants("read") }, {}, "write", "configured"],
    [
      "then those of the challenge",
      {},
      { wanted: wants("write") },
      { scopes: ["read"] },
      "write",
      "challenge",
    ],
    ["then those of the resource", {}, {}, { scopes: ["read", "write"] }, "read write", "resource"],
    ["or none", {}, {}, {}, undefined, "none"],
  ];
  for (const [what, written, options, guard, expected, from] of rows)
    test(`are ${what}`, async () => {
      await using desk = await Desk.open({}, guard);
      desk.written = written;
      const login = await desk.begin(options);
      assert.equal(new URL(login.url).searchParams.get("scope") ?? undefined, expected);
      assert.equal(login.scopesFrom, from);
    });

  test("that were guessed and are rejected can be left out: at registration at once, else by another login", async () => {
    await using desk = await Desk.open({ scopes: ["read"] }, { scopes: ["unknown"] });
    desk.server.behaviour.meddle = (truth, { endpoint, body }) =>
      endpoint === "register" && JSON.stringify(body).includes("unknown")
        ? { status: 400, body: { error: "invalid_client_metadata", error_description: "scope?" } }
        : truth;
    const login = await desk.begin();
    assert.equal(login.scopesFrom, "none");
    await assert.rejects(
      desk.begin({ scopes: ["unknown"] }),
      fails("registration_rejected", /\(400, invalid_client_metadata, scope\?\)/),
    );
    desk.server.behaviour.meddle = (truth) => truth;
    const guessed = await desk.begin();
    const state = new URL(guessed.url).searchParams.get("state") ?? "";
    const refused = { state, iss: desk.server.issuer, error: "invalid_scope" };
    await assert.rejects(guessed.complete(refused), fails("scopes_rejected", /"unknown"/));
  });

  test("that a server asks for are added to those there are, once (O4)", async () => {
    await using desk = await Desk.open({ scopes: ["read", "write", "admin"] });
    await desk.logIn({ scopes: ["read"] });
    const wanted = { ...wants("write"), insufficientScope: true };
    const more = await desk.begin({ wanted });
    assert.deepEqual(more.scopes, ["read", "write"]);
    await more.complete(await desk.approve(more));
    assert.deepEqual((await desk.stored())?.scopes, ["read", "write"]);
    await assert.rejects(
      desk.begin({ wanted }),
      fails("scopes_not_granted", /asks for scopes that the login has: "write"/),
    );

    desk.server.behaviour.meddle = (truth, { endpoint }) =>
      endpoint === "token" ? { ...truth, body: { ...(truth.body as object), scope: "read" } } : truth;
    const less = await desk.begin({ wanted: { ...wanted, scopes: ["admin"] } });
    const landed = new URL(REDIRECT);
    landed.search = (await desk.approve(less)).search;
    await assert.rejects(less.complete(landed), fails("scopes_not_granted", /was made, but without scopes/));
    assert.deepEqual((await desk.stored())?.scopes, ["read"]);
  });
});

function wants(...scopes: string[]) {
  return { scopes, resourceMetadataUrl: undefined, insufficientScope: false };
}

suite("the client of a login", () => {
  test("is the configured one, whose secret is not kept", async () => {
    const clients = [{ id: "mine", secret: "s3cret!", authMethod: "client_secret_post" as const }];
    await using desk = await Desk.open({ clients, registration: false, authMethods: ["client_secret_post"] });
    desk.written = { oauth: { client_id: "mine", client_secret: "s3cret!" } };
    const login = await desk.logIn({ client: { metadataUrl: "https://host.example/client.json" } });
    assert.deepEqual(
      [login.clientId, login.clientSecret, login.clientAuthMethod],
      ["mine", undefined, "client_secret_post"],
    );
    assert.equal(desk.server.asked("token")[0]?.params["client_secret"], "s3cret!");
  });

  test("is the host's document where that is taken, also without registration", async () => {
    const client = { metadataUrl: "https://host.example/client.json" };
    await using desk = await Desk.open({ clientIdMetadata: true, registration: false });
    assert.equal((await desk.logIn({ client })).clientId, client.metadataUrl);
    await assert.rejects(desk.begin(), fails("cannot_register", /by their metadata document only/));
    await assert.rejects(
      desk.begin({ registration: "cimd" }),
      fails("cannot_register", /this host has none/),
    );
  });

  test("is registered otherwise; with a secret where the authorization server wants one, which is kept", async () => {
    await using desk = await Desk.open({ authMethods: ["client_secret_basic"] });
    const login = await desk.logIn({
      client: { name: "Mine", metadataUrl: "https://host.example/client.json" },
    });
    assert.equal(login.clientAuthMethod, "client_secret_basic");
    assert.ok(login.clientSecret !== undefined);
    assert.match(desk.server.asked("token")[0]?.headers["authorization"] ?? "", /^Basic /);
  });

  test("cannot be registered: the error says what to do", async () => {
    await using desk = await Desk.open({ registration: false });
    await assert.rejects(
      desk.begin(),
      fails("cannot_register", /does not register clients.*oauth\.client_id/),
    );
    await assert.rejects(
      desk.begin({ registration: "cimd" }),
      fails("cannot_register", /this host has none/),
    );
  });
});

suite("where a login is made", () => {
  const found: [string, AuthorizationServerOptions, Partial<ProtectedResourceOptions>][] = [
    ["by a path in the issuer", { issuerPath: "/tenant" }, {}],
    ["by OpenID, inserted", { issuerPath: "/tenant", metadataAt: "openid-inserted" }, {}],
    ["by OpenID, appended", { issuerPath: "/tenant", metadataAt: "openid-appended" }, {}],
    ["by the resource's root, without a challenge", {}, { metadataAt: "root", challenge: false }],
  ];
  for (const [what, options, guard] of found)
    test(`is found ${what}`, async () => {
      await using desk = await Desk.open(options, guard);
      assert.ok(desk.server.check((await desk.logIn()).accessToken));
    });

  const lies: [string, (metadata: Record<string, unknown>) => unknown, RegExp][] = [
    ["another issuer", (all) => ({ ...all, issuer: "https://evil.example" }), /calls itself something else/],
    [
      "no PKCE",
      (all) => ({ ...all, code_challenge_methods_supported: undefined }),
      /does not say that it supports PKCE/,
    ],
    ["plain PKCE", (all) => ({ ...all, code_challenge_methods_supported: ["plain"] }), /PKCE with S256/],
    [
      "an open endpoint",
      (all) => ({ ...all, token_endpoint: "http://as.example/token" }),
      /token_endpoint is not https/,
    ],
    ["a script", (all) => ({ ...all, authorization_endpoint: "javascript:alert(1)" }), /./],
    ["half of it", ({ issuer }) => ({ issuer }), /not what the standard says/],
    ["a page", () => "<html>", /not what the standard says/],
  ];
  for (const [what, lie, message] of lies)
    test(`is not taken with ${what} (V1, V2)`, async () => {
      await using desk = await Desk.open();
      desk.server.behaviour.meddle = (truth, { endpoint }) =>
        endpoint === "metadata" ? { ...truth, body: lie(truth.body as Record<string, unknown>) } : truth;
      await assert.rejects(desk.begin(), fails("bad_metadata", message));
    });

  test("is not taken from the metadata of another resource, nor guessed when that is broken (V1, V3)", async () => {
    await using desk = await Desk.open();
    let metadata: unknown = {
      resource: "https://evil.example/mcp",
      authorization_servers: [desk.server.issuer],
    };
    let status = 200;
    await using peer = await RawPeer.start(({ path }, response) => {
      const isMetadata = path.startsWith("/.well-known/");
      response.writeHead(isMetadata ? status : 401, { "content-type": "application/json" });
      response.end(isMetadata ? JSON.stringify(metadata) : "{}");
    });
    desk.written = { url: `http://127.0.0.1:${peer.port}/mcp` };
    await assert.rejects(desk.begin(), fails("bad_metadata", /describes itself as another resource/));
    metadata = { resource: 7 };
    await assert.rejects(desk.begin(), fails("bad_metadata", /not what the standard says/));
    status = 503;
    await assert.rejects(desk.begin(), fails("unreachable"));
    status = 404;
    await assert.rejects(desk.begin(), fails("no_metadata", /wants a login, but does not say where/));
  });

  test("is nowhere: a stdio server, other credentials, a server that needs none, one that does not answer", async () => {
    await using desk = await Desk.open();
    await using open = await RawPeer.start((_, response) => void response.writeHead(404).end());
    const cases: [object, LoginErrorCode][] = [
      [{ url: open.url.href }, "not_needed"],
      [{ bearer_token_env_var: "KEY" }, "other_credentials"],
      [{ http_headers: { authorization: "Bearer x" } }, "other_credentials"],
      [{ env_http_headers: { "x-key": "UNSET" } }, "invalid_server"],
    ];
    for (const [written, code] of cases) {
      desk.written = written;
      await assert.rejects(desk.begin(), fails(code));
    }
    desk.written = { url: open.url.href };
    await open[Symbol.asyncDispose]();
    await assert.rejects(desk.begin(), fails("unreachable", /its answer cannot be read: http:\/\/127/));
  });
});
