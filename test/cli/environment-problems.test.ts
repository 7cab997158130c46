/** What `switchyard mcp list` and `check` say about environments that are broken or do not exist. */
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

const UNUSED = '[mcp_servers.a]\ncommand = "sh"\n';
const definitions: readonly (readonly [what: string, file: string, text: string, says: RegExp])[] = [
  [
    "a value of the wrong type",
    OURS,
    "[environments.x]\nurl = 5\n",
    /switchyard\.toml:2:7: invalid type: integer/,
  ],
  [
    "an unknown key",
    OURS,
    '[environments.x]\nprogram = "ssh"\nfoo = 5\n',
    /switchyard\.toml:3:1: unknown field `foo`/,
  ],
  [
    "two ways at once",
    OURS,
    '[environments.x]\nprogram = "ssh"\nurl = "ws://h:1"\n',
    /switchyard\.toml:2:1: environment `x` must set exactly one of url or program/,
  ],
  ["no table", OURS, "environments = 5\n", /switchyard\.toml:1:16: invalid type/],
  [
    "a wrong type in Codex's file",
    ".codex/environments.toml",
    '[[environments]]\nid = "x"\nurl = 5\n',
    /environments\.toml:3:7: invalid type/,
  ],
  ["no TOML in Codex's file", ".codex/environments.toml", "x", /environments\.toml:1:2: key with no value/],
];
for (const [what, file, text, says] of definitions) {
  test(`a broken environment that no server names (${what}) is a warning of list and an error of check, once`, async () => {
    using home = new TestHome({ [CODEXS]: UNUSED, [file]: text });
    for (const [command, code, kind] of [
      ["list", 0, "warning"],
      ["check", 1, "error"],
    ] as const) {
      const { code: exit, stdout, stderr } = await home.run(["mcp", command]);
      assert.equal(exit, code, stdout + stderr);
      const found = (stdout + stderr).split("\n").filter((line) => says.test(line));
      assert.deepEqual(
        found.map((line) => line.replace(/:.*/, "")),
        [kind],
      );
    }
    const { stdout } = await home.run(["mcp", "get", "a"]);
    assert.doesNotMatch(stdout, /errors elsewhere/);
  });
}
