/**
 * `npm run bench -- executor [--rounds N] [--write]`: processes through an executor, ours and the original.
 *
 * Round trips with the scheduler as it is and with everything on one processor, where waking another one does not
 * count; one MCP call through the real Codex; 500 processes on one link; a gigabyte through one process;
 * the wait beside a client that sends a lot at once.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import type { ExecutorProcess } from "../src/executor/index.ts";
import { timeCallsInCodex } from "./executor-calls.ts";
import {
  connectExecutor,
  type Peer,
  rssMb,
  startCodexExecServer,
  startOurExecutor,
} from "./executor-peers.ts";
import { neighbours } from "./executor-neighbours.ts";
import { writeToReadme } from "./readme.ts";

const CALLS = 25;
const PROCESSES = 500;
/** How long the 500 processes are kept busy. */
const BUSY_MS = 5_000;
const GIGABYTE = 1_000_000_000;
const ENV = { PATH: process.env["PATH"] ?? "" };

export async function benchExecutor(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: "string", default: "20" }, write: { type: "boolean" } },
  });
  const rounds = Number(values.rounds);
  const sections = [
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "?"}.`,
    latency(rounds),
    await callsThroughCodex(),
    await manyProcesses(),
    await gigabyte(),
    await neighbours(),
  ];
  const result = sections.join("\n\n");
  process.stdout.write(`${result}\n`);
  if (values.write === true) writeToReadme("executor", result);
}

function latency(rounds: number): string {
  const script = join(import.meta.dirname, "executor-latency.ts");
  const run = (prefix: readonly string[]): Record<string, number[]> => {
    const [file, ...words] = [...prefix, process.execPath, script, String(rounds)];
    return JSON.parse(execFileSync(file ?? process.execPath, words, { encoding: "utf8" })) as Record<
      string,
      number[]
    >;
  };
  const free = run([]);
  const canPin = spawnSync("taskset", ["-c", "0", "true"]).status === 0;
  const pinned = canPin ? run(["taskset", "-c", "0"]) : {};
  const cells = (times: readonly number[] | undefined): string =>
    times === undefined
      ? "– | –"
      : `${quantile(times, 0.5).toFixed(0)} | ${quantile(times, 0.99).toFixed(0)}`;
  return [
    "100 bytes, `write` to echoed output, µs:",
    "",
    "| way | median | p99 | one processor: median | p99 |",
    "|---|--:|--:|--:|--:|",
    ...Object.keys(free).map((way) => `| ${way} | ${cells(free[way])} | ${cells(pinned[way])} |`),
  ].join("\n");
}

async function callsThroughCodex(): Promise<string> {
  await using stack = new AsyncDisposableStack();
  const ours = stack.use(await startOurExecutor());
  const original = stack.use(await startCodexExecServer());
  const rows: string[] = [];
  const medians = new Map<string, number>();
  for (const [name, url] of [
    ["local", undefined],
    ["codex exec-server", original.url],
    ["our executor", ours.url],
  ] as const) {
    const times = await timeCallsInCodex(CALLS, url);
    medians.set(name, quantile(times, 0.5));
    rows.push(`| ${name} | ${quantile(times, 0.5)} | ${quantile(times, 1)} |`);
  }
  const times =
    (medians.get("codex exec-server") ?? Number.NaN) / (medians.get("our executor") ?? Number.NaN);
  return [
    `One MCP tool call in the real Codex, ${CALLS} calls of a tool that waits 1 ms, in whole ms as Codex reports them:`,
    "",
    "| the server runs on | median | worst |",
    "|---|--:|--:|",
    ...rows,
    "",
    `Through our executor a call is ${times.toFixed(0)} times as fast as through the original.`,
  ].join("\n");
}

/** Every process echoes one line after the other. Fair is what lets all of them do it equally often. */
async function manyProcesses(): Promise<string> {
  const rows: string[] = [];
  for (const [name, start] of [
    ["our executor", startOurExecutor],
    ["codex exec-server", startCodexExecServer],
  ] as const) {
    await using peer = await start();
    await using executor = connectExecutor(peer.url);
    const startMs = performance.now();
    const cats: ExecutorProcess[] = [];
    for (let at = 0; at < PROCESSES; at += 50) {
      const batch = Array.from({ length: 50 }, () =>
        executor.start({ argv: ["cat"], cwd: "/tmp", env: ENV, pipeStdin: true }),
      );
      cats.push(...(await Promise.all(batch)));
    }
    const startedMs = performance.now() - startMs;
    const endMs = performance.now() + BUSY_MS;
    const all = await Promise.all(cats.map((cat) => echoUntil(cat, endMs)));
    const counts = all.map((times) => times.length);
    const medians = all.map((times) => quantile(times, 0.5));
    const total = counts.reduce((sum, each) => sum + each, 0);
    rows.push(
      `| ${name} | ${(startedMs / PROCESSES).toFixed(1)} | ${Math.round(total / (BUSY_MS / 1000))} | ` +
        `${quantile(medians, 0).toFixed(1)} | ${quantile(medians, 0.5).toFixed(1)} | ${quantile(medians, 1).toFixed(1)} | ` +
        `${Math.min(...counts)} to ${Math.max(...counts)} |`,
    );
  }
  return [
    `${PROCESSES} processes on one connection, all echoing one line after the other for ${BUSY_MS / 1000} s:`,
    "",
    "| executor | start, ms each | round trips per s | median ms of the luckiest | of the middle | of the unluckiest | round trips, least to most |",
    "|---|--:|--:|--:|--:|--:|--:|",
    ...rows,
  ].join("\n");
}

async function echoUntil(cat: ExecutorProcess, endMs: number): Promise<number[]> {
  const line = Buffer.from(`${"x".repeat(99)}\n`);
  const events = cat.events();
  const times: number[] = [];
  while (performance.now() < endMs) {
    const start = performance.now();
    const written = cat.write(line);
    for (let bytes = 0; bytes < line.length; ) {
      const { value } = await events.next();
      if (value === undefined) throw new Error("A process ended");
      if (value.type === "output") bytes += value.chunk.length;
    }
    await written;
    times.push(performance.now() - start);
  }
  return times;
}

async function gigabyte(): Promise<string> {
  const direct = await timeDirectGigabyte();
  const rows = [`| direct pipe | ${(GIGABYTE / 1e6 / direct).toFixed(0)} | – | – |`];
  for (const [name, start] of [
    ["our executor", startOurExecutor],
    ["codex exec-server", startCodexExecServer],
  ] as const) {
    await using peer = await start();
    const { seconds, serverMb, clientMb } = await timeGigabyte(peer);
    rows.push(
      `| ${name} | ${(GIGABYTE / 1e6 / seconds).toFixed(0)} | ${serverMb.toFixed(0)} | ${clientMb.toFixed(0)} |`,
    );
  }
  return [
    "A gigabyte of output through one process:",
    "",
    "| way | MB/s | executor: most RSS above the start, MB | client: the same |",
    "|---|--:|--:|--:|",
    ...rows,
  ].join("\n");
}

async function timeDirectGigabyte(): Promise<number> {
  const start = performance.now();
  const child = spawn("head", ["-c", String(GIGABYTE), "/dev/zero"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout.on("data", () => {});
  await once(child, "close");
  return (performance.now() - start) / 1000;
}

async function timeGigabyte(peer: Peer): Promise<{ seconds: number; serverMb: number; clientMb: number }> {
  await using executor = connectExecutor(peer.url);
  await executor.info();
  globalThis.gc?.();
  const serverPid = peer.child.pid ?? 0;
  const before = { server: rssMb(serverPid), client: rssMb(process.pid) };
  const most = { ...before };
  const start = performance.now();
  const process_ = await executor.start({
    argv: ["head", "-c", String(GIGABYTE), "/dev/zero"],
    cwd: "/tmp",
    env: ENV,
  });
  let bytes = 0;
  let looked = 0;
  for await (const event of process_.events()) {
    if (event.type !== "output") continue;
    bytes += event.chunk.length;
    if (bytes - looked < 5_000_000) continue;
    looked = bytes;
    most.server = Math.max(most.server, rssMb(serverPid));
    most.client = Math.max(most.client, rssMb(process.pid));
  }
  if (bytes !== GIGABYTE) throw new Error(`${bytes} bytes instead of ${GIGABYTE}`);
  const seconds = (performance.now() - start) / 1000;
  return { seconds, serverMb: most.server - before.server, clientMb: most.client - before.client };
}

function quantile(times: readonly number[], q: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
