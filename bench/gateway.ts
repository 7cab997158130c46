/**
 * `npm run bench -- gateway [--rounds N] [--write]`: calls through the gateway, against the same server without it, and against the
 * SDK's own server alone.
 *
 * The client is the same for all, in this process, and costs next to nothing (`gateway-load.ts`); servers are processes of their
 * own. All take turns, block by block. Medians over the blocks.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { load, type Load, type Target } from "./gateway-load.ts";
import { childrenCpuMs, treeCpuMs } from "./proc.ts";
import { writeToReadme } from "./readme.ts";

const HOST = join(import.meta.dirname, "servers/gateway-host.ts");
const ECHO = join(import.meta.dirname, "servers/echo-mcp.mjs");
const SERIAL_CALLS = 500;
const PARALLEL_CALLS = 5_000;
const IN_FLIGHT = 64;
const THREADS = 1_000;

const HEADERS = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const PARAMS = { name: "echo", arguments: {} };

interface Side extends Target {
  readonly name: string;
  /** Of the process that is asked. */
  readonly pid: number;
}

interface Started extends Pick<Target, "url" | "headers"> {
  readonly pid: number;
}

interface Measured extends Load {
  /** Of the process that was asked, for one call, in microseconds. */
  readonly cpuUs: number;
}

export async function benchGateway(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: "string", default: "9" }, write: { type: "boolean" } },
  });
  const rounds = Number(values.rounds);
  const children: ChildProcess[] = [];
  const start = async (...argv: readonly string[]): Promise<Started> => {
    const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    const [chunk] = (await once(child.stdout, "data")) as [Buffer];
    const said = JSON.parse(chunk.toString()) as number | Pick<Target, "url" | "headers">;
    const reached = typeof said === "number" ? { url: `http://127.0.0.1:${said}/mcp`, headers: {} } : said;
    return { ...reached, pid: child.pid ?? 0 };
  };
  const echo = await start(ECHO, "http");
  const http = await start(HOST, "gateway", echo.url);
  const stdio = await start(HOST, "gateway", "stdio");
  const sdk = await start(HOST, "sdk");
  const sides = [
    await sideOf("direct", echo),
    await sideOf("http", http),
    await sideOf("stdio", stdio),
    modernOf("modern", stdio),
    await sideOf("sdk", sdk),
  ];
  const serial = await compare(sides, rounds, SERIAL_CALLS, 1);
  const parallel = await compare(sides, rounds, PARALLEL_CALLS, IN_FLIGHT);
  for (const child of children) child.kill();
  const us = (name: string): number => middle(serial[name]?.map(({ medianUs }) => medianUs));
  const rate = (name: string): number => middle(parallel[name]?.map((each) => each.rate));
  const cpu = (name: string): number => middle(parallel[name]?.map(({ cpuUs }) => cpuUs));
  const row = (name: string, what: string): string =>
    `| ${what} | ${us(name).toFixed(0)} µs | ${rate(name).toFixed(0)} | ${(rate(name) / rate("sdk")).toFixed(2)} | ${cpu(name).toFixed(0)} µs |`;
  const memory = JSON.parse(
    execFileSync(process.execPath, ["--expose-gc", HOST, "threads", String(THREADS)], { encoding: "utf8" }),
  ) as { readonly bytes: number; readonly connections: number };
  const [machine] = cpus();
  const result = [
    `Node ${process.version}, ${cpus().length} × ${machine?.model ?? "?"}, ${rounds} rounds.`,
    "",
    `| | one call | calls a second, ${IN_FLIGHT} in flight | against the SDK's server | CPU of the process that is asked, for a call |`,
    "|---|---|---|---|---|",
    row("direct", "the echo server over HTTP, without a gateway"),
    row("http", "the gateway in front of it"),
    row("stdio", "the gateway in front of the echo server over stdio"),
    row("modern", "the same, for a client of 2026-07-28"),
    row("sdk", "the SDK's own server alone, with the same tool"),
    "",
    "| | measured | target |",
    "|---|---|---|",
    `| what the gateway adds to a call at the median | ${((us("http") - us("direct")) / 1000).toFixed(2)} ms | ≤ 1 ms |`,
    `| calls a second, ${IN_FLIGHT} in flight | ${rate("stdio").toFixed(0)} | ≥ 5,000 |`,
    `| the same, against the SDK's own server alone | ${(rate("stdio") / rate("sdk")).toFixed(2)} | ≥ 0.8 |`,
    `| ${THREADS.toLocaleString("en")} threads on one shared server, each with a client: heap of each | ${(memory.bytes / 1024).toFixed(1)} KB, ${memory.connections} connection | < 50 KB, 1 |`,
  ].join("\n");
  process.stdout.write(`${result}\n`);
  if (values.write === true) writeToReadme("gateway", result);
}

/** A client of the legacy era, in a session. */
async function sideOf(name: string, { url, headers, pid }: Started): Promise<Side> {
  const params = {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "bench", version: "1" },
  };
  const answered = await fetch(url, {
    method: "POST",
    headers: { ...HEADERS, ...headers },
    body: JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params }),
  });
  await answered.text();
  const session = answered.headers.get("mcp-session-id");
  const own = session === null ? {} : { "mcp-session-id": session };
  return { name, pid, url, headers: { ...HEADERS, ...headers, ...own }, body: bodyOf(PARAMS) };
}

function modernOf(name: string, { url, headers, pid }: Started): Side {
  const version = "2026-07-28";
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": version,
    "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const repeated = { "mcp-protocol-version": version, "mcp-method": "tools/call", "mcp-name": "echo" };
  return {
    name,
    pid,
    url,
    headers: { ...HEADERS, ...headers, ...repeated },
    body: bodyOf({ ...PARAMS, _meta }),
  };
}

function bodyOf(params: object): Target["body"] {
  return (id) => JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params });
}

/** All blocks of each; the first one of each warms up. */
async function compare(
  sides: readonly Side[],
  rounds: number,
  count: number,
  atOnce: number,
): Promise<Readonly<Record<string, readonly Measured[]>>> {
  const seen: Record<string, Measured[]> = {};
  const cpuOf = (pid: number): number => treeCpuMs(pid) - childrenCpuMs(pid);
  for (let round = 0; round <= rounds; round++) {
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      const before = cpuOf(side.pid);
      const measured = await load(side, count, atOnce);
      const cpuUs = ((cpuOf(side.pid) - before) * 1000) / count;
      if (round > 0) (seen[side.name] ??= []).push({ ...measured, cpuUs });
    }
  }
  return seen;
}

function middle(values: readonly number[] = []): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
