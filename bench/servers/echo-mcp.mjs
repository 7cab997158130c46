/**
 * The cheapest MCP server of the 2025 era: one tool, `echo`, answered at once.
 *
 *   node echo-mcp.mjs                 over stdio
 *   node echo-mcp.mjs http            over HTTP with a session; prints its port
 *   node echo-mcp.mjs slow MS         over stdio, and reads only after MS
 */
import { createServer } from "node:http";
import { createInterface } from "node:readline";

const [mode = "stdio", ms = "0"] = process.argv.slice(2);
const methods = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "echo", version: "1" },
  }),
  ping: () => ({}),
  "tools/list": () => ({ tools: [{ name: "echo", inputSchema: { type: "object", properties: {} } }] }),
  "tools/call": () => ({ content: [{ type: "text", text: "ok" }] }),
};

function answer(line) {
  const { id, method, params = {} } = JSON.parse(line);
  if (id === undefined) return undefined;
  const run = methods[method];
  return run === undefined
    ? { jsonrpc: "2.0", id, error: { code: -32601, message: "Method not found" } }
    : { jsonrpc: "2.0", id, result: run(params) };
}

if (mode === "http") {
  let sessions = 0;
  const server = createServer((request, response) => {
    if (request.method === "GET") return void response.writeHead(405).end();
    if (request.method === "DELETE") return void response.writeHead(200).end();
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const said = answer(Buffer.concat(chunks).toString());
      if (said === undefined) return void response.writeHead(202).end();
      const body = JSON.stringify(said);
      const session = said.result?.serverInfo === undefined ? {} : { "mcp-session-id": `s${++sessions}` };
      response
        .writeHead(200, {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          ...session,
        })
        .end(body);
    });
  });
  server.keepAliveTimeout = 120_000;
  server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
} else {
  const start = () =>
    createInterface(process.stdin).on("line", (line) => {
      const said = answer(line);
      if (said !== undefined) process.stdout.write(`${JSON.stringify(said)}\n`);
    });
  setTimeout(start, Number(ms));
}
