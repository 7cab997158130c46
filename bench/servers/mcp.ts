/**
 * The cheapest MCP server over streamable HTTP: no session, no stream, one tool. Every path is a server of its own.
 *
 *   POST /<thread>   answered as JSON; a tool call counts for the thread only with the thread's own header
 *   anything else    405
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { answer } from "../child.ts";
import { IDENTITY_HEADER, identityOf, TOOL } from "../scenario.ts";

export type McpQuestions = {
  start: { params: undefined; result: { readonly origin: string } };
  stats: { params: undefined; result: McpStats };
};

export interface McpStats {
  readonly cpuMs: number;
  readonly requests: number;
  /** Tool calls with the right header, by thread. */
  readonly delivered: Readonly<Record<string, number>>;
  /** Tool calls with a wrong header or none. */
  readonly misdelivered: number;
}

const TOOLS = JSON.stringify({
  tools: [
    {
      name: TOOL,
      description: "Says who you are",
      inputSchema: { type: "object", properties: {} },
      annotations: { readOnlyHint: true },
    },
  ],
});
const RESULT = JSON.stringify({ content: [{ type: "text", text: "You are who you are." }] });

let requests = 0;
let misdelivered = 0;
const delivered: Record<string, number> = {};

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    requests++;
    if (request.method === "POST") return respond(request, Buffer.concat(chunks).toString(), response);
    response.writeHead(405, { allow: "POST", "content-length": 0 }).end();
  });
});
server.keepAliveTimeout = 120_000;

function respond(request: IncomingMessage, body: string, response: ServerResponse): void {
  const { id, method, params } = JSON.parse(body) as {
    id?: string | number;
    method?: string;
    params?: { protocolVersion?: string };
  };
  if (id === undefined) return void response.writeHead(202, { "content-length": 0 }).end();
  if (method === "tools/call") count(request);
  const result = resultOf(method, params?.protocolVersion);
  const outcome = result === undefined ? `"error":{"code":-32601,"message":"none"}` : `"result":${result}`;
  const text = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},${outcome}}`;
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  response.writeHead(200, headers).end(text);
}

function count(request: IncomingMessage): void {
  const thread = (request.url ?? "").slice(1);
  if (request.headers[IDENTITY_HEADER] === identityOf(thread))
    delivered[thread] = (delivered[thread] ?? 0) + 1;
  else misdelivered++;
}

function resultOf(method: string | undefined, version = "2025-06-18"): string | undefined {
  switch (method) {
    case "initialize":
      return JSON.stringify({
        protocolVersion: version,
        capabilities: { tools: {} },
        serverInfo: { name: "bench", version: "1" },
      });
    case "tools/list":
      return TOOLS;
    case "tools/call":
      return RESULT;
    case "ping":
      return "{}";
    default:
      return undefined;
  }
}

answer<McpQuestions>(
  {
    start: () =>
      new Promise((resolve) =>
        server.listen(0, "127.0.0.1", () =>
          resolve({ origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
        ),
      ),
    stats: () => {
      const { user, system } = process.cpuUsage();
      return { cpuMs: (user + system) / 1000, requests, delivered, misdelivered };
    },
  },
  () => Promise.resolve(server.closeAllConnections()),
);
