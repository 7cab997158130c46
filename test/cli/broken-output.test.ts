/** Every command whose reader has left, or whose output cannot be written: it ends, without a stack. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ScriptedModel } from "../../src/testing/index.ts";
import { sample } from "../support/sample.ts";
import { DOCS, type Finished, OURS, TestHome, together } from "./support/test-home.ts";

const timeout = 120_000;

const COMMANDS: readonly string[] = [
  ...["--help", "--version", "bogus", "mcp", "mcp --help", "environments", "environments --help"],
  ...["run", "runner", "executor", "gateway", "trust", "demo", "mcp add", "mcp set"].map(
    (name) => `${name} --help`,
  ),
  ...["mcp list", "mcp ls --json", "mcp get docs", "mcp get docs --json", "mcp get nope", "mcp schema"],
  ...["mcp check", "mcp check --json", "mcp import", "mcp import file.json --dry-run"],
  ...["mcp add x --json -- y", "mcp set docs cwd x --dry-run", "mcp remove nope --json"],
  ...["environments list", "environments list --json", "environments check", "trust", "trust --list --json"],
  ...["ps", "ps --json", "ps --help", "reap --dry-run", "reap --dry-run --json", "reap --help"],
  ...["run hi", "demo", "executor --listen ws://127.0.0.1:0", "gateway"],
];
const FILES = {
  [OURS]: `${DOCS}timeot = 1\n`,
  "project/file.json": '{"mcpServers":{"a":{"command":"x","note":1}}}',
};

/** A command whose reader has closed its end before it starts. @param redirect what bash does with its output */
function scriptOf(command: string, redirect: string): string {
  const late = `until [ -e gone ]; do sleep 0.02; done; exec "$0" "$1" ${command} ${redirect}`;
  return `{ ${late}; } | { exec <&-; touch gone; }; exit \${PIPESTATUS[0]}`;
}

async function run(command: string, redirect: string): Promise<Finished> {
  using home = new TestHome(FILES);
  return await home.shell(scriptOf(command, redirect));
}

function checkQuiet({ code, stdout, stderr }: Finished, what: string): void {
  const shown = `${what}: ${code}\n${stdout}\n${stderr}`;
  assert.ok(code !== null && code <= 2, shown);
  assert.doesNotMatch(stdout + stderr, /^ {4}at |node:|EPIPE|Error:/m, shown);
}

test("a reader that has left ends every command quietly", { timeout }, async () => {
  await together(sample(COMMANDS, 4), async (command) => {
    const finished = await run(command, "");
    checkQuiet(finished, command);
    assert.doesNotMatch(finished.stderr, /Cannot write/, command);
    if (command.endsWith("--help")) assert.deepEqual(finished, { code: 1, stdout: "", stderr: "" }, command);
  });
});

test("an output that is full ends every command with one line", { timeout }, async () => {
  await together(sample(COMMANDS, 4, 1), async (command) => {
    const finished = await run(command, "> /dev/full");
    checkQuiet(finished, command);
    if (!command.endsWith("--help")) return;
    assert.equal(finished.code, 1, command);
    assert.match(finished.stderr, /^switchyard: Cannot write the output: ENOSPC[^\n]*\n$/, command);
  });
});

test("where nobody reads stderr, a command does and prints the same", { timeout }, async () => {
  // Some print another thing each time, or go on.
  const changing = /^(?:demo|executor --listen|gateway$|ps(?: --json)?$|reap --dry-run)/;
  const commands = sample(COMMANDS, 4, 2).filter((command) => !changing.test(command));
  const byHand = async (command: string): Promise<Finished> => {
    using home = new TestHome(FILES);
    return await home.shell(`exec "$0" "$1" ${command} 2> /dev/null`);
  };
  await together(commands, async (command) => {
    const { code, stdout } = await byHand(command);
    for (const redirect of ["3>&1 1> out 2>&3", "1> out 2> /dev/full"]) {
      using home = new TestHome(FILES);
      const finished = await home.shell(scriptOf(command, redirect));
      assert.equal(finished.code, code, `${command} ${redirect}`);
      const shown = (text: string): string => text.replace(/switchyard-home-\w+/g, "HOME");
      assert.equal(shown(home.read("project/out")), shown(stdout), `${command} ${redirect}`);
    }
  });
});

test("run goes on when nobody reads its progress, and fails when nobody can read its answer", {
  timeout,
}, async () => {
  await using model = await ScriptedModel.start();
  const turn = `run hi --base-url ${model.baseUrl}`;
  using home = new TestHome();
  const aside = await home.shell(`exec "$0" "$1" ${turn} 2> /dev/full`);
  assert.deepEqual([aside.code, aside.stdout], [0, "You said: hi\n"]);
  const full = await home.shell(`exec "$0" "$1" ${turn} > /dev/full`);
  assert.equal(full.code, 1);
  assert.match(full.stderr, /^switchyard: Cannot write the output: ENOSPC/m);
  const json = await home.shell(`exec "$0" "$1" ${turn} --json | head -1`);
  assert.match(json.stdout, /^\{"type":"thread.started"[^\n]*\n$/);
  assert.equal(json.stderr, "");
});
