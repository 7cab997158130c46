/** What agrees with `codex exec-server` is compared with it in `test/executor/find-program-differential.test.ts`. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { systemErrorText } from "./system-error.ts";
import { checkArguments, findProgram, lookUpProgram } from "./find-program.ts";

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

suite("lookUpProgram", posixOnly, () => {
  const { signal } = new AbortController();

  test("finds what findProgram finds, and fails as it fails (F1, F2)", async () => {
    for (const [program, cwd, path] of [
      ["tool", top, `${top}/a:${top}/b`],
      ["only-b", top, `${top}/none:${top}/a:${top}/b`],
      ["only-b", top, `${top}/a:${top}/none`],
      ["tool", `${top}/a`, "/nowhere:"],
      ["tool", `${top}/a`, "../b"],
      ["./tool", `${top}/a`, undefined],
      ["tool", top, `${top}/a/tool:${"x".repeat(5_000)}`],
      ["a", top, top],
      ["", top, top],
      ["x".repeat(300), top, top],
      ["tool", `${top}/none`, `${top}/a`],
      ["tool", `${top}/a/tool`, `${top}/a`],
      ["no-such", "/", undefined],
    ] as const) {
      const search = { program, cwd, path };
      let expected: string;
      try {
        expected = findProgram(search);
      } catch (error) {
        const { message, code } = error as NodeJS.ErrnoException;
        await assert.rejects(lookUpProgram(search, signal), (thrown: NodeJS.ErrnoException) => {
          assert.equal(thrown.code, code);
          // The system's own errors also name the call, which may be another one.
          return thrown.message.split(",")[0] === message.split(",")[0];
        });
        continue;
      }
      assert.equal(await lookUpProgram(search, signal), expected);
    }
  });

  test("leaves others their turn between folders, and ends when nobody waits for it (F4)", async () => {
    const path = Array.from({ length: 400 }, (_, at) => `${top}/none-${at}`).join(":");
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    count();
    const search = lookUpProgram({ program: "tool", cwd: top, path: `${path}:${top}/a` }, signal);
    assert.equal(await search.finally(() => (isOver = true)), `${top}/a/tool`);
    assert.ok(turns >= 400, `${turns} turns`);

    const left = new AbortController();
    const endless = lookUpProgram({ program: "none", cwd: top, path }, left.signal);
    setImmediate(() => left.abort(new Error("left")));
    await assert.rejects(endless, /left/);
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
