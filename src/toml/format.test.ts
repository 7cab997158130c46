import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatDotted, formatKey, formatSection, formatValue } from "./format.ts";
import { fromPlain, type TomlEntry, type TomlNode, type TomlTable } from "./node.ts";
import { parseToml, parseTomlValue } from "./parse.ts";

/** As the unit "binary", for which fast-check makes a table of a million characters first, most of a second. */
const anyCharacter = fc
  .integer({ min: 0, max: 0x10ffff })
  .map((code) => String.fromCodePoint(code).toWellFormed());

const text = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: anyCharacter }),
  fc.constantFrom(
    "",
    "'",
    '"',
    "\\",
    "'''",
    '"""',
    "\r\n",
    "\u007f",
    "\u0000",
    "\u2028",
    "\ufeff",
    "a'b\"c\\",
  ),
);
const key = fc.oneof(text, fc.constantFrom("__proto__", "1", "-", "a.b", "\u00e9", "true", "1979-05-27"));
const scalar: fc.Arbitrary<TomlNode> = fc.oneof(
  text.map((value): TomlNode => ({ kind: "string", value })),
  fc
    .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    .map((value): TomlNode => ({ kind: "integer", value })),
  fc.double().map((value): TomlNode => ({ kind: "float", value })),
  fc
    .constantFrom(-0, 1e21, 5e-324, 1e-7, 2 ** 53, Number.MAX_VALUE)
    .map((value): TomlNode => ({ kind: "float", value })),
  fc.boolean().map((value): TomlNode => ({ kind: "boolean", value })),
  fc
    .constantFrom("1979-05-27", "07:32:00", "1979-05-27T07:32:00.5Z")
    .map((value): TomlNode => ({ kind: "datetime", value })),
);
const { node, table } = fc.letrec<{ node: TomlNode; table: TomlTable }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    scalar,
    fc.array(tie("node"), { maxLength: 3 }).map((items): TomlNode => ({ kind: "array", items })),
    tie("table"),
  ),
  table: fc
    .uniqueArray(fc.tuple(key, tie("node")), { maxLength: 4, selector: ([name]) => name })
    .map((pairs): TomlTable => {
      return {
        kind: "table",
        entries: new Map(pairs.map(([name, value]): [string, TomlEntry] => [name, { value }])),
      };
    }),
}));

/** The value without places. */
function bare(from: TomlNode): unknown {
  if (from.kind === "array") return from.items.map(bare);
  if (from.kind !== "table") return [from.kind, from.value];
  return new Map([...from.entries].map(([name, { value }]) => [name, bare(value)]));
}

function root(toml: string): unknown {
  const result = parseToml({ name: "f", text: toml });
  assert.ok(result.ok, toml);
  return bare(result.document.root);
}

test("formatValue writes what reads as the same value, on one line", () => {
  fc.assert(
    fc.property(node, (value) => {
      const written = formatValue(value);
      const read = parseTomlValue({ name: "f", text: written });
      assert.deepEqual(read && bare(read), bare(value), written);
      assert.ok(!/[\r\n]/.test(written));
    }),
  );
});

test("formatSection writes what reads as the same table", () => {
  fc.assert(
    fc.property(key, table, fc.constantFrom("\n", "\r\n"), (name, value, newline) => {
      assert.deepEqual(root(formatSection([name], value, newline)), new Map([[name, bare(value)]]));
    }),
  );
});

test("formatDotted writes what reads as the same value", () => {
  fc.assert(
    fc.property(key, node, (name, value) => {
      const lines = formatDotted([name], value);
      assert.deepEqual(root(lines.join("\n")), new Map([[name, bare(value)]]));
    }),
  );
});

test("values are spelled plainly", () => {
  const spelled: readonly (readonly [value: unknown, text: string])[] = [
    [20, "20"],
    [1.5, "1.5"],
    [-0, "-0.0"],
    [1e21, "1e21"],
    [2 ** 70, "1.1805916207174113e21"],
    [Infinity, "inf"],
    ['say "hi"', `'say "hi"'`],
    ["C:\\x", "'C:\\x'"],
    [`it's "\\"`, `"it's \\"\\\\\\""`],
    ["a\nb", '"a\\nb"'],
    [[1, "x"], '[1, "x"]'],
    [{ a: 1, "b c": {} }, '{ a = 1, "b c" = {} }'],
  ];
  for (const [value, toml] of spelled) assert.equal(formatValue(fromPlain(value)), toml);
  assert.equal(formatKey("a-B_1"), "a-B_1");
  assert.equal(formatKey(""), '""');
});

test("formatSection puts plain values first and every table under a header of its own", () => {
  const server = fromPlain({ env: { A: "1" }, command: "x", tools: { t: { mode: "auto" } }, oauth: {} });
  assert.equal(
    formatSection(["mcp_servers", "a"], server as TomlTable, "\n"),
    `[mcp_servers.a]\ncommand = "x"\noauth = {}\n\n[mcp_servers.a.env]\nA = "1"\n\n[mcp_servers.a.tools.t]\nmode = "auto"\n`,
  );
});
