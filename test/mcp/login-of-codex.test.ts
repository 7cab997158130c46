/** One login for both: what `codex mcp login` makes works for us, and what we make works for Codex; refreshed by either; logged out by either. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { findCodex } from "../../src/codex/app-server/binary.ts";
import {
  CallbackListener,
  codexLoginStore,
  LoginBroker,
  McpManager,
  type McpConnectionManager,
} from "../../src/mcp/index.ts";
import { AuthorizationServer, ProtectedResource, RecordingMcpServer } from "../../src/testing/index.ts";
import { CodexConfig } from "../support/codex-config.ts";
import { textOf } from "./support/scripted.ts";

const CLIENT = { id: "known", secret: "S3cret", authMethod: "client_secret_basic" } as const;
/** A client that the authorization server registers, and one that it knows. */
const OAUTH: Readonly<Record<string, object>> = {
  registered: {},
  known: { oauth: { client_id: CLIENT.id, client_secret: CLIENT.secret } },
};
const NAMES = Object.keys(OAUTH);

interface Status {
  readonly name: string;
  readonly authStatus: string;
  readonly tools: object;
}

/** What the app-server says of the servers, which it asks for their tools. */
async function seenByCodex(codex: CodexConfig, toml: string): Promise<readonly string[]> {
  const { result, error } = await codex.ask("mcpServerStatus/list", toml, {});
  assert.equal(error, null);
  return (result as { readonly data: readonly Status[] }).data
    .map(({ name, authStatus, tools }) => `${name} ${authStatus} ${Object.keys(tools).length > 0}`)
    .sort();
}

async function runCodex(home: string, args: readonly string[], t: TestContext): Promise<string> {
  const env = { PATH: process.env["PATH"], HOME: home, CODEX_HOME: home, RUST_BACKTRACE: "0" };
  const { path } = findCodex(undefined, process.env);
  const child = spawn(path, ["mcp", ...args], { env, signal: t.signal });
  let said = "";
  let isAnswered = false;
  const answer = async (chunk: string): Promise<void> => {
    said += chunk;
    const [url] = /https?:\S+\/authorize\?\S+(?=\n)/.exec(said) ?? [];
    if (url === undefined || isAnswered) return;
    isAnswered = true;
    const { headers } = await fetch(url, { redirect: "manual" });
    child.stdin.end(`${headers.get("location")}\n`);
  };
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (chunk: string) => void answer(chunk));
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(code, 0, said);
  return said;
}

async function tokensOf(thread: McpConnectionManager): Promise<readonly string[]> {
  return Promise.all(NAMES.map(async (name) => textOf(await thread.callTool(name, "whoami"))));
}

test("a login is one for Codex and for us, in both directions", { timeout: 60_000 }, async (t) => {
  await using mcp = await RecordingMcpServer.start({ stateless: true });
  await using server = await AuthorizationServer.start({ clients: [CLIENT] });
  await using resource = await ProtectedResource.start({
    authorizationServer: server,
    target: mcp.url,
    scopes: ["read"],
  });
  const { url } = resource;
  await using codex = await CodexConfig.start();
  const { home } = codex;
  const tables = NAMES.map((name) => {
    const known = `oauth = { client_id = "${CLIENT.id}", client_secret = "${CLIENT.secret}" }\n`;
    const oauth = name === "known" ? known : "";
    return `[mcp_servers.${name}]\nurl = "${url}"\n${oauth}`;
  });
  const toml = `mcp_oauth_credentials_store = "file"\n${tables.join("")}`;
  writeFileSync(join(home, "config.toml"), toml);
  const store = codexLoginStore({ codexHome: home, kept: "file" });
  await using credentials = new LoginBroker({ stores: () => store });
  await using manager = new McpManager({ publish: false, credentials });
  const servers = Object.fromEntries(Object.entries(OAUTH).map(([name, more]) => [name, { url, ...more }]));
  const expected = (status: string): string[] => NAMES.map((name) => `${name} ${status}`).sort();

  // Codex logs in: we work, and refresh what it got.
  for (const name of NAMES) await runCodex(home, ["login", name, "--no-browser"], t);
  const thread = manager.openThread({ servers });
  await thread.ready();
  const first = await tokensOf(thread);
  server.expireAccessTokens();
  const second = await tokensOf(thread);
  assert.equal(new Set([...first, ...second]).size, 4);
  // Codex works with what we refreshed, and refreshes that.
  assert.deepEqual(await seenByCodex(codex, toml), expected("oAuth true"));
  server.expireAccessTokens();
  assert.deepEqual(await seenByCodex(codex, toml), expected("oAuth true"));
  assert.notDeepEqual(await tokensOf(thread), second);

  // We log out: Codex is out, too.
  for (const name of NAMES) assert.ok(await store.remove({ server: name, url }, t.signal));
  assert.deepEqual(await seenByCodex(codex, toml), expected("notLoggedIn false"));

  // We log in: Codex works, and refreshes what we got.
  await using listener = await CallbackListener.start();
  for (const name of NAMES) {
    const { redirectUrl } = listener;
    const login = await thread.beginLogin(name, { store, redirectUrl });
    const done = listener.complete(login);
    assert.equal((await fetch(login.url)).status, 200);
    await done;
  }
  assert.deepEqual(await seenByCodex(codex, toml), expected("oAuth true"));
  server.expireAccessTokens();
  assert.deepEqual(await seenByCodex(codex, toml), expected("oAuth true"));
  assert.match((await tokensOf(thread)).join(), /access-[^]*access-/);
  assert.equal(server.reuses, 0);

  // Codex logs out: we are out, too.
  for (const name of NAMES) {
    await runCodex(home, ["logout", name], t);
    assert.equal(await store.read({ server: name, url }, t.signal), undefined);
  }
});
