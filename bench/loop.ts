/**
 * `npm run bench -- loop [--turns N] [--write]`: what a turn costs, through our own loop and through Codex.
 *
 * A turn is two requests to the model and one tool call, as in `threads`; each runs alone. CPU is user and system time: of this process for our
 * loop, of Codex with its children for Codex, until both rest.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Agent } from "../src/agent/index.ts";
import { Codex } from "../src/index.ts";
import type { Engine } from "../src/thread/engine.ts";
import { Child } from "./child.ts";
import { treeCpuMs } from "./proc.ts";
import { writeToReadme } from "./readme.ts";
import { FINAL_ANSWER, IDENTITY_HEADER, identityOf, MODEL, PROMPT_MARK, SERVER } from "./scenario.ts";
import type { McpQuestions } from "./servers/mcp.ts";
import type { ModelQuestions } from "./servers/model.ts";

/** Turns that warm everything up. */
const WARM_UP = 5;
/** Until Codex rests after its turns. */
const REST_MS = 1_000;

interface Cost {
  readonly coldMs: number;
  readonly warmMs: number;
}

export async function benchLoop(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { turns: { type: "string", default: "40" }, write: { type: "boolean", default: false } },
  });
  const turns = Number(values.turns);
  const folder = mkdtempSync(join(tmpdir(), "switchyard-bench-"));
  try {
    await using model = new Child<ModelQuestions>(join(import.meta.dirname, "servers/model.ts"));
    await using mcp = new Child<McpQuestions>(join(import.meta.dirname, "servers/mcp.ts"));
    const { baseUrl } = await model.ask("start", undefined);
    const { origin } = await mcp.ask("start", undefined);
    const work = join(folder, "work");
    mkdirSync(work);
    const measure = (engine: Engine, cpu: () => number): Promise<Cost> =>
      costOf(engine, cpu, turns, origin, work);

    const agent = new Agent({
      baseUrl,
      apiKey: "k",
      model: MODEL,
      toolNames: "namespaces",
      home: join(folder, "agent"),
    });
    const ours = await measure(
      agent,
      () => process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000,
    );
    await agent.close();
    const codex = new Codex({ baseUrl, apiKey: "k", home: { path: join(folder, "codex") } });
    const theirs = await measure(codex, () => (codex.pid === undefined ? 0 : treeCpuMs(codex.pid)));
    await codex.close();

    const [cpu] = cpus();
    const row = (name: string, mine: number, other: number): string =>
      `| ${name} | ${mine.toFixed(1)} ms | ${other.toFixed(1)} ms | 1/${(other / mine).toFixed(1)} | ≤ 1/10 |`;
    const result = [
      `Node ${process.version}, ${cpus().length} × ${cpu?.model ?? "?"}, ${turns} turns of each kind.`,
      "",
      "| CPU of a turn | our loop | Codex | ratio | target |",
      "|---|---|---|---|---|",
      row("the first of a new thread", ours.coldMs, theirs.coldMs),
      row("a further one", ours.warmMs, theirs.warmMs),
    ].join("\n");
    process.stdout.write(`${result}\n`);
    if (values.write) writeToReadme("loop", result);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function costOf(
  engine: Engine,
  cpu: () => number,
  turns: number,
  origin: string,
  work: string,
): Promise<Cost> {
  const open = (name: string): ReturnType<Engine["startThread"]> =>
    engine.startThread({
      workingDirectory: work,
      model: MODEL,
      mcpServers: {
        [SERVER]: { url: `${origin}/${name}`, headers: { [IDENTITY_HEADER]: identityOf(name) } },
      },
    });
  const turn = async (thread: ReturnType<Engine["startThread"]>): Promise<void> => {
    const { events } = await thread.runStreamed(PROMPT_MARK);
    let text = "";
    for await (const event of events)
      if (event.type === "item.completed" && event.item.type === "agent_message") text = event.item.text;
    if (text !== FINAL_ANSWER) throw new Error(`The turn ended with ${JSON.stringify(text)}`);
  };
  const cold = async (count: number, kind: string): Promise<void> => {
    for (let at = 0; at < count; at++) {
      const thread = open(`${kind}-${at}`);
      await turn(thread);
      await thread.close();
    }
  };
  await cold(WARM_UP, "warm-up");
  await sleep(REST_MS);
  const beforeCold = cpu();
  await cold(turns, "cold");
  await sleep(REST_MS);
  const coldMs = (cpu() - beforeCold) / turns;
  const thread = open("warm");
  for (let at = 0; at < WARM_UP; at++) await turn(thread);
  await sleep(REST_MS);
  const beforeWarm = cpu();
  for (let at = 0; at < turns; at++) await turn(thread);
  await sleep(REST_MS);
  return { coldMs, warmMs: (cpu() - beforeWarm) / turns };
}
