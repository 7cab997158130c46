import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { Issue, list, object, type Reader } from "../../base/reader.ts";
import { RpcError } from "../../jsonrpc/index.ts";
import { bytes, encodeBase64, noParams, readParams, u64 } from "./params.ts";

suite("parameters", () => {
  const reader: Reader<{ readonly sizes: readonly number[] }> = object({ sizes: list(u64) }, "ignore");

  test("that cannot be read are an error with the field's path", () => {
    for (const [params, message] of [
      [{ sizes: [1, -1] }, /^sizes\[1\] must be a whole number/],
      [{}, "sizes is missing"],
      [[1], "params must be an object, but is a list"],
      [undefined, "params must be an object, but is null"],
    ] as const) {
      const expected = { name: RpcError.name, code: -32602, message };
      assert.throws(() => readParams(reader, params), expected);
    }
  });

  test("may have more fields than are known", () => {
    assert.deepEqual(readParams(reader, { sizes: [], more: true }), { sizes: [] });
  });

  test("of a method without any are null or an empty object", () => {
    for (const params of [undefined, null, {}]) readParams(noParams, params);
    assert.throws(() => readParams(noParams, { a: 1 }), RpcError);
  });
});

test("a whole number is taken from 0 to 2^64-1, and so is what that reads as", () => {
  const largest = JSON.parse("18446744073709551615") as unknown;
  for (const value of [0, 1, 2 ** 53, largest]) assert.equal(u64(value), value);
  for (const value of [-1, 0.5, 2 ** 65, Number.MAX_VALUE, "5"]) assert.ok(u64(value) instanceof Issue);
});

suite("base64", () => {
  test("is read back as the bytes it was made from", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (given) => {
        assert.deepEqual(bytes(encodeBase64(given)), Buffer.from(given));
      }),
    );
  });

  test("is taken in one spelling only", () => {
    const nearly = fc.string({ unit: fc.constantFrom("A", "B", "/", "=", "*", "\n", "é"), maxLength: 12 });
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string()), (text) => {
        const read = bytes(text);
        if (!(read instanceof Issue)) assert.equal(read.toString("base64"), text);
      }),
    );
  });
});
