import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { lineAndColumn, type TomlNode, toPlain } from "./node.ts";
import { parseToml, parseTomlValue } from "./parse.ts";

/** As the unit "binary", for which fast-check makes a table of a million characters first, most of a second. */
const anyCharacter = fc
  .integer({ min: 0, max: 0x10ffff })
  .map((code) => String.fromCodePoint(code).toWellFormed());

function read(text: string): unknown {
  const result = parseToml({ name: "f.toml", text });
  assert.ok(result.ok, `${text}: ${result.ok ? "" : result.problem.message}`);
  return JSON.parse(JSON.stringify(toPlain(result.document.root)));
}

function refusal(text: string): string | undefined {
  const result = parseToml({ name: "f.toml", text });
  if (result.ok || result.problem.place === undefined) return undefined;
  const { line, column } = lineAndColumn(result.problem.place);
  return `${line}:${column}: ${result.problem.message}`;
}

const VALUES: readonly (readonly [text: string, value: unknown])[] = [
  ["", {}],
  ["\ufeff# only a comment", {}],
  ["a = 1", { a: 1 }],
  ["a.b . 'c' = 1\na.d = 2\r\n", { a: { b: { c: 1 }, d: 2 } }],
  ['"" = 1\n"a.b" = 2\n1 = 3', { "": 1, "a.b": 2, 1: 3 }],
  ['a = "\\e\\x41\\u00e9\\U0001f600\\"\\\\\\t"', { a: '\u001bA\u00e9\u{1f600}"\\\t' }],
  ["a = 'C:\\x'", { a: "C:\\x" }],
  ['a = """\r\none\r\n\\  \n  two"""', { a: "one\r\ntwo" }],
  ["a = '''\n'one''two'''''", { a: "'one''two''" }],
  ["a = [1, # c\n [2,], ]", { a: [1, [2]] }],
  ["a = { b = 1, # c\n c.d = 2,\n}", { a: { b: 1, c: { d: 2 } } }],
  ["[a.b]\nc = 1\n[a]\nd = 2", { a: { b: { c: 1 }, d: 2 } }],
  ["[[a]]\nb = 1\n[a.c]\n[[a]]\n[[a.d]]", { a: [{ b: 1, c: {} }, { d: [{}] }] }],
  ["a.b.c = 1\n[a.d]\n", { a: { b: { c: 1 }, d: {} } }],
  ["[ a . 'b' ] # c", { a: { b: {} } }],
];

const ERRORS: readonly (readonly [text: string, error: string])[] = [
  ["a = 1 b = 2", "1:7: unexpected key or value, expected newline, `#`"],
  ["a", "1:2: key with no value, expected `=`"],
  ["a =", "1:4: string values must be quoted, expected literal string"],
  ["a = \n1", "1:5: string values must be quoted, expected literal string"],
  ["a = 1\na = 2", "2:1: duplicate key"],
  ["[a]\n[a]", "2:2: duplicate key"],
  ["[[a]]\n[a]", "2:2: duplicate key"],
  ["a.b = 1\n[a]", "2:2: duplicate key"],
  ["[a]\nb.c = 1\n[a.b]", "3:4: duplicate key"],
  ["a = { b = 1 }\na.c = 2", "2:1: cannot extend value of type inline table with a dotted key"],
  ["a = 1\na.b = 2", "2:1: cannot extend value of type integer with a dotted key"],
  ["[a", "1:3: unclosed table, expected `]`"],
  ["[[a]", "1:5: unclosed array table, expected `]`"],
  ["[]", "1:2: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`"],
  ["\u00e9 = 1", "1:1: invalid unquoted key, expected letters, numbers, `-`, `_`"],
  ['"""a""" = 1', "1:1: keys cannot be multi-line strings, expected basic string, literal string"],
  ["a = [1 2]", "1:8: missing comma between array elements, expected `,`"],
  ["a = [,]", "1:6: extra comma in array, expected value"],
  ["a = [1", "1:5: unclosed array, expected `]`"],
  ["a = {,}", "1:6: extra comma in inline table, expected key"],
  ["a = {b = 1", "1:5: unclosed inline table, expected `}`"],
  ['a = "b\n"', '1:5: invalid basic string, expected `"`'],
  ["a = 'b", "1:5: invalid literal string, expected `'`"],
  ['a = "\\q"', '1:7: missing escaped value, expected `b`, `e`, `f`, `n`, `r`, `\\`, `"`, `x`, `u`, `U`'],
  ['a = "\\ud800"', "1:8: invalid value, expected unicode hexadecimal value"],
  ["a = 1\rb = 2", "1:6: carriage return must be followed by newline, expected newline"],
  ["# \u0000", "1:3: invalid comment character, expected printable characters"],
];

test("parseToml reads TOML 1.1", () => {
  for (const [text, value] of VALUES) {
    assert.deepEqual(read(text), JSON.parse(JSON.stringify(value)), text);
    assert.deepEqual(read(`${text}\n`), JSON.parse(JSON.stringify(value)), text);
  }
});

test("parseToml keeps a key like any other that is called __proto__", () => {
  const result = parseToml({ name: "f", text: "__proto__.a = 1\n[x.__proto__]\nconstructor = 2" });
  assert.ok(result.ok);
  assert.deepEqual([...result.document.root.entries.keys()], ["__proto__", "x"]);
});

test("parseToml says what is wrong, and where, in the words of Codex's parser (B1, B2, B3)", () => {
  for (const [text, error] of ERRORS) assert.equal(refusal(text), error, JSON.stringify(text));
});

test("parseTomlValue reads one value and nothing else", () => {
  const kind = (text: string): string | undefined => parseTomlValue({ name: "-c", text })?.kind;
  assert.equal(kind(" [1] "), "array");
  assert.equal(kind("{a = 1}"), "table");
  assert.equal(kind("1 2"), undefined);
  assert.equal(kind("word"), undefined);
  assert.equal(kind("{a=1,a=2}"), undefined);
});

test("every value stands where its place says (P1)", () => {
  const text = `\ufeffa = { b = "x", c.d = [1, 'y', 1979-05-27 07:32] }\r\n[e."f g"]\nh = """\n1"""\n`;
  const result = parseToml({ name: "f", text });
  assert.ok(result.ok);
  const check = (node: TomlNode): void => {
    const { place } = node;
    assert.ok(place !== undefined);
    const written = text.slice(place.start, place.end);
    if (node.kind === "table") {
      for (const [key, { value, keyPlace }] of node.entries) {
        assert.ok(keyPlace !== undefined);
        assert.equal(text.slice(keyPlace.start, keyPlace.end).replace(/^"|"$/g, ""), key);
        check(value);
      }
      return;
    }
    const alone = parseTomlValue({ name: "f", text: written });
    assert.deepEqual(alone && toPlain(alone), toPlain(node));
    if (node.kind === "array") node.items.forEach(check);
  };
  check(result.document.root);
});

test("parseToml never throws, whatever the text", () => {
  const tokens = fc.constantFrom(
    ..."[ [[ ] ]] { } = . , # \" ' \"\"\" ''' a b 1 1.5 true \\ - \\u \n \r\n \r \t \u0000 \ufeff \ud800".split(
      " ",
    ),
    " ",
  );
  const soup = fc.array(tokens, { maxLength: 30 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(soup, fc.string({ unit: anyCharacter })), (text) => {
      const result = parseToml({ name: "f", text });
      if (!result.ok) assert.ok((result.problem.place?.end ?? Infinity) <= text.length);
    }),
    { numRuns: 1000 },
  );
});

test("parseToml refuses a hundred thousand brackets without running out of stack (P2)", () => {
  assert.equal(
    refusal(`a = ${"[".repeat(100_000)}`),
    "1:85: cannot recurse further; max recursion depth met",
  );
  assert.match(refusal(`a = ${"{a=".repeat(100_000)}`) ?? "", /max recursion depth met$/);
  assert.match(refusal(`${"a.".repeat(100_000)}a = 1`) ?? "", /recursion limit$/);
});

test("parseToml does twice the work for twice the text (P2)", (t) => {
  const texts: readonly ((count: number) => string)[] = [
    (count) => "a.b = [".concat("1, ".repeat(count), "]"),
    (count) => 'a = """'.concat('""\\n\n'.repeat(count), '"""'),
    (count) => "[[a]]\n# c\n\n".repeat(count),
    (count) => Array.from({ length: count }, (_, i) => `[a.b${i}]\nc.d = { e = ${i} }\n`).join(""),
    (count) => `a = "${"\\u00e9".repeat(count)}`,
  ];
  const peeks = t.mock.method(String.prototype, "charCodeAt");
  const matches = t.mock.method(RegExp.prototype, "test");
  const work = (text: string): number => {
    peeks.mock.resetCalls();
    matches.mock.resetCalls();
    parseToml({ name: "f", text });
    return peeks.mock.callCount() + matches.mock.callCount();
  };
  for (const make of texts) {
    const once = work(make(200));
    assert.ok(once > 200);
    assert.ok(work(make(400)) < once * 2.1, make(1));
  }
});
