import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Clock } from "../../base/clock.ts";
import { McpError } from "../errors.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import { Budget, type BudgetOptions } from "./budget.ts";

const { signal } = new AbortController();

function budget(options: BudgetOptions, memory?: () => number): { clock: ManualClock; it: Budget } {
  const clock = new ManualClock();
  return { clock, it: new Budget(options, clock, memory ?? (() => undefined)) };
}

function isBudgetError(pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof McpError && error.code === "budget" && pattern.test(error.message);
}

suite("Budget", () => {
  test("rejects a start above the bound of the host, and says who holds it (U1)", async () => {
    const { it } = budget({ processes: 3 });
    for (const thread of ["a", "b", "b"]) await it.admit({ thread, server: "s" }, signal);
    const wanted =
      /this host runs 3 processes, and the bound is 3 \(processes\); they belong to thread b \(2\), thread a \(1\)/;
    await assert.rejects(it.admit({ thread: "c", server: "s" }, signal), isBudgetError(wanted));
  });

  test("rejects a start above the bound of its thread, while others start (U1)", async () => {
    const { it } = budget({ processesPerThread: 1 });
    await it.admit({ thread: "a", server: "s" }, signal);
    await assert.rejects(
      it.admit({ thread: "a", server: "t" }, signal),
      isBudgetError(/thread a runs 1 process, and the bound is 1 \(processesPerThread\)/),
    );
    await it.admit({ thread: "b", server: "s" }, signal);
  });

  test("counts what was given back no longer, and once (U2)", async () => {
    const { it } = budget({ processes: 1 });
    const giveBack = await it.admit({ thread: "a", server: "s" }, signal);
    giveBack();
    giveBack();
    assert.equal(it.held, 0);
    await it.admit({ thread: "a", server: "s" }, signal);
    assert.equal(it.held, 1);
  });

  test("lets starts above the rate wait, in their order (U1)", async () => {
    const { clock, it } = budget({ startsPerSecond: 2 });
    const started: number[] = [];
    const all = [1, 2, 3, 4, 5].map(async (number) => {
      await it.admit({ thread: "a", server: String(number) }, signal);
      started.push(number);
    });
    await Promise.all(all.slice(0, 2));
    assert.deepEqual(started, [1, 2]);
    await clock.advance(1000);
    await Promise.all(all.slice(2, 4));
    assert.deepEqual(started, [1, 2, 3, 4]);
    await clock.advance(1000);
    await Promise.all(all);
    assert.deepEqual(started, [1, 2, 3, 4, 5]);
  });

  test("gives back what waited and was given up, and says that its turn did not come (U1, U2)", async () => {
    const { it } = budget({ startsPerSecond: 1 });
    await it.admit({ thread: "a", server: "s" }, signal);
    const stop = new AbortController();
    const waiting = it.admit({ thread: "a", server: "t" }, stop.signal);
    assert.equal(it.held, 2);
    stop.abort(new Error("given up"));
    const wanted =
      /"t" was not started: its turn did not come in time, and the bound is 1 start in a second \(startsPerSecond\); they belong to thread a \(1\)/;
    await assert.rejects(waiting, isBudgetError(wanted));
    assert.equal(it.held, 1);
  });

  test("starts nothing more when memory is above its bound (U1)", async () => {
    let used = 10 * 1024 * 1024;
    const { it } = budget({ memoryBytes: 20 * 1024 * 1024 }, () => used);
    await it.admit({ thread: "a", server: "s" }, signal);
    used = 21 * 1024 * 1024;
    await assert.rejects(
      it.admit({ thread: "b", server: "s" }, signal),
      isBudgetError(/use 21 MB, and the bound is 20 MB/),
    );
  });

  test("measures again when that costs little of the time, or when something was given back", async () => {
    let now = 0;
    let measured = 0;
    const clock: Clock = { now: () => now, schedule: () => assert.fail("nothing waits") };
    const it = new Budget({ memoryBytes: 1 }, clock, () => {
      measured++;
      now += 10;
      return 0;
    });
    const giveBack = await it.admit({ thread: "a", server: "s" }, signal);
    now += 199;
    await it.admit({ thread: "a", server: "s" }, signal);
    assert.equal(measured, 1);
    now += 1;
    await it.admit({ thread: "a", server: "s" }, signal);
    assert.equal(measured, 2);
    giveBack();
    await it.admit({ thread: "a", server: "s" }, signal);
    assert.equal(measured, 3);
  });
});
