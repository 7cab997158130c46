/**
 * An MCP server over stdio with two tools that wait, `query_with_delay` and `query_with_delay_2`: `{"seconds": 25}`.
 *
 *   node delay-mcp.mjs RECORD    RECORD is a file that gets a line as a call starts, `start TOOL`, and one as it ends, `end TOOL`
 */
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [record] = process.argv.slice(2);
const note = (line) => appendFileSync(record, `${line}\n`);
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);

const inputSchema = { type: "object", properties: { seconds: { type: "number" } }, required: ["seconds"] };
const tools = ["query_with_delay", "query_with_delay_2"].map((name) => ({
  name,
  description: "Answers after so many seconds",
  inputSchema,
}));
const methods = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "delay", version: "1" },
  }),
  ping: () => ({}),
  "tools/list": () => ({ tools }),
};

createInterface(process.stdin).on("line", (line) => {
  const { id, method, params = {} } = JSON.parse(line);
  if (id === undefined) return;
  if (method === "tools/call") {
    const { name, arguments: args } = params;
    note(`start ${name}`);
    setTimeout(() => {
      note(`end ${name}`);
      send({ id, result: { content: [{ type: "text", text: `waited ${args.seconds} s` }] } });
    }, args.seconds * 1000);
    return;
  }
  const run = methods[method];
  if (run === undefined) send({ id, error: { code: -32601, message: "Method not found" } });
  else send({ id, result: run(params) });
});
