/** Lists of tools that commands keep, so that `mcp tools` need not start the servers (Q1 to Q3). */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { ageText, keepTools, keptTools, lastTools } from "../../../src/cli/mcp/kept-tools.ts";
import type { EffectiveMcpServer } from "../../../src/config/index.ts";
import { McpManager } from "../../../src/mcp/index.ts";
import { MAIN } from "../../support/command.ts";
import { modulesLoaded, packagesLoaded, REPORT_LOADS } from "../support/loads.ts";
import { smallServer } from "../support/small-server.ts";
import { type Finished, OURS, SECRET, TestHome } from "../support/test-home.ts";

const timeout = 60_000;

/** A server that writes down its starts, offers one tool besides `gone`, and cannot start while there is a file `broken`. */
function program(tool: string): string {
  const tools = [
    { name: tool, inputSchema: { type: "object" }, annotations: { readOnlyHint: true } },
    { name: "gone", inputSchema: { type: "object" } },
  ];
  return smallServer(tools, { first: "echo start >>../starts\n[ -e ../broken ] && exit 3" });
}

const SERVER = `[mcp_servers.a]
command = "sh"
args = ["../server.sh", "--token", "${SECRET}"]
env = { TOKEN = "${SECRET}" }
disabled_tools = ["gone"]
`;

class Kept extends TestHome {
  constructor(server = SERVER) {
    super({ [OURS]: server, "server.sh": program("first"), starts: "" });
  }

  /** How often the server was started so far. */
  get starts(): number {
    return this.read("starts").length / "start\n".length;
  }

  get folder(): string {
    return join(this.home, ".switchyard/cache/catalogs");
  }

  /** The file with the list. */
  get file(): string {
    const [file = ""] = readdirSync(this.folder);
    return join(this.folder, file);
  }

  tools(...more: readonly string[]): Promise<Finished> {
    return this.run(["mcp", "tools", ...more]);
  }
}

const LIVE = "a: 1 tool (1 hidden by enabled_tools or disabled_tools)\n  first  [read-only]\n";
const KEPT = LIVE.replace(")\n", "), as of a moment ago\n");

suite("lists of tools that are kept", { concurrency: 2 }, () => {
  test("are shown with their age, and start nothing, until --fresh asks", { timeout }, async () => {
    using home = new Kept();
    assert.deepEqual(await home.tools(), { code: 0, stdout: LIVE, stderr: "" });
    const again = await home.tools();
    const note = "note: a was not asked; its tools are as of a moment ago (--fresh asks it)\n";
    assert.deepEqual(again, { code: 0, stdout: KEPT, stderr: note });
    const json = await home.runProgram(process.execPath, [
      ...["--import", REPORT_LOADS, MAIN, "mcp", "tools", "a", "--json"],
    ]);
    assert.ok(json.stderr.endsWith(note));
    const modules = modulesLoaded(json.stderr);
    assert.ok(modules.includes("cli/mcp/kept-tools"), json.stderr);
    const dear = modules.filter((each) => /^mcp\/(?:index|manager)/.test(each));
    assert.deepEqual([...dear, ...packagesLoaded(json.stderr)], [], "it starts as fast as Node");
    assert.deepEqual(JSON.parse(json.stdout), [
      {
        server: "a",
        plugin: null,
        name: "first",
        inputSchema: { type: "object" },
        annotations: { readOnlyHint: true },
      },
    ]);
    assert.equal(home.starts, 1);
    assert.deepEqual(await home.tools("--fresh"), { code: 0, stdout: LIVE, stderr: "" });
    assert.equal(home.starts, 2);
  });

  test("come from every command that starts a server, and are gone when it does not work (Q2)", {
    timeout,
  }, async () => {
    using home = new Kept();
    await home.run(["mcp", "call", "a", "first"]);
    assert.equal((await home.tools()).stdout, KEPT);
    assert.equal(home.starts, 1);
    home.write("broken", "");
    assert.equal((await home.run(["mcp", "status"])).code, 1);
    const { code, stderr } = await home.tools();
    assert.equal(code, 1);
    assert.match(stderr, /^1 of 1 enabled server does not work: a \(.*\n {2}a: .*exit code 3/);
  });

  test("do not count when the configuration or a file among the arguments is newer (Q1)", {
    timeout,
  }, async () => {
    using home = new Kept();
    await home.tools();
    home.write("server.sh", program("second"));
    assert.match((await home.tools()).stdout, /^a: 1 tool \(.*\)\n {2}second /);
    home.write(OURS, SERVER);
    assert.equal((await home.tools()).stderr, "");
    assert.equal(home.starts, 3);
    const other = await home.tools("-c", 'mcp_servers.a.disabled_tools=["second"]');
    assert.match(other.stdout, /^a: 1 tool \(.*\)\n {2}gone\n/);
  });

  test("do not count after a day, nor for a server that is another one (Q1, Q3)", { timeout }, async (t) => {
    using home = new Kept();
    process.env["SWITCHYARD_HOME"] = join(home.home, ".switchyard");
    t.after(() => delete process.env["SWITCHYARD_HOME"]);
    await using manager = new McpManager({ publish: false, catalogFolder: false });
    const servers = { a: { command: "sh", args: ["../server.sh"] } };
    const thread = manager.openThread({ servers, workspace: home.project });
    await thread.ready();
    const { config } = thread.server("a");
    const at = Date.now();
    await keepTools(thread, home.project, at);
    const server = {
      name: "a",
      status: "enabled",
      origins: new Map(),
      config,
    } as unknown as EffectiveMcpServer;
    const { project } = home;
    const [hour, minute] = [3_600_000, 60_000];
    assert.equal(keptTools(server, project, at + 23 * hour)?.tools[0]?.name, "first");
    assert.equal(keptTools(server, project, at + 25 * hour), undefined);
    assert.equal(keptTools(server, project, at - hour), undefined, "a clock that was set back");
    assert.equal(lastTools(server, project)?.tools.length, 2);
    const transport = { type: "stdio", command: "sh", args: ["other.sh"], env_vars: [] } as const;
    const others: readonly EffectiveMcpServer[] = [
      { ...server, name: "b" },
      { ...server, config: { ...config, environment_id: "box" } },
      { ...server, config: { ...config, enabled_tools: ["first"] } },
      { ...server, config: { ...config, transport } },
    ];
    for (const other of others) assert.equal(lastTools(other, project), undefined);
    assert.equal(lastTools(server, home.home), undefined, "it would start in another folder");
    assert.deepEqual(
      [0, 59_999, minute, 59 * minute, hour, 23 * hour].map((age) => ageText(at, at + age)),
      ["a moment ago", "a moment ago", "1 minute ago", "59 minutes ago", "1 hour ago", "23 hours ago"],
    );
  });

  test("are files of the user alone, in which nothing of the configuration stands (Q3)", {
    timeout,
  }, async () => {
    using home = new Kept();
    await home.tools();
    assert.equal(readdirSync(home.folder).length, 1);
    assert.equal(statSync(home.file).mode & 0o777, 0o600);
    assert.equal(statSync(home.folder).mode & 0o777, 0o700);
    const text = readFileSync(home.file, "utf8");
    assert.ok(!text.includes(SECRET) && !text.includes("TOKEN") && !text.includes("server.sh"));
    // A home that cannot be written to is no error.
    rmSync(join(home.home, ".switchyard/cache"), { recursive: true });
    home.write(".switchyard/cache", "in the way");
    assert.deepEqual(await home.tools(), { code: 0, stdout: LIVE, stderr: "" });
  });

  test("are not what mcp status says of a server that is used with its catalog", { timeout }, async () => {
    using home = new Kept(`${SERVER}startup_readiness = "catalog"\n`.replace(/^env.*\n/m, ""));
    for (let time = 0; time < 2; time++) {
      const { code, stdout } = await home.run(["mcp", "status"]);
      assert.equal(code, 0);
      assert.match(stdout, /\na +ready /);
    }
    assert.equal(home.starts, 2);
  });
});
