import assert from "node:assert/strict";
import { test } from "node:test";
import { checkConfig } from "./check-root.ts";
import type { ReadOptions, ReadResult } from "../server/read-servers.ts";
import { parseToml } from "../../toml/parse.ts";

function check(toml: string, options?: ReadOptions): ReadResult {
  const parsed = parseToml({ name: "config.toml", text: toml });
  assert.ok(parsed.ok);
  return checkConfig(parsed.document.root, options);
}

function messages({ errors, warnings }: ReadResult): string[] {
  return [...errors, ...warnings].map(({ message }) => message);
}

test("checkConfig finds errors in the order of the file, and what needs the whole file last (K1, K2)", () => {
  const result = check('profile = "p"\n[mcp_servers.a]\n[tui]\n', {});
  assert.deepEqual(messages(result), [
    "invalid transport",
    'legacy `profile = "p"` config is no longer supported; use `--profile p` with `p.config.toml` instead',
  ]);
  assert.deepEqual(messages(check("mcp_servers.a = 1\nmodel = 1\n")), [
    "invalid type: integer `1`, expected struct RawMcpServerConfig",
    "invalid type: integer `1`, expected a string",
  ]);
});

test("checkConfig warns about other spellings of mcp_servers only, and in strict mode about every unknown key", () => {
  const toml = 'of_a_newer_codex = 1\n[mcpServers.a]\ncommand = "x"\n';
  assert.deepEqual(messages(check(toml)), ["unknown configuration field `mcpServers`"]);
  const strict = check(toml, { strict: true });
  assert.equal(strict.ok, false);
  assert.deepEqual(messages(strict), [
    "unknown configuration field `of_a_newer_codex`",
    "unknown configuration field `mcpServers`",
  ]);
  assert.match(strict.errors[1]?.hint ?? "", /mcp_servers/);
});

test("checkConfig knows the keys of switchyard.toml, and says where Codex's belong", () => {
  const result = check(
    'model = "x"\n[mcp_servers.a]\ncommand = "x"\nscope = "host"\n[projects."/x"]\ntrust_level = "trusted"\n[environments]\n',
    { own: true },
  );
  assert.equal(result.ok, true);
  assert.deepEqual(
    result.warnings.map(({ path, hint }) => [path?.join("."), hint]),
    [["model", "It is a key of Codex's: it belongs into config.toml"]],
  );
});

test("checkConfig reads where projects begin before all else, as Codex does (K1)", () => {
  assert.deepEqual(
    check("model = 1\nproject_root_markers = 1\n").errors.map(({ path }) => path?.join(".")),
    ["project_root_markers", "model"],
  );
});

/** Each was given to Codex 0.169. */
const IN_TABLES: readonly [toml: string, path: string, message: string][] = [
  ["[features]\nuse_xaa = 1\n", "features", "invalid type: integer `1`, expected a boolean"],
  ["[features]\nunheard_of = {}\n", "features", "invalid type: map, expected a boolean"],
  [
    "[features]\nfirst = 1\nmulti_agent_v2 = 1\n",
    "features.multi_agent_v2",
    "data did not match any variant of untagged enum FeatureToml",
  ],
  ["[plugins]\np = 1\n", "plugins", "invalid type: integer `1`, expected struct PluginConfig"],
  ["[plugins.p]\nmcp_servers = []\n", "plugins", "invalid type: sequence, expected a map"],
  ["[plugins.p.mcp_servers.s]\nenabled = 1\n", "plugins", "invalid type: integer `1`, expected a boolean"],
  [
    "[plugins.p.mcp_servers.s]\ntools.t.approval_mode = 1\n",
    "plugins",
    "invalid type: integer `1`, expected string or map",
  ],
  [
    "[plugins.p.mcp_servers.s]\ndefault_tools_approval_mode = { auto = {} }\n",
    "plugins",
    "invalid type: map, expected unit",
  ],
  [
    "[plugins.p.mcp_servers.s]\ndefault_tools_approval_mode = {}\n",
    "plugins",
    "invalid value: map, expected map with a single key",
  ],
  ["[profiles]\np = 1\n", "profiles.p", "invalid type: integer `1`, expected struct ConfigProfile"],
  ["[profiles.p]\nmodel = 1\n", "profiles.p.model", "invalid type: integer `1`, expected a string"],
  ["[profiles.p.features]\nx = 1\n", "profiles.p.features", "invalid type: integer `1`, expected a boolean"],
  ['model_reasoning_effort = ""\n', "model_reasoning_effort", "reasoning_effort must not be empty"],
  [
    "[model_providers.x]\nquery_params.a = 1\n",
    "model_providers.x.query_params.a",
    "invalid type: integer `1`, expected a string",
  ],
  [
    "approval_policy = { granular = { rules = 1 } }\n",
    "approval_policy.rules",
    "invalid type: integer `1`, expected a boolean",
  ],
  ["approval_policy.granular.rules = true\n", "approval_policy", "missing field `sandbox_approval`"],
  [
    "forced_chatgpt_workspace_id = [1]\n",
    "forced_chatgpt_workspace_id",
    "data did not match any variant of untagged enum Repr",
  ],
  ["history.max_bytes = -1\n", "history.max_bytes", "invalid value: integer `-1`, expected usize"],
];
for (const [toml, path, message] of IN_TABLES) {
  test(`checkConfig looks into the tables beside the servers: ${toml.replaceAll("\n", " ")}`, () => {
    const [first] = check(toml).errors;
    assert.deepEqual([first?.path?.join("."), first?.message], [path, message]);
  });
}

test("checkConfig takes what the tables beside the servers may hold, and keys it does not know", () => {
  const toml =
    "[features]\nunheard_of = true\nmulti_agent_v2 = { enabled = true, more = 1 }\n" +
    '[plugins.p]\nmore = 1\n[plugins.p.mcp_servers.s]\nmore = 1\ndefault_tools_approval_mode = "auto"\n' +
    '[profiles.p]\nmore = 1\nmodel = "x"\n[tools]\nweb_search = {}\n';
  for (const strict of [false, true]) assert.deepEqual(messages(check(toml, { strict })), []);
});
