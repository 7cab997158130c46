/** The gate before real servers: which calls overlap is decided by the server and the tool that a call goes to. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { McpConnectionManager } from "../../src/mcp/index.ts";
import { Gate, type GateRequest } from "../../src/tools/gate/gate.ts";
import { isParallel } from "../../src/tools/gate/is-parallel.ts";
import { McpBench, textOf } from "../mcp/support/scripted.ts";

/** The request of a call at the gate, from what its thread knows of the server and of its live tool. */
function requestOf(thread: McpConnectionManager, server: string, tool: string): Omit<GateRequest, "turn"> {
  const { config, connection } = thread.server(server);
  assert.ok(connection !== undefined);
  const live = thread.listTools(server).find((each) => each.tool.name === tool);
  return {
    connection,
    parallel: isParallel({
      serverFlag: config.supports_parallel_tool_calls,
      annotations: live?.tool.annotations,
    }),
  };
}

/** Calls that go through a gate, and the most that were in flight at once. */
class GatedCalls {
  readonly gate: Gate = new Gate();
  readonly order: string[] = [];
  most = 0;
  #now = 0;

  async call(
    thread: McpConnectionManager,
    [server, tool, args]: readonly [server: string, tool: string, args?: { ms: number }],
    turn: string = thread.id,
  ): Promise<string> {
    using _ = await this.gate.enter({ turn, ...requestOf(thread, server, tool) });
    this.most = Math.max(this.most, ++this.#now);
    this.order.push(`${server}.${tool}`);
    try {
      return textOf(await thread.callTool(server, tool, args));
    } finally {
      this.#now--;
    }
  }
}

suite("calls of one step", () => {
  test("meet on a server that allows it", async () => {
    await using bench = new McpBench();
    const servers = { a: { ...bench.server(), supports_parallel_tool_calls: true } };
    const thread = bench.manager.openThread({ servers });
    await thread.ready();
    const gated = new GatedCalls();
    const calls = [gated.call(thread, ["a", "meet"]), gated.call(thread, ["a", "meet"])];
    assert.deepEqual(await Promise.all(calls), ["met", "met"]);
    assert.equal(gated.gate.inUse, 0);
  });

  test("meet where their tools only read, also on a server that says nothing", async () => {
    await using bench = new McpBench();
    const servers = { a: bench.server({ readOnly: ["meet"] }) };
    const thread = bench.manager.openThread({ servers });
    await thread.ready();
    const gated = new GatedCalls();
    const calls = [gated.call(thread, ["a", "meet"]), gated.call(thread, ["a", "meet"])];
    assert.deepEqual(await Promise.all(calls), ["met", "met"]);
  });

  test("are one by one otherwise, in their order, whichever servers they go to", async () => {
    await using bench = new McpBench();
    const thread = bench.manager.openThread({ servers: { a: bench.server(), b: bench.server() } });
    await thread.ready();
    const gated = new GatedCalls();
    await Promise.all(
      ["a", "b", "a", "b"].map((server) => gated.call(thread, [server, "sleep", { ms: 20 }])),
    );
    assert.equal(gated.most, 1);
    assert.deepEqual(gated.order, ["a.sleep", "b.sleep", "a.sleep", "b.sleep"]);
  });

  test("go by the server they are routed to, where names look alike and visible names collide", async () => {
    // Codex's own test of this is `mcp_parallel_support_uses_exact_payload_server`. The namespace of the first two and
    // of the last one is "mcp__a_b", to which the model sees a digest added.
    await using bench = new McpBench();
    const thread = bench.manager.openThread({
      servers: {
        "a-b": { ...bench.server(), supports_parallel_tool_calls: true },
        a_b: bench.server(),
        a: bench.server(),
        A_B: bench.server(),
        mcp__a_b: bench.server(),
      },
    });
    await thread.ready();
    const parallel = thread.servers.filter(({ name }) => requestOf(thread, name, "meet").parallel);
    assert.deepEqual(
      parallel.map(({ name }) => name),
      ["a-b"],
    );
    const gated = new GatedCalls();
    const meeting = [gated.call(thread, ["a-b", "meet"]), gated.call(thread, ["a-b", "meet"])];
    assert.deepEqual(await Promise.all(meeting), ["met", "met"]);
    assert.equal(gated.most, 2);
    gated.most = 0;
    const alone = ["a_b", "A_B", "a", "mcp__a_b", "a-b"].map((server) => gated.call(thread, [server, "pid"]));
    await Promise.all(alone);
    assert.equal(gated.most, 1);
  });
});

suite("calls of several threads", () => {
  test("are alone on a connection that they share, and meet on one that allows it", async () => {
    await using bench = new McpBench();
    const servers = {
      plain: { ...bench.server(), scope: "host" },
      open: { ...bench.server(), scope: "host", supports_parallel_tool_calls: true },
    } as const;
    const threads = [1, 2].map(() => bench.manager.openThread({ servers }));
    const [one, two] = threads as [McpConnectionManager, McpConnectionManager];
    await Promise.all(threads.map((thread) => thread.ready()));
    assert.equal(one.server("plain").connection, two.server("plain").connection);
    assert.notEqual(one.server("plain").connection, one.server("open").connection);
    const gated = new GatedCalls();
    const meeting = threads.map((thread) => gated.call(thread, ["open", "meet"]));
    assert.deepEqual(await Promise.all(meeting), ["met", "met"]);
    gated.most = 0;
    const pids = threads.flatMap((thread) => [1, 2].map(() => gated.call(thread, ["plain", "pid"])));
    assert.equal(new Set(await Promise.all(pids)).size, 1);
    assert.equal(gated.most, 1);
  });

  test("overlap on connections of their own, also where the server is serial", async () => {
    await using bench = new McpBench();
    const servers = { a: bench.server() };
    const [one, two] = [bench.manager.openThread({ servers }), bench.manager.openThread({ servers })];
    await Promise.all([one.ready(), two.ready()]);
    const gated = new GatedCalls();
    const controller = new AbortController();
    using _ = await gated.gate.enter({ turn: one.id, ...requestOf(one, "a", "hang") });
    const hanging = one.callTool("a", "hang", {}, { signal: controller.signal });
    assert.match(await gated.call(two, ["a", "pid"]), /^\d+$/);
    controller.abort();
    assert.equal((await hanging).kind, "cancelled");
  });
});
