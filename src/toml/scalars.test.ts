import assert from "node:assert/strict";
import { test } from "node:test";
import type { Place, TomlNode } from "./node.ts";
import { parseScalar } from "./scalars.ts";

const place: Place = { source: { name: "f", text: "" }, start: 0, end: 0 };

const VALUES: readonly (readonly [text: string, kind: TomlNode["kind"], value: unknown])[] = [
  ["true", "boolean", true],
  ["false", "boolean", false],
  ["0", "integer", 0n],
  ["-0", "integer", 0n],
  ["+1_000", "integer", 1000n],
  ["9223372036854775807", "integer", 2n ** 63n - 1n],
  ["-9223372036854775808", "integer", -(2n ** 63n)],
  ["0xFf_0", "integer", 0xff0n],
  ["0o17", "integer", 15n],
  ["0b1_0", "integer", 2n],
  ["1.5", "float", 1.5],
  ["-0.0", "float", -0],
  ["1e1_0", "float", 1e10],
  ["6.02E-23", "float", 6.02e-23],
  ["inf", "float", Infinity],
  ["-inf", "float", -Infinity],
  ["+nan", "float", NaN],
  ["1e-400", "float", 0],
  ["1979-05-27", "datetime", "1979-05-27"],
  ["2000-02-29", "datetime", "2000-02-29"],
  ["07:32", "datetime", "07:32:00"],
  ["07:32:00.500", "datetime", "07:32:00.5"],
  ["07:32:00.1234567890123", "datetime", "07:32:00.123456789"],
  ["23:59:60", "datetime", "23:59:60"],
  ["1979-05-27 07:32z", "datetime", "1979-05-27T07:32:00Z"],
  ["1979-05-27t07:32:00.25-07:30", "datetime", "1979-05-27T07:32:00.25-07:30"],
  ["1979-05-27T07:32:00-00:00", "datetime", "1979-05-27T07:32:00+00:00"],
];

const ERRORS: readonly (readonly [text: string, message: string])[] = [
  ["", "string values must be quoted, expected literal string"],
  ["tru", "invalid boolean, expected `true`"],
  ["False", "invalid boolean, expected `false`"],
  ["word", "string values must be quoted, expected literal string"],
  ["Inf", "string values must be quoted, expected literal string"],
  ["01", "unexpected leading zero, expected nothing"],
  ["1__0", "`_` may only go between digits, expected nothing"],
  ["1_", "`_` may only go between digits, expected nothing"],
  [".5", "invalid mantissa, expected digits"],
  ["1.", "invalid fraction, expected digits"],
  ["1e", "invalid exponent, expected digits"],
  ["1.5.5", "invalid float, expected nothing"],
  ["--1", "redundant numeric sign, expected nothing"],
  ["+0x1", "integers with a radix cannot be signed, expected nothing"],
  ["0xG", "invalid hexadecimal number"],
  ["0x_1", "`_` may only go between digits, expected nothing"],
  ["9223372036854775808", "u64 value was too large"],
  ["1e400", "floating-point number overflowed"],
  ["1979-13-27", "invalid date, expected month between 01 and 12"],
  ["1979-02-29", "invalid date, expected day between 01 and 28"],
  ["24:00", "invalid time, expected hour between 00 and 23"],
  ["07:32:61", "invalid time, expected second between 00 and 60"],
  ["1979-05-27T07:32+24:00", "invalid offset, expected hours between 00 and 23"],
  ["07:32Z", "invalid time, expected no offset without a date"],
  ["1979-5-27", "invalid date-time, expected YYYY-MM-DD, HH:MM:SS or both with `T` between"],
  ["07:3", "invalid time, expected HH:MM:SS"],
];

test("parseScalar reads every kind of number, date and word", () => {
  for (const [text, kind, value] of VALUES) {
    assert.deepEqual(parseScalar(text, place), { kind, value, place }, text);
  }
});

test("parseScalar says what is wrong in the words of Codex's parser", () => {
  for (const [text, message] of ERRORS) assert.throws(() => parseScalar(text, place), { message }, text);
});
