import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { ProcessEvent, ReadResult } from "../executor.ts";
import { EventOrder } from "./event-order.ts";

/** All that happens to a process, in order: output, then its exit, perhaps more output, then its end. */
const history: fc.Arbitrary<readonly ProcessEvent[]> = fc
  .record({ before: fc.nat(8), after: fc.nat(4), isExited: fc.boolean(), isClosed: fc.boolean() })
  .map(({ before, after, isExited, isClosed }) => {
    const events: ProcessEvent[] = [];
    const output = (): void => {
      const seq = events.length + 1;
      events.push({ type: "output", seq, stream: "stdout", chunk: Buffer.from(`${seq}.`) });
    };
    for (let left = before; left > 0; left--) output();
    if (isExited || isClosed) {
      events.push({ type: "exited", seq: events.length + 1, exitCode: 3 });
      for (let left = after; left > 0; left--) output();
    }
    if (isClosed) events.push({ type: "closed", seq: events.length + 1 });
    return events;
  });

/** What a read behind `afterSeq` would have answered after the first `count` events, with only the last `retained` chunks. */
function readAt(
  events: readonly ProcessEvent[],
  count: number,
  afterSeq: number,
  retained = Number.POSITIVE_INFINITY,
): ReadResult {
  const past = events.slice(0, count);
  const outputs = past.flatMap((event) => (event.type === "output" ? [event] : []));
  const exit = past.find((event) => event.type === "exited");
  return {
    chunks: outputs.slice(-retained).filter(({ seq }) => seq > afterSeq),
    nextSeq: count + 1,
    exited: exit !== undefined,
    exitCode: exit?.exitCode,
    closed: past.some(({ type }) => type === "closed"),
  };
}

function collect(): { readonly order: EventOrder; readonly delivered: ProcessEvent[] } {
  const delivered: ProcessEvent[] = [];
  return { order: new EventOrder((event) => delivered.push(event)), delivered };
}

suite("EventOrder", () => {
  test("delivers events in the order of their numbers, each once, however they come (O1)", () => {
    const comings = history.chain((events) =>
      fc.record({
        events: fc.constant(events),
        order: fc.shuffledSubarray([...events, ...events], {
          minLength: events.length * 2,
          maxLength: events.length * 2,
        }),
      }),
    );
    fc.assert(
      fc.property(comings, ({ events, order: coming }) => {
        const { order, delivered } = collect();
        for (const event of coming) order.take(event);
        assert.deepEqual(delivered, events);
        assert.deepEqual([order.waiting, order.waitingBytes], [0, 0]);
        assert.equal(order.nextSeq, events.length + 1);
      }),
    );
  });

  test("delivers nothing after a missing number, and counts waiting events (O1)", () => {
    const comings = history
      .filter((events) => events.length > 1)
      .chain((events) =>
        fc.record({ events: fc.constant(events), missing: fc.integer({ min: 1, max: events.length }) }),
      );
    fc.assert(
      fc.property(comings, ({ events, missing }) => {
        const { order, delivered } = collect();
        for (const event of events.toReversed()) if (event.seq !== missing) order.take(event);
        const waiting = events.filter(({ seq }) => seq > missing);
        assert.deepEqual(delivered, events.slice(0, missing - 1));
        assert.equal(order.waiting, waiting.length);
        const bytes = waiting.map((event) => (event.type === "output" ? event.chunk.length : 0));
        assert.equal(
          order.waitingBytes,
          bytes.reduce((sum, each) => sum + each, 0),
        );
      }),
    );
  });

  test("makes the exact sequence of notifications that were lost and reads at any time between them (O2)", () => {
    const steps = fc.array(
      fc.oneof(
        { weight: 3, arbitrary: fc.record({ take: fc.nat(40) }) },
        // A read sees everything up to a moment; it may be answered long after.
        { weight: 1, arbitrary: fc.record({ readAt: fc.nat(40), asked: fc.nat(40) }) },
      ),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(history, steps, (events, coming) => {
        const { order, delivered } = collect();
        for (const step of coming) {
          if ("take" in step) {
            const event = events[step.take];
            if (event !== undefined) order.take(event);
          } else {
            // Asked behind something that was delivered by then, and not later than that.
            const count = Math.min(Math.max(step.readAt, delivered.length), events.length);
            const lost = order.fill(readAt(events, count, Math.min(step.asked, order.nextSeq - 1)));
            assert.equal(lost, undefined, "nothing is lost that is retained");
          }
          assert.deepEqual(delivered, events.slice(0, delivered.length));
        }
        assert.equal(order.fill(readAt(events, events.length, order.nextSeq - 1)), undefined);
        assert.deepEqual(delivered, events);
      }),
      { numRuns: 500 },
    );
  });

  test("returns the first number that is no longer retained, and delivers nothing after it (O2)", () => {
    const losses = history
      .filter((events) => events.some(({ type }) => type === "output"))
      .chain((events) =>
        fc.record({ events: fc.constant(events), got: fc.nat(events.length), retained: fc.nat(4) }),
      );
    fc.assert(
      fc.property(losses, ({ events, got, retained }) => {
        const { order, delivered } = collect();
        for (const event of events.slice(0, got)) order.take(event);
        const answer = readAt(events, events.length, got, retained);
        const kept = new Set(answer.chunks.map(({ seq }) => seq));
        const lostSeq = events.find(({ type, seq }) => type === "output" && seq > got && !kept.has(seq))?.seq;
        const lost = order.fill(answer);
        if (lostSeq === undefined) return assert.deepEqual([lost, delivered], [undefined, events]);
        // The number of the exit cannot be told from that of lost output, so it may be named in its place.
        const exitSeq = events.find(({ type }) => type === "exited")?.seq ?? Number.POSITIVE_INFINITY;
        const first = Math.min(lostSeq, exitSeq > got ? exitSeq : lostSeq);
        assert.equal(lost, first);
        assert.deepEqual(delivered, events.slice(0, first - 1));
      }),
      { numRuns: 500 },
    );
  });

  test("is not misled by an answer with inconsistent numbers", () => {
    const { order, delivered } = collect();
    const nothing = { chunks: [], exited: false, exitCode: undefined, closed: false };
    assert.equal(order.fill({ ...nothing, nextSeq: 0 }), undefined);
    assert.equal(order.fill({ ...nothing, nextSeq: 0, closed: true }), undefined);
    assert.equal(order.fill({ ...nothing, nextSeq: Number.MAX_SAFE_INTEGER }), 1);
    assert.deepEqual(delivered, []);
  });
});
