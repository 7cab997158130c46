/** `switchyard demo`: a real process, and what it leaves behind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { descendants, waitUntilGone } from "../../src/testing/index.ts";
import { finished, TestHome } from "./support/test-home.ts";

const timeout = 60_000;

test("switchyard demo: every claim holds", { timeout }, async () => {
  using home = new TestHome();
  const { code, stdout, stderr } = await home.run(["demo"]);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /processes left: 0/);
  assert.match(stdout, /All 9 claims hold \(/);
});

test("switchyard demo: interrupted at any moment, it ends and leaves nothing", { timeout }, async () => {
  using home = new TestHome();
  for (const shown of ["threads, one Codex", "thread 0", "ok desk"]) {
    const child = home.start(["demo"]);
    const ended = finished(child);
    let output = "";
    await new Promise<void>((resolve) => {
      child.stdout.on("data", (chunk: string) => {
        output += chunk;
        if (output.includes(shown)) resolve();
      });
    });
    const below = descendants(child.pid as number);
    child.kill("SIGTERM");
    assert.equal((await ended).code, 130, `after "${shown}"`);
    assert.deepEqual(await waitUntilGone(below), []);
  }
});
