import assert from "node:assert/strict";
import { test } from "node:test";
import { isNotice } from "./process.ts";

test("isNotice knows the lines after which Codex goes on", () => {
  const notices = [
    "WARNING: proceeding, even though we could not create PATH aliases: x",
    "2026-11-29T19:49:12.183088Z ERROR rmcp::transport::worker: worker quit with fatal",
    "\x1b[2m2026-11-29T19:49:35Z\x1b[0m \x1b[33m WARN\x1b[0m codex_core: x",
  ];
  for (const line of notices) assert.ok(isNotice(line), line);
  const words = [
    "Error: no such home",
    "thread 'main' panicked at src/main.rs:1:1:",
    "fatal error",
    "2026 x",
  ];
  for (const line of words) assert.ok(!isNotice(line), line);
});
