/**
 * `npm run bench -- soak`: many turns over the same threads must leave memory and open files where they were.
 *
 *   --threads 50  --turns 1000   of all threads together
 *   --variant switchyard         see `VARIANTS`
 *   --churn                      close all threads after each fifth of the turns, and open new ones
 *   --write                      put the result into README.md
 *
 * Compared are the states after a fifth of the turns, when everything that grows once has grown, and after the last.
 * Each thread keeps its conversation, and Codex holds it in memory; `--churn` shows what remains without that.
 */
import { parseArgs } from "node:util";
import { VARIANTS } from "./hosts.ts";
import { childrenMemory, ownMemory } from "./proc.ts";
import { writeToReadme } from "./readme.ts";
import { type Driver, Workspace } from "./workspace.ts";

const SAMPLES = 5;
/** Growth between the first and the last sample that still counts as level. */
const LEVEL = 0.1;
const LEVEL_FILES = 4;

interface Sample {
  readonly turns: number;
  readonly codexPssMb: number;
  readonly codexFiles: number;
  readonly codexProcesses: number;
  readonly hostRssMb: number;
  readonly hostHeapMb: number;
  readonly hostFiles: number;
}

export async function benchSoak(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      threads: { type: "string", default: "50" },
      turns: { type: "string", default: "1000" },
      variant: { type: "string", default: "switchyard" },
      churn: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  const threads = Number(values.threads);
  const rounds = Math.ceil(Number(values.turns) / threads);
  const variant = VARIANTS.find((each) => each === values.variant);
  if (!(threads >= 1) || !(rounds >= SAMPLES) || variant === undefined) {
    throw new Error(`Use --threads 50 --turns 1000 --variant ${VARIANTS.join(" | ")}`);
  }

  await using workspace = await Workspace.open();
  const driver = await workspace.openDriver(variant);
  const samples: Sample[] = [];
  let failed = 0;
  let generation = 0;
  let codexCpuMs = 0;
  let ownCpuMs = 0;
  const start = (): Promise<undefined> => {
    const names = Array.from({ length: threads }, (_, index) => `${generation}-${index}`);
    generation++;
    return driver.ask("start", { names });
  };
  await start();
  for (let round = 1; round <= rounds; round++) {
    const result = await driver.ask("turns", undefined);
    failed += result.failures.length;
    codexCpuMs += result.codexCpuMs;
    ownCpuMs += result.ownCpuMs;
    if (round % Math.floor(rounds / SAMPLES) !== 0) continue;
    const sample = await takeSample(driver, round * threads);
    samples.push(sample);
    process.stderr.write(`${JSON.stringify(sample)}\n`);
    if (values.churn && round < rounds) {
      await driver.ask("drop", undefined);
      await start();
    }
  }
  await driver.ask("drop", undefined);
  const { delivered } = await workspace.mcp.ask("stats", undefined);
  const reached = Object.values(delivered).reduce((sum, calls) => sum + calls, 0);
  const how = values.churn ? ", new threads after each sample" : "";
  const report = [
    `${rounds * threads} turns of ${variant} over ${threads} threads${how}; ${failed} failed, ${reached} tool calls reached their server.`,
    `CPU per turn: Codex ${(codexCpuMs / (rounds * threads)).toFixed(1)} ms, host ${(ownCpuMs / (rounds * threads)).toFixed(1)} ms ` +
      `(${((100 * ownCpuMs) / codexCpuMs).toFixed(1)} %).`,
    render(samples),
  ].join("\n\n");
  process.stdout.write(`${report}\n`);
  if (values.write) writeToReadme("soak", report);
}

async function takeSample(driver: Driver, turns: number): Promise<Sample> {
  const { heapMb } = await driver.ask("heap", undefined);
  const codex = childrenMemory(driver.pid);
  const host = ownMemory(driver.pid);
  return {
    turns,
    codexPssMb: codex.pssMb,
    codexFiles: codex.files,
    codexProcesses: codex.processes,
    hostRssMb: host.rssMb,
    hostHeapMb: heapMb,
    hostFiles: host.files,
  };
}

function render(samples: readonly Sample[]): string {
  const [first] = samples;
  const last = samples.at(-1);
  if (first === undefined || last === undefined) return "";
  const measures: readonly [string, (sample: Sample) => number, (from: number, to: number) => boolean][] = [
    ["Codex: PSS, MB", (each) => each.codexPssMb, isLevel],
    ["Codex: open files", (each) => each.codexFiles, areFilesLevel],
    ["Codex: processes", (each) => each.codexProcesses, (from, to) => to <= from],
    ["host: RSS after gc, MB", (each) => each.hostRssMb, isLevel],
    ["host: heap after gc, MB", (each) => each.hostHeapMb, isLevel],
    ["host: open files", (each) => each.hostFiles, areFilesLevel],
  ];
  const rows = measures.map(([name, pick, level]) => {
    const verdict = level(pick(first), pick(last)) ? "level" : "**grows**";
    const cells = samples.map((sample) => pick(sample).toFixed(name.includes("MB") ? 1 : 0));
    return `| ${name} | ${cells.join(" | ")} | ${verdict} |`;
  });
  return [
    `| after turn | ${samples.map(({ turns }) => turns).join(" | ")} | |`,
    `|---|${samples.map(() => "--:|").join("")}---|`,
    ...rows,
  ].join("\n");
}

function isLevel(from: number, to: number): boolean {
  return to <= from * (1 + LEVEL);
}

function areFilesLevel(from: number, to: number): boolean {
  return to <= from + LEVEL_FILES;
}
