/** docs/first-hour.md says what is so: each of its commands prints what it shows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DOCUMENT, isShown, playDocument } from "./support/first-hour.ts";

test("the first hour in docs/first-hour.md is what a new user sees", { timeout: 120_000 }, async () => {
  const steps = await playDocument(DOCUMENT);
  assert.ok(steps.length > 10);
  for (const step of steps) assert.ok(isShown(step), `$ ${step.command}\n${step.printed}`);
});
