/**
 * The MCP servers of two threads without any agent: started, shared, called, killed, back again, ended.
 *
 *   node examples/connections.ts
 */
import assert from "node:assert/strict";
import { McpManager } from "mcp-switchyard/mcp";
import { stdioServer } from "mcp-switchyard/testing";

await using manager = new McpManager();
const desk = { ...stdioServer(), scope: "host" } as const; // one process for every thread of this host
const own = stdioServer(); // a process for each thread

const alice = manager.openThread({ id: "alice", servers: { desk, own } });
const bob = manager.openThread({
  id: "bob",
  servers: { desk, own, missing: { command: "no-such-program" } },
});

// Opening waits for nothing. A broken server is a status, and holds up nobody.
await alice.ready();
await bob.ready();
for (const { name, status } of bob.servers) console.log(name, status.state);
assert.equal(bob.server("missing").status.state, "failed");
assert.deepEqual(
  bob.server("desk").holders.map(({ thread }) => thread),
  ["alice", "bob"],
);

// A call has an outcome; it does not throw.
const outcome = await alice.callTool("desk", "echo", { text: "hello" });
console.log(outcome.kind);
assert.equal(outcome.kind, "result");

// The server dies of this one. It is started again, and the next call waits for it.
const lost = await alice.callTool("desk", "exit", { code: 1 });
console.log(lost.kind, "-", lost.kind === "lost" ? lost.message : "");
assert.equal(lost.kind, "lost");
const again = await bob.callTool("desk", "echo", { text: "back" });
assert.equal(again.kind, "result");
