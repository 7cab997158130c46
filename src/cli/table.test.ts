import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { table } from "./table.ts";
import { textWidth } from "./text-width.ts";

suite("a table", () => {
  test("a column with nothing but the usual is left out, but only when space is short", () => {
    const header = ["name", "what", "scope"];
    const rows = [["a", "npx -y some-package --with a-long-argument", "thread"]];
    const usual = new Map([[2, "thread"]]);
    assert.match(table(header, rows, { width: 200, usual }), /scope/);
    assert.doesNotMatch(table(header, rows, { width: 50, usual }), /scope/);
    assert.match(table(header, [...rows, ["b", "c", "host"]], { width: 50, usual }), /host/);
  });

  test("a column is cut below a readable width if it must be", () => {
    const rows = [["a-name-of-some-length", "npx -y package", "~/a/very/long/path/config.toml:12"]];
    for (const line of table(["n", "what", "where"], rows, { width: 30, shrink: [1, 2, 0] }).split("\n")) {
      assert.ok(textWidth(line) <= 30, line);
    }
  });

  test("columns line up, whatever the characters are", () => {
    const lines = table(
      ["a", "b"],
      [
        ["日本", "x"],
        ["ab", "y"],
      ],
    ).split("\n");
    assert.deepEqual(lines, ["a     b", "----  -", "日本  x", "ab    y"]);
  });

  test("a table keeps to the width by cutting the first column that may shrink, not its end", () => {
    const rows = [["name", "node /somewhere/deep/server.js", "~/a/very/long/path/config.toml:12"]];
    const lines = table(["n", "what", "where"], rows, { width: 60, shrink: [1, 2] }).split("\n");
    for (const line of lines) assert.ok(textWidth(line) <= 60, line);
    assert.match(lines[2] ?? "", /…\S*\/server\.js {2,}~?.*config\.toml:12$/);
  });
});
