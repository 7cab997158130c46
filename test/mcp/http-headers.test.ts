/** Where the headers of a server come from, through the whole of a thread. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { RecordingMcpServer } from "../../src/testing/index.ts";
import { McpBench, textOf } from "./support/scripted.ts";

suite("the headers of a server over HTTP", () => {
  test("the helper runs for each connection, and once more after a 401", async () => {
    await using bench = new McpBench();
    await using server = await RecordingMcpServer.start({ stateless: true });
    const runs = bench.path("runs");
    const helper = `echo run >> ${runs}; printf '{"X-Identity":"run-%s"}' $(wc -l < ${runs})`;
    const servers = { s: { url: server.url, http_headers_helper: helper } };
    const open = (id: string): ReturnType<typeof bench.manager.openThread> =>
      bench.manager.openThread({ id, servers, workspace: bench.folder });
    await using first = open("first");
    assert.match(textOf(await first.callTool("s", "whoami", {})), /"run-1"/);
    assert.match(textOf(await first.callTool("s", "whoami", {})), /"run-1"/);
    await using second = open("second");
    assert.match(textOf(await second.callTool("s", "whoami", {})), /"run-2"/);
    server.behaviour.refuse = ({ headers }) => (headers["x-identity"] === "run-3" ? undefined : 401);
    assert.match(textOf(await first.callTool("s", "whoami", {})), /"run-3"/);
  });

  test("a helper that fails is the reason why its server is not ready, in Codex's words", async () => {
    await using bench = new McpBench();
    const servers = { s: { url: "http://127.0.0.1:1/", http_headers_helper: "exit 3", required: true } };
    await using thread = bench.manager.openThread({ servers, workspace: bench.folder });
    await assert.rejects(thread.ready(), /MCP HTTP headers helper exited with status exit status: 3/);
  });

  test("a configured Mcp-Session-Id joins that session, which is neither begun nor ended", async () => {
    await using bench = new McpBench();
    await using server = await RecordingMcpServer.start();
    await using owner = bench.manager.openThread({ servers: { s: { url: server.url } } });
    await owner.ready();
    const [session] = server.sessions;
    assert.ok(session);
    const seen = server.requests.length;
    const guest = bench.manager.openThread({
      servers: { s: { url: server.url, http_headers: { "Mcp-Session-Id": session.id } } },
    });
    await guest.ready();
    assert.equal(guest.server("s").status.state, "ready");
    assert.ok(guest.listTools("s").some(({ tool }) => tool.name === "whoami"));
    assert.equal(textOf(await guest.callTool("s", "echo", { text: "hi" })), "hi");
    await guest[Symbol.asyncDispose]();
    const methods = server.requests.slice(seen).map(({ method, rpcMethod }) => rpcMethod ?? method);
    assert.deepEqual(
      methods.filter((each) => each !== "GET" && !each.includes("list")),
      ["tools/call"],
    );
    assert.equal(server.openSessions, 1);
    // It is still the owner's.
    assert.equal(textOf(await owner.callTool("s", "echo", { text: "still" })), "still");
  });
});
