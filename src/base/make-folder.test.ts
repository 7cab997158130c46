import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { makeFolder } from "./make-folder.ts";

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-folder-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

suite("makeFolder", () => {
  test("makes the folder and those above it, each with the mode", (t) => {
    const top = temporary(t);
    makeFolder(join(top, "a/b/c"), 0o700);
    for (const name of ["a", "a/b", "a/b/c"]) {
      assert.equal(
        statSync(join(top, name)).mode & 0o777,
        process.platform === "win32" ? 0o666 : 0o700,
        name,
      );
    }
  });

  test("leaves a folder that exists as it is, also behind a link", (t) => {
    const top = temporary(t);
    mkdirSync(join(top, "real"), { mode: 0o755 });
    symlinkSync(join(top, "real"), join(top, "link"), "dir");
    makeFolder(join(top, "real"), 0o700);
    makeFolder(join(top, "link"), 0o700);
    makeFolder(join(top, "link/below"), 0o700);
    if (process.platform !== "win32") assert.equal(statSync(join(top, "real")).mode & 0o777, 0o755);
    assert.ok(existsSync(join(top, "real/below")));
  });

  test("names the folder that cannot be made, and the reason", (t) => {
    const top = temporary(t);
    writeFileSync(join(top, "file"), "");
    for (const [path, folder, code] of [
      ["file", "file", "EEXIST"],
      ["file/a/b", "file/a/b", "ENOTDIR"],
      [`ok/${"x".repeat(300)}/a`, `ok/${"x".repeat(300)}`, "ENAMETOOLONG"],
    ] as const) {
      assert.throws(
        () => makeFolder(join(top, path), 0o700),
        (error: NodeJS.ErrnoException) =>
          error.code === code &&
          error.message.startsWith(`Cannot make the folder ${join(top, folder)}: ${code}`),
        path.slice(0, 20),
      );
    }
  });

  test("ends where the system says for ever that there is no such folder", {
    skip: process.platform !== "linux",
  }, (t) => {
    const top = temporary(t);
    symlinkSync(join(top, "nowhere"), join(top, "dangling"));
    for (const path of [
      "/proc/none/a",
      "/proc/self/a/b",
      "/proc/1/fd/x",
      "/sys/none/a",
      join(top, "dangling/a"),
    ]) {
      assert.throws(() => makeFolder(path, 0o700), /^Error: Cannot make the folder /, path);
      assert.equal(existsSync(path), false, path);
    }
  });
});
