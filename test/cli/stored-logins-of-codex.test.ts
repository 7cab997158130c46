/** Logins made, refreshed and removed by the real Codex and by Switchyard, each for the other. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { findCodex } from "../../src/codex/app-server/binary.ts";
import { codexLoginStore } from "../../src/mcp/auth/codex-store/codex-login-store.ts";
import { AuthorizationServer, ProtectedResource, RecordingMcpServer } from "../../src/testing/index.ts";
import { finished, TestHome } from "./support/test-home.ts";

test("a login of codex mcp login counts here, is refreshed for both, and a logout holds for both (K1)", {
  timeout: 60_000,
}, async (t) => {
  using home = new TestHome();
  await using mcp = await RecordingMcpServer.start({ stateless: true });
  await using server = await AuthorizationServer.start();
  await using resource = await ProtectedResource.start({ authorizationServer: server, target: mcp.url });
  home.write(
    ".codex/config.toml",
    `mcp_oauth_credentials_store = "file"\n[mcp_servers.desk]\nurl = "${resource.url}"\n`,
  );
  const codex = findCodex(undefined, process.env).path;
  const login = home.spawn(codex, ["mcp", "login", "desk", "--no-browser"], {});
  const ended = finished(login);
  for await (const line of createInterface(login.stdout)) {
    const url = /https?:\/\/\S+\/authorize\S*/.exec(line)?.[0];
    if (url === undefined) continue;
    const answer = await fetch(url, { redirect: "manual" });
    login.stdin.end(`${answer.headers.get("location")}\n`);
    break;
  }
  const { code, stderr } = await ended;
  assert.equal(code, 0, stderr);

  const store = codexLoginStore({ codexHome: join(home.home, ".codex"), kept: "file" });
  const key = { server: "desk", url: resource.url };
  const first = await store.read(key, t.signal);
  assert.ok(first?.refreshToken !== undefined, "Codex has kept a login");
  const call = ["mcp", "call", "desk", "echo", "--arg", "text=hello"];
  server.expireAccessTokens();
  const called = await home.run(call);
  assert.equal(called.code, 0, called.stderr);
  const second = await store.read(key, t.signal);
  assert.ok(second?.accessToken !== first.accessToken && server.check(second?.accessToken ?? ""));

  // Codex reads what we have written.
  const listed = await home.runProgram(codex, ["mcp", "list", "--json"]);
  const [desk] = JSON.parse(listed.stdout) as { readonly auth_status: string }[];
  assert.equal(desk?.auth_status, "o_auth");
  const out = await home.runProgram(codex, ["mcp", "logout", "desk"]);
  assert.equal(out.code, 0, out.stderr);
  assert.equal(await store.read(key, t.signal), undefined);
  assert.match((await home.run(call)).stderr, /there is no login for it\. Log in: switchyard mcp login desk/);
  assert.equal(server.reuses, 0);
});
