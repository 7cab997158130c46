import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { parseArgs } from "../args/parse.ts";
import type { Flag, NamedSpec } from "../args/spec.ts";
import { READ_FLAGS, readLayers, WRITE_FLAGS, writeTarget } from "./target.ts";

const spec = (flags: readonly Flag[]): NamedSpec => ({ name: "x", about: "", flags });
const target = (...argv: string[]): ReturnType<typeof writeTarget> =>
  writeTarget(parseArgs(spec(WRITE_FLAGS), argv));

suite("which file a command is about", () => {
  test("the name of a file decides whose it is", () => {
    assert.deepEqual(target("--file", "/a/switchyard.toml"), {
      file: "/a/switchyard.toml",
      own: true,
      project: false,
      alone: true,
    });
    assert.deepEqual(target("--file", "/a/x.toml"), {
      file: "/a/x.toml",
      own: false,
      project: false,
      alone: true,
    });
  });

  test("a project's file is in its root, also from a folder inside", () => {
    const root = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-target-")));
    try {
      mkdirSync(join(root, ".git"));
      writeFileSync(join(root, ".git", "HEAD"), "ref: refs/heads/main\n");
      mkdirSync(join(root, "a", "b"), { recursive: true });
      const inside = ["-C", join(root, "a", "b"), "--project"];
      assert.equal(target(...inside).file, join(root, "switchyard.toml"));
      assert.equal(target(...inside, "--codex").file, join(root, ".codex", "config.toml"));
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });

  for (const other of [["--codex"], ["--project"]]) {
    test(`--file and ${other[0]} contradict each other`, () => {
      assert.throws(() => target("--file", "x", ...other), { name: "UsageError" });
    });
  }

  for (const other of [["--codex"], ["--profile", "p"], ["-c", "a=1"]]) {
    test(`--file and ${other[0]} contradict each other when layers are read`, () => {
      assert.throws(() => readLayers(parseArgs(spec(READ_FLAGS), ["--file", "x", ...other])), {
        name: "UsageError",
      });
    });
  }

  test("a missing file is reported", () => {
    assert.throws(() => readLayers(parseArgs(spec(READ_FLAGS), ["--file", "/nope/x.toml"])), {
      message: "There is no file /nope/x.toml",
    });
  });
});
