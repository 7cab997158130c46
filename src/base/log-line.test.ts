import assert from "node:assert/strict";
import { test } from "node:test";
import { toLogLine } from "./log-line.ts";
import { Redactor } from "./redact.ts";

test("toLogLine drops what moves the cursor, hides secrets, and bounds the length", () => {
  const redactor = new Redactor();
  redactor.add("s3cret-value");
  assert.equal(
    toLogLine("\u001b[31mred\u001b[0m\tand\u0007 \u009b2Jcalm\r\n", undefined, 100),
    "red and calm",
  );
  assert.equal(toLogLine("a s3cret-\u0000value b", redactor, 100), "a *** b");
  assert.equal(toLogLine("12345", redactor, 3), "123…");
});
