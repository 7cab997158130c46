import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { table } from "./table.ts";
import { keepEnd, keepEnds, padText, textWidth } from "./text-width.ts";

suite("text in columns", () => {
  const widths: readonly (readonly [text: string, width: number])[] = [
    ["", 0],
    ["abc", 3],
    ["né", 2],
    ["ne\u0301", 2],
    ["日本", 4],
    ["한국", 4],
    ["👩‍👩‍👧", 2],
    ["🇩🇪", 2],
    ["\u200bx", 1],
  ];
  for (const [text, width] of widths) {
    test(`${JSON.stringify(text)} takes ${width}`, () => assert.equal(textWidth(text), width));
  }

  const cut: readonly (readonly [text: string, width: number, shown: string])[] = [
    ["short", 10, "short"],
    ["node /very/long/path/to/server.js --port 1", 24, "…/to/server.js --port 1"],
    ["npx -y @modelcontextprotocol/server-everything stdio", 30, "…/server-everything stdio"],
    ["日本語日本語", 5, "…本語"],
    ["abc", 1, "…"],
    ["abc", 0, ""],
  ];
  for (const [text, width, shown] of cut) {
    test(`${text} in ${width} columns is ${shown}`, () => {
      assert.equal(keepEnd(text, width), shown);
      assert.ok(textWidth(keepEnd(text, width)) <= width);
    });
  }

  const cutInside: readonly (readonly [text: string, width: number, shown: string])[] = [
    ["short", 10, "short"],
    ["node /very/long/path/to/server.js --port 1", 24, "node …server.js --port 1"],
    ["https://docs.example.com/a/very/long/path/mcp", 34, "https://docs.example.com…/path/mcp"],
    ["https://docs.example.com/a/very/long/path/mcp", 18, "docs.example.com…p"],
    ["/usr/local/bin/node /opt/server.js", 12, "node …ver.js"],
    ["https://a-very-long-host.example.com/mcp", 20, "…ost.example.com/mcp"],
    ["~/a/very/long/path/config.toml:12", 20, "…/config.toml:12"],
  ];
  for (const [text, width, shown] of cutInside) {
    test(`${text} in ${width} columns keeps what it begins with where there is room`, () => {
      assert.equal(keepEnds(text, width), shown);
      assert.ok(textWidth(keepEnds(text, width)) <= width);
    });
  }

  test("columns that say nothing unusual go when there is no room, and only then", () => {
    const header = ["name", "what", "scope"];
    const rows = [["a", "npx -y some-package --with a-long-argument", "thread"]];
    const usual = new Map([[2, "thread"]]);
    assert.match(table(header, rows, { width: 200, usual }), /scope/);
    assert.doesNotMatch(table(header, rows, { width: 50, usual }), /scope/);
    assert.match(table(header, [...rows, ["b", "c", "host"]], { width: 50, usual }), /host/);
  });

  test("columns that have to are narrower than reads well", () => {
    const rows = [["a-name-of-some-length", "npx -y package", "~/a/very/long/path/config.toml:12"]];
    for (const line of table(["n", "what", "where"], rows, { width: 30, shrink: [1, 2, 0] }).split("\n")) {
      assert.ok(textWidth(line) <= 30, line);
    }
  });

  test("columns line up whatever the characters are", () => {
    const lines = table(
      ["a", "b"],
      [
        ["日本", "x"],
        ["ab", "y"],
      ],
    ).split("\n");
    assert.deepEqual(lines, ["a     b", "----  -", "日本  x", "ab    y"]);
    assert.equal(padText("日", 4), "日  ");
  });

  test("a table keeps to the width where it may, and to its end first in the column that shrinks", () => {
    const rows = [["name", "node /somewhere/deep/server.js", "~/a/very/long/path/config.toml:12"]];
    const lines = table(["n", "what", "where"], rows, { width: 60, shrink: [1, 2] }).split("\n");
    for (const line of lines) assert.ok(textWidth(line) <= 60, line);
    assert.match(lines[2] ?? "", /…\S*\/server\.js {2,}~?.*config\.toml:12$/);
  });
});
