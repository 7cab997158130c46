import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { suite, test } from "node:test";
import { lastWords } from "./last-words.ts";

/** What Node itself prints when such a program dies. */
function nodeDies(...args: string[]): string {
  const { stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.notEqual(status, 0);
  return stderr;
}

suite("lastWords", () => {
  test("finds the error in the report of a Node program that threw", () => {
    const stderr = nodeDies("-e", "const e = new TypeError('no token'); e.detail = { a: 1 }; throw e");
    assert.equal(lastWords(stderr), "TypeError: no token");
  });

  test("finds the error when Node finds no program", () => {
    assert.match(
      String(lastWords(nodeDies("/nowhere/server.js"))),
      /^Error: Cannot find module '\/nowhere\/server.js'$/,
    );
  });

  test("finds the error when a Node program finds no package", () => {
    assert.match(
      String(lastWords(nodeDies("-e", "import('nothing-here')"))),
      /Cannot find package 'nothing-here'/,
    );
    assert.equal(
      lastWords(
        "Error: Cannot find module 'x'\nRequire stack:\n- /srv/a.js\n    at f (a:1)\n\nNode.js v24.0.0\n",
      ),
      "Error: Cannot find module 'x'",
    );
  });

  test("finds the last line of a Python traceback", () => {
    const trace = 'Traceback (most recent call last):\n  File "s.py", line 1, in <module>\n    import x\n';
    assert.equal(
      lastWords(`${trace}ModuleNotFoundError: No module named 'x'\n`),
      "ModuleNotFoundError: No module named 'x'",
    );
  });

  test("finds the error of a program that npx ran", () => {
    const notice =
      "npm notice\nnpm notice New major version of npm available! 11.19.1 -> 12.2.2\nnpm notice\n";
    assert.equal(lastWords(`Error: no folder\n${notice}`), "Error: no folder");
    const log = "npm error A complete log of this run can be found in: /h/.npm/_logs/a.log\n";
    assert.equal(lastWords(`npm error 404 no such package\n${log}`), "npm error 404 no such package");
  });

  test("takes the last line when no other stands out, and has none for no text", () => {
    assert.equal(lastWords("  one\n  two  \n\n"), "two");
    assert.equal(lastWords(" \n"), undefined);
  });
});
