import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { keepEnd, keepEnds, keepStart, padText, textWidth } from "./text-width.ts";

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

  test("padding counts columns, not characters", () => assert.equal(padText("日", 4), "日  "));

  test("the beginning is kept where it says most", () => {
    assert.equal(keepStart("Reads a file", 20), "Reads a file");
    assert.equal(keepStart("Reads a file", 7), "Reads…");
    assert.equal(keepStart("日本語", 4), "日…");
  });
});
