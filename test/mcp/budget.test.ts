/** Bounds on real processes: the status says which one it is and who holds it, and nothing hangs. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { McpConnectionManager } from "../../src/mcp/index.ts";
import { waitUntilGone } from "../../src/testing/leaks.ts";
import { inState, McpBench, textOf } from "./support/scripted.ts";

/** The server is not started because of a bound, and a call says so at once. @returns what both say */
async function refusal(thread: McpConnectionManager, server: string): Promise<string> {
  const [view] = await thread.ready([server]);
  assert.ok(
    view?.status.state === "failed" && view.status.reason.code === "budget",
    JSON.stringify(view?.status),
  );
  assert.ok((view.status.nextAttemptMs ?? 0) > 0, "it is tried again");
  const { message } = view.status.reason;
  const outcome = await thread.callTool(server, "echo");
  assert.ok(outcome.kind === "not_sent" && outcome.reason === "server_unavailable", JSON.stringify(outcome));
  assert.ok(outcome.message.startsWith(message), outcome.message);
  return message;
}

suite("a bound on processes", () => {
  test("of the host names the threads that hold them, also those of a shared server", async () => {
    await using bench = new McpBench({ budget: { processes: 3 }, idleMs: 0 });
    const shared = { ...bench.server(), scope: "host" } as const;
    const first = bench.manager.openThread({ id: "first", servers: { shared, own: bench.server() } });
    await first.ready();
    const second = bench.manager.openThread({ id: "second", servers: { shared, own: bench.server() } });
    await second.ready();
    const late = bench.manager.openThread({ id: "late", servers: { shared, own: bench.server() } });
    await late.ready();
    assert.equal(
      await refusal(late, "own"),
      'MCP server "own" was not started: this host runs 3 processes, and the bound is 3 (processes); ' +
        "they belong to thread first (2), thread second (1)",
    );
    // What is there already is used all the same.
    assert.equal(textOf(await late.callTool("shared", "echo", { text: "hi" })), "hi");
    await second[Symbol.asyncDispose]();
    late.retry("own");
    assert.equal(textOf(await late.callTool("own", "echo", { text: "free" })), "free");
  });

  test("of a thread holds back that thread alone", async () => {
    await using bench = new McpBench({ budget: { processesPerThread: 1 } });
    const a = bench.server();
    const greedy = bench.manager.openThread({ id: "greedy", servers: { a } });
    await greedy.ready();
    await greedy.update({ a, b: bench.server() });
    const says = /thread greedy runs 1 process, and the bound is 1 \(processesPerThread\)/;
    assert.match(await refusal(greedy, "b"), says);
    const modest = bench.manager.openThread({ servers: { a: bench.server() } });
    await modest.ready();
    assert.equal(modest.server("a").status.state, "ready");
  });

  test("counts a server that restarts once", async () => {
    await using bench = new McpBench({ budget: { processes: 1 } });
    const thread = bench.manager.openThread({ servers: { a: bench.server({ wrapped: true }) } });
    const pid = Number(textOf(await thread.callTool("a", "pid")));
    await thread.callTool("a", "die");
    assert.notEqual(textOf(await thread.callTool("a", "pid")), String(pid));
    assert.deepEqual(await waitUntilGone([pid]), []);
  });

  test("counts a server once that dies of the question for its era", async () => {
    await using bench = new McpBench({ budget: { processes: 1 } });
    const thread = bench.manager.openThread({
      servers: { a: bench.server({ era: "legacy", probe: "die" }) },
    });
    assert.equal(textOf(await thread.callTool("a", "echo", { text: "hi" })), "hi");
  });

  test("is not taken by what could not be started", async () => {
    await using bench = new McpBench({ budget: { processes: 1 } });
    const thread = bench.manager.openThread({ servers: { missing: { command: "/no/such/program" } } });
    await thread.ready();
    const other = bench.manager.openThread({ servers: { a: bench.server() } });
    assert.equal(textOf(await other.callTool("a", "echo", { text: "hi" })), "hi");
  });
});

suite("a bound on memory", () => {
  test("holds back further servers while those that run use more, and lets them start later", async () => {
    await using bench = new McpBench({ budget: { memoryBytes: 8 * 1024 * 1024 } });
    const first = bench.manager.openThread({ id: "first", servers: { a: bench.server() } });
    await first.ready();
    const open = (): McpConnectionManager => bench.manager.openThread({ servers: { b: bench.server() } });
    let late = open();
    // It may have been measured before the first one ran; when one ends, it is measured anew.
    while ((await late.ready())[0]?.status.state === "ready") {
      await late[Symbol.asyncDispose]();
      late = open();
    }
    const says = /use \d+ MB, and the bound is 8 MB \(memoryBytes\); they belong to thread first \(1\)$/;
    assert.match(await refusal(late, "b"), says);
    await first[Symbol.asyncDispose]();
    late.retry("b");
    await inState(late, "b", "ready");
  });
});

suite("a bound on starts per second", () => {
  test("delays starts, and all of them become ready", async () => {
    await using bench = new McpBench({ budget: { startsPerSecond: 2 } });
    const began = performance.now();
    const servers = Object.fromEntries(["a", "b", "c", "d", "e"].map((name) => [name, bench.server()]));
    const thread = bench.manager.openThread({ servers });
    const states = (await thread.ready()).map(({ status }) => status.state);
    assert.deepEqual(states, ["ready", "ready", "ready", "ready", "ready"]);
    assert.ok(performance.now() - began >= 1_990, "the fifth start is in the third second");
  });

  test("is what a server failed of whose turn came too late", async () => {
    await using bench = new McpBench({ budget: { startsPerSecond: 1 } });
    const busy = bench.manager.openThread({ id: "busy", servers: { a: bench.server(), b: bench.server() } });
    const late = bench.manager.openThread({
      servers: { c: { ...bench.server(), startup_timeout_sec: 1 } },
    });
    const [view] = await late.ready();
    assert.ok(view?.status.state === "failed", JSON.stringify(view?.status));
    assert.match(
      view.status.reason.message,
      /^MCP server "c" was not started: its turn did not come in time, and the bound is 1 start in a second \(startsPerSecond\)/,
    );
    assert.equal(view.status.reason.code, "budget");
    await busy.ready();
  });
});
