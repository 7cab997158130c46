import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { watchThreadFile } from "./thread-file.ts";

suite("The file of a thread", () => {
  test("has grown after a turn, or the turn is not on disk", (t) => {
    const folder = mkdtempSync(join(tmpdir(), "switchyard-thread-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, "rollout-1.jsonl");
    const first = watchThreadFile(path);
    assert.match(first() ?? "", /rollout-1\.jsonl is missing\. /);
    writeFileSync(path, "");
    assert.match(first() ?? "", / is empty\. /);
    appendFileSync(path, "{}\n");
    assert.equal(first(), undefined);
    const second = watchThreadFile(path);
    assert.match(second() ?? "", / did not grow\. /);
    truncateSync(path, 1);
    assert.match(second() ?? "", / did not grow\. /);
    appendFileSync(path, "{}\n{}\n");
    assert.equal(second(), undefined);
  });

  test("is not asked for where a thread is not kept, or is kept in another way", () => {
    for (const path of [undefined, "/none/rollout.jsonl.zst", ""])
      assert.equal(watchThreadFile(path)(), undefined);
  });
});
