/** `switchyard mcp check`: everything that is wrong, with its place. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { testCases } from "../support/cases.ts";
import { BROKEN, CODEXS, DOCS, OURS, TestHome } from "../support/test-home.ts";

const timeout = 60_000;

testCases("switchyard mcp check", [
  {
    what: "check of a file",
    files: { "project/config.toml": DOCS + BROKEN },
    args: ["mcp", "check", "config.toml"],
    code: 1,
    stderr: /config.toml:5:1: url is not supported for stdio[^]*1 error/,
  },
  {
    what: "check of a good file",
    files: { "project/config.toml": DOCS },
    args: ["mcp", "check", "config.toml"],
    code: 0,
    stdout: /^ok: ~\/project\/config.toml, 1 server\n$/,
  },
  {
    what: "check --strict rejects unknown keys",
    files: { "project/config.toml": `${DOCS}comand = "x"\n` },
    args: ["mcp", "check", "--strict", "config.toml"],
    code: 1,
    stderr: /unknown configuration field `mcp_servers\.docs\.comand`/,
  },
  {
    what: "check of a missing file",
    args: ["mcp", "check", "nope.toml", "--json"],
    code: 1,
    stdout: /"ok": false[^]*There is no file nope.toml/,
  },
  {
    what: "check of all layers reports the selection of an old profile, with which Codex does not start",
    files: { [CODEXS]: `profile = "p"\n${DOCS}[profiles.p]\nmodel = "m"\n` },
    args: ["mcp", "check"],
    code: 1,
    stderr:
      /~\/\.codex\/config\.toml:1:1: legacy `profile = "p"` config[^]*move \[profiles\.p\] to p\.config\.toml/,
  },
  {
    what: "check - reads stdin",
    args: ["mcp", "check", "-", "--json"],
    input: DOCS,
    code: 0,
    stdout: /"ok": true[^]*"docs-mcp"/,
  },
  {
    what: "check of all layers",
    files: { [OURS]: BROKEN },
    args: ["mcp", "check"],
    code: 1,
    stderr: /url is not supported for stdio/,
  },
  {
    what: "check reports what it did not look at",
    files: { "project/switchyard.toml": BROKEN },
    args: ["mcp", "check"],
    code: 0,
    stdout: /^ok: all layers, 0 servers, 1 warning\n$/,
    stderr:
      /warning: not checked: ~\/project\/switchyard.toml does not count[^]*switchyard mcp check ~\/project\/switchyard.toml/,
  },
]);

test("check prints 50 of very many errors; --json has all", { timeout }, async () => {
  const servers = Array.from({ length: 300 }, (_, number) => `s${number}={command='x',args=1}`);
  using home = new TestHome({ "project/config.toml": `mcp_servers = {${servers.join(",")}}\n` });
  const { stderr } = await home.run(["mcp", "check", "config.toml"]);
  assert.equal(stderr.split("\n").filter((line) => line.startsWith("error: ")).length, 50);
  assert.match(stderr, /^… and 250 more$/m);
  assert.ok(stderr.length < 50_000, String(stderr.length));
  const { errors } = (await home.json(["mcp", "check", "config.toml", "--json"])) as { errors: unknown[] };
  assert.equal(errors.length, 300);
});

test("check reads the output of another command", { timeout }, async () => {
  using home = new TestHome({ "project/config.toml": DOCS });
  for (const script of [
    '"$0" "$1" mcp check <(cat config.toml)',
    'cat config.toml | "$0" "$1" mcp check /dev/stdin',
    '"$0" "$1" mcp check /dev/stdin < config.toml',
  ]) {
    const { code, stdout, stderr } = await home.shell(script);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^ok: [^\n]*, 1 server\n$/);
  }
});

test("check --json has exactly the documented keys", { timeout }, async () => {
  using home = new TestHome({ "project/config.toml": DOCS + BROKEN });
  const result = (await home.json(["mcp", "check", "config.toml", "--json"])) as Record<string, unknown>;
  assert.deepEqual(Object.keys(result), ["ok", "errors", "warnings", "servers"]);
  assert.deepEqual(result["servers"], {
    docs: { command: "docs-mcp", args: [], environment_id: "local", enabled: true, tool_timeout_sec: null },
  });
  const [error] = result["errors"] as Record<string, unknown>[];
  assert.deepEqual(error, {
    message: "url is not supported for stdio",
    path: "mcp_servers.bad",
    file: join(home.project, "config.toml"),
    line: 5,
    column: 1,
    excerpt: 'url = "https://example.com"',
    hint: "A server has either command (stdio) or url (streamable HTTP): remove one of them",
  });
});
