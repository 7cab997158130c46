import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { Redactor } from "./redact.ts";

function redactorOf(...secrets: readonly string[]): Redactor {
  const redactor = new Redactor();
  for (const secret of secrets) redactor.add(secret);
  return redactor;
}

suite("Redactor", () => {
  const cases: readonly (readonly [
    what: string,
    secrets: readonly string[],
    text: string,
    wanted: string,
  ])[] = [
    ["every place a secret turns up in", ["sk-12345"], "sk-12345 and xsk-12345y", "*** and x***y"],
    ["a secret that contains another one, whole", ["abcdef", "abcdefghi"], "<abcdefghi>", "<***>"],
    ["a secret inside another one, also alone", ["abcdefghi", "abcdef"], "abcdef, abcdefghi", "***, ***"],
    [
      "two secrets that overlap, with nothing left of either",
      ["abcdefgh", "efghijkl"],
      "abcdefghijkl",
      "***",
    ],
    ["a secret that overlaps with itself", ["ababab"], "x ababababa y", "x ***a y"],
    ["two secrets side by side", ["first-1", "second-2"], "first-1second-2", "******"],
    ["a secret with characters that mean something in patterns", ["$&.*+(x)"], "a $&.*+(x) b", "a *** b"],
    [
      "a key of several lines, as it stands in JSON",
      ['a "b"\nc\\d'],
      JSON.stringify({ k: 'a "b"\nc\\d' }),
      '{"k":"***"}',
    ],
    ["nothing where there is nothing", ["abcdef"], "abcde f", "abcde f"],
    ["nothing in empty text", ["abcdef"], "", ""],
  ];
  for (const [what, secrets, text, wanted] of cases) {
    test(`takes out ${what}`, () => assert.equal(redactorOf(...secrets).redact(text), wanted));
  }

  test("ignores values of less than 6 characters, the empty one too", () => {
    const text = "true or false: 12345";
    assert.equal(redactorOf("", "true", "12345").redact(text), text);
  });

  test("hides a value until its last owner took it back, and counts an owner once", () => {
    const redactor = new Redactor();
    const [first, second] = [redactor.add('secret"1'), redactor.add('secret"1')];
    first();
    first();
    assert.equal(redactor.redact('secret"1 secret\\"1'), "*** ***");
    second();
    assert.equal(redactor.redact('secret"1 secret\\"1'), 'secret"1 secret\\"1');
    const again = redactor.add('secret"1');
    second();
    assert.equal(redactor.redact('secret"1'), "***");
    again();
  });

  test("leaves no secret in any text, and changes nothing else", () => {
    // A small alphabet, so that secrets overlap, repeat and contain each other.
    const word = fc.string({ unit: fc.constantFrom("a", "b", "\n"), minLength: 6, maxLength: 9 });
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 4 }),
        fc.array(fc.oneof(word, fc.string({ maxLength: 4 })), { maxLength: 8 }),
        (secrets, parts) => {
          const text = parts.join("");
          const redacted = redactorOf(...secrets).redact(text);
          for (const secret of secrets) assert.ok(!redacted.includes(secret));
          // What stays, stays in order: the text matches the result with "***" as a gap.
          let at = 0;
          for (const kept of redacted.split("***")) {
            const found = text.indexOf(kept, at);
            assert.notEqual(found, -1);
            at = found + kept.length;
          }
          if (!secrets.some((secret) => text.includes(secret))) assert.equal(redacted, text);
        },
      ),
      { numRuns: 500 },
    );
  });
});
