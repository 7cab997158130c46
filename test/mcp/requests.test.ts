/** What is asked of a server besides calls: every failure is an error of ours, within its time. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { McpError } from "../../src/mcp/index.ts";
import { McpBench, type Script } from "./support/scripted.ts";

function mcpError(code: McpError["code"], message: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof McpError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

suite("a list or a subscription", () => {
  test("of a server that the thread does not have is rejected, not thrown at once", async () => {
    await using bench = new McpBench();
    const thread = bench.manager.openThread({ servers: { alpha: bench.server() } });
    for (const ask of [
      () => thread.listResources("alpa"),
      () => thread.readResource("alpa", "test://a"),
      () => thread.subscribe("alpa", "test://a"),
    ])
      await assert.rejects(ask(), mcpError("unknown_server", /did you mean "alpha"/));
  });

  for (const era of ["legacy", "modern"] as const) {
    test(`that a server of the ${era} era refuses is an error of the protocol`, async () => {
      await using bench = new McpBench();
      const script: Script = { era, refuse: ["resources/list", "resources/subscribe"] };
      const thread = bench.manager.openThread({ servers: { a: bench.server(script) } });
      const says = /^MCP server "a": list its resources: JSON-RPC error -32601: Method not found$/;
      await assert.rejects(thread.listResources("a"), mcpError("protocol_error", says));
      if (era === "legacy")
        await assert.rejects(thread.subscribe("a", "test://a"), mcpError("protocol_error", /-32601/));
    });
  }

  test("that a server leaves unanswered ends with its time, or with its caller's patience", async () => {
    await using bench = new McpBench();
    const script: Script = { era: "legacy", mute: ["resources/list", "resources/subscribe"] };
    const thread = bench.manager.openThread({ servers: { a: bench.server(script) } });
    await thread.ready();
    const options = { timeoutMs: 50 };
    const says = /did not list its resources within 0.05 s/;
    await assert.rejects(thread.listResources("a", options), mcpError("timeout", says));
    await assert.rejects(thread.subscribe("a", "test://a", options), mcpError("timeout", /subscription/));
    const stop = new AbortController();
    const asked = thread.listResources("a", { signal: stop.signal });
    const reason = new Error("given up");
    stop.abort(reason);
    await assert.rejects(asked, (error) => error === reason);
  });

  test("is lost with a server that dies meanwhile", async () => {
    await using bench = new McpBench();
    const server = bench.server({ era: "legacy", mute: ["resources/list"] });
    const thread = bench.manager.openThread({ servers: { a: server } });
    await thread.ready();
    const asked = assert.rejects(
      thread.listResources("a"),
      mcpError("lost", /^MCP server "a": list its resources: /),
    );
    await thread.callTool("a", "die");
    await asked;
  });
});

test("a server that dies while its tools are listed is reported with its exit", async () => {
  await using bench = new McpBench();
  const thread = bench.manager.openThread({ servers: { a: bench.server({ dieAtList: 7 }) } });
  const [view] = await thread.ready();
  assert.ok(
    view?.status.state === "failed" && view.status.reason.code === "exited",
    JSON.stringify(view?.status),
  );
  assert.match(view.status.reason.message, /ended with exit code 7/);
});
