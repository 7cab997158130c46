/**
 * One command of the gate: started, limited in time, ended with everything it started, and judged.
 *
 * Each test file is a job, so one that hangs is named and does not stop the others.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

export interface Job {
  /** What is shown: a test file, or the name of a check. */
  readonly name: string;
  readonly command: readonly [file: string, ...args: string[]];
  readonly timeoutMs: number;
  /** Whether it ends with the counts of Node's test runner. */
  readonly countsTests: boolean;
}

/** In seconds. */
export interface ProcessorTime {
  readonly user: number;
  readonly system: number;
}

export interface Result {
  readonly job: Job;
  readonly ok: boolean;
  readonly seconds: number;
  /** With what it started and waited for; `undefined` when not measured. */
  readonly cpu: ProcessorTime | undefined;
  /** Why it failed. */
  readonly note: string;
  readonly output: string;
  readonly passed: number;
  readonly failed: number;
}

export interface JobOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly stop: AbortSignal;
  /** Runs it in a shell, which prints the processor time it used. */
  readonly measure: boolean;
}

type End =
  | { readonly kind: "exited"; readonly code: number | null; readonly signal: NodeJS.Signals | null }
  | { readonly kind: "timed out" }
  | { readonly kind: "stopped" }
  | { readonly kind: "not started"; readonly error: Error };

const stopGraceMs = 3_000;
const outputGraceMs = 1_000;

export async function runJob(job: Job, { cwd, env, stop, measure }: JobOptions): Promise<Result> {
  const startedMs = performance.now();
  const shell = ["/bin/sh", "-c", '"$@"; code=$?; times; exit $code', "sh"] as const;
  const [file, ...args]: Job["command"] = measure ? [...shell, ...job.command] : job.command;
  const child = spawn(file, args, {
    cwd,
    env,
    // A group of its own: it is ended as a whole, and a Ctrl-C at the terminal reaches only the gate.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  const end = await waitForEnd(child, job.timeoutMs, stop);
  const text = Buffer.concat(chunks).toString("utf8");
  const { output, cpu } = measure ? takeTimes(text) : { output: text, cpu: undefined };
  const seconds = (performance.now() - startedMs) / 1000;
  return { job, seconds, cpu, output, ...judge(end, job, output) };
}

/** Waits for the child; ends its group when it overruns or when the gate is stopped. */
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
  if (child.pid !== undefined) killQuietly(-child.pid, signal);
}

export function killQuietly(pid: number, signal: NodeJS.Signals = "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // Gone already, which is what we want; a zombie group answers EPERM on some systems.
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

function judge(
  end: End,
  { countsTests, timeoutMs }: Job,
  output: string,
): Pick<Result, "ok" | "note" | "passed" | "failed"> {
  const tally = countsTests ? readTally(output) : { passed: 0, failed: 0 };
  const ok = end.kind === "exited" && end.code === 0 && tally?.failed === 0;
  // A run without a summary counts as one failed test, so that no crash reads as "0 failed".
  const failed = countsTests && !ok ? Math.max(1, tally?.failed ?? 0) : 0;
  return { ok, note: noteOn(end, timeoutMs, tally !== undefined), passed: tally?.passed ?? 0, failed };
}

function noteOn(end: End, timeoutMs: number, hasTally: boolean): string {
  if (end.kind === "not started") return `cannot start: ${end.error.message}`;
  if (end.kind === "timed out") return `timed out after ${timeoutMs / 1000} s`;
  if (end.kind === "stopped") return "stopped";
  if (end.signal !== null) return `killed by ${end.signal}`;
  if (!hasTally) return `ended without a summary, with exit code ${end.code}`;
  return "";
}

/** The counts the spec reporter ends with: the last ones, since a test may print the same words. */
function readTally(output: string): { readonly passed: number; readonly failed: number } | undefined {
  const counts = new Map<string, number>();
  for (const match of output.matchAll(/^ℹ (pass|fail|cancelled) (\d+)$/gm)) {
    counts.set(match[1] ?? "", Number(match[2]));
  }
  const passed = counts.get("pass");
  const failed = counts.get("fail");
  if (passed === undefined || failed === undefined) return undefined;
  return { passed, failed: failed + (counts.get("cancelled") ?? 0) };
}

/** Reads what a shell's `times` printed last: its own time and its children's, each user and system. */
function takeTimes(text: string): { readonly output: string; readonly cpu: ProcessorTime | undefined } {
  const found = /(?:\d+m[\d.]+s \d+m[\d.]+s\n){2}$/.exec(text);
  if (found === null) return { output: text, cpu: undefined };
  const times = Array.from(found[0].matchAll(/(\d+)m([\d.]+)s/g), ([, minutes, seconds]) => {
    return Number(minutes) * 60 + Number(seconds);
  });
  const [ownUser = 0, ownSystem = 0, user = 0, system = 0] = times;
  const cpu = { user: ownUser + user, system: ownSystem + system };
  return { output: text.slice(0, found.index), cpu };
}
