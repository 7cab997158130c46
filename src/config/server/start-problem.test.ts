import assert from "node:assert/strict";
import { test } from "node:test";
import { serverNameProblem, serverUrlProblem } from "./start-problem.ts";

test("serverNameProblem allows what Codex starts and lists the characters otherwise", () => {
  for (const name of ["a", "A-b_c", "@scope/name.x:1"])
    assert.equal(serverNameProblem(name), undefined, name);
  for (const name of ["", "a b", "é", "a\n"]) {
    assert.match(serverNameProblem(name) ?? "", /use letters, numbers, '-', '_', ':', '@', '\/', '\.'/, name);
  }
});

test("serverUrlProblem allows http and https, and never repeats the URL", () => {
  for (const url of ["http://127.0.0.1:1/mcp", "https://u:p@x/mcp"])
    assert.equal(serverUrlProblem(url), undefined);
  assert.match(serverUrlProblem("secret") ?? "", /^invalid URL \(/);
  assert.match(serverUrlProblem("ftp://u:secret@x") ?? "", /^unsupported URL scheme 'ftp'/);
  assert.doesNotMatch(serverUrlProblem("ftp://u:secret@x") ?? "", /secret/);
});
