import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import type { StartRequest } from "../../local/local-executor.ts";
import { StartPolicy } from "./start-policy.ts";

const top = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-policy-")));
after(() => rmSync(top, { recursive: true, force: true }));
const at = (path: string): string => join(top, path);

for (const path of ["bin/tool", "bin/other", "evil/tool"]) {
  mkdirSync(at(join(path, "..")), { recursive: true });
  writeFileSync(at(path), `#!${process.execPath}\n`);
  chmodSync(at(path), 0o755);
}
mkdirSync(at("work/deep"), { recursive: true });
mkdirSync(at("workshop"));
writeFileSync(at("work/file"), "");
writeFileSync(at("outside"), "");
symlinkSync(at("bin/tool"), at("evil/alias"));
symlinkSync(at("bin/other"), at("evil/disguise"));
symlinkSync(at("work"), at("link-to-work"));
symlinkSync(top, at("work/link-out"));
symlinkSync(at("not-yet-outside"), at("work/dangling-out"));
symlinkSync("not-yet", at("work/dangling-in"));
symlinkSync("circle", at("work/circle"));

const PATH = at("bin");
const env = { PATH, LD_LIBRARY_PATH: "/opt/lib" };
const start = (program: string, more: Partial<StartRequest> = {}): StartRequest => ({
  program,
  cwd: at("work"),
  env: { PATH },
  ...more,
});
const posixOnly = { skip: process.platform === "win32" ? "paths are others there" : false };

suite("StartPolicy without lists", posixOnly, () => {
  const policy = new StartPolicy({});

  test("allows every start, and every file", () => {
    policy.checkStart(start("tool", { env: { LD_PRELOAD: "x" } }));
    policy.checkStart(start("/no/such/program", { cwd: "/no/such/folder" }));
    assert.equal(policy.mayRead("/etc/passwd"), true);
    assert.equal(policy.mayWrite(at("outside")), true);
  });
});

suite("StartPolicy with a list of commands", posixOnly, () => {
  const policy = new StartPolicy({ allowCommands: ["tool"], env });
  const refuses = (request: StartRequest, message: RegExp): void =>
    assert.throws(() => policy.checkStart(request), { code: "refused", message });

  test("allows a program under every name that leads to it (Y1, Y2)", () => {
    for (const program of [
      "tool",
      at("bin/tool"),
      at("evil/alias"),
      "../bin/tool",
      "link-out/bin/../evil/alias",
    ]) {
      policy.checkStart(start(program));
    }
    policy.checkStart(start("alias", { env: { PATH: at("evil") } }));
  });

  test("rejects another program, by any name, and lists the allowed ones (Y2)", () => {
    const allowed = new RegExp(`allowed: "${at("bin/tool")}"`);
    refuses(start("other"), allowed);
    refuses(start(at("evil/tool")), allowed);
    refuses(start("tool", { env: { PATH: at("evil") } }), new RegExp(`"${at("evil/tool")}"`));
    refuses(start("disguise", { env: { PATH: at("evil") } }), new RegExp(`which is "${at("bin/other")}"`));
  });

  test("leaves it to the system to say what is not there", () => {
    assert.throws(() => policy.checkStart(start("no-such")), { code: "ENOENT" });
    assert.throws(() => policy.checkStart(start("tool", { cwd: at("work/file") })), { code: "ENOTDIR" });
  });

  test("refuses variables that load other code, unless they are the executor's own", () => {
    for (const name of [
      ...["LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "GCONV_PATH"],
      ...["NODE_OPTIONS", "BASH_ENV", "ENV", "BASH_FUNC_ls%%", "PERL5OPT", "PYTHONPATH", "RUBYOPT"],
    ]) {
      refuses(start("tool", { env: { PATH, [name]: "x" } }), /a variable/);
    }
    policy.checkStart(
      start("tool", { env: { PATH, LD_LIBRARY_PATH: "/opt/lib", OLD_KEY: "1", ENVIRONMENT: "x" } }),
    );
  });

  test("writes no files, and reads them (Y4)", () => {
    assert.equal(policy.mayWrite(at("work/file")), false);
    assert.equal(policy.mayRead(at("outside")), true);
  });

  test("resolves its entries when it is made", () => {
    symlinkSync(at("bin/tool"), at("swapped"));
    const early = new StartPolicy({ allowCommands: [at("swapped")], env });
    rmSync(at("swapped"));
    symlinkSync(at("bin/other"), at("swapped"));
    early.checkStart(start("tool"));
    assert.throws(() => early.checkStart(start(at("swapped"))), { code: "refused" });
  });

  test("allows nothing when the list is empty", () => {
    const none = new StartPolicy({ allowCommands: [], env });
    assert.throws(() => none.checkStart(start("tool")), { code: "refused", message: /allowed: none/ });
  });
});

suite("StartPolicy with a list of folders", posixOnly, () => {
  const policy = new StartPolicy({ allowCwds: [at("link-to-work")] });

  test("allows starts in them and below, by any path (Y1, Y3)", () => {
    for (const cwd of ["work", "work/deep", "link-to-work/deep", "work/deep/..", "work/link-out/work"]) {
      policy.checkStart(start("tool", { cwd: `${top}/${cwd}` }));
    }
  });

  test("rejects starts elsewhere, and lists the allowed folders (Y3)", () => {
    for (const cwd of [
      top,
      at("workshop"),
      "/",
      `${top}/work/link-out`,
      `${top}/work/..`,
      `${top}/work/link-out/..`,
    ]) {
      assert.throws(() => policy.checkStart(start("tool", { cwd })), {
        code: "refused",
        message: new RegExp(`allowed, with what is below: "${at("work")}"`),
      });
    }
  });

  test("allows files in them and below, also ones that do not exist yet (Y3)", () => {
    for (const path of [
      "work",
      "work/file",
      "work/new",
      "work/new/deeper",
      "link-to-work/new",
      "work/dangling-in",
    ]) {
      assert.equal(policy.mayRead(at(path)), true, path);
      assert.equal(policy.mayWrite(at(path)), true, path);
    }
  });

  test("rejects files elsewhere, by any path (Y1, Y3)", () => {
    for (const path of [
      ...[at("outside"), at("workshop"), at("workshop/new"), "/", "/etc/passwd", at("work/link-out/outside")],
      ...[
        `${top}/work/../outside`,
        `${top}/work/none/../../outside`,
        `${top}/work/link-out/../new`,
        `${top}/work/link-out/new/file`,
      ],
      ...[at("work/dangling-out"), `${top}/work/dangling-out/new`, at("work/circle"), "work/file", "", "\0"],
      ...[`/proc/self/cwd/../../../../..${top}/outside`, `${top}/work/${"x".repeat(300)}`],
    ]) {
      assert.equal(policy.mayRead(path), false, path);
      assert.equal(policy.mayWrite(path), false, path);
    }
  });

  test("allows everything below the root", () => {
    const root = new StartPolicy({ allowCwds: ["/"] });
    root.checkStart(start("tool", { cwd: "/" }));
    assert.equal(root.mayWrite(at("outside")), true);
  });
});

suite("StartPolicy", posixOnly, () => {
  test("names every entry that does not exist", () => {
    assert.throws(() => new StartPolicy({ allowCommands: ["tool", "no-such", at("work/file")], env }), {
      code: "invalid_request",
      message: /"no-such" \(No such file or directory.*\) and ".*work\/file" \(Permission denied/,
    });
    assert.throws(() => new StartPolicy({ allowCwds: [at("none"), at("work/file")] }), {
      code: "invalid_request",
      message: /folder ".*none" \(No such file.*\) and ".*file" \(it is not a folder\)/,
    });
  });
});
