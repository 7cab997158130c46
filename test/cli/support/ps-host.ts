/**
 * A host of its own process: it opens threads on the servers it is told, says when they are opened, and disposes everything when
 * its stdin ends.
 *
 * Its first argument is JSON: `{ threads: [{ id, principal, servers }], wait }`; with `wait` the servers are ready, or have failed.
 */
import { McpManager } from "../../../src/mcp/index.ts";

const { threads, wait } = JSON.parse(process.argv[2] ?? "{}") as {
  readonly threads: readonly Parameters<McpManager["openThread"]>[0][];
  readonly wait: boolean;
};
const manager = new McpManager({ budget: { processesPerThread: 1_000, startsPerSecond: 1_000 } });
const opened = threads.map((thread) => manager.openThread(thread));
if (wait) await Promise.all(opened.map((thread) => thread.ready()));
console.log("opened");
process.stdin.resume().once("end", () => void manager[Symbol.asyncDispose]());
