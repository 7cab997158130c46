/** What agrees with `codex exec-server` is compared with it in `test/executor/find-program-differential.test.ts`. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { systemErrorText } from "./system-error.ts";
import { checkArguments, findProgram } from "./find-program.ts";

const top = mkdtempSync(join(tmpdir(), "switchyard-find-"));
after(() => rmSync(top, { recursive: true, force: true }));
for (const [path, mode] of [
  ["a/tool", 0o755],
  ["b/tool", 0o755],
  ["b/only-b", 0o755],
  ["a/only-b", 0o644],
] as const) {
  mkdirSync(join(top, path, ".."), { recursive: true });
  writeFileSync(join(top, path), `#!${process.execPath}\n`);
  chmodSync(join(top, path), mode);
}

function errorOf(run: () => unknown): NodeJS.ErrnoException {
  try {
    run();
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
  assert.fail("nothing was thrown");
}

const posixOnly = { skip: process.platform === "win32" ? "programs are found otherwise there" : false };

suite("findProgram", posixOnly, () => {
  test("searches the PATH it is given, in its order, and not our own (F1)", () => {
    const find = (program: string, path: string): string => findProgram({ program, cwd: top, path });
    assert.equal(find("tool", `${top}/a:${top}/b`), `${top}/a/tool`);
    assert.equal(find("tool", `${top}/b:${top}/a`), `${top}/b/tool`);
    assert.equal(find("only-b", `${top}/a:${top}/b`), `${top}/b/only-b`);
    assert.equal(errorOf(() => find("node", `${top}/a`)).code, "ENOENT");
  });

  test("searches the folder only if PATH or the name say so, and never returns a bare name (F1)", () => {
    const find = (program: string, path?: string): string => findProgram({ program, cwd: `${top}/a`, path });
    assert.equal(find("./tool"), "./tool");
    assert.equal(find("tool", "/nowhere:"), "./tool");
    assert.equal(find("tool", "../b"), "../b/tool");
    assert.equal(errorOf(() => find("tool", "/nowhere")).code, "ENOENT");
    assert.equal(errorOf(() => find("tool")).code, "ENOENT");
  });

  test("fails with an error that has the system's number and words", () => {
    const missing = errorOf(() => findProgram({ program: "no-such", cwd: "/", path: "/bin" }));
    assert.equal(missing.errno, -constants.errno.ENOENT);
    assert.equal(systemErrorText(missing), "No such file or directory (os error 2)");
    const barred = errorOf(() => findProgram({ program: "only-b", cwd: "/", path: `${top}/a` }));
    assert.equal(systemErrorText(barred), "Permission denied (os error 13)");
    writeFileSync(join(top, "notes"), "echo oops\n", { mode: 0o755 });
    const text = errorOf(() => findProgram({ program: `${top}/notes`, cwd: "/", path: undefined }));
    assert.equal(systemErrorText(text), "Exec format error (os error 8)");
    const nowhere = errorOf(() => findProgram({ program: "/bin/sh", cwd: `${top}/none`, path: undefined }));
    assert.equal(systemErrorText(nowhere), "No such file or directory (os error 2)");
    const file = errorOf(() => findProgram({ program: "/bin/sh", cwd: `${top}/a/tool`, path: undefined }));
    assert.equal(systemErrorText(file), "Not a directory (os error 20)");
  });
});

suite("checkArguments", () => {
  test("accepts arguments with a program and without NUL", () => {
    checkArguments({ argv: ["x", ""], arg0: "", cwd: "/", env: { A: "", "": "=" }, tty: true });
  });

  test("refuses a NUL in the folder, which only a caller on this machine can send", () => {
    assert.throws(() => checkArguments({ argv: ["x"], cwd: "/\0", env: {} }), { code: "start_failed" });
  });
});
