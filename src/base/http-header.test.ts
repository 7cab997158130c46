import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { headerNameProblem, headerValueProblem } from "./http-header.ts";

suite("an HTTP header", () => {
  test("has a token of RFC 9110 as its name", () => {
    for (const name of ["X-Key", "x", "!#$%&'*+-.^_`|~09azAZ"])
      assert.equal(headerNameProblem(name), undefined);
    for (const name of ["", " ", "X Y", "X:", "Ü", "X\n", "(", "@"]) {
      assert.equal(headerNameProblem(name), "is not a valid header name", JSON.stringify(name));
    }
  });

  test("holds every character but control characters, of which it holds the tab", () => {
    for (const value of ["", " a ", "a\tb", "ü", "€", "a\u0085b", "~"]) {
      assert.equal(headerValueProblem(value), undefined, JSON.stringify(value));
    }
    for (const value of ["\n", "a\r\nb", "\0", "a\u001fb", "a\u007f"]) {
      assert.match(headerValueProblem(value) ?? "", /a line break or another control/, JSON.stringify(value));
    }
  });
});
