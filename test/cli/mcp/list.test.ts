/** `switchyard mcp list`: which servers there are, and why one will not run. */
import { type Case, testCases } from "../support/cases.ts";
import { BROKEN, CODEXS, DOCS, OURS } from "../support/test-home.ts";

testCases("switchyard mcp list", [
  {
    what: "list without servers shows what to do",
    args: ["mcp", "list"],
    code: 0,
    stdout: /There are no MCP servers yet[^]*switchyard mcp add/,
  },
  { what: "list --json without servers is []", args: ["mcp", "list", "--json"], code: 0, stdout: /^\[\]\n$/ },
  {
    what: "list shows both kinds of files with their lines",
    files: { [OURS]: DOCS, [CODEXS]: '\n[mcp_servers.cx]\nurl = "https://example.com/mcp"\n' },
    args: ["mcp", "list"],
    code: 0,
    stdout:
      /^Name +Transport +Environment +Scope +Approval +Status +Origin\n[^]*\ncx +https:\/\/example.com\/mcp +local +thread +- +enabled +~\/.codex\/config.toml:3\ndocs +docs-mcp .* unstartable +~\/.switchyard\/switchyard.toml:2\n\nWill not run:\n {2}docs: command: there is no program "docs-mcp" in PATH: install it, or name it by its whole path\n$/,
  },
  {
    what: "list --codex does not see ours",
    files: { [OURS]: DOCS, [CODEXS]: '[mcp_servers.cx]\ncommand = "c"\n' },
    args: ["mcp", "list", "--codex"],
    code: 0,
    stdout: /^(?![^]*docs)[^]*\ncx /,
  },
  {
    what: "list --file sees one file",
    files: { [OURS]: DOCS, "project/other.toml": '[mcp_servers.o]\ncommand = "c"\n' },
    args: ["mcp", "list", "--file", "other.toml"],
    code: 0,
    stdout: /^(?![^]*docs)[^]*\no /,
  },
  {
    what: "list with an invalid server is 1, and the others are shown",
    files: { [OURS]: DOCS + BROKEN },
    args: ["mcp", "list"],
    code: 1,
    stdout: /bad +- .*invalid[^]*docs +docs-mcp/,
    stderr: /error: ~\/.switchyard\/switchyard.toml:5:1: url is not supported for stdio[^]*5 \| url/,
  },
  {
    what: "list of a file that is not valid TOML is 1, with its place",
    files: { [OURS]: "[mcp_servers.x\n" },
    args: ["mcp", "list", "--json"],
    code: 1,
    stdout: /"ok": false[^]*"code": "invalid_config"[^]*"line": 1/,
    stderr: /^switchyard: The configuration is invalid \(1 error\)\n~\/.switchyard\/switchyard.toml:1:/,
  },
  {
    what: "list shows why a server will not run",
    files: { [OURS]: `${DOCS}enabled = false\n` },
    args: ["mcp", "list"],
    code: 0,
    stdout: /Will not run:\n {2}docs: enabled = false in ~\/.switchyard\/switchyard.toml:3/,
  },
  {
    what: "list shows what an untrusted project asks for",
    files: { "project/switchyard.toml": DOCS },
    args: ["mcp", "list"],
    code: 0,
    stdout: /docs .* inactive [^]*not trusted; it asks for docs\.\nTo use it: switchyard trust ~\/project/,
  },
  {
    what: "list --json shows what an untrusted project would change",
    files: { [OURS]: DOCS, "project/switchyard.toml": '[mcp_servers.docs]\ncommand = "evil"\n' },
    args: ["mcp", "list", "--json"],
    code: 0,
    stdout:
      /"name": "docs"[^]*"command": "docs-mcp"[^]*"what this file says about MCP server `docs` does not count"/,
    stderr:
      /^warning: ~\/project\/switchyard.toml does not count: its project is not trusted; it asks for docs/,
  },
  {
    what: "list --json reports a broken file of an untrusted project on stderr, as it has no server",
    files: { "project/switchyard.toml": "x = \n" },
    args: ["mcp", "list", "--json"],
    code: 0,
    stdout: /^\[\]\n$/,
    stderr: /^warning: ~\/project\/switchyard.toml does not count: .*; besides: .*:1:\d+: /,
  },
  {
    what: "list shows what loads but cannot start, and what to do",
    files: { [OURS]: '[mcp_servers.u]\nurl = "not a url"\n' },
    args: ["mcp", "list"],
    code: 0,
    stdout: /\nu .* unstartable [^]*Will not run:\n {2}u: url: invalid URL \(write it in full/,
  },
  {
    what: "list --json counts a server that cannot start as enabled, as Codex does",
    files: { [OURS]: '[mcp_servers.u]\nurl = "not a url"\n' },
    args: ["mcp", "list", "--json"],
    code: 0,
    stdout:
      /"enabled": true,[^]*"auth_status": "unknown",\s*"status": "unstartable",\s*"reason": "url: invalid URL/,
  },
  {
    what: "list --json asks no server: what only it could tell is unknown (V2)",
    files: { [OURS]: '[mcp_servers.u]\nurl = "http://127.0.0.1:1/mcp"\n' },
    args: ["mcp", "list", "--json"],
    code: 0,
    stdout: /"auth_status": "unknown",\s*"status": "enabled"/,
  },
  {
    what: "list does not suggest adding servers where mcp_servers is not a table",
    files: { [CODEXS]: "mcp_servers = 1\n" },
    args: ["mcp", "list"],
    code: 1,
    stdout: /^$/,
    stderr: /^error: ~\/.codex\/config.toml:1:15: invalid type: integer `1`, expected a map/,
  },
  {
    what: "list warns about keys that are ignored",
    files: { [OURS]: `${DOCS}disabled = true\n` },
    args: ["mcp", "list"],
    code: 0,
    stderr: /warning: .*switchyard.toml:3:1: .*disabled[^]*enabled; false switches the server off/,
  },
  {
    what: "list takes -c",
    args: ["mcp", "list", "-c", 'mcp_servers.o.command="c"'],
    code: 0,
    stdout: /\no +c .* -c mcp_servers\.o\.command/,
  },
  {
    what: "list of the rest of a removed server",
    files: { [OURS]: "[mcp_servers.docs]\nenabled = true\n" },
    args: ["mcp", "list"],
    code: 0,
    stdout: /docs .* inactive /,
    stderr: /`docs` is only a part of a server[^]*switchyard mcp remove docs/,
  },
  {
    what: "list names the folder whose trust decides, as it has to be typed",
    files: {
      "project/.git/HEAD": "x",
      "project/a b/switchyard.toml": DOCS,
    },
    args: ["mcp", "list", "-C", "a b"],
    code: 0,
    stdout: /To use it: switchyard trust ~\/project\n/,
  },
  { what: "list -c without a value", args: ["mcp", "list", "-c", "nonsense"], code: 2, stderr: /--config: / },
  {
    what: "list with an unknown option",
    args: ["mcp", "list", "--jsn"],
    code: 2,
    stderr: /Unknown option --jsn[^]*See: switchyard mcp list --help/,
  },
  {
    what: "list -C with a folder that does not exist",
    args: ["mcp", "list", "-C", "nope"],
    code: 2,
    stderr: /--cd: there is no folder/,
  },
  {
    what: "list --file with --codex",
    args: ["mcp", "list", "--file", "x", "--codex"],
    code: 2,
    stderr: /--file and --codex/,
  },
  ...[
    ["mcp", "list"],
    ["mcp", "add", "--codex", "docs", "x"],
    ["trust", "--codex"],
  ].map((args): Case => {
    return {
      what: `${args.join(" ")} with a CODEX_HOME that is not there is 1, in Codex's words`,
      args,
      env: { CODEX_HOME: "/nowhere/codex" },
      code: 1,
      stdout: /^$/,
      stderr:
        /^switchyard: CODEX_HOME points to "\/nowhere\/codex", but that path does not exist\. Create the folder/,
    };
  }),
]);
