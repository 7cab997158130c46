import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { EventStreamDecoder } from "./event-stream.ts";
import { TooLargeError } from "./http-fetch.ts";

const MAX = 1024;

function decode(text: string, cuts: readonly number[] = []): string[] {
  const decoder = new EventStreamDecoder(MAX);
  const bytes = Buffer.from(text);
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return places.slice(1).flatMap((end, index) => decoder.push(bytes.subarray(places[index], end)));
}

suite("EventStreamDecoder", () => {
  test("yields the data of messages, and nothing of other events (E1)", () => {
    const text =
      ": comment\n\ndata: a\n\nevent: ping\ndata: no\n\nevent: message\ndata:b\ndata: c\n\ndata\n\nid: 1\n\ndata: cut off\n";
    assert.deepEqual(decode(text), ["a", "b\nc"]);
  });

  test("yields the same wherever the bytes are split, and however the lines end (E1)", () => {
    const line = fc.constantFrom(
      "data: ä€😀",
      "data: {}",
      "data:",
      "id: 7",
      ": note",
      "event: x",
      "event: message",
      "",
      "",
    );
    const end = fc.constantFrom("\n", "\r\n", "\r");
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 12 }),
        end,
        fc.array(fc.nat(200), { maxLength: 8 }),
        (lines, ending, cuts) => {
          const plain = lines.map((each) => `${each}\n`).join("");
          assert.deepEqual(decode(plain.replaceAll("\n", ending), cuts), decode(plain));
        },
      ),
    );
  });

  test("knows the last event and the pause, which the next stream takes over (E2)", () => {
    const first = new EventStreamDecoder(MAX);
    first.push(Buffer.from("retry: 250\nid: a\ndata: 1\n\nid: b\ndata: 2\n"));
    assert.deepEqual([first.lastEventId, first.retryMs], ["a", 250]);
    const next = new EventStreamDecoder(MAX, first);
    assert.deepEqual([next.lastEventId, next.retryMs], ["a", 250]);
    next.push(Buffer.from("retry: soon\nid\ndata: 3\n\n"));
    assert.deepEqual([next.lastEventId, next.retryMs], [undefined, 250]);
  });

  test("rejects an event above the limit before it has ended, and not many small ones (E3)", () => {
    const decoder = new EventStreamDecoder(MAX);
    for (let count = 0; count < 100; count++) decoder.push(Buffer.from(`data: ${"x".repeat(100)}\n\n`));
    for (let count = 0; count < 100; count++) decoder.push(Buffer.from(`: ${"x".repeat(100)}\n\n`));
    assert.throws(() => {
      for (let count = 0; count < 20; count++) decoder.push(Buffer.from(`data: ${"x".repeat(100)}\n`));
    }, TooLargeError);
    const whole = new EventStreamDecoder(MAX);
    assert.throws(() => whole.push(Buffer.from(`data: ${"x".repeat(MAX + 1)}\n\n`)), TooLargeError);
  });
});
