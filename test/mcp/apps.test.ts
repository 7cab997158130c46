/** The server of ChatGPT's apps: who gets it, with which token, and whose tools are remembered. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { effectiveMcpServers, loadConfigLayers, type McpServerConfig } from "../../src/config/index.ts";
import {
  type AllowedAppsAuth,
  codexAppsAuth,
  type McpConnectionManager,
  McpError,
  type ThreadServers,
  withAppsServer,
} from "../../src/mcp/index.ts";
import { AppsPeer, token, tool } from "./support/apps-peer.ts";
import { inState, McpBench } from "./support/scripted.ts";

const HOST = join(import.meta.dirname, "support", "apps-host.ts");
const TOKEN = "the-token-of-the-login";

function login(more: Partial<AllowedAppsAuth> = {}): AllowedAppsAuth {
  return { allowsApps: true, accountId: "a", userId: "user", token: () => TOKEN, ...more };
}

function urlOf(servers: ThreadServers, auth: Parameters<typeof withAppsServer>[1]): string | undefined {
  const transport = withAppsServer(servers, auth).servers.configs.get("codex_apps")?.transport;
  return transport?.type === "streamable_http" ? transport.url : undefined;
}

function names(thread: McpConnectionManager): readonly string[] {
  return thread.listTools().map((each) => each.tool.name);
}

suite("the apps server", () => {
  test("is there only for a login that allows it, whatever a configuration says (P1)", async () => {
    await using bench = new McpBench();
    const codexHome = bench.path("codex");
    mkdirSync(codexHome);
    const toml =
      '[mcp_servers.codex_apps]\nurl = "https://evil.example/mcp"\n[mcp_servers.x]\nurl = "https://x.example"\n';
    writeFileSync(join(codexHome, "config.toml"), toml);
    const { servers } = effectiveMcpServers(
      loadConfigLayers({ cwd: bench.folder, codexHome, switchyardHome: codexHome, env: {} }),
    );
    const written = new Map(servers.map(({ name, config }) => [name, config as McpServerConfig]));
    assert.deepEqual([...written.keys()], ["codex_apps", "x"]);
    for (const auth of [undefined, { allowsApps: false } as const]) {
      const without = withAppsServer(written, auth);
      assert.deepEqual([...without.servers.configs.keys()], ["x"]);
      assert.deepEqual([without.headers, without.principals], [{}, {}]);
    }
    const allowed = withAppsServer(written, login());
    assert.deepEqual([...allowed.servers.configs.keys()], ["x", "codex_apps"]);
    assert.equal(urlOf(written, login()), "https://chatgpt.com/backend-api/ps/mcp");
    assert.equal(urlOf(allowed.servers, { allowsApps: false }), undefined);
    assert.throws(
      () => withAppsServer({ codex_apps: { url: "https://evil.example/mcp" } }, login()),
      (error) =>
        error instanceof McpError && error.code === "invalid_servers" && /reserved/.test(error.message),
    );
  });

  test("has the address that Codex would ask, and none where the token would be read by others (P2)", () => {
    const urls = {
      "https://chatgpt.com": "https://chatgpt.com/backend-api/ps/mcp",
      "https://chatgpt.com/backend-api/": "https://chatgpt.com/backend-api/ps/mcp",
      "https://chat.openai.com": "https://chat.openai.com/backend-api/ps/mcp",
      "https://codex.example/api/codex": "https://codex.example/api/codex/ps/mcp",
      "http://localhost:8080": "http://localhost:8080/api/codex/ps/mcp",
    };
    for (const [baseUrl, url] of Object.entries(urls)) assert.equal(urlOf({}, login({ baseUrl })), url);
    for (const baseUrl of ["http://chatgpt.com/backend-api", "file:///x", "chatgpt.com", ""])
      assert.throws(() => withAppsServer({}, login({ baseUrl })), McpError, baseUrl);
  });

  test("is asked with the token of the login, which is in no configuration, file or log (P2)", async () => {
    await using apps = await AppsPeer.start({ a: ["of_a"] });
    await using bench = new McpBench();
    const catalogFolder = bench.path("catalogs");
    await using host = new McpBench({ catalogFolder });
    const asked: string[] = [];
    const auth = login({
      baseUrl: apps.baseUrl,
      token: ({ why }) => {
        asked.push(why);
        return why === "open" ? "an-old-token" : TOKEN;
      },
    });
    apps.expired = "an-old-token";
    const options = withAppsServer({}, auth);
    const thread = host.manager.openThread(options);
    await thread.ready();
    assert.deepEqual(names(thread), ["of_a"]);
    assert.deepEqual(asked, ["open", "unauthorized"]);
    const [listing] = apps.peer.asked("tools/list");
    assert.equal(listing?.headers["authorization"], `Bearer ${TOKEN}`);
    assert.equal(listing?.headers["chatgpt-account-id"], "a");
    assert.equal(listing?.headers["x-openai-product-sku"], "codex");
    await host.manager[Symbol.asyncDispose]();
    const kept = readdirSync(catalogFolder).map((file) => readFileSync(join(catalogFolder, file), "utf8"));
    assert.equal(kept.length, 1);
    const config = options.servers.configs.get("codex_apps");
    const written = JSON.stringify([config, kept, host.log, thread.server("codex_apps")]);
    assert.ok(!written.includes(TOKEN) && !written.includes("an-old-token"), written);
  });

  test("is not asked with a token of another account or user (P2)", async () => {
    await using apps = await AppsPeer.start({ a: ["of_a"] });
    await using bench = new McpBench();
    for (const claims of [
      { chatgpt_account_id: "b" },
      { chatgpt_account_id: "a", chatgpt_user_id: "other" },
    ]) {
      const auth = login({ baseUrl: apps.baseUrl, token: () => token(claims) });
      await using thread = bench.manager.openThread(withAppsServer({}, auth));
      await inState(thread, "codex_apps", "failed");
      const { status } = thread.server("codex_apps");
      assert.ok(
        status.state === "failed" && /another account/.test(status.reason.message),
        JSON.stringify(status),
      );
    }
    assert.deepEqual(apps.peer.requests, []);
    const own = token({ chatgpt_account_id: "a", chatgpt_user_id: "user" });
    const thread = bench.manager.openThread(
      withAppsServer({}, login({ baseUrl: apps.baseUrl, token: () => own })),
    );
    await thread.ready();
    assert.deepEqual(names(thread), ["of_a"]);
  });
});

suite("tools of the apps server that are remembered", () => {
  const A = login();
  /** Each differs from A in one thing. */
  const OTHERS: Readonly<Record<string, AllowedAppsAuth>> = {
    account: login({ accountId: "b" }),
    user: login({ userId: "somebody else" }),
    "kind of account": login({ isWorkspaceAccount: true }),
  };

  test("are those of the same account, user and kind of account, in this host and in the next one (P3)", async () => {
    await using apps = await AppsPeer.start({ a: ["of_a"], b: ["of_b"] });
    const { baseUrl } = apps;
    await using bench = new McpBench();
    const catalogFolder = bench.path("catalogs");
    const open = (host: McpBench, auth: AllowedAppsAuth): McpConnectionManager =>
      host.manager.openThread({ ...withAppsServer({}, { ...auth, baseUrl }), principal: "the same" });
    for (const _ of ["this host", "the next one"]) {
      await using host = new McpBench({ catalogFolder });
      if (_ === "this host") await open(host, A).ready();
      for (const [what, auth] of Object.entries(OTHERS)) assert.deepEqual(names(open(host, auth)), [], what);
      const remembered = open(host, A);
      assert.equal(remembered.server("codex_apps").status.state, "starting");
      assert.deepEqual(names(remembered), ["of_a"]);
      assert.ok(remembered.listTools().every((each) => each.tool.annotations === undefined));
    }
  });

  test("are nobody's where a login does not say whose it is (P3)", async () => {
    await using apps = await AppsPeer.start({ a: ["of_a"], "": ["of_nobody"] });
    await using bench = new McpBench({ catalogFolder: false });
    const { accountId: _, ...noAccount } = login({ baseUrl: apps.baseUrl });
    const { userId: __, ...noUser } = login({ baseUrl: apps.baseUrl });
    for (const auth of [noAccount, noUser]) {
      const open = (): McpConnectionManager =>
        bench.manager.openThread({ ...withAppsServer({}, auth), principal: "p" });
      await open().ready();
      assert.deepEqual(names(open()), []);
    }
  });

  test("are whole, and no other account's, after a host was killed while it kept them (P3)", async () => {
    await using apps = await AppsPeer.start({ a: ["of_a"], b: ["of_b"] });
    const { baseUrl } = apps;
    await using bench = new McpBench();
    const catalogFolder = bench.path("catalogs");
    {
      await using host = new McpBench({ catalogFolder });
      await host.manager.openThread(withAppsServer({}, login({ baseUrl }))).ready();
    }
    apps.tools.set("a", [tool("newer_of_a")]);
    const killed = async (accountId: string, at: "write" | "rename"): Promise<void> => {
      const argument = JSON.stringify({ baseUrl, accountId, catalogFolder, at });
      const child = spawn(process.execPath, [HOST, argument], { stdio: ["ignore", "ignore", "inherit"] });
      assert.deepEqual(await once(child, "exit"), [null, "SIGKILL"]);
    };
    await Promise.all([killed("a", "write"), killed("b", "rename")]);
    const files = readdirSync(catalogFolder).map((file) => readFileSync(join(catalogFolder, file), "utf8"));
    assert.equal(files.length, 3, "two hosts were killed in the middle");
    await using host = new McpBench({ catalogFolder });
    const open = (more: Partial<AllowedAppsAuth>): McpConnectionManager =>
      host.manager.openThread(withAppsServer({}, login({ baseUrl, ...more })));
    assert.deepEqual(names(open({})), ["of_a"]);
    assert.deepEqual(names(open({ accountId: "b" })), []);
  });
});

test("the login of Codex is one while it stays the same", async () => {
  await using bench = new McpBench();
  const write = (auth: object): void => writeFileSync(bench.path("auth.json"), JSON.stringify(auth));
  const read = (): unknown => codexAppsAuth({ codexHome: bench.folder });
  const of = (claims: object, account_id = "a"): object => ({
    auth_mode: "chatgpt",
    tokens: { id_token: token(claims), access_token: `token-of-${account_id}`, account_id },
  });
  const none = { allowsApps: false };
  assert.deepEqual(read(), none);
  for (const auth of [
    { OPENAI_API_KEY: "sk-x" },
    { ...of({}), auth_mode: "apikey" },
    { tokens: {} },
    {},
    [],
  ]) {
    write(auth);
    assert.deepEqual(read(), none, JSON.stringify(auth));
  }
  write(of({ chatgpt_plan_type: "team", user_id: "u" }));
  const auth = codexAppsAuth({ codexHome: bench.folder });
  assert.ok(auth.allowsApps);
  assert.deepEqual([auth.accountId, auth.userId, auth.isWorkspaceAccount], ["a", "u", true]);
  const about = { why: "open", signal: AbortSignal.timeout(10_000) } as const;
  assert.equal(auth.token(about), "token-of-a");
  write(of({ chatgpt_plan_type: "team", user_id: "u" }, "b"));
  assert.throws(() => auth.token(about), /another one now/);
});
