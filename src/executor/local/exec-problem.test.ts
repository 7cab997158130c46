import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { execProblem, takes } from "./exec-problem.ts";

const top = mkdtempSync(join(tmpdir(), "switchyard-exec-"));
after(() => rmSync(top, { recursive: true, force: true }));
const posixOnly = { skip: process.platform === "win32" ? "there is no execve" : false };

function fileOf(name: string, content: string | Uint8Array, mode = 0o755): string {
  const path = join(top, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

suite("execProblem", posixOnly, () => {
  test("finds none in the program that runs this", () => {
    assert.equal(execProblem(process.execPath, "/"), undefined);
  });

  test("takes a text for no program, where a shell would run it", () => {
    assert.equal(execProblem(fileOf("notes", "echo oops\n"), "/"), "ENOEXEC");
    assert.equal(execProblem(fileOf("empty", ""), "/"), "ENOEXEC");
  });

  test("looks from the folder it is given, at interpreters too", () => {
    fileOf("inner", `#!${process.execPath}\n`);
    fileOf("outer", "#!./inner\n");
    assert.equal(execProblem("./outer", top), undefined);
    assert.equal(execProblem("./outer", "/"), "ENOENT");
    assert.equal(execProblem(join(top, "outer"), "/"), "ENOENT");
  });

  test("follows an interpreter of any script, and not for ever", () => {
    const self = join(top, "self");
    fileOf("self", `#!${self}\n`);
    assert.equal(execProblem(self, "/"), "ELOOP");
  });

  const root = process.getuid?.() === 0 ? "root may read everything" : false;
  test("needs no leave to read a program", { skip: root }, () => {
    assert.equal(execProblem(fileOf("unreadable", "#!/no/such\n", 0o111), "/"), undefined);
  });

  test("tells a name that cannot be a path from one that is not there", () => {
    assert.equal(execProblem(`/${"x".repeat(300)}`, "/"), "ENAMETOOLONG");
    assert.equal(execProblem("/no/such/file", "/"), "ENOENT");
  });
});

suite("takes", () => {
  const python = "enabled\ninterpreter /usr/bin/python3.11\nflags: \noffset 0\nmagic a70d0d0a\n";
  const masked = "enabled\ninterpreter /usr/bin/qemu\nflags: OCF\noffset 4\nmagic 0201ff\nmask ff00ff\n";
  const jar = "enabled\ninterpreter /usr/bin/jexec\nflags: \nextension .jar\n";
  const bytes = (hex: string): Buffer => Buffer.from(hex, "hex");

  test("knows a file by its first bytes", () => {
    assert.equal(takes(python, bytes("a70d0d0a00"), "/m.pyc"), true);
    assert.equal(takes(python, bytes("a70d0d0b00"), "/m.pyc"), false);
    assert.equal(takes(python, bytes("a70d0d"), "/m.pyc"), false);
  });

  test("knows a file by bytes further on, of which some may be any", () => {
    assert.equal(takes(masked, bytes("7f454c46027fff"), "/x"), true);
    assert.equal(takes(masked, bytes("7f454c46017fff"), "/x"), false);
  });

  test("knows a file by the end of its name", () => {
    assert.equal(takes(jar, bytes(""), "/a/b.jar"), true);
    assert.equal(takes(jar, bytes(""), "/a/b.jar.txt"), false);
  });

  test("takes nothing for a handler that is off, or says nothing", () => {
    assert.equal(takes(python.replace("enabled", "disabled"), bytes("a70d0d0a00"), "/m.pyc"), false);
    assert.equal(takes("enabled\n", bytes("00"), "/x"), false);
    assert.equal(takes("", bytes(""), ""), false);
  });
});
