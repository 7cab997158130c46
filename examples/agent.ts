/**
 * An agent without Codex: two turns with an MCP server and a tool of the host, in one process and then another.
 *
 *   node examples/agent.ts
 *
 * The model is scripted, so that it runs without a key. Give `apiKey` and a real `model` instead of `baseUrl`.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, type AgentOptions } from "mcp-switchyard/agent";
import { callTool, raw, say, ScriptedModel, stdioServer } from "mcp-switchyard/testing";

await using model = await ScriptedModel.start({
  script: ({ step, outputs }) => {
    if (step > 0) return say(`The tools say: ${outputs.map(({ text }) => text).join(", ")}`);
    return [
      callTool({ server: "desk", tool: "echo", arguments: { text: "hello" } }),
      raw({ type: "function_call", call_id: "sum", name: "add", arguments: '{"a": 1, "b": 2}' }),
    ];
  },
});
const home = mkdtempSync(join(tmpdir(), "switchyard-example-"));
const options: AgentOptions = {
  model: "scripted",
  baseUrl: model.baseUrl,
  home,
  tools: [
    {
      name: "add",
      description: "Adds two numbers",
      parameters: { type: "object", properties: { a: { type: "number" }, b: { type: "number" } } },
      run: ({ a, b }) => Promise.resolve(String(Number(a) + Number(b))),
    },
  ],
};
const mcpServers = { desk: stdioServer() };

let id: string | null;
{
  await using agent = new Agent(options);
  const thread = agent.startThread({ mcpServers });
  const { events } = await thread.runStreamed("Say hello, and add 1 and 2");
  for await (const event of events) console.log(event.type, "item" in event ? event.item.type : "");
  id = thread.id;
}

// Threads are on disk: another agent goes on with this one.
await using agent = new Agent(options);
const { finalResponse, usage } = await agent.resumeThread(id ?? "", { mcpServers }).run("Once more");
console.log(finalResponse);
assert.equal(finalResponse, "The tools say: hello, 3");
assert.equal(usage?.input_tokens, 400);
rmSync(home, { recursive: true });
