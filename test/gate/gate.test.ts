/** The gate's own parts: a job that hangs, crashes or leaves something is named, and never reads as a success (G1–G4). */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { isAlive, waitUntilGone } from "../../src/testing/index.ts";
import { type Job, type Result, runJob } from "../../tools/gate/job.ts";
import { runAll } from "../../tools/gate/pool.ts";
import { Run } from "../../tools/gate/run.ts";

const folder = mkdtempSync(join(tmpdir(), "gate-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const PASSED = "ℹ pass 2\nℹ fail 0\nℹ cancelled 0\n";

function jobOf(program: string, timeoutMs = 60_000): Job {
  const file = join(folder, `${Math.random()}.mjs`);
  writeFileSync(file, program);
  return { name: "a job", command: [process.execPath, file], timeoutMs, countsTests: true };
}

function run(job: Job, more: { stop?: AbortSignal; env?: NodeJS.ProcessEnv } = {}): Promise<Result> {
  const { stop = new AbortController().signal, env = process.env } = more;
  return runJob(job, { cwd: folder, env, stop, measure: false });
}

suite("runJob", () => {
  test("counts what the test runner says at its end", async () => {
    const { ok, passed, failed } = await run(jobOf(`console.log(${JSON.stringify(PASSED)})`));
    assert.deepEqual({ ok, passed, failed }, { ok: true, passed: 2, failed: 0 });
  });

  test("fails what ends without a summary, whatever its exit code (G2)", async () => {
    const { ok, note, failed } = await run(jobOf("process.exit(0)"));
    assert.deepEqual([ok, failed], [false, 1]);
    assert.match(note, /without a summary/);
  });

  test("fails what says that all is well and exits with an error (G1)", async () => {
    const { ok, failed } = await run(jobOf(`console.log(${JSON.stringify(PASSED)}); process.exitCode = 1`));
    assert.deepEqual([ok, failed], [false, 1]);
  });

  test("ends one that hangs, with what it started (G3)", async () => {
    const program = `import { spawn } from "node:child_process";
      console.log(spawn("sleep", ["1000"]).pid);`;
    const { ok, note, output } = await run(jobOf(program, 4_000));
    assert.equal(ok, false);
    assert.equal(note, "timed out after 4 s");
    assert.deepEqual(await waitUntilGone([Number(output)]), []);
  });

  test("ends one that ignores SIGTERM when the gate is stopped (G3)", async () => {
    const controller = new AbortController();
    const ended = run(jobOf('process.on("SIGTERM", () => {}); setInterval(() => {}, 1e6)'), {
      stop: controller.signal,
    });
    controller.abort();
    assert.equal((await ended).note, "stopped");
  });
});

test("a run names and removes what its jobs leave behind (G4)", async () => {
  const gate = new Run({ binaries: "/nowhere", variables: {} });
  const program = `import { spawn } from "node:child_process";
    import { writeFileSync } from "node:fs";
    const child = spawn("sleep", ["1000"], { detached: true, stdio: "ignore" });
    child.unref();
    for (const folder of [process.env.TMPDIR, process.env.HOME]) writeFileSync(folder + "/forgotten", "");
    console.log(child.pid);`;
  const env = gate.environment("test/a.test.ts", false);
  const pid = Number((await run(jobOf(program), { env })).output);
  // There is no looking at others' environments elsewhere.
  const isFound = process.platform === "linux";
  if (!isFound) process.kill(pid);
  else assert.ok(isAlive(pid));
  const left = await gate.removeLeft();
  assert.deepEqual(left.toSorted(), [
    ...(isFound ? [`process ${pid}, started by test/a.test.ts: sleep 1000`] : []),
    "temporary file or folder, made by test/a.test.ts: forgotten",
    "temporary file or folder, made by test/a.test.ts: ~/forgotten",
  ]);
  assert.deepEqual(await waitUntilGone([pid]), []);
});

test("runAll runs every item, in order, and never one alone while another waits", async () => {
  const started: number[] = [];
  let running = 0;
  let alone = 0;
  await runAll([1, 2, 3, 4, 5, 6], async (item) => {
    started.push(item);
    running++;
    for (let n = 0; n < 10; n++) await turn();
    if (running === 1 && item < 6) alone++;
    running--;
  });
  assert.deepEqual(started, [1, 2, 3, 4, 5, 6]);
  assert.equal(alone, 0);
});
