/** What a word may become (K1, K2), and the shells that ask for it. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, suite, test } from "node:test";
import { spawn as spawnInTerminal } from "@lydell/node-pty";
import { COMMANDS } from "../../src/cli/commands.ts";
import { answerTo } from "../../src/cli/completion/answer.ts";
import { MAIN, NODE_VARIABLES } from "../support/command.ts";
import { smallServer } from "./support/small-server.ts";
import { CODEXS, OURS, SECRET, TestHome } from "./support/test-home.ts";

const timeout = 60_000;

const SERVERS = `[mcp_servers.docs]
command = "sh"
args = ["../docs.sh", "--token", "${SECRET}"]
[mcp_servers.wiki]
url = "https://user:${SECRET}@127.0.0.1:1/mcp"
enabled = false
[environments.box]
url = "ws://127.0.0.1:1?token=${SECRET}"
[environments.den]
url = "ws://127.0.0.1:2"
`;

const TOOLS = [
  {
    name: "search",
    description: "Finds pages\nand more",
    inputSchema: {
      type: "object",
      properties: { text: { type: "string" }, order: { enum: ["newest", "oldest"], description: "By age" } },
    },
  },
  { name: "see", inputSchema: { type: "object" } },
];

/** `switchyard` in PATH. */
const BIN = `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`;

suite("completion", () => {
  let home: TestHome;
  before(async () => {
    home = new TestHome({
      [OURS]: SERVERS,
      [CODEXS]: '[mcp_servers.codexs]\ncommand = "true"\n',
      "docs.sh": smallServer(TOOLS),
      "bin/switchyard": BIN,
      "project/notes.toml": "",
      "project/folder/x": "",
    });
    chmodSync(join(home.home, "bin/switchyard"), 0o755);
    assert.equal((await home.run(["mcp", "tools", "docs"])).code, 0);
    process.chdir(home.project);
    Object.assign(process.env, {
      HOME: home.home,
      CODEX_HOME: join(home.home, ".codex"),
      SWITCHYARD_HOME: join(home.home, ".switchyard"),
    });
  });
  after(() => {
    process.chdir("/");
    home[Symbol.dispose]();
  });

  const rows: readonly (readonly [line: string, expected: string | readonly string[]])[] = [
    ["ru", ["run", "runner"]],
    ["mcp re", ["read", "remove", "rename"]],
    ["help mcp rea", ["read"]],
    ["mcp help rea", ["read"]],
    ["-", ["--help", "--version"]],
    ["mcp -", ["--help"]],
    ["nothing ", []],
    ["mcp nothing ", []],
    ["mcp get ", ["codexs", "docs", "wiki"]],
    ["mcp get --codex ", ["codexs"]],
    ["mcp get --file ~/.switchyard/switchyard.toml ", ["docs", "wiki"]],
    ["mcp get --file nowhere.toml ", []],
    [
      "mcp get docs ",
      ["--file", "--codex", "--cd", "--profile", "--config", "--json", "--show-secrets", "--help"],
    ],
    ["mcp get --codex docs --c", ["--cd", "--config"]],
    ["mcp rm ", ["codexs", "docs", "wiki"]],
    ["mcp call docs ", ["search", "see"]],
    ["mcp call wiki ", []],
    ["mcp call docs search --arg ", ["text=", "order="]],
    ["mcp call docs search --arg order=n", ["order=newest"]],
    ["mcp call docs search --arg=order=n", ["--arg=order=newest"]],
    ["mcp call docs search --arg text=a --arg ", ["order="]],
    ["mcp call docs nothing --arg ", []],
    ["run --only ", ["codexs", "docs", "wiki"]],
    ["run --sandbox ", ["read-only", "workspace-write", "danger-full-access"]],
    ["run --sandbox=read", ["--sandbox=read-only"]],
    ["run --ephemeral --ephemeral --eph", ["--ephemeral"]],
    ["doctor ", ["codexs", "docs", "wiki"]],
    ["environments check ", ["local", "box", "den"]],
    ["environments check box ", ["local", "den"]],
    ["mcp add x --environment ", ["local", "box", "den"]],
    ["mcp add x --startup-readiness ", ["connection", "catalog"]],
    ["mcp add x ", "programs"],
    ["mcp add x -- ", "programs"],
    ["mcp add x -- npx -", "files"],
    ["mcp add x npx --", "files"],
    ["mcp set docs ena", ["enabled", "enabled_tools"]],
    ["mcp set docs enabled ", ["true", "false"]],
    ["mcp set docs environment_id ", ["local", "box", "den"]],
    ["mcp set docs cwd ", []],
    ["mcp list --file ", "files"],
    ["mcp list -C ", "folders"],
    ["completion ", ["bash", "zsh", "fish", "answer"]],
  ];

  test("a word becomes a command, a flag, or what is known of that kind (K1)", async () => {
    for (const [line, expected] of rows) {
      const { is, words } = await answerTo(COMMANDS, line.split(" "));
      const typed = line.split(" ").at(-1) ?? "";
      const all = words.map(({ word }) => word).filter((word) => word.startsWith(typed));
      assert.deepEqual(is === "words" ? all : is, expected, line);
    }
  });

  test("a word that could control the terminal is left out, and no secret is in what is said of one (K2)", {
    timeout,
  }, async () => {
    using odd = new TestHome({
      [OURS]: `${SERVERS}[mcp_servers."a\\u001bb"]\ncommand = "true"\n[mcp_servers."a\\nb"]\ncommand = "true"\n`,
    });
    const answer = async (...words: string[]): Promise<string> => {
      const { code, stdout, stderr } = await odd.run(["completion", "answer", "--", ...words]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
      return stdout;
    };
    const [servers, places] = await Promise.all([
      answer("mcp", "get", ""),
      answer("environments", "check", ""),
    ]);
    assert.equal(servers, "words\ndocs\tsh ../docs.sh --token *****\nwiki\tdisabled\n");
    assert.match(places, /^words\nlocal\tlocal\nbox\tws:\/\/127\.0\.0\.1:1\S*\nden\tws:\S+\n$/);
    assert.ok(!places.includes(SECRET));
    odd.write(OURS, "not = [toml");
    assert.equal(await answer("mcp", "get", ""), "words\n");
    assert.equal(await answer(), "words\n");
  });

  /** What the line is after Tab. */
  const lines: readonly (readonly [typed: string, line: string])[] = [
    ["switchyard mcp get wi", "switchyard mcp get wiki "],
    ["switchyard mcp call docs search --arg te", "switchyard mcp call docs search --arg text="],
    ["switchyard run --sandbox=re", "switchyard run --sandbox=read-only "],
    ["switchyard mcp list --file=no", "switchyard mcp list --file=notes.toml "],
    ["switchyard mcp list -C ~/pro", "switchyard mcp list -C ~/project/"],
    ["switchyard mcp add x mkfif", "switchyard mcp add x mkfifo "],
  ];
  /** Bash divides words at other places. */
  const more: typeof lines = [
    ["switchyard mcp get 'wi", "switchyard mcp get 'wiki' "],
    ["switchyard mcp call docs search --arg order=n", "switchyard mcp call docs search --arg order=newest "],
    ["switchyard mcp list --file ~/project/no", "switchyard mcp list --file ~/project/notes.toml "],
    ["true; switchyard mcp get --codex ", "true; switchyard mcp get --codex codexs "],
  ];

  /** Commands that make the shell complete, and print and forget its line at Ctrl-G. */
  const shells: Readonly<Record<string, { args: string[]; setup: string }>> = {
    bash: {
      args: ["--norc", "--noprofile", "-i"],
      setup: `bind 'set bell-style none'; bind -x '"\\C-g": echo "<$READLINE_LINE>"; READLINE_LINE='; eval "$(switchyard completion bash)"`,
    },
    zsh: {
      args: ["-f", "-i"],
      setup:
        'autoload -Uz compinit; compinit -D -u; unsetopt beep; eval "$(switchyard completion zsh)"; ' +
        "show() { print -r -- \"<$BUFFER>\"; BUFFER= }; zle -N show; bindkey '^G' show",
    },
  };
  for (const [shell, { args, setup }] of Object.entries(shells)) {
    test(`${shell} completes`, { timeout, skip: missing(shell) }, async () => {
      const env = {
        ...NODE_VARIABLES,
        PATH: pathIn(home),
        HOME: home.home,
        TERM: "xterm",
        PS1: "$ ",
        INPUTRC: "/dev/null",
      };
      const terminal = spawnInTerminal(shell, args, { cwd: home.project, env, cols: 200 });
      let said = "";
      let heard = (): void => {};
      terminal.onData((text) => {
        said += text;
        heard();
      });
      /** What it says up to the end of a pattern. */
      const says = async (pattern: RegExp): Promise<string> => {
        for (;;) {
          const found = pattern.exec(said);
          if (found !== null) {
            said = said.slice(found.index + found[0].length);
            return found[1] ?? "";
          }
          const { promise, resolve } = Promise.withResolvers<void>();
          heard = resolve;
          await promise;
        }
      };
      try {
        terminal.write(`${setup}; echo re''ady\r`);
        await says(/ready\r?\n/);
        for (const [typed, line] of shell === "bash" ? [...lines, ...more] : lines) {
          terminal.write(`${typed}\t\u0007`);
          assert.equal(await says(/<([^<>\n]*)>\r?\n/), line, typed);
        }
      } finally {
        terminal.kill("SIGKILL");
      }
    });
  }

  test("fish completes", { timeout, skip: missing("fish") }, () => {
    const asked = lines.map(([typed]) => `complete -C ${JSON.stringify(typed)}; echo`);
    const script = ["switchyard completion fish | source", ...asked].join("\n");
    const env = { ...NODE_VARIABLES, PATH: pathIn(home), HOME: home.home, TERM: "xterm" };
    const said = execFileSync("fish", ["--no-config", "-c", script], {
      cwd: home.project,
      env,
      encoding: "utf8",
    });
    const words = said.split("\n\n").map((text) => text.trim().split("\t", 1)[0]);
    const expected = lines.map(([, line]) => line.trim().split(" ").at(-1)?.replaceAll("'", ""));
    assert.deepEqual(words.slice(0, lines.length), expected);
  });
});

function pathIn(home: TestHome): string {
  return [join(home.home, "bin"), dirname(process.execPath), "/usr/bin", "/bin"].join(":");
}

/** Why its test is skipped. */
function missing(shell: string): string | false {
  // Not by starting it: fish makes folders in the home.
  const { status } = spawnSync("sh", ["-c", `command -v ${shell}`], { stdio: "ignore" });
  return status === 0 ? false : `${shell} is not installed`;
}
