import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, join, relative } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { checkCodexVersion, type CodexBinary, findCodex, SUPPORTED_CODEX } from "./binary.ts";
import { CodexError } from "../errors.ts";

const posixOnly = { skip: process.platform === "win32" };

function folder(t: TestContext): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-binary-")));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A program in place of Codex. */
function program(path: string, body: string): string {
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

function refusal(find: () => unknown): string {
  try {
    find();
  } catch (error) {
    assert.ok(error instanceof CodexError, String(error));
    assert.equal(error.code, "codex_not_found");
    return error.message;
  }
  assert.fail("something was found");
}

suite("findCodex", posixOnly, () => {
  test("takes the option before everything else", (t) => {
    const top = folder(t);
    const [first, second] = [program(join(top, "first"), ""), program(join(top, "second"), "")];
    assert.deepEqual(findCodex(first, { SWITCHYARD_CODEX_PATH: second, PATH: top }), {
      path: first,
      source: "the option codexPathOverride",
      pathDirs: [],
    });
  });

  test("prefers SWITCHYARD_CODEX_PATH to an installed Codex, unless it is empty", (t) => {
    const path = program(join(folder(t), "codex"), "");
    assert.deepEqual(findCodex(undefined, { SWITCHYARD_CODEX_PATH: path }), {
      path,
      source: "SWITCHYARD_CODEX_PATH",
      pathDirs: [],
    });
    const installed = isInstalled() ? findCodex(undefined, {}) : undefined;
    if (installed !== undefined)
      assert.deepEqual(findCodex(undefined, { SWITCHYARD_CODEX_PATH: "" }), installed);
  });

  test("takes the native file from node_modules before PATH, with its helpers", {
    skip: !isInstalled(),
  }, (t) => {
    const top = folder(t);
    program(join(top, "codex"), "");
    const found = findCodex(undefined, { PATH: top });
    assert.equal(found.source, "@openai/codex");
    assert.match(found.path, /vendor[\\/][^\\/]+[\\/]bin[\\/]codex$/);
    assert.equal(found.pathDirs.length, 1);
  });

  test("makes a given path absolute: a bare name would be looked up on PATH when it is started", (t) => {
    const path = program(join(folder(t), "codex"), "");
    const given = relative(process.cwd(), path);
    assert.equal(findCodex(given, {}).path, path);
    assert.equal(findCodex(undefined, { SWITCHYARD_CODEX_PATH: given }).path, path);
  });

  test("puts the helpers beside a given binary in front of PATH", (t) => {
    const top = folder(t);
    for (const dir of ["bin", "codex-path"]) mkdirSync(join(top, dir));
    const path = program(join(top, "bin/codex"), "");
    assert.deepEqual(findCodex(path, {}).pathDirs, [join(top, "codex-path")]);
  });

  test("rejects a given path without a file, with path, source and remedy", (t) => {
    const top = folder(t);
    for (const path of [
      join(top, "missing"),
      top,
      "",
      "a\0b",
      join(program(join(top, "file"), ""), "below"),
    ]) {
      assert.equal(
        refusal(() => findCodex(path, {})),
        `Cannot find Codex at "${path}" (from the option codexPathOverride). ` +
          "Install one with: npm install @openai/codex@0.169",
      );
    }
    assert.match(
      refusal(() => findCodex(undefined, { SWITCHYARD_CODEX_PATH: "/nowhere" })),
      /^Cannot find Codex at "\/nowhere" \(from SWITCHYARD_CODEX_PATH\)/,
    );
  });

  suite("without an installed Codex", () => {
    /** Runs the module as a copy, from where no node_modules can be seen. */
    async function findElsewhere(t: TestContext, env: Record<string, string>): Promise<CodexBinary | string> {
      const top = folder(t);
      cpSync(new URL("../../", import.meta.url), join(top, "src"), { recursive: true });
      writeFileSync(join(top, "package.json"), '{"type":"module"}');
      const code = `
        import { findCodex } from "./src/codex/app-server/binary.ts";
        try { console.log(JSON.stringify(findCodex(undefined, JSON.parse(process.argv[1])))); }
        catch (error) { console.log(JSON.stringify(error.code + ": " + error.message)); }
      `;
      const args = ["--input-type=module", "-e", code, JSON.stringify(env)];
      const options = { cwd: top, env: { ...process.env, NODE_PATH: "" } };
      const { stdout } = await promisify(execFile)(process.execPath, args, options);
      return JSON.parse(stdout) as CodexBinary | string;
    }

    test("takes the first executable codex on PATH", async (t) => {
      const top = folder(t);
      for (const dir of ["plain", "directory/codex", "good", "later"])
        mkdirSync(join(top, dir), { recursive: true });
      writeFileSync(join(top, "plain/codex"), "not to be run");
      const path = program(join(top, "good/codex"), "");
      program(join(top, "later/codex"), "");
      const dirs = ["", "missing", "plain/codex", "plain", "directory", "good", "later"];
      const PATH = dirs.map((dir) => (dir === "" ? "" : join(top, dir))).join(delimiter);
      assert.deepEqual(await findElsewhere(t, { PATH }), { path, source: "PATH", pathDirs: [] });
      assert.deepEqual(await findElsewhere(t, { Path: PATH }), { path, source: "PATH", pathDirs: [] });
    });

    test("never looks into the node_modules of the working directory", async (t) => {
      const top = folder(t);
      const planted = join(top, "node_modules/@openai/codex");
      mkdirSync(planted, { recursive: true });
      writeFileSync(join(planted, "package.json"), '{"name":"@openai/codex","version":"0.169.0"}');
      const native = join(top, `node_modules/@openai/codex-${process.platform}-${process.arch}`);
      const bin = join(native, "vendor/x86_64-unknown-linux-musl/bin");
      mkdirSync(bin, { recursive: true });
      writeFileSync(join(native, "package.json"), '{"version":"0.169.0"}');
      program(join(bin, "codex"), "echo planted");
      const before = process.cwd();
      process.chdir(top);
      try {
        assert.notEqual(findCodex(undefined, {}).path, join(bin, "codex"));
      } finally {
        process.chdir(before);
      }
    });

    test("reports every place that was searched, and the remedy", async (t) => {
      for (const env of [{}, { PATH: "" }, { PATH: `${delimiter}/nowhere` }]) {
        assert.equal(
          await findElsewhere(t, env as Record<string, string>),
          "codex_not_found: Cannot find Codex: no option, SWITCHYARD_CODEX_PATH is not set, @openai/codex is not in " +
            'node_modules, and there is no "codex" on PATH. Install one with: npm install @openai/codex@0.169',
        );
      }
    });
  });
});

function isInstalled(): boolean {
  try {
    createRequire(import.meta.url).resolve("@openai/codex/package.json");
    return true;
  } catch {
    return false;
  }
}

suite("checkCodexVersion", posixOnly, () => {
  const binaryAt = (path: string): CodexBinary => ({ path, source: "a test", pathDirs: [] });

  async function check(t: TestContext, body: string): Promise<CodexError | undefined> {
    const path = program(join(folder(t), "codex"), body);
    try {
      await checkCodexVersion(binaryAt(path));
      return undefined;
    } catch (error) {
      assert.ok(error instanceof CodexError, String(error));
      assert.ok(error.message.includes(`"${path}" (from a test)`), error.message);
      return error;
    }
  }

  for (const version of [SUPPORTED_CODEX.from, "0.169.17"]) {
    test(`accepts ${version}`, async (t) =>
      assert.equal(await check(t, `echo codex-cli ${version}`), undefined));
  }

  for (const version of [
    "0.168.99",
    SUPPORTED_CODEX.below,
    "0.170.0-alpha.1",
    "1.0.0",
    "0.0.0",
    "0.1690.0",
    "10.169.0",
  ]) {
    test(`rejects ${version}, with the supported versions`, async (t) => {
      const error = await check(t, `echo codex-cli ${version}`);
      assert.equal(error?.code, "codex_unsupported");
      assert.ok(
        error.message.includes(
          `is Codex ${version.replace(/-.*/, "")}; Switchyard works with 0.169.0 up to, not including, 0.170.0`,
        ),
        error.message,
      );
    });
  }

  test("rejects a program without a version, with the beginning of its output", async (t) => {
    const error = await check(t, `echo 'I am no Codex'; yes | head -c 5000`);
    assert.equal(error?.code, "codex_unsupported");
    assert.match(error.message, /is Codex of unknown version \("I am no Codex\ny\ny/);
    assert.ok(error.message.length < 500);
    assert.match((await check(t, "true"))?.message ?? "", /of unknown version \(""\)/);
  });

  test("reports a program that cannot be run, with the cause", async (t) => {
    for (const body of ["exit 3", "kill -9 $$"]) {
      const error = await check(t, body);
      assert.equal(error?.code, "codex_not_found");
      assert.match(error.message, /^Cannot run ".*Install one with: npm install @openai\/codex@0\.169$/);
      assert.ok(error.cause instanceof Error);
    }
    const path = join(folder(t), "codex");
    writeFileSync(path, "no program");
    await assert.rejects(checkCodexVersion(binaryAt(path)), { code: "codex_not_found" });
  });

  test("runs a binary once for many callers, and again after it was replaced", async (t) => {
    const top = folder(t);
    const path = program(join(top, "codex"), `echo run >> '${top}/runs'; echo codex-cli 0.169.0`);
    await Promise.all([1, 2, 3].map(() => checkCodexVersion(binaryAt(path))));
    assert.equal(readFileSync(join(top, "runs"), "utf8"), "run\n");
    program(path, "exit 1");
    await assert.rejects(checkCodexVersion(binaryAt(path)), { code: "codex_not_found" });
  });

  test("runs a binary again after a failure: it may have been replaced", async (t) => {
    const path = program(join(folder(t), "codex"), "echo codex-cli 0.1.0");
    const both = await Promise.allSettled([
      checkCodexVersion(binaryAt(path)),
      checkCodexVersion(binaryAt(path)),
    ]);
    assert.deepEqual(
      both.map(({ status }) => status),
      ["rejected", "rejected"],
    );
    program(path, "echo codex-cli 0.169.3");
    await checkCodexVersion(binaryAt(path));
  });
});
