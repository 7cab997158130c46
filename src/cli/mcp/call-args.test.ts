import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type Args, parseArgs, UsageError } from "../args/parse.ts";
import { ARG_FLAG, pairsOf, readJson, typedArguments } from "./call-args.ts";

const argsOf = (...argv: string[]): Args => parseArgs({ name: "call", about: "", flags: [ARG_FLAG] }, argv);
const signal = new AbortController().signal;

const SCHEMA = {
  type: "object",
  properties: {
    text: { type: "string" },
    count: { type: "integer" },
    ratio: { type: "number" },
    deep: { type: "boolean" },
    tags: { type: "array", items: { type: "string" } },
    filter: { type: "object" },
    either: { type: ["string", "number"] },
    maybe: { anyOf: [{ type: "integer" }, { type: "null" }] },
    level: { enum: [1, 2, 3] },
    colour: { enum: ["red", "1"] },
    referred: { $ref: "#/$defs/Limit" },
    endless: { $ref: "#/properties/endless" },
    anything: {},
    true: true,
  },
  $defs: { Limit: { type: "integer" } },
};

suite("arguments of a call", () => {
  const taken: readonly (readonly [pair: string, value: unknown])[] = [
    ["text=5", "5"],
    ["text=", ""],
    ["text=a=b c", "a=b c"],
    ["count=5", 5],
    ["count=-5e0", -5],
    ["ratio=0.5", 0.5],
    ["deep=true", true],
    ['tags=["a","b"]', ["a", "b"]],
    ['filter={"a": [1]}', { a: [1] }],
    ["either=5", "5"],
    ["maybe=5", 5],
    ["maybe=null", null],
    ["level=2", 2],
    ["colour=1", "1"],
    ["referred=7", 7],
    ["endless=1", "1"],
    ["anything=1", "1"],
    ["true=1", "1"],
    ["__proto__=1", "1"],
  ];
  for (const [pair, value] of taken) {
    test(`${pair} is ${JSON.stringify(value)}`, () => {
      const [name = ""] = pair.split("=");
      const typed = typedArguments(pairsOf(argsOf("--arg", pair)), "t", SCHEMA);
      assert.deepEqual(Object.entries(typed), [[name, value]]);
    });
  }

  const rejected: readonly (readonly [pairs: readonly string[], message: RegExp])[] = [
    [["PLANTED"], /^--arg takes NAME=VALUE$/],
    [["=PLANTED"], /^--arg takes NAME=VALUE$/],
    [["text=PLANTED", "text=b"], /^--arg: "text" is given twice$/],
    [["count=PLANTED"], /^--arg count takes a whole number$/],
    [["count=1.5"], /^--arg count takes a whole number$/],
    [["ratio=PLANTED"], /^--arg ratio takes a number$/],
    [["deep=PLANTED"], /^--arg deep takes true or false$/],
    [["tags=PLANTED"], /^--arg tags takes a list, written as '\["a", "b"\]'$/],
    [["tags={}"], /^--arg tags takes a list/],
    [["filter=[]"], /^--arg filter takes an object/],
    [["maybe=PLANTED"], /^--arg maybe takes a whole number or null$/],
  ];
  for (const [pairs, message] of rejected) {
    test(`${pairs.join(" ")} is rejected, without repeating a value (F1)`, () => {
      const argv = pairs.flatMap((pair) => ["--arg", pair]);
      assert.throws(
        () => typedArguments(pairsOf(argsOf(...argv)), "t", SCHEMA),
        (error: Error) =>
          error instanceof UsageError && message.test(error.message) && !error.message.includes("PLANTED"),
      );
    });
  }

  test("a name that the tool rules out is rejected, with the one that was probably meant", () => {
    const closed = { ...SCHEMA, additionalProperties: false };
    assert.throws(() => typedArguments(new Map([["tetx", "x"]]), "t", closed), {
      name: "UsageError",
      message: 'Tool "t" declares no argument "tetx"; did you mean "text"?',
    });
    assert.throws(() => typedArguments(new Map([["x", "x"]]), "t", { additionalProperties: false }), {
      message: 'Tool "t" declares no argument "x"; it takes none',
    });
  });

  test("JSON is one object", async () => {
    assert.deepEqual(await readJson('{"a": [1]}', signal), { a: [1] });
    for (const text of ["[1]", '"PLANTED"', "PLANTED", "", "null"]) {
      await assert.rejects(readJson(text, signal), (error: Error) => {
        return error instanceof UsageError && !error.message.includes("PLANTED");
      });
    }
  });
});
