/**
 * The gate: every check of this repository, one line each, then the number of tests. `npm test` runs it.
 *
 *   npm test                  everything
 *   npm test -- unit types    only these
 *   npm test -- --list        what there is
 *
 * Checks that only need a processor share the two we assume; those that start real processes and depend on
 * time run alone, at the end.
 *
 * Invariants
 *   G1. The exit code is 0 only if every check passed, and the last line is `N passed, N failed` (tests).
 *   G2. A test run that ends without a summary counts as one failed test, so no crash reads as "0 failed".
 *   G3. A check that overruns, or an interrupted gate, ends the check's whole process group.
 *   G4. Everything we start carries SWITCHYARD_CHECK=<run id> and a TMPDIR of its own. What is still alive,
 *       or still on disk, after the last check is named, fails the run, and is removed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

interface Check {
  readonly name: string;
  readonly about: string;
  readonly timeoutMs: number;
  /** Runs with nothing beside it, because it measures or waits on real processes. */
  readonly alone?: true;
  /** Files for the test runner; with none there is nothing to run. Without it, a plain command. */
  readonly testFiles?: () => readonly string[];
  readonly command: readonly [file: string, ...args: string[]];
}

interface Tally {
  readonly passed: number;
  readonly failed: number;
}

interface Outcome {
  readonly ok: boolean;
  readonly seconds: number;
  /** Appended to the line: why it failed, or how many tests ran. */
  readonly note: string;
  readonly output: string;
  readonly tally?: Tally;
}

type End =
  | { readonly kind: "exited"; readonly code: number | null; readonly signal: NodeJS.Signals | null }
  | { readonly kind: "timed out" }
  | { readonly kind: "stopped" }
  | { readonly kind: "not started"; readonly error: Error };

const root = join(import.meta.dirname, "..");
const binaries = join(root, "node_modules", ".bin");
const tool = (name: string): string => join(binaries, name);

const testRunner = ["--test", "--test-reporter=spec", "--test-reporter-destination=stdout"] as const;
const architectureTests = "test/architecture/*.test.ts";
const needsCodex = "src/**/*.codex.test.ts";

const checks: readonly Check[] = [
  {
    name: "types",
    about: "tsc on every TypeScript file",
    timeoutMs: 120_000,
    command: [tool("tsc"), "-p", "tsconfig.json"],
  },
  {
    name: "lint",
    about: "oxlint with type-aware rules: floating promises, import cycles, unsafe any",
    timeoutMs: 120_000,
    command: [tool("oxlint"), "--type-aware", "--deny-warnings"],
  },
  {
    name: "format",
    about: "biome: `npm run format` would change nothing",
    timeoutMs: 60_000,
    command: [tool("biome"), "ci", "--colors=off"],
  },
  {
    name: "layers",
    about: "architecture: what each folder of src/ may import and do",
    timeoutMs: 60_000,
    testFiles: () => globSync(architectureTests, { cwd: root }),
    command: [process.execPath, ...testRunner, "--test-isolation=none"],
  },
  {
    name: "build",
    about: "dist/ from src/",
    timeoutMs: 120_000,
    command: [process.execPath, "tools/build.ts"],
  },
  {
    name: "unit",
    about: "src/**/*.test.ts in one process, so that what a test leaves behind disturbs the next",
    timeoutMs: 120_000,
    testFiles: () => globSync("src/**/*.test.ts", { cwd: root, exclude: [needsCodex] }),
    command: [process.execPath, ...testRunner, "--test-isolation=none", "--test-timeout=20000"],
  },
  {
    name: "package",
    about: "the packed tarball, installed without Codex, on Node 22 and Node 24",
    timeoutMs: 300_000,
    command: [process.execPath, "test/package/package-smoke.ts"],
  },
  {
    name: "integration",
    about: "test/**/*.test.ts and src/**/*.codex.test.ts against the real Codex binary",
    timeoutMs: 900_000,
    alone: true,
    testFiles: () => globSync(["test/**/*.test.ts", needsCodex], { cwd: root, exclude: [architectureTests] }),
    command: [process.execPath, ...testRunner, "--test-concurrency=2", "--test-timeout=180000"],
  },
];

const processorsAssumed = 2;
const stopGraceMs = 3_000;
const outputGraceMs = 1_000;
const leakGraceMs = 2_000;

/** One run of the gate: its tag, its temporary folder, and the signal that ends everything it started. */
class Run {
  readonly id: string = randomUUID();
  readonly #temporary: string = mkdtempSync(join(tmpdir(), "switchyard-"));
  readonly #stop = new AbortController();

  get stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  stop(): void {
    this.#stop.abort();
  }

  async check(check: Check): Promise<Outcome> {
    const startedMs = performance.now();
    const files = check.testFiles?.().toSorted();
    if (files?.length === 0) {
      return { ok: true, seconds: 0, note: "0 tests", output: "", tally: { passed: 0, failed: 0 } };
    }
    const [file, ...args] = check.command;
    const child = spawn(file, [...args, ...(files ?? [])], {
      cwd: root,
      // A group of its own: G3 ends it as a whole, and a Ctrl-C at the terminal reaches only the gate.
      detached: true,
      env: this.#environment(check),
      stdio: ["ignore", "pipe", "pipe"],
    });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    const end = await waitForEnd(child, check.timeoutMs, this.#stop.signal);
    const output = Buffer.concat(chunks).toString("utf8");
    const seconds = (performance.now() - startedMs) / 1000;
    return { seconds, output, ...judge(end, check, files === undefined ? undefined : readTally(output)) };
  }

  /** Looks for what the checks left behind, names it and removes it (G4). */
  async findLeaks(): Promise<Outcome> {
    const startedMs = performance.now();
    // A process that was told to end may still be on its way out.
    const deadlineMs = startedMs + (this.stopped ? 0 : leakGraceMs);
    let processes = this.#leftProcesses();
    while (processes.length > 0 && performance.now() < deadlineMs) {
      await sleep(50);
      processes = this.#leftProcesses();
    }
    const lines = processes.map((left) => `process ${left.pid}, started by ${left.check}: ${left.command}\n`);
    // Killing one may reveal what it was about to start, hence the rounds.
    for (let round = 0; round < 8 && processes.length > 0; round++) {
      for (const { pid } of processes) killQuietly(pid);
      await sleep(20);
      processes = this.#leftProcesses();
    }
    for (const check of readdirSync(this.#temporary)) {
      for (const name of readdirSync(join(this.#temporary, check))) {
        lines.push(`temporary file or folder, made by ${check}: ${name}\n`);
      }
    }
    rmSync(this.#temporary, { recursive: true, force: true });
    const seconds = (performance.now() - startedMs) / 1000;
    if (lines.length === 0) return { ok: true, seconds, note: "", output: "" };
    return { ok: false, seconds, note: `${lines.length} left behind`, output: lines.join("") };
  }

  #environment(check: Check): NodeJS.ProcessEnv {
    const temporary = join(this.#temporary, check.name);
    mkdirSync(temporary, { recursive: true });
    const environment: NodeJS.ProcessEnv = {
      ...process.env,
      PATH: `${binaries}${delimiter}${process.env["PATH"] ?? ""}`,
      SWITCHYARD_CHECK: this.id,
      TMPDIR: temporary,
      NO_COLOR: "1",
      // npm and others would keep it in TMPDIR, where it reads as something a check forgot.
      NODE_DISABLE_COMPILE_CACHE: "1",
    };
    delete environment["FORCE_COLOR"];
    // Set when the gate itself was started by a test; it makes `node --test` skip every file.
    delete environment["NODE_TEST_CONTEXT"];
    return environment;
  }

  /** Living processes that carry our tag. Elsewhere than on Linux there is no /proc to ask. */
  #leftProcesses(): { readonly pid: number; readonly check: string; readonly command: string }[] {
    if (process.platform !== "linux") return [];
    const found = [];
    for (const entry of readdirSync("/proc")) {
      if (!/^\d+$/.test(entry)) continue;
      const environment = readProcFile(entry, "environ");
      if (!environment.includes(`SWITCHYARD_CHECK=${this.id}`)) continue;
      const temporary = environment.find((line) => line.startsWith(`TMPDIR=${this.#temporary}`));
      const check = temporary === undefined ? "an unknown check" : basename(temporary);
      found.push({ pid: Number(entry), check, command: readProcFile(entry, "cmdline").join(" ").trim() });
    }
    return found;
  }
}

function readProcFile(pid: string, name: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8").split("\0");
  } catch {
    // Ended since the listing, or another user's.
    return [];
  }
}

/** Waits for the child; ends its group when it overruns or when the gate is stopped (G3). */
async function waitForEnd(child: ChildProcess, timeoutMs: number, stop: AbortSignal): Promise<End> {
  const exited = new Promise<End>((resolve) => {
    child.once("error", (error) => resolve({ kind: "not started", error }));
    child.once("exit", (code, signal) => resolve({ kind: "exited", code, signal }));
  });
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const over = new AbortController();
  const overrun = AbortSignal.any([stop, AbortSignal.timeout(timeoutMs)]);
  const stopped = new Promise<End>((resolve) => {
    const settle = (): void => resolve({ kind: stop.aborted ? "stopped" : "timed out" });
    if (overrun.aborted) settle();
    else overrun.addEventListener("abort", settle, { once: true, signal: over.signal });
  });
  try {
    const end = await Promise.race([exited, stopped]);
    if (end.kind === "timed out" || end.kind === "stopped") {
      signalGroup(child, "SIGTERM");
      await Promise.race([closed, sleep(stopGraceMs, undefined, { signal: over.signal })]);
      signalGroup(child, "SIGKILL");
    }
    // A leaked grandchild may hold the pipe open for ever; the leak check will name it.
    await Promise.race([closed, sleep(outputGraceMs, undefined, { signal: over.signal })]);
    return end;
  } finally {
    over.abort();
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  killQuietly(-child.pid, signal);
}

function killQuietly(pid: number, signal: NodeJS.Signals = "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // Gone already, which is what we want; a zombie group answers EPERM on some systems.
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

function judge(end: End, check: Check, tally: Tally | undefined): Pick<Outcome, "ok" | "note" | "tally"> {
  const isTest = check.testFiles !== undefined;
  const passed = tally?.passed ?? 0;
  let failed = tally?.failed ?? 0;
  const ok = end.kind === "exited" && end.code === 0 && failed === 0 && (!isTest || tally !== undefined);
  if (isTest && !ok && failed === 0) failed = 1;
  const count = passed + failed;
  const notes = isTest ? [`${count} test${count === 1 ? "" : "s"}`] : [];
  if (failed > 0) notes.push(`${failed} failed`);
  if (end.kind === "not started") notes.push(`cannot start: ${end.error.message}`);
  else if (end.kind === "timed out") notes.push(`timed out after ${check.timeoutMs / 1000} s`);
  else if (end.kind === "stopped") notes.push("stopped");
  else if (end.signal !== null) notes.push(`killed by ${end.signal}`);
  else if (isTest && tally === undefined) notes.push("ended without a summary");
  return { ok, note: notes.join(", "), ...(isTest ? { tally: { passed, failed } } : {}) };
}

/** The counts the spec reporter ends with: the last ones, since a test may print the same words. */
function readTally(output: string): Tally | undefined {
  const counts = new Map<string, number>();
  for (const match of output.matchAll(/^ℹ (pass|fail|cancelled) (\d+)$/gm)) {
    counts.set(match[1] ?? "", Number(match[2]));
  }
  const passed = counts.get("pass");
  const failed = counts.get("fail");
  if (passed === undefined || failed === undefined) return undefined;
  return { passed, failed: failed + (counts.get("cancelled") ?? 0) };
}

function printOutcome(name: string, { ok, seconds, note, output }: Outcome): void {
  const line = `${ok ? "ok  " : "FAIL"}  ${name.padEnd(14)}${seconds.toFixed(1).padStart(6)} s`;
  console.log(note === "" ? line : `${line}   ${note}`);
  if (!ok && output !== "") console.log(`\n${output.trimEnd()}\n`);
}

async function runChecks(run: Run, chosen: readonly Check[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const runAndPrint = async (check: Check): Promise<void> => {
    if (run.stopped) return;
    const outcome = await run.check(check);
    outcomes.push(outcome);
    printOutcome(check.name, outcome);
  };
  const shared = chosen.filter((check) => check.alone !== true);
  const takeUntilEmpty = async (): Promise<void> => {
    for (let check = shared.shift(); check !== undefined; check = shared.shift()) await runAndPrint(check);
  };
  await Promise.all(Array.from({ length: processorsAssumed }, takeUntilEmpty));
  for (const check of chosen) if (check.alone === true) await runAndPrint(check);
  return outcomes;
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--list")) {
    for (const { name, about } of checks) console.log(`${name.padEnd(14)}${about}`);
    return 0;
  }
  const unknown = args.filter((arg) => !checks.some((check) => check.name === arg));
  if (unknown.length > 0) {
    const names = checks.map((check) => check.name).join(", ");
    console.error(`No check is called "${unknown.join('", "')}". There are: ${names}.`);
    return 2;
  }
  const chosen = args.length === 0 ? checks : checks.filter((check) => args.includes(check.name));

  const run = new Run();
  const stop = (): void => run.stop();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  const startedMs = performance.now();
  const outcomes = await runChecks(run, chosen);
  const leaks = await run.findLeaks();
  if (!run.stopped) printOutcome("nothing left", leaks);
  outcomes.push(leaks);

  const passed = outcomes.reduce((sum, outcome) => sum + (outcome.tally?.passed ?? 0), 0);
  const failed = outcomes.reduce((sum, outcome) => sum + (outcome.tally?.failed ?? 0), 0);
  const broken = outcomes.filter((outcome) => !outcome.ok).length;
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const verdict = broken === 0 ? "all checks passed" : `${broken} of ${outcomes.length} checks failed`;
  console.log(`\n${run.stopped ? "interrupted" : verdict}, ${seconds} s`);
  console.log(`${passed} passed, ${failed} failed`);
  if (run.stopped) return 130;
  return broken === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
