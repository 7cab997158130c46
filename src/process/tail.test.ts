import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { Tail } from "./tail.ts";

suite("Tail", () => {
  test("keeps the last characters of what was pushed, however it was cut", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.nat(30), (chunks, charsMax) => {
        const tail = new Tail(charsMax);
        for (const chunk of chunks) tail.push(chunk);
        const all = chunks.join("");
        assert.equal(tail.text, all.slice(Math.max(0, all.length - charsMax)).trim());
      }),
    );
  });

  test("keeps nothing when it may keep nothing", () => {
    const tail = new Tail(0);
    tail.push("words");
    assert.equal(tail.text, "");
  });

  test("names the last line that says something", () => {
    const tail = new Tail(100);
    assert.equal(tail.lastLine, undefined);
    tail.push("\n \n");
    assert.equal(tail.lastLine, undefined);
    tail.push("starting\r\nError: no such file \r\n\n  ");
    assert.equal(tail.lastLine, "Error: no such file");
  });
});
