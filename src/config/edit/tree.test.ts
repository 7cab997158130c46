import assert from "node:assert/strict";
import { test } from "node:test";
import { fromPlain, type TomlTable, toPlain } from "../toml/node.ts";
import { sameMeaning, withoutValue, withValue } from "./tree.ts";

function table(value: object): TomlTable {
  return fromPlain(value) as TomlTable;
}

function plain(value: TomlTable): unknown {
  return JSON.parse(JSON.stringify(toPlain(value)));
}

test("withValue makes the tables on the way and leaves the given tree alone", () => {
  const root = table({ a: { b: 1 }, c: 2 });
  assert.deepEqual(plain(withValue(root, ["a", "d", "e"], fromPlain(3))), { a: { b: 1, d: { e: 3 } }, c: 2 });
  assert.deepEqual(plain(withValue(root, ["c", "x"], fromPlain(1))), { a: { b: 1 }, c: { x: 1 } });
  assert.deepEqual(plain(root), { a: { b: 1 }, c: 2 });
});

test("withoutValue takes one value away, and leaves an empty table empty", () => {
  const root = table({ a: { b: 1 } });
  assert.deepEqual(plain(withoutValue(root, ["a", "b"])), { a: {} });
  assert.deepEqual(plain(withoutValue(root, ["a"])), {});
  assert.equal(withoutValue(root, ["x", "y"]), root);
  assert.deepEqual(plain(withoutValue(root, ["a", "b", "c"])), { a: { b: 1 } });
});

test("sameMeaning looks at types and values, not at the order of keys", () => {
  assert.ok(sameMeaning(fromPlain({ a: 1, b: [{ c: "x" }] }), fromPlain({ b: [{ c: "x" }], a: 1 })));
  const different: readonly (readonly [unknown, unknown])[] = [
    [1, 1.5],
    [-0, 0],
    ["1", 1],
    [
      [1, 2],
      [2, 1],
    ],
    [[1], [1, 1]],
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ a: 1 }, { b: 1 }],
    [[], {}],
    ["x", []],
  ];
  for (const [a, b] of different) assert.ok(!sameMeaning(fromPlain(a), fromPlain(b)), JSON.stringify([a, b]));
  assert.ok(sameMeaning(fromPlain(Number.NaN), fromPlain(Number.NaN)));
  assert.ok(!sameMeaning({ kind: "integer", value: 1n }, { kind: "float", value: 1 }));
});
