import assert from "node:assert/strict";
import { test } from "node:test";
import type { TomlPair } from "../../toml/document.ts";
import { fromPlain } from "../../toml/node.ts";
import { parseToml } from "../../toml/parse.ts";
import { InlinePlan, renameIn } from "./plan-inline.ts";
import { applySplices } from "./splice.ts";

/** The text after a change of its first pair, an inline table. */
function changed(text: string, change: (plan: InlinePlan, pair: TomlPair) => void): string {
  const result = parseToml({ name: "f", text });
  assert.ok(result.ok);
  const plan = new InlinePlan(text);
  change(plan, result.document.statements[0] as TomlPair);
  const after = applySplices(text, plan.splices());
  assert.ok(parseToml({ name: "f", text: after }).ok, after);
  return after;
}

function set(text: string, path: readonly string[], value: unknown): string {
  return changed(text, (plan, pair) => plan.set(pair, path, fromPlain(value)));
}

function unset(text: string, ...paths: (readonly string[])[]): string {
  return changed(text, (plan, pair) => {
    for (const path of paths) plan.unset(pair, path);
  });
}

const LINES = "t = {\n  a = 1, # one\n  # about b\n  b = 2, # two\n  c = 3 # three\n}\n";

test("a new pair goes behind the last one, in the style of the table", () => {
  assert.equal(set("t = {}", ["a"], 1), "t = { a = 1 }");
  assert.equal(set("t = {a=1}", ["b"], 2), "t = {a=1, b = 2}");
  assert.equal(set("t = { a = 1, }", ["b"], 2), "t = { a = 1, b = 2, }");
  assert.equal(set("t = { a = 1 # c\n , }", ["b"], 2), "t = { a = 1, b = 2 # c\n , }");
  assert.equal(set(LINES, ["d"], 4), LINES.replace("c = 3 # three\n", "c = 3, # three\n  d = 4\n"));
  assert.equal(set("t = {\n\ta = 1,\n}", ["b"], 2), "t = {\n\ta = 1,\n\tb = 2,\n}");
});

test("a new line ends as the line above it does, whatever the first of the file", () => {
  assert.equal(set("t = {\n  a = 1\r\n}\n", ["b"], 2), "t = {\n  a = 1,\r\n  b = 2\r\n}\n");
});

test("a value is replaced where it stands, at any depth", () => {
  assert.equal(set("t = { a = 1, b = 2 }", ["a"], "x"), 't = { a = "x", b = 2 }');
  assert.equal(set("t = { a = { b = [1] } }", ["a", "b"], [2]), "t = { a = { b = [2] } }");
  assert.equal(set("t = { a.b = 1, c = 2 }", ["a", "d"], 3), "t = { a.b = 1, c = 2, a.d = 3 }");
  assert.equal(set("t = { a = 0x10 }", ["a"], 16), "t = { a = 0x10 }");
});

test("a table that takes another's place keeps the pairs that are equal as they are spelled", () => {
  const text = "t = { a.b = 0x1, c = 'x', d = { e = 1, f = 2 } }";
  const value = fromPlain({ a: { b: 1 }, d: { e: 1 }, g: 3 });
  const after = changed(text, (plan, pair) => plan.setValue(pair, value));
  assert.equal(after, "t = { a.b = 0x1, d = { e = 1 }, g = 3 }");
});

test("a pair goes with one comma, and with its lines where it has its own", () => {
  assert.equal(unset("t = { a = 1, b = 2, c = 3 }", ["a"]), "t = { b = 2, c = 3 }");
  assert.equal(unset("t = { a = 1, b = 2, c = 3 }", ["b"]), "t = { a = 1, c = 3 }");
  assert.equal(unset("t = { a = 1, b = 2, c = 3 }", ["c"]), "t = { a = 1, b = 2 }");
  assert.equal(unset("t = { a = 1, b = 2, c = 3 }", ["b"], ["c"], ["a"]), "t = {}");
  assert.equal(unset(LINES, ["a"]), LINES.replace("  a = 1, # one\n", ""));
  assert.equal(unset(LINES, ["c"]), LINES.replace("  c = 3 # three\n", "").replace("2,", "2"));
  assert.equal(unset("t = { a = 1, # one\n b = 2 }", ["b"]), "t = { a = 1 # one\n  }");
});

test("a table that loses its last dotted key stays, empty", () => {
  assert.equal(unset("t = { a.b = 1, c = 2 }", ["a", "b"]), "t = { a = {}, c = 2 }");
  assert.equal(unset("t = { a = { b = 1 } }", ["a", "b"]), "t = { a = {} }");
  assert.equal(unset("t = { a = 1 }", ["x"]), "t = { a = 1 }");
});

test("a key is renamed wherever it is spelled", () => {
  const text = "t = { a.b = 1, 'a'.c = 2, b.a = 3 }";
  const result = parseToml({ name: "f", text });
  assert.ok(result.ok);
  const splices = renameIn(
    [{ path: ["t"], statement: result.document.statements[0] as TomlPair }],
    ["t", "a"],
    "x y",
  );
  assert.equal(applySplices(text, splices), 't = { "x y".b = 1, "x y".c = 2, b.a = 3 }');
});
