/** Turns that complete although nothing of them is on disk. */
import assert from "node:assert/strict";
import { globSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { collect, startBench } from "../support/codex-bench.ts";
import { RunnerProcess } from "./support/runner-process.ts";

/** What the disk of a home does while the model is asked. */
const TROUBLES: Record<string, (file: string) => void> = {
  "its file is gone": (file) => rmSync(file),
  "its folder is gone": (file) => rmSync(join(file, "../../../.."), { recursive: true }),
};

suite("A turn that completes without being on disk", () => {
  for (const [what, trouble] of Object.entries(TROUBLES)) {
    test(`is an event of its own before the end: ${what}`, async () => {
      await using bench = await startBench();
      const thread = bench.codex.startThread({ workingDirectory: bench.cwd });
      const first = await collect(thread.runStreamed("hello"));
      assert.ok(!JSON.stringify(first).includes("thread_not_saved"), JSON.stringify(first));
      const [file] = globSync(join(bench.home, "sessions/**/*.jsonl"));
      assert.ok(file !== undefined && readFileSync(file, "utf8") !== "");
      trouble(file);
      const second = await collect(thread.runStreamed("again"));
      const [report, end] = second.slice(-2);
      assert.ok(report?.type === "item.completed" && report.item.type === "error", JSON.stringify(second));
      assert.equal(report.item.code, "thread_not_saved");
      assert.match(report.item.message, /^This turn is not on disk, .*rollout-.*\.jsonl is missing/);
      assert.equal(end?.type, "turn.completed");
    });
  }

  test("is in the end of a run", { timeout: 60_000 }, async (t) => {
    await using runner = await RunnerProcess.start();
    const first = await runner.runToEnd("a", { input: "hello" }, t.signal);
    assert.deepEqual([first.status, first.saved], ["completed", undefined]);
    for (const file of globSync(join(runner.home, "codex/sessions/**/*.jsonl"))) rmSync(file);
    const resume = first.thread_id as string;
    const second = await runner.runToEnd("b", { input: "again", resume }, t.signal);
    assert.deepEqual([second.status, second.thread_id, second.saved], ["completed", resume, false]);
  });

  test("is not reported for turns that are: a first one, a second, a resumed thread, a fork, an ephemeral one", async () => {
    await using bench = await startBench();
    const options = { workingDirectory: bench.cwd };
    const thread = bench.codex.startThread(options);
    const all = [await collect(thread.runStreamed("1")), await collect(thread.runStreamed("2"))];
    await thread.close();
    const id = thread.id as string;
    all.push(await collect(bench.codex.resumeThread(id, options).runStreamed("3")));
    all.push(await collect(bench.codex.forkThread(id, options).runStreamed("4")));
    all.push(await collect(bench.codex.startThread({ ...options, ephemeral: true }).runStreamed("5")));
    assert.equal(all.filter((events) => events.at(-1)?.type === "turn.completed").length, 5);
    assert.ok(!JSON.stringify(all).includes("not_saved"), JSON.stringify(all));
  });
});
