/** Why a server that Codex runs did not start: its program, its exit, and what it wrote to stderr. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import type { McpServers } from "../../src/index.ts";
import { isAlive, pick, promptOf, stdioServer, waitUntilGone } from "../../src/testing/index.ts";
import { collect, type CodexBench, itemsOfType, startBench, textOf } from "../support/codex-bench.ts";

const timeout = 60_000;
const ENDED = "the process ended before it answered the handshake";
const whoami = promptOf({ call: { server: "svc", tool: "whoami" } }, { say: "done" });

/** The reasons for which servers are missing in a turn, by name. */
async function reasonsOf(bench: CodexBench, mcpServers: McpServers): Promise<Record<string, string>> {
  const thread = bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers });
  const events = await collect(thread.runStreamed(promptOf({ say: "without" })));
  assert.equal(events.at(-1)?.type, "turn.completed");
  const failed = itemsOfType(events, "error").filter(({ code }) => code === "mcp_server_failed");
  for (const { message } of failed)
    assert.ok(bench.log.includes(`warn ${message}`), "logged once with all lines");
  await thread.close();
  return Object.fromEntries(failed.map(({ server, reason }) => [server, reason ?? ""]));
}

const sh = (script: string, more: object = {}): { command: string; args: string[] } => ({
  command: "sh",
  args: ["-c", script],
  ...more,
});

suite("a server that does not start is reported with", { timeout }, () => {
  test("its program, its exit and its last lines, each server with its own, also where names are taken", async () => {
    await using bench = await startBench({ mcp: "direct" });
    mkdirSync(bench.home, { recursive: true });
    writeFileSync(join(bench.home, "config.toml"), `[mcp_servers.taken]\ncommand = "true"\n`);
    const reasons = await reasonsOf(bench, {
      node: stdioServer({ exitAtStart: { code: 9, stderr: "Error: no licence\n    at line 1" } }),
      taken: sh("echo mine >&2; exit 2"),
      silent: sh("exit 0"),
      killed: sh("echo before >&2; kill -KILL $$"),
      binary: sh(String.raw`printf 'caf\351 \000\033[1mbold\n' >&2; exit 1`),
      many: sh("i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done >&2; exit 1"),
      unended: sh("printf 'Password: ' >&2; exit 66"),
      own: { command: "./here.sh", args: ["x"], cwd: bench.cwd },
      traced: { command: process.execPath, args: ["-e", "null.x"] },
    });
    const node = JSON.stringify(process.execPath);
    const many = Array.from({ length: 20 }, (_, n) => `line ${4980 + n}`).join("\n");
    const { traced, ...others } = reasons;
    assert.deepEqual(others, {
      node: `${ENDED} (exit code 9); the last lines of ${node} on stderr:\nError: no licence\nat line 1`,
      taken: `${ENDED} (exit code 2); "sh" wrote to stderr: mine`,
      silent: `${ENDED} (exit code 0); "sh" wrote nothing to stderr`,
      killed: `${ENDED} (exit code 137, SIGKILL); "sh" wrote to stderr: before`,
      binary: `${ENDED} (exit code 1); "sh" wrote to stderr: caf\ufffd bold`,
      many: `${ENDED} (exit code 1); the last lines of "sh" on stderr:\n${many}`,
      unended: `${ENDED} (exit code 66); "sh" wrote to stderr: Password:`,
      own: 'cannot start "./here.sh": No such file or directory (os error 2)',
    });
    assert.match(traced ?? "", /exit code 1\).*TypeError: Cannot read properties of null/s);
    assert.ok(!bench.log.some((line) => line.includes("stderr of MCP servers")));
  });

  test("what the system says of a program that cannot be started, and which one", async () => {
    await using bench = await startBench({ mcp: "direct" });
    writeFileSync(join(bench.cwd, "plain.txt"), "text");
    writeFileSync(join(bench.cwd, "script"), "#!/no/such/interpreter\n");
    chmodSync(join(bench.cwd, "script"), 0o755);
    const reasons = await reasonsOf(bench, {
      absent: { command: "no-such-program", args: ["secret-looking"] },
      elsewhere: { command: "node", env: { PATH: "/nowhere" } },
      file: { command: join(bench.cwd, "plain.txt") },
      folder: { command: bench.cwd },
      cwd: { command: process.execPath, cwd: join(bench.cwd, "gone") },
      odd: { command: "no-such-program", env: { "A.B": "1" } },
      interpreter: { command: join(bench.cwd, "script") },
    });
    const NOT_FOUND = "No such file or directory (os error 2)";
    const { interpreter, ...others } = reasons;
    assert.deepEqual(others, {
      absent: `cannot start "no-such-program": ${NOT_FOUND}`,
      elsewhere: `cannot start "node": ${NOT_FOUND}`,
      file: `cannot start ${JSON.stringify(join(bench.cwd, "plain.txt"))}: Permission denied (os error 13)`,
      folder: `cannot start ${JSON.stringify(bench.cwd)}: Permission denied (os error 13)`,
      cwd: `its cwd ${JSON.stringify(join(bench.cwd, "gone"))} is not a directory`,
      odd: `cannot start "no-such-program": ${NOT_FOUND}`,
    });
    assert.match(interpreter ?? "", /exit code 12[67]\); .*script" wrote to stderr: .*script/);
  });

  test("its lines when it answers too late, answers an error, or is required; and no secret", async () => {
    await using bench = await startBench({ mcp: "direct" });
    const secret = "hunter2-hunter2";
    const env = { KEY: secret };
    const slow = sh("echo downloading $KEY >&2; exec sleep 60", { env, startup_timeout_sec: 1 });
    const wrong = `process.stdin.once("data", (line) => { const { id } = JSON.parse(line);
      console.error("cannot log in with", process.env.KEY);
      console.log(JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32000, message: "rejected" } })); })`;
    const reasons = await reasonsOf(bench, {
      slow,
      wrong: { command: process.execPath, args: ["-e", wrong], env },
    });
    const node = JSON.stringify(process.execPath);
    assert.equal(
      reasons["slow"],
      'timed out after 1 s; startup_timeout_sec sets the limit; "sh" wrote to stderr: downloading ***',
    );
    assert.match(reasons["wrong"] ?? "", /JSON-RPC error: -32000: rejected/);
    assert.ok(
      reasons["wrong"]?.endsWith(`${node} wrote to stderr: cannot log in with ***`),
      reasons["wrong"],
    );
    const mcpServers = {
      svc: { ...sh("echo first; echo $KEY; exit 4 >&2".replaceAll(";", " >&2;"), { env }), required: true },
      other: { ...sh("exit 5"), required: true },
    };
    const events = await collect(
      bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers }).runStreamed("hello"),
    );
    assert.ok(events.length === 1 && events[0]?.type === "turn.failed");
    assert.equal(events[0].error.code, "mcp_server_failed");
    const { message } = events[0].error;
    assert.ok(
      message.includes(`"svc": ${ENDED} (exit code 4); the last lines of "sh" on stderr:\nfirst\n***`),
      message,
    );
    assert.ok(message.includes(`"other": ${ENDED} (exit code 5); "sh" wrote nothing to stderr`), message);
    assert.equal(
      [...bench.log, JSON.stringify(events)].some((line) => line.includes(secret)),
      false,
    );
  });
});

test("a server that dies in the middle of a thread is in the log with its exit and its last words, and so are keys without effect", {
  timeout,
}, async () => {
  await using bench = await startBench({ mcp: "direct" });
  const svc = { ...stdioServer(), scope: "host", startup: "background" } as const;
  const thread = bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers: { svc } });
  const exit = promptOf(
    { call: { server: "svc", tool: "exit", arguments: { code: 9 } } },
    { say: "it died" },
  );
  await thread.run(exit);
  await thread.run(promptOf({ say: "after" }));
  const anew = bench.log.filter((line) => line.includes("anew"));
  assert.equal(anew.length, 1);
  assert.match(
    anew[0] ?? "",
    /MCP server "svc": its connection was closed \(exit code 9\); ".*node" wrote nothing/,
  );
  assert.deepEqual(
    bench.log.filter((line) => line.includes("no effect")),
    ["scope", "startup"].map(
      (key) =>
        `warn MCP server "svc": ${key} has no effect in a thread whose servers Codex runs (mcp: "direct")`,
    ),
  );
});

test("a server with any environment runs with just that, and leaves nothing behind", {
  timeout,
}, async () => {
  await using bench = await startBench({ mcp: "direct" });
  for (const env of [
    { PLAIN: "a b\n$c" },
    { "with.dot": "1", "with-dash": "2", PWD: "/not/here", IFS: ":", _: "under" },
    { status: "mine", BASH_ENV: "/nowhere", SHLVL: "7" },
  ]) {
    const names = [...Object.keys(env), "OLDPWD", "BASH", "SWITCHYARD_LEASE"];
    const mcpServers = { svc: stdioServer({ whoamiEnv: names, stderr: "started" }, env) };
    const thread = bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers });
    const { items } = await thread.run(whoami);
    const told = JSON.parse(textOf(items.find((item) => item.type === "mcp_tool_call"))) as object;
    const pid = pick(told, "pid") as number;
    const { SWITCHYARD_LEASE: tag, ...others } = pick(told, "env") as Record<string, unknown>;
    assert.deepEqual(others, { ...env, OLDPWD: null, BASH: null });
    assert.equal(typeof tag, "string");
    assert.equal(isAlive(pid), true);
    await thread.close();
    assert.deepEqual(await waitUntilGone([pid]), []);
  }
});
