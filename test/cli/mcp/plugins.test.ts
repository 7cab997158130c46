/** The servers of plugins in the commands that list, check, edit and start servers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { scriptedServer } from "../../mcp/support/scripted.ts";
import { type Case, testCases } from "../support/cases.ts";
import { CODEXS, OURS, SECRET, TestHome } from "../support/test-home.ts";

const CACHE = ".codex/plugins/cache/acme/issues/1.0.0";
const ON = '[plugins."issues@acme"]\n[plugins."gone@acme"]\n';

function plugin(servers: object): Record<string, string> {
  const manifest = { name: "issues", interface: { displayName: "Issue Tracker" } };
  return {
    [`${CACHE}/.codex-plugin/plugin.json`]: JSON.stringify(manifest),
    [`${CACHE}/.mcp.json`]: JSON.stringify(servers),
  };
}

const ISSUES = plugin({
  tracker: { command: "sh", env: { TOKEN: SECRET } },
  broken: { command: 5, env: { TOKEN: SECRET } },
});

const cases: readonly Case[] = [
  {
    what: "list shows them with their plugin, and warns of what is wrong with a plugin",
    files: { ...ISSUES, [CODEXS]: ON },
    args: ["mcp", "list"],
    code: 0,
    stdout:
      /\nbroken +- .* invalid +plugin issues@acme \(~\/\.codex\/plugins\/.*\.mcp\.json:1\)\ntracker +sh .* enabled +plugin issues@acme \(/,
    stderr:
      /config.toml:2:10: plugin `gone@acme`: it is not installed[^]*`broken` of plugin `issues@acme` is left out: invalid type[^]*"TOKEN":\*+\}/,
  },
  {
    what: "check accepts a configuration whose plugins are broken, with warnings",
    files: { ...ISSUES, [CODEXS]: ON },
    args: ["mcp", "check"],
    code: 0,
    stdout: /^ok: all layers, 1 server, 2 warnings\n$/,
    stderr: /is left out/,
  },
  {
    what: "get shows the plugin, and which file has a key",
    files: { ...ISSUES, [CODEXS]: `${ON}[plugins."issues@acme".mcp_servers.tracker]\nenabled = false\n` },
    args: ["mcp", "get", "tracker"],
    code: 0,
    stdout:
      /^tracker: disabled \(enabled = false in ~\/\.codex\/config\.toml:4\), from plugin Issue Tracker \(issues@acme\)\n +command +"sh" +# plugin issues@acme \(/,
  },
  {
    what: "disable of one names the table that does it",
    files: { ...ISSUES, [CODEXS]: ON },
    args: ["mcp", "disable", "tracker", "--codex"],
    code: 1,
    stderr: /plugin issues@acme brings it.*\[plugins\."issues@acme"\.mcp_servers\.tracker\]/,
    after: { [CODEXS]: ON },
  },
  {
    what: "add of its name says whose place it takes",
    files: { ...ISSUES, [CODEXS]: ON },
    args: ["mcp", "add", "tracker", "--", "sh"],
    code: 0,
    stdout: /^Added/,
    stderr: /^note: "tracker" takes the place of the server of this name that plugin issues@acme brings\n$/,
    after: { [OURS]: '[mcp_servers.tracker]\ncommand = "sh"\n' },
  },
];
testCases("servers of plugins", cases);

test("status and tools start the servers of plugins; a broken one is no failure", async () => {
  const tool = { name: "find", description: "Finds it", inputSchema: { type: "object" } };
  const live = { ...scriptedServer({ tools: [tool] }), enabled_tools: ["find"] };
  using home = new TestHome({ ...plugin({ live, broken: {} }), [CODEXS]: ON });
  const [status, tools] = await Promise.all([
    home.run(["mcp", "status", "--json"]),
    home.run(["mcp", "tools", "live"]),
  ]);
  assert.equal(status.code, 0, status.stderr);
  const views = JSON.parse(status.stdout) as readonly {
    name: string;
    state: string;
    plugin: string | null;
  }[];
  assert.deepEqual(
    views.map(({ name, state, plugin: from }) => [name, state, from]),
    [
      ["broken", "invalid", "issues@acme"],
      ["live", "ready", "issues@acme"],
    ],
  );
  assert.match(tools.stdout, /^live, plugin Issue Tracker: 1 tool .*\n {2}find {2}Finds it\n$/);
});
