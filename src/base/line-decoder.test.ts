import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { type Line, LineDecoder } from "./line-decoder.ts";

const LONG = 1_000_000;

function decode(chunks: readonly (Uint8Array | string)[], lineBytesMax = LONG): Line[] {
  const decoder = new LineDecoder(lineBytesMax);
  const lines = chunks.flatMap((chunk) => decoder.push(Buffer.from(chunk)));
  return [...lines, ...decoder.end()];
}

const texts = (lines: readonly Line[]): string[] =>
  lines.map((line) => (line.kind === "line" ? line.text : `too long: ${line.head}`));

/** What the decoder should return, computed without chunks. */
function wanted(text: string, lineBytesMax: number): Line[] {
  return text.split("\n").flatMap((raw): Line[] => {
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    const bytes = Buffer.from(line);
    if (bytes.length <= lineBytesMax) return line === "" ? [] : [{ kind: "line", text: line }];
    const head = Buffer.from(raw).subarray(0, Math.min(256, lineBytesMax)).toString("utf8");
    return [{ kind: "too_long", head }];
  });
}

/** Bytes cut at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b);
  return [...sorted, bytes.length].map((end, index) => bytes.subarray(sorted[index - 1] ?? 0, end));
}

suite("LineDecoder", () => {
  const cases: readonly (readonly [what: string, chunks: readonly string[], lines: readonly string[]])[] = [
    ["lines in one chunk", ["a\nb\n"], ["a", "b"]],
    ["a line over many chunks", ["a", "b", "", "c\n"], ["abc"]],
    ["a line without an end, at the end", ["a\nb"], ["a", "b"]],
    ["\\r\\n as one end, also when cut in two", ["a\r\nb\r", "\nc\r\n"], ["a", "b", "c"]],
    ["a \\r inside a line as part of it", ["a\rb\n"], ["a\rb"]],
    ["no empty lines", ["\n\r\n\na\n\n\r\n"], ["a"]],
    ["blank space as a line", [" \n"], [" "]],
    ["other line ends of Unicode as part of a line", ["a\u2028b\u0085c\n"], ["a\u2028b\u0085c"]],
    ["nothing from nothing", ["", ""], []],
  ];
  for (const [what, chunks, lines] of cases) {
    test(`reads ${what}`, () => assert.deepEqual(texts(decode(chunks)), lines));
  }

  test("joins a character that was split over chunks", () => {
    const bytes = Buffer.from("käse 🧀\n");
    const chunks = Array.from(bytes, (byte) => Buffer.from([byte]));
    assert.deepEqual(texts(decode(chunks)), ["käse 🧀"]);
  });

  test("gives bytes that are not UTF-8 as replacement characters, and the next line whole", () => {
    assert.deepEqual(texts(decode([Buffer.from([0xff, 0xc3, 0x0a]), "ok\n"])), ["\ufffd\ufffd", "ok"]);
  });

  test("reports a line over the bound once, in its place, and keeps the lines around it", () => {
    const lines = decode(["one\n12345", "6789", "0123\ntwo\n", "abcdefghi\r\nthree"], 8);
    assert.deepEqual(texts(lines), ["one", "too long: 12345678", "two", "too long: abcdefgh", "three"]);
  });

  test("accepts a line of just the bound, its end not counted", () => {
    assert.deepEqual(texts(decode(["12345678\n", "12345678\r\n", "1234567", "8\r", "\n"], 8)), [
      "12345678",
      "12345678",
      "12345678",
    ]);
    assert.deepEqual(texts(decode(["12345678\rx\n"], 8)), ["too long: 12345678"]);
  });

  test("reports an oversized line only once, at the end of the stream", () => {
    const decoder = new LineDecoder(4);
    assert.equal(decoder.push(Buffer.from("123456")).length, 1);
    assert.deepEqual(decoder.push(Buffer.from("7890")), []);
    assert.deepEqual(decoder.end(), []);
  });

  test("reads the same lines however the bytes are cut", () => {
    const text = fc.array(
      fc.oneof(
        fc.constantFrom("\n", "\r\n", "\r", "ä", "🧀", "x"),
        fc.string({ unit: "grapheme", maxLength: 12 }),
        fc.integer({ min: 5, max: 400 }).map((count) => "long".repeat(count)),
      ),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(text, fc.array(fc.nat(5_000)), fc.integer({ min: 1, max: 600 }), (parts, places, max) => {
        const bytes = Buffer.from(parts.join(""));
        const chunks = cut(bytes, places);
        const lines = wanted(bytes.toString("utf8"), max);
        assert.deepEqual(decode(chunks, max), lines);
        assert.deepEqual(decode([bytes], max), lines);
      }),
      { numRuns: 500 },
    );
  });

  test("is done with a chunk when push() returns: its owner may write over it", () => {
    const decoder = new LineDecoder(LONG);
    const shared = Buffer.alloc(4);
    const lines: Line[] = [];
    for (const piece of ["abcd", "efgh", "ij\nk", "lmn\n"]) {
      shared.write(piece);
      lines.push(...decoder.push(shared));
      shared.fill(0);
    }
    assert.deepEqual(texts(lines), ["abcdefghij", "klmn"]);
  });

  test("holds about the bound and no more, however small the chunks and long the line", () => {
    const bytesMax = 1024 * 1024;
    const decoder = new LineDecoder(bytesMax);
    const byte = Buffer.from("x");
    const before = process.memoryUsage().arrayBuffers;
    let tooLong = 0;
    for (let n = 0; n < bytesMax * 2; n++) tooLong += decoder.push(byte).length;
    const big = Buffer.alloc(bytesMax * 4, "y");
    for (let n = 0; n < 16; n++) tooLong += decoder.push(big).length;
    assert.equal(tooLong, 1);
    const grown = process.memoryUsage().arrayBuffers - before;
    assert.ok(grown < bytesMax * 16, `${grown} bytes`);
    assert.deepEqual(texts(decoder.push(Buffer.from("\nnext\n"))), ["next"]);
  });
});
