import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { compileRustRegex } from "./rust-regex.ts";

function matches(expression: string, text: string): boolean {
  const regex = compileRustRegex(expression);
  assert.ok(regex.ok, regex.ok ? "" : regex.reason);
  return regex.matchesWhole(text);
}

// Each line was measured with Codex 0.169.
const MEANINGS: readonly (readonly [
  expression: string,
  matched: readonly string[],
  not: readonly string[],
])[] = [
  ["a", ["a"], ["", "A", "ab", "ba", "a\n", "\na", "a\nb"]],
  ["x|y", ["x", "y"], ["xy"]],
  ["a|ab", ["a", "ab"], ["abb"]],
  ["", [""], ["a", "𝒳"]],
  [".", ["a", "é", "𝒳", "\r"], ["\n", ""]],
  ["--url=https://.*", ["--url=https://h/1"], ["--url=http://h/1", "x --url=https://h/1"]],
  ["\\d", ["1"], ["٣"]],
  ["\\w", ["a", "_", "0"], ["é", "-"]],
  ["\\W", ["é", "𝒳", "-"], ["a"]],
  ["\\s", [" ", "\n"], ["\u00a0", "\u2028"]],
  ["a$", ["a"], ["a\n"]],
  ["[a-]", ["a", "-"], ["b"]],
  ["x++", ["x", "xx"], [""]],
  ["a{2}", ["aa"], ["a", "aaa"]],
  ["a{1,}", ["a", "aaa"], [""]],
  ["]}", ["]}"], ["]"]],
  ["a{2}{3}", ["aaaaaa"], ["aaaaa"]],
  ["x*?|y??", ["", "xx", "y"], ["yy"]],
  ["(?:a(b|c))+", ["abac"], ["a"]],
  ["[^\\d\\s.]", ["a", "é"], ["1", " ", "."]],
  ["[\\]\\-\\^]+", ["]-^"], ["a"]],
  ["[𝒳-𝒵]", ["𝒴"], ["X"]],
  ["[a-c-e]", ["b", "-", "e"], ["d"]],
  ["^a$|^$b", ["a"], ["b"]],
  ["\\.\\/\\-", ["./-"], ["a/-"]],
];

/** Each has a meaning in `regex-lite`, or is an error there. */
const REJECTED: readonly (readonly [expression: string, reason: string])[] = [
  ["(?i)k", "a group that begins with (? and not with (?:"],
  ["(?P<n>x)", "a group that begins with (? and not with (?:"],
  ["(?=x)", "a group that begins with (? and not with (?:"],
  ["[[:alpha:]]", "[ in a class"],
  ["[a&&b]", "&& in a class"],
  ["[\\w--y]", "-- in a class"],
  ["[+--]", "-- in a class"],
  ["\\<x", "\\<"],
  ["[x~~y]", "~~ in a class"],
  ["[^\\W]", "a negated class in a class"],
  ["[]a]", "a class that begins with ]"],
  ["[z-a]", "a range of a class that is not from one character to a later one"],
  ["[a-\\d]", "a range of a class that is not from one character to a later one"],
  ["\\bx", "\\b"],
  ["\\Ax\\z", "\\A"],
  ["\\x61", "\\x"],
  ["\\pL", "\\p"],
  ["\\1", "\\1"],
  ["\\é", "\\é"],
  ["\\", "\\"],
  ["a{,3}", "a { that does not begin {n}, {n,} or {n,m}"],
  ["a{ 1}", "a { that does not begin {n}, {n,} or {n,m}"],
  ["a{2,1}", "the repetition {2,1}"],
  ["a{1001}", "the repetition {1001}"],
  ["*", "a * that follows nothing"],
  ["a|{2}", "a { that follows nothing"],
  ["(", "a ( without its )"],
  ["x)", "a ) without its ("],
  ["[", "a [ without its ]"],
  ["[a-", "a [ without its ]"],
];

suite("compileRustRegex", () => {
  for (const [expression, matched, not] of MEANINGS) {
    test(`${JSON.stringify(expression)} matches what it matches in Codex (R1)`, () => {
      for (const text of matched) assert.ok(matches(expression, text), `matches ${JSON.stringify(text)}`);
      for (const text of not) assert.ok(!matches(expression, text), `does not match ${JSON.stringify(text)}`);
    });
  }

  for (const [expression, what] of REJECTED) {
    test(`${JSON.stringify(expression)} is rejected by name`, () => {
      assert.deepEqual(compileRustRegex(expression), { ok: false, reason: `${what} is not supported` });
    });
  }

  test("groups in one another are bounded, so that a file cannot exhaust the stack", () => {
    const deep = compileRustRegex("(".repeat(100_000));
    assert.deepEqual(deep, { ok: false, reason: "nesting of more than 50 groups is not supported" });
  });
});
