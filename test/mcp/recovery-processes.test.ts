/** The recovery table, the end of it: executors that are gone for a while, processes that do not start or die in company. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { suite, test } from "node:test";
import { Environments, type McpConnectionManager } from "../../src/mcp/index.ts";
import { waitUntilGone } from "../../src/testing/leaks.ts";
import { type ExecutorProcess, startExecutorProcess } from "../executor/support/executor-process.ts";
import { startServer } from "../executor/support/subjects.ts";
import { startTcpRelay } from "../executor/support/tcp-relay.ts";
import { until } from "../executor/support/until.ts";
import { ScriptedHttpServer } from "./support/scripted-http.ts";
import { inState, McpBench, starts, textOf } from "./support/scripted.ts";

const ERAS = ["legacy", "modern"] as const;
/** How long a lost link is tried to be restored. */
const RECOVERY_MS = 500;

function executorAt(url = "ws://127.0.0.1:0"): Promise<ExecutorProcess> {
  return startExecutorProcess(["--listen", url]);
}

async function kill({ child }: ExecutorProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** Environments with one executor. They outlive their manager. */
function box(url: string): Environments {
  return new Environments([{ id: "box", kind: "url", url }], { recoveryMs: RECOVERY_MS });
}

for (const era of ERAS) {
  suite(`a process on an executor (${era})`, () => {
    const open = (bench: McpBench, server: object): McpConnectionManager =>
      bench.manager.openThread({
        servers: { a: { ...server, environment_id: "box" } as never },
        workspace: "/",
      });

    test("whose link is cut while a call is under way: the call has its answer", async () => {
      await using executor = await startServer();
      await using relay = await startTcpRelay(executor.url);
      await using bench = new McpBench({ environments: [{ id: "box", kind: "url", url: relay.url }] });
      const server = bench.server({ era });
      const thread = open(bench, server);
      await thread.ready();
      const call = thread.callTool("a", "meet");
      await until("it is under way", () => server.record().includes("in tools/call meet"));
      assert.equal(relay.cut(), 1);
      const both = await Promise.all([call, thread.callTool("a", "meet")]);
      assert.deepEqual(both.map(textOf), ["met", "met"]);
      assert.equal(starts(server.record()).length, 1);
    });

    test("whose executor is killed: the call is lost, and the server is back when the executor is", async () => {
      const first = await executorAt();
      await using environments = box(first.url);
      await using bench = new McpBench({ environments });
      const server = bench.server({ era });
      const thread = open(bench, server);
      await thread.ready();
      const call = thread.callTool("a", "hang");
      await until("it is under way", () => server.record().includes("in tools/call hang"));
      await kill(first);
      const outcome = await call;
      assert.ok(outcome.kind === "lost", JSON.stringify(outcome));
      await inState(thread, "a", "failed");
      const { status } = thread.server("a");
      assert.ok(status.state === "failed" && status.reason.code === "unreachable", JSON.stringify(status));
      assert.ok(status.nextAttemptMs !== undefined);
      assert.deepEqual(await waitUntilGone(starts(server.record())), [], "left behind by a killed executor");
      await using _second = await executorAt(first.url);
      await inState(thread, "a", "ready");
      assert.equal(textOf(await thread.callTool("a", "echo", { text: "back" })), "back");
      await bench.manager[Symbol.asyncDispose]();
    });

    test("that cannot be reached at the start: failed, and ready when it can", async () => {
      const gone = await executorAt();
      await kill(gone);
      await using environments = box(gone.url);
      await using bench = new McpBench({ environments });
      const thread = open(bench, bench.server({ era }));
      const [view] = await thread.ready();
      assert.ok(view?.status.state === "failed", JSON.stringify(view?.status));
      assert.equal(view.status.reason.code, "unreachable");
      await using _executor = await executorAt(gone.url);
      await inState(thread, "a", "ready");
      await bench.manager[Symbol.asyncDispose]();
    });
  });

  suite(`HTTP through an executor (${era})`, () => {
    const open = (bench: McpBench, { url }: ScriptedHttpServer): McpConnectionManager =>
      bench.manager.openThread({ servers: { a: { url, environment_id: "box" } } });

    test("whose link is cut while a call is under way: the call is lost, and the next one has its answer", async () => {
      await using executor = await startServer();
      await using relay = await startTcpRelay(executor.url);
      await using server = await ScriptedHttpServer.start({ era });
      await using bench = new McpBench({ environments: [{ id: "box", kind: "url", url: relay.url }] });
      const thread = open(bench, server);
      await thread.ready();
      const call = thread.callTool("a", "hang");
      await until("it is under way", () => server.calls("hang") === 1);
      relay.cut();
      const outcome = await call;
      assert.ok(outcome.kind === "lost", JSON.stringify(outcome));
      assert.equal(textOf(await thread.callTool("a", "echo", { text: "on" })), "on");
      assert.equal(server.asked("initialize").length, era === "legacy" ? 1 : 0);
    });

    test("whose executor is killed: the call is lost, and the next one has its answer when the executor is back", async () => {
      const first = await executorAt();
      await using environments = box(first.url);
      await using server = await ScriptedHttpServer.start({ era });
      await using bench = new McpBench({ environments });
      const thread = open(bench, server);
      await thread.ready();
      const call = thread.callTool("a", "hang");
      await until("it is under way", () => server.calls("hang") === 1);
      await kill(first);
      const outcome = await call;
      assert.ok(outcome.kind === "lost", JSON.stringify(outcome));
      await using _second = await executorAt(first.url);
      await inState(thread, "a", "ready");
      assert.equal(textOf(await thread.callTool("a", "echo", { text: "back" })), "back");
      await bench.manager[Symbol.asyncDispose]();
    });
  });

  test(`a server that does not start (${era}): failed, with its last words, and ready when it does`, async () => {
    await using bench = new McpBench();
    const flag = bench.path("flag");
    const { command, args } = bench.server({ era });
    const guard = 'test -e "$0" || { echo "no flag yet" >&2; exit 3; }; exec "$@"';
    const thread = bench.manager.openThread({
      servers: { a: { command: "/bin/sh", args: ["-c", guard, flag, command, ...args] } },
    });
    const [view] = await thread.ready();
    assert.ok(view?.status.state === "failed", JSON.stringify(view?.status));
    assert.equal(view.status.reason.code, "exited");
    assert.match(view.status.reason.message, /ended with exit code 3; its last words: no flag yet/);
    assert.ok(view.status.nextAttemptMs !== undefined && view.status.nextAttemptMs <= 2_000);
    writeFileSync(flag, "");
    await inState(thread, "a", "ready");
    assert.equal(textOf(await thread.callTool("a", "echo", { text: "hi" })), "hi");
  });

  test(`a server that dies while a grandchild holds its stdout (${era}): the call is lost at once, and the server is back`, async () => {
    await using bench = new McpBench();
    const server = bench.server({ era, wrapped: true });
    const thread = bench.manager.openThread({ servers: { a: server } });
    await thread.ready();
    const outcome = await thread.callTool("a", "die", { code: 7 }, { timeoutMs: 15_000 });
    assert.ok(outcome.kind === "lost", JSON.stringify(outcome));
    assert.match(outcome.message, /ended with exit code 7/);
    assert.equal(textOf(await thread.callTool("a", "echo", { text: "back" })), "back");
    assert.equal(starts(server.record()).length, 2);
  });
}
