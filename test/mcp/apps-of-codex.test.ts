/** The apps server that the real Codex adds for a ChatGPT login is the one that we add for the same login. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { appsToolsCacheKey, codexAppsAuth, withAppsServer } from "../../src/mcp/index.ts";
import { keyText } from "../../src/mcp/apps/apps-auth.ts";
import { CodexConfig } from "../support/codex-config.ts";
import { AppsPeer, token } from "./support/apps-peer.ts";
import { McpBench } from "./support/scripted.ts";

const CLAIMS = { chatgpt_plan_type: "team", chatgpt_user_id: "user", chatgpt_account_id: "a" };
const LOGIN = {
  auth_mode: "chatgpt",
  OPENAI_API_KEY: null,
  tokens: { id_token: token(CLAIMS), access_token: token(CLAIMS), refresh_token: "r", account_id: "a" },
  last_refresh: new Date().toISOString(),
};

test("Codex and we ask the same server, with the same header, for the same account, and keep its tools by the same key", {
  timeout: 60_000,
}, async () => {
  await using apps = await AppsPeer.start({ "": ["seen_by_codex"], a: ["seen_by_us"] });
  const { baseUrl, peer } = apps;
  await using bench = new McpBench({ catalogFolder: false });
  const toml = `chatgpt_base_url = "${baseUrl}"\ncli_auth_credentials_store = "file"\n`;
  await using codex = await CodexConfig.start({ "auth.json": JSON.stringify(LOGIN), "config.toml": toml });
  const { result, error } = await codex.ask("mcpServerStatus/list", toml, {});
  const { data } = result as { readonly data: readonly { readonly name: string; readonly tools: object }[] };
  assert.deepEqual(
    [error, data.map(({ name, tools }) => [name, Object.keys(tools)])],
    [null, [["codex_apps", ["seen_by_codex"]]]],
  );
  const [theirs] = peer.asked("tools/list");
  peer.requests.splice(0);

  const auth = codexAppsAuth({ codexHome: codex.home, baseUrl });
  const thread = bench.manager.openThread(withAppsServer({}, auth));
  await thread.ready();
  assert.deepEqual(
    thread.listTools().map((each) => [each.server, each.tool.name]),
    [["codex_apps", "seen_by_us"]],
  );
  const [ours] = peer.asked("tools/list");
  assert.deepEqual(
    [ours?.path, ours?.headers["x-openai-product-sku"]],
    [theirs?.path, theirs?.headers["x-openai-product-sku"]],
  );
  // Codex gives a token to ChatGPT's own address only; ours goes where the login says that it is from.
  assert.equal(theirs?.headers["authorization"], undefined);
  assert.equal(ours?.headers["authorization"], `Bearer ${LOGIN.tokens.access_token}`);

  assert.ok(auth.allowsApps);
  const key = createHash("sha1")
    .update(keyText(appsToolsCacheKey(auth)))
    .digest("hex");
  assert.deepEqual(readdirSync(join(codex.home, "cache", "codex_apps_tools")), [`${key}.json`]);
});
