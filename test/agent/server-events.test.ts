/** What a host is told about the MCP servers of a thread of the agent (V4). */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { McpServerEvent } from "../../src/agent/index.ts";
import { promptOf, stdioServer } from "../../src/testing/index.ts";
import { AgentBench } from "./support/agent-bench.ts";

const SECRET = "PLANTED-51c0";

/** Keeps events, and waits for one. */
class Told {
  readonly events: McpServerEvent[] = [];
  #wake = Promise.withResolvers<void>();

  readonly handler = (event: McpServerEvent): void => {
    this.events.push(event);
    this.#wake.resolve();
  };

  /** What became of a server. */
  of(server: string): readonly string[] {
    return this.events.filter((event) => event.server === server).map(({ state }) => state);
  }

  async until(isThere: (event: McpServerEvent) => boolean): Promise<McpServerEvent> {
    for (;;) {
      const found = this.events.find(isThere);
      if (found !== undefined) return found;
      this.#wake = Promise.withResolvers();
      await this.#wake.promise;
    }
  }
}

suite("the host is told what becomes of a thread's servers", { timeout: 60_000 }, () => {
  test("from the start to the end, with times and reasons, between turns too (V4)", async () => {
    await using bench = await AgentBench.start();
    const told = new Told();
    const thread = bench.agent.startThread({
      onMcpServer: told.handler,
      mcpServers: {
        good: stdioServer(),
        off: { command: "true", enabled: false },
        broken: { command: "sh", args: ["-c", "echo $TOKEN >&2; exit 3"], env: { TOKEN: SECRET } },
      },
    });
    await thread.run("hello");
    assert.deepEqual(told.of("off"), ["disabled"]);
    const ready = await told.until(({ state }) => state === "ready");
    assert.ok(ready.state === "ready" && ready.took_ms > 0 && ready.tools > 1);
    const { thread_id, server, starts, shared_with } = ready;
    assert.deepEqual([thread_id, server, starts, shared_with], [thread.id, "good", 1, 0]);
    const failed = await told.until(({ state }) => state === "failed");
    assert.ok(failed.state === "failed" && failed.server === "broken");
    assert.equal(failed.code, "exited");
    assert.match(failed.reason, /^MCP server "broken" ended with exit code 3; its last words: /);
    assert.ok((failed.next_attempt_ms ?? 0) > 0);
    // Now it dies, and nobody calls it.
    const before = told.events.length;
    await thread.run(promptOf({ call: { server: "good", tool: "exit" } }));
    await told.until((event) => event.state === "ready" && event.starts === 2);
    const later = told.events.slice(before).filter((event) => event.server === "good");
    assert.deepEqual(
      later.map(({ state }) => state),
      ["restarting", "ready"],
    );
    // Only `good` stays.
    await thread.run("again", { mcpServers: { good: stdioServer(), new: stdioServer() } });
    assert.deepEqual(told.of("broken").at(-1), "ended");
    assert.deepEqual(told.of("new"), ["starting", "ready"]);
    await thread.close();
    for (const name of ["good", "off", "broken", "new"]) assert.equal(told.of(name).at(-1), "ended", name);
    assert.ok(!JSON.stringify(told.events).includes(SECRET));
  });

  test("how many share a connection; and a handler that throws disturbs nothing (V4)", async () => {
    await using bench = await AgentBench.start();
    const mcpServers = { svc: { ...stdioServer(), scope: "host" as const } };
    const [first, second] = [new Told(), new Told()];
    const one = bench.agent.startThread({
      mcpServers,
      onMcpServer: (event) => {
        first.handler(event);
        throw new Error("no room");
      },
    });
    await one.run("hello");
    await bench.agent.startThread({ mcpServers, onMcpServer: second.handler }).run("hello");
    assert.deepEqual(first.of("svc"), ["starting", "ready"]);
    const [joined] = second.events;
    assert.ok(joined?.state === "ready" && joined.shared_with === 1 && joined.starts === 1);
    assert.ok(bench.log.includes("warn onMcpServer failed: no room"));
  });
});
