/** `switchyard mcp read` and `mcp prompts`, with scripted and published servers. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { processesOfOwner } from "../../../src/testing/leaks.ts";
import { sample } from "../../support/sample.ts";
import { configOf } from "../support/servers.ts";
import { type Finished, finished, OURS, SECRET, TestHome } from "../support/test-home.ts";

const timeout = 60_000;
const root = join(import.meta.dirname, "..", "..", "..");
const PATH = [join(root, "node_modules", ".bin"), dirname(process.execPath), "/usr/bin", "/bin"].join(":");
const CONFIG =
  '[mcp_servers.everything]\ncommand = "mcp-server-everything"\n' +
  '[mcp_servers.memory]\ncommand = "mcp-server-memory"\n' +
  configOf("s") +
  `${configOf("dead", { script: { dieAtStart: 3 }, more: ["--token", SECRET] })}required = true\n` +
  '[mcp_servers.off]\ncommand = "sh"\nenabled = false\n';

async function mcp(...argv: string[]): Promise<Finished> {
  using home = new TestHome({ [OURS]: CONFIG });
  const done = await home.run(["mcp", ...argv], "", { PATH });
  assert.ok(!JSON.stringify(done).includes(SECRET));
  return done;
}

suite("switchyard mcp read", { concurrency: 2 }, () => {
  test("prints a text as it is, and with --json the whole answer", { timeout }, async () => {
    assert.deepEqual(await mcp("read", "s", "test://a"), { code: 0, stdout: "content\n", stderr: "" });
    const json = await mcp("read", "everything", "demo://resource/dynamic/text/1", "--json");
    const { contents } = JSON.parse(json.stdout) as {
      contents: readonly { uri: string; mimeType: string }[];
    };
    assert.deepEqual(
      contents.map(({ uri, mimeType }) => [uri, mimeType]),
      [["demo://resource/dynamic/text/1", "text/plain"]],
    );
  });

  test("writes binary content to a pipe byte for byte", { timeout }, async () => {
    const { code, stdout } = await mcp("read", "everything", "demo://resource/dynamic/blob/1");
    assert.equal(code, 0);
    assert.match(stdout, /^Resource 1: This is a base64 blob created at [^\n]*[AP]M$/);
  });

  test("a URI that the server does not have is its error, with one that was probably meant", {
    timeout,
  }, async () => {
    const { code, stdout, stderr } = await mcp(
      "read",
      "everything",
      "demo://resource/static/document/featurs.md",
    );
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /^note: the server has demo:\S+features\.md\nswitchyard: .*-32602/);
  });

  test("a server that does not work, or is switched off, is named with the reason", { timeout }, async () => {
    const dead = await mcp("read", "dead", "a://b", "--json");
    assert.equal(dead.code, 1);
    assert.match(dead.stderr, /exit code 3; its last words: cannot go on/);
    assert.match(dead.stderr, /\nswitchyard doctor dead says what to do\n/);
    assert.equal((JSON.parse(dead.stdout) as { error: { code: string } }).error.code, "server_unavailable");
    const off = await mcp("read", "off", "a://b");
    assert.match(off.stderr, /"off" is not started \(disabled\)/);
    const typo = await mcp("read", "memry", "a://b");
    assert.equal(typo.code, 2);
    assert.match(typo.stderr, /did you mean "memory"/);
  });

  test("Ctrl-C cancels it at the server", { timeout }, async (t) => {
    using home = new TestHome();
    const record = join(home.home, "record");
    home.write("record", "");
    home.write(OURS, configOf("s", { script: { record, mute: ["resources/read"] } }));
    const child = home.start(["mcp", "read", "s", "test://a"]);
    const ended = finished(child);
    const said = (): string => readFileSync(record, "utf8");
    while (!said().includes("in resources/read")) await sleep(20, undefined, { signal: t.signal });
    child.kill("SIGINT");
    assert.deepEqual(await ended, { code: 130, stdout: "", stderr: "interrupted\n" });
    assert.match(said(), /in resources\/read \S+\nin notifications\/cancelled \S+\n/);
    assert.deepEqual(processesOfOwner(child.pid ?? 0), []);
  });
});

suite("switchyard mcp prompts", { concurrency: 2 }, () => {
  test("lists the prompts of all servers, and says which server does not work", { timeout }, async () => {
    const { code, stdout, stderr } = await mcp("prompts");
    assert.equal(code, 1);
    assert.match(stdout, /^everything: 4 prompts\n {2}simple-prompt +A prompt with no arguments\n/);
    assert.match(stdout, /\n {2}args-prompt +.* \(city, \[state\]\)\n/);
    assert.match(stdout, /\n\ns: 1 prompt\n {2}p\n$/);
    assert.match(stderr, /^1 of 4 enabled servers does not work: dead \(.*\n {2}dead: /);
    const json = await mcp("prompts", "s", "--json");
    assert.deepEqual(JSON.parse(json.stdout), [{ server: "s", name: "p" }]);
  });

  test("one prompt is filled in and shown by role, or whole as JSON", { timeout }, async () => {
    const shown = await mcp("prompts", "everything", "args-prompt", "--arg", "city=Oslo");
    assert.deepEqual(shown, { code: 0, stdout: "[user]\nWhat's weather in Oslo?\n", stderr: "" });
    const json = await mcp("prompts", "s", "p", "--json");
    const { messages } = JSON.parse(json.stdout) as { messages: readonly { role: string }[] };
    assert.deepEqual(
      messages.map(({ role }) => role),
      ["user"],
    );
  });

  const wrong: readonly (readonly [argv: readonly string[], message: RegExp])[] = [
    [["everything", "arg-prompt"], /has no prompt "arg-prompt"; did you mean "args-prompt"\?\n/],
    [["memory", "x"], /"memory" has no prompt "x"; it has none\n/],
    [["everything", "args-prompt"], /"args-prompt" needs --arg city=…\n/],
    [["everything", "args-prompt", "--arg", "ctiy=a"], /has no argument "ctiy"; did you mean "city"\?\n/],
    [["everything", "--arg", "city=a"], /--arg needs a PROMPT/],
    [["everythin"], /did you mean "everything"/],
  ];
  for (const [argv, message] of sample(wrong, 2)) {
    test(`${argv.join(" ")} is rejected, with what was meant`, { timeout }, async () => {
      const { code, stdout, stderr } = await mcp("prompts", ...argv);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, message);
    });
  }
});
