import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { ExecutorError } from "../errors.ts";
import type { ProcessEvent } from "../executor.ts";
import { OutputBudget, ProcessLog, type ProcessLogOptions } from "./process-log.ts";

function logOf(options: Partial<ProcessLogOptions> = {}): ProcessLog {
  return new ProcessLog({ retainBytes: 100, onRoom: () => {}, ...options });
}

function push(log: ProcessLog, bytes: number): void {
  log.push("stdout", Buffer.alloc(bytes));
}

function takeAll(log: ProcessLog): ProcessEvent[] {
  const events: ProcessEvent[] = [];
  for (let event = log.take(); event !== undefined; event = log.take()) events.push(event);
  return events;
}

const seqs = (events: readonly { readonly seq: number }[]): number[] => events.map(({ seq }) => seq);

suite("ProcessLog", () => {
  test("numbers output, exit and close together, from 1 (L1)", () => {
    const log = logOf();
    push(log, 1);
    log.exit(7);
    log.push("stderr", Buffer.from("late"));
    log.close();
    const events = takeAll(log);
    assert.deepEqual(
      events.map(({ type, seq }) => `${seq} ${type}`),
      ["1 output", "2 exited", "3 output", "4 closed"],
    );
    assert.ok(log.isReadOut);
    assert.equal(log.take(), undefined);
  });

  test("ignores everything once it is closed, and a second exit", () => {
    const log = logOf();
    log.exit(1);
    log.exit(2);
    log.close();
    log.close();
    push(log, 5);
    assert.deepEqual(seqs(takeAll(log)), [1, 2]);
    assert.equal(log.exitCode, 1);
  });

  test("is full when what it must retain is unread, and has room when half is read (L2)", () => {
    let rooms = 0;
    const log = logOf({ onRoom: () => rooms++ });
    for (let at = 0; at < 10; at++) push(log, 10);
    assert.ok(log.isFull);
    for (let at = 0; at < 4; at++) log.take();
    assert.equal(rooms, 0);
    log.take();
    assert.equal(rooms, 1);
    assert.equal(log.isFull, false);
  });

  test("drops nothing unread while it is full and its source goes on a little (L2)", () => {
    const log = logOf();
    for (let at = 0; at < 30; at++) push(log, 10);
    assert.deepEqual(
      seqs(takeAll(log)),
      Array.from({ length: 30 }, (_, at) => at + 1),
    );
  });

  test("never holds its source back without a reader, and keeps the newest (L3, L4)", () => {
    let rooms = 0;
    const log = logOf({ onRoom: () => rooms++ });
    for (let at = 0; at < 10; at++) push(log, 10);
    assert.ok(log.isFull);
    log.detach();
    assert.equal(rooms, 1);
    for (let at = 0; at < 100; at++) push(log, 10);
    assert.equal(log.isFull, false);
    const { chunks, nextSeq } = log.read(0, Number.POSITIVE_INFINITY);
    assert.equal(nextSeq, 111);
    assert.equal(chunks.at(-1)?.seq, 110);
    const bytes = chunks.reduce((sum, { chunk }) => sum + chunk.length, 0);
    assert.ok(bytes >= 100 && bytes < 120, `${bytes}`);
  });

  test("goes on for a reader that comes back after a number", () => {
    const log = logOf();
    for (let at = 0; at < 5; at++) push(log, 1);
    log.detach();
    push(log, 1);
    log.attach(log.nextSeq - 1);
    assert.equal(log.take(), undefined);
    push(log, 1);
    assert.deepEqual(seqs(takeAll(log)), [7]);
    log.attach(3);
    assert.deepEqual(seqs(takeAll(log)), [4, 5, 6, 7]);
  });

  test("fails a reader whose next event was dropped", () => {
    const log = logOf();
    log.detach();
    for (let at = 0; at < 50; at++) push(log, 10);
    log.attach(0);
    assert.throws(
      () => log.take(),
      (error) => error instanceof ExecutorError && error.code === "output_lost",
    );
  });

  test("reads at least one chunk, and then as many bytes as asked for", () => {
    const log = logOf();
    for (let at = 0; at < 4; at++) push(log, 10);
    assert.deepEqual(seqs(log.read(0, 0).chunks), [1]);
    assert.deepEqual(log.read(0, 25).nextSeq, 3);
    assert.deepEqual(seqs(log.read(1, 20).chunks), [2, 3]);
    assert.deepEqual(log.read(1, 30).nextSeq, 5);
    assert.deepEqual(seqs(log.read(99, 1).chunks), []);
  });

  test("wakes all waits for a change, and leaves nothing behind when a wait is given up", async () => {
    const log = logOf();
    const giveUp = new AbortController();
    const waiting = log.changed(giveUp.signal);
    giveUp.abort(new Error("given up"));
    await assert.rejects(waiting, /given up/);
    const woken = log.changed();
    push(log, 1);
    await woken;
  });

  test("keeps to the budget of all logs: read output is dropped, unread output stops its source", () => {
    const budget = new OutputBudget(50);
    let over = 0;
    budget.onOver = () => over++;
    let rooms = 0;
    const log = logOf({ budget, onRoom: () => rooms++ });
    for (let at = 0; at < 6; at++) push(log, 10);
    assert.ok(over > 0);
    assert.ok(log.isFull, "below what it may retain, and above what all may");
    takeAll(log);
    assert.equal(rooms, 1);
    assert.ok(budget.bytes <= 50, `${budget.bytes}`);
    log.release();
    log.release();
    assert.equal(budget.bytes, 0);
  });

  test("does not keep too many small chunks", () => {
    const log = logOf({ retainBytes: 1024 * 1024 });
    log.detach();
    for (let at = 0; at < 70_000; at++) log.push("stdout", Buffer.from("x"));
    const { chunks } = log.read(0, Number.POSITIVE_INFINITY);
    assert.equal(chunks.length, 65_536);
    assert.equal(chunks.at(-1)?.seq, 70_000);
  });

  test("yields every event once and in order, whatever is pushed, taken, left and read in between", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("push" as const), bytes: fc.integer({ min: 1, max: 60 }) }),
      fc.record({ do: fc.constant("take" as const), count: fc.integer({ min: 1, max: 9 }) }),
      fc.record({ do: fc.constant("read" as const), after: fc.nat(50), bytes: fc.nat(200) }),
      fc.constant({ do: "reattach" as const }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const log = logOf();
        const taken: number[] = [];
        let pushed = 0;
        for (const each of steps) {
          if (each.do === "push") {
            push(log, each.bytes);
            pushed++;
          } else if (each.do === "take") {
            for (let at = 0; at < each.count; at++) {
              const event = log.take();
              if (event !== undefined) taken.push(event.seq);
            }
          } else if (each.do === "reattach") {
            // As a new connection does, that reads what it missed and goes on from there.
            const { chunks } = log.read(taken.at(-1) ?? 0, Number.POSITIVE_INFINITY);
            taken.push(...seqs(chunks));
            log.attach(log.nextSeq - 1);
          } else {
            const { chunks } = log.read(each.after, each.bytes);
            const first = chunks[0]?.seq ?? 0;
            assert.deepEqual(
              seqs(chunks),
              chunks.map((_, at) => first + at),
            );
          }
        }
        taken.push(...seqs(takeAll(log)));
        assert.deepEqual(
          taken,
          Array.from({ length: pushed }, (_, at) => at + 1),
        );
      }),
    );
  });
});
