/** `switchyard mcp list` and `check` warn about servers on environments that do not exist. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { CODEXS, OURS, TestHome } from "./support/test-home.ts";

const SERVER = '[mcp_servers.files]\ncommand = "files"\nenvironment_id = "bxo"\ncwd = "/srv"\n';
const BOX = '[[environments]]\nid = "box"\nurl = "wss://box.example.com"\nauth_bearer_token = "s3cret"\n';

/** With these environments in Switchyard's file and in Codex's. */
function homeWith(ours: string, codexs: string): TestHome {
  return new TestHome({ [CODEXS]: SERVER, ".codex/environments.toml": codexs, [OURS]: ours });
}

async function output(home: TestHome, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await home.run(["mcp", ...args]);
  assert.equal(code, 0, stdout + stderr);
  return stdout + stderr;
}

test("servers on an environment that does not exist warn, with the place and a suggestion, and fail no command", async () => {
  using home = homeWith("", BOX);
  for (const command of ["list", "check"]) {
    const text = await output(home, command);
    assert.match(
      text,
      /warning: ~\/\.codex\/config\.toml:3:18: MCP server "files" will not run: there is no environment "bxo"/,
    );
    assert.match(text, /Did you mean "box"\? There are "local", "box"\n/);
  }
});

test("an environment of Switchyard's counts, except with --codex", async () => {
  using home = homeWith('[environments.bxo]\nurl = "ws://127.0.0.1:1"\n', BOX);
  assert.doesNotMatch(await output(home, "check"), /warning/);
  assert.match(await output(home, "check", "--codex"), /there is no environment "bxo"/);
});

test("--file does not warn, and broken environments do not hide the servers", async () => {
  using home = homeWith("", "x");
  assert.doesNotMatch(await output(home, "list", "--file", join(home.home, CODEXS)), /warning/);
  const text = await output(home, "list");
  assert.match(text, /warning: ~\/\.codex\/environments\.toml:1:2: key with no value, expected `=`/);
  assert.match(text, /^files /m);
});
