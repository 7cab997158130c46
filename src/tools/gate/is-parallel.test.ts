import assert from "node:assert/strict";
import { test } from "node:test";
import { isParallel, type ParallelInput } from "./is-parallel.ts";

const readOnly = { readOnlyHint: true };
const cases: readonly (readonly [why: string, input: ParallelInput, parallel: boolean])[] = [
  ["nothing is known", {}, false],
  ["the server allows it", { serverFlag: true }, true],
  [
    "the server allows it, and the tool writes",
    { serverFlag: true, annotations: { readOnlyHint: false } },
    true,
  ],
  ["the server allows it, and hints are not trusted", { serverFlag: true, trustHints: false }, true],
  ["the tool only reads", { annotations: readOnly }, true],
  ["the tool only reads, and the server says no", { serverFlag: false, annotations: readOnly }, true],
  ["the tool only reads, and hints are not trusted", { annotations: readOnly, trustHints: false }, false],
  ["the tool writes", { annotations: { readOnlyHint: false } }, false],
  ["the tool says nothing", { annotations: {} }, false],
];
for (const [why, input, parallel] of cases) {
  test(`a call is ${parallel ? "parallel" : "serial"} where ${why}`, () =>
    assert.equal(isParallel(input), parallel));
}
