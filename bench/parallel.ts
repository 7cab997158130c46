/**
 * `npm run bench -- parallel [--seconds 25] [--write]`: two calls that a model makes in one step, and whether they overlap.
 *
 * A real stdio server has the tools `query_with_delay` and `query_with_delay_2`. Both are called in one step, with
 * `supports_parallel_tool_calls` off and on, through our gate and manager and through Codex with its own MCP client, whose model is
 * scripted. Everything is ready before the clock runs, and then all variants run at the same time: they only wait.
 *
 * Exits with 1 if calls overlap, or take a time, where they should not.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findCodex } from "../src/codex/app-server/binary.ts";
import { Codex } from "../src/index.ts";
import { McpManager } from "../src/mcp/index.ts";
import { callTool, type ModelReply, type ModelRequest, say, ScriptedModel } from "../src/testing/index.ts";
import { Gate, isParallel, toolsOf } from "../src/tools/index.ts";
import { writeToReadme } from "./readme.ts";
import { FINAL_ANSWER, MODEL, SERVER } from "./scenario.ts";

/** Above the longest call, in seconds: what everything but the calls may take. */
const OVERHEAD_S = 0.6;
const MANY = 64;
const MANY_S = 1;
const MANY_LIMIT_S = 1.2;
const TOOLS = ["query_with_delay", "query_with_delay_2"] as const;

interface Call {
  readonly tool: string;
  readonly seconds: number;
}

/** Something that can make the calls of one step. */
interface Caller extends AsyncDisposable {
  /** Makes all calls as one step of a model, and returns when every one has its output. */
  step(calls: readonly Call[]): Promise<void>;
}

interface Measured {
  readonly wallS: number;
  /** Both calls had started before either ended, by the server's own record. */
  readonly overlapped: boolean;
  /** The most calls that the server had at once. */
  readonly most: number;
}

export async function benchParallel(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { seconds: { type: "string", default: "25" }, write: { type: "boolean", default: false } },
  });
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) throw new Error("Use --seconds 25");
  const folder = mkdtempSync(join(tmpdir(), "switchyard-bench-"));
  try {
    const open = [
      { name: "Switchyard: gate and `McpManager`", ours: true, opens: openOurs },
      {
        name: `Codex ${codexVersion()} and its own MCP client`,
        ours: false,
        opens: openCodex,
      },
    ];
    const cases = open.flatMap((caller) => [false, true].map((parallel) => ({ ...caller, parallel })));
    const two = TOOLS.map((tool) => ({ tool, seconds }));
    const measured = await measureAll(
      folder,
      cases.map(({ opens, parallel }) => ({ opens, parallel, calls: two })),
    );
    const many = Array.from({ length: MANY }, () => ({ tool: TOOLS[0], seconds: MANY_S }));
    // One after the other: here it counts what a call costs.
    const manyMeasured: Measured[] = [];
    for (const { opens } of open)
      manyMeasured.push(...(await measureAll(folder, [{ opens, parallel: true, calls: many }])));

    const failures: string[] = [];
    const rows = cases.map(({ name, ours, parallel }, at) => {
      const { wallS, overlapped } = measured[at] as Measured;
      const limit = parallel ? seconds + OVERHEAD_S : 2 * seconds;
      const inTime = parallel ? wallS <= limit : wallS >= limit;
      if (overlapped !== parallel)
        failures.push(`${name}: the calls ${overlapped ? "" : "do not "}overlap, flag ${onOff(parallel)}`);
      if (ours && !inTime) failures.push(`${name}: ${wallS.toFixed(2)} s, flag ${onOff(parallel)}`);
      return (
        `| ${name} | ${onOff(parallel)} | ${overlapped ? "together" : "one by one"} | ${wallS.toFixed(2)} s | ` +
        `${ours ? `${parallel ? "≤" : "≥"} ${limit.toFixed(1)} s` : "–"} | ${parallel ? "31.73 s" : "58.79 s, 56.70 s"} |`
      );
    });
    const manyRows = open.map(({ name, ours }, at) => {
      const { wallS, most } = manyMeasured[at] as Measured;
      if (ours && wallS >= MANY_LIMIT_S) failures.push(`${name}: ${MANY} calls took ${wallS.toFixed(2)} s`);
      return `| ${name} | ${most} | ${wallS.toFixed(2)} s | ${ours ? `< ${MANY_LIMIT_S} s` : "–"} |`;
    });
    const [cpu] = cpus();
    const report = [
      `Node ${process.version}, ${cpus().length} × ${cpu?.model ?? "?"}.`,
      "",
      `Two calls of ${seconds} s in one step:`,
      "",
      "| through | flag | the calls ran | wall time | to reach | published, with 25 s |",
      "|---|---|---|--:|--:|--:|",
      ...rows,
      "",
      `${MANY} calls of ${MANY_S} s in one step, flag on:`,
      "",
      "| through | most at once | wall time | to reach |",
      "|---|--:|--:|--:|",
      ...manyRows,
    ].join("\n");
    process.stdout.write(`${report}\n`);
    for (const failure of failures) process.stderr.write(`MISSED: ${failure}\n`);
    if (failures.length > 0) process.exitCode = 1;
    else if (values.write) writeToReadme("parallel", report);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

interface Case {
  readonly opens: (folder: string, server: object) => Promise<Caller>;
  readonly parallel: boolean;
  readonly calls: readonly Call[];
}

/** Opens all callers, then lets all make their step at the same time. */
async function measureAll(root: string, cases: readonly Case[]): Promise<readonly Measured[]> {
  await using stack = new AsyncDisposableStack();
  const ready: { caller: Caller; record: string; calls: readonly Call[] }[] = [];
  for (const { opens, parallel, calls } of cases) {
    const folder = mkdtempSync(join(root, "case-"));
    const record = join(folder, "record");
    const args = [join(import.meta.dirname, "servers", "delay-mcp.mjs"), record];
    const server = { command: process.execPath, args, supports_parallel_tool_calls: parallel };
    ready.push({ caller: stack.use(await opens(folder, server)), record, calls });
  }
  return await Promise.all(
    ready.map(async ({ caller, record, calls }) => {
      const start = performance.now();
      await caller.step(calls);
      const wallS = (performance.now() - start) / 1000;
      const lines = readFileSync(record, "utf8").trim().split("\n");
      if (lines.length !== 2 * calls.length)
        throw new Error(`The server got other calls:\n${lines.join("\n")}`);
      const firstEnd = lines.findIndex((line) => line.startsWith("end "));
      return { wallS, overlapped: firstEnd === calls.length, most: mostAtOnce(lines) };
    }),
  );
}

function mostAtOnce(record: readonly string[]): number {
  let [now, most] = [0, 0];
  for (const line of record) {
    now += line.startsWith("start ") ? 1 : -1;
    most = Math.max(most, now);
  }
  return most;
}

/** The gate before a thread's connections, as an agent loop has it. */
async function openOurs(_folder: string, server: object): Promise<Caller> {
  const manager = new McpManager();
  const thread = manager.openThread({ servers: { [SERVER]: server as { command: string } } });
  await thread.ready();
  const gate = new Gate();
  const make = async ({ tool, seconds }: Call, turn: object): Promise<void> => {
    const found = toolsOf(thread).find((each) => each.tool.name === tool);
    const parallel = isParallel({
      serverFlag: found?.supportsParallelToolCalls,
      annotations: found?.annotations,
    });
    using _ = await gate.enter({ turn, connection: thread.server(SERVER).connection, parallel });
    const outcome = await thread.callTool(SERVER, tool, { seconds });
    if (outcome.kind !== "result") throw new Error(JSON.stringify(outcome));
  };
  return {
    step: async (calls) => {
      const turn = {};
      await Promise.all(calls.map((call) => make(call, turn)));
    },
    [Symbol.asyncDispose]: () => manager[Symbol.asyncDispose](),
  };
}

/** A thread of the real Codex that has had a turn already; the next one makes the calls. */
async function openCodex(folder: string, server: object): Promise<Caller> {
  await using opened = new AsyncDisposableStack();
  let calls: readonly Call[] = [];
  const script = ({ step }: ModelRequest): ModelReply =>
    step > 0 || calls.length === 0
      ? say(FINAL_ANSWER)
      : calls.map(({ tool, seconds }) => callTool({ server: SERVER, tool, arguments: { seconds } }));
  const model = opened.use(await ScriptedModel.start({ script }));
  const workingDirectory = join(folder, "work");
  mkdirSync(workingDirectory);
  const home = { path: join(folder, "home") };
  const codex = new Codex({ baseUrl: model.baseUrl, apiKey: "none", home });
  opened.defer(() => codex.close());
  const thread = codex.startThread({
    model: MODEL,
    workingDirectory,
    mcpServers: { [SERVER]: server as { command: string } },
  });
  await thread.run("Hello");
  const stack = opened.move();
  return {
    step: async (wanted) => {
      calls = wanted;
      const { items, finalResponse } = await thread.run("Query both");
      const done = items.filter((item) => item.type === "mcp_tool_call" && item.status === "completed");
      if (done.length !== wanted.length || finalResponse !== FINAL_ANSWER)
        throw new Error(JSON.stringify({ items, finalResponse }));
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function codexVersion(): string {
  const said = execFileSync(findCodex(undefined, {}).path, ["--version"], { encoding: "utf8" });
  return said.trim().split(" ").at(-1) ?? said;
}

function onOff(flag: boolean): string {
  return flag ? "on" : "off";
}
