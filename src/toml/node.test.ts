import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fromPlain, lineAndColumn, nodeAt, type PlainValue, toPlain } from "./node.ts";

function at(text: string, start: number): { line: number; column: number } {
  return { ...lineAndColumn({ source: { name: "f", text }, start, end: start }) };
}

test("lineAndColumn counts lines from 1 and columns in characters, without the byte order mark", () => {
  assert.deepEqual(at("a\nbc", 0), { line: 1, column: 1 });
  assert.deepEqual(at("a\nbc", 3), { line: 2, column: 2 });
  assert.deepEqual(at("a\r\nb", 3), { line: 2, column: 1 });
  assert.deepEqual(at("\ufeffab", 2), { line: 1, column: 2 });
  assert.deepEqual(at('"\u{1f600}" x', 5), { line: 1, column: 5 });
  assert.deepEqual(at("", 0), { line: 1, column: 1 });
});

test("fromPlain tells whole numbers from floats, and leaves out what is undefined", () => {
  const node = fromPlain({
    a: 1,
    b: 1.5,
    c: -0,
    d: 2n ** 60n,
    e: undefined,
    f: [true, "x"],
    g: 2 ** 60,
    h: 2 ** 63,
    i: 2 ** 64,
  });
  assert.deepEqual(nodeAt(node, ["a"]), { kind: "integer", value: 1n });
  assert.deepEqual(nodeAt(node, ["b"]), { kind: "float", value: 1.5 });
  assert.deepEqual(nodeAt(node, ["c"]), { kind: "float", value: -0 });
  assert.deepEqual(nodeAt(node, ["d"]), { kind: "integer", value: 2n ** 60n });
  assert.equal(nodeAt(node, ["e"]), undefined);
  assert.deepEqual(toPlain(nodeAt(node, ["f"]) as never), [true, "x"]);
  assert.deepEqual(nodeAt(node, ["g"]), { kind: "integer", value: 2n ** 60n });
  assert.deepEqual(nodeAt(node, ["h"]), { kind: "integer", value: 2n ** 63n - 1n });
  assert.equal(nodeAt(node, ["i"])?.kind, "float");
});

test("fromPlain refuses what TOML cannot say, and names the place", () => {
  assert.throws(() => fromPlain({ env: { A: null } }), /^TypeError: env\.A is null, which TOML cannot say$/);
  assert.throws(() => fromPlain([() => 1]), /0 is a function/);
  assert.throws(() => fromPlain({ a: 2n ** 63n }), /a is beyond 64 bits/);
  assert.throws(() => fromPlain({ a: { b: "\ud800" } }), /a\.b is text with half a character/);
  assert.throws(() => fromPlain({ a: { "\ud800": 1 } }), /a is text with half a character/);
  assert.throws(() => fromPlain(Symbol("x")), /The value is a symbol/);
});

test("toPlain gives back what fromPlain was given, whatever the keys are called", () => {
  const { tree } = fc.letrec<{ tree: PlainValue }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "small" },
      fc.string(),
      fc.boolean(),
      fc.maxSafeInteger(),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(
        fc.oneof(fc.constantFrom("__proto__", "1", "", "constructor"), fc.string()),
        tie("tree"),
        {
          noNullPrototype: false,
        },
      ),
    ),
  }));
  fc.assert(fc.property(tree, (value) => assert.deepEqual(shape(toPlain(fromPlain(value))), shape(value))));
});

/** Whatever the prototype is. */
function shape(value: PlainValue): unknown {
  if (Array.isArray(value)) return value.map(shape);
  if (typeof value !== "object") return value;
  return Object.entries(value).map(([key, inner]) => [key, shape(inner)]);
}
