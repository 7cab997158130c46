/** `switchyard mcp` and `switchyard trust` as a person or a script meets them: real processes, real files. */
import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { findCodex } from "../../src/codex/app-server/binary.ts";
import { withFileLock } from "../../src/config/file/file-lock.ts";
import { CodexConfig } from "../support/codex-config.ts";
import { MAIN, NODE_VARIABLES } from "../support/command.ts";

const timeout = 60_000;
const SECRET = "PLANTED-7f3a";

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A home and a project inside of it, with their files. */
class Place implements Disposable {
  readonly home: string = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-mcp-")));
  readonly project: string = join(this.home, "project");

  constructor(files: Readonly<Record<string, string>> = {}) {
    mkdirSync(this.project);
    for (const [path, text] of Object.entries(files)) this.write(path, text);
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.home, path)), { recursive: true });
    writeFileSync(join(this.home, path), text);
  }

  read(path: string): string {
    return readFileSync(join(this.home, path), "utf8");
  }

  has(path: string): boolean {
    return existsSync(join(this.home, path));
  }

  run(args: readonly string[], input = "", env: Case["env"] = {}): Promise<Finished> {
    return start(process.execPath, [MAIN, ...args], this, input, env);
  }

  async json(args: readonly string[]): Promise<unknown> {
    const { stdout, stderr } = await this.run(args);
    try {
      return JSON.parse(stdout) as unknown;
    } catch {
      throw new Error(`no JSON: ${stdout} ${stderr}`);
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}

function start(
  file: string,
  args: readonly string[],
  place: Place,
  input = "",
  env: Case["env"] = {},
): Promise<Finished> {
  const child = spawnIn(file, args, place, env);
  // A command that reads no input may be gone before it is written.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  return finish(child);
}

function spawnIn(
  file: string,
  args: readonly string[],
  { home, project }: Place,
  more: Case["env"] = {},
): ChildProcessWithoutNullStreams {
  const env = { ...NODE_VARIABLES, HOME: home, TMPDIR: tmpdir() };
  return spawn(file, args, { cwd: project, env: { ...env, RUST_BACKTRACE: "0", ...more } });
}

function finish(child: ChildProcessWithoutNullStreams): Promise<Finished> {
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
}

/** Whether a process reads its stdin: it waits for news of it. */
function isReading(pid: number | undefined): boolean {
  try {
    const fds = readdirSync(`/proc/${pid}/fdinfo`);
    return fds.some((fd) => /^tfd: +0 /m.test(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8")));
  } catch {
    // It has just closed one of them.
    return false;
  }
}

const OURS = ".switchyard/switchyard.toml";
const CODEXS = ".codex/config.toml";

/** Every place where a secret may be written. */
const SECRETS = `[mcp_servers.box]
command = "docker"
args = ["run", "-e", "T=${SECRET}", "--api-key=${SECRET}", "--token", "${SECRET}", "image"]
env = { KEY = "${SECRET}" }

[mcp_servers.web]
url = "https://u:${SECRET}@example.com/mcp?key=${SECRET}"
http_headers_helper = "echo ${SECRET}"

[mcp_servers.web.http_headers]
Authorization = "Bearer ${SECRET}"

[mcp_servers.web.oauth]
client_id = "id"
client_secret = "${SECRET}"
`;

interface Case {
  readonly what: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly code: number;
  readonly stdout?: RegExp;
  readonly stderr?: RegExp;
  /** What a file says afterwards. */
  readonly after?: Readonly<Record<string, string | RegExp | undefined>>;
}

const DOCS = '[mcp_servers.docs]\ncommand = "docs-mcp"\n';
const BROKEN = `[mcp_servers.bad]\ncommand = "x"\nurl = "https://example.com"\n`;

const cases: readonly Case[] = [
  {
    what: "list without servers says what to do",
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
      /^Name +Transport +Environment +Scope +Approval +Status +Origin\n[^]*\ncx +https:\/\/example.com\/mcp +local +thread +- +enabled +~\/.codex\/config.toml:3\ndocs +docs-mcp .* ~\/.switchyard\/switchyard.toml:2\n$/,
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
    what: "list of a file that is no TOML is 1 with its place",
    files: { [OURS]: "[mcp_servers.x\n" },
    args: ["mcp", "list", "--json"],
    code: 1,
    stdout: /"ok": false[^]*"code": "invalid_config"[^]*"line": 1/,
    stderr: /^switchyard: The configuration is invalid \(1 error\)\n~\/.switchyard\/switchyard.toml:1:/,
  },
  {
    what: "list says why a server will not run",
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
    what: "list --json says what an untrusted project would change, with the server it would change",
    files: { [OURS]: DOCS, "project/switchyard.toml": '[mcp_servers.docs]\ncommand = "evil"\n' },
    args: ["mcp", "list", "--json"],
    code: 0,
    stdout:
      /"name": "docs"[^]*"command": "docs-mcp"[^]*"what this file asks of MCP server `docs` does not count"/,
    stderr:
      /^warning: ~\/project\/switchyard.toml does not count: its project is not trusted; it asks for docs/,
  },
  {
    what: "list --json tells a broken file of an untrusted project on stderr, as there is no server to tell it with",
    files: { "project/switchyard.toml": "x = \n" },
    args: ["mcp", "list", "--json"],
    code: 0,
    stdout: /^\[\]\n$/,
    stderr: /^warning: ~\/project\/switchyard.toml does not count: .*; besides: .*:1:\d+: /,
  },
  {
    what: "list says what loads and cannot start, and what to do",
    files: { [OURS]: '[mcp_servers.u]\nurl = "not a url"\n' },
    args: ["mcp", "list"],
    code: 0,
    stdout: /\nu .* unstartable [^]*Will not run:\n {2}u: url: invalid URL \(write it in full/,
  },
  {
    what: "list --json counts what cannot start as enabled, as Codex does",
    files: { [OURS]: '[mcp_servers.u]\nurl = "not a url"\n' },
    args: ["mcp", "list", "--json"],
    code: 0,
    stdout:
      /"enabled": true,[^]*"auth_status": "unknown",\s*"status": "unstartable",\s*"reason": "url: invalid URL/,
  },
  {
    what: "list does not invite to add servers where mcp_servers is no table",
    files: { [CODEXS]: "mcp_servers = 1\n" },
    args: ["mcp", "list"],
    code: 1,
    stdout: /^$/,
    stderr: /^error: ~\/.codex\/config.toml:1:15: invalid type: integer `1`, expected a map/,
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
  {
    what: "list warns about keys that are ignored",
    files: { [OURS]: `${DOCS}disabled = true\n` },
    args: ["mcp", "list"],
    code: 0,
    stderr: /warning: .*switchyard.toml:3:1: .*disabled[^]*enabled = false/,
  },
  {
    what: "list takes -c",
    args: ["mcp", "list", "-c", 'mcp_servers.o.command="c"'],
    code: 0,
    stdout: /\no +c .* -c mcp_servers\.o\.command/,
  },
  {
    what: "get of a missing name is 1 with the near ones",
    files: { [OURS]: DOCS },
    args: ["mcp", "get", "dosc"],
    code: 1,
    stderr: /no MCP server "dosc"; did you mean "docs"\?/,
  },
  {
    what: "get shows every key with its line, over the layers",
    files: { [CODEXS]: `${DOCS}cwd = "a"\n`, [OURS]: '[mcp_servers.docs]\ncwd = "b"\nenv.K = "v"\n' },
    args: ["mcp", "get", "docs"],
    code: 0,
    stdout:
      /command +"docs-mcp" +# ~\/.codex\/config.toml:2\n[^]*env.K +"\*{5}" +# ~\/.switchyard\/switchyard.toml:3\n[^]*cwd +"b" +# ~\/.switchyard\/switchyard.toml:2/,
  },
  {
    what: "add writes a command",
    args: [
      "mcp",
      "add",
      "--env",
      " K =v =w ",
      "--env-var",
      "P=remote",
      "--environment",
      "box",
      "docs",
      "npx",
      "-y",
      "--env",
    ],
    code: 0,
    stdout: /^Added MCP server "docs" to ~\/.switchyard\/switchyard.toml\n$/,
    after: { [OURS]: /command = "npx"\nargs = \["-y", "--env"\][^]*environment_id = "box"[^]*K = "v =w "/ },
  },
  {
    what: "add writes a URL with all that goes with it",
    args: [
      "mcp",
      "add",
      "web",
      "--url",
      "https://example.com/mcp",
      "--header",
      "X-A: b:c",
      "--header",
      "X-B=d",
      "--header-env",
      "A=VAR",
      "--no-tools",
      "--approval",
      "writes",
      "--tool-approval",
      "t.u=approve",
      "--tool-token-limit",
      "t.u=9",
      "--oauth-scope",
      "a",
      "--oauth-scope",
      "b",
      "--oauth-client-id",
      "i",
      "--oauth-callback-url",
      "http://127.0.0.1/back",
      "--oauth-client-secret-file",
      "-",
      "--scope",
      "host",
      "--startup-timeout",
      "1.5",
    ],
    input: "from-stdin\n",
    code: 0,
    after: {
      [OURS]:
        /enabled_tools = \[\][^]*scope = "host"[^]*X-A = "b:c"\nX-B = "d"[^]*client_secret = "from-stdin"|client_secret = "from-stdin"/,
    },
  },
  {
    what: "add --codex writes Codex's file, where our own keys are refused",
    args: ["mcp", "add", "--codex", "docs", "--scope", "host", "--", "x"],
    code: 2,
    stderr: /scope is a key of Switchyard's own/,
    after: { [CODEXS]: undefined },
  },
  {
    what: "add --dry-run shows the diff and writes nothing",
    args: ["mcp", "add", "docs", "--dry-run", "--env", `K=${SECRET}`, "--", "x"],
    code: 0,
    stdout: /\+\[mcp_servers.docs\]\n\+command = "x"[^]*\+K = "\*{5}"/,
    after: { [OURS]: undefined },
  },
  {
    what: "add refuses a name that is there",
    files: { [OURS]: DOCS },
    args: ["mcp", "add", "docs", "--", "y"],
    code: 1,
    stderr: /"docs" is already in ~\/.switchyard\/switchyard.toml; --replace/,
    after: { [OURS]: DOCS },
  },
  {
    what: "add refuses a name of another file",
    files: { [CODEXS]: DOCS },
    args: ["mcp", "add", "docs", "--", "y"],
    code: 1,
    stderr: /already in ~\/.codex\/config.toml:2/,
    after: { [OURS]: undefined },
  },
  {
    what: "add --replace writes it anew",
    files: { [OURS]: `# mine\n${DOCS}cwd = "x"\n` },
    args: ["mcp", "add", "--replace", "docs", "--", "y"],
    code: 0,
    stdout: /^Replaced/,
    after: { [OURS]: '# mine\n[mcp_servers.docs]\ncommand = "y"\n' },
  },
  {
    what: "add --replace makes no hybrid of two files",
    files: { [CODEXS]: DOCS },
    args: ["mcp", "add", "--replace", "docs", "--url", "https://example.com"],
    code: 1,
    stderr: /would break mcp_servers.docs[^]*url is not supported for stdio/,
    after: { [OURS]: undefined },
  },
  {
    what: "add refuses a bad name",
    args: ["mcp", "add", "a b", "--", "x"],
    code: 1,
    stderr: /invalid server name 'a b'/,
  },
  {
    what: "add refuses a bad URL",
    args: ["mcp", "add", "a", "--url", "ftp://x"],
    code: 1,
    stderr: /unsupported URL scheme/,
  },
  { what: "add with neither is usage", args: ["mcp", "add", "a"], code: 2, stderr: /--url URL or a command/ },
  {
    what: "add with both is usage",
    args: ["mcp", "add", "a", "--url", "https://x.y", "cmd"],
    code: 2,
    stderr: /--url and a command/,
  },
  {
    what: "add --url --env is usage and names both",
    args: ["mcp", "add", "a", "--url", "https://x.y", "--env", "A=b"],
    code: 2,
    stderr: /--env and --url cannot/,
  },
  {
    what: "add --header with a command is usage",
    args: ["mcp", "add", "--header", `A: ${SECRET}`, "a", "cmd"],
    code: 2,
    stderr: /--header and a command cannot/,
  },
  {
    what: "a bad pair is usage and is not repeated",
    args: ["mcp", "add", "--env", SECRET, "a", "cmd"],
    code: 2,
    stderr: /--env takes NAME=VALUE/,
  },
  {
    what: "remove takes its lines and no others",
    files: { [OURS]: `# top\n[mcp_servers.a]\ncommand = "a" # mine\n\n${DOCS}` },
    args: ["mcp", "remove", "docs"],
    code: 0,
    stdout: /^Removed MCP server "docs" from/,
    after: { [OURS]: '# top\n[mcp_servers.a]\ncommand = "a" # mine\n' },
  },
  {
    what: "remove of a missing name is 1 with the near ones",
    files: { [OURS]: DOCS },
    args: ["mcp", "remove", "doc"],
    code: 1,
    stderr: /did you mean "docs"/,
  },
  {
    what: "remove of a name of another file says how",
    files: { [CODEXS]: DOCS },
    args: ["mcp", "remove", "docs"],
    code: 1,
    stderr: /not in ~\/.switchyard\/switchyard.toml but in ~\/.codex\/config.toml:2; run it with --codex/,
  },
  {
    what: "remove says what another file still says of the server",
    files: { [CODEXS]: DOCS, [OURS]: "[mcp_servers.docs]\nenabled = true\n" },
    args: ["mcp", "remove", "--codex", "docs"],
    code: 0,
    stderr: /~\/.switchyard\/switchyard.toml:2 still speaks of "docs": switchyard mcp remove docs\n/,
    after: { [CODEXS]: "" },
  },
  {
    what: "list of what is left of a server",
    files: { [OURS]: "[mcp_servers.docs]\nenabled = true\n" },
    args: ["mcp", "list"],
    code: 0,
    stdout: /docs .* inactive /,
    stderr: /`docs` is a part of a server[^]*switchyard mcp remove docs/,
  },
  {
    what: "remove --file works on any file",
    files: { "project/x.toml": DOCS },
    args: ["mcp", "remove", "--file", "x.toml", "docs"],
    code: 0,
    after: { "project/x.toml": "" },
  },
  {
    what: "rename",
    files: { [OURS]: DOCS },
    args: ["mcp", "rename", "docs", "papers"],
    code: 0,
    stdout: /Renamed MCP server "docs" to "papers" in/,
    after: { [OURS]: '[mcp_servers.papers]\ncommand = "docs-mcp"\n' },
  },
  {
    what: "rename to a taken name",
    files: { [OURS]: DOCS, [CODEXS]: '[mcp_servers.b]\ncommand = "b"\n' },
    args: ["mcp", "rename", "docs", "b"],
    code: 1,
    stderr: /"b" is already in ~\/.codex/,
  },
  {
    what: "disable on top of a lower file",
    files: { [CODEXS]: DOCS },
    args: ["mcp", "disable", "docs"],
    code: 0,
    stderr: /note: "docs" is defined in ~\/.codex\/config.toml:2; this counts on top/,
    after: { [OURS]: "[mcp_servers.docs]\nenabled = false\n", [CODEXS]: DOCS },
  },
  {
    what: "enable on top of a lower file",
    files: { [CODEXS]: `${DOCS}enabled = false\n` },
    args: ["mcp", "enable", "docs"],
    code: 0,
    stderr: /counts on top/,
    after: { [OURS]: "[mcp_servers.docs]\nenabled = true\n" },
  },
  {
    what: "enable of what is on changes nothing",
    files: { [OURS]: DOCS },
    args: ["mcp", "enable", "docs"],
    code: 0,
    stdout: /Nothing to change/,
    after: { [OURS]: DOCS },
  },
  {
    what: "set says when a higher file wins",
    files: { [CODEXS]: DOCS, [OURS]: '[mcp_servers.docs]\ncwd = "ours"\n' },
    args: ["mcp", "set", "--codex", "docs", "cwd", "x"],
    code: 0,
    stderr: /no effect: ~\/.switchyard\/switchyard.toml:2 is above and wins/,
  },
  {
    what: "set of a nested key",
    files: { [OURS]: DOCS },
    args: ["mcp", "set", "docs", 'tools."a.b".approval_mode', "approve"],
    code: 0,
    after: { [OURS]: /\[mcp_servers\.docs\.tools\."a\.b"\]\napproval_mode = "approve"/ },
  },
  {
    what: "set of a list without brackets says how",
    files: { [OURS]: DOCS },
    args: ["mcp", "set", "docs", "args", "a"],
    code: 2,
    stderr: /args takes a list, written as '\["a", "b"\]'/,
    after: { [OURS]: DOCS },
  },
  {
    what: "set refuses what would break the server",
    files: { [OURS]: DOCS },
    args: ["mcp", "set", "docs", "url", "https://example.com"],
    code: 1,
    stderr: /would break[^]*url is not supported for stdio/,
    after: { [OURS]: DOCS },
  },
  {
    what: "set of a missing server",
    files: { [OURS]: DOCS },
    args: ["mcp", "set", "dcos", "cwd", "x"],
    code: 1,
    stderr: /did you mean "docs"/,
    after: { [OURS]: DOCS },
  },
  {
    what: "unset",
    files: { [OURS]: `${DOCS}cwd = "x" # why\n` },
    args: ["mcp", "unset", "docs", "cwd"],
    code: 0,
    after: { [OURS]: DOCS },
  },
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
    what: "check --strict refuses unknown keys",
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
  { what: "schema", args: ["mcp", "schema"], code: 0, stdout: /^\{\n {2}"\$schema"/ },
  {
    what: "schema --file",
    args: ["mcp", "schema", "--file", "s.json"],
    code: 0,
    after: { "project/s.json": /"\$schema"/ },
  },
  {
    what: "schema never writes into a configuration",
    files: { "project/config.toml": DOCS },
    args: ["mcp", "schema", "--file", "config.toml"],
    code: 2,
    stderr: /--file takes the name of a .json file/,
    after: { "project/config.toml": DOCS },
  },
  {
    what: "schema --file into no folder",
    args: ["mcp", "schema", "--file", "no/s.json"],
    code: 1,
    stderr: /Cannot write no\/s.json/,
  },
  {
    what: "import names the files there are",
    files: { "project/.mcp.json": "{}", ".cursor/mcp.json": "{}" },
    args: ["mcp", "import"],
    code: 0,
    stdout: /import ~\/project\/.mcp.json --dry-run\n.*~\/.cursor\/mcp.json/,
  },
  {
    what: "import takes all servers in one edit and says what it left",
    files: {
      "project/.mcp.json":
        '{"mcpServers":{"a":{"command":"x"},"b":{"url":"https://example.com"},"c":{"type":"sse","url":"https://example.com"}}}',
    },
    args: ["mcp", "import", ".mcp.json"],
    code: 0,
    stdout: /^Imported 2 servers \("a", "b"\) to/,
    stderr: /note: c: .*SSE/,
    after: { [OURS]: /a\][^]*b\]/ },
  },
  {
    what: "import refuses names that are there, and writes nothing",
    files: {
      [OURS]: DOCS,
      "project/.mcp.json": '{"mcpServers":{"docs":{"command":"x"},"b":{"command":"y"}}}',
    },
    args: ["mcp", "import", ".mcp.json"],
    code: 1,
    stderr: /"docs" \(~\/.switchyard\/switchyard.toml\); nothing was imported/,
    after: { [OURS]: DOCS },
  },
  {
    what: "import --skip-existing",
    files: {
      [OURS]: DOCS,
      "project/.mcp.json": '{"mcpServers":{"docs":{"command":"x"},"b":{"command":"y"}}}',
    },
    args: ["mcp", "import", ".mcp.json", "--skip-existing"],
    code: 0,
    stderr: /note: "docs" is left/,
    after: { [OURS]: `${DOCS}\n[mcp_servers.b]\ncommand = "y"\n` },
  },
  {
    what: "import of what is no JSON",
    files: { "project/.mcp.json": `{"mcpServers": {"a": {"env": {"K": "${SECRET}" }` },
    args: ["mcp", "import", ".mcp.json"],
    code: 1,
    stderr: /not valid JSON/,
  },
  {
    what: "import of a missing file",
    args: ["mcp", "import", "nope.json"],
    code: 1,
    stderr: /^switchyard: There is no file ~\/project\/nope.json$/m,
  },
  {
    what: "import of one server does not mind the others",
    files: { "project/.mcp.json": '{"mcpServers":{"bad":{"args":1},"b":{"command":"y"}}}' },
    args: ["mcp", "import", ".mcp.json", "--name", "b"],
    code: 0,
    after: { [OURS]: '[mcp_servers.b]\ncommand = "y"\n' },
  },
  {
    what: "import of a broken entry says what file it is about",
    files: { "project/.mcp.json": '{"mcpServers":{"bad":{"args":1},"b":{"command":"y"}}}' },
    args: ["mcp", "import", ".mcp.json"],
    code: 1,
    stderr: /^switchyard: Cannot import from "~\/project\/.mcp.json"/,
    after: { [OURS]: undefined },
  },
  {
    what: "import of TOML",
    files: { "project/my config.toml": DOCS },
    args: ["mcp", "import", "my config.toml"],
    code: 1,
    stderr:
      /is TOML, and the files that are imported are JSON: switchyard mcp check ~\/project\/'my config.toml'/,
  },
  {
    what: "import switches off what is still to be filled in",
    files: { "project/.mcp.json": '{"mcpServers":{"a":{"command":"x","args":["${input:key}"]}}}' },
    args: ["mcp", "import", ".mcp.json"],
    code: 0,
    stderr: /note: a: a value of it is still to be filled in, [^]*switchyard mcp enable a/,
    after: { [OURS]: /enabled = false/ },
  },
  {
    what: "import --skip-existing says nothing of what it skips",
    files: {
      [OURS]: DOCS,
      "project/.mcp.json": '{"mcpServers":{"docs":{"command":"x","args":["${A}"]},"b":{"command":"y"}}}',
    },
    args: ["mcp", "import", ".mcp.json", "--skip-existing"],
    code: 0,
    stderr: /^note: "docs" is left as it is\n$/,
  },
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
    what: "list names the folder whose trust decides, as it has to be typed",
    files: {
      "project/.git/HEAD": "x",
      "project/a b/switchyard.toml": DOCS,
    },
    args: ["mcp", "list", "-C", "a b"],
    code: 0,
    stdout: /To use it: switchyard trust ~\/project\n/,
  },
  { what: "trust of no folder", args: ["trust", "nope"], code: 1, stderr: /There is no folder/ },
  {
    what: "an unknown command",
    args: ["mcp", "lst"],
    code: 2,
    stderr: /There is no command "mcp lst"\. Did you mean "mcp list"\?/,
  },
  { what: "a word of other tools", args: ["mcp", "ls"], code: 2, stderr: /Did you mean "mcp list"\?/ },
  {
    what: "help of a command, behind the word",
    args: ["mcp", "help", "list"],
    code: 0,
    stdout: /^Usage: switchyard mcp list/,
  },
  {
    what: "set --help lists the keys",
    args: ["mcp", "set", "--help"],
    code: 0,
    stdout: /\n {2}tool_timeout_sec +number of seconds\n[^]*\n {2}tools.TOOL.KEY +approval_mode/,
  },
  {
    what: "set of a negative number",
    files: { [OURS]: DOCS },
    args: ["mcp", "set", "docs", "tool_timeout_sec", "-5"],
    code: 2,
    stderr: /must come after "--": switchyard mcp set \[options\] -- NAME KEY VALUE/,
  },
  {
    what: "set of a number that is out of range",
    files: { [OURS]: DOCS },
    args: ["mcp", "set", "docs", "oauth.callback_port", "70000"],
    code: 2,
    stderr: /whole number, 0 to 65535/,
  },
  {
    what: "set of name",
    files: { [OURS]: DOCS },
    args: ["mcp", "set", "docs", "name", "x"],
    code: 0,
    stderr: /note: .*throws it away/,
  },
  {
    what: "unset of what is no key",
    files: { [OURS]: `${DOCS}cwd = "x"\n` },
    args: ["mcp", "unset", "docs", "cdw"],
    code: 1,
    stderr: /"docs" has no cdw in ~\/.switchyard\/switchyard.toml; did you mean cwd\?/,
  },
  {
    what: "unset of what is not set",
    files: { [OURS]: DOCS },
    args: ["mcp", "unset", "docs", "cwd"],
    code: 0,
  },
  { what: "-c without a value", args: ["mcp", "list", "-c", "nonsense"], code: 2, stderr: /--config: / },
  {
    what: "add gives a client the callback of Codex",
    args: ["mcp", "add", "w", "--codex", "--url", "https://127.0.0.1:1/mcp", "--oauth-client-id", "cid"],
    code: 0,
    stderr: /note: the login comes back to http:\/\/127.0.0.1\/callback\/JYXppVefn8J6:/,
    // As codex mcp add writes it.
    after: { [CODEXS]: /callback_url = "http:\/\/127.0.0.1\/callback\/JYXppVefn8J6"/ },
  },
  {
    what: "add hands on a flag of ours behind the command, and says so",
    args: ["mcp", "add", "c", "--", "c", "--file", "g.toml"],
    code: 0,
    stderr: /note: --file is handed to the command/,
    after: { [OURS]: /args = \["--file", "g.toml"\]/ },
  },
  {
    what: "add with a header that cannot be sent",
    args: ["mcp", "add", "w", "--url", "https://x.y", "--header", `A B: ${SECRET}`],
    code: 2,
    stderr: /"A B" is not a valid header name/,
  },
  {
    what: "a note on another server for which Codex refuses the file",
    files: { "project/config.toml": BROKEN },
    args: ["mcp", "add", "--file", "config.toml", "a", "--", "x"],
    code: 0,
    stderr:
      /note: ~\/project\/config.toml has 1 other error, for which Codex refuses all of it: switchyard mcp check ~/,
  },
  {
    what: "a refused edit says that its line is not there",
    files: { [OURS]: DOCS },
    args: ["mcp", "set", "docs", "http_headers.A", "x"],
    code: 1,
    stderr: /This is how the line would be; nothing was written/,
  },
  {
    what: "check says what it did not look at",
    files: { "project/switchyard.toml": BROKEN },
    args: ["mcp", "check"],
    code: 0,
    stdout: /^ok: all layers, 0 servers, 1 warning\n$/,
    stderr:
      /warning: not checked: ~\/project\/switchyard.toml does not count[^]*switchyard mcp check ~\/project\/switchyard.toml/,
  },
  {
    what: "get of an invalid server shows what is written, masked",
    files: {
      [OURS]: `[mcp_servers."a b"]\ncommand = "x"\nurl = "https://u:${SECRET}@e.com"\nenv.K = "${SECRET}"\n`,
    },
    args: ["mcp", "get", "a b"],
    code: 1,
    stdout: /^"a b": invalid [^]*command +"x" +# [^]*env.K +"\*{5}" +# ~\/.switchyard\/switchyard.toml:4/,
  },
  {
    what: "get --codex has no key of ours, and the URL first",
    files: { [CODEXS]: '[mcp_servers.a]\nhttp_headers = { A = "b" }\nurl = "https://e.com"\n' },
    args: ["mcp", "get", "--codex", "a"],
    code: 0,
    stdout: /^a: enabled\n {2}url (?![^]*scope)/,
  },
  {
    what: "a name that is not found while a file cannot be read",
    files: { [CODEXS]: "[mcp_servers.x\n" },
    args: ["mcp", "disable", "docs"],
    code: 1,
    stderr: /^switchyard: The configuration is invalid \(1 error\)\n~\/.codex\/config.toml:1:/,
  },
  { what: "no command", args: ["mcp"], code: 2, stderr: /Commands:[^]*list/ },
  {
    what: "an unknown option",
    args: ["mcp", "list", "--jsn"],
    code: 2,
    stderr: /Unknown option --jsn[^]*See: switchyard mcp list --help/,
  },
  { what: "a usage error with --json", args: ["mcp", "get", "--json"], code: 2, stdout: /"code": "usage"/ },
  {
    what: "-C into no folder",
    args: ["mcp", "list", "-C", "nope"],
    code: 2,
    stderr: /--cd: there is no folder/,
  },
  {
    what: "--file beside --codex",
    args: ["mcp", "list", "--file", "x", "--codex"],
    code: 2,
    stderr: /--file and --codex/,
  },
  { what: "help of the group", args: ["mcp", "--help"], code: 0, stdout: /list[^]*schema/ },
  { what: "help of a command", args: ["mcp", "add", "--help"], code: 0, stdout: /--tool-token-limit TOOL=N/ },
];

/** A few at a time: the machine has two processors. */
async function together<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all([worker(), worker(), worker()]);
}

suite("switchyard mcp", { concurrency: 3 }, () => {
  for (const { what, files = {}, args, input, env, code, stdout, stderr, after = {} } of cases) {
    test(what, { timeout }, async () => {
      using place = new Place(files);
      const finished = await place.run(args, input, env);
      const said = JSON.stringify(finished, undefined, 2);
      assert.equal(finished.code, code, said);
      if (stdout !== undefined) assert.match(finished.stdout, stdout, said);
      if (stderr !== undefined) assert.match(finished.stderr, stderr, said);
      if (code === 0 && stderr === undefined && !args.includes("--dry-run"))
        assert.equal(finished.stderr, "", said);
      assert.ok(!said.includes(SECRET), said);
      for (const [path, wanted] of Object.entries(after)) {
        if (wanted === undefined) assert.equal(place.has(path), false, path);
        else if (typeof wanted === "string") assert.equal(place.read(path), wanted);
        else assert.match(place.read(path), wanted);
      }
    });
  }

  test("no output shows a secret, unless it is asked for", { timeout }, async () => {
    const commands: readonly (readonly string[])[] = [
      ["list"],
      ["list", "--json"],
      ["get", "box"],
      ["get", "web"],
      ["get", "box", "--json"],
      ["get", "web", "--json"],
      ["check", "--json"],
      ["set", "box", "env.KEY", "other", "--dry-run"],
      ["set", "box", "cwd", "x", "--dry-run", "--json"],
      ["remove", "web", "--dry-run"],
      ["set", "web", "env.KEY", "x"],
    ];
    using place = new Place({ [OURS]: SECRETS });
    await together(commands, async (args) => {
      const { stdout, stderr } = await place.run(["mcp", ...args]);
      assert.ok(!`${stdout}${stderr}`.includes(SECRET), `${args.join(" ")}: ${stdout}${stderr}`);
    });
    for (const args of [["list"], ["get", "web", "--json"], ["check", "--json"]]) {
      assert.match((await place.run(["mcp", ...args, "--show-secrets"])).stdout, new RegExp(SECRET));
    }
    const file = (await place.json(["mcp", "check", join(place.home, OURS), "--json"])) as {
      servers: object;
    };
    assert.match(JSON.stringify(file.servers), new RegExp(SECRET), "the normal form of a file is Codex's");
    const broken = [
      `[mcp_servers.a]\nenv = { K = "${SECRET}", L = 1 }\n`,
      `[mcp_servers.a]\nhttp_headers = { K = "${SECRET}" }\ncommand = "x"\n`,
      `[mcp_servers.a]\ncommand = "x"\nbearer_token = "${SECRET}"\n`,
      `[mcp_servers.a]\nurl = "x"\noauth = { client_secret = "${SECRET}" }\n`,
      `[mcp_servers.a]\nenv.K = "${SECRET}\n`,
      `[mcp_servers.a]\nenv.K = ${SECRET}\n`,
    ];
    await together(broken, async (text) => {
      using other = new Place({ "project/config.toml": text });
      for (const args of [[], ["--json"]]) {
        const { code, stdout, stderr } = await other.run(["mcp", "check", "config.toml", ...args]);
        assert.equal(code, 1);
        assert.ok(!`${stdout}${stderr}`.includes(SECRET), `${text}: ${stdout}${stderr}`);
      }
    });
  });

  test("a message shows no secret; with FILE, check --json has it word for word", { timeout }, async () => {
    using place = new Place({ [OURS]: `[mcp_servers.a]\nurl = "x"\nhttp_headers = "Bearer ${SECRET}"\n` });
    const file = join(place.home, OURS);
    const commands = [
      ["list"],
      ["list", "--json"],
      ["get", "a"],
      ["get", "a", "--json"],
      ["check"],
      ["check", "--json"],
      ["check", file],
      ["set", "a", "enabled", "false"],
      ["set", "a", "env", SECRET],
      ["set", "a", "http_headers.X", "1", "--json"],
      ["list", "-c", SECRET],
      ["list", "-c", `=${SECRET}`, "--json"],
      ["list", "-c", `mcp_servers.a.env={A='${SECRET}',B=1}`],
    ];
    await together(commands, async (args) => {
      const { stdout, stderr } = await place.run(["mcp", ...args]);
      assert.ok(!`${stdout}${stderr}`.includes(SECRET), `${args.join(" ")}: ${stdout}${stderr}`);
    });
    const shown = await place.run(["mcp", "check", "--show-secrets"]);
    assert.match(shown.stderr, new RegExp(`string "Bearer ${SECRET}", expected a map`));
    const { errors } = (await place.json(["mcp", "check", file, "--json"])) as {
      errors: { message: string; excerpt: string }[];
    };
    assert.deepEqual(
      errors.map(({ message, excerpt }) => [message, excerpt]),
      [[`invalid type: string "Bearer ${SECRET}", expected a map`, `http_headers = "${"*".repeat(19)}"`]],
    );
  });

  test("of very many errors 50 are told, and --json has all", { timeout }, async () => {
    const servers = Array.from({ length: 300 }, (_, number) => `s${number}={command='x',args=1}`);
    using place = new Place({ "project/config.toml": `mcp_servers = {${servers.join(",")}}\n` });
    const { stderr } = await place.run(["mcp", "check", "config.toml"]);
    assert.equal(stderr.split("\n").filter((line) => line.startsWith("error: ")).length, 50);
    assert.match(stderr, /^… and 250 more$/m);
    assert.ok(stderr.length < 50_000, String(stderr.length));
    const { errors } = (await place.json(["mcp", "check", "config.toml", "--json"])) as { errors: unknown[] };
    assert.equal(errors.length, 300);
  });

  test("Ctrl-C ends the wait for a file that another process holds", { timeout }, async (t) => {
    using place = new Place({ [OURS]: DOCS });
    const file = join(place.home, OURS);
    await withFileLock(file, async () => {
      const child = spawnIn(process.execPath, [MAIN, "mcp", "disable", "docs"], place);
      const ended = finish(child);
      const claims = (): string[] => readdirSync(dirname(file)).filter((name) => name.endsWith(".claim"));
      // It has its claim while it waits.
      while (claims().length === 0) await sleep(20, undefined, { signal: t.signal });
      child.kill("SIGINT");
      const { code, stderr } = await ended;
      assert.deepEqual({ code, stderr }, { code: 130, stderr: "interrupted\n" });
      assert.deepEqual(claims(), []);
    });
    assert.equal(place.read(OURS), DOCS);
  });

  test("Ctrl-C ends the wait for stdin", { timeout, skip: process.platform !== "linux" }, async (t) => {
    using place = new Place();
    for (const args of [
      ["check", "-"],
      ["add", "a", "--env-from", "-", "--", "x"],
    ]) {
      const child = spawnIn(process.execPath, [MAIN, "mcp", ...args], place);
      const ended = finish(child);
      while (!isReading(child.pid)) await sleep(20, undefined, { signal: t.signal });
      child.kill("SIGINT");
      assert.deepEqual(await ended, { code: 130, stdout: "", stderr: "interrupted\n" });
    }
  });

  test("what cannot be written is said in a line", { timeout }, async () => {
    using place = new Place({ [OURS]: DOCS });
    const shell = (script: string): Promise<Finished> =>
      start("bash", ["-c", script, process.execPath, MAIN], place);
    const full = await shell('"$0" "$1" mcp list > /dev/full');
    assert.equal(full.code, 1);
    assert.match(full.stderr, /^switchyard: cannot write the output: ENOSPC[^\n]*\n$/);
    const left = await shell('("$0" "$1" mcp schema; echo "code $?" >&2) | true');
    assert.match(left.stderr, /^code [01]\n$/);
  });

  test("check reads the output of another command", { timeout }, async () => {
    using place = new Place({ "project/config.toml": DOCS });
    const shell = (script: string): Promise<Finished> =>
      start("bash", ["-c", script, process.execPath, MAIN], place);
    for (const script of [
      '"$0" "$1" mcp check <(cat config.toml)',
      'cat config.toml | "$0" "$1" mcp check /dev/stdin',
      '"$0" "$1" mcp check /dev/stdin < config.toml',
    ]) {
      const { code, stdout, stderr } = await shell(script);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^ok: [^\n]*, 1 server\n$/);
    }
  });

  suite("a server that only a project's file defines", () => {
    const files = {
      [OURS]: "",
      "project/.git/HEAD": "x",
      "project/switchyard.toml": '[mcp_servers.db]\ncommand = "db"\n',
      "project/sub/switchyard.toml": '[mcp_servers.deep]\ncommand = "deep"\n',
    };
    const trusted = async (): Promise<Place> => {
      const place = new Place(files);
      await place.run(["trust"]);
      return place;
    };

    test("cannot be changed in the user's, where it would be half a server elsewhere", {
      timeout,
    }, async () => {
      using place = await trusted();
      const before = place.read(OURS);
      for (const args of [
        ["disable", "db"],
        ["set", "db", "cwd", "x"],
        ["disable", "--codex", "db"],
      ]) {
        const { code, stderr } = await place.run(["mcp", ...args]);
        assert.equal(code, 1);
        assert.match(
          stderr,
          /"db" is defined in ~\/project\/switchyard.toml:2, which (?:counts on top of ~\/.*|Codex does not read): run it with --project\n/,
        );
      }
      assert.equal(place.read(OURS), before);
      assert.equal(place.has(CODEXS), false);
      assert.equal((await place.run(["mcp", "disable", "--project", "db"])).code, 0);
      assert.match(place.read("project/switchyard.toml"), /enabled = false/);
    });

    test("of a folder below is not for the project's file", { timeout }, async () => {
      using place = await trusted();
      const { code, stderr } = await place.run(["mcp", "disable", "-C", "sub", "--project", "deep"]);
      assert.equal(code, 1);
      assert.match(stderr, /: run it with --file ~\/project\/sub\/switchyard.toml\n/);
      assert.equal(place.read("project/switchyard.toml"), files["project/switchyard.toml"]);
    });
  });

  test("a server of ours is not changed in Codex's file, which would break it there", {
    timeout,
  }, async () => {
    using place = new Place({ [OURS]: DOCS });
    const { code, stderr } = await place.run(["mcp", "disable", "--codex", "docs"]);
    assert.equal(code, 1);
    assert.match(stderr, /which Codex does not read: run it without --codex/);
    assert.equal(place.has(CODEXS), false);
  });

  test("check --json has exactly the documented keys", { timeout }, async () => {
    using place = new Place({ "project/config.toml": DOCS + BROKEN });
    const result = (await place.json(["mcp", "check", "config.toml", "--json"])) as Record<string, unknown>;
    assert.deepEqual(Object.keys(result), ["ok", "errors", "warnings", "servers"]);
    assert.deepEqual(result["servers"], {
      docs: { command: "docs-mcp", args: [], environment_id: "local", enabled: true, tool_timeout_sec: null },
    });
    const [error] = result["errors"] as Record<string, unknown>[];
    assert.deepEqual(error, {
      message: "url is not supported for stdio",
      path: "mcp_servers.bad",
      file: join(place.project, "config.toml"),
      line: 5,
      column: 1,
      excerpt: 'url = "https://example.com"',
      hint: "A server has either command (stdio) or url (streamable HTTP): remove one of them",
    });
  });

  test("trust, untrust and forget change what counts", { timeout }, async () => {
    using place = new Place({
      "project/switchyard.toml": DOCS,
      "project/.codex/config.toml": '[mcp_servers.cx]\ncommand = "c"\n',
    });
    const active = async (): Promise<string[]> => {
      const list = (await place.json(["mcp", "list", "--json"])) as { name: string; enabled: boolean }[];
      return list.filter(({ enabled }) => enabled).map(({ name }) => name);
    };
    assert.deepEqual(await active(), []);
    await place.run(["trust"]);
    assert.deepEqual(await active(), ["cx", "docs"]);
    await place.run(["trust", "--untrust"]);
    assert.deepEqual(await active(), []);
    await place.run(["trust", "--forget"]);
    assert.deepEqual(await active(), []);
    assert.ok(!place.read(OURS).includes("trust_level"));
  });
});

suite("switchyard mcp beside the real codex", () => {
  const rich = `[mcp_servers.a]
command = "npx"
args = ["-y", "x"]
env = { K = "v" }
env_vars = ["P", { name = "Q", source = "remote" }]
startup_timeout_ms = 1500
[mcp_servers.b]
url = "https://127.0.0.1:1/mcp"
http_headers = { Authorization = "Bearer x" }
tool_timeout_sec = 60
[mcp_servers.c]
command = "c"
enabled = false
`;

  test("list --json --codex says what codex mcp list --json says, and more", { timeout }, async () => {
    using place = new Place({ [CODEXS]: rich });
    const theirs = await start(findCodex(undefined, process.env).path, ["mcp", "list", "--json"], place);
    const ours = (await place.json(["mcp", "list", "--json", "--codex", "--show-secrets"])) as object[];
    const wanted = JSON.parse(theirs.stdout) as Record<string, unknown>[];
    assert.equal(ours.length, wanted.length);
    for (const [at, element] of wanted.entries()) {
      assert.partialDeepStrictEqual(ours[at], element);
      assert.deepEqual(
        Object.keys(ours[at] ?? {}).slice(0, Object.keys(element).length),
        Object.keys(element),
      );
    }
  });

  const leftToCodex: readonly (readonly [toml: string, message: string, path: string | null])[] = [
    ["model = 1\n", "invalid type: integer `1`, expected a string", "model"],
    ["[features]\nuse_xaa = 1\n", "invalid type: integer `1`, expected a boolean", "features"],
    ["[plugins]\np = 1\n", "invalid type: integer `1`, expected struct PluginConfig", "plugins"],
    [
      'sandbox_mode = "no"\n',
      "unknown variant `no`, expected one of `read-only`, `workspace-write`, `danger-full-access`",
      "sandbox_mode",
    ],
    [
      'profile = "p"\n',
      'legacy `profile = "p"` config is no longer supported; use `--profile p` with `p.config.toml` instead',
      null,
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
      using place = new Place({ [CODEXS]: toml.startsWith("[") ? rich + toml : toml + rich });
      assert.equal((await place.run(["mcp", "check"])).code, 0);
      const { code, stdout } = await place.run(["mcp", "check", "--ask-codex", "--json"]);
      assert.equal(code, 1);
      const { errors } = JSON.parse(stdout) as {
        errors: readonly { message: string; path: string | null }[];
      };
      assert.deepEqual(
        errors.map((error) => [error.message, error.path]),
        [[message, path]],
      );
      const ofFile = await place.run(["mcp", "check", "--ask-codex", join(place.home, CODEXS)]);
      assert.equal(ofFile.code, 1);
      assert.ok(ofFile.stderr.includes(`error: ${message}`), ofFile.stderr);
      assert.ok(!(stdout + ofFile.stderr).includes(SECRET));
    });
  }

  test("check --ask-codex repeats no error, says that Codex accepts, and that it is not there", {
    timeout,
  }, async () => {
    using place = new Place({ [CODEXS]: rich });
    const accepted = await place.run(["mcp", "check", "--ask-codex", "--codex"]);
    assert.equal(accepted.code, 0, accepted.stderr);
    assert.match(accepted.stdout, /^ok: all layers, 3 servers; Codex accepts it too$/m);
    const overridden = await place.run(["mcp", "check", "--ask-codex", "-c", "model=1"]);
    assert.match(overridden.stderr, /expected a string \(in model\)/);
    const missing = await place.run(["mcp", "check", "--ask-codex"], "", {
      SWITCHYARD_CODEX_PATH: "/nowhere",
    });
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /^error: Codex cannot be asked: Cannot find Codex at "\/nowhere"/m);
    for (const args of [["--profile", "p"], ["-"], ["switchyard.toml"]]) {
      const { code, stderr } = await place.run(["mcp", "check", "--ask-codex", ...args]);
      assert.equal(code, 2, stderr);
    }
    for (const text of ["[mcp_servers.a]\ncommand = 1\n", "[mcp_servers.a]\ncommand =\n"]) {
      place.write(CODEXS, text);
      const { code, stderr } = await place.run(
        ["mcp", "check", "--ask-codex", join(place.home, CODEXS)],
        "",
        {
          TMPDIR: place.home,
        },
      );
      assert.deepEqual([code, stderr.match(/^1 error$/m)?.length], [1, 1], stderr);
    }
    const left = readdirSync(place.home, { recursive: true }).filter((name) =>
      `${name}`.includes("ask-codex"),
    );
    assert.deepEqual(left, []);
  });

  test("after every edit with --codex, config/read and check say the same", { timeout }, async () => {
    await using codex = await CodexConfig.start();
    using place = new Place({ [CODEXS]: rich });
    const edits: readonly (readonly string[])[] = [
      [
        "add",
        "--codex",
        "d",
        "--url",
        "https://127.0.0.1:1/d",
        "--no-tools",
        "--required",
        "--header-env",
        "A=B",
      ],
      ["set", "--codex", "a", "tools.t.approval_mode", "approve"],
      ["set", "--codex", "b", "scopes", '["x"]'],
      ["disable", "--codex", "a"],
      ["enable", "--codex", "c"],
      ["rename", "--codex", "c", "e"],
      ["unset", "--codex", "a", "env"],
      ["remove", "--codex", "b"],
    ];
    for (const edit of edits) {
      const done = await place.run(["mcp", ...edit]);
      assert.equal(done.code, 0, done.stderr);
      const { servers } = (await place.json(["mcp", "check", "--codex", "--json", "--show-secrets"])) as {
        servers: unknown;
      };
      assert.deepEqual({ ok: true, servers }, await codex.read(place.read(CODEXS)), edit.join(" "));
    }
  });
});
