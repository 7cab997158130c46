/** Every accepted run gets exactly one `end`, and nothing stays behind. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { sleep, systemClock } from "../../src/base/clock.ts";
import type { Inbound } from "../../src/runner/index.ts";
import {
  promptOf,
  RecordingMcpServer,
  ScriptedModel,
  stdioServer,
  waitUntilGone,
} from "../../src/testing/index.ts";
import { RunnerProcess } from "./support/runner-process.ts";

const HANG = promptOf({ hang: true });
const TIMEOUT = { timeout: 60_000 };

/** A stdio server that only SIGKILL ends, and a call of it that goes on. */
const STUBBORN = {
  input: promptOf({ call: { server: "own", tool: "sleep", arguments: { ms: 600_000 } } }),
  mcp_servers: { own: stdioServer({ stubborn: true }) },
};

function assertOneEndEach(runner: RunnerProcess, ids: readonly string[]): void {
  for (const id of ids) {
    assert.equal(runner.ends(id).length, 1, id);
    // An error answers a line of the host, here a second cancel; it is not a message of the run.
    const last = runner.messages.findLastIndex(
      (each) => each.type !== "error" && "id" in each && each.id === id,
    );
    assert.equal(runner.messages[last]?.type, "end", `something of ${id} came after its end`);
  }
}

suite("a run gets one end", () => {
  test(
    "when it is cancelled, waiting or running; the MCP call is cancelled on the wire",
    TIMEOUT,
    async (t) => {
      await using server = await RecordingMcpServer.start();
      await using runner = await RunnerProcess.start({ args: ["--max-concurrent", "1"] });
      const input = promptOf({ call: { server: "svc", tool: "sleep", arguments: { ms: 600_000 } } });
      runner.run("running", { input, mcp_servers: { svc: { url: server.url } } });
      runner.run("waiting", { input: "never asked" });
      runner.run("after", { input: "next" });
      await server.waitFor(({ calls }) => calls.length === 1, { signal: t.signal });
      runner.send({ type: "cancel", id: "waiting" });
      assert.equal((await runner.end("waiting", t.signal)).status, "cancelled");
      runner.send({ type: "cancel", id: "running" }, { type: "cancel", id: "running" });
      const end = await runner.end("running", t.signal);
      assert.equal(end.status, "cancelled");
      assert.ok(end.thread_id !== undefined);
      await server.waitFor(({ calls }) => calls[0]?.outcome === "cancelled", { signal: t.signal });
      assert.equal((await runner.end("after", t.signal)).final_response, "You said: next");
      assertOneEndEach(runner, ["running", "waiting", "after"]);
      assert.ok(!runner.model.requests.some(({ request }) => request?.prompt === "never asked"));
    },
  );

  test("when Codex is killed in the middle; the next run gets a new Codex", TIMEOUT, async (t) => {
    await using runner = await RunnerProcess.start();
    runner.run("a", { input: HANG });
    runner.run("b", { input: HANG });
    await runner.model.waitForRequests(2, { signal: t.signal });
    const [codex] = runner.codexProcesses();
    assert.ok(codex !== undefined);
    process.kill(codex, "SIGKILL");
    for (const id of ["a", "b"]) {
      const end = await runner.end(id, t.signal);
      assert.deepEqual([end.status, end.error?.code], ["failed", "process_exited"]);
    }
    const { thread_id: resume = "" } = await runner.end("a", t.signal);
    const again = await runner.runToEnd("c", { input: "again", resume }, t.signal);
    assert.deepEqual([again.status, again.final_response], ["completed", "You said: again"]);
    assertOneEndEach(runner, ["a", "b", "c"]);
  });

  test(
    "when stdin ends: what was accepted is finished first, then the exit code is 0",
    TIMEOUT,
    async (t) => {
      await using runner = await RunnerProcess.start({ args: ["--max-concurrent", "2"] });
      const ids = ["a", "b", "c", "d", "e"];
      for (const id of ids) runner.run(id, { input: promptOf({ delayMs: 50 }, { say: id }) });
      // Without a newline at its end.
      runner.write(JSON.stringify({ type: "run", id: "last", params: { input: "bye" } } satisfies Inbound));
      runner.child.stdin.end();
      await runner.waitFor(() => runner.events("a").length > 0, t.signal);
      runner.remember();
      assert.equal(await runner.exited, 0);
      assertOneEndEach(runner, [...ids, "last"]);
      for (const id of ids) assert.equal(runner.ends(id)[0]?.final_response, id);
      assert.deepEqual(await runner.left(), []);
      assert.deepEqual(readdirSync(join(runner.home, "isolated")), ["threads"]);
    },
  );

  test(
    "on SIGTERM, waiting or running, stubborn servers included; the exit code is 143",
    TIMEOUT,
    async (t) => {
      await using runner = await RunnerProcess.start({ args: ["--max-concurrent", "4"] });
      runner.run("shared", STUBBORN);
      runner.run("isolated", { ...STUBBORN, isolation: "process", ephemeral: true });
      runner.run("thinking", { input: HANG });
      runner.run("command", {
        input: promptOf({ run: "setsid sleep 600 & sleep 600" }),
        sandbox: "danger-full-access",
      });
      runner.run("waiting", { input: "never asked" });
      for (const id of ["shared", "isolated", "command"]) {
        await runner.waitFor(
          () => runner.events(id).some(({ event }) => event.type === "item.started"),
          t.signal,
        );
      }
      await runner.model.waitForRequests(4, { signal: t.signal });
      // Two Codex, two servers with the shells that watch them, a shell and its two commands; the item comes before the shell.
      let below = runner.remember();
      for (; below.length < 9; below = runner.remember()) await sleep(systemClock, 20, t.signal);
      runner.child.kill("SIGTERM");
      assert.equal(await runner.exited, 143);
      const ids = ["shared", "isolated", "thinking", "command", "waiting"];
      assertOneEndEach(runner, ids);
      for (const id of ids) assert.equal(runner.ends(id)[0]?.status, "cancelled", id);
      assert.deepEqual(await waitUntilGone(below), []);
      assert.deepEqual(readdirSync(join(runner.home, "isolated")), ["threads"]);
    },
  );
});

test("a runner that is killed leaves no process; the next one removes its homes", TIMEOUT, async (t) => {
  await using runner = await RunnerProcess.start();
  const own = {
    input: promptOf({ call: { server: "own", tool: "sleep", arguments: { ms: 600_000 } } }),
    mcp_servers: { own: stdioServer() },
  };
  runner.run("shared", own);
  runner.run("isolated", { ...own, isolation: "process", ephemeral: true });
  runner.run("kept", { ...own, isolation: "process" });
  for (const id of ["shared", "isolated", "kept"]) {
    await runner.waitFor(
      () => runner.events(id).some(({ event }) => event.type === "item.started"),
      t.signal,
    );
  }
  const below = runner.remember();
  assert.ok(below.length >= 6, `${below.length} processes`);
  runner.child.kill("SIGKILL");
  assert.equal(await runner.exited, null);
  assert.deepEqual(await waitUntilGone(below), []);
  const homes = (): string[] =>
    readdirSync(join(runner.home, "isolated")).filter((name) => name !== "threads");
  assert.equal(homes().length, 3, "two homes and the socket of the dead");

  await using next = await RunnerProcess.start({ home: runner.home, model: runner.model });
  const { thread_id: resume = "" } = runner.events("kept")[0]?.event as { thread_id?: string };
  const end = await next.runToEnd("again", { input: "still there?", resume }, t.signal);
  assert.equal(end.final_response, "You said: still there?");
  const [kept, ...more] = homes().filter((name) => !name.endsWith(".sock"));
  assert.ok(kept !== undefined && existsSync(join(runner.home, "isolated", kept, "kept")));
  assert.deepEqual(more, []);
  assert.equal(homes().length, 2, "the kept home and the socket of the living");
});

test("a host that closes stdout ends every run and the runner", TIMEOUT, async (t) => {
  await using runner = await RunnerProcess.start();
  runner.run("hanging", { input: HANG });
  await runner.model.waitForRequests(1, { signal: t.signal });
  runner.remember();
  runner.child.stdout.destroy();
  runner.run("next", { input: "an event nobody reads" });
  assert.equal(await runner.exited, 141);
  assert.deepEqual(await runner.left(), []);
});

test("a line that is not accepted costs its answer and nothing else", TIMEOUT, async (t) => {
  await using runner = await RunnerProcess.start();
  runner.run("going on", { input: HANG });
  await runner.model.waitForRequests(1, { signal: t.signal });
  const lines = [
    "",
    "not json",
    "[]",
    '{"type":"stop"}',
    '{"type":"run","id":"x","params":{}}',
    '{"type":"run","id":"x","params":{"input":1}}',
    '{"type":"run","id":"going on","params":{"input":"again"}}',
    '{"type":"run","id":"x","params":{"input":"a","mcp_servers":{"s":{"url":"http://a","command":"b"}}}}',
    '{"type":"cancel","id":"nobody"}',
    '{"type":"answer","id":"going on","ask":"ask_9","decision":"accept"}',
  ];
  runner.write(`${lines.join("\r\n")}\n`);
  runner.write(`{"type":"run","id":"x","params":{"input":"${"y".repeat(16 * 1024 * 1024)}"}}\n`);
  assert.equal((await runner.error(12, t.signal)).code, "line_too_long");
  runner.run("good", { input: "hello" });
  assert.equal((await runner.end("good", t.signal)).status, "completed");
  const errors = runner.messages.flatMap((each) => (each.type === "error" ? [each] : []));
  assert.deepEqual(
    errors.map(({ line, id, code, field }) => [line, id, code, field]),
    [
      [3, undefined, "invalid_json", undefined],
      [4, undefined, "wrong_type", undefined],
      [5, undefined, "unknown_type", "type"],
      [6, "x", "missing_field", "params.input"],
      [7, "x", "wrong_type", "params.input"],
      [8, "going on", "duplicate_id", "id"],
      [9, "x", "invalid_mcp_server", "params.mcp_servers.s.url"],
      [10, "nobody", "unknown_run", "id"],
      [11, "going on", "unknown_ask", "ask"],
      [12, undefined, "line_too_long", undefined],
    ],
  );
  runner.send({ type: "cancel", id: "going on" });
  assert.equal((await runner.end("going on", t.signal)).status, "cancelled");
});

test("an id may be used again as soon as its end was read", TIMEOUT, async (t) => {
  await using model = await ScriptedModel.start();
  await using runner = await RunnerProcess.start({ model });
  for (const input of ["one", "two", "three"]) {
    const before = runner.ends("same").length;
    runner.run("same", { input });
    await runner.waitFor(() => runner.ends("same").length > before, t.signal);
  }
  assert.deepEqual(
    runner.ends("same").map((end) => end.final_response),
    ["You said: one", "You said: two", "You said: three"],
  );
  assert.ok(!runner.messages.some((message) => message.type === "error"));
});

test("a runner without a usable Codex says so as a fatal line, and exits with 1", TIMEOUT, async () => {
  await using runner = await RunnerProcess.start({ env: { SWITCHYARD_CODEX_PATH: "/nowhere/codex" } });
  assert.equal(await runner.exited, 1);
  assert.deepEqual(runner.messages, []);
  const [fatal] = runner.diagnostics;
  assert.equal(fatal?.type, "fatal");
  assert.match(fatal?.message ?? "", /SWITCHYARD_CODEX_PATH/);
});

suite("the exit code is", () => {
  test("0 when stdin ends before anything was asked; Codex is not even started", TIMEOUT, async () => {
    await using runner = await RunnerProcess.start({ fresh: true });
    runner.child.stdin.end();
    assert.equal(await runner.exited, 0);
    assert.deepEqual([runner.messages, runner.diagnostics], [[], []]);
    assert.ok(!existsSync(join(runner.home, "codex")));
  });

  test("130 after SIGINT", TIMEOUT, async (t) => {
    await using runner = await RunnerProcess.start();
    assert.equal((await runner.runToEnd("a", { input: "hello" }, t.signal)).status, "completed");
    runner.remember();
    runner.child.kill("SIGINT");
    assert.equal(await runner.exited, 130);
    assert.deepEqual(await runner.left(), []);
  });
});
