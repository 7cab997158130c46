import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { RpcError } from "../../jsonrpc/index.ts";
import { RpcCode } from "./protocol.ts";
import {
  anything,
  array,
  boolean,
  bytes,
  oneOf,
  optional,
  readParams,
  type Reader,
  string,
  stringMap,
  struct,
  u64,
  unit,
  withDefault,
} from "./schema.ts";

/** What is read, or the words of the refusal. */
function outcome<T>(reader: Reader<T>, value: unknown): T | string {
  try {
    return reader.read(value);
  } catch (error) {
    assert.ok(error instanceof RpcError, String(error));
    assert.equal(error.code, RpcCode.invalidParams);
    return `refused: ${error.message}`;
  }
}

const everything = struct("Everything", {
  text: string,
  flag: withDefault(boolean, false),
  count: optional(u64),
  data: optional(bytes),
  list: withDefault(array(oneOf("a", "b")), []),
  map: optional(stringMap),
  nothing: optional(unit),
  inner: optional(struct("Inner", { one: string, two: withDefault(optional(u64), undefined) })),
  rest: optional(anything),
});

suite("parameters", () => {
  test("are refused with -32602 and nothing else, whatever they are", () => {
    const keys = fc.constantFrom(
      "text",
      "flag",
      "count",
      "data",
      "list",
      "map",
      "nothing",
      "inner",
      "rest",
      "one",
    );
    const value = fc.jsonValue({ maxDepth: 3 });
    const params = fc.oneof(value, fc.dictionary(keys, value), fc.array(value));
    fc.assert(fc.property(params, (given) => void outcome(everything, given)));
  });

  test("mean the same by name and by position", () => {
    const fields = fc.record({
      text: fc.string(),
      flag: fc.boolean(),
      count: fc.option(fc.nat()),
      data: fc.option(fc.uint8Array().map((each) => Buffer.from(each).toString("base64"))),
      list: fc.array(fc.constantFrom("a", "b", "c")),
      map: fc.option(fc.dictionary(fc.string(), fc.string())),
      nothing: fc.constant(null),
      inner: fc.option(fc.record({ one: fc.string(), two: fc.option(fc.nat()) })),
      rest: fc.jsonValue(),
    });
    fc.assert(
      fc.property(fields, (given) => {
        assert.deepEqual(outcome(everything, given), outcome(everything, Object.values(given)));
      }),
    );
  });

  test("may have more than is known, also what objects have by themselves", () => {
    const reader = struct("Few", { text: string, toString: optional(string) });
    const given = JSON.parse(
      '{"text":"t","__proto__":{"toString":"x"},"constructor":5,"more":[]}',
    ) as unknown;
    assert.deepEqual(outcome(reader, given), { text: "t", toString: undefined });
  });

  test("that are absent are null", () => {
    assert.throws(() => readParams(everything, undefined), /invalid type: null, expected struct Everything/);
  });

  test("are refused for the first that is wrong as they stand, before what is missing is noticed", () => {
    const reader = struct("Two", { one: string, two: string });
    assert.equal(outcome(reader, { two: 2, one: 1 }), "refused: invalid type: number, expected a string");
    assert.equal(outcome(reader, { two: 2 }), "refused: invalid type: number, expected a string");
    assert.equal(outcome(reader, { two: "2" }), "refused: missing field `one`");
  });

  test("by position may end early only before fields with a default", () => {
    const reader = struct("Three", { one: string, two: optional(string), three: withDefault(string, "3") });
    assert.deepEqual(outcome(reader, ["1", null]), { one: "1", two: undefined, three: "3" });
    assert.equal(outcome(reader, ["1"]), "refused: invalid length 1, expected struct Three with 3 elements");
    assert.equal(
      outcome(reader, ["1", null, "3", 4]),
      "refused: invalid length 4, expected fewer elements in array",
    );
    assert.equal(
      outcome(struct("One", { one: string }), []),
      "refused: invalid length 0, expected struct One with 1 element",
    );
  });
});

suite("a whole number", () => {
  test("is taken from 0 to 2^64-1, and so is what that reads as", () => {
    const largest = JSON.parse("18446744073709551615") as unknown;
    for (const value of [0, 1, 2 ** 53, largest]) assert.equal(outcome(u64, value), value);
    for (const value of [-1, 0.5, 2 ** 65, Number.MAX_VALUE])
      assert.equal(outcome(u64, value), "refused: invalid number");
  });

  test("is no text that looks like one", () => {
    assert.equal(outcome(u64, "5"), 'refused: invalid type: string "5", expected u64');
  });
});

suite("base64", () => {
  test("is read back as the bytes it was made of", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (given) => {
        assert.deepEqual(outcome(bytes, Buffer.from(given).toString("base64")), Buffer.from(given));
      }),
    );
  });

  test("is taken in one spelling only, and refused in known words otherwise", () => {
    const words =
      /^refused: (?:Invalid symbol \d+, offset \d+\.|Invalid last symbol \d+, offset \d+\.|Invalid padding|Invalid input length: \d+)$/;
    const nearly = fc.string({ unit: fc.constantFrom("A", "B", "/", "=", "*", "\n", "é"), maxLength: 12 });
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string()), (text) => {
        const read = outcome(bytes, text);
        if (typeof read === "string") assert.match(read, words);
        else assert.equal(read.toString("base64"), text);
      }),
    );
  });

  test("is refused at the byte that is wrong", () => {
    for (const [text, words] of [
      ["aGk", "Invalid padding"],
      ["***", "Invalid symbol 42, offset 0."],
      ["YWJjé", "Invalid symbol 195, offset 4."],
      ["YQ==YQ==", "Invalid symbol 61, offset 2."],
      ["YR==", "Invalid last symbol 82, offset 1."],
      ["YWJjZ", "Invalid input length: 5"],
    ] as const) {
      assert.equal(outcome(bytes, text), `refused: ${words}`, text);
    }
  });
});

suite("a name out of a few", () => {
  const reader = oneOf("follow", "stop", "ask");

  test("is taken as text, and as the only key of a map", () => {
    assert.equal(outcome(reader, "stop"), "stop");
    assert.equal(outcome(reader, { stop: null }), "stop");
  });

  test("is refused with all that there are", () => {
    assert.equal(
      outcome(reader, "nope"),
      "refused: unknown variant `nope`, expected one of `follow`, `stop`, `ask`",
    );
    assert.equal(outcome(reader, 5), "refused: invalid type: number, expected string or map");
    assert.equal(outcome(reader, { stop: 1 }), "refused: invalid type: number, expected unit");
    assert.equal(outcome(reader, {}), "refused: invalid value: map, expected map with a single key");
  });
});

suite("an error about a text", () => {
  test("shows what could not be seen in it", () => {
    const text = 'a"\\\n\0\u0001\u200bé e\u0301';
    assert.equal(
      outcome(boolean, text),
      'refused: invalid type: string "a\\"\\\\\\n\\0\\u{1}\\u{200b}é e\\u{301}", expected a boolean',
    );
  });

  test("is not as long as the text", () => {
    assert.ok(String(outcome(boolean, "x".repeat(10_000_000))).length < 2_000);
  });
});

suite("a map of texts", () => {
  test("has no names but those that were given", () => {
    const read = outcome(stringMap, JSON.parse('{"__proto__":"x","a":"b"}')) as Record<string, string>;
    assert.deepEqual(Object.entries(read), [
      ["__proto__", "x"],
      ["a", "b"],
    ]);
    assert.equal(read["constructor"], undefined);
  });
});
