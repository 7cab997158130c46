/** The end of a thread is the end of its servers, whatever stands between, and wherever they run. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Environments, type McpConnectionManager } from "../../src/mcp/index.ts";
import { processesOfOwner, waitUntilGone } from "../../src/testing/leaks.ts";
import { type ExecutorProcess, startExecutorProcess } from "../executor/support/executor-process.ts";
import { startTcpRelay } from "../executor/support/tcp-relay.ts";
import { McpBench, type Script, type ScriptedServer, type Wrapper } from "./support/scripted.ts";

const timeout = 60_000;

/** Whatever clings to life, and the number of its processes. */
const CLINGING: readonly (readonly [number, Script, Wrapper?])[] = [
  [1, { stubborn: true }],
  [1, { flood: true, stubborn: true }],
  [2, { stubborn: true }, "sh"],
  [2, { stubborn: true }, "runner"],
  [2, { wrapped: true }],
  [2, { forked: true }],
];
const PROCESSES: number = CLINGING.reduce((sum, [count]) => sum + count, 0);

function serversOf(bench: McpBench, more: object): Record<string, ScriptedServer> {
  const entries = CLINGING.map(([, script, wrapper], at) => [
    `server-${at}`,
    { ...bench.server(script, wrapper), ...more },
  ]);
  return Object.fromEntries(entries) as Record<string, ScriptedServer>;
}

/** Waits until the children of the servers are there too. */
async function started(owner: number): Promise<readonly number[]> {
  for (;;) {
    const pids = processesOfOwner(owner);
    if (pids.length >= PROCESSES) return pids;
    await sleep(25);
  }
}

async function openAt(
  executor: ExecutorProcess,
  bench: McpBench,
): Promise<{ readonly thread: McpConnectionManager; readonly pids: readonly number[] }> {
  const servers = serversOf(bench, { environment_id: "box" });
  const thread = bench.manager.openThread({ servers, workspace: bench.folder });
  await thread.ready();
  return { thread, pids: await started(executor.child.pid ?? 0) };
}

suite("a thread's stdio server ends with it", () => {
  test("here, with everything it started, before the end of the thread returns (L4, B4)", {
    timeout,
  }, async () => {
    await using bench = new McpBench();
    const thread = bench.manager.openThread({ servers: serversOf(bench, {}) });
    await thread.ready();
    await started(process.pid);
    await thread[Symbol.asyncDispose]();
    assert.deepEqual(processesOfOwner(process.pid), []);
  });

  test("on an executor, and the executor ends what it has left behind", { timeout }, async () => {
    await using executor = await startExecutorProcess(["--no-audit"]);
    await using bench = new McpBench({ environments: [{ id: "box", kind: "url", url: executor.url }] });
    const { thread, pids } = await openAt(executor, bench);
    await thread[Symbol.asyncDispose]();
    assert.deepEqual(await waitUntilGone(pids), []);
  });
});

suite("an executor whose link is down when a thread ends", { concurrency: true }, () => {
  test("ends its servers when the link is back, long before it would give up the session", {
    timeout,
  }, async () => {
    await using executor = await startExecutorProcess(["--no-audit"]);
    await using relay = await startTcpRelay(executor.url);
    await using bench = new McpBench({ environments: [{ id: "box", kind: "url", url: relay.url }] });
    const { thread, pids } = await openAt(executor, bench);
    relay.down();
    const ending = thread[Symbol.asyncDispose]();
    // It has tried to get the link back.
    const before = relay.accepted;
    while (relay.accepted === before) await sleep(5);
    assert.ok(processesOfOwner(executor.child.pid ?? 0).length > 0, "nobody can tell it to end them");
    relay.up();
    await ending;
    assert.deepEqual(await waitUntilGone(pids), []);
  });

  test("ends them with the session when the link stays down", { timeout }, async () => {
    await using executor = await startExecutorProcess(["--no-audit", "--retention-seconds", "1"]);
    await using relay = await startTcpRelay(executor.url);
    await using environments = new Environments([{ id: "box", kind: "url", url: relay.url }], {
      recoveryMs: 500,
    });
    await using bench = new McpBench({ environments });
    const { thread, pids } = await openAt(executor, bench);
    relay.down();
    await thread[Symbol.asyncDispose]();
    assert.deepEqual(await waitUntilGone(pids), []);
  });
});
