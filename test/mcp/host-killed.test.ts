/** A host that is killed takes everything it has started with it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { descendants, processesWithEnv, waitUntilGone } from "../../src/testing/leaks.ts";
import { startExecutorProcess } from "../executor/support/executor-process.ts";
import { MAIN, NODE_VARIABLES } from "../support/command.ts";
import { type Script, scriptedServer, type Wrapper } from "./support/scripted.ts";

const TAG = "SWITCHYARD_TEST_TAG";
const HOST = join(import.meta.dirname, "support", "host.ts");
/** What the promise is; on an idle machine it takes a tenth of it. */
const PROMISE_MS = 5_000;
const timeout = 120_000;

/** Every way in which a server may cling to life. */
const CLINGING: Readonly<Record<string, readonly [Script, Wrapper?]>> = {
  plain: [{}],
  stubborn: [{ stubborn: true }],
  "behind-a-shell": [{ stubborn: true }, "sh"],
  "behind-a-runner": [{ stubborn: true }, "runner"],
  "with-a-child-that-left": [{ wrapped: true }],
  "with-a-grandchild-nobody-knows": [{ forked: true, stubborn: true }, "sh"],
  flooding: [{ flood: true }],
};

function clinging(tag: string, more: object): Record<string, object> {
  return Object.fromEntries(
    Object.entries(CLINGING).map(([name, [script, wrapper]]) => [
      name,
      { ...scriptedServer(script, wrapper), env: { [TAG]: tag, ...NODE_VARIABLES }, ...more },
    ]),
  );
}

async function startHost(
  servers: object,
  environments: readonly object[],
  threads = 1,
): Promise<ChildProcess> {
  const host = spawn(process.execPath, [HOST, JSON.stringify({ servers, environments, threads })], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(createInterface(host.stdout), "line")) as [string];
  for (const [name, status] of JSON.parse(line) as [string, { state: string }][]) {
    assert.equal(status.state, "ready", `${name}: ${JSON.stringify(status)}`);
  }
  return host;
}

/** Kills the host. @returns what of its processes lives longer than the promise allows */
async function killHost(host: ChildProcess, tag: string): Promise<number[]> {
  const below = descendants(host.pid ?? 0);
  const pids = [...new Set([...below, ...processesWithEnv(TAG, tag)])];
  assert.ok(pids.length > Object.keys(CLINGING).length, "the host has started its servers");
  const killedAt = performance.now();
  host.kill("SIGKILL");
  const left = await waitUntilGone(pids, { timeoutMs: PROMISE_MS });
  console.log(
    `${pids.length} processes were gone ${Math.round(performance.now() - killedAt)} ms after their host`,
  );
  // One that was started while we looked.
  const later = await waitUntilGone(processesWithEnv(TAG, tag), { timeoutMs: PROMISE_MS });
  for (const pid of [...left, ...later]) process.kill(pid, "SIGKILL");
  return [...left, ...later];
}

test("a host that is killed leaves none of its threads' own servers", { timeout }, async () => {
  const tag = randomUUID();
  const host = await startHost(clinging(tag, {}), []);
  assert.deepEqual(await killHost(host, tag), []);
});

test("a host that is killed leaves none of the servers that its threads share", { timeout }, async () => {
  const tag = randomUUID();
  const host = await startHost(clinging(tag, { scope: "host" }), [], 5);
  assert.deepEqual(await killHost(host, tag), []);
});

test("a host that is killed leaves neither the executor it started nor what runs there", {
  timeout,
}, async () => {
  const tag = randomUUID();
  const args = [MAIN, "executor", "--listen", "stdio"];
  const box = { id: "box", kind: "program", program: process.execPath, args, env: {} };
  const host = await startHost(clinging(tag, { environment_id: "box" }), [box]);
  assert.deepEqual(await killHost(host, tag), []);
});

test("a host that is killed leaves nothing on an executor elsewhere, once the executor gives up its session", {
  timeout,
}, async () => {
  const tag = randomUUID();
  await using executor = await startExecutorProcess(["--retention-seconds", "1", "--no-audit"]);
  const box = { id: "box", kind: "url", url: executor.url };
  const host = await startHost(clinging(tag, { environment_id: "box" }), [box]);
  assert.deepEqual(await killHost(host, tag), []);
});
