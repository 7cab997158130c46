/** `switchyard gateway`: clients of the SDK at its URLs and on its pipe. */
import assert from "node:assert/strict";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { pickText } from "../../src/testing/index.ts";
import { until } from "../executor/support/until.ts";
import { MAIN, NODE_VARIABLES } from "../support/command.ts";
import { configOf } from "./support/servers.ts";
import { finished, OURS, TestHome } from "./support/test-home.ts";

const timeout = 60_000;
const TOKEN = "a-token-of-the-gateway";
const VERSIONS = ["2025-11-25", "2026-07-28"] as const;

const FILES = {
  [OURS]:
    configOf("own") +
    `${configOf("ours")}scope = "host"\n` +
    '[mcp_servers.gone]\ncommand = "/nowhere/at/all"\n' +
    '[mcp_servers.off]\ncommand = "sh"\nenabled = false\n',
  "other.toml": configOf("elsewhere"),
  "loop.toml": '[mcp_servers.me]\ncommand = "sh"\nargs = ["switchyard", "gateway", "--stdio", "me"]\n',
  token: `${TOKEN}\n`,
};

function clientOf(version: (typeof VERSIONS)[number]): Client {
  const info = { name: "test", version: "1.0.0" };
  return version === "2026-07-28"
    ? new Client(info, { versionNegotiation: { mode: { pin: version } } })
    : new Client(info, { supportedProtocolVersions: [version] });
}

async function at(url: string, version: (typeof VERSIONS)[number], token = ""): Promise<Client> {
  const client = clientOf(version);
  const headers = { authorization: `Bearer ${token}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  return client;
}

async function textOf(client: Client, name: string): Promise<string> {
  return pickText(await client.callTool({ name, arguments: { text: "hello" } }), "content", 0, "text");
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Nothing, when it has just been replaced. */
function contentOf(file: string): string[] {
  try {
    return [readFileSync(file, "utf8")];
  } catch {
    return [];
  }
}

/** The first line it prints. */
async function urlOf(child: ChildProcessWithoutNullStreams): Promise<string> {
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  await until("a URL", () => text.includes("\n") || child.exitCode !== null);
  return text.trim();
}

suite("switchyard gateway", { timeout }, () => {
  test("serves clients at its URLs, each with servers of its own, until it is told to stop", async () => {
    using home = new TestHome(FILES);
    const child = home.start(["gateway", "--token-file", join(home.home, "token")]);
    using _ = { [Symbol.dispose]: () => child.kill("SIGKILL") };
    const over = finished(child);
    const url = await urlOf(child);
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/mcp$/);
    await assert.rejects(at(url, "2025-11-25", "another"));

    const [one, other] = [await at(url, "2025-11-25", TOKEN), await at(url, "2026-07-28", TOKEN)];
    const names = (await one.listTools()).tools.map(({ name }) => name);
    assert.ok(names.includes("mcp__own__echo") && names.includes("mcp__ours__echo"));
    assert.ok(!names.some((name) => name.startsWith("mcp__gone")));
    const pids = await Promise.all(
      [one, other].map(async (client) => ({
        own: Number(await textOf(client, "mcp__own__pid")),
        ours: Number(await textOf(client, "mcp__ours__pid")),
      })),
    );
    assert.notEqual(pids[0]?.own, pids[1]?.own);
    assert.equal(pids[0]?.ours, pids[1]?.ours);
    const alone = await at(`${url}/ours`, "2025-11-25", TOKEN);
    assert.equal(await textOf(alone, "echo"), "hello");
    assert.equal(Number(await textOf(alone, "pid")), pids[0]?.ours);
    await assert.rejects(at(`${url}/off`, "2025-11-25", TOKEN));
    // Published at most once a second.
    const published = (): string =>
      globSync(join(home.home, ".switchyard/run/*")).flatMap(contentOf).join("");
    await until("its clients are published", () => published().split('"test-').length > 3);
    assert.match((await home.run(["ps"])).stdout, /^ +test-[0-9a-f]{8} +own /m);

    child.kill("SIGTERM");
    const { code, stderr } = await over;
    assert.equal(code, 143);
    assert.match(
      stderr,
      /"gone" is not started \(unstartable\)[^]*2 servers; clients need the token\. Each by itself:\n {2}http:.*\/mcp\/ours\n/,
    );
    assert.ok(!stderr.includes(TOKEN));
    for (const { own, ours } of pids) assert.ok(!isAlive(own) && !isAlive(ours));
    await Promise.all([one, other, alone].map((client) => client.close()));
  });

  test("serves the client that started it on stdin and stdout, and ends with it", async () => {
    using home = new TestHome(FILES);
    const served = [
      [["own"], "echo", "pid"],
      [["--servers", join(home.home, "other.toml")], "mcp__elsewhere__echo", "mcp__elsewhere__pid"],
    ] as const;
    await Promise.all(
      VERSIONS.map(async (version, index) => {
        const [more, echo, pid] = served[index] ?? served[0];
        const transport = new StdioClientTransport({
          command: process.execPath,
          args: [MAIN, "gateway", "--stdio", ...more],
          env: { ...NODE_VARIABLES, HOME: home.home },
          cwd: home.project,
          stderr: "ignore",
        });
        const client = clientOf(version);
        await client.connect(transport);
        assert.equal(client.getNegotiatedProtocolVersion(), version);
        assert.equal(await textOf(client, echo), "hello");
        const pids = [transport.pid ?? 0, Number(await textOf(client, pid))];
        await client.close();
        await until("the end of its processes", () => !pids.some(isAlive));
      }),
    );
  });

  const cases: readonly (readonly [args: string, code: number, stderr: RegExp])[] = [
    ["--listen 0.0.0.0:0", 2, /Will not listen on 0\.0\.0\.0 without a token/],
    ["--listen example.org:1", 2, /Cannot listen on "example\.org:1": write PORT or IP:PORT/],
    ["--stdio --listen 1", 2, /--stdio and --listen cannot be given together/],
    ["nobody", 2, /There is no MCP server "nobody"/],
    ["--servers ../loop.toml", 1, /"me" is a gateway itself, and is left out\n.*no MCP server to serve/],
    ["off", 1, /MCP server "off" is not started \(disabled\)[^]*There is no MCP server to serve/],
    ["--listen 192.0.2.1:1 --token-file ../token", 1, /Cannot listen on 192\.0\.2\.1:1/],
  ];
  test("says what is wrong with its command line", async () => {
    using home = new TestHome(FILES);
    await Promise.all(
      cases.map(async ([args, expected, message]) => {
        const { code, stdout, stderr } = await home.run(["gateway", ...args.split(" ")]);
        assert.deepEqual([code, stdout], [expected, ""], `${args}: ${stderr}`);
        assert.match(stderr, message, args);
      }),
    );
  });
});
