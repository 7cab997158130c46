import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { pick, pickText } from "./pick.ts";

suite("pick", () => {
  const value = { a: [{ b: "text" }, null] };

  test("follows names and indexes, and ends at a missing step", () => {
    assert.equal(pick(value, "a", 0, "b"), "text");
    assert.equal(pick(value, "a", 1, "b"), undefined);
    assert.equal(pick(value, "x", 1), undefined);
    assert.equal(pick(value), value);
  });

  test("names the path and the find when a text is missing", () => {
    assert.equal(pickText(value, "a", 0, "b"), "text");
    assert.throws(() => pickText(value, "a", 1), /"a\.1", found null/);
  });
});
