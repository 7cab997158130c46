/**
 * An MCP server on an executor, driven by the official MCP client.
 *
 *   node examples/executor.ts
 *
 * Here the executor runs in this process, on loopback; elsewhere it is `switchyard executor` on another machine.
 */
import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/client";
import {
  ExecutorServer,
  listen,
  openAuthenticator,
  RemoteExecutor,
  websocketOpener,
} from "mcp-switchyard/executor";
import { ExecutorStdioLauncher } from "mcp-switchyard/mcp";
import { stdioServer } from "mcp-switchyard/testing";

await using server = new ExecutorServer();
await using listener = await listen({
  server,
  address: { kind: "websocket", host: "127.0.0.1", port: 0 },
  authenticator: openAuthenticator, // on loopback only; elsewhere: bearerAuthenticator({ token })
});

await using executor = new RemoteExecutor({ name: "box", opener: websocketOpener({ url: listener.url }) });
const launcher = new ExecutorStdioLauncher({ executor, environment: "box" });
const transport = await launcher.launch({ name: "desk", ...stdioServer(), cwd: process.cwd() });

const client = new Client({ name: "example", version: "1.0.0" });
await client.connect(transport);
const { tools } = await client.listTools();
const result = await client.callTool({ name: "echo", arguments: { text: "from the executor" } });
await client.close();

console.log(`${tools.length} tools; echo says:`, result.content);
assert.deepEqual(result.content, [{ type: "text", text: "from the executor" }]);
