/** `switchyard mcp list` and `check` warn about servers on environments that do not exist. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { MAIN, NODE_VARIABLES } from "../support/command.ts";

let home: string;
before(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-environments-")));
  mkdirSync(join(home, ".codex"));
  mkdirSync(join(home, ".switchyard"));
});
after(() => rmSync(home, { recursive: true, force: true }));

const SERVER = '[mcp_servers.files]\ncommand = "files"\nenvironment_id = "bxo"\ncwd = "/srv"\n';
const CODEXS = '[[environments]]\nid = "box"\nurl = "wss://box.example.com"\nauth_bearer_token = "s3cret"\n';

function switchyard(...args: readonly string[]): { readonly status: number | null; readonly text: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd: home,
    env: { ...NODE_VARIABLES, HOME: home },
    encoding: "utf8",
  });
  return { status, text: stdout + stderr };
}

function write(ours: string, codexs: string): void {
  writeFileSync(join(home, ".codex", "config.toml"), SERVER);
  writeFileSync(join(home, ".codex", "environments.toml"), codexs);
  writeFileSync(join(home, ".switchyard", "switchyard.toml"), ours);
}

test("servers on an environment that does not exist warn, with the place and a suggestion, and fail no command", () => {
  write("", CODEXS);
  for (const command of ["list", "check"]) {
    const { status, text } = switchyard("mcp", command);
    assert.equal(status, 0, text);
    assert.match(
      text,
      /warning: ~\/\.codex\/config\.toml:3:18: MCP server "files" will not run: there is no environment "bxo"/,
    );
    assert.match(text, /Did you mean "box"\? There are "local", "box"\n/);
  }
});

test("an environment of Switchyard's counts, except with --codex", () => {
  write('[environments.bxo]\nurl = "ws://127.0.0.1:1"\n', CODEXS);
  assert.doesNotMatch(switchyard("mcp", "check").text, /warning/);
  assert.match(switchyard("mcp", "check", "--codex").text, /there is no environment "bxo"/);
});

test("--file does not warn, and broken environments do not hide the servers", () => {
  write("", "x");
  const file = join(home, ".codex", "config.toml");
  assert.doesNotMatch(switchyard("mcp", "list", "--file", file).text, /warning/);
  const { status, text } = switchyard("mcp", "list");
  assert.equal(status, 0, text);
  assert.match(text, /warning: ~\/\.codex\/environments\.toml:1:2: key with no value, expected `=`/);
  assert.match(text, /^files /m);
});
