import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { StdinWriter } from "./stdin-writer.ts";

interface Sent {
  readonly bytes: Buffer;
  readonly writeId: string;
  readonly accept: () => void;
  readonly refuse: (error: unknown) => void;
}

function begin(): { readonly writer: StdinWriter; readonly sent: Sent[] } {
  const sent: Sent[] = [];
  const writer = new StdinWriter("p", (bytes, writeId) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    sent.push({ bytes: Buffer.from(bytes), writeId, accept: resolve, refuse: reject });
    return promise;
  });
  return { writer, sent };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const MIB = 1024 * 1024;

suite("StdinWriter", () => {
  test("sends all bytes, one request at a time, each with the next number (W1)", async () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 10 }),
      fc
        .constantFrom(1, 1024, 512 * 1024, 512 * 1024 + 1, 2 * MIB)
        .map((length) => new Uint8Array(length).fill(length)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), fc.nat(5), async (pieces, early) => {
        const { writer, sent } = begin();
        const written = pieces.slice(0, early).map((each) => writer.write(each));
        await settle();
        written.push(...pieces.slice(early).map((each) => writer.write(each)));
        for (let at = 0; at < sent.length; at++) {
          assert.equal(sent.length, at + 1, "one at a time");
          sent[at]?.accept();
          await settle();
        }
        await Promise.all(written);
        assert.ok(Buffer.concat(pieces).equals(Buffer.concat(sent.map(({ bytes }) => bytes))));
        assert.deepEqual(
          sent.map(({ writeId }) => writeId),
          sent.map((_, at) => String(at + 1)),
        );
        assert.ok(sent.every(({ bytes }) => bytes.length > 0 && bytes.length <= 512 * 1024));
        assert.equal(writer.isSending, false);
      }),
      { numRuns: 50 },
    );
  });

  test("sends waiting bytes together, and resolves each write when its own bytes are accepted (W2)", async () => {
    const { writer, sent } = begin();
    const told: string[] = [];
    for (const text of ["a", "b", "c"]) void writer.write(Buffer.from(text)).then(() => told.push(text));
    assert.deepEqual(
      sent.map(({ bytes }) => String(bytes)),
      ["a"],
    );
    sent[0]?.accept();
    await settle();
    assert.deepEqual(told, ["a"]);
    assert.equal(String(sent[1]?.bytes), "bc");
    sent[1]?.accept();
    await settle();
    assert.deepEqual(told, ["a", "b", "c"]);
  });

  test("writes nothing after a failed write, and fails all waiting ones (W1)", async () => {
    const { writer, sent } = begin();
    const error = new Error("the link dropped");
    const written = Promise.allSettled(
      [Buffer.alloc(MIB), "b", "c"].map((each) => writer.write(Buffer.from(each))),
    );
    sent[0]?.refuse(error);
    for (const each of await written) assert.equal(each.status === "rejected" && each.reason, error);
    await assert.rejects(writer.write(Buffer.from("d")), error);
    assert.equal(sent.length, 1);
  });

  test("stops on request: waiting writes fail, a write on its way goes on", async () => {
    const { writer, sent } = begin();
    const first = writer.write(Buffer.from("a"));
    const second = writer.write(Buffer.from("b"));
    writer.fail(new Error("closed"));
    await assert.rejects(second, /closed/);
    sent[0]?.accept();
    await first;
    assert.equal(sent.length, 1);
  });

  test("lets at most 64 MiB wait, and more when some of it has been sent (W2)", async () => {
    const { writer, sent } = begin();
    const half = Buffer.alloc(32 * MIB);
    const written = [writer.write(half), writer.write(half)];
    await assert.rejects(writer.write(Buffer.from("x")), { code: "stdin_full" });
    sent[0]?.accept();
    await settle();
    written.push(writer.write(Buffer.from("x")));
    for (let at = 1; at < sent.length; at++) {
      sent[at]?.accept();
      await settle();
    }
    await Promise.all(written);
  });

  test("sends nothing for nothing", async () => {
    const { writer, sent } = begin();
    await writer.write(new Uint8Array());
    assert.equal(sent.length, 0);
  });
});
