/** The apps server that the real Codex adds for a ChatGPT login is the one that we add for the same login, and so are its tools. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { isObject } from "../../src/base/json.ts";
import { appsToolsCacheKey, codexAppsAuth, withAppsServer } from "../../src/mcp/index.ts";
import { keyText } from "../../src/mcp/apps/apps-auth.ts";
import { ScriptedModel } from "../../src/testing/index.ts";
import { Gate, ToolRouter } from "../../src/tools/index.ts";
import { CodexConfig } from "../support/codex-config.ts";
import { AppsPeer, token, tool } from "./support/apps-peer.ts";
import { McpBench } from "./support/scripted.ts";

const CLAIMS = { chatgpt_plan_type: "team", chatgpt_user_id: "user", chatgpt_account_id: "a" };
const LOGIN = {
  auth_mode: "chatgpt",
  OPENAI_API_KEY: null,
  tokens: { id_token: token(CLAIMS), access_token: token(CLAIMS), refresh_token: "r", account_id: "a" },
  last_refresh: new Date().toISOString(),
};

/** Tools by what they say of their connector. */
const TOOLS: readonly (readonly [meta: object, ...tools: readonly string[]])[] = [
  [
    { connector_id: "connector_gmail", connector_name: "Gmail", connector_description: "Mail" },
    ...["gmail_send_mail", "Gmail", "GMAIL_Read.it", "gmailx", "connector_gmail_by_id", "other tool"],
  ],
  [{ connector_id: "c1", connector_name: "Same" }, "same_a"],
  [{ connector_id: "c2", connector_name: "Same" }, "Same_a", "same_b"],
  [{ connector_id: "c3", connector_name: "ünï" }, "uni"],
  [{ connector_id: "c4", connector_name: "--A--B  c__d--" }, "dashes"],
  [{ connector_id: "c5", connector_name: "  Trim " }, "trim_x"],
  [{ connector_id: "c6", connector_name: "" }, "emptyname"],
  [{ connector_id: "c7", connector_name: 7, connector_description: "no name" }, "number"],
  [{ connector_id: "c8" }, "c8_noname"],
  [{ connector_id: "c9", connector_name: "!!!" }, "app_x"],
  [
    { connector_id: "c10", connector_name: "Lead" },
    ...["--lead-trail--", "UPPER", "upper", "ünï", "", "lead", "leadlead"],
  ],
  [{ connector_id: "c11", connector_name: "Long" }, "x".repeat(140)],
  [{ connector_id: "c12", connector_name: "N".repeat(140) }, "y"],
  [{ connector_id: "c13", connector_display_name: "Disp" }, "display"],
  [{ connector_id: "c14", connector_name: "Camel", connectorDescription: "X" }, "it"],
  // Not offered; but the name of a connector that they have counts.
  [{ connector_name: "Disp" }, "of_no_connector"],
  [{ connector_id: " " }, "of_a_blank_one"],
  [{}, "none"],
  [{ connector_id: "c15", connector_name: "For apps", ui: { visibility: ["app"] } }, "app_only"],
];

interface Offered {
  readonly name: string;
  readonly description: string;
  readonly tools: readonly { readonly name: string }[];
}

test("Codex and we ask the same server for a login, offer its tools under the same names, and keep them by the same key", {
  timeout: 60_000,
}, async () => {
  await using apps = await AppsPeer.start({});
  const { baseUrl, peer } = apps;
  await using bench = new McpBench({ catalogFolder: false });
  const tools = TOOLS.flatMap(([_meta, ...names]) => names.map((name) => ({ ...tool(name), _meta })));
  for (const account of ["", "a"]) apps.tools.set(account, tools);
  await using model = await ScriptedModel.start();
  const toml = `chatgpt_base_url = "${baseUrl}"
cli_auth_credentials_store = "file"
model = "some-model"
model_provider = "scripted"
[model_providers.scripted]
name = "scripted"
base_url = "${model.baseUrl}"
wire_api = "responses"
requires_openai_auth = false
`;
  await using codex = await CodexConfig.start({ "auth.json": JSON.stringify(LOGIN), "config.toml": toml });
  const started = await codex.ask("thread/start", toml, {
    cwd: join(codex.home, "work"),
    approvalPolicy: "never",
  });
  const { thread: codexs } = started.result as { readonly thread: { readonly id: string } };
  await codex.ask("turn/start", toml, { threadId: codexs.id, input: [{ type: "text", text: "hello" }] });
  const asked = await model.waitForRequests(({ request }) => request !== undefined);
  const { request } = asked.find((each) => each.request !== undefined) ?? {};
  const offeredByCodex = (request?.body["tools"] as readonly unknown[]).filter(
    (each): each is Offered => isObject(each) && String(each["name"]).startsWith("mcp__codex_apps"),
  );
  const [theirs] = peer.asked("tools/list");
  peer.requests.splice(0);

  const auth = codexAppsAuth({ codexHome: codex.home, baseUrl });
  const thread = bench.manager.openThread(withAppsServer({}, auth));
  await thread.ready();
  const router = new ToolRouter({ thread, gate: new Gate(), spelling: "namespaces", outputOf: () => "" });
  const shape = ({ name, description, tools: inside }: Offered): unknown => [
    name,
    description,
    inside.map((each) => each.name),
  ];
  const offeredByUs = router.tools().map((each) => shape(each as unknown as Offered));
  assert.ok(offeredByUs.length > 12);
  assert.deepEqual(offeredByUs, offeredByCodex.map(shape));
  const call = {
    type: "function_call",
    call_id: "1",
    namespace: "mcp__codex_apps__gmail",
    name: "_send_mail",
    arguments: "",
  } as const;
  const route = router.route(call);
  assert.ok(route.kind === "mcp" && route.tool.qualified.tool === "gmail_send_mail", JSON.stringify(route));

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
  const kept = join(codex.home, "cache", "codex_apps_tools");
  // Codex uses the tools before it has written them down.
  while (!existsSync(join(kept, `${key}.json`))) await setTimeout(20);
  assert.deepEqual(readdirSync(kept), [`${key}.json`]);
});
