/**
 * One MCP endpoint in a process of its own, whose URL and headers it prints.
 *
 *   node gateway-host.ts gateway URL|stdio    a gateway in front of the echo server
 *   node gateway-host.ts sdk                  the SDK's own server, with the same tool
 *   node gateway-host.ts threads N            memory of N threads on one shared server (with --expose-gc)
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { NodeStreamableHTTPServerTransport } from "@modelcontextprotocol/node";
import { McpServer } from "@modelcontextprotocol/server";
import { Gateway } from "../../src/gateway/index.ts";
import { McpManager } from "../../src/mcp/index.ts";

const ECHO = { command: process.execPath, args: [join(import.meta.dirname, "echo-mcp.mjs")] };
const [mode = "", which = ""] = process.argv.slice(2);

function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function gateway(): Promise<void> {
  const manager = new McpManager({ publish: false, catalogFolder: false });
  const running = await Gateway.start();
  const thread = manager.openThread({ servers: { a: which === "stdio" ? ECHO : { url: which } } });
  await thread.ready();
  const { bearer, urlOf } = running.openThread(thread);
  say({ url: urlOf("a"), headers: { authorization: `Bearer ${bearer}` } });
}

function sdk(): void {
  const mcp = new McpServer({ name: "echo", version: "1" });
  mcp.registerTool("echo", {}, () => ({ content: [{ type: "text", text: "ok" }] }));
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: () => "s",
    enableJsonResponse: true,
  });
  const http = createServer((request, response) => void transport.handleRequest(request, response));
  void mcp.connect(transport);
  http.listen(0, "127.0.0.1", () =>
    say({ url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`, headers: {} }),
  );
}

async function threads(): Promise<void> {
  const collect = (globalThis as { gc?: () => void }).gc ?? ((): void => {});
  const count = Number(which);
  const manager = new McpManager({ publish: false, catalogFolder: false });
  const running = await Gateway.start();
  const open = async (): Promise<() => Promise<void>> => {
    const thread = manager.openThread({ servers: { a: { ...ECHO, scope: "host" } } });
    const { bearer, urlOf } = running.openThread(thread);
    const params = {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "b", version: "1" },
    };
    const answered = await fetch(urlOf("a"), {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params }),
    });
    if (!(await answered.text()).includes('"result"')) throw new Error("not greeted");
    return () => thread[Symbol.asyncDispose]();
  };
  const kept = await open();
  for (let at = 0; at < 100; at++) await (await open())();
  const heap = (): number => {
    collect();
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = heap();
  const ends = [];
  for (let at = 0; at < count; at++) ends.push(await open());
  const after = heap();
  say({ bytes: (after - before) / count, connections: manager.connections.length });
  for (const end of [...ends, kept]) await end();
  await running[Symbol.asyncDispose]();
  await manager[Symbol.asyncDispose]();
  process.exit(0);
}

if (mode === "gateway") await gateway();
else if (mode === "sdk") sdk();
else await threads();
