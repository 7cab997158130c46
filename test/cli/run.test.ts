/** The command as a person meets it: a real process, its output, its exit code, what it leaves behind. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  descendants,
  promptOf,
  RecordingMcpServer,
  ScriptedModel,
  waitUntilGone,
} from "../../src/testing/index.ts";
import { MAIN, NODE_VARIABLES } from "../support/command.ts";

const timeout = 60_000;

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Command {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
}

function start(home: string, args: readonly string[], env: Record<string, string> = {}): Command {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: home,
    env: {
      ...NODE_VARIABLES,
      HOME: home,
      TMPDIR: tmpdir(),
      SWITCHYARD_HOME: join(home, "sw"),
      NO_COLOR: "1",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const finished = new Promise<Finished>((resolve) =>
    child.on("close", (code) => resolve({ code, stdout, stderr })),
  );
  return { child, finished };
}

async function inFolder(body: (home: string) => Promise<void>): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "switchyard-cli-"));
  try {
    await body(home);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

test(
  "switchyard run: the answer on stdout, progress on stderr, exit 0; --resume continues",
  { timeout },
  () =>
    inFolder(async (home) => {
      await using model = await ScriptedModel.start();
      await using desk = await RecordingMcpServer.start();
      const whoami = promptOf({ call: { server: "desk", tool: "whoami" } }, { say: "the answer" });
      const servers = [
        "--server",
        `desk=${desk.url}`,
        "--header",
        "desk:X-Identity=me",
        "--header-env",
        "desk:Authorization=AUTH",
      ];
      const common = ["--base-url", model.baseUrl, ...servers, "--server", "broken=false"];
      const first = await start(home, ["run", whoami, ...common], { AUTH: "Bearer from-env" }).finished;
      assert.equal(first.code, 0, first.stderr);
      assert.equal(first.stdout, "the answer\n");
      assert.match(first.stderr, /> desk\.whoami/);
      assert.match(first.stderr, /ok desk\.whoami \d+ ms: .*Bearer from-env.*me/);
      assert.match(
        first.stderr,
        /MCP server "broken" did not start and is missing in this turn: the process ended/,
      );
      const id = /To continue: switchyard run "…" --resume (\S+) --base-url \S+ \(and the same --server/.exec(
        first.stderr,
      )?.[1] as string;
      const second = await start(home, [
        "run",
        "and now?",
        "--resume",
        id,
        "--base-url",
        model.baseUrl,
        "--json",
      ]).finished;
      assert.equal(second.code, 0, second.stderr);
      const events = second.stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as { type: string; thread_id?: string });
      assert.equal(events[0]?.thread_id, id);
      assert.equal(events.at(-1)?.type, "turn.completed");
    }),
);

test("switchyard run uses OPENAI_API_KEY, and reads servers from a file", { timeout }, () =>
  inFolder(async (home) => {
    await using model = await ScriptedModel.start();
    await using desk = await RecordingMcpServer.start();
    const file = join(home, "servers.toml");
    writeFileSync(
      file,
      `[mcp_servers.desk]\nurl = "${desk.url}"\nhttp_headers = { X-Identity = "from a file" }\n`,
    );
    const prompt = promptOf({ call: { server: "desk", tool: "whoami" } }, { say: "done" });
    const args = ["run", prompt, "--servers", file, "--base-url", model.baseUrl];
    const { code, stderr } = await start(home, args, { OPENAI_API_KEY: "sk-from-the-environment" }).finished;
    assert.equal(code, 0, stderr);
    assert.equal(desk.calls[0]?.headers["x-identity"], "from a file");
    assert.equal(model.requests[0]?.request?.bearerToken, "sk-from-the-environment");
  }),
);

test("switchyard run exits 1 when the turn fails, and reports why (P2)", { timeout }, () =>
  inFolder(async (home) => {
    await using model = await ScriptedModel.start();
    const failing = promptOf({ fail: { status: 400, body: { error: { message: "no such model" } } } });
    const { code, stdout, stderr } = await start(home, ["run", failing, "--base-url", model.baseUrl])
      .finished;
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(stderr, /failed: .*no such model/);
    const unknown = await start(home, ["run", "hi", "--base-url", model.baseUrl, "--resume", "nope"])
      .finished;
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /^switchyard: There is no thread nope/m);
  }),
);

test("switchyard run without a key or a login shows what to do, and mentions the demo", { timeout }, () =>
  inFolder(async (home) => {
    const { code, stderr } = await start(home, ["run", "hi"]).finished;
    assert.equal(code, 1);
    assert.match(stderr, /OPENAI_API_KEY/);
    assert.match(stderr, /codex login/);
    assert.match(stderr, /switchyard demo/);
  }),
);

const usage: readonly (readonly [what: string, args: readonly string[], message: RegExp])[] = [
  ["no prompt", ["run"], /Missing argument PROMPT\. Usage: switchyard run \[options\] PROMPT/],
  ["list with an unknown option", ["run", "hi", "--bogus"], /Unknown option --bogus/],
  [
    "a header for an unknown server",
    ["run", "hi", "--base-url", "http://127.0.0.1:9", "--header", "a:b=c"],
    /no server "a"/,
  ],
  ["an empty prompt", ["run", "  ", "--base-url", "http://127.0.0.1:9"], /The prompt is empty/],
  [
    "a server given twice",
    ["run", "hi", "--base-url", "http://127.0.0.1:9", "--server", "a=true", "--server", "a=false"],
    /"a" is given twice/,
  ],
  [
    "a bad server name",
    ["run", "hi", "--base-url", "http://127.0.0.1:9", "--server", "a b=true"],
    /invalid server name 'a b' \(use letters, numbers/,
  ],
  [
    "a bad directory",
    ["run", "hi", "--base-url", "http://127.0.0.1:9", "-C", "/nowhere"],
    /--cd: there is no folder \/nowhere/,
  ],
];
for (const [what, args, message] of usage) {
  test(`switchyard exits 2 for ${what} (P2)`, { timeout }, () =>
    inFolder(async (home) => {
      const { code, stdout, stderr } = await start(home, args).finished;
      assert.equal(code, 2);
      assert.equal(stdout, "");
      assert.match(stderr, message);
    }),
  );
}

test("a reader that leaves ends the turn: exit 1, no stack, nothing left", { timeout }, () =>
  inFolder(async (home) => {
    await using model = await ScriptedModel.start();
    await using desk = await RecordingMcpServer.start();
    const prompt = promptOf(
      { call: { server: "desk", tool: "sleep", arguments: { ms: 1_000 } } },
      { call: { server: "desk", tool: "sleep", arguments: { ms: 60_000 } } },
    );
    const args = ["run", prompt, "--server", `desk=${desk.url}`, "--base-url", model.baseUrl, "--json"];
    const { child, finished } = start(home, args);
    await desk.waitFor(() => desk.calls.length === 1);
    const below = descendants(child.pid as number);
    child.stdout?.destroy();
    const { code, stderr } = await finished;
    assert.deepEqual({ code, stderr }, { code: 1, stderr: "" });
    assert.deepEqual(await waitUntilGone(below), []);
  }),
);

test(
  "Ctrl-C interrupts the turn, cancels the call, leaves nothing behind and exits 130 (P2)",
  { timeout },
  () =>
    inFolder(async (home) => {
      await using model = await ScriptedModel.start();
      await using desk = await RecordingMcpServer.start();
      const prompt = promptOf({ call: { server: "desk", tool: "sleep", arguments: { ms: 60_000 } } });
      const { child, finished } = start(home, [
        "run",
        prompt,
        "--server",
        `desk=${desk.url}`,
        "--base-url",
        model.baseUrl,
      ]);
      await desk.waitFor(() => desk.calls.length === 1);
      const below = descendants(child.pid as number);
      assert.ok(below.length > 0);
      child.kill("SIGINT");
      const { code, stderr } = await finished;
      assert.equal(code, 130);
      assert.match(stderr, /interrupted/);
      assert.deepEqual(await waitUntilGone(below), []);
      await desk.waitFor(() => desk.calls[0]?.outcome === "cancelled");
    }),
);

test("switchyard demo: every claim holds", { timeout }, () =>
  inFolder(async (home) => {
    const { code, stdout, stderr } = await start(home, ["demo"]).finished;
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /processes left: 0/);
    assert.match(stdout, /All 9 claims hold \(/);
  }),
);

test("switchyard demo: interrupted at any moment, it ends and leaves nothing", { timeout }, () =>
  inFolder(async (home) => {
    for (const said of ["threads, one Codex", "thread 0", "ok desk"]) {
      const { child, finished } = start(home, ["demo"]);
      let output = "";
      await new Promise<void>((resolve) => {
        child.stdout?.on("data", (chunk: string) => {
          output += chunk;
          if (output.includes(said)) resolve();
        });
      });
      const below = descendants(child.pid as number);
      child.kill("SIGTERM");
      assert.equal((await finished).code, 130, `after "${said}"`);
      assert.deepEqual(await waitUntilGone(below), []);
    }
  }),
);
