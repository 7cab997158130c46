import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { compareBytes } from "../../base/byte-order.ts";
import { mergeTables } from "./merge.ts";
import { fromPlain, nodeAt, type TomlTable, toPlain } from "../../toml/node.ts";
import { parseToml } from "../../toml/parse.ts";

function table(text: string, name = "file"): TomlTable {
  const parsed = parseToml({ name, text });
  assert.ok(parsed.ok);
  return parsed.document.root;
}

function merged(low: object, high: object): unknown {
  return JSON.parse(
    JSON.stringify(toPlain(mergeTables(fromPlain(low) as TomlTable, fromPlain(high) as TomlTable))),
  );
}

suite("mergeTables", () => {
  test("merges tables key by key at any depth", () => {
    assert.deepEqual(merged({ a: { b: { x: 1, y: 1 } } }, { a: { b: { y: 2, z: 2 } } }), {
      a: { b: { x: 1, y: 2, z: 2 } },
    });
  });

  test("replaces arrays and scalars whole, also by something empty", () => {
    assert.deepEqual(merged({ a: [1, 2], b: "x", c: [1] }, { a: [3], b: [], c: [] }), {
      a: [3],
      b: [],
      c: [],
    });
  });

  test("an empty table takes nothing away", () => {
    assert.deepEqual(merged({ a: { x: 1 } }, { a: {} }), { a: { x: 1 } });
  });

  test("a table replaces a scalar, and a scalar a table", () => {
    assert.deepEqual(merged({ a: 1, b: { x: 1 } }, { a: { y: 2 }, b: 2 }), { a: { y: 2 }, b: 2 });
  });

  test("keys of the lower layer keep their order and new ones follow (M2)", () => {
    const both = mergeTables(table("z = 1\ny = 1\n"), table("a = 2\nz = 2\n"));
    assert.deepEqual([...both.entries.keys()], ["z", "y", "a"]);
  });

  test("values keep their places (M1)", () => {
    const both = mergeTables(table("[a]\nx = 1\ny = 1\n", "low"), table("[a]\ny = 2\n", "high"));
    assert.equal(nodeAt(both, ["a", "x"])?.place?.source.name, "low");
    assert.equal(nodeAt(both, ["a", "y"])?.place?.source.name, "high");
  });

  test("__proto__ is a key like any other", () => {
    const both = mergeTables(table("__proto__.x = 1\n"), table("__proto__.y = 2\n"));
    assert.deepEqual([...(nodeAt(both, ["__proto__"]) as TomlTable).entries.keys()], ["x", "y"]);
  });
});

test("compareBytes orders characters beyond U+FFFF behind all others, as Codex does", () => {
  assert.deepEqual(["\u{1f600}", "\uff5e", "b", "B", "a-"].sort(compareBytes), [
    "B",
    "a-",
    "b",
    "\uff5e",
    "\u{1f600}",
  ]);
});
