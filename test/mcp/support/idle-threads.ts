/**
 * Measures what threads cost that do nothing: opens them on two shared servers, and prints bytes of heap for each as JSON.
 * Needs `--expose-gc`.
 *
 * Arguments: the URL of a server over HTTP, and how many threads.
 */
import { type McpConnectionManager, McpManager } from "../../../src/mcp/index.ts";
import { scriptedServer } from "./scripted.ts";

export interface ThreadCosts {
  /** Holders of each connection. */
  readonly connections: readonly (readonly [string, number])[];
  /** Bytes of a thread that waits. */
  readonly idle: number;
  /** Bytes of one that has called each server once. */
  readonly used: number;
  /** Bytes that one leaves behind. */
  readonly ended: number;
}

const [url = "", number = ""] = process.argv.slice(2);
const manager = new McpManager();
const host = new AbortController();

function open(): McpConnectionManager {
  const thread = manager.openThread({
    servers: {
      http: { url, scope: "host" },
      stdio: { ...scriptedServer({}), scope: "host" },
    },
    workspace: process.cwd(),
    principal: "somebody",
    onElicit: async () => ({ action: "decline" }),
    signal: host.signal,
  });
  void follow(thread);
  return thread;
}

async function follow(thread: McpConnectionManager): Promise<void> {
  for await (const _ of thread.events());
}

async function heap(): Promise<number> {
  for (let left = 3; left > 0; left--) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    globalThis.gc?.();
  }
  return process.memoryUsage().heapUsed;
}

/** In a function of its own, which holds none of them when it has returned. */
async function endAll(threads: McpConnectionManager[]): Promise<void> {
  await Promise.all(threads.map((thread) => thread[Symbol.asyncDispose]()));
  threads.length = 0;
}

async function round(count: number): Promise<ThreadCosts> {
  const before = await heap();
  const threads = Array.from({ length: count }, open);
  await Promise.all(threads.map((thread) => thread.ready()));
  const idle = (await heap()) - before;
  await Promise.all(threads.map((thread) => thread.callTool("stdio", "echo", { text: "hi" })));
  await Promise.all(threads.map((thread) => thread.callTool("http", "whoami", {})));
  const used = (await heap()) - before;
  const connections = manager.connections.map(({ server, holders }) => [server, holders.length] as const);
  await endAll(threads);
  const ended = (await heap()) - before;
  const each = (bytes: number): number => Math.round(bytes / count);
  return { connections, idle: each(idle), used: each(used), ended: each(ended) };
}

// The first ones pay for what is made once.
await round(Number(number) / 4);
console.log(JSON.stringify(await round(Number(number))));
await manager[Symbol.asyncDispose]();
