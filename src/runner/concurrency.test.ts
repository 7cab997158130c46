import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultMaxConcurrent } from "./concurrency.ts";

test("defaultMaxConcurrent gives each run 64 MB of half the memory, between 4 and 256 runs", () => {
  const gigabyte = 1024 ** 3;
  assert.equal(defaultMaxConcurrent(0), 4);
  assert.equal(defaultMaxConcurrent(gigabyte / 4), 4);
  assert.equal(defaultMaxConcurrent(2 * gigabyte), 16);
  assert.equal(defaultMaxConcurrent(8 * gigabyte), 64);
  assert.equal(defaultMaxConcurrent(1024 * gigabyte), 256);
  const here = defaultMaxConcurrent();
  assert.ok(here >= 4 && here <= 256);
});
