/**
 * `npm run bench -- mcp [--rounds N] [--write]`: connections to MCP servers, against the official SDK's own client on the same
 * server in the same run.
 *
 * Both sides take turns, block by block, in one process; so what else the machine does hits both. Medians over the blocks.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { type McpConnectionManager, McpManager } from "../src/mcp/index.ts";
import { writeToReadme } from "./readme.ts";

const PROGRAM = join(import.meta.dirname, "servers/echo-mcp.mjs");
const SERIAL_CALLS = 300;
const PARALLEL_CALLS = 2_000;
const IN_FLIGHT = 64;

interface Side {
  readonly name: "switchyard" | "sdk";
  readonly call: () => Promise<unknown>;
}

export async function benchMcp(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: "string", default: "9" }, write: { type: "boolean" } },
  });
  const rounds = Number(values.rounds);
  const lines = [
    ...(await calls(rounds)),
    "",
    "| | measured | target |",
    "|---|---|---|",
    ...(await lifecycles(rounds)),
    ...memory(),
  ];
  const [cpu] = cpus();
  const head = `Node ${process.version}, ${cpus().length} × ${cpu?.model ?? "?"}, ${rounds} rounds.`;
  const result = [head, "", ...lines].join("\n");
  process.stdout.write(`${result}\n`);
  if (values.write === true) writeToReadme("mcp", result);
}

async function calls(rounds: number): Promise<readonly string[]> {
  const http = spawn(process.execPath, [PROGRAM, "http"], { stdio: ["ignore", "pipe", "inherit"] });
  const url = `http://127.0.0.1:${await firstLine(http)}/mcp`;
  await using manager = new McpManager();
  const thread = manager.openThread({
    servers: { stdio: { command: process.execPath, args: [PROGRAM] }, http: { url } },
  });
  await thread.ready();
  const stdioClient = await connected(
    new StdioClientTransport({ command: process.execPath, args: [PROGRAM] }),
  );
  const httpClient = await connected(new StreamableHTTPClientTransport(new URL(url)));
  const rows = ["| | Switchyard | SDK | ratio | target |", "|---|---|---|---|---|"];
  for (const [transport, client, goal] of [
    ["stdio", stdioClient, 1],
    ["http", httpClient, 1.5],
  ] as const) {
    const sides: readonly Side[] = [
      { name: "switchyard", call: async () => ours(thread, transport) },
      { name: "sdk", call: async () => client.callTool({ name: "echo", arguments: {} }) },
    ];
    const serial = await compare(sides, rounds, async ({ call }) => {
      const start = performance.now();
      for (let done = 0; done < SERIAL_CALLS; done++) await call();
      return ((performance.now() - start) / SERIAL_CALLS) * 1000;
    });
    const rate = await compare(sides, rounds, async ({ call }) => {
      const start = performance.now();
      let left = PARALLEL_CALLS;
      const worker = async (): Promise<void> => {
        while (left-- > 0) await call();
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
      return PARALLEL_CALLS / ((performance.now() - start) / 1000);
    });
    const ratio = (a: number, b: number): string => (a / b).toFixed(2);
    rows.push(
      `| \`callTool\` over ${transport}, one after another | ${serial.switchyard.toFixed(0)} µs | ${serial.sdk.toFixed(0)} µs | ${ratio(serial.switchyard, serial.sdk)} | ≤ 1.0 |`,
      `| calls a second over ${transport}, ${IN_FLIGHT} in flight | ${rate.switchyard.toFixed(0)} | ${rate.sdk.toFixed(0)} | ${ratio(rate.switchyard, rate.sdk)} | ≥ ${goal.toFixed(1)} |`,
    );
  }
  await stdioClient.close();
  await httpClient.close();
  http.kill();
  return rows;
}

async function ours(thread: McpConnectionManager, server: string): Promise<void> {
  const outcome = await thread.callTool(server, "echo", {});
  if (outcome.kind !== "result") throw new Error(JSON.stringify(outcome));
}

async function connected(
  transport: ConstructorParameters<typeof StreamableHTTPClientTransport>[0] | object,
): Promise<Client> {
  const client = new Client({ name: "bench", version: "1" });
  await client.connect(transport as StdioClientTransport);
  await client.listTools();
  return client;
}

/** The medians of both, measured block by block in turns; the first block of each warms up. */
async function compare(
  sides: readonly Side[],
  rounds: number,
  measure: (side: Side) => Promise<number>,
): Promise<Readonly<Record<Side["name"], number>>> {
  const seen: Record<Side["name"], number[]> = { switchyard: [], sdk: [] };
  for (let round = 0; round <= rounds; round++) {
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      const value = await measure(side);
      if (round > 0) seen[side.name].push(value);
    }
  }
  return { switchyard: middle(seen.switchyard), sdk: middle(seen.sdk) };
}

async function lifecycles(rounds: number): Promise<readonly string[]> {
  const together: number[] = [];
  const alone: number[] = [];
  const back: number[] = [];
  for (let round = 0; round < rounds; round++) {
    alone.push(await startOf(1));
    together.push(await startOf(50));
    back.push(await restart());
  }
  const [one, fifty, dead] = [middle(alone), middle(together), middle(back)];
  return [
    `| start of one server that reads after 2 s | ${one.toFixed(0)} ms | – |`,
    `| 50 such servers, started together | ${fifty.toFixed(0)} ms, ${(fifty / one).toFixed(2)} times | bounded by the slowest |`,
    `| a dead server back in service, against its own start | ${dead.toFixed(2)} times | ≤ 1.2 |`,
  ];
}

/** Milliseconds until all of so many servers are ready, each of which takes two seconds. */
async function startOf(count: number): Promise<number> {
  await using manager = new McpManager();
  const start = performance.now();
  const servers = Array.from({ length: count }, (_, at) => [
    `s${at}`,
    { command: process.execPath, args: [PROGRAM, "slow", "2000"] },
  ]);
  const thread = manager.openThread({
    servers: Object.fromEntries(servers) as Record<string, { command: string }>,
  });
  for (const { status } of await thread.ready())
    if (status.state !== "ready") throw new Error(JSON.stringify(status));
  return performance.now() - start;
}

/** How long a killed server is away, as a multiple of its first start. */
async function restart(): Promise<number> {
  await using manager = new McpManager();
  const args = [PROGRAM, "slow", "300"];
  const start = performance.now();
  const thread = manager.openThread({ servers: { a: { command: process.execPath, args } } });
  await ours(thread, "a");
  const first = performance.now() - start;
  const pid = execFileSync("pgrep", ["-P", String(process.pid), "-f", args.join(" ")], { encoding: "utf8" });
  process.kill(Number(pid.trim().split("\n")[0]), "SIGKILL");
  const died = performance.now();
  while (thread.server("a").status.state === "ready") await new Promise((resolve) => setImmediate(resolve));
  await ours(thread, "a");
  return (performance.now() - died) / first;
}

/** In a process that can collect its garbage when told to. */
function memory(): readonly string[] {
  const script = `
    import { spawn } from "node:child_process";
    import { once } from "node:events";
    import { McpManager } from ${JSON.stringify(join(import.meta.dirname, "../src/mcp/index.ts"))};
    const http = spawn(process.execPath, [${JSON.stringify(PROGRAM)}, "http"], { stdio: ["ignore", "pipe", "inherit"] });
    const [port] = await once(http.stdout, "data");
    const out = [];
    for (const server of [
      { command: process.execPath, args: [${JSON.stringify(PROGRAM)}], scope: "host" },
      { url: "http://127.0.0.1:" + String(port).trim() + "/mcp", scope: "host" },
    ]) {
      const manager = new McpManager();
      const open = () => manager.openThread({ servers: { a: server } });
      const first = open();
      await first.ready();
      for (let at = 0; at < 100; at++) { const thread = open(); await thread.ready(); await thread[Symbol.asyncDispose](); }
      gc(); gc();
      const before = process.memoryUsage().heapUsed;
      const threads = Array.from({ length: 1000 }, open);
      await Promise.all(threads.map((thread) => thread.ready()));
      gc(); gc();
      out.push({ bytes: (process.memoryUsage().heapUsed - before) / 1000, connections: manager.connections.length });
      if (threads.length !== 1000) throw new Error("?");
      await manager[Symbol.asyncDispose]();
    }
    http.kill();
    console.log(JSON.stringify(out));`;
  const out = execFileSync(process.execPath, ["--expose-gc", "--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  const [stdio, http] = JSON.parse(out) as { bytes: number; connections: number }[];
  const row = (name: string, measured: { bytes: number; connections: number } | undefined): string =>
    `| 1,000 threads on one ${name} server, heap of each | ${((measured?.bytes ?? Number.NaN) / 1024).toFixed(1)} KB, ${measured?.connections} connection | < 20 KB, 1 |`;
  return [row("stdio", stdio), row("HTTP", http)];
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("no stdout");
  const [chunk] = (await once(child.stdout, "data")) as [Buffer];
  return chunk.toString().trim();
}

function middle(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
