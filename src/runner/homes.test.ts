import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { IsolatedHomes } from "./homes.ts";

function temporaryRoot(name = "isolated"): { path: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-homes-"));
  return {
    path: join(folder, name),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function namesIn(root: string): string[] {
  return readdirSync(root).filter((name) => name !== "threads" && !name.endsWith(".sock"));
}

suite("IsolatedHomes", () => {
  test("keeps others out of a home, and removes it with its run (H1, H2)", async () => {
    using root = temporaryRoot();
    await using homes = await IsolatedHomes.open(root.path);
    const home = await homes.create();
    assert.equal(statSync(home.path).mode & 0o777, 0o700);
    assert.equal(statSync(root.path).mode & 0o777, 0o700);
    writeFileSync(join(home.path, "file"), "");
    await home.release();
    assert.deepEqual(namesIn(root.path), []);
  });

  test("finds a kept home by the id of its thread, also from another runner", async () => {
    using root = temporaryRoot();
    const homes = await IsolatedHomes.open(root.path);
    const home = await homes.create();
    await home.keepFor("thread-1");
    await home.release();
    await homes.close();
    await using next = await IsolatedHomes.open(root.path);
    const found = await next.find("thread-1");
    assert.equal(found?.path, home.path);
    await found?.release();
    assert.equal((await next.find("thread-1"))?.path, home.path);
    assert.equal(await next.find("thread-2"), undefined);
    writeFileSync(join(root.path, "threads", "thread-3"), "");
    assert.equal(await next.find("thread-3"), undefined, "a file that was not written to its end");
  });

  test("leaves the homes of a living runner alone (H3)", async () => {
    using root = temporaryRoot();
    await using first = await IsolatedHomes.open(root.path);
    const home = await first.create();
    await using second = await IsolatedHomes.open(root.path);
    assert.notEqual((await second.create()).path, home.path);
    assert.ok(statSync(home.path).isDirectory());
  });

  test("removes what a dead runner left, but no thread, and nothing whose owner is unknown (H3)", async () => {
    using root = temporaryRoot();
    const dead = await IsolatedHomes.open(root.path);
    await dead.create();
    const kept = await dead.create();
    await kept.keepFor("thread-1");
    // After a SIGKILL the socket file stays and refuses connections; test/runner/ends.test.ts does that with a real process.
    await dead.close();
    mkdirSync(join(root.path, "unowned-0123456789ab.1"));
    writeFileSync(join(root.path, "z is a note of somebody's"), "");
    await using _next = await IsolatedHomes.open(root.path);
    assert.deepEqual(namesIn(root.path).toSorted(), [
      kept.path.slice(root.path.length + 1),
      "unowned-0123456789ab.1",
      "z is a note of somebody's",
    ]);
  });

  test("recognises a living runner whose path is too long for a socket", async () => {
    using root = temporaryRoot("x".repeat(120));
    await using first = await IsolatedHomes.open(root.path);
    await first.create();
    await using _second = await IsolatedHomes.open(root.path);
    assert.equal(namesIn(root.path).length, 1);
    const sockets = readdirSync(root.path).filter((name) => name.endsWith(".sock"));
    // On other systems than Linux there is no way, and nothing is ever removed.
    assert.equal(sockets.length, process.platform === "linux" ? 2 : 0);
  });
});
