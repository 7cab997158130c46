/** Ctrl-C ends a command that waits, and what cannot be written is reported. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { withFileLock } from "../../src/config/file/file-lock.ts";
import { DOCS, finished, isReading, OURS, TestHome } from "./support/test-home.ts";

const timeout = 60_000;

test("Ctrl-C ends the wait for a file that another process holds", { timeout }, async (t) => {
  using home = new TestHome({ [OURS]: DOCS });
  const file = join(home.home, OURS);
  await withFileLock(file, async () => {
    const child = home.start(["mcp", "disable", "docs"]);
    const ended = finished(child);
    const claims = (): string[] => readdirSync(dirname(file)).filter((name) => name.endsWith(".claim"));
    // It has its claim while it waits.
    while (claims().length === 0) await sleep(20, undefined, { signal: t.signal });
    child.kill("SIGINT");
    const { code, stderr } = await ended;
    assert.deepEqual({ code, stderr }, { code: 130, stderr: "interrupted\n" });
    assert.deepEqual(claims(), []);
  });
  assert.equal(home.read(OURS), DOCS);
});

test("Ctrl-C ends the wait for stdin", { timeout, skip: process.platform !== "linux" }, async (t) => {
  using home = new TestHome();
  for (const args of [
    ["mcp", "check", "-"],
    ["mcp", "add", "a", "--env-from", "-", "--", "x"],
    ["run", "-"],
  ]) {
    const child = home.start(args);
    const ended = finished(child);
    while (!isReading(child.pid)) await sleep(20, undefined, { signal: t.signal });
    child.kill("SIGINT");
    assert.deepEqual(await ended, { code: 130, stdout: "", stderr: "interrupted\n" });
  }
});

test("output that cannot be written is reported in one line, and a reader that has left is not", {
  timeout,
}, async () => {
  using home = new TestHome({ [OURS]: DOCS });
  const full = await home.shell('"$0" "$1" mcp list > /dev/full');
  assert.equal(full.code, 1);
  assert.match(full.stderr, /^switchyard: Cannot write the output: ENOSPC[^\n]*\n$/);
  const left = await home.shell('("$0" "$1" mcp schema; echo "code $?" >&2) | true');
  assert.match(left.stderr, /^code [01]\n$/);
});
