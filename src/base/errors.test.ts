import assert from "node:assert/strict";
import { test } from "node:test";
import { codeOf, messageOf } from "./errors.ts";

test("anything that was thrown has a message", () => {
  assert.equal(messageOf(new Error("broken")), "broken");
  assert.equal(messageOf("broken"), "broken");
  assert.equal(messageOf(undefined), "undefined");
});

test("only a system error has a code", () => {
  assert.equal(codeOf(Object.assign(new Error("gone"), { code: "ENOENT" })), "ENOENT");
  assert.equal(codeOf(Object.assign(new Error("gone"), { code: 7 })), undefined);
  assert.equal(codeOf({ code: "ENOENT" }), undefined);
});
