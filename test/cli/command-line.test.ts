/** Which command a command line names; help and version at every level; what a mistake prints. */
import assert from "node:assert/strict";
import { extname } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { MAIN } from "../support/command.ts";
import { type Case, testCases } from "./support/cases.ts";
import { modulesLoaded, packagesLoaded, REPORT_LOADS } from "./support/loads.ts";
import { DOCS, OURS, SECRET, TestHome } from "./support/test-home.ts";

const VERSION = /^\d+\.\d+\.\d+\n$/;
const COMMANDS = [
  "run",
  "runner",
  "executor",
  "gateway",
  "environments",
  "ps",
  "reap",
  "mcp",
  "trust",
  "completion",
  "demo",
];

testCases("a command line", [
  { what: "no command", args: [], code: 2, stdout: /^$/, stderr: /^Usage: switchyard COMMAND/ },
  { what: "no command of a group", args: ["mcp"], code: 2, stdout: /^$/, stderr: /Commands:[^]*list/ },
  { what: "--help", args: ["--help"], code: 0, stdout: new RegExp(COMMANDS.join("[^]*")) },
  { what: "help, as a word", args: ["help"], code: 0, stdout: /^Usage: switchyard COMMAND/ },
  { what: "--help of a group", args: ["mcp", "--help"], code: 0, stdout: /list[^]*schema/ },
  ...[...COMMANDS, "mcp list"].map((name): Case => {
    const args = [...name.split(" "), "--help"];
    return { what: args.join(" "), args, code: 0, stdout: new RegExp(`^Usage: switchyard ${name} `) };
  }),
  {
    what: "help of a command, after the word",
    args: ["mcp", "help", "list"],
    code: 0,
    stdout: /^Usage: switchyard mcp list/,
  },
  {
    what: "help of a command of a group, after the word",
    args: ["help", "mcp", "list"],
    code: 0,
    stdout: /^Usage: switchyard mcp list/,
  },
  ...[[], ["mcp"], ["run"], ["mcp", "list"]].map((words): Case => {
    const args = [...words, "--version"];
    return { what: args.join(" "), args, code: 0, stdout: VERSION };
  }),
  { what: "-V", args: ["-V"], code: 0, stdout: VERSION },
  {
    what: "an unknown command",
    args: ["bogus"],
    code: 2,
    stdout: /^$/,
    stderr: /^switchyard: There is no command "bogus"\. There are: run, runner, /,
  },
  {
    what: "a misspelt command",
    args: ["runn"],
    code: 2,
    stderr: /^switchyard: There is no command "runn"\. Did you mean "run(?:ner)?"\?\n$/,
  },
  {
    what: "a misspelt command of a group",
    args: ["mcp", "lst"],
    code: 2,
    stderr: /There is no command "mcp lst"\. Did you mean "mcp list"\?/,
  },
  {
    what: "a command of a group, without the group",
    args: ["status"],
    code: 2,
    stderr: /^switchyard: There is no command "status"\. Did you mean "mcp status"\?\n$/,
  },
  {
    what: "a misspelt command of two groups, without the group",
    args: ["lsit"],
    code: 2,
    stderr: /Did you mean "environments list" or "mcp list"\?/,
  },
  { what: "a command that is of no group", args: ["mcp", "doctr"], code: 2, stderr: /mean "doctor"\?/ },
  {
    what: "a misspelt option",
    args: ["mcp", "list", "--jsn"],
    code: 2,
    stderr: /--jsn\. Did you mean --json\?/,
  },
  { what: "a word of other tools", args: ["mcp", "show"], code: 2, stderr: /Did you mean "mcp get"\?/ },
  { what: "another name of a command", args: ["mcp", "ls"], code: 0, stdout: /no MCP servers yet/ },
  { what: "another name of a command of a group", args: ["environments", "ls"], code: 0, stdout: /^Id/ },
  {
    what: "another name of a command, with its operand",
    files: { [OURS]: DOCS },
    args: ["mcp", "rm", "docs"],
    code: 0,
    after: { [OURS]: "" },
  },
  { what: "--help names both", args: ["mcp", "--help"], code: 0, stdout: /also: ls\)[^]*also: rm\)/ },
  {
    what: "help of another name",
    args: ["mcp", "rm", "--help"],
    code: 0,
    stdout: /^Usage: switchyard mcp remove/,
  },
  {
    what: "an option before the command, whose value is not repeated",
    args: [`--key=${SECRET}`, "run"],
    code: 2,
    stderr:
      /^switchyard: Unknown option --key\. Options follow the command: switchyard COMMAND \[options\]\n$/,
  },
  {
    what: "too many arguments, which are not repeated",
    args: ["demo", SECRET],
    code: 2,
    stderr:
      /^switchyard: Too many arguments\. Usage: switchyard demo \[options\]\nSee: switchyard demo --help\n$/,
  },
  {
    what: "a missing argument",
    args: ["mcp", "set", "docs"],
    code: 2,
    stderr: /^switchyard: Missing argument KEY\. Usage: switchyard mcp set \[options\] NAME KEY VALUE\n/,
  },
  {
    what: "a number that is not one",
    args: ["runner", "--max-concurrent", SECRET],
    code: 2,
    stderr: /^switchyard: --max-concurrent takes a whole number from 1 to 999999999\n/,
  },
  {
    what: "a word that a flag does not take",
    args: ["executor", "--log-level", SECRET],
    code: 2,
    stderr: /^switchyard: --log-level takes debug, info, warn or error\n/,
  },
  {
    what: "a secret in place of the file that holds it, which is not repeated",
    args: ["executor", "--token-file", SECRET],
    code: 2,
    stderr: /^switchyard: --token-file takes the name of a file, and this one cannot be read \(ENOENT\)\n/,
  },
  {
    what: "the same of a command that edits",
    args: ["mcp", "add", "w", "--url", "https://x.y", "--oauth-client-secret-file", SECRET],
    code: 1,
    stderr:
      /^switchyard: --oauth-client-secret-file takes the name of a file, and this one cannot be read \(ENOENT\)\n/,
  },
  {
    what: "credentials that exclude each other",
    args: ["executor", "--token-file", "a", "--token-sha256", SECRET],
    code: 2,
    stderr: /^switchyard: --token-file and --token-sha256 cannot be given together\n/,
  },
  {
    what: "a home that is neither a word nor a folder",
    args: ["runner", "--home", "usr"],
    code: 2,
    stderr: /"switchyard", "user", or a folder/,
  },
]);

test("a command loads no other command (P1)", { timeout: 60_000 }, async () => {
  using home = new TestHome({ [OURS]: DOCS });
  const loaded = async (...args: string[]): Promise<string[]> => {
    const { stderr, code } = await home.runProgram(process.execPath, [
      "--import",
      REPORT_LOADS,
      MAIN,
      ...args,
    ]);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /\/node_modules\//, "it starts about as fast as Node");
    return modulesLoaded(stderr).flatMap((file) => /^cli\/(.*)$/.exec(file)?.[1] ?? []);
  };
  const commands = /^(?:run|runner|trust)$|^(?:executor|gateway|environments|demo|mcp)\//;
  assert.deepEqual(
    (await loaded("--help")).filter((file) => commands.test(file)),
    [],
  );
  const list = await loaded("mcp", "list");
  assert.ok(list.includes("mcp/list"));
  for (const other of ["run", "executor/executor", "mcp/add", "mcp/apply-edit", "demo/demo", "args/help"]) {
    assert.ok(!list.includes(other), other);
  }
  const json = await loaded("mcp", "list", "--json");
  assert.ok(json.length <= list.length + 1, "nothing is loaded that asks a server");
});

test("a gateway without executors and modern clients loads no packages for them", async () => {
  using home = new TestHome({});
  const gateway = fileURLToPath(new URL(`../gateway/index${extname(MAIN)}`, pathToFileURL(MAIN)));
  const { stderr, code } = await home.runProgram(process.execPath, ["--import", REPORT_LOADS, gateway]);
  assert.equal(code, 0, stderr);
  const packages = packagesLoaded(stderr);
  assert.ok(packages.includes("@modelcontextprotocol/client"), stderr);
  for (const other of ["ws", "@modelcontextprotocol/server", "@modelcontextprotocol/node"]) {
    assert.ok(!packages.includes(other), other);
  }
});
