/** Logins of the user, as Codex keeps them: what the commands and the engine `responses` do with them, and where a token may be. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { wallTime } from "../../src/base/clock.ts";
import { codexLoginStore } from "../../src/mcp/auth/codex-store/codex-login-store.ts";
import type { LoginStore, StoredLogin } from "../../src/mcp/auth/stored-login.ts";
import {
  AuthorizationServer,
  ProtectedResource,
  promptOf,
  RecordingMcpServer,
  ScriptedModel,
} from "../../src/testing/index.ts";
import { TestHome } from "./support/test-home.ts";

const STORE = ".codex/.credentials.json";
/** Every token of the authorization server. */
const TOKEN = /(?:access|refresh)-[0-9a-f]{8}/;
const { signal } = new AbortController();

interface Bench extends AsyncDisposable {
  readonly home: TestHome;
  readonly model: ScriptedModel;
  readonly server: AuthorizationServer;
  readonly url: string;
  stored(): Promise<StoredLogin | undefined>;
}

/** A configured server, and a login to it whose access token is over. */
async function start(): Promise<Bench> {
  await using stack = new AsyncDisposableStack();
  const home = stack.use(new TestHome());
  const model = stack.use(await ScriptedModel.start());
  const mcp = stack.use(await RecordingMcpServer.start({ stateless: true }));
  const server = stack.use(await AuthorizationServer.start());
  const resource = stack.use(await ProtectedResource.start({ authorizationServer: server, target: mcp.url }));
  const { url } = resource;
  home.write(".codex/config.toml", `[mcp_servers.desk]\nurl = "${url}"\n`);
  const store: LoginStore = codexLoginStore({ codexHome: join(home.home, ".codex"), kept: "file" });
  const tokens = server.issue({ clientId: "c", scopes: ["read"], resource: url });
  const login: StoredLogin = {
    server: "desk",
    url,
    issuer: server.issuer,
    clientId: "c",
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    expiresAt: wallTime() - 1,
    scopes: ["read"],
  };
  await store.write(login, signal);
  server.expireAccessTokens();
  const moved = stack.move();
  const stored = (): Promise<StoredLogin | undefined> => store.read(login, signal);
  return { home, model, server, url, stored, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

/** Files of the home in which there is a token, but for the store. */
function filesWithTokens({ home }: TestHome): string[] {
  const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  return files
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((file) => file !== join(home, STORE) && TOKEN.test(readFileSync(file, "latin1")));
}

/** Processes whose arguments or variables have a token, as far as they may be looked at. */
function processesWithTokens(): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    try {
      const [argv, env] = ["cmdline", "environ"].map((name) =>
        readFileSync(`/proc/${pid}/${name}`, "latin1"),
      );
      return TOKEN.test(`${argv} ${env}`) ? [argv ?? ""] : [];
    } catch {
      return [];
    }
  });
}

/** A run of the runner with `--engine responses`. */
async function run(
  { home, model, url }: Bench,
  prompt: string,
  params: object = {},
): Promise<readonly string[]> {
  const line = {
    type: "run",
    id: "r",
    params: { model: "scripted", input: prompt, mcp_servers: { desk: { url } }, ...params },
  };
  const args = ["runner", "--engine", "responses", "--base-url", model.baseUrl, "--diag-level", "debug"];
  const { stdout, stderr } = await home.run(args, `${JSON.stringify(line)}\n`);
  assert.match(stdout, /"type":"end","id":"r","status":"completed"/, stderr);
  return [stdout, stderr];
}

test("a stored login is used and refreshed; its tokens are in the store and in requests, and nowhere else", {
  timeout: 60_000,
}, async () => {
  await using bench = await start();
  const { home, server, model } = bench;
  const inProcesses: string[] = [];
  server.behaviour.meddle = (truth) => {
    if (process.platform === "linux") inProcesses.push(...processesWithTokens());
    return truth;
  };
  const called = await home.run(["mcp", "call", "desk", "echo", "--arg", "text=hello", "--json"]);
  assert.equal(called.code, 0, called.stderr);
  assert.match(called.stdout, /hello/);
  const first = await bench.stored();
  assert.ok(server.check(first?.accessToken ?? ""));

  server.expireAccessTokens();
  const said = await run(
    bench,
    promptOf({ call: { server: "desk", tool: "echo", arguments: { text: "hello" } } }, { say: "ok" }),
  );
  assert.match(said.join(""), /hello/);
  const second = await bench.stored();
  assert.ok(server.check(second?.accessToken ?? "") && second?.accessToken !== first?.accessToken);
  assert.deepEqual([server.asked("token").length, server.reuses], [2, 0]);
  for (const text of [called.stdout, called.stderr, ...said]) assert.doesNotMatch(text, TOKEN);

  // A server that shows the token it got shows it to the host, but not to the model, and not in the history.
  await run(bench, promptOf({ call: { server: "desk", tool: "whoami" } }, { say: "ok" }));
  const asked = JSON.stringify(model.requests.map(({ body }) => body));
  assert.match(asked, /authorization/);
  assert.doesNotMatch(asked, TOKEN);
  assert.deepEqual([filesWithTokens(home), inProcesses], [[], []]);
});

test("a login that has ended is said with its reason, without a token, and stays in the store", {
  timeout: 60_000,
}, async () => {
  await using bench = await start();
  const { home, server } = bench;
  server.revokeAll();
  const before = home.read(STORE);
  const status = await home.run(["mcp", "status", "desk", "--json"]);
  assert.equal(status.code, 1);
  const { state, reason } = JSON.parse(status.stdout) as { state: string; reason: string };
  assert.equal(state, "needs_login");
  assert.match(
    reason,
    /its login has ended: the authorization server answered invalid_grant: The login was revoked\. Log in: switchyard mcp login desk/,
  );
  assert.doesNotMatch(status.stdout + status.stderr, TOKEN);
  assert.equal(home.read(STORE), before);
  assert.equal(server.asked("token").length, 1);
});
