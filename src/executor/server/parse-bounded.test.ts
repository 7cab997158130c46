/** What is refused, and what is not. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseBounded } from "./parse-bounded.ts";

const MANY = 300_000;

suite("parseBounded", () => {
  for (const [what, text] of [
    ["arrays in arrays", "[".repeat(MANY) + "]".repeat(MANY)],
    ["few arrays in arrays", `{"id":1,"method":"x","params":${"[".repeat(127)}${"]".repeat(127)}}`],
    ["arrays that do not end", "[".repeat(MANY)],
    ["objects in objects", '{"a":'.repeat(MANY)],
    ["objects in arrays, after a long string", `["${"x".repeat(100_000)}",${"[{".repeat(64)}`],
    ["brackets after a string that ends in an escape", `["${"x".repeat(100_000)}\\\\",${"[".repeat(200)}`],
  ] as const) {
    test(`refuses ${what} (B1)`, () => {
      assert.throws(() => parseBounded(text), {
        name: "SyntaxError",
        message: "values are more than 127 deep in each other",
      });
    });
  }

  for (const [what, text] of [
    ["arrays side by side", `[${"[],".repeat(MANY)}0]`],
    ["numbers", `[${"0,".repeat(MANY)}0]`],
    ["empty strings", `[${'"",'.repeat(MANY)}""]`],
    ["members", `{${'"a":1,'.repeat(MANY)}"b":2}`],
    ["objects with a member each", `[${'{"a":1},'.repeat(MANY)}0]`],
    ["commas alone", ",".repeat(MANY)],
  ] as const) {
    test(`refuses too many ${what} (B1)`, () => {
      assert.throws(() => parseBounded(text), {
        name: "SyntaxError",
        message: "it has more than 262144 values",
      });
    });
  }

  test("reads everything else as JSON.parse does (B2)", () => {
    const long = "x".repeat(70_000);
    for (const value of [
      { method: "process/start", params: { argv: Array.from({ length: 200_000 }, () => "") } },
      { dataBase64: "A".repeat(4_000_000) },
      ["[".repeat(500_000), "{,".repeat(500_000)],
      ['"['.repeat(200_000), '\\"['.repeat(100_000), "\\".repeat(100_001), `${long}\\`, `${long}"`],
      { id: 1, method: "x", params: { a: ["[{", '"', "\\"], "]": {} } },
      JSON.parse(`${"[".repeat(127)}"${long}"${"]".repeat(127)}`) as unknown,
    ]) {
      const text = JSON.stringify(value);
      assert.deepEqual(parseBounded(text), value);
    }
  });

  test("reports what is not JSON as JSON.parse does (B2)", () => {
    for (const text of [
      "",
      "{",
      '{"a"',
      `["${"x".repeat(100_000)}`,
      `"${"x".repeat(100_000)}\\"`,
      "]".repeat(MANY),
    ]) {
      const errorOf = (parse: (text: string) => unknown): string => {
        try {
          parse(text);
        } catch (error) {
          assert.ok(error instanceof SyntaxError);
          return error.message;
        }
        return assert.fail("it was read");
      };
      assert.equal(errorOf(parseBounded), errorOf(JSON.parse));
    }
  });
});
