import assert from "node:assert/strict";
import { PassThrough, Writable } from "node:stream";
import { suite, test } from "node:test";
import fc from "fast-check";
import { LINK_FULL_BYTES } from "./link.ts";
import { StdioLink, type StdioLinkOptions } from "./stdio-link.ts";

interface Under {
  readonly link: StdioLink;
  readonly input: PassThrough;
  readonly texts: string[];
  readonly ends: string[];
  readonly signs: () => number;
  readonly overs: () => number;
}

function begin(output: Writable = new PassThrough(), more: Partial<StdioLinkOptions> = {}): Under {
  const input = new PassThrough();
  const texts: string[] = [];
  const ends: string[] = [];
  let signs = 0;
  let overs = 0;
  const link = new StdioLink(
    { input, output, onOver: () => overs++, ...more },
    { onText: (text) => texts.push(text), onSign: () => signs++, onEnd: (reason) => ends.push(reason) },
  );
  return { link, input, texts, ends, signs: () => signs, overs: () => overs };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Takes nothing until it is let. */
class Slow extends Writable {
  readonly taken: Buffer[] = [];
  #done: (() => void) | undefined;

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.taken.push(chunk);
    this.#done = done;
  }

  take(): void {
    const done = this.#done;
    this.#done = undefined;
    done?.();
  }
}

suite("StdioLink", () => {
  test("carries lines, wherever they are cut (L1)", async () => {
    const text = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 30 })
      .filter((each) => !/[\r\n]/.test(each));
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 8 }), fc.array(fc.nat(400)), async (lines, places) => {
        const { input, texts } = begin();
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
        const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted(
          (a, b) => a - b,
        );
        for (const [at, end] of [...cuts, bytes.length].entries()) {
          input.write(bytes.subarray(cuts[at - 1] ?? 0, end));
          await settle();
        }
        assert.deepEqual(texts, lines);
      }),
      { numRuns: 50 },
    );
  });

  test("writes one line per message", () => {
    const output = new PassThrough();
    const { link } = begin(output);
    link.send('{"a":1}');
    link.sendSoon('{"b":"ü"}');
    assert.equal(String(output.read()), '{"a":1}\n{"b":"ü"}\n');
  });

  test("takes a message of the maximum size, and ends at a larger one (L1)", async () => {
    const { input, texts, ends, overs } = begin(undefined, { messageBytesMax: 100_000 });
    const most = "x".repeat(100_000);
    input.write(`${most}\n`);
    await settle();
    assert.deepEqual(texts, [most]);
    input.write(`${most}x`);
    input.write("\nlater\n");
    await settle();
    assert.deepEqual(texts, [most]);
    assert.deepEqual([ends, overs()], [["a message of more than 100000 bytes"], 1]);
  });

  test("reports when it is full, and when there is room again (L3)", async () => {
    const output = new Slow();
    const { link } = begin(output);
    await link.room();
    link.send("x".repeat(LINK_FULL_BYTES));
    assert.equal(link.isFull, true);
    let hasRoom = false;
    const room = link.room().then(() => (hasRoom = true));
    await settle();
    assert.equal(hasRoom, false);
    output.take();
    await room;
    assert.equal(link.isFull, false);
  });

  test("ends all waits for room when it ends", async () => {
    const { link } = begin(new Slow());
    link.send("x".repeat(LINK_FULL_BYTES));
    const room = link.room();
    link.drop("enough");
    await room;
    await link.room();
  });

  test("holds back messages while it is paused", async () => {
    const { link, input, texts } = begin();
    link.pause();
    input.write("one\n");
    await settle();
    assert.deepEqual(texts, []);
    link.resume();
    await settle();
    assert.deepEqual(texts, ["one"]);
  });

  for (const [how, end, reason] of [
    ["its input ends", ({ input }: Under) => input.end("half"), "the input ended"],
    ["its input is closed", ({ input }: Under) => input.destroy(), "the input ended"],
    ["its input fails", ({ input }: Under) => input.destroy(new Error("EIO")), "EIO"],
    ["it is dropped", ({ link }: Under) => link.drop("enough"), "enough"],
  ] as const) {
    test(`ends once when ${how}, and calls onOver (L2)`, async () => {
      const under = begin();
      const { link, input, texts, ends, overs } = under;
      input.write("before\n");
      await settle();
      end(under);
      await settle();
      link.drop("again");
      link.send("nobody");
      await settle();
      assert.deepEqual([texts, ends, overs()], [["before"], [reason], 1]);
    });
  }

  test("ends when its output fails", async () => {
    const output = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
    const { link, ends, overs } = begin(output);
    link.send("x");
    await settle();
    assert.deepEqual([ends, overs()], [["EPIPE"], 1]);
  });

  test("gives a sign whenever it is asked for one", () => {
    const { link, signs } = begin();
    link.ping();
    link.nudge();
    assert.equal(signs(), 1);
  });
});
