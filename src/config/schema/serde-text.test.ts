import assert from "node:assert/strict";
import { test } from "node:test";
import { shown, unknownName } from "./serde-text.ts";

test("shown writes floats as Rust does: no exponent, always a fraction", () => {
  const text = (value: number): string => shown({ kind: "float", value });
  assert.equal(text(80), "floating point `80.0`");
  assert.equal(text(1e-7), "floating point `0.0000001`");
  assert.equal(text(1.5e21), "floating point `1500000000000000000000.0`");
  assert.equal(text(123.456), "floating point `123.456`");
  assert.equal(text(-0), "floating point `-0.0`");
  assert.equal(text(NaN), "floating point `NaN`");
  assert.equal(text(-Infinity), "floating point `-inf`");
});

test("shown escapes strings as Rust does", () => {
  const text = (value: string): string => shown({ kind: "string", value });
  assert.equal(
    text('a\t"b"\\\'é\u0301\0\u0001\u00a0 \u200b😀'),
    'string "a\\t\\"b\\"\\\\\'é\\u{301}\\0\\u{1}\\u{a0} \\u{200b}😀"',
  );
  assert.equal(shown({ kind: "datetime", value: "1979-05-27" }), 'string "1979-05-27"');
});

test("unknownName lists the choices as serde does", () => {
  assert.equal(unknownName("field", "x", ["a"]), "unknown field `x`, expected `a`");
  assert.equal(unknownName("variant", "x", ["a", "b"]), "unknown variant `x`, expected `a` or `b`");
  assert.equal(
    unknownName("variant", "x", ["a", "b", "c"]),
    "unknown variant `x`, expected one of `a`, `b`, `c`",
  );
});
