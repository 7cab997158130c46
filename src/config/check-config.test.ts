import assert from "node:assert/strict";
import { test } from "node:test";
import { checkConfig } from "./check-config.ts";
import type { ReadOptions, ReadResult } from "./read-servers.ts";
import { parseToml } from "./toml/parse.ts";

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
    result.warnings.map(({ path, hint }) => [path, hint]),
    [["model", "It is a key of Codex's: it belongs into config.toml"]],
  );
});
