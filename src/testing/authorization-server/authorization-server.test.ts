import assert from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import {
  auth,
  Client,
  type OAuthClientInformationMixed,
  type OAuthClientProvider,
  type OAuthDiscoveryState,
  type OAuthTokens,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { RecordingMcpServer } from "../http-server/recording-http-server.ts";
import { AuthorizationServer, type AuthorizationServerOptions } from "./authorization-server.ts";
import { ProtectedResource, type ProtectedResourceOptions } from "./protected-resource.ts";

const REDIRECT = "http://127.0.0.1:4711/callback";
const RESOURCE = "http://127.0.0.1:4712/mcp";

/** The SDK's client, whose browser follows one redirect. */
class Person implements OAuthClientProvider {
  readonly redirectUrl = REDIRECT;
  readonly clientMetadata = { redirect_uris: [REDIRECT], token_endpoint_auth_method: "none" };
  given: OAuthTokens | undefined;
  landed: URL | undefined;
  #client: OAuthClientInformationMixed | undefined;
  #verifier = "";
  #discovered: OAuthDiscoveryState | undefined;

  clientInformation = (): OAuthClientInformationMixed | undefined => this.#client;
  saveClientInformation = (client: OAuthClientInformationMixed): void => void (this.#client = client);
  tokens = (): OAuthTokens | undefined => this.given;
  saveTokens = (tokens: OAuthTokens): void => void (this.given = tokens);
  saveCodeVerifier = (verifier: string): void => void (this.#verifier = verifier);
  codeVerifier = (): string => this.#verifier;
  saveDiscoveryState = (state: OAuthDiscoveryState): void => void (this.#discovered = state);
  discoveryState = (): OAuthDiscoveryState | undefined => this.#discovered;
  redirectToAuthorization = async (url: URL): Promise<void> => {
    const answer = await fetch(url, { redirect: "manual" });
    this.landed = new URL(answer.headers.get("location") ?? (await answer.text()));
  };

  async logIn(serverUrl: string): Promise<void> {
    assert.equal(await auth(this, { serverUrl }), "REDIRECT");
    const { searchParams } = this.landed ?? new URL(REDIRECT);
    const [authorizationCode, iss] = [searchParams.get("code"), searchParams.get("iss")];
    assert.ok(authorizationCode !== null && iss !== null);
    assert.equal(await auth(this, { serverUrl, authorizationCode, iss }), "AUTHORIZED");
  }
}

async function start(
  t: TestContext,
  options: AuthorizationServerOptions = {},
  guard: Partial<ProtectedResourceOptions> = {},
): Promise<{ server: AuthorizationServer; resource: ProtectedResource; mcp: RecordingMcpServer }> {
  const mcp = await RecordingMcpServer.start();
  const server = await AuthorizationServer.start(options);
  const resource = await ProtectedResource.start({ authorizationServer: server, target: mcp.url, ...guard });
  t.after(async () => {
    await resource[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await mcp[Symbol.asyncDispose]();
  });
  return { server, resource, mcp };
}

function refresh(server: AuthorizationServer, token: string, more: object = {}): Promise<Response> {
  const form = { grant_type: "refresh_token", refresh_token: token, client_id: "c", ...more };
  return fetch(`${server.issuer}/token`, { method: "POST", body: new URLSearchParams(form) });
}

async function bodyOf(answer: Response): Promise<Record<string, unknown>> {
  return (await answer.json()) as Record<string, unknown>;
}

suite("the authorization server of tests", () => {
  test("logs the SDK's client in, whose calls then reach the server behind the guard (A1, P1)", async (t) => {
    const { server, resource, mcp } = await start(t, {}, { scopes: ["read"] });
    const person = new Person();
    await person.logIn(resource.url);
    assert.equal(server.asked("register").length, 1);
    assert.equal(server.asked("authorize")[0]?.params["resource"], resource.url);
    const client = new Client({ name: "test", version: "1" });
    await client.connect(new StreamableHTTPClientTransport(new URL(resource.url), { authProvider: person }));
    await client.callTool({ name: "echo", arguments: { text: "hi" } });
    await client.close();
    assert.equal(mcp.calls.length, 1);
    assert.ok(mcp.requests.every(({ headers }) => headers["authorization"]?.startsWith("Bearer access-")));
    assert.deepEqual(resource.refusals, []);
  });

  const variants: [string, AuthorizationServerOptions, Partial<ProtectedResourceOptions>][] = [
    ["with a path in the issuer", { issuerPath: "/tenant" }, {}],
    ["as OpenID, inserted", { issuerPath: "/tenant", metadataAt: "openid-inserted" }, {}],
    ["as OpenID, appended", { issuerPath: "/tenant", metadataAt: "openid-appended" }, {}],
    ["with the resource's metadata at its root", {}, { metadataAt: "root", challenge: false }],
  ];
  for (const [what, options, guard] of variants) {
    test(`is found ${what}`, async (t) => {
      const { resource, server } = await start(t, options, guard);
      const person = new Person();
      await person.logIn(resource.url);
      assert.ok(server.check(person.given?.access_token ?? ""));
    });
  }

  test("takes a code once, with the verifier of its challenge (G1)", async (t) => {
    const { resource, server } = await start(t);
    const person = new Person();
    await person.logIn(resource.url);
    const used = server.asked("token")[0]?.params ?? {};
    const again = await fetch(`${server.issuer}/token`, { method: "POST", body: new URLSearchParams(used) });
    assert.equal((await bodyOf(again))["error"], "invalid_grant");
    const code = person.landed?.searchParams.get("code") ?? "";
    const query = new URLSearchParams(server.asked("authorize")[0]?.params);
    const landed = (await fetch(`${server.issuer}/authorize?${query}`, { redirect: "manual" })).headers;
    const fresh = new URL(landed.get("location") ?? "").searchParams.get("code") ?? "";
    assert.notEqual(fresh, code);
    const wrong = new URLSearchParams({ ...used, code: fresh, code_verifier: "another" });
    const answer = await bodyOf(await fetch(`${server.issuer}/token`, { method: "POST", body: wrong }));
    assert.match(String(answer["error_description"]), /verifier/);
  });

  test("revokes every token of a login whose refresh token is used again, and of no other (G2)", async (t) => {
    const { server } = await start(t);
    const grant = { clientId: "c", scopes: ["read"], resource: RESOURCE };
    const [first, other] = [server.issue(grant), server.issue(grant)];
    const second = await bodyOf(await refresh(server, first.refresh_token));
    assert.notEqual(second["refresh_token"], first.refresh_token);
    assert.ok(server.check(String(second["access_token"])));
    assert.equal((await refresh(server, first.refresh_token)).status, 400);
    assert.equal(server.reuses, 1);
    assert.equal(server.check(String(second["access_token"])), undefined);
    assert.equal((await refresh(server, String(second["refresh_token"]))).status, 400);
    assert.equal((await refresh(server, other.refresh_token)).status, 200);
    server.expireAccessTokens();
    assert.equal(server.check(other.access_token), undefined);
  });

  test("holds clients to their way of authenticating", async (t) => {
    const { server } = await start(t, {
      clients: [{ id: "c", secret: "s", authMethod: "client_secret_post" }],
    });
    const { refresh_token: token } = server.issue({ clientId: "c", scopes: [], resource: undefined });
    assert.equal((await refresh(server, token)).status, 401);
    assert.equal((await refresh(server, token, { client_secret: "wrong" })).status, 401);
    assert.equal((await refresh(server, token, { client_secret: "s" })).status, 200);
  });

  test("lies, denies, and never answers, on cue (A2)", async (t) => {
    const { server, resource } = await start(t);
    server.behaviour.meddle = (truth, { endpoint }) =>
      endpoint === "metadata" ? { ...truth, body: { ...(truth.body as object), issuer: "http://x" } } : truth;
    await assert.rejects(new Person().logIn(resource.url));
    server.behaviour.meddle = (truth) => truth;
    server.behaviour.deny = true;
    const person = new Person();
    assert.equal(await auth(person, { serverUrl: resource.url }), "REDIRECT");
    assert.equal(person.landed?.searchParams.get("error"), "access_denied");
    server.behaviour.delayMs = () => Infinity;
    const hanging = assert.rejects(refresh(server, "any"));
    await server.waitFor((s) => s.asked("token").length === 1, t);
    await server[Symbol.asyncDispose]();
    await hanging;
  });

  test("its guard takes no token of another resource, and says which scopes are missing (P1)", async (t) => {
    const { server, resource } = await start(t, {}, { needs: () => ["write"] });
    const use = async (resourceUrl: string): Promise<Response> => {
      const { access_token: token } = server.issue({
        clientId: "c",
        scopes: ["read"],
        resource: resourceUrl,
      });
      return fetch(resource.url, {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
        body: "{}",
      });
    };
    assert.equal((await use(RESOURCE)).status, 401);
    const forbidden = await use(resource.url);
    assert.equal(forbidden.status, 403);
    assert.match(
      forbidden.headers.get("www-authenticate") ?? "",
      /error="insufficient_scope", scope="write"/,
    );
  });

  test("its guard leaves no socket after disposal (P2)", async (t) => {
    const { server, resource, mcp } = await start(t);
    mcp.behaviour.delayMs = () => Infinity;
    const { access_token: token } = server.issue({ clientId: "c", scopes: [], resource: resource.url });
    const headers = { authorization: `Bearer ${token}` };
    const hanging = assert.rejects(fetch(resource.url, { method: "POST", headers, body: "{}" }));
    await mcp.waitFor(({ requests }) => requests.length === 1, t);
    await resource[Symbol.asyncDispose]();
    await hanging;
    await mcp.waitFor(({ connections }) => connections === 0, t);
  });
});
