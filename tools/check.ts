/**
 * The gate: every check of this repository, one line each, then the number of tests. `npm test` runs it.
 *
 *   npm test                  everything
 *   npm test -- unit types    only these
 *   npm test -- executor      the unit tests of src/executor and what is in test/executor
 *   npm test -- exhaustive    every case, in the tests that otherwise try a sample
 *   npm test -- --list        the names of the checks
 *   npm test -- --slow        everything, then the processor time of every job
 *
 * A check is one command, or the test files of a folder: long ones have a process of their own, the others share one.
 * SWITCHYARD_SEED repeats the samples of an earlier run.
 *
 * Invariants
 *   G1. The exit code is 0 only if every check passed, and the last line is `N passed, N failed` (tests).
 *   G2. A test file that ends without a summary counts as one failed test, so no crash reads as "0 failed".
 *   G3. A job that overruns, or an interrupted gate, ends the job's whole process group, and the rest goes on.
 *   G4. Everything we start carries SWITCHYARD_CHECK=<run id>, and a TMPDIR and a HOME of its own. What is still alive,
 *       or still on disk, after the last check is named, fails the run, and is removed.
 */
import { randomInt } from "node:crypto";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Job, type Result, runJob } from "./gate/job.ts";
import { runAll } from "./gate/pool.ts";
import { Run } from "./gate/run.ts";

interface Check {
  readonly name: string;
  readonly about: string;
  /** Not part of `npm test` without names. */
  readonly onlyByName?: true;
  /** Starts the `switchyard` command, so that `build` comes first. */
  readonly needsBuild?: true;
  /** Has a cache in the account's home. */
  readonly keepsHome?: true;
  readonly variables?: Readonly<Record<string, string>>;
  /** @param byName whether the check was asked for by name, and `unit` was not */
  readonly jobs: (byName: boolean) => readonly Job[];
}

const root = join(import.meta.dirname, "..");
const binaries = join(root, "node_modules", ".bin");
const seconds = 1_000;

/** These start first, so that no long one is left for the end: what computes needs no build, and what waits longest comes next. */
const longest = [
  "unit",
  "test/codex/faults",
  "test/runner (",
  "test/mcp (",
  "test/codex/first-turn",
  "test/codex (",
  "test/executor (",
  "test/mcp/connections",
  "test/codex/ten-rules",
  "package",
  "test/mcp/conformance",
];

/**
 * Test files, by the beginnings of their names, with a process of their own: they take long, or look at all that their process
 * holds, or change what it is. All other files of a folder share one, which saves a quarter of a second each for loading modules.
 */
const alone = [
  ...longest,
  "test/agent/faults",
  "test/cli/broken-output",
  "test/cli/demo",
  "test/cli/mcp-commands-document",
  "test/cli/mcp/call",
  "test/cli/mcp/mutations",
  "test/cli/ps",
  "test/cli/run-options",
  "test/codex/first-turn",
  "test/codex/isolation",
  "test/codex/providers",
  "test/codex/sdk-parity",
  "test/config/e",
  "test/config/faults",
  "test/executor/compliance",
  "test/executor/differential",
  "test/executor/faults",
  "test/executor/fuzz",
  "test/executor/http-differential",
  "test/executor/real-codex",
  "test/gateway/conformance",
  "test/mcp/chaos",
  "test/mcp/places",
  "test/mcp/published",
  "test/mcp/stdio-",
  "test/runner/back-pressure",
  "test/runner/threads",
  "test/tools/approval-parity",
  "test/tools/output-parity",
] as const;

function command(name: string, timeoutMs: number, file: string, ...args: string[]): readonly Job[] {
  return [{ name, timeoutMs, command: [file, ...args], countsTests: false }];
}

const testRunner = [
  "--test",
  "--test-reporter=spec",
  "--test-reporter-destination=stdout",
  "--test-isolation=none",
] as const;

function testJob(name: string, files: readonly string[], timeoutMs: number, testTimeoutMs: number): Job {
  const args = [...testRunner, `--test-timeout=${testTimeoutMs}`, ...files];
  return { name, timeoutMs, command: [process.execPath, ...args], countsTests: true };
}

/** @param about goes before the names */
function fileJobs(files: readonly string[], about = ""): readonly Job[] {
  const job = (name: string, some: readonly string[]): Job =>
    testJob(`${about}${name}`, some, 300 * seconds, 180 * seconds);
  // Hooks outside of a suite would run for the tests of all files.
  const hasHooks = (file: string): boolean =>
    /^(?:before|beforeEach|afterEach)\(/m.test(readFileSync(join(root, file), "utf8"));
  const own = files.filter((file) => alone.some((start) => file.startsWith(start)) || hasHooks(file));
  const shared = Map.groupBy(
    files.filter((file) => !own.includes(file)),
    dirname,
  );
  return [
    ...own.map((file) => job(file, [file])),
    ...[...shared].map(([folder, some]) =>
      job(some.length === 1 ? some.join() : `${folder} (${some.length} files)`, some),
    ),
  ];
}

/** The unit tests below a folder of src/. */
const unitTests = (folder: string): string[] => find(`src/${folder}/*.test.ts`, ["src/**/*.codex.test.ts"]);

function find(pattern: string, exclude: string[] = []): string[] {
  return globSync(pattern, { cwd: root, exclude }).toSorted();
}

/**
 * What starts processes, and what does not: a start copies the page tables of the process that makes it, so it costs a
 * millisecond for every 40 MB that the tests before it have taken.
 */
const startsProcesses = /^src\/(?:process|executor|testing|codex\/app-server)\//;

/** All of them in two processes, so that what one test leaves behind disturbs the next. */
function unitJobs(name: string, files: readonly string[]): readonly Job[] {
  const job = (what: string, some: readonly string[]): readonly Job[] =>
    some.length === 0 ? [] : [testJob(`${name}${what}`, some, 300 * seconds, 60 * seconds)];
  return [
    ...job(
      "",
      files.filter((file) => !startsProcesses.test(file)),
    ),
    ...job(
      ", what starts processes",
      files.filter((file) => startsProcesses.test(file)),
    ),
  ];
}

/** A folder of src/, of test/, or of both. */
function folderCheck(folder: string): Check {
  const files = [...find(`test/${folder}/**/*.test.ts`), ...find(`src/${folder}/**/*.codex.test.ts`)];
  return {
    name: folder,
    about: aboutFolder(folder, files.length > 0),
    ...(files.length === 0 ? { onlyByName: true } : {}),
    needsBuild: true,
    jobs: (byName) => [
      ...fileJobs(files),
      ...(byName ? unitJobs(`unit tests of ${folder}`, unitTests(`${folder}/**`)) : []),
    ],
  };
}

function aboutFolder(folder: string, spansLayers: boolean): string {
  const unit = existsSync(join(root, "src", folder)) ? [`the unit tests of src/${folder}/`] : [];
  const spanning = spansLayers ? [`test/${folder}/ and what needs the real Codex`] : [];
  return [...spanning, ...unit].join("; by name also ");
}

function folders(path: string): string[] {
  const entries = readdirSync(join(root, path), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** The oldest Codex that we hold, by its alias in package.json. All other checks run on the newest one. */
function floorCodex(): string {
  const [path = "node_modules/codex-floor"] = find("node_modules/codex-floor/**/vendor/*/bin/codex{,.exe}");
  return join(root, path);
}

/** Chooses samples. */
const seed = process.env["SWITCHYARD_SEED"] ?? String(randomInt(1_000_000));

/** What depends on Codex's version: its wire, its reading of configuration, its executor, and turns from end to end. */
const versionTests = [
  "src/**/protocol.codex.test.ts",
  "test/config/{differential,recordings}.test.ts",
  "test/executor/*-differential.test.ts",
  "test/executor/{differential,real-codex}.test.ts",
  "test/codex/{isolation,sdk-parity}.test.ts",
];

/** What a thread promises whoever runs its servers. */
const modeTests = [
  "test/codex/{faults,first-turn,isolation,mcp-logins,questions,rejected-tools,ten-rules}.test.ts",
];

/** Folders of test/ that are not a check of their own. */
const noFolderCheck = ["package", "fixtures", "support"];

const checks: readonly Check[] = [
  {
    name: "build",
    about: "dist/ from src/",
    jobs: () => command("build", 120 * seconds, process.execPath, "tools/build.ts"),
  },
  {
    name: "types",
    about: "tsc on every TypeScript file",
    jobs: () => command("types", 120 * seconds, join(binaries, "tsc"), "-p", "tsconfig.json"),
  },
  {
    name: "lint",
    about: "oxlint with type-aware rules: floating promises, import cycles, unsafe any",
    jobs: () => command("lint", 120 * seconds, join(binaries, "oxlint"), "--type-aware", "--deny-warnings"),
  },
  {
    name: "format",
    about: "biome: `npm run format` would change nothing",
    keepsHome: true,
    jobs: () => command("format", 60 * seconds, join(binaries, "biome"), "ci", "--colors=off"),
  },
  {
    name: "unit",
    about: "src/**/*.test.ts in two processes, so that what one test leaves behind disturbs the next",
    jobs: () => unitJobs("unit", unitTests("**")),
  },
  {
    name: "package",
    about: "the packed tarball, installed without Codex, on Node 22 and Node 24",
    keepsHome: true,
    needsBuild: true,
    jobs: () => command("package", 300 * seconds, process.execPath, "test/package/package-smoke.ts"),
  },
  ...[...new Set([...folders("test"), ...folders("src")])]
    .filter((name) => !noFolderCheck.includes(name))
    .map(folderCheck),
  {
    name: "codex-floor",
    about: "what depends on Codex's version, on the oldest one that we hold",
    needsBuild: true,
    variables: { SWITCHYARD_CODEX_PATH: floorCodex(), SWITCHYARD_RUNS: "50" },
    jobs: () =>
      fileJobs(
        versionTests.flatMap((pattern) => find(pattern)),
        "codex-floor: ",
      ),
  },
  {
    name: "codex-direct",
    about: "threads whose servers Codex runs itself; in the check codex, we do",
    needsBuild: true,
    variables: { SWITCHYARD_TEST_MCP: "direct" },
    jobs: () =>
      modeTests
        .flatMap((pattern) => find(pattern))
        .map((file) => testJob(`codex-direct: ${file}`, [file], 300 * seconds, 180 * seconds)),
  },
  {
    name: "exhaustive",
    about: "every case, in the test files that otherwise try a sample (test/support/sample.ts)",
    onlyByName: true,
    needsBuild: true,
    variables: { SWITCHYARD_EXHAUSTIVE: "1" },
    jobs: () =>
      find("{src,test}/**/*.test.ts")
        .filter((file) =>
          /support\/sample\.ts"|SWITCHYARD_EXHAUSTIVE/.test(readFileSync(join(root, file), "utf8")),
        )
        .map((file) => testJob(file, [file], 3_600 * seconds, 3_600 * seconds)),
  },
];

/** After the longest comes what shares a process. */
function rank({ name }: Job): number {
  if (name === "build") return -1;
  const found = longest.findIndex((part) => name.includes(part));
  if (found !== -1) return found;
  return name.endsWith(" files)") ? longest.length : longest.length + 1;
}

interface Outcome {
  readonly ok: boolean;
  readonly results: readonly Result[];
}

/** Runs the checks, and prints each when its last job has ended. */
async function runChecks(
  run: Run,
  chosen: readonly Check[],
  byName: boolean,
  measure: boolean,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const open = chosen.map((check) => {
    const jobs = check.jobs(byName);
    return { check, jobs, left: jobs.length, results: [] as Result[], startedMs: Number.POSITIVE_INFINITY };
  });
  type Open = (typeof open)[number];
  const built = Promise.withResolvers<void>();
  const runOne = async ({ of, job }: { readonly of: Open; readonly job: Job }): Promise<void> => {
    if (run.signal.aborted) return;
    // What the tests start is built before any of them. The build itself has begun: it is the first of all.
    if (of.check.needsBuild === true) await built.promise;
    if (run.signal.aborted) return;
    of.startedMs = Math.min(of.startedMs, performance.now());
    const env = { ...run.environment(job.name, of.check.keepsHome === true), ...of.check.variables };
    const result = await runJob(job, { cwd: root, env, stop: run.signal, measure });
    of.results.push(result);
    if (of.check.name === "build") {
      if (result.ok) run.builtCommand = join(root, "dist", "cli", "main.js");
      built.resolve();
    }
    if (--of.left > 0) return;
    const ok = of.results.every(({ ok }) => ok);
    outcomes.push({ ok, results: of.results });
    printCheck(of.check.name, (performance.now() - of.startedMs) / 1_000, of.results);
  };
  if (open[0]?.check.name !== "build") built.resolve();
  const jobs = open.flatMap((of) => of.jobs.map((job) => ({ of, job })));
  await runAll(
    jobs.toSorted((one, other) => rank(one.job) - rank(other.job)),
    runOne,
  );
  return outcomes;
}

function printLine(ok: boolean, name: string, took: number, note: string): void {
  console.log(
    `${ok ? "ok  " : "FAIL"}  ${name.padEnd(14)}${took.toFixed(1).padStart(6)} s   ${note}`.trimEnd(),
  );
}

function printCheck(name: string, took: number, results: readonly Result[]): void {
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  const count = failed + results.reduce((sum, result) => sum + result.passed, 0);
  const notes = results.some(({ job }) => job.countsTests) ? [`${count} test${count === 1 ? "" : "s"}`] : [];
  if (failed > 0) notes.push(`${failed} failed`);
  const red = results.filter((result) => !result.ok);
  printLine(red.length === 0, name, took, notes.join(", "));
  for (const { job, note, output } of red)
    console.log(`\n${job.name}${note === "" ? "" : `: ${note}`}\n${output.trimEnd()}\n`);
}

function printSlow(results: readonly Result[]): void {
  console.log("\n     wall      user    system");
  const cpuOf = ({ cpu }: Result): number => (cpu?.user ?? 0) + (cpu?.system ?? 0);
  const show = (seconds: number | undefined): string => (seconds?.toFixed(1) ?? "?").padStart(7);
  for (const result of results.toSorted((one, other) => cpuOf(other) - cpuOf(one))) {
    const { seconds, cpu, job } = result;
    console.log(`${show(seconds)} s ${show(cpu?.user)} s ${show(cpu?.system)} s   ${job.name}`);
  }
  const user = results.reduce((sum, { cpu }) => sum + (cpu?.user ?? 0), 0);
  const system = results.reduce((sum, { cpu }) => sum + (cpu?.system ?? 0), 0);
  console.log(`          ${show(user)} s ${show(system)} s   all ${results.length}`);
}

/** The checks of these names, in the order of the table, with the build if one of them needs it; or an error. */
function choose(names: readonly string[]): readonly Check[] | string {
  const unknown = names.filter((name) => !checks.some((check) => check.name === name));
  if (unknown.length > 0) {
    const known = checks.map((check) => check.name).join(", ");
    return `No check is called "${unknown.join('", "')}". There are: ${known}.`;
  }
  const chosen = checks.filter(({ name, onlyByName }) =>
    names.length === 0 ? onlyByName !== true : names.includes(name),
  );
  const needsBuild = chosen.some((check) => check.needsBuild === true);
  return checks.filter((check) => chosen.includes(check) || (needsBuild && check.name === "build"));
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--list")) {
    for (const { name, about } of checks) console.log(`${name.padEnd(14)}${about}`);
    return 0;
  }
  const measure = args.includes("--slow");
  const names = args.filter((arg) => arg !== "--slow");
  const chosen = choose(names);
  if (typeof chosen === "string") {
    console.error(chosen);
    return 2;
  }

  const run = new Run({ binaries, variables: { SWITCHYARD_SEED: seed } });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => run.stop());
  const startedMs = performance.now();
  const outcomes = await runChecks(run, chosen, names.length > 0 && !names.includes("unit"), measure);
  const lookedMs = performance.now();
  const left = await run.removeLeft();
  const { aborted } = run.signal;
  if (!aborted || left.length > 0) {
    const note = left.length === 0 ? "" : `${left.length} left behind`;
    printLine(left.length === 0, "nothing left", (performance.now() - lookedMs) / 1_000, note);
    if (left.length > 0) console.log(`\n${left.join("\n")}\n`);
  }

  const results = outcomes.flatMap((outcome) => outcome.results);
  if (measure) printSlow(results);
  const broken = outcomes.filter((outcome) => !outcome.ok).length + (left.length === 0 ? 0 : 1);
  const verdict = broken === 0 ? "all checks passed" : `${broken} of ${outcomes.length + 1} checks failed`;
  const took = ((performance.now() - startedMs) / 1_000).toFixed(1);
  console.log(`\n${aborted ? "interrupted" : verdict}, ${took} s (samples: SWITCHYARD_SEED=${seed})`);
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  console.log(`${passed} passed, ${failed} failed`);
  if (aborted) return 130;
  return broken === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
