/**
 * `npm run bench -- tools [--rounds 15] [--write]`: 5,000 tools of 100 servers, from the lists of a thread's connections to what a
 * model is offered, and back from what it wrote.
 *
 * The servers are real HTTP servers and the thread is a real one; the clock runs while it is asked, not while they start.
 *
 * Exits with 1 if a target is missed.
 */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { cpus } from "node:os";
import { performance } from "node:perf_hooks";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { McpManager } from "../src/mcp/index.ts";
import { Gate, inputSchemasOf, type ToolInfo, ToolNames, ToolRouter, toolsOf } from "../src/tools/index.ts";
import { writeToReadme } from "./readme.ts";

const SERVERS = 100;
const TOOLS = 50;
/** Offered by each server and switched off by its rules. */
const DISABLED = 10;
const CALLS = 2_000;

interface Row {
  readonly what: string;
  /** In the unit. */
  readonly value: number;
  readonly unit: "ms" | "µs";
  readonly target?: number;
}

export async function benchTools(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: "string", default: "15" }, write: { type: "boolean", default: false } },
  });
  const rounds = Number(values.rounds);
  const http = await serve();
  try {
    const rows = await measure((http.address() as AddressInfo).port, rounds);
    const [cpu] = cpus();
    const result = [
      `Node ${process.version}, ${cpus().length} × ${cpu?.model ?? "?"}, medians of ${rounds} rounds.`,
      "",
      `| ${SERVERS * TOOLS} tools of ${SERVERS} servers | measured | target |`,
      "|---|---|---|",
      ...rows.map(
        ({ what, value, unit, target }) =>
          `| ${what} | ${value.toFixed(1)} ${unit} | ${target === undefined ? "" : `≤ ${target} ${unit}`} |`,
      ),
    ].join("\n");
    process.stdout.write(`${result}\n`);
    if (values.write) writeToReadme("tools", result);
    if (rows.some(({ value, target }) => target !== undefined && value > target)) process.exitCode = 1;
  } finally {
    http.close();
    http.closeAllConnections();
  }
}

async function measure(port: number, rounds: number): Promise<readonly Row[]> {
  await using manager = new McpManager({ publish: false });
  const disabled = Array.from({ length: DISABLED }, (_, index) => nameOf(TOOLS + index));
  const servers = Object.fromEntries(
    Array.from({ length: SERVERS }, (_, index) => [
      `server-${index}`,
      { url: `http://127.0.0.1:${port}/${index}`, disabled_tools: disabled },
    ]),
  );
  const thread = manager.openThread({ servers });
  await thread.ready();
  const ms = (work: () => unknown): number => median(Array.from({ length: rounds }, () => timed(work)));
  const first = timed(() => new ToolNames().name(toolsOf(thread)));
  const named = ms(() => new ToolNames().name(toolsOf(thread)));
  const names = new ToolNames();
  const catalog = names.name(toolsOf(thread));
  const { tools } = catalog;
  if (tools.length !== SERVERS * TOOLS) throw new Error(`${tools.length} tools`);
  const again = ms(() => names.name(toolsOf(thread)));
  const joined = ms(() => {
    const others = new ToolNames();
    const all = toolsOf(thread);
    others.name(all.slice(TOOLS));
    const before = performance.now();
    others.name(all);
    return performance.now() - before;
  });
  const schemas = (form: "codex" | "budget"): number => ms(() => tools.map(inputSchemasOf(thread, { form })));
  const known = inputSchemasOf(thread, { form: "codex" });
  tools.map(known);
  const each = (work: (tool: ToolInfo) => unknown): number => {
    const some = Array.from(
      { length: CALLS },
      (_, index) => tools[(index * 7919) % tools.length] as ToolInfo,
    );
    some.forEach(work);
    return (ms(() => some.forEach(work)) / CALLS) * 1_000;
  };
  const router = new ToolRouter({ thread, gate: new Gate(), outputOf: () => "", schemaOf: known });
  const args = JSON.stringify({ path: "/a/b", limit: 3 });
  return [
    { what: "filtered, named and sorted: the very first time in a process", value: first, unit: "ms" },
    { what: "filtered, named and sorted: a thread's first step", value: named, unit: "ms", target: 50 },
    { what: "a later step, nothing changed", value: again, unit: "ms", target: 50 },
    { what: "a later step, a server has joined (without listing)", value: joined, unit: "ms", target: 50 },
    { what: "input schemas as Codex sends them, the first time", value: schemas("codex"), unit: "ms" },
    { what: "input schemas cut to a budget, the first time", value: schemas("budget"), unit: "ms" },
    { what: "input schemas in every later step", value: ms(() => tools.map(known)), unit: "ms" },
    {
      what: "a call's name, as it was given",
      value: each(({ visible: { flat: name } }) => catalog.find({ name })),
      unit: "µs",
      target: 50,
    },
    {
      what: "a call's name, in another spelling",
      value: each(({ server, tool }) => catalog.find({ name: `${server}.${tool.name}` })),
      unit: "µs",
      target: 50,
    },
    {
      what: "`ToolRouter.route`, with its arguments",
      value: each(({ visible: { flat: name } }) =>
        router.route({ type: "function_call", call_id: "1", name, arguments: args }),
      ),
      unit: "µs",
      target: 50,
    },
    {
      what: "a name that does not exist, with a suggestion",
      value: ms(() => catalog.find({ name: "mcp__server_7__read_thing_1x" })),
      unit: "ms",
    },
  ];
}

/** How long it took, in milliseconds; or what the work itself measured. */
function timed(work: () => unknown): number {
  const before = performance.now();
  const own = work();
  return typeof own === "number" ? own : performance.now() - before;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

function nameOf(index: number): string {
  return `${["read", "write", "list", "find", "move"][index % 5]}-thing_${index}`;
}

async function serve(): Promise<Server> {
  const tools = Array.from({ length: TOOLS + DISABLED }, (_, index) => ({
    name: nameOf(index),
    description: "Does what its name says, with the thing at this path, and tells what it found. ".repeat(2),
    inputSchema: {
      $schema: "http://json-schema.org/draft-07/schema#",
      type: "object",
      properties: {
        path: { type: "string", minLength: 1, description: "Where the thing is, as an absolute path." },
        limit: { type: "integer", minimum: 1, maximum: 100, default: 10, description: "How many at most." },
        kind: { enum: ["file", "folder", "link"], description: "Only these." },
        options: { type: "object", properties: { deep: { type: "boolean" } }, additionalProperties: false },
      },
      required: ["path"],
      additionalProperties: false,
    },
  }));
  const server = createServer((request, response) => {
    void (async (): Promise<void> => {
      if (request.method !== "POST") return void response.writeHead(405).end();
      const { id, method } = JSON.parse(await text(request)) as { id?: number; method: string };
      if (id === undefined) return void response.writeHead(202).end();
      const result =
        method === "initialize"
          ? {
              protocolVersion: "2025-06-18",
              capabilities: { tools: {} },
              serverInfo: { name: "s", version: "1" },
            }
          : { tools };
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id, result }));
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}
