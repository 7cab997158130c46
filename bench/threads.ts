/**
 * `npm run bench -- threads`: many threads at once, ours against `@openai/codex-sdk`.
 *
 *   --n 1,5,20,40,160      how many threads at once; the SDK stops at 40
 *   --rounds 3             the median of so many
 *   --only <variant>,...   of `VARIANTS`
 *   --env plain | user     an empty home and no settings, or the environment of the user who runs this
 *   --in empty | repository  where the agents work
 *   --quiet 0.1            a case waits, and is run once more, where others take more of the machine than this
 *   --write                put the result into README.md
 *   --json <file>          keep what was measured, round by round
 *
 * A case is one variant with one number of threads, in a process of its own: a first turn of the host, then new
 * threads with a cold turn each, a warm turn each, and a turn each that the model holds while memory is read.
 */
import { writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { TurnsResult } from "./driver.ts";
import { VARIANTS, type Variant } from "./hosts.ts";
import { childrenMemory, machineBusyMs, ownMemory, treeCpuMs } from "./proc.ts";
import { writeToReadme } from "./readme.ts";
import { type CaseResult, type Phase, renderReport } from "./threads-report.ts";
import { type Driver, Workspace } from "./workspace.ts";

/** So many processes of the SDK at once is what two cores and 4 GB still bear. */
const SDK_THREADS_MAX = 40;
/** Below this, a case repeats its batch of threads until it has had so many turns: a tick of the kernel is 10 ms. */
const TURNS_MIN = 20;
const BATCHES_MAX = 6;
const ATTEMPTS_MAX = 2;
/** So long a case waits for others to let go of the machine. */
const QUIET_WAIT_MS = 20_000;
const QUIET_SAMPLE_MS = 400;
const HELD_TIMEOUT_MS = 60_000;

export async function benchThreads(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      n: { type: "string", default: "1,5,20,40,160" },
      rounds: { type: "string", default: "3" },
      only: { type: "string", default: VARIANTS.join(",") },
      write: { type: "boolean", default: false },
      json: { type: "string" },
      env: { type: "string", default: "plain" },
      in: { type: "string", default: "empty" },
      quiet: { type: "string", default: "0.1" },
    },
  });
  const counts = values.n.split(",").map(Number);
  const rounds = Number(values.rounds);
  const variants = VARIANTS.filter((variant) => values.only.split(",").includes(variant));
  if (counts.some((n) => !(n >= 1)) || !(rounds >= 1) || variants.length === 0) {
    throw new Error(`Use --n 1,20 --rounds 3 --only ${VARIANTS.join(",")}`);
  }

  await using workspace = await Workspace.open(
    values.env === "user" ? "user" : "plain",
    values.in === "repository" ? "repository" : "empty",
  );
  const load = loadavg()[0] ?? 0;
  const results: CaseResult[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const n of counts) {
      // The second side finds a machine that the first has warmed up, so they take turns.
      for (const variant of round % 2 === 0 ? variants : variants.toReversed()) {
        if (variant.startsWith("sdk") && n > SDK_THREADS_MAX) continue;
        const result = await runQuietly(() => runCase(workspace, variant, n), Number(values.quiet));
        results.push(result);
        process.stderr.write(`${progress(round, result)}\n`);
      }
    }
  }
  const report = renderReport(results, {
    rounds,
    environment: workspace.environment,
    codexVersion: workspace.codexVersion,
    sdkVersion: workspace.sdkVersion,
    loadBefore: load,
  });
  process.stdout.write(`${report}\n`);
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(results, undefined, 1));
  if (values.write) writeToReadme("threads", report);
}

/** Returns when others take little of the machine, or have not let go of it for a while. */
async function waitForQuiet(limit: number): Promise<void> {
  const deadline = performance.now() + QUIET_WAIT_MS;
  while (performance.now() < deadline) {
    const before = machineBusyMs();
    await sleep(QUIET_SAMPLE_MS);
    if (machineBusyMs() - before <= limit * QUIET_SAMPLE_MS * availableParallelism()) return;
  }
}

/** Runs a case and, if others took too much of the machine meanwhile, runs it again; the quietest run counts. */
async function runQuietly(
  run: () => Promise<Omit<CaseResult, "foreignShare">>,
  limit: number,
): Promise<CaseResult> {
  let best: CaseResult | undefined;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    await waitForQuiet(limit);
    const begin = { busyMs: machineBusyMs(), ownMs: treeCpuMs(process.pid), at: performance.now() };
    const result = await run();
    const elapsedMs = performance.now() - begin.at;
    const foreignMs = machineBusyMs() - begin.busyMs - (treeCpuMs(process.pid) - begin.ownMs);
    const foreignShare = Math.max(0, foreignMs) / (elapsedMs * availableParallelism());
    if (best === undefined || foreignShare < best.foreignShare) best = { ...result, foreignShare };
    if (best.foreignShare <= limit) break;
  }
  return best as CaseResult;
}

async function runCase(
  workspace: Workspace,
  variant: Variant,
  n: number,
): Promise<Omit<CaseResult, "foreignShare">> {
  const driver = await workspace.openDriver(variant);
  const batches = Math.min(BATCHES_MAX, Math.ceil(TURNS_MIN / n));
  try {
    const first = await runPhase(workspace, driver, ["first"], true);
    await driver.ask("drop", undefined);
    const cold: Phase[] = [];
    const warm: Phase[] = [];
    let dropCpuMs = 0;
    for (let batch = 0; ; batch++) {
      const names = Array.from({ length: n }, (_, index) => `${driver.pid}-${batch}-${index}`);
      cold.push(await runPhase(workspace, driver, names, true));
      warm.push(await runPhase(workspace, driver, names, false));
      if (batch === batches - 1) {
        const memory = await measureHeld(workspace, driver, n);
        dropCpuMs += (await driver.ask("drop", undefined)).codexCpuMs;
        await driver.ask("close", undefined);
        return {
          variant,
          n,
          first,
          cold: mean(cold),
          warm: mean(warm),
          dropCpuMs: dropCpuMs / (n * batches),
          ...memory,
        };
      }
      dropCpuMs += (await driver.ask("drop", undefined)).codexCpuMs;
    }
  } finally {
    await workspace.closeDriver(driver);
  }
}

/** One turn on each thread. */
async function runPhase(
  workspace: Workspace,
  driver: Driver,
  names: readonly string[],
  start: boolean,
): Promise<Phase> {
  if (start) await driver.ask("start", { names });
  const { model, mcp } = workspace;
  const [modelBefore, mcpBefore] = await Promise.all([
    model.ask("stats", undefined),
    mcp.ask("stats", undefined),
  ]);
  const turns: TurnsResult = await driver.ask("turns", undefined);
  const [modelAfter, mcpAfter] = await Promise.all([
    model.ask("stats", undefined),
    mcp.ask("stats", undefined),
  ]);
  if (mcpAfter.misdelivered > mcpBefore.misdelivered)
    throw new Error("A tool call came with a foreign header");
  const calls = (of: typeof mcpBefore, name: string): number => of.delivered[name] ?? 0;
  const reached = names.filter((name) => calls(mcpAfter, name) === calls(mcpBefore, name) + 1);
  const n = names.length;
  return {
    wallMs: turns.wallMs,
    medianTurnMs: turns.medianTurnMs,
    codexCpuMs: turns.codexCpuMs / n,
    ownCpuMs: turns.ownCpuMs / n,
    modelCpuMs: (modelAfter.cpuMs - modelBefore.cpuMs) / n,
    mcpCpuMs: (mcpAfter.cpuMs - mcpBefore.cpuMs) / n,
    modelRequests: (modelAfter.requests - modelBefore.requests) / n,
    reached: reached.length / n,
    failures: [...new Set(turns.failures)],
  };
}

/** The memory of the host and of Codex while every thread waits for the model. */
async function measureHeld(
  workspace: Workspace,
  driver: Driver,
  n: number,
): Promise<Pick<CaseResult, "codexPssMb" | "codexRssMb" | "codexProcesses" | "hostPssMb">> {
  const { model } = workspace;
  await model.ask("hold", undefined);
  const turns = driver.ask("turns", undefined);
  // If it fails, the next line waits in vain and says so.
  turns.catch(() => {});
  const deadline = performance.now() + HELD_TIMEOUT_MS;
  while ((await model.ask("stats", undefined)).held < n) {
    if (performance.now() > deadline) throw new Error(`The model does not hold ${n} turns`);
    await sleep(50);
  }
  await driver.ask("heap", undefined);
  const codex = childrenMemory(driver.pid);
  const host = ownMemory(driver.pid);
  await model.ask("release", undefined);
  await turns;
  return {
    codexPssMb: codex.pssMb,
    codexRssMb: codex.rssMb,
    codexProcesses: codex.processes,
    hostPssMb: host.pssMb,
  };
}

function mean(phases: readonly Phase[]): Phase {
  const of = (pick: (phase: Phase) => number): number =>
    phases.reduce((sum, phase) => sum + pick(phase), 0) / phases.length;
  return {
    wallMs: of((phase) => phase.wallMs),
    medianTurnMs: of((phase) => phase.medianTurnMs),
    codexCpuMs: of((phase) => phase.codexCpuMs),
    ownCpuMs: of((phase) => phase.ownCpuMs),
    modelCpuMs: of((phase) => phase.modelCpuMs),
    mcpCpuMs: of((phase) => phase.mcpCpuMs),
    modelRequests: of((phase) => phase.modelRequests),
    reached: of((phase) => phase.reached),
    failures: phases.flatMap((phase) => phase.failures),
  };
}

function progress(round: number, result: CaseResult): string {
  const { variant, n, first, cold, warm, codexPssMb, hostPssMb, foreignShare } = result;
  const phase = (name: string, { wallMs, codexCpuMs, ownCpuMs, reached, failures }: Phase): string =>
    `${name} ${wallMs.toFixed(0)} ms, CPU ${codexCpuMs.toFixed(1)}+${ownCpuMs.toFixed(1)}` +
    `${reached < 1 ? `, reached ${(100 * reached).toFixed(0)} %` : ""}${failures.map((why) => `\n    ${why}`).join("")}`;
  return (
    `round ${round + 1}  ${variant.padEnd(24)} N=${String(n).padEnd(4)}` +
    `${phase("first", first)} | ${phase("cold", cold)} | ${phase("warm", warm)} | ` +
    `PSS ${codexPssMb.toFixed(0)}+${hostPssMb.toFixed(0)} MB, others ${(100 * foreignShare).toFixed(0)} %`
  );
}
