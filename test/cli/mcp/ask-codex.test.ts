/** `switchyard mcp check --ask-codex`: the installed Codex loads the configuration too. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CODEXS, RICH, SECRET, TestHome } from "../support/test-home.ts";

const timeout = 60_000;

const leftToCodex: readonly (readonly [toml: string, message: string, path: string | null])[] = [
  ["model = 1\n", "invalid type: integer `1`, expected a string", "model"],
  ["[features]\nuse_xaa = 1\n", "invalid type: integer `1`, expected a boolean", "features"],
  [
    'sandbox_mode = "no"\n',
    "unknown variant `no`, expected one of `read-only`, `workspace-write`, `danger-full-access`",
    "sandbox_mode",
  ],
  ['model_provider = "none"\n', "Model provider `none` not found", null],
  [
    `[model_providers.p]\nhttp_headers = "Bearer ${SECRET}"\n`,
    'invalid type: string "*****", expected a map',
    "model_providers.p.http_headers",
  ],
];
for (const [toml, message, path] of leftToCodex) {
  test(`check --ask-codex has Codex's error: ${JSON.stringify(toml)}`, { timeout }, async () => {
    using home = new TestHome({ [CODEXS]: toml.startsWith("[") ? RICH + toml : toml + RICH });
    assert.equal((await home.run(["mcp", "check"])).code, 0);
    const { code, stdout } = await home.run(["mcp", "check", "--ask-codex", "--json"]);
    assert.equal(code, 1);
    const { errors } = JSON.parse(stdout) as {
      errors: readonly { message: string; path: string | null }[];
    };
    assert.deepEqual(
      errors.map((error) => [error.message, error.path]),
      [[message, path]],
    );
    const ofFile = await home.run(["mcp", "check", "--ask-codex", join(home.home, CODEXS)]);
    assert.equal(ofFile.code, 1);
    assert.ok(ofFile.stderr.includes(`error: ${message}`), ofFile.stderr);
    assert.ok(!(stdout + ofFile.stderr).includes(SECRET));
  });
}

test("check --ask-codex repeats no error, says that Codex accepts, and that it is not there", {
  timeout,
}, async () => {
  using home = new TestHome({ [CODEXS]: RICH });
  const accepted = await home.run(["mcp", "check", "--ask-codex", "--codex"]);
  assert.equal(accepted.code, 0, accepted.stderr);
  assert.match(accepted.stdout, /^ok: all layers, 3 servers; Codex accepts it too$/m);
  const overridden = await home.run(["mcp", "check", "--ask-codex", "-c", "model=1"]);
  assert.match(overridden.stderr, /expected a string \(in model\)/);
  const missing = await home.run(["mcp", "check", "--ask-codex"], "", {
    SWITCHYARD_CODEX_PATH: "/nowhere",
  });
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /^error: Codex cannot be asked: Cannot find Codex at "\/nowhere"/m);
  for (const args of [["--profile", "p"], ["-"], ["switchyard.toml"]]) {
    const { code, stderr } = await home.run(["mcp", "check", "--ask-codex", ...args]);
    assert.equal(code, 2, stderr);
  }
  for (const text of ["[mcp_servers.a]\ncommand = 1\n", "[mcp_servers.a]\ncommand =\n", 'profile = "p"\n']) {
    home.write(CODEXS, text);
    const { code, stderr } = await home.run(["mcp", "check", "--ask-codex", join(home.home, CODEXS)], "", {
      TMPDIR: home.home,
    });
    assert.deepEqual([code, stderr.match(/^1 error$/m)?.length], [1, 1], stderr);
  }
  const left = readdirSync(home.home, { recursive: true }).filter((name) => `${name}`.includes("ask-codex"));
  assert.deepEqual(left, []);
});
