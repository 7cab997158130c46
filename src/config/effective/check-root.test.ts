import assert from "node:assert/strict";
import { test } from "node:test";
import { checkConfig } from "./check-root.ts";
import type { ReadOptions, ReadServersResult } from "../server/read-servers.ts";
import { parseToml } from "../../toml/parse.ts";

function check(toml: string, options?: ReadOptions): ReadServersResult {
  const parsed = parseToml({ name: "config.toml", text: toml });
  assert.ok(parsed.ok);
  return checkConfig(parsed.document.root, options);
}

function messages({ errors, warnings }: ReadServersResult): string[] {
  return [...errors, ...warnings].map(({ message }) => message);
}

test("checkConfig finds errors in the order of the file, and what needs the whole file last (K1, K2)", () => {
  const result = check(
    'mcp_enterprise_managed_auth.idp = { issuer = "i", client_id = "c", client_secret = " " }\n[mcp_servers.a]\n',
  );
  assert.deepEqual(messages(result), ["invalid transport", "enterprise IdP client_secret must not be empty"]);
  assert.deepEqual(messages(check("mcp_servers.a = 1\nmcp_oauth_callback_url = 1\n")), [
    "invalid type: integer `1`, expected struct RawMcpServerConfig",
    "invalid type: integer `1`, expected a string",
  ]);
});

test("checkConfig warns about other spellings of mcp_servers only, and in strict mode about every unknown key (K3)", () => {
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

test("checkConfig names the servers of an old profile: Codex ignores them, and rejects them in strict mode", () => {
  const files = [
    '[profiles.p.mcp_servers.a]\ncommand = "x"\n',
    '[profiles.p]\nmodel = "m"\nmcp_servers = {}\n',
    'profiles = { o = { model = "m" }, p = { mcp_servers = 1 } }\n',
  ];
  for (const toml of files) {
    const expected = ["unknown configuration field `profiles.p.mcp_servers`"];
    assert.deepEqual(messages(check(toml)), expected, toml);
    assert.equal(check(toml).ok, true);
    const { errors } = check(toml, { strict: true });
    assert.deepEqual(
      errors.map(({ message }) => message),
      expected,
    );
    assert.equal(errors[0]?.place?.start, toml.indexOf("mcp_servers"));
    assert.match(errors[0]?.hint ?? "", /p\.config\.toml in Codex's home, for --profile p/);
  }
  assert.deepEqual(messages(check('[profiles.p]\nmodel = "m"\n', { strict: true })), []);
});

test("an unknown key of mcp_enterprise_managed_auth is reported at its own column", () => {
  const idp = 'idp = { issuer = "i", client_id = "c"';
  const files = [
    `mcp_enterprise_managed_auth.more = 1\nmcp_enterprise_managed_auth.${idp} }\n`,
    `mcp_enterprise_managed_auth = { ${idp} }, more = 1 }\n`,
    `[mcp_enterprise_managed_auth]\n${idp} }\nmore = 1\n`,
    `mcp_enterprise_managed_auth.${idp}, more = 1 }\n`,
    `[mcp_enterprise_managed_auth.more]\n[mcp_enterprise_managed_auth]\n${idp} }\n`,
  ];
  for (const toml of files) {
    for (const strict of [false, true]) {
      const [error] = check(toml, { strict }).errors;
      assert.match(error?.message ?? "", /^unknown field `more`/, toml);
      assert.equal(error?.place?.start, toml.indexOf("more"), toml);
    }
  }
});

test("checkConfig knows the keys of switchyard.toml, and says where Codex's belong", () => {
  const result = check(
    'model = "x"\n[mcp_servers.a]\ncommand = "x"\nscope = "host"\n[projects."/x"]\ntrust_level = "trusted"\n[environments]\n',
    { own: true },
  );
  assert.equal(result.ok, true);
  assert.deepEqual(
    result.warnings.map(({ path, hint }) => [path?.join("."), hint]),
    [["model", "It is a key of Codex's: it belongs in config.toml"]],
  );
});

test("checkConfig reads where projects begin before all else, as Codex does (K1)", () => {
  assert.deepEqual(
    check("mcp_oauth_callback_url = 1\nproject_root_markers = 1\n").errors.map(({ path }) => path?.join(".")),
    ["project_root_markers", "mcp_oauth_callback_url"],
  );
});

test("checkConfig leaves a wrong value of any other key of Codex's to Codex", () => {
  const toml = "model = 1\n[features]\nuse_xaa = 1\n[otel]\np = 1\n";
  for (const strict of [false, true]) assert.deepEqual(messages(check(toml, { strict })), []);
});

test("checkConfig reports the selection of an old profile last, with which Codex does not start (K2)", () => {
  const found = check('profile = "p"\n[profiles.p]\nmodel = "m"\n');
  const legacy =
    'legacy `profile = "p"` config is no longer supported; use `--profile p` with `p.config.toml` instead';
  assert.deepEqual(messages(found), [legacy]);
  assert.match(found.errors[0]?.hint ?? "", /move \[profiles\.p\] to p\.config\.toml/);
  assert.deepEqual(messages(check('profile = "p"\nmcp_oauth_callback_url = 1\n')), [
    "invalid type: integer `1`, expected a string",
    legacy,
  ]);
  assert.deepEqual(messages(check("profile = 5\n")), ["invalid type: integer `5`, expected a string"]);
  assert.deepEqual(messages(check('[profiles.p]\nmodel = "m"\n')), []);
});
