/**
 * Nothing may be left when a client, the executor or its reaper vanishes.
 *
 * Every process has a tag of its test in its environment; children inherit it, also those that left the group.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { descendants, ManualClock, processesWithEnv, waitUntilGone } from "../../src/testing/index.ts";
import { exhaustive } from "../support/sample.ts";
import { startExecutorProcess } from "./support/executor-process.ts";
import { FaultProxy } from "./support/fault-proxy.ts";
import { Neighbour } from "./support/neighbour.ts";
import { RawClient } from "./support/raw-client.ts";
import { startServer } from "./support/subjects.ts";
import { advanceUntil, finish, until } from "./support/until.ts";

const timeout = 120_000;
const TAG = "SWITCHYARD_TEST_TAG";
const PATH = process.env["PATH"] ?? "";

/** Each prints that it is up, and does not end by itself. */
const STAYING = {
  "one that ignores what can be ignored": "trap '' TERM INT HUP; echo up; exec sleep 300",
  "one whose child left the group": "setsid sh -c 'echo up; exec sleep 300' & exec sleep 300",
};
/** The number of their processes. */
const STAYING_COUNT = 3;

/** Starts all of them. */
async function startStaying(client: RawClient, tag: string): Promise<void> {
  await Promise.all(
    Object.entries(STAYING).map(async ([name, script]) => {
      await client.start(name, script, { env: { PATH, [TAG]: tag } });
      await client.output(name);
    }),
  );
}

async function crowd(url: string, count: number, tag: string): Promise<RawClient[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => RawClient.greeted(url)));
  await Promise.all(clients.map((client) => startStaying(client, tag)));
  // One that is becoming another program shows no environment for a moment.
  const all = count * STAYING_COUNT;
  await until(`all ${all} processes run`, () => processesWithEnv(TAG, tag).length === all);
  return clients;
}

async function serves(url: string): Promise<void> {
  const client = await RawClient.greeted(url);
  await client.start("still", "echo here");
  await client.output("still");
  client.vanish();
}

/** Clients at once; each has three processes. */
const CROWD = exhaustive ? 200 : 25;

test(`${CROWD} clients that vanish leave no process after the retention, while another talks on`, {
  timeout,
}, async () => {
  await using server = await startExecutorProcess(["--retention-seconds", "1", "--no-audit"]);
  const tag = randomUUID();
  const clients = await crowd(server.url, CROWD, tag);
  await using neighbour = await Neighbour.start(server.url);
  for (const client of clients) client.vanish();
  assert.equal(processesWithEnv(TAG, tag).length, CROWD * STAYING_COUNT, "a dropped link ends nothing");
  let left = 1;
  for (let turn = 0; left > 0; turn++) {
    await neighbour.talk();
    // Each look costs time, and could itself hold it up.
    if (turn % 50 === 0) left = processesWithEnv(TAG, tag).length;
    await sleep(2);
  }
});

test("a client whose network is gone leaves nothing either, without a notice", { timeout }, async () => {
  const clock = new ManualClock();
  const server = await startServer({ clock });
  await using proxy = await FaultProxy.start(server.url);
  const tag = randomUUID();
  const client = await RawClient.greeted(proxy.url);
  await startStaying(client, tag);
  proxy.silence(true);
  client.vanish();
  const tookMs = await advanceUntil(
    clock,
    1_000,
    "nothing is left",
    () => processesWithEnv(TAG, tag).length === 0,
  );
  // Two pings, the retention, the graces.
  assert.ok(tookMs >= 80_000 && tookMs < 150_000, `${tookMs} ms`);
  const held = ({ server: { connections, sessions, processes } }: typeof server) =>
    connections + sessions + processes;
  await advanceUntil(clock, 100, "it is off the books", () => held(server) === 0);
  await finish(clock, "the end", async () => await server[Symbol.asyncDispose]());
});

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  test(`an executor that gets ${signal} ends with its number, and leaves nothing`, { timeout }, async () => {
    await using server = await startExecutorProcess();
    const tag = randomUUID();
    await crowd(server.url, 5, tag);
    const exited = once(server.child, "exit");
    server.child.kill(signal);
    assert.deepEqual(await exited, [128 + constants.signals[signal], null]);
    assert.deepEqual(processesWithEnv(TAG, tag), []);
  });
}

test("an executor that gets a second signal does not wait, and leaves nothing", {
  timeout,
}, async () => {
  await using server = await startExecutorProcess();
  const tag = randomUUID();
  const [client] = await crowd(server.url, 1, tag);
  const exited = once(server.child, "exit");
  server.child.kill("SIGTERM");
  await client?.closed();
  server.child.kill("SIGINT");
  assert.deepEqual(await exited, [130, null]);
  assert.deepEqual(await waitUntilGone(processesWithEnv(TAG, tag)), []);
});

test("an executor that is killed leaves nothing a moment later", { timeout }, async () => {
  await using server = await startExecutorProcess();
  const tag = randomUUID();
  await crowd(server.url, 5, tag);
  server.child.kill("SIGKILL");
  await once(server.child, "exit");
  await until("nothing is left", () => processesWithEnv(TAG, tag).length === 0, 10_000);
});

test("an executor ends at its start the processes of a killed one whose reaper was killed too", {
  timeout,
}, async () => {
  const tag = randomUUID();
  {
    await using killed = await startExecutorProcess();
    await crowd(killed.url, 2, tag);
    const reapers = descendants(killed.child.pid as number).filter(isReaper);
    assert.equal(reapers.length, 1);
    const exited = once(killed.child, "exit");
    // Stopped first, so that it cannot see its reaper go.
    killed.child.kill("SIGSTOP");
    for (const pid of [...reapers, killed.child.pid as number]) process.kill(pid, "SIGKILL");
    await exited;
    assert.deepEqual(await waitUntilGone(reapers), []);
  }
  const left = processesWithEnv(TAG, tag);
  assert.equal(left.length, 2 * STAYING_COUNT);
  await using next = await startExecutorProcess();
  assert.deepEqual(await waitUntilGone(left), []);
  await serves(next.url);
});

function isReaper(pid: number): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("switchyard-reaper");
}
