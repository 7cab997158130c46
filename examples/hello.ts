/**
 * One thread with one MCP server: the library in twenty lines.
 *
 *   node examples/hello.ts
 *
 * The model is scripted, so that this runs without a key. With a model of your own: `new Codex()` and any prompt.
 */
import assert from "node:assert/strict";
import { Codex } from "mcp-switchyard";
import { promptOf, stdioServer } from "mcp-switchyard/testing";
import { scriptedSetup } from "./support/scripted-setup.ts";

await using setup = await scriptedSetup();
await using codex = new Codex(setup.codexOptions);

const thread = codex.startThread({
  workingDirectory: setup.folder,
  mcpServers: { desk: stdioServer() },
});
const turn = await thread.run(
  promptOf(
    { call: { server: "desk", tool: "echo", arguments: { text: "hello" } } },
    { say: "The desk said hello." },
  ),
);
console.log(turn.finalResponse);
assert.equal(turn.finalResponse, "The desk said hello.");
