/** `switchyard demo`: a real process, and what it leaves behind. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { descendants, waitUntilGone } from "../../src/testing/index.ts";
import { sample } from "../support/sample.ts";
import { finished, TestHome } from "./support/test-home.ts";

const timeout = 60_000;

test("switchyard demo: every claim holds, with nothing from npm and nothing beyond this machine", {
  timeout,
}, async () => {
  using home = new TestHome();
  // Whatever looks for npx, npm or a proxy's name finds this.
  mkdirSync(join(home.home, "bin"));
  for (const name of ["npx", "npm"]) {
    writeFileSync(join(home.home, "bin", name), `#!/bin/sh\ntouch ${home.home}/used\n`, { mode: 0o755 });
  }
  const proxy = "http://127.0.0.1:9";
  const env = {
    PATH: `${join(home.home, "bin")}:${process.env["PATH"]}`,
    ...{ HTTPS_PROXY: proxy, ALL_PROXY: proxy, NO_PROXY: "127.0.0.1,localhost" },
  };
  const { code, stdout, stderr } = await home.run(["demo"], "", env);
  assert.equal(code, 0, stdout + stderr);
  assert.equal(home.has("used"), false);
  assert.match(stdout, /processes left: 0/);
  assert.match(stdout, /All 10 claims hold \(/);
  // Three lines, then the table.
  const lines = stdout.split("\n");
  assert.match(lines[0] ?? "", /^9 threads on one Codex process and 1 on Switchyard's own loop/);
  assert.match(lines[2] ?? "", /^Without Switchyard: /);
  assert.match(lines[4] ?? "", /^thread +server/);
  assert.match(lines[15] ?? "", /^judy +HTTP +judy +1 /);
  assert.match(lines[6] ?? "", /^alice/);
});

test("switchyard demo: interrupted at any moment, it ends and leaves nothing", { timeout }, async () => {
  using home = new TestHome();
  for (const shown of sample(["threads on one Codex", "thread 0", "ok desk"], 3)) {
    const child = home.start(["demo", "--verbose"]);
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
