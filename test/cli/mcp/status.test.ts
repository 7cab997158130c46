/** `switchyard mcp status` and `mcp tools`: what servers really answer, from a configuration. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { processesOfOwner } from "../../../src/testing/leaks.ts";
import { startExecutorProcess } from "../../executor/support/executor-process.ts";
import { configOf } from "../support/servers.ts";
import { finished, OURS, SECRET, TestHome } from "../support/test-home.ts";

const timeout = 60_000;
const root = join(import.meta.dirname, "..", "..", "..");
const PATH = [join(root, "node_modules", ".bin"), dirname(process.execPath), "/usr/bin", "/bin"].join(":");

const GOOD = configOf("good", { disabled: ["die"] });
const PUBLISHED = '[mcp_servers.memory]\ncommand = "mcp-server-memory"\n';
const OFF = '[mcp_servers.off]\ncommand = "sh"\nenabled = false\n';
const DEAD =
  configOf("dead", { script: { dieAtStart: 3 }, more: ["--token", SECRET] }) +
  `env = { TOKEN = "${SECRET}" }\n`;
const GONE = `[mcp_servers.gone]\nurl = "http://me:${SECRET}@127.0.0.1:1/mcp?key=${SECRET}"\n`;
const NO_PROGRAM = '[mcp_servers.nowhere]\ncommand = "no-such-program"\n';

/**
 * A server without tools, in the language of the smallest process. It answers when sixty of them are there: the last one opens the
 * gate at which the others wait.
 */
const SMALL = `: >"../here/$$"
set -- ../here/*
if [ $# -ge 60 ]; then exec 9<>../gate; fi
exec 8<../gate
while read -r line; do
  id=\${line##*\\"id\\":}; id=\${id%%[,\\}]*}
  case $line in
    *'"initialize"'*) echo '{"jsonrpc":"2.0","id":'$id',"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"small","version":"1"}}}' ;;
    *'"tools/list"'*) echo '{"jsonrpc":"2.0","id":'$id',"result":{"tools":[]}}' ;;
    *'"id":'*) echo '{"jsonrpc":"2.0","id":'$id',"error":{"code":-32601,"message":"Method not found"}}' ;;
  esac
done
`;

interface View {
  readonly name: string;
  readonly state: string;
  readonly works: boolean;
  readonly reason: string | null;
  readonly reason_code: string | null;
  readonly era: string | null;
  readonly environment_id: string;
  readonly origin: string;
  readonly took_ms: number | null;
  readonly tools: readonly string[];
  readonly hidden_tools: number;
  readonly resources: readonly string[];
  readonly prompts: readonly string[];
  readonly server_info: { readonly name: string };
}

suite("switchyard mcp status", { concurrency: 2 }, () => {
  test("shows every server, works or not, with the reason, and leaves nothing behind", {
    timeout,
  }, async () => {
    using home = new TestHome({ [OURS]: GOOD + PUBLISHED + OFF + DEAD + GONE + NO_PROGRAM });
    const child = home.start(["mcp", "status"], { PATH });
    const { code, stdout, stderr } = await finished(child);
    assert.deepEqual(processesOfOwner(child.pid ?? 0), []);
    assert.equal(code, 1);
    assert.match(stdout, /^Name +State +Transport +Where +Environment +Era +Tools +Time +Reason\n/);
    assert.match(stdout, /\ngood +ready +stdio +\S.* local +modern +22 +\d+\.\d\d s +-\n/);
    assert.match(stdout, /\nmemory +ready +stdio +mcp-server-memory +local +legacy +9 +\d+\.\d\d s +-\n/);
    assert.match(stdout, /\ndead +failed +stdio .* - +- +- +exited\n/);
    assert.match(
      stdout,
      /\ngone +failed +http +http:\/\/\*{5}@127\.0\.0\.1:1\/mcp\?key=\*{5} .*unreachable\n/,
    );
    assert.match(stdout, /\n {2}dead: .*exit code 3; its last words: cannot go on/);
    assert.match(stdout, /\n {2}nowhere: .*no program "no-such-program" in PATH/);
    assert.match(stdout, /\n {2}off: enabled = false in ~\/\.switchyard\/switchyard\.toml:\d+\n/);
    assert.equal(
      stderr,
      "3 of 5 enabled servers do not work: dead, gone, nowhere (switchyard doctor says what to do)\n",
    );
    assert.ok(!(stdout + stderr).includes(SECRET));
  });

  test("succeeds when all that are enabled work, and has all of it as JSON", { timeout }, async () => {
    using home = new TestHome({ [OURS]: GOOD + OFF });
    const { code, stdout, stderr } = await home.run(["mcp", "status", "--json"]);
    assert.deepEqual([code, stderr], [0, ""]);
    const [good, off] = JSON.parse(stdout) as readonly View[];
    assert.ok(good !== undefined && off !== undefined);
    assert.deepEqual(
      [good.name, good.state, good.works, good.reason, good.era, good.hidden_tools],
      ["good", "ready", true, null, "modern", 1],
    );
    assert.deepEqual(
      [good.resources, good.prompts, good.server_info.name],
      [["test://a"], ["p"], "scripted"],
    );
    assert.ok(good.tools.includes("echo") && !good.tools.includes("die"));
    assert.match(good.origin, /switchyard\.toml:2$/);
    assert.deepEqual([off.state, off.works, off.took_ms], ["disabled", false, null]);
    assert.deepEqual(Object.keys(off), Object.keys(good));
  });

  test("NAME starts that server alone and shows it whole; one that is named has to work", {
    timeout,
  }, async () => {
    using home = new TestHome({ [OURS]: GOOD + OFF + DEAD });
    const good = await home.run(["mcp", "status", "good"]);
    assert.equal(good.code, 0);
    assert.match(good.stdout, /^good: ready in \d+\.\d\d s\n/);
    assert.match(good.stdout, /\n {2}era +modern \(2026-07-28\)\n {2}server +scripted 1\.0\.0\n/);
    assert.match(good.stdout, /\n {2}hidden +1, by enabled_tools or disabled_tools\n/);
    assert.match(good.stdout, /\n {2}resources +1: test:\/\/a\n/);
    const off = await home.run(["mcp", "status", "off"]);
    assert.deepEqual(
      [off.code, off.stderr],
      [1, "off does not work; switchyard doctor off says what to do\n"],
    );
    const dead = await home.run(["mcp", "status", "dead", "--json"]);
    assert.equal(dead.code, 1);
    assert.equal((JSON.parse(dead.stdout) as View).reason_code, "exited");
    const typo = await home.run(["mcp", "status", "god"]);
    assert.equal(typo.code, 2);
    assert.match(
      typo.stderr,
      /no MCP server "god"; did you mean "good"\?\nSee: switchyard mcp status --help\n/,
    );
  });

  test("a server runs in the environment it names", { timeout }, async () => {
    const token = "a-token-of-the-box-0123456789";
    await using executor = await startExecutorProcess([], { SWITCHYARD_EXECUTOR_TOKEN: token });
    const environment = `[environments.box]\nurl = "${executor.url}"\nauth_bearer_token_env_var = "BOX_TOKEN"\n`;
    const there = `${configOf("there")}environment_id = "box"\ncwd = "/tmp"\n`;
    using home = new TestHome({ [OURS]: environment + there });
    const { code, stdout, stderr } = await home.run(["mcp", "status", "--json"], "", { BOX_TOKEN: token });
    assert.equal(code, 0, stderr);
    const [seen] = JSON.parse(stdout) as readonly View[];
    assert.deepEqual([seen?.state, seen?.environment_id], ["ready", "box"]);
    const unset = await home.run(["mcp", "status", "--json"]);
    assert.equal(unset.code, 1);
    assert.match((JSON.parse(unset.stdout) as readonly View[])[0]?.reason ?? "", /BOX_TOKEN/);
  });

  test("files that have errors are reported, and stop no server that is right", { timeout }, async () => {
    using home = new TestHome({ [OURS]: `${GOOD}[mcp_servers.bad]\ncommand = "x"\nurl = "https://x"\n` });
    const { code, stdout, stderr } = await home.run(["mcp", "status"]);
    assert.equal(code, 1);
    assert.match(stdout, /\nbad +invalid /);
    assert.match(stdout, /\ngood +ready /);
    assert.match(stderr, /1 of 2 enabled servers does not work: bad/);
    using empty = new TestHome();
    const none = await empty.run(["mcp", "status"]);
    assert.deepEqual([none.code, none.stderr], [0, ""]);
    assert.match(none.stdout, /no MCP servers yet/);
  });

  test("sixty servers are started together: each waits for all others", { timeout }, async () => {
    using home = new TestHome({ "server.sh": SMALL });
    mkdirSync(join(home.home, "here"));
    execFileSync("mkfifo", [join(home.home, "gate")]);
    const table = (n: number): string => `[mcp_servers.s${n}]\ncommand = "sh"\nargs = ["../server.sh"]\n`;
    home.write(OURS, Array.from({ length: 60 }, (_, n) => table(n)).join(""));
    const { code, stdout, stderr } = await home.run(["mcp", "status"]);
    assert.deepEqual([code, stderr], [0, ""], stdout);
    assert.equal(stdout.match(/ ready +stdio /g)?.length, 60);
  });

  test("Ctrl-C ends it and its servers", { timeout }, async (t) => {
    using home = new TestHome({ [OURS]: configOf("mute", { script: { mute: ["tools/list"] } }) });
    const child = home.start(["mcp", "status"]);
    const ended = finished(child);
    while (processesOfOwner(child.pid ?? 0).length === 0) await sleep(20, undefined, { signal: t.signal });
    child.kill("SIGINT");
    assert.deepEqual(await ended, { code: 130, stdout: "", stderr: "interrupted\n" });
    assert.deepEqual(processesOfOwner(child.pid ?? 0), []);
  });
});

suite("switchyard mcp tools", { concurrency: 2 }, () => {
  test("lists the tools of all servers, and says which server does not work", { timeout }, async () => {
    using home = new TestHome({ [OURS]: GOOD + PUBLISHED + DEAD + OFF });
    const { code, stdout, stderr } = await home.run(["mcp", "tools"], "", { PATH });
    assert.equal(code, 1);
    assert.match(stdout, /^good: 22 tools \(1 hidden by enabled_tools or disabled_tools\)\n {2}echo\n/);
    assert.match(stdout, /\n {2}die_once +\[read-only\]\n/);
    assert.match(stdout, /\n\nmemory: 9 tools\n {2}create_entities +Create multiple new entities/);
    assert.match(stderr, /^1 of 3 enabled servers does not work: dead \(.*\n {2}dead: .*exit code 3/);
    assert.ok(!(stdout + stderr).includes(SECRET));
  });

  test("--schema shows what a tool takes, and --json has the tools whole", { timeout }, async () => {
    using home = new TestHome({ [OURS]: PUBLISHED });
    const schema = await home.run(["mcp", "tools", "memory", "--schema"], "", { PATH });
    assert.equal(schema.code, 0);
    assert.match(schema.stdout, /\n {2}delete_entities .*\n {4}\{\n {6}[^]*"entityNames"/);
    const json = await home.run(["mcp", "tools", "--json"], "", { PATH });
    const tools = JSON.parse(json.stdout) as readonly { server: string; name: string; inputSchema: object }[];
    assert.equal(tools.length, 9);
    assert.ok(
      tools.every(({ server, inputSchema }) => server === "memory" && typeof inputSchema === "object"),
    );
  });
});
