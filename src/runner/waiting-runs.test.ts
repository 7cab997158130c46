import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { type WaitingRun, WaitingRuns } from "./waiting-runs.ts";

const bounds = { countMax: 3, bytesMax: 100 };

function run(id: string, threadId?: string, bytes = 1): WaitingRun {
  return { id, threadId, bytes };
}

suite("WaitingRuns", () => {
  test("passes over a run whose thread is busy, and over the later ones of that thread (W1, W2)", () => {
    const waiting = new WaitingRuns<WaitingRun>(bounds);
    for (const each of [run("a", "t"), run("b", "t"), run("c"), run("d", "u")]) waiting.add(each);
    const busy = (threadId: string): boolean => threadId === "t";
    assert.equal(waiting.take(busy)?.id, "c");
    assert.equal(waiting.take(busy)?.id, "d");
    assert.equal(waiting.take(busy), undefined);
    assert.equal(waiting.take(() => false)?.id, "a");
  });

  test("has no room at its bound by count, nor at its bound by bytes (W3)", () => {
    const waiting = new WaitingRuns<WaitingRun>(bounds);
    waiting.add(run("a"));
    waiting.add(run("b"));
    assert.ok(waiting.hasRoom);
    waiting.add(run("c"));
    assert.ok(!waiting.hasRoom);
    waiting.remove("b");
    assert.ok(waiting.hasRoom);
    waiting.add(run("big", undefined, 98));
    waiting.remove("a");
    assert.ok(waiting.hasRoom, "99 of 100 bytes");
    waiting.remove("big");
    waiting.add(run("bigger", undefined, 99));
    assert.ok(!waiting.hasRoom);
    assert.deepEqual(
      waiting.clear().map(({ id }) => id),
      ["c", "bigger"],
    );
    assert.ok(waiting.hasRoom);
  });

  test("keeps the order within every thread, whichever threads are busy", () => {
    const threads = fc.array(fc.constantFrom("t", "u", "v", undefined), { maxLength: 30 });
    const busy = fc.array(fc.subarray(["t", "u", "v"]), { maxLength: 60 });
    fc.assert(
      fc.property(threads, busy, (ofRuns, rounds) => {
        const waiting = new WaitingRuns<WaitingRun>(bounds);
        for (const [at, threadId] of ofRuns.entries()) waiting.add(run(String(at), threadId));
        const taken: WaitingRun[] = [];
        for (const names of rounds) {
          const next = waiting.take((threadId) => names.includes(threadId));
          if (next !== undefined) taken.push(next);
        }
        taken.push(...waiting.clear());
        for (const thread of ["t", "u", "v", undefined]) {
          const order = taken.filter(({ threadId }) => threadId === thread).map(({ id }) => Number(id));
          assert.deepEqual(
            order,
            order.toSorted((a, b) => a - b),
          );
        }
        assert.equal(taken.length, ofRuns.length);
      }),
    );
  });
});
