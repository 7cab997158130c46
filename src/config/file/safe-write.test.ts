import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, suite, test } from "node:test";
import { ConfigError, type ConfigErrorCode } from "../problem.ts";
import { type ConfigFileSystem, nodeFileSystem } from "./file-system.ts";
import { readVersioned, replaceFile, resolveTarget } from "./safe-write.ts";

const root = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "switchyard-safe-write-")));
after(() => fs.rmSync(root, { recursive: true, force: true }));

const isWindows = process.platform === "win32";
const isRoot = process.getuid?.() === 0;
let folder = "";
let target = "";
beforeEach(() => {
  folder = fs.mkdtempSync(join(root, "case-"));
  target = join(folder, "config.toml");
});

function refuses(
  promise: Promise<unknown>,
  code: ConfigErrorCode,
  ...words: readonly RegExp[]
): Promise<void> {
  return assert.rejects(promise, (error) => {
    assert.ok(error instanceof ConfigError, String(error));
    assert.equal(error.code, code, error.message);
    for (const word of words) assert.match(error.message, word);
    return true;
  });
}

function failing(call: "open" | "rename" | "makeFolder", code: string): ConfigFileSystem {
  const fail = (): Promise<never> => Promise.reject(Object.assign(new Error(code), { code }));
  return { ...nodeFileSystem, [call]: fail };
}

const mode = (path: string): number => fs.statSync(path).mode & 0o777;

/** As an editor does it. */
async function rewrite(path: string, text: string, fileSystem?: ConfigFileSystem): Promise<void> {
  const old = await readVersioned(path);
  await replaceFile(path, text, { expectedVersion: old?.version, mode: old?.mode, fs: fileSystem });
}

suite("resolveTarget", { skip: isWindows && "needs symbolic links" }, () => {
  test("is the path itself where there is no link, and where there is no file", async () => {
    assert.equal(await resolveTarget(target), target);
    assert.equal(
      await resolveTarget(join(folder, "none", "config.toml")),
      join(folder, "none", "config.toml"),
    );
    fs.writeFileSync(target, "");
    assert.equal(await resolveTarget(target), target);
  });

  test("follows a chain of absolute and relative links to the file", async () => {
    fs.mkdirSync(join(folder, "dotfiles"));
    const real = join(folder, "dotfiles", "real.toml");
    fs.writeFileSync(real, "");
    fs.symlinkSync("real.toml", join(folder, "dotfiles", "b"));
    fs.symlinkSync(join(folder, "dotfiles", "b"), join(folder, "a"));
    fs.symlinkSync("./a", target);
    assert.equal(await resolveTarget(target), real);
  });

  test("counts .. in a link from the folder that the link is really in", async () => {
    fs.mkdirSync(join(folder, "far", "home"), { recursive: true });
    fs.symlinkSync(join("far", "home"), join(folder, "near"));
    fs.writeFileSync(join(folder, "far", "real.toml"), "");
    fs.symlinkSync("../real.toml", join(folder, "far", "home", "config.toml"));
    assert.equal(await resolveTarget(join(folder, "near", "config.toml")), join(folder, "far", "real.toml"));
    fs.symlinkSync("near/../real.toml", target);
    assert.equal(await resolveTarget(target), join(folder, "far", "real.toml"));
  });

  test("is what a dangling link points to, so that it is created there and the link stays", async () => {
    fs.symlinkSync("later/config.toml", target);
    const there = await resolveTarget(target);
    assert.equal(there, join(folder, "later", "config.toml"));
    await rewrite(there, "x = 1\n");
    assert.equal(fs.readFileSync(target, "utf8"), "x = 1\n");
    assert.equal(fs.readlinkSync(target), "later/config.toml");
  });

  test("refuses links in a circle, also of folders, and more than 40, naming the path", async () => {
    fs.symlinkSync("b", join(folder, "a"));
    fs.symlinkSync("a", join(folder, "b"));
    await refuses(resolveTarget(join(folder, "a")), "unreadable", /"[^"]*\/a"/, /circle/);
    await refuses(resolveTarget(join(folder, "a", "config.toml")), "unreadable", /circle/);
    fs.writeFileSync(join(folder, "0"), "");
    for (let link = 1; link <= 41; link++) fs.symlinkSync(String(link - 1), join(folder, String(link)));
    assert.equal(await resolveTarget(join(folder, "40")), join(folder, "0"));
    await refuses(resolveTarget(join(folder, "41")), "unreadable", /\/41"/);
  });
});

suite("readVersioned", () => {
  test("yields text with its byte order mark and line ends, mode, and a version of the bytes", async () => {
    fs.writeFileSync(target, "\ufeffa = 1\r\n", { mode: 0o640 });
    const first = await readVersioned(target);
    assert.equal(first?.text, "\ufeffa = 1\r\n");
    if (!isWindows) assert.equal(first?.mode, 0o640);
    fs.utimesSync(target, 1, 1);
    assert.equal((await readVersioned(target))?.version, first?.version);
    fs.writeFileSync(target, "a = 1\r\n");
    assert.notEqual((await readVersioned(target))?.version, first?.version);
  });

  test("yields nothing where there is no file or folder", async () => {
    assert.equal(await readVersioned(target), undefined);
    assert.equal(await readVersioned(join(folder, "none", "config.toml")), undefined);
  });

  test("refuses a folder and a named pipe, without waiting for it", async () => {
    await refuses(readVersioned(folder), "unreadable", /is not a file/);
    if (isWindows) return;
    execFileSync("mkfifo", [target]);
    await refuses(readVersioned(target), "unreadable", /is not a file/);
  });

  test("rejects what is not UTF-8, and names the place", async () => {
    fs.writeFileSync(target, Buffer.from('a = 1\nb = "\xe9"\n', "latin1"));
    await refuses(readVersioned(target), "unreadable", /not UTF-8 \(byte 12, in line 2\)/);
    fs.writeFileSync(target, Buffer.from([0x61, 0xef, 0xbf]));
    await refuses(readVersioned(target), "unreadable", /in line 1/);
    fs.writeFileSync(target, "a = '\ufffd'");
    assert.equal((await readVersioned(target))?.text, "a = '\ufffd'");
  });

  test("refuses more than 16 MiB without reading it", async () => {
    fs.writeFileSync(target, "");
    fs.truncateSync(target, 16 * 1024 * 1024 + 1);
    await refuses(readVersioned(target), "unreadable", /16 MiB/);
  });

  test("says what is wrong and what to do when permission is denied", async () => {
    await refuses(
      readVersioned(target, failing("open", "EACCES")),
      "unreadable",
      /config\.toml/,
      /permission/,
      /owns/,
    );
  });
});

suite("replaceFile", () => {
  test("creates a file for its owner alone, and its folders, whatever the umask (W4)", async () => {
    const there = join(folder, "a", "b", "config.toml");
    const umask = process.umask(0);
    try {
      await rewrite(there, "x = 1\n");
    } finally {
      process.umask(umask);
    }
    assert.equal(fs.readFileSync(there, "utf8"), "x = 1\n");
    if (isWindows) return;
    assert.equal(mode(there), 0o600);
    assert.equal(mode(join(folder, "a")), 0o700);
    assert.equal(mode(join(folder, "a", "b")), 0o700);
  });

  test("keeps the mode of the old file, whatever the umask (W4)", { skip: isWindows }, async () => {
    for (const [umask, kept] of [
      [0o077, 0o640],
      [0o077, 0o666],
      [0, 0o600],
      [0o022, 0o400],
    ] as const) {
      fs.rmSync(target, { force: true });
      fs.writeFileSync(target, "old");
      fs.chmodSync(target, kept);
      const before = process.umask(umask);
      try {
        await rewrite(target, "new");
      } finally {
        process.umask(before);
      }
      assert.equal(fs.readFileSync(target, "utf8"), "new");
      assert.equal(mode(target).toString(8), kept.toString(8));
    }
  });

  test("keeps owner and group, or gives the group no rights (W4)", {
    skip: !isRoot && "needs root",
  }, async () => {
    const prepare = (): void => {
      fs.writeFileSync(target, "old");
      fs.chmodSync(target, 0o664);
      fs.chownSync(target, 12_345, 54_321);
    };
    prepare();
    await rewrite(target, "new");
    const { uid, gid } = fs.statSync(target);
    assert.deepEqual([uid, gid, mode(target)], [12_345, 54_321, 0o664]);

    prepare();
    const notPermitted: ConfigFileSystem = {
      ...nodeFileSystem,
      async open(...given) {
        const handle = await nodeFileSystem.open(...given);
        handle.chown = () => Promise.reject(Object.assign(new Error("EPERM"), { code: "EPERM" }));
        return handle;
      },
    };
    await rewrite(target, "newer", notPermitted);
    assert.equal(fs.readFileSync(target, "utf8"), "newer");
    assert.equal(mode(target).toString(8), "604");
  });

  test("refuses a file that was changed, removed or created since it was read (W3)", async () => {
    fs.writeFileSync(target, "old");
    const version = (await readVersioned(target))?.version;
    fs.writeFileSync(target, "theirs");
    await refuses(
      replaceFile(target, "ours", { expectedVersion: version }),
      "conflict",
      /changed by another program/,
    );
    await refuses(replaceFile(target, "ours", { expectedVersion: undefined }), "conflict", /was created/);
    assert.equal(fs.readFileSync(target, "utf8"), "theirs");
    fs.rmSync(target);
    await refuses(replaceFile(target, "ours", { expectedVersion: version }), "conflict", /was removed/);
    assert.deepEqual(fs.readdirSync(folder), []);
  });

  test("sees a change that is made while it writes (W3)", async () => {
    fs.writeFileSync(target, "old");
    const meddled: ConfigFileSystem = {
      ...nodeFileSystem,
      async open(path, flags, created) {
        if (flags === "wx") fs.writeFileSync(target, "theirs");
        return nodeFileSystem.open(path, flags, created);
      },
    };
    await refuses(rewrite(target, "ours", meddled), "conflict");
    assert.equal(fs.readFileSync(target, "utf8"), "theirs");
    assert.deepEqual(fs.readdirSync(folder), ["config.toml"]);
  });

  test("says why it could not write and what to do, and leaves the old file alone (W1, W2)", async () => {
    fs.writeFileSync(target, "old");
    for (const [code, ...words] of [
      ["ENOSPC", /disk is full \(ENOSPC\)/, /unchanged/, /Free some space/],
      ["EACCES", /permission is denied/, /may write there/],
      ["EROFS", /read-only/],
      ["EXDEV", /EXDEV/],
    ] as const) {
      await refuses(
        rewrite(target, "new", failing("rename", code)),
        "write_failed",
        /config\.toml/,
        ...words,
      );
      assert.equal(fs.readFileSync(target, "utf8"), "old");
      assert.deepEqual(fs.readdirSync(folder), ["config.toml"]);
    }
  });

  test("refuses a folder that is gone, or that is a file", async () => {
    fs.writeFileSync(target, "old");
    const version = (await readVersioned(target))?.version;
    fs.rmSync(folder, { recursive: true });
    await refuses(replaceFile(target, "new", { expectedVersion: version }), "write_failed", /folder is gone/);
    fs.writeFileSync(folder, "");
    await refuses(replaceFile(target, "new", { expectedVersion: undefined }), "write_failed", /config\.toml/);
  });

  test("refuses a folder that cannot be written", { skip: isRoot || isWindows }, async () => {
    fs.writeFileSync(target, "old");
    fs.chmodSync(folder, 0o500);
    await refuses(rewrite(target, "new"), "write_failed", /permission is denied/);
    fs.chmodSync(folder, 0o700);
    assert.equal(fs.readFileSync(target, "utf8"), "old");
  });

  test("ends with the signal's reason, and writes nothing then", async () => {
    const reason = new Error("enough");
    const late = new AbortController();
    const aborting: ConfigFileSystem = {
      ...nodeFileSystem,
      open(...given) {
        late.abort(reason);
        return nodeFileSystem.open(...given);
      },
    };
    for (const [signal, fileSystem] of [
      [AbortSignal.abort(reason), nodeFileSystem],
      [late.signal, aborting],
    ] as const) {
      const writing = replaceFile(target, "x", { expectedVersion: undefined, signal, fs: fileSystem });
      await assert.rejects(writing, (error) => error === reason);
      assert.deepEqual(fs.readdirSync(folder), []);
    }
  });
});
