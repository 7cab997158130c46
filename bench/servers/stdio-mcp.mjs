/** The least MCP server over stdio: one tool, `wait`, which answers after a millisecond. What is measured is the way to it. */
import { createInterface } from "node:readline";

const answers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "least", version: "1" },
  }),
  "tools/list": () => ({ tools: [{ name: "wait", inputSchema: { type: "object", properties: {} } }] }),
  "tools/call": () => ({ content: [{ type: "text", text: "waited" }] }),
};

createInterface(process.stdin).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  const answer = answers[method];
  if (id === undefined || answer === undefined) return;
  const reply = () =>
    process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, result: answer(params ?? {}) })}\n`);
  if (method === "tools/call") setTimeout(reply, 1);
  else reply();
});
