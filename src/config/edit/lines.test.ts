import assert from "node:assert/strict";
import { test } from "node:test";
import { parseToml } from "../toml/parse.ts";
import { firstKeys } from "./find.ts";
import { beforeBlankLines, closed, newlineOf, type Owner, ownedRanges, skipBlankLines } from "./lines.ts";

/** The ranges of the servers, as text. */
function ranges(text: string, withComments: boolean, ...names: string[]): string[] {
  const result = parseToml({ name: "f", text });
  assert.ok(result.ok);
  const { statements } = result.document;
  const owners = new Map<string, Owner>(names.map((name) => [name, { withComments }]));
  const owned = statements.flatMap((statement) => {
    const owner = owners.get(firstKeys(statement)[1] ?? "");
    return owner === undefined ? [] : [[statement, owner] as const];
  });
  return ownedRanges(text, statements, new Map(owned)).map(({ start, end }) => text.slice(start, end));
}

test("a comment right above a header is its, one further above is nobody's", () => {
  assert.deepEqual(ranges("# far\n\n# near\n# nearer\n[s.a]\n", true, "a"), ["# near\n# nearer\n[s.a]\n"]);
});

test("a comment right below is the statement's, unless it stands right above another", () => {
  assert.deepEqual(ranges("[s.a]\n# mine\n\n[s.b]\n", true, "a"), ["[s.a]\n# mine\n"]);
  assert.deepEqual(ranges("[s.a]\n# not mine\n[s.b]\n", true, "a"), ["[s.a]\n"]);
  assert.deepEqual(ranges("[s.a]\n# mine", true, "a"), ["[s.a]\n# mine"]);
});

test("what stands between two statements of one owner is the owner's, between two owners it is not", () => {
  const text = "[s.a]\n\n# between\n\n[s.a.env]\n\n# free\n\n[s.b]\n";
  assert.deepEqual(ranges(text, true, "a", "b"), ["[s.a]\n\n# between\n\n[s.a.env]\n", "[s.b]\n"]);
});

test("without comments, only the lines of statements are owned", () => {
  const text = "# above\n[s.a]\n# between\nb = 1 # behind\n# below\n";
  assert.deepEqual(ranges(text, false, "a"), ["[s.a]\n", "b = 1 # behind\n"]);
});

test("a line of a string is no comment", () => {
  assert.deepEqual(ranges('s.b = """\n# text"""\ns.a.c = 1\n', true, "a"), ["s.a.c = 1\n"]);
  assert.deepEqual(ranges('s.b = """\n# text\n"""\n# mine\ns.a.c = 1\n', true, "a"), ["# mine\ns.a.c = 1\n"]);
});

test("a comment above a plain pair may be about all that follows, and is nobody's", () => {
  assert.deepEqual(ranges("[s]\n# about more\na = 1\nb = 2\n", true, "a"), ["a = 1\n"]);
  assert.deepEqual(ranges("[s]\n# about a\na = { c = 1 }\nb = 2\n", true, "a"), [
    "# about a\na = { c = 1 }\n",
  ]);
});

test("blank lines are skipped in both directions, a byte order mark is not one", () => {
  const text = "\ufeff\n \t\r\na = 1\n\n";
  const start = text.indexOf("a");
  assert.equal(beforeBlankLines(text, start), 1);
  assert.equal(skipBlankLines(text, 1), start);
  assert.equal(skipBlankLines(text, start + 6), text.length);
});

test("the line break is that of the first line, and closes the last one", () => {
  assert.equal(newlineOf("a\r\nb\n"), "\r\n");
  assert.equal(newlineOf("a"), "\n");
  assert.equal(closed("a\r\nb"), "a\r\nb\r\n");
  assert.equal(closed("a\n"), "a\n");
  assert.equal(closed(""), "");
  assert.equal(closed("\ufeff"), "\ufeff");
});
