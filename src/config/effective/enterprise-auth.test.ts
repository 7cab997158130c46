import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, suite, test } from "node:test";
import { configuredMcpServers } from "./configured.ts";
import { disabledReasonText, effectiveMcpServers } from "./effective.ts";
import { loadConfigLayers } from "../layers/layers.ts";

let dir: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-enterprise-")));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const SERVER = '[mcp_servers.e]\nurl = "http://127.0.0.1:1"\nauth = "ema_auth"\n';
const SWITCH = "[features]\nuse_xaa = true\n";
const PROVIDER = '[mcp_enterprise_managed_auth.idp]\nissuer = "https://i"\nclient_id = "c"\n';
const FILES = {
  system: "etc/config.toml",
  user: "codex/config.toml",
  project: "p/.codex/config.toml",
  own: "p/switchyard.toml",
  managed: "etc/managed_config.toml",
  requirements: "etc/requirements.toml",
};
type Texts = Partial<Record<keyof typeof FILES, string>>;

function load(texts: Texts, overrides: readonly string[] = []): ReturnType<typeof loadConfigLayers> {
  const trust = `[projects."${join(dir, "p")}"]\ntrust_level = "trusted"\n`;
  mkdirSync(join(dir, "p"), { recursive: true });
  for (const [name, text] of Object.entries({ ...texts, user: `${texts.user ?? ""}${trust}` })) {
    const path = join(dir, FILES[name as keyof typeof FILES]);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return loadConfigLayers({
    codexHome: join(dir, "codex"),
    switchyardHome: join(dir, "switchyard"),
    systemDir: join(dir, "etc"),
    cwd: join(dir, "p"),
    overrides,
  });
}

// Everything below was measured with Codex 0.169.

suite('a server with auth = "ema_auth" runs', () => {
  const cases: readonly (readonly [
    what: string,
    texts: Texts,
    runs: boolean,
    overrides?: readonly string[],
  ])[] = [
    ["not without anything else", { user: SERVER }, false],
    ["not without an identity provider", { user: SERVER + SWITCH }, false],
    ["not without the feature", { user: SERVER + PROVIDER }, false],
    ["with both", { user: SERVER + SWITCH + PROVIDER }, true],
    ["with the feature by an override", { user: SERVER + PROVIDER }, true, ["features.use_xaa=true"]],
    ["with the feature required", { user: SERVER + PROVIDER, requirements: SWITCH }, true],
    [
      "not with the feature forbidden",
      { user: SERVER + SWITCH + PROVIDER, requirements: "[features]\nuse_xaa = false\n" },
      false,
    ],
    ["not with a project's identity provider", { user: SERVER + SWITCH, project: PROVIDER }, false],
    ...(
      [
        ['bearer_token_env_var = "X"', false],
        ['http_headers = { A = "b" }', false],
        ["http_headers = {}", true],
        ['env_http_headers = { A = "B" }', false],
        ['http_headers_helper = "x"', false],
        ['environment_id = "r"', false],
        ['oauth = { client_id = "c" }', true],
        ['oauth = { client_id = "c", client_secret = "s" }', false],
        ['oauth = { client_id = "c", client_secret = "s", authorization_server_issuer = "" }', false],
        ['oauth = { client_id = "c", client_secret = "s", authorization_server_issuer = "https://z" }', true],
        ["enabled = false", false],
      ] as const
    ).map(([key, runs]): [string, Texts, boolean] => [
      `${runs ? "with" : "not with"} ${key}`,
      { user: `${SWITCH}${PROVIDER}${SERVER}${key}\n` },
      runs,
    ]),
  ];
  for (const [what, texts, runs, overrides] of cases) {
    test(what, () => {
      const layers = load(texts, overrides);
      assert.deepEqual(configuredMcpServers(layers).errors, []);
      const [server] = effectiveMcpServers(layers).servers;
      assert.equal(server?.config?.enabled, runs);
      assert.equal(server.status, runs ? "enabled" : "disabled");
      const why = what.endsWith("enabled = false") ? "by_hand" : "unknown";
      assert.deepEqual(server.config.disabled_reason, runs ? undefined : { type: why });
      assert.equal(disabledReasonText(server.config.disabled_reason), undefined);
      assert.equal(server.reason === undefined, runs, "a server that does not run has a reason");
    });
  }
});

suite("Codex refuses (E1)", () => {
  const SPLIT =
    "enterprise MCP server `e` must define its transport, authorization, scopes, and resource in one non-project config layer";
  const XAA = "`[features].use_xaa = true` must be selected in a non-project config layer";
  const REENABLED = "project configuration cannot re-enable enterprise MCP server `e`";
  const url = '[mcp_servers.e]\nurl = "http://127.0.0.1:1"\n';
  const ready = SWITCH + PROVIDER + SERVER;
  const cases: readonly (readonly [
    what: string,
    texts: Texts,
    message: string | undefined,
    overrides?: string[],
  ])[] = [
    ["an enterprise server of a project", { project: SERVER }, SPLIT],
    ["an enterprise server of a project's switchyard.toml", { own: SERVER }, SPLIT],
    ["one that two layers make", { system: url, user: '[mcp_servers.e]\nauth = "ema_auth"\n' }, SPLIT],
    ["one that an override makes of another", { user: url }, SPLIT, ['mcp_servers.e.auth="ema_auth"']],
    [
      "one that a lower layer adds scopes to",
      { system: '[mcp_servers.e]\nscopes = ["a"]\n', user: ready },
      SPLIT,
    ],
    [
      "one that a project adds scopes to",
      { user: ready, project: '[mcp_servers.e]\nscopes = ["a"]\n' },
      SPLIT,
    ],
    [
      "one that a project turns into an ordinary one",
      { user: ready, project: '[mcp_servers.e]\nauth = "oauth"\n' },
      SPLIT,
    ],
    [
      "one that a project switches on again",
      { user: `${ready}enabled = false\n`, project: "[mcp_servers.e]\nenabled = true\n" },
      REENABLED,
    ],
    ["the feature from a project, even without a server", { project: SWITCH }, XAA],
    [
      "an identity provider that two layers make",
      {
        system: '[mcp_enterprise_managed_auth.idp]\nissuer = "https://i"\n',
        user: '[mcp_enterprise_managed_auth.idp]\nclient_id = "c"\n',
      },
      "enterprise IdP must be complete in one trusted config layer: missing field `client_id`",
    ],
    [
      "not: timeouts from another layer",
      { system: "[mcp_servers.e]\ntool_timeout_sec = 4\n", user: ready },
      undefined,
    ],
    [
      "not: timeouts from a project",
      { user: ready, project: "[mcp_servers.e]\ntool_timeout_sec = 4\n" },
      undefined,
    ],
    [
      "not: a project that switches one off",
      { user: ready, project: "[mcp_servers.e]\nenabled = false\n" },
      undefined,
    ],
    [
      "not: a whole server by an override",
      { user: SWITCH + PROVIDER },
      undefined,
      ['mcp_servers.e={url="http://127.0.0.1:1",auth="ema_auth"}'],
    ],
  ];
  for (const [what, texts, message, overrides] of cases) {
    test(what, () => {
      const { errors } = configuredMcpServers(load(texts, overrides));
      assert.equal(errors[0]?.message, message);
    });
  }

  test("and the server is invalid, not disabled", () => {
    const [server] = effectiveMcpServers(load({ project: SERVER })).servers;
    assert.equal(server?.status, "invalid");
    assert.equal(server.reason, SPLIT);
    assert.equal(server.errors[0]?.place?.source.name, join(dir, "p/.codex/config.toml"));
  });
});
