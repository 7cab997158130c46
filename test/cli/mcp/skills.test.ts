/** `switchyard mcp skills`: the servers that skills need. */
import { type Case, testCases } from "../support/cases.ts";
import { CODEXS, OURS, SECRET } from "../support/test-home.ts";

/** The files of a skill that needs these servers. */
function skill(name: string, ...tools: readonly string[]): Record<string, string> {
  return skillIn(".codex/skills", name, ...tools);
}

function skillIn(folder: string, name: string, ...tools: readonly string[]): Record<string, string> {
  const list = tools.map((tool) => `    - {type: mcp, ${tool}}\n`).join("");
  return {
    [`${folder}/${name}/SKILL.md`]: `---\nname: ${name}\ndescription: d\n---\n`,
    [`${folder}/${name}/agents/openai.yaml`]: `dependencies:\n  tools:\n${list}`,
  };
}

const DOCS = 'value: docs, url: "https://docs.example/mcp", description: The docs';
const PLUGIN = ".codex/plugins/cache/acme/issues/1.0.0";
const ON = '# mine\n[plugins."issues@acme"]\n';
const CONFIGURED = '[mcp_servers.d]\nurl = "https://docs.example/mcp"\nenabled = false\n';
const FILES = "value: files, transport: stdio, command: files-mcp";

const cases: readonly Case[] = [
  {
    what: "skills without a server that is missing, those of plugins among them, are listed with what is configured",
    files: {
      ...skill("review", DOCS),
      ...skill("plan", DOCS),
      ...skillIn(`${PLUGIN}/skills`, "triage", DOCS),
      [`${PLUGIN}/.codex-plugin/plugin.json`]: '{"name": "issues"}',
      [CODEXS]: ON,
      [OURS]: CONFIGURED,
    },
    args: ["mcp", "skills"],
    code: 0,
    stdout:
      /^Server .*\n-.*\ndocs +https:\/\/docs.example\/mcp +issues:triage, plan, review +disabled as d\n$/,
  },
  {
    what: "--codex looks at Codex's files alone, in the JSON, too",
    files: {
      ...skill("review", DOCS, `value: key, url: "https://key.example/mcp?token=${SECRET}"`),
      [OURS]: CONFIGURED,
    },
    args: ["mcp", "skills", "--codex", "--json"],
    code: 0,
    stdout:
      /^\[\n {2}\{\n {4}"name": "docs",\n {4}"description": "The docs",\n {4}"transport": "streamable_http",\n {4}"where": "https:[^]*"configured": null,\n {4}"skills": \[\n {6}\{\n {8}"name": "review",\n {8}"scope": "user",\n {8}"file": ".*SKILL.md",\n {8}"plugin": null\n[^]*"name": "key"/,
    stderr: /^2 servers are missing. To add: switchyard mcp skills --add --codex\n$/,
  },
  {
    what: "--add writes those that are missing, and says what they lack here",
    files: skill("review", DOCS, FILES),
    args: ["mcp", "skills", "--add"],
    code: 0,
    stdout: /^Added 2 servers \("docs", "files"\) to ~\/.switchyard\/switchyard.toml\n$/,
    stderr: /^note: "files" will not run: .*files-mcp.*\n$/,
    after: {
      [OURS]:
        '[mcp_servers.docs]\nurl = "https://docs.example/mcp"\n\n[mcp_servers.files]\ncommand = "files-mcp"\n',
    },
  },
  {
    what: "--add leaves out what cannot be added, with the reason, and keeps the rest of the file",
    files: {
      ...skill(
        "a",
        DOCS,
        'value: taken, url: "https://a.example/mcp"',
        "value: a b, url: 'https://b.example'",
      ),
      ...skill("b", 'value: docs, url: "https://other.example/mcp"'),
      ...skill("c", 'value: live, url: "https://live.example/mcp"'),
      [`${PLUGIN}/.codex-plugin/plugin.json`]: '{"name": "issues"}',
      [`${PLUGIN}/.mcp.json`]: '{"live": {"command": "live-mcp"}}',
      [CODEXS]: `${ON}\n[mcp_servers.taken]\ncommand = "x"\n`,
    },
    args: ["mcp", "skills", "--add", "--codex"],
    code: 0,
    stdout: /^Added 1 server \("docs"\) to ~\/.codex\/config.toml\n$/,
    stderr:
      /^note: MCP server "taken" is already in ~\/.codex\/config.toml, with another URL or command\. .*left out\nnote: MCP server "a b": [^]*left out\nnote: MCP server "docs" is what another skill calls another server, .*left out\nnote: MCP server "live" is that of plugin `issues`, .*left out\nwarning: .*openai.yaml:5/,
    after: {
      [CODEXS]: `${ON}\n[mcp_servers.taken]\ncommand = "x"\n\n[mcp_servers.docs]\nurl = "https://docs.example/mcp"\n`,
    },
  },
  {
    what: "--add where nothing can be added fails, and writes nothing",
    files: {
      ...skill("a", 'value: taken, url: "https://a.example"'),
      [OURS]: '[mcp_servers.taken]\ncommand = "x"\n',
    },
    args: ["mcp", "skills", "--add"],
    code: 1,
    stderr: /^switchyard: MCP server "taken" is already in ~\/.switchyard\/switchyard.toml, with another URL/,
    after: { [OURS]: '[mcp_servers.taken]\ncommand = "x"\n' },
  },
];

testCases("switchyard mcp skills", cases);
