import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, suite, test } from "node:test";
import fc from "fast-check";
import {
  type HostIdentity,
  hostFileName,
  isDead,
  ownIdentity,
  readHostFiles,
  removeDead,
} from "./host-file.ts";

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-run-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function textOf(identity: HostIdentity): string {
  const rest = { version: 1, switchyard: "1.0.0", since: 1, threads: 1, connections: [], omitted: 0 };
  return JSON.stringify({ ...rest, ...identity });
}

suite("readHostFiles", { skip: process.platform !== "linux" && "reads /proc" }, () => {
  const own = ownIdentity();
  const died = own.owner?.replace(/\d+$/, "1") ?? "";
  const lives: readonly (readonly [what: string, life: string, identity: HostIdentity])[] = [
    ["this process", "alive", own],
    ["a process whose number another one has now", "dead", { ...own, owner: died }],
    ["a process of another namespace", "elsewhere", { ...own, owner: "1:2:3" }],
    ["a process of this machine before it was started again", "dead", { ...own, boot: "another" }],
    ["a process of another machine", "elsewhere", { ...own, boot: "another", hostname: `not-${hostname()}` }],
  ];
  for (const [what, life, identity] of lives) {
    test(`takes ${what} for ${life} (F2)`, async (t) => {
      const folder = folderOf(t);
      writeFileSync(join(folder, hostFileName(identity, "u")), textOf(identity));
      const [read] = await readHostFiles(folder);
      assert.ok(read?.kind === "host", JSON.stringify(read));
      assert.equal(read.life, life);
      assert.equal((await removeDead(folder)).length, life === "dead" ? 1 : 0);
    });
  }

  test("is empty where there is no folder", async (t) => {
    assert.deepEqual(await readHostFiles(join(folderOf(t), "none")), []);
  });

  test("survives every text and every shape (F1)", async (t) => {
    const folder = folderOf(t);
    const path = join(folder, hostFileName(own, "u"));
    const valid = textOf(own);
    const broken = fc.oneof(
      fc.string(),
      fc.json(),
      fc.nat(valid.length).map((at) => valid.slice(0, at)),
      fc
        .tuple(
          fc.constantFrom("pid", "owner", "boot", "hostname", "threads", "connections", "since"),
          fc.jsonValue(),
        )
        .map(([key, value]) => JSON.stringify({ ...(JSON.parse(valid) as object), [key]: value })),
    );
    await fc.assert(
      fc.asyncProperty(broken, async (text) => {
        writeFileSync(path, text);
        const [read, ...others] = await readHostFiles(folder);
        assert.ok(read !== undefined && others.length === 0);
        if (read.kind === "unreadable") assert.equal(isDead(read), false, "its host lives");
        else assert.equal(typeof read.file.pid, "number");
      }),
      { numRuns: 200 },
    );
  });
});
