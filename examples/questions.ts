/**
 * The host decides about each tool call: one is accepted, the other is declined, and the turn goes on.
 *
 *   node examples/questions.ts
 *
 * The model is scripted, so that this runs without a key.
 */
import assert from "node:assert/strict";
import { Codex, type Question } from "mcp-switchyard";
import { promptOf, RecordingMcpServer } from "mcp-switchyard/testing";
import { scriptedSetup } from "./support/scripted-setup.ts";

await using setup = await scriptedSetup();
await using desk = await RecordingMcpServer.start();
await using codex = new Codex(setup.codexOptions);
const asked: string[] = [];

const thread = codex.startThread({
  workingDirectory: setup.folder,
  approvalPolicy: "on-request",
  mcpServers: { desk: { url: desk.url, default_tools_approval_mode: "prompt" } },
  onQuestion: (question: Question) => {
    if (question.kind !== "mcp_tool_call") return { decision: "decline" };
    asked.push(question.tool);
    return { decision: question.tool === "whoami" ? "accept" : "decline" };
  },
});
const turn = await thread.run(
  promptOf(
    { call: { server: "desk", tool: "whoami" } },
    { call: { server: "desk", tool: "echo", arguments: { text: "not allowed" } } },
    { say: "One call was allowed." },
  ),
);
console.log(turn.finalResponse, `The host was asked about: ${asked.join(", ")}.`);
assert.deepEqual(asked, ["whoami", "echo"]);
assert.deepEqual(
  desk.calls.map((call) => call.tool),
  ["whoami"],
);
