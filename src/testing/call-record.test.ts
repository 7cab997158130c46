import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { CallRecord, maxOverlap } from "./call-record.ts";
import { Watch } from "./watch.ts";

const call = (tool: string) => ({
  tool,
  arguments: {},
  headers: {},
  path: "/mcp",
  sessionId: undefined,
  meta: {},
});

suite("CallRecord", () => {
  test("closes a call once, with the first outcome (C1)", () => {
    const record = new CallRecord(new Watch(), 10);
    const end = record.start(call("a"));
    assert.equal(record.running, 1);
    end("cancelled");
    end("completed");
    assert.equal(record.running, 0);
    const [entry] = record.calls;
    assert.equal(entry?.outcome, "cancelled");
    assert.ok((entry?.endedAt ?? Number.NaN) >= (entry?.startedAt ?? Number.NaN));
  });

  test("drops the oldest call at its bound and counts on (C3)", () => {
    const record = new CallRecord(new Watch(), 2);
    for (const tool of ["a", "b", "c"]) record.start(call(tool));
    const kept = record.calls.map(({ order, tool }) => [order, tool]);
    assert.deepEqual(kept, [
      [1, "b"],
      [2, "c"],
    ]);
  });
});

suite("maxOverlap", () => {
  test("does not count calls that only touch", () => {
    const calls = [
      { startedAt: 0, endedAt: 5 },
      { startedAt: 5, endedAt: 9 },
      { startedAt: 6, endedAt: undefined },
    ];
    assert.equal(maxOverlap(calls), 2);
    assert.equal(maxOverlap(calls.slice(0, 2)), 1);
    assert.equal(maxOverlap([]), 0);
  });
});
