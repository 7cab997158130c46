/** The user's logins to MCP servers (`codex mcp login`) in hosted threads, and what is said without one. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import type { Codex, McpServers } from "../../src/index.ts";
import { codexLoginStore, LoginBroker, McpManager, type StoredLogin } from "../../src/mcp/index.ts";
import {
  AuthorizationServer,
  ProtectedResource,
  promptOf,
  RecordingMcpServer,
} from "../../src/testing/index.ts";
import { collect, itemsOfType, startBench, mcpMode } from "../support/codex-bench.ts";

const timeout = 60_000;

/** `.credentials.json` as Codex writes it: a login is found by the name and the URL of its server. */
function credentials(
  logins: Readonly<Record<string, { readonly url: string; readonly token: string }>>,
): string {
  const entries = Object.entries(logins).map(([name, { url, token }]) => {
    const id = createHash("sha256")
      .update(JSON.stringify({ headers: {}, type: "http", url }))
      .digest("hex");
    const login = { server_name: name, server_url: url, client_id: "c", access_token: token, scopes: [] };
    return [
      `${name}|${id.slice(0, 16)}`,
      { ...login, expires_at: Date.now() + 3_600_000, refresh_token: "r" },
    ];
  });
  return JSON.stringify(Object.fromEntries(entries));
}

test("a login of the user counts in a hosted thread, as it is at each turn, until the user logs out", {
  timeout,
}, async () => {
  await using server = await RecordingMcpServer.start({ stateless: true });
  await using bench = await startBench();
  const users = join(bench.cwd, "users");
  mkdirSync(users);
  const file = join(users, ".credentials.json");
  const codex = bench.another({ env: { ...process.env, CODEX_HOME: users } });
  let turns = 0;
  const tokensFor = async (name: string): Promise<unknown[]> => {
    const url = `${server.origin}/${name}/${++turns}`;
    const mcpServers = { [name]: { url } };
    const input = promptOf({ call: { server: name, tool: "whoami" } }, { say: "x" });
    await codex.startThread({ workingDirectory: bench.cwd, mcpServers, ephemeral: true }).run(input);
    const calls = server.requests.filter(({ path, tool }) => url.endsWith(path) && tool !== undefined);
    return calls.map(({ headers }) => headers["authorization"]);
  };
  const logIn = (name: string, token: string, turn: number): void => {
    const url = `${server.origin}/${name}/${turn}`;
    writeFileSync(file, credentials({ [name]: { url, token } }), { mode: 0o600 });
  };
  assert.deepEqual(await tokensFor("linear"), [undefined], "nobody is logged in");
  logIn("linear", "token-1", 2);
  assert.deepEqual(await tokensFor("linear"), ["Bearer token-1"], "a login while Codex runs");
  logIn("linear", "token-2", 3);
  assert.deepEqual(await tokensFor("linear"), ["Bearer token-2"], "a token that was refreshed");
  assert.equal(statSync(file).ino, statSync(join(bench.home, ".credentials.json")).ino);
  assert.equal(statSync(join(bench.home, ".credentials.json")).mode & 0o777, 0o600);
  rmSync(file);
  assert.deepEqual(await tokensFor("linear"), [undefined], "the user has logged out");
  logIn("notes", "token-3", 5);
  assert.deepEqual(await tokensFor("notes"), ["Bearer token-3"], "and in again");

  // A home with logins of its own keeps them.
  rmSync(file);
  await tokensFor("nobody");
  const own = credentials({ linear: { url: `${server.origin}/linear/7`, token: "of-the-home" } });
  writeFileSync(join(bench.home, ".credentials.json"), own, { mode: 0o600 });
  logIn("linear", "of-the-user", 7);
  assert.deepEqual(await tokensFor("linear"), ["Bearer of-the-home"]);
  assert.equal(readFileSync(join(bench.home, ".credentials.json"), "utf8"), own);
});

test("Codex in our home and a broker in the user's refresh one login, and neither loses it", {
  timeout,
}, async (t) => {
  await using mcp = await RecordingMcpServer.start({ stateless: true });
  await using authorizationServer = await AuthorizationServer.start();
  await using resource = await ProtectedResource.start({ authorizationServer, target: mcp.url });
  await using bench = await startBench();
  const users = join(bench.cwd, "users");
  mkdirSync(users);
  const { url } = resource;
  const store = codexLoginStore({ codexHome: users, kept: "file" });
  await using credentials = new LoginBroker({ stores: () => store });
  await using manager = new McpManager({ publish: false, credentials });
  const tokens = authorizationServer.issue({ clientId: "c", scopes: [], resource: url });
  const login: StoredLogin = {
    server: "svc",
    url,
    issuer: authorizationServer.issuer,
    clientId: "c",
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    expiresAt: 1,
    scopes: [],
  };
  await store.write(login, t.signal);
  const codex = bench.another({ env: { ...process.env, CODEX_HOME: users } });
  const input = promptOf({ call: { server: "svc", tool: "whoami" } }, { say: "x" });
  const options = { workingDirectory: bench.cwd, mcpServers: { svc: { url } }, ephemeral: true };
  // Whoever is first is slow enough for the other one to come meanwhile.
  authorizationServer.behaviour.delayMs = ({ endpoint }) => (endpoint === "token" ? 500 : 0);
  for (let round = 0; round < 2; round++) {
    authorizationServer.expireAccessTokens();
    await store.write({ ...((await store.read(login, t.signal)) ?? login), expiresAt: 1 }, t.signal);
    const before = mcp.calls.length;
    await using thread = manager.openThread({ servers: { svc: { url } } });
    const [views] = await Promise.all([thread.ready(), codex.startThread(options).run(input)]);
    assert.equal(views[0]?.status.state, "ready", JSON.stringify(views[0]?.status));
    assert.equal(mcp.calls.length, before + 1);
    const stored = await store.read(login, t.signal);
    assert.ok(authorizationServer.check(stored?.accessToken ?? ""), "the login is lost");
    assert.equal(authorizationServer.reuses, 0);
  }
  const [file, ours] = [users, bench.home].map((home) => statSync(join(home, ".credentials.json")));
  assert.equal(file?.ino, ours?.ino);
});

test("a login counts where the user's own home has the server, and no field of a file's server is inherited", {
  timeout,
}, async () => {
  await using server = await RecordingMcpServer.start({ stateless: true });
  await using bench = await startBench();
  mkdirSync(bench.home, { recursive: true });
  const url = (name: string): string => `${server.origin}/${name}`;
  const toml = `[mcp_servers.plain]\nurl = "${url("plain")}"\n
[mcp_servers.other]\nurl = "${url("elsewhere")}"\n
[mcp_servers.headed]\nurl = "${url("headed")}"\nhttp_headers = { "X-File" = "1" }\n`;
  writeFileSync(join(bench.home, "config.toml"), toml);
  const names = ["plain", "other", "headed"];
  const logins = Object.fromEntries(names.map((name) => [name, { url: url(name), token: `t-${name}` }]));
  writeFileSync(join(bench.home, ".credentials.json"), credentials(logins));
  const mcpServers = Object.fromEntries(names.map((name) => [name, { url: url(name) }]));
  const input = promptOf(...names.map((name) => ({ call: { server: name, tool: "whoami" } })), { say: "x" });
  const thread = bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers });
  const items = itemsOfType(await collect(thread.runStreamed(input)), "mcp_tool_call");
  assert.ok(items.every((item) => names.includes(item.server)));
  const sent = server.requests.filter(({ tool }) => tool !== undefined);
  assert.ok(sent.every(({ headers }) => headers["x-file"] === undefined));
  assert.equal(sent.find(({ path }) => path === "/plain")?.headers["authorization"], "Bearer t-plain");
});

test("a server that needs a login is named as the host named it, and the advice leads out", {
  timeout,
}, async (t) => {
  const http = createServer((request, response) => {
    const isMcp = request.url?.startsWith("/mcp") === true;
    response.writeHead(isMcp ? 401 : 404, isMcp ? { "www-authenticate": "Bearer" } : {}).end();
  });
  await new Promise<void>((resolve) => void http.listen(0, "127.0.0.1", resolve));
  t.after(() => void http.close());
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`;
  await using bench = await startBench();
  mkdirSync(bench.home, { recursive: true });
  // A server of the file with another field, so that the thread's has another name inside Codex.
  const toml = (name: string): string => `[mcp_servers."${name}"]\nurl = "${url}"\nrequired = false\n`;
  writeFileSync(join(bench.home, "config.toml"), ["linear", "a.b", "@x/y"].map(toml).join("\n"));
  const advice =
    mcpMode === "direct" ? /needs a login: give it an Authorization header/ : /Log in: switchyard mcp login /;
  for (const name of ["linear", "a.b", "@x/y", "not-in-the-file"]) {
    for (const required of [false, true]) {
      const text = await said(bench.codex, bench.cwd, { [name]: { url, required } });
      assert.match(text, advice, text);
      assert.ok(text.includes(name) && !text.includes(`${name}_2`), text);
    }
  }
});

/** What a turn says about servers that are missing. */
async function said(codex: Codex, cwd: string, mcpServers: McpServers): Promise<string> {
  const events = await collect(codex.startThread({ workingDirectory: cwd, mcpServers }).runStreamed("hello"));
  const errors = itemsOfType(events, "error").filter(({ code }) => code === "mcp_server_failed");
  return JSON.stringify([errors, events.filter(({ type }) => type === "turn.failed")]);
}
