import assert from "node:assert/strict";
import { test } from "node:test";
import { fromPlain, type TomlTable, toPlain } from "./node.ts";
import { parseToml } from "./parse.ts";
import { isTooDeep, sameMeaning, withoutValue, withValue } from "./tree.ts";

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

test("both keep the places of what stays, and withValue gives its place to every key it makes", () => {
  const source = { name: "f", text: "a.b = 1\n" };
  const parsed = parseToml(source);
  assert.ok(parsed.ok);
  const { root } = parsed.document;
  const a = root.entries.get("a");
  const without = withoutValue(root, ["a", "b"]).entries.get("a");
  assert.deepEqual([without?.keyPlace, without?.value.place], [a?.keyPlace, a?.value.place]);
  const place = { source, start: 0, end: 1 };
  const wider = withValue(root, ["a", "c", "d"], fromPlain(2), place).entries.get("a");
  assert.deepEqual(wider?.keyPlace, a?.keyPlace);
  const c = wider?.value.kind === "table" ? wider.value.entries.get("c") : undefined;
  assert.deepEqual([c?.keyPlace, c?.value.place], [place, place]);
});

test("isTooDeep: a value in more than 80 others, or in itself", () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
  assert.deepEqual(
    [80, 81].map((depth) => isTooDeep(nested(depth))),
    [false, true],
  );
  const map = new Map<string, unknown>();
  assert.ok(isTooDeep(map.set("self", map)));
});
