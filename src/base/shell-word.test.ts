import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { suite, test } from "node:test";
import { shellWord } from "./shell-word.ts";

suite("shellWord", () => {
  const words = [
    "plain",
    "",
    "/home/me/my app/a'b.toml",
    "a b",
    "*",
    "~/x",
    "$HOME",
    "`id`",
    'say "x"',
    "a\nb\tc\\d'e\u001b[1m",
    "--file=a b",
    "é ü",
  ];
  for (const word of words) {
    test(`${JSON.stringify(word)} comes out of a shell as it went in, in one line`, () => {
      const quoted = shellWord(word);
      assert.ok(!quoted.includes("\n"));
      const { stdout } = spawnSync("bash", ["-c", `printf %s ${quoted}`], { encoding: "utf8" });
      assert.equal(stdout, word);
    });
  }

  test("the folders of a path stay bare, so that a home can be shortened", () => {
    assert.equal(shellWord("/home/me/my app"), "/home/me/'my app'");
  });
});
