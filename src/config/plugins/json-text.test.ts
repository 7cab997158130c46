import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { readJson, type JsonText } from "./json-text.ts";
import { formatProblem } from "../show/show-problem.ts";
import { problem } from "../problem.ts";
import { toPlain } from "../../toml/node.ts";

function read(text: string): JsonText {
  const result = readJson("p.json", text);
  assert.ok(result.ok);
  return result.json;
}

/** Why it is not read, as it is shown. */
function refused(text: string): string {
  const result = readJson("p.json", text);
  assert.ok(!result.ok);
  return formatProblem(result.problem);
}

/** Without the nulls of objects and arrays. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((each) => each !== null).map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, each]) => each !== null);
  return Object.fromEntries(entries.map(([key, each]) => [key, withoutNulls(each)]));
}

suite("JSON of a plugin", () => {
  test("is what JSON.parse makes of it, without the nulls (T3)", () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(2), (text, blanks) => {
        const value: unknown = JSON.parse(text);
        fc.pre(value !== null && JSON.stringify(value).isWellFormed());
        const spaced = JSON.stringify(value, undefined, blanks);
        // Numbers are compared as numbers.
        const plain = JSON.stringify(toPlain(read(spaced).root), (_, each: unknown) =>
          typeof each === "bigint" ? Number(each) : each,
        );
        assert.deepEqual(JSON.parse(plain), JSON.parse(JSON.stringify(withoutNulls(value))));
      }),
    );
  });

  test("has the place of every null, and the paths of keys that are written twice: the last one counts (T2, T3)", () => {
    const { root, nulls, repeated } = read('{"a":{"b":null,"c":[1,null]},"d":1,"d":"x","e":2,"e":null}');
    assert.deepEqual(toPlain(root), { a: { c: [1] }, d: "x" });
    assert.deepEqual(
      nulls.map(({ path, place }) => [path.join("."), place.end - place.start]),
      [
        ["a.b", 4],
        ["a.c.1", 4],
        ["e", 4],
      ],
    );
    assert.deepEqual(repeated, [["d"], ["e"]]);
  });

  test("is rejected where serde_json rejects it (T1)", () => {
    const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);
    assert.ok(readJson("p.json", nested(127)).ok);
    const wrong = [
      '"\\ud800"',
      "\ufeff{}",
      nested(128),
      "{'a':1}",
      "[1,]",
      '{"a":1,}',
      "// x\n{}",
      "01",
      '"\n"',
      "",
      "{}{}",
      "NaN",
      "null",
    ];
    for (const text of wrong) assert.equal(readJson("p.json", text).ok, false, JSON.stringify(text));
  });

  test("shows keys and structure, and no value (T4)", () => {
    const { root } = read('{"env":{"TOKEN":"hidden-1"},"n":12345,"args":["hidden-2"]}');
    const shown = formatProblem(problem("x", ["env"], root.place));
    assert.match(shown, /\{"env":\{"TOKEN":\*{10}\},"n":\*{5},"args":\[\*{10}\]\}/);
    assert.ok(!/hidden|12345/.test(shown), shown);
    const broken = refused('{"TOKEN": "hidden", x}');
    assert.match(broken, /p\.json:1:21: this is not valid JSON: a key in quotes is expected/);
    assert.ok(!/hidden|TOKEN/.test(broken), broken);
  });
});
