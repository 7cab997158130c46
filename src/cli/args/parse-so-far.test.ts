import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseArgs, UsageError } from "./parse.ts";
import { parseSoFar } from "./parse-so-far.ts";
import type { NamedSpec } from "./spec.ts";

const spec: NamedSpec = {
  name: "x",
  about: "does x",
  operands: [
    { name: "NAME", optional: true },
    { name: "COMMAND", optional: true, many: true },
  ],
  verbatimFrom: 2,
  verbatimUnless: /^url$/,
  overridable: true,
  flags: [
    { name: "json", about: "j" },
    { name: "verbose", short: "v", about: "v" },
    { name: "cd", short: "C", value: "DIR", about: "c" },
    { name: "env", value: "K=V", many: true, about: "e" },
  ],
};

const WORDS = [
  "a",
  "b",
  "url",
  "",
  "-",
  "--",
  "--json",
  "-v",
  "-C",
  "-vC",
  "-Cd",
  "-C=d",
  "--cd",
  "--cd=d",
  "--env",
];

test("what is typed so far is read as parseArgs reads it", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...WORDS), { maxLength: 8 }), (words) => {
      const { args, next } = parseSoFar(spec, words);
      let whole;
      try {
        whole = parseArgs(spec, words);
      } catch (error) {
        assert.ok(error instanceof UsageError && next.is === "value", String(error));
        return;
      }
      assert.deepEqual(args.operands, whole.operands);
      for (const flag of ["json", "verbose", "cd", "env"]) assert.deepEqual(args.all(flag), whole.all(flag));
    }),
  );
});

test("the next word is the value of a flag, an operand, a word of another program, or nothing", () => {
  const next = (...words: string[]): readonly [is: string, takesFlags: boolean] => {
    const { next, takesFlags } = parseSoFar(spec, words);
    return [
      next.is === "operand" ? next.operand.name : next.is === "value" ? next.flag.name : next.is,
      takesFlags,
    ];
  };
  assert.deepEqual(next(), ["NAME", true]);
  assert.deepEqual(next("-vC"), ["cd", false]);
  assert.deepEqual(next("--nothing", "a"), ["COMMAND", true]);
  assert.deepEqual(next("a", "--"), ["COMMAND", false]);
  assert.deepEqual(next("a", "b"), ["program", false]);
  assert.deepEqual(next("a", "--", "b"), ["program", false]);
  assert.deepEqual(next("a", "url"), ["COMMAND", true]);
  assert.deepEqual(parseSoFar({ operands: [] }, []).next, { is: "nothing" });
});
