/** `switchyard trust`: whether the files of a project count. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { testCases } from "./support/cases.ts";
import { CODEXS, DOCS, OURS, SECRET, TestHome } from "./support/test-home.ts";

const timeout = 60_000;

testCases("switchyard trust", [
  {
    what: "trust makes a project count",
    files: { "project/switchyard.toml": DOCS },
    args: ["trust"],
    code: 0,
    stdout:
      /^~\/project is trusted in ~\/.switchyard\/switchyard.toml\n {2}counts now: ~\/project\/switchyard.toml; it asks for "docs"/,
    after: { [OURS]: /\[projects\."[^"]*\/project"\]\ntrust_level = "trusted"/ },
  },
  {
    what: "trust --codex writes Codex's file",
    args: ["trust", ".", "--codex"],
    code: 0,
    after: { [CODEXS]: /trust_level = "trusted"/, [OURS]: undefined },
  },
  {
    what: "trust of a project that has a broken file",
    files: { "project/switchyard.toml": "[mcp_servers.x\n" },
    args: ["trust"],
    code: 0,
    stdout: /^~\/project is trusted in ~\/.switchyard\/switchyard.toml\n$/,
    stderr: /^note: ~\/project\/switchyard.toml:1:/,
    after: { [OURS]: /trust_level = "trusted"/ },
  },
  {
    what: "trust shows the commands, URLs, environments and variables that it lets in, without secrets",
    files: {
      "project/switchyard.toml":
        `[mcp_servers.db]\ncommand = "db-mcp"\nargs = ["--token", "${SECRET}", "a b"]\nenv_vars = ["DB_URL"]\nenvironment_id = "box"\n` +
        `[mcp_servers.db.env]\nX = "${SECRET}"\n` +
        '[mcp_servers.web]\nurl = "https://example.com/mcp"\nbearer_token_env_var = "WEB_TOKEN"\n' +
        `http_headers_helper = "echo ${SECRET}"\n` +
        '[environments.box]\nprogram = "ssh"\nargs = ["box"]\n',
    },
    args: ["trust"],
    code: 0,
    stdout:
      /\n {4}db: db-mcp --token \*{5} 'a b'; in environment box; gets DB_URL\n {4}web: https:\/\/example.com\/mcp; headers from a command of its own .*; gets WEB_TOKEN\n {4}environment box: ssh box\n$/,
  },
  {
    what: "trust shows what a project changes about a server of the user's",
    files: {
      [OURS]: DOCS,
      "project/.codex/config.toml": "",
      "project/switchyard.toml": '[mcp_servers.docs]\nargs = ["--all"]\n',
    },
    args: ["trust"],
    code: 0,
    stdout: /\n {4}docs: docs-mcp --all\n$/,
  },
  {
    what: "trust --dry-run shows what would be let in",
    files: { "project/switchyard.toml": DOCS },
    args: ["trust", "--dry-run"],
    code: 0,
    stdout: /would count: ~\/project\/switchyard.toml; it asks for "docs"\n {4}docs: docs-mcp\n/,
    after: { [OURS]: undefined },
  },
  {
    what: "trust --untrust lets nothing in",
    files: { "project/switchyard.toml": DOCS },
    args: ["trust", "--untrust"],
    code: 0,
    stdout: /does not count: ~\/project\/switchyard.toml; it asks for "docs"\n$/,
  },
  {
    what: "trust --list without anything recorded",
    args: ["trust", "--list"],
    code: 0,
    stdout: /^No folder is recorded/,
  },
  {
    what: "trust --list lists both files",
    files: {
      [OURS]: '[projects."/a"]\ntrust_level = "trusted"\n\n[projects."/b"]\ntrust_level = "untrusted"\n',
      [CODEXS]: '[projects]\n"/c" = { trust_level = "trusted" }\n"/d" = { }\n',
    },
    args: ["trust", "--list"],
    code: 0,
    stdout:
      /\n\/a +trusted +~\/.switchyard\/switchyard.toml:2\n\/b +untrusted +.*:5\n\/c +trusted +~\/.codex\/config.toml:2\n$/,
  },
  {
    what: "trust --list --codex --json lists Codex's",
    files: {
      [OURS]: '[projects."/a"]\ntrust_level = "trusted"\n',
      [CODEXS]: '[projects."/c"]\ntrust_level = "trusted"\n',
    },
    args: ["trust", "--list", "--codex", "--json"],
    code: 0,
    stdout: /^\[\n {2}\{\n {4}"folder": "\/c",\n {4}"trust_level": "trusted",\n[^{]*"line": 2\n {2}\}\n\]\n$/,
  },
  {
    what: "trust --list with a folder is a usage error",
    args: ["trust", "--list", "."],
    code: 2,
    stderr: /--list takes no DIR/,
  },
  {
    what: "trust of a folder that does not exist",
    args: ["trust", "nope"],
    code: 1,
    stderr: /There is no folder/,
  },
]);

test("trust, untrust and forget change what counts", { timeout }, async () => {
  using home = new TestHome({
    "project/switchyard.toml": DOCS,
    "project/.codex/config.toml": '[mcp_servers.cx]\ncommand = "c"\n',
  });
  const active = async (): Promise<string[]> => {
    const list = (await home.json(["mcp", "list", "--json"])) as { name: string; enabled: boolean }[];
    return list.filter(({ enabled }) => enabled).map(({ name }) => name);
  };
  assert.deepEqual(await active(), []);
  await home.run(["trust"]);
  assert.deepEqual(await active(), ["cx", "docs"]);
  await home.run(["trust", "--untrust"]);
  assert.deepEqual(await active(), []);
  await home.run(["trust", "--forget"]);
  assert.deepEqual(await active(), []);
  assert.ok(!home.read(OURS).includes("trust_level"));
});
