/** How servers are authorized, as `codex mcp list` says it of the same ones. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { systemClock } from "../../src/base/clock.ts";
import { inSnakeCase } from "../../src/cli/mcp/server-view.ts";
import { findCodex } from "../../src/codex/app-server/binary.ts";
import { configuredMcpServers, loadConfigLayers } from "../../src/config/index.ts";
import { authStatusOf } from "../../src/mcp/auth/auth-status.ts";
import { NodeFetch } from "../../src/mcp/http/node-fetch.ts";
import { codexLoginStore, LoginBroker, McpManager } from "../../src/mcp/index.ts";
import { RawPeer, type RawRequest } from "../../src/testing/http-server/raw-peer.ts";

/** What a server answers at a path; 404 without. */
type Pages = (origin: string, headers: RawRequest["headers"]) => Readonly<Record<string, Page>>;
type Page = readonly [status: number, body: unknown, challenge?: string];

const AS = "/.well-known/oauth-authorization-server";
const RESOURCE = "/.well-known/oauth-protected-resource";

function metadata(issuer: string, more: object = {}): Page {
  const endpoints = { authorization_endpoint: `${issuer}/a`, token_endpoint: `${issuer}/t` };
  const supported = { response_types_supported: ["code"], code_challenge_methods_supported: ["S256"] };
  return [200, { issuer, ...endpoints, ...supported, ...more }];
}
function resource(origin: string, issuer: string = origin, path = "/mcp"): Page {
  return [200, { resource: `${origin}${path}`, authorization_servers: [issuer] }];
}
const OPENID = {
  jwks_uri: "https://example.com/keys",
  subject_types_supported: ["public"],
  id_token_signing_alg_values_supported: ["RS256"],
};
const full = (at: string): ReturnType<Pages> => ({ [`${RESOURCE}/mcp`]: resource(at), [AS]: metadata(at) });
const challenging = (at: string): Page => [401, {}, `Bearer resource_metadata="${at}/meta"`];

const NO_PAGES: Pages = () => ({});

interface Kind {
  readonly pages?: Pages;
  /** Keys of the server, as TOML. */
  readonly keys?: string;
  /** When a stored login ends, in milliseconds from now, and whether it can be refreshed. */
  readonly stored?: readonly [endsInMs: number, canBeRefreshed: boolean];
  /** What we say otherwise, and why. */
  readonly ours?: readonly [status: string, why: string];
}

const HOUR = 3_600_000;
const KINDS: Readonly<Record<string, Kind>> = {
  full: { pages: full },
  "at-the-root": { pages: (at) => ({ [RESOURCE]: resource(at), [AS]: metadata(at) }) },
  "no-resource": { pages: (at) => ({ [AS]: metadata(at) }) },
  challenge: {
    pages: (at) => ({ "/mcp": challenging(at), "/meta": resource(at), [AS]: metadata(at) }),
  },
  tenant: {
    pages: (at) => ({
      "/mcp": challenging(at),
      "/meta": resource(at, `${at}/tenant`),
      [`${AS}/tenant`]: metadata(`${at}/tenant`),
    }),
  },
  "without-pkce": {
    pages: (at) => ({ ...full(at), [AS]: metadata(at, { code_challenge_methods_supported: undefined }) }),
  },
  "another-resource": { pages: (at) => ({ ...full(at), [`${RESOURCE}/mcp`]: resource("http://x", at) }) },
  "another-issuer": { pages: (at) => ({ ...full(at), [AS]: metadata("http://elsewhere.example") }) },
  "no-metadata": { pages: (at) => ({ [`${RESOURCE}/mcp`]: resource(at, `${at}/x`) }) },
  "no-issuer": { pages: (at) => ({ [`${RESOURCE}/mcp`]: [200, { resource: `${at}/mcp` }] }) },
  nothing: {},
  refusing: { pages: () => ({ "/mcp": [401, {}, "Bearer"] }) },
  "pages-for-people": {
    pages: () =>
      Object.fromEntries(["/mcp", `${RESOURCE}/mcp`, RESOURCE, AS].map((path) => [path, [200, "<p>"]])),
  },
  broken: { pages: (at) => ({ ...full(at), [`${RESOURCE}/mcp`]: [503, {}] }) },
  openid: {
    pages: (at) => ({ "/.well-known/openid-configuration": metadata(at, OPENID) }),
    ours: [
      "not_logged_in",
      "the metadata of OpenID Connect counts at the origin, too (authorization text of MCP)",
    ],
  },
  bearer: { pages: full, keys: 'bearer_token_env_var = "HOME"' },
  "bearer-unset": { pages: full, keys: 'bearer_token_env_var = "NO_SUCH"' },
  header: { pages: full, keys: 'http_headers = { authorization = "x" }' },
  "header-of-variable": { pages: full, keys: 'env_http_headers = { Authorization = "HOME" }' },
  "header-unset": { pages: full, keys: 'env_http_headers = { Authorization = "NO_SUCH" }' },
  "header-of-the-door": {
    pages: (at, headers) => (headers["x-api-key"] === "x" ? full(at) : {}),
    keys: 'http_headers = { X-Api-Key = "x" }',
  },
  "another-header": { pages: full, keys: 'http_headers = { X-Api-Key = "x" }' },
  helper: { pages: full, keys: 'http_headers_helper = "true"' },
  off: { pages: full, keys: "enabled = false" },
  live: { pages: full, stored: [HOUR, true] },
  over: { pages: full, stored: [-HOUR, true] },
  "over-for-good": { pages: full, stored: [-HOUR, false] },
  "bearer-first": { pages: full, stored: [HOUR, true], keys: 'bearer_token_env_var = "HOME"' },
};

test("a server is authorized as codex mcp list says", { timeout: 60_000 }, async (t) => {
  const home = mkdtempSync(join(tmpdir(), "switchyard-auth-status-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(home, { recursive: true, force: true }));
  const store = codexLoginStore({ codexHome: home, kept: "file" });
  const tables = ['mcp_oauth_credentials_store = "file"\n[mcp_servers.program]\ncommand = "true"\n'];
  for (const [name, { pages = NO_PAGES, keys = "", stored }] of Object.entries(KINDS)) {
    const peer = stack.use(
      await RawPeer.start(({ path, headers: given }, response) => {
        const [status, body, challenge] = pages(peer.url.origin, given)[path] ?? [404, {}];
        const headers = challenge === undefined ? {} : { "www-authenticate": challenge };
        response.writeHead(status, { "content-type": "application/json", ...headers });
        response.end(typeof body === "string" ? body : JSON.stringify(body));
      }),
    );
    const url = `${peer.url.origin}/mcp`;
    tables.push(`[mcp_servers.${name}]\nurl = "${url}"\n${keys}\n`);
    if (stored === undefined) continue;
    const [endsInMs, canBeRefreshed] = stored;
    const login = { server: name, url, issuer: peer.url.origin, clientId: "c", accessToken: "a", scopes: [] };
    const refreshToken = canBeRefreshed ? { refreshToken: "r" } : {};
    await store.write({ ...login, ...refreshToken, expiresAt: Date.now() + endsInMs }, t.signal);
  }
  tables.push('[mcp_servers.unreachable]\nurl = "http://127.0.0.1:1/mcp"\n');
  writeFileSync(join(home, "config.toml"), tables.join(""));

  const env = { PATH: process.env["PATH"] ?? "", HOME: home, CODEX_HOME: home };
  const { path } = findCodex(undefined, process.env);
  const { stdout } = await promisify(execFile)(path, ["mcp", "list", "--json"], { env, signal: t.signal });
  const listed = JSON.parse(stdout) as readonly { readonly name: string; readonly auth_status: string }[];

  const { servers } = configuredMcpServers(
    loadConfigLayers({
      cwd: home,
      codexHome: home,
      systemDir: home,
      switchyardHome: join(home, "none"),
      env,
    }),
  );
  const { fetch } = stack.use(new NodeFetch());
  const credentials = stack.use(new LoginBroker({ stores: () => store }));
  const common = { env, principal: undefined, credentials, fetch, clock: systemClock, signal: t.signal };
  const said: string[] = [];
  const expected: string[] = [];
  for (const { name, auth_status } of listed) {
    const config = servers.get(name) ?? assert.fail(name);
    said.push(`${name}: ${inSnakeCase(await authStatusOf({ server: name, config, ...common }))}`);
    const [status, why] = KINDS[name]?.ours ?? [auth_status];
    if (why !== undefined) assert.notEqual(status, auth_status, "a difference that is none any more");
    expected.push(`${name}: ${status}`);
  }
  assert.equal(listed.length, Object.keys(KINDS).length + 2);
  assert.deepEqual(said, expected);
});

test("a thread's server is asked within a time-out, and not where the thread authorizes it", async (t) => {
  await using silent = await RawPeer.start(() => {});
  await using manager = new McpManager({ publish: false });
  const url = `${silent.url.origin}/mcp`;
  const thread = manager.openThread({
    servers: { slow: { url }, own: { url }, off: { url, enabled: false }, program: { command: "false" } },
    headers: { own: { Authorization: "x" } },
  });
  assert.equal(await thread.authStatus("slow", { timeoutMs: 20 }), "unknown");
  assert.equal(await thread.authStatus("own"), "bearerToken");
  assert.equal(await thread.authStatus("off"), "unsupported");
  assert.equal(await thread.authStatus("program"), "unsupported");
  const stop = new AbortController();
  const asked = assert.rejects(thread.authStatus("slow", { signal: stop.signal }), /enough/);
  stop.abort(new Error("enough"));
  await asked;
  await assert.rejects(thread.authStatus("none", { signal: t.signal }), { code: "unknown_server" });
});
