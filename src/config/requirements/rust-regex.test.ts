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
  ["(?s).", ["\n"], ["\n\n"]],
  ["--url=https://.*", ["--url=https://h/1"], ["--url=http://h/1", "x --url=https://h/1"]],
  ["\\d", ["1"], ["٣"]],
  ["\\w", ["a", "_", "0"], ["é", "-"]],
  ["\\W", ["é", "𝒳", "-"], ["a"]],
  ["\\s", [" ", "\n"], ["\u00a0", "\u2028"]],
  ["(?i)k", ["k", "K"], ["\u212a"]],
  ["(?i)[a-c]x", ["BX", "bx"], ["dx"]],
  ["(?i:a)b", ["Ab"], ["AB"]],
  ["(?m)a$\n^b", ["a\nb"], ["a b"]],
  ["a$", ["a"], ["a\n"]],
  ["\\Aa\\z", ["a"], ["a\n"]],
  ["[[:alpha:]]+", ["aZ"], ["a1", "é"]],
  ["[^[:alpha:]]", ["1", "é"], ["a"]],
  ["[]a]", ["]", "a"], ["b"]],
  ["[a-]", ["a", "-"], ["b"]],
  ["[^\\W]", ["a"], ["é"]],
  ["(?P<n>x)", ["x"], ["xx"]],
  ["x++", ["x", "xx"], [""]],
  ["a(?i)*b", ["aaB", "b"], ["Ab"]],
  ["a{2}", ["aa"], ["a", "aaa"]],
  ["a{1,}", ["a", "aaa"], [""]],
  ["\\x61\\x{62}\\u0063", ["abc"], ["ab"]],
  ["\\bx\\b{end}", ["x"], ["xx"]],
  ["(?x) a # the rest is a comment\n b", ["ab"], ["a b"]],
  ["]}", ["]}"], ["]"]],
  ["\\.\\/\\-", ["./-"], ["a/-"]],
];

const REFUSALS: readonly (readonly [expression: string, reason: string])[] = [
  ["(", "found open group without closing ')'"],
  ["x)", "found closing ')' without matching '('"],
  ["[", "found unclosed character class"],
  ["[[:constructor:]]", "nested character classes are not supported"],
  ["[z-a]", "invalid range in character class"],
  ["[a-\\d]", "character class ranges must start and end with a single character"],
  ["(?i)[\\x61-c]", "character class ranges must start and end with a single character"],
  ["a|(?i)*", "uncounted repetition operator must be applied to a sub-expression"],
  ["[a&&b]", "character class intersection is not supported"],
  ["[\\w--y]", "character class difference is not supported"],
  ["[x~~y]", "character class symmetric difference is not supported"],
  ["*", "uncounted repetition operator must be applied to a sub-expression"],
  ["{", "counted repetition operator must be applied to a sub-expression"],
  ["x{", "found unclosed counted repetition operator"],
  ["x{1", "found incomplete and unclosed counted repetition operator"],
  ["a{,3}x", "expected decimal number, but found no digits"],
  ["a{2,1}", "found counted repetition with a min bigger than its max"],
  ["(?=x)", "look-around is not supported"],
  ["\\1", "backreferences are not supported"],
  ["\\pL", "Unicode character classes are not supported"],
  ["\\h", "unrecognized escape sequence"],
  ["\\xZZ", "expected fixed length hexadecimal number, but got non-hex digit"],
  ["\\", "saw start of escape sequence, but saw end of pattern before it finished"],
  ["(?z)x", "unrecognized inline flag"],
  ["(?i", "expected ':' or ')' to end inline flags, but got end of pattern"],
  ["(?<1>x)", "invalid group name"],
  ["(?P<n", "expected end of capture group name, but got end of pattern"],
];

suite("compileRustRegex", () => {
  for (const [expression, matched, not] of MEANINGS) {
    test(`${JSON.stringify(expression)} matches what it matches in Codex`, () => {
      for (const text of matched) assert.ok(matches(expression, text), `matches ${JSON.stringify(text)}`);
      for (const text of not) assert.ok(!matches(expression, text), `does not match ${JSON.stringify(text)}`);
    });
  }

  for (const [expression, reason] of REFUSALS) {
    test(`${JSON.stringify(expression)} is refused in Codex's words`, () => {
      assert.deepEqual(compileRustRegex(expression), {
        ok: false,
        reason: `invalid regex \`${expression}\`: ${reason}`,
      });
    });
  }

  test("an expression that swallows what Codex wraps it in is refused, as there", () => {
    assert.deepEqual(compileRustRegex("(?x) x # c"), {
      ok: false,
      reason:
        "regex `(?x) x # c` cannot be used for full-value matching: found open group without closing ')'",
    });
  });

  test("groups in one another are bounded, so that a file cannot exhaust the stack", () => {
    const deep = compileRustRegex("(".repeat(100_000));
    assert.ok(!deep.ok && deep.reason.endsWith("pattern has too much nesting"));
  });
});
