/** The real Codex under the name of another version. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { promptOf } from "../../src/testing/index.ts";
import type { CodexError } from "../../src/codex/errors.ts";
import { startBench } from "../support/codex-bench.ts";
import { dressedCodex } from "../support/dressed-codex.ts";
import { sample } from "../support/sample.ts";

const timeout = 60_000;

for (const version of sample(["0.172.0", "0.180.3-alpha.2", "1.0.0"], 3)) {
  test(`a Codex that calls itself ${version} runs, with one warning`, { timeout }, async () => {
    await using bench = await startBench();
    const codexPathOverride = dressedCodex(bench.cwd, version);
    const warnings = (): string[] => bench.log.filter((line) => line.includes("tested with"));
    for (const codex of [bench.another({ codexPathOverride }), bench.another({ codexPathOverride })]) {
      const thread = codex.startThread({ workingDirectory: bench.cwd });
      assert.equal((await thread.run(promptOf({ say: "hello" }))).finalResponse, "hello");
      const ended = codex.pid;
      process.kill(ended as number, "SIGKILL");
      while (codex.pid === ended) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal((await thread.run(promptOf({ say: "again" }))).finalResponse, "again");
      assert.notEqual(codex.pid, ended);
    }
    const release = version.replace(/-.*/, "");
    assert.deepEqual(warnings(), [
      `warn "${codexPathOverride}" (from the option codexPathOverride) is Codex ${release}; Switchyard is tested with ` +
        "0.169 and 0.171. It has every message that Switchyard uses; its behaviour was not checked",
    ]);
  });
}

for (const [lost, named] of [
  ["thread/fork", "the request thread/fork"],
  ["serverRequest/resolved", "the notification serverRequest/resolved"],
  ["item/tool/requestUserInput", "the question item/tool/requestUserInput"],
  ["threadSource", "threadSource of the request thread/start"],
  ["webSearch", "the item webSearch"],
] as const) {
  test(`a newer Codex whose schema has no ${lost} is refused by name, before anything starts`, {
    timeout,
  }, async () => {
    await using bench = await startBench();
    const codex = bench.another({ codexPathOverride: dressedCodex(bench.cwd, "0.172.0", lost) });
    const turn = codex.startThread({ workingDirectory: bench.cwd }).run("hello");
    await assert.rejects(turn, (error: CodexError) => {
      assert.equal(error.code, "codex_unsupported");
      assert.ok(error.message.includes(`0.172.0, which lacks what Switchyard uses: ${named}`), error.message);
      assert.match(error.message, /Install one with: npm install @openai\/codex@0\.171$/);
      return true;
    });
    assert.equal(codex.pid, undefined);
  });
}
