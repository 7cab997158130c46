import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  anything,
  boolean,
  integer,
  Issue,
  list,
  map,
  nonEmpty,
  nullable,
  nullish,
  number,
  object,
  oneOf,
  optional,
  type Reader,
  refine,
  showPath,
  string,
  variant,
  withDefault,
} from "./reader.ts";

interface Person {
  readonly name: string;
  readonly nickName?: string;
  readonly pets: readonly string[];
}
const person: Reader<Person> = object({
  name: nonEmpty,
  nickName: optional(string),
  pets: withDefault(list(string), []),
});

function issueOf(reader: Reader<unknown>, input: unknown): [code: string, path: string, what: string] {
  const issue = reader(input);
  assert.ok(issue instanceof Issue, "an issue was expected");
  return [issue.code, showPath(issue.path), issue.what];
}

test("object returns declared fields, leaves absent ones out and fills in defaults (R2)", () => {
  assert.deepEqual(person({ name: "Ada", nickName: undefined }), { name: "Ada", pets: [] });
  assert.deepEqual(person({ name: "Ada", nickName: "A", pets: ["cat"] }), {
    name: "Ada",
    nickName: "A",
    pets: ["cat"],
  });
});

test("an issue has a code, a path and a predicate", () => {
  assert.deepEqual(issueOf(person, []), ["wrong_type", "", "must be an object, but is a list"]);
  assert.deepEqual(issueOf(person, {}), ["missing_field", "name", "is missing"]);
  assert.deepEqual(issueOf(person, { name: "" }), ["invalid_value", "name", "must not be empty"]);
  assert.deepEqual(issueOf(person, { name: "Ada", nickName: null }), [
    "wrong_type",
    "nickName",
    "must be a string, but is null",
  ]);
  assert.deepEqual(issueOf(person, { name: "Ada", pets: ["cat", 1] }), [
    "wrong_type",
    "pets[1]",
    "must be a string, but is a number",
  ]);
  assert.deepEqual(issueOf(map(map(boolean)), { "a b": { c: 0 } }), [
    "wrong_type",
    '["a b"].c',
    "must be true or false, but is a number",
  ]);
});

test("an unknown field is rejected with the one that was probably meant, before a missing one", () => {
  const issue = person({ nam: "Ada" });
  assert.ok(issue instanceof Issue);
  assert.deepEqual([issue.code, issue.path, issue.near], ["unknown_field", ["nam"], "name"]);
  assert.equal(issue.what, "is unknown; known are name, nickName, pets");
});

test("unknown fields can be ignored, all of them or those that are no misspellings", () => {
  const lenient = object<{ name?: string }>({ name: optional(string) }, "ignore");
  assert.deepEqual(lenient({ nam: 1, other: 2 }), {});
  const near = object<{ name?: string }>({ name: optional(string) }, "near");
  assert.deepEqual(near({ other: 2 }), {});
  assert.deepEqual(issueOf(near, { nam: 1 }), ["unknown_field", "nam", "is unknown; known are name"]);
});

test("numbers have a range and a unit", () => {
  const wait = integer({ min: 1, max: 1000, unit: "milliseconds" });
  assert.equal(wait(1000), 1000);
  for (const wrong of [0, 1001, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.equal(issueOf(wait, wrong)[2], "must be a whole number of milliseconds from 1 up to 1000");
  }
  assert.equal(issueOf(number({ min: 0 }), "1")[2], "must be a number from 0, but is a string");
});

test("oneOf and variant name what there is", () => {
  assert.deepEqual(issueOf(oneOf("a", "b"), "c"), ["invalid_value", "", "must be one of a, b"]);
  const shape = variant<{ kind: string }>("kind", {
    circle: object<{ kind: "circle"; radius: number }>({ kind: oneOf("circle"), radius: number() }),
    point: object<{ kind: "point" }>({ kind: oneOf("point") }),
  });
  assert.deepEqual(shape({ kind: "circle", radius: 1 }), { kind: "circle", radius: 1 });
  assert.deepEqual(issueOf(shape, { kind: "line" }), [
    "invalid_value",
    "kind",
    "must be one of circle, point",
  ]);
  assert.deepEqual(issueOf(shape, { kind: "circle" }), ["missing_field", "radius", "is missing"]);
  assert.deepEqual(issueOf(shape, {}), ["missing_field", "kind", "is missing"]);
});

test("null can stand for an absent field", () => {
  const reader = object<{ name?: string }>({ name: nullish(string) });
  for (const input of [{}, { name: undefined }, { name: null }]) assert.deepEqual(reader(input), {});
  assert.deepEqual(reader({ name: "a" }), { name: "a" });
  assert.deepEqual(list(nullable(string))(["a", null]), ["a", undefined]);
});

test("refine places its issue, or the issue it is given", () => {
  const even = refine(integer(), (value) => (value % 2 === 0 ? undefined : "must be even"));
  assert.deepEqual(issueOf(list(even), [2, 3]), ["invalid_value", "[1]", "must be even"]);
  const pair = refine(list(string), ([a, b]) =>
    a === b ? undefined : new Issue("invalid_value", "must be the same", [1]),
  );
  assert.deepEqual(issueOf(pair, ["a", "b"]), ["invalid_value", "[1]", "must be the same"]);
});

test("a name that objects inherit is not taken for a field, and __proto__ is a name like any other", () => {
  const input: unknown = JSON.parse('{ "__proto__": "x", "constructor": "y" }');
  const read = map(string)(input);
  assert.ok(!(read instanceof Issue));
  assert.deepEqual(Object.keys(read), ["__proto__", "constructor"]);
  assert.equal(Object.getPrototypeOf(read), Object.prototype);
  const named = object<{ toString: string }>({ toString: string });
  assert.deepEqual(issueOf(named, {}), ["missing_field", "toString", "is missing"]);
});

interface Tree {
  readonly name: string;
  readonly size?: number;
  readonly below: Readonly<Record<string, readonly (string | undefined)[]>>;
}
const tree: Reader<Tree> = object({
  name: string,
  size: optional(integer({ min: 0 })),
  below: map(list(nullable(string))),
});

test("a reader never throws, never changes its input and never quotes a value (R1, R3)", () => {
  const secret = "s3cr3t-value";
  const leaf = fc.oneof(fc.constant(secret), fc.jsonValue());
  const field = fc.oneof(leaf, fc.dictionary(fc.string(), fc.oneof(leaf, fc.array(leaf))));
  const inputs = fc.oneof(
    fc.jsonValue(),
    fc.record({ name: field, size: field, below: field, [secret.slice(0, 3)]: field }, { requiredKeys: [] }),
  );
  fc.assert(
    fc.property(inputs, (input) => {
      const before = JSON.stringify(input);
      const read = tree(input);
      assert.equal(JSON.stringify(input), before);
      if (read instanceof Issue) {
        assert.ok(!read.what.includes(secret), read.what);
        // The path leads to what is wrong.
        let at: unknown = input;
        const keys = read.code === "missing_field" ? read.path.slice(0, -1) : read.path;
        for (const key of keys) at = (at as Record<string | number, unknown>)[key];
        assert.notEqual(at, undefined);
      } else {
        assert.equal(typeof read.name, "string");
        assert.ok(read.size === undefined || Number.isInteger(read.size));
      }
    }),
    { numRuns: 500 },
  );
});

test("anything takes anything", () => {
  fc.assert(fc.property(fc.anything(), (input) => Object.is(anything(input), input)));
});
