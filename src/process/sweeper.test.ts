import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { suite, test } from "node:test";
import { ManualClock } from "../testing/manual-clock.ts";
import { createTag, TAG_VARIABLE, memberTag } from "./process-tree.ts";
import { Sweeper } from "./sweeper.ts";

async function tagged(tag: string): Promise<ChildProcess> {
  // Not `exec sleep`: a process that becomes another program has no environment for a moment.
  const child = spawn("sh", ["-c", "echo up; read line"], {
    stdio: ["pipe", "pipe", "ignore"],
    env: { PATH: process.env["PATH"], [TAG_VARIABLE]: tag },
  });
  await once(child.stdout, "data");
  return child;
}

suite("Sweeper", { skip: process.platform !== "linux" }, () => {
  test("kills processes with the tags it was given within a few milliseconds, with one timer", async () => {
    const clock = new ManualClock();
    const sweeper = new Sweeper(clock);
    const [one, other] = [createTag(), createTag()];
    const children = await Promise.all([one, memberTag(other, 3)].map(tagged));
    const exits = children.map((child) => once(child, "exit"));
    const swept = [sweeper.sweep(one), sweeper.sweep(other)];
    assert.equal(clock.pending, 1);
    await clock.advance(5);
    await Promise.all(swept);
    for (const exit of exits) assert.deepEqual(await exit, [null, "SIGKILL"]);
  });

  test("starts again for later requests", async () => {
    const clock = new ManualClock();
    const sweeper = new Sweeper(clock);
    const first = sweeper.sweep(createTag());
    await clock.advance(5);
    await first;
    const tag = createTag();
    const child = await tagged(tag);
    const exit = once(child, "exit");
    const second = sweeper.sweep(tag);
    await clock.advance(5);
    await second;
    assert.deepEqual(await exit, [null, "SIGKILL"]);
    assert.equal(clock.pending, 0);
  });
});
