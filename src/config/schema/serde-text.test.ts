import assert from "node:assert/strict";
import { test } from "node:test";
import { invalidType, unknownField, unknownVariant } from "./serde-text.ts";
import type { TomlNode } from "../../toml/node.ts";

function foundIn(node: TomlNode): string {
  return /^invalid type: (.*), expected x$/s.exec(invalidType(node, "x").message)?.[1] ?? "";
}

test("floats are written as Rust writes them: no exponent, always a fraction", () => {
  const text = (value: number): string => foundIn({ kind: "float", value });
  assert.equal(text(80), "floating point `80.0`");
  assert.equal(text(1e-7), "floating point `0.0000001`");
  assert.equal(text(1.5e21), "floating point `1500000000000000000000.0`");
  assert.equal(text(123.456), "floating point `123.456`");
  assert.equal(text(-0), "floating point `-0.0`");
  assert.equal(text(NaN), "floating point `NaN`");
  assert.equal(text(-Infinity), "floating point `-inf`");
});

test("strings are escaped as Rust escapes them", () => {
  const text = (value: string): string => foundIn({ kind: "string", value });
  assert.equal(
    text('a\t"b"\\\'é\u0301\0\u0001\u00a0 \u200b😀'),
    'string "a\\t\\"b\\"\\\\\'é\\u{301}\\0\\u{1}\\u{a0} \\u{200b}😀"',
  );
  assert.equal(foundIn({ kind: "datetime", value: "1979-05-27" }), 'string "1979-05-27"');
});

test("names are listed as serde lists them", () => {
  assert.equal(unknownField("x", ["a"]).message, "unknown field `x`, expected `a`");
  assert.equal(unknownVariant("x", ["a", "b"]).message, "unknown variant `x`, expected `a` or `b`");
  assert.equal(
    unknownVariant("x", ["a", "b", "c"]).message,
    "unknown variant `x`, expected one of `a`, `b`, `c`",
  );
});

test("a text says what is wrong without the value, and which piece of it is the value", () => {
  assert.deepEqual(invalidType({ kind: "string", value: 'a "b", expected c' }, "a map"), {
    message: 'invalid type: string "a \\"b\\", expected c", expected a map',
    what: "invalid type: string, expected a map",
    quoted: '"a \\"b\\", expected c"',
  });
  assert.equal(unknownVariant("x", ["a"]).what, "unknown variant, expected `a`");
  assert.equal(unknownField("x", ["a"]).what, "unknown field, expected `a`");
});
