import assert from "node:assert/strict";
import { test } from "node:test";
import { parseToml } from "../../toml/parse.ts";
import { firstKeys } from "./find.ts";
import {
  beforeBlankLines,
  closed,
  isApartBelow,
  lastNewline,
  newlineAt,
  type Owner,
  ownedRanges,
  skipBlankLines,
} from "./lines.ts";

/** The ranges of the servers, as text. */
function ranges(text: string, isWhole: boolean, ...names: string[]): string[] {
  const result = parseToml({ name: "f", text });
  assert.ok(result.ok);
  const { statements } = result.document;
  const owners = new Map<string, Owner>(names.map((name) => [name, { isWhole }]));
  const owned = statements.flatMap((statement) => {
    const owner = owners.get(firstKeys(statement)[1] ?? "");
    return owner === undefined ? [] : [[statement, owner] as const];
  });
  return ownedRanges(text, statements, new Map(owned)).map(({ start, end }) => text.slice(start, end));
}

const DIRECTIVES = [
  "#!/usr/bin/env codex",
  "#:schema https://example.com/config.json",
  "# vim: set ft=toml :",
  "#vi:ts=2",
  "# vim>703: ts=2",
  "  # ex: ts=2",
  "# -*- mode: toml -*-",
];

const HEADERS = ["# [mcp_servers.off]", "#[[x]]", "## [x] # later", '  #  ["a b" . c]', "#\t[ x ]"];

const NEITHER = [
  "# see [here] for more",
  "# [x] was here",
  "# about vim: it edits",
  "#schema",
  "# vimeo: videos",
  "# - * -",
];

test("a comment right above a header belongs to it, one further above to nobody (L1)", () => {
  assert.deepEqual(ranges("# far\n\n# near\n# nearer\n[s.a]\n", true, "a"), ["# near\n# nearer\n[s.a]\n"]);
  assert.deepEqual(ranges("# near\n# [s.b]\n[s.a]\n", true, "a"), ["# near\n# [s.b]\n[s.a]\n"]);
  assert.deepEqual(ranges("# near\n[s.a]\n", false, "a"), ["# near\n[s.a]\n"]);
});

test("a comment right below is the statement's, unless it stands right above another (L3)", () => {
  assert.deepEqual(ranges("[s.a]\n# mine\n\n[s.b]\n", true, "a"), ["[s.a]\n# mine\n"]);
  assert.deepEqual(ranges("[s.a]\n# not mine\n[s.b]\n", true, "a"), ["[s.a]\n"]);
  assert.deepEqual(ranges("[s.a]\n# mine", true, "a"), ["[s.a]\n# mine"]);
});

test("a part of an owner takes no comments below it (L3)", () => {
  assert.deepEqual(ranges("[s.a]\nb = 1\n# below\n\n[s.b]\n", false, "a"), ["[s.a]\nb = 1\n"]);
});

test("the comments below end before a commented-out header (L3)", () => {
  for (const header of HEADERS) {
    assert.deepEqual(ranges(`[s.a]\n# mine\n${header}\n# x = 1\n\n[s.b]\n`, true, "a"), ["[s.a]\n# mine\n"]);
  }
  for (const comment of NEITHER) {
    assert.deepEqual(ranges(`[s.a]\n# mine\n${comment}\n`, true, "a"), [`[s.a]\n# mine\n${comment}\n`]);
  }
});

test("a directive belongs to nobody, and ends the comments above and below (L4)", () => {
  for (const line of DIRECTIVES) {
    assert.deepEqual(ranges(`# far\n${line}\n# near\n[s.a]\n`, true, "a"), ["# near\n[s.a]\n"], line);
    assert.deepEqual(ranges(`${line}\n[s.a]\n`, true, "a"), ["[s.a]\n"], line);
    assert.deepEqual(ranges(`[s.a]\n# near\n${line}\n# far\n[s.b]\n`, true, "a"), ["[s.a]\n# near\n"], line);
    assert.deepEqual(ranges(`[s.a]\n${line}`, true, "a"), ["[s.a]\n"], line);
  }
});

test("a directive or a commented-out header between the statements of an owner divides them (L2)", () => {
  for (const line of DIRECTIVES) {
    const text = `[s.a]\n# below\n${line}\n# above\n[s.a.env]\n`;
    assert.deepEqual(ranges(text, true, "a"), ["[s.a]\n# below\n", "# above\n[s.a.env]\n"], line);
  }
  for (const header of HEADERS) {
    const text = `[s.a]\n# below\n${header}\n# x = 1\n\n# free\n\n# above\n[s.a.env]\n`;
    assert.deepEqual(ranges(text, true, "a"), ["[s.a]\n# below\n", "# above\n[s.a.env]\n"], header);
  }
  for (const comment of NEITHER) {
    const text = `[s.a]\n${comment}\n\n[s.a.env]\n`;
    assert.deepEqual(ranges(text, true, "a"), [text], comment);
  }
});

test("what stands between two statements of one owner is the owner's, between two owners it is not (L2)", () => {
  const text = "[s.a]\n\n# between\n\n[s.a.env]\n\n# free\n\n[s.b]\n";
  assert.deepEqual(ranges(text, true, "a", "b"), ["[s.a]\n\n# between\n\n[s.a.env]\n", "[s.b]\n"]);
});

test("a line of a string is not a comment", () => {
  assert.deepEqual(ranges('s.b = """\n# text"""\ns.a.c = 1\n', true, "a"), ["s.a.c = 1\n"]);
  assert.deepEqual(ranges('s.b = """\n# text\n"""\n# mine\ns.a.c = 1\n', true, "a"), ["# mine\ns.a.c = 1\n"]);
});

test("a comment above a plain pair may be about all that follows, and belongs to nobody (L1)", () => {
  assert.deepEqual(ranges("[s]\n# about more\na = 1\nb = 2\n", true, "a"), ["a = 1\n"]);
  assert.deepEqual(ranges("[s]\n# about a\na = { c = 1 }\nb = 2\n", true, "a"), [
    "# about a\na = { c = 1 }\n",
  ]);
  assert.deepEqual(ranges("[s]\n# about a\na = { c = 1 }\nb = 2\n", false, "a"), ["a = { c = 1 }\n"]);
});

test("blank lines are skipped in both directions, a byte order mark is not one", () => {
  const text = "\ufeff\n \t\r\na = 1\n\n";
  const start = text.indexOf("a");
  assert.equal(beforeBlankLines(text, start), 1);
  assert.equal(skipBlankLines(text, 1), start);
  assert.equal(skipBlankLines(text, start + 6), text.length);
});

test("a blank line, a directive and the end are not close below a line, a comment is", () => {
  assert.equal(isApartBelow("a = 1\n", 6), true);
  assert.equal(isApartBelow("a = 1\n \nb = 1", 6), true);
  assert.equal(isApartBelow("a = 1\n# vim: ft=toml\n", 6), true);
  assert.equal(isApartBelow("a = 1\n# vi\n", 6), false);
});

test("the line break is that of the line above, at the start that of the first line", () => {
  const text = "a\r\nb\nc";
  assert.equal(newlineAt(text, 0), "\r\n");
  assert.equal(newlineAt(text, 3), "\r\n");
  assert.equal(newlineAt(text, 5), "\n");
  assert.equal(newlineAt("a", 0), "\n");
  assert.equal(newlineAt("\ufeffa\r\n", 1), "\r\n");
  assert.equal(lastNewline(text), "\n");
  assert.equal(lastNewline("a\nb\r\n"), "\r\n");
  assert.equal(lastNewline(""), "\n");
});

test("the last line is closed as the one above it", () => {
  assert.equal(closed("a\r\nb"), "a\r\nb\r\n");
  assert.equal(closed("a\r\nb\nc"), "a\r\nb\nc\n");
  assert.equal(closed("a\r\nb", "\n"), "a\r\nb\n");
  assert.equal(closed("a\n"), "a\n");
  assert.equal(closed(""), "");
  assert.equal(closed("\ufeff"), "\ufeff");
});
