/** The commands where a folder is missing that is always there otherwise: their home, or the one they work in. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { MAIN, NODE_VARIABLES } from "../support/command.ts";

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command whose time-out is a SIGTERM. */
function run(args: readonly string[], env: Record<string, string>, input = "", before = ""): Ended {
  const script = `${before} exec "$0" "$@"`;
  const options = { env: { ...NODE_VARIABLES, OPENAI_API_KEY: "sk-test", ...env }, input, timeout: 60_000 };
  return spawnSync("/bin/sh", ["-c", script, process.execPath, MAIN, ...args], {
    ...options,
    encoding: "utf8",
  });
}

suite("A command whose home cannot be made", { skip: process.platform !== "linux" }, () => {
  for (const home of ["/proc/none", "/proc/self/deep/er", "/dev/null/home"]) {
    test(`says so and ends: ${home}`, () => {
      const turn = run(["run", "hello", "--base-url", "http://127.0.0.1:9/v1"], { SWITCHYARD_HOME: home });
      assert.equal(turn.status, 1, turn.stderr);
      assert.match(turn.stderr, /^switchyard: Codex's home \S+ cannot be used: Cannot make the folder /m);
      assert.doesNotMatch(turn.stderr, /\n {4}at /);
      const lines = ["none", "process"].map((isolation) =>
        JSON.stringify({
          type: "run",
          id: isolation,
          params: { input: "hello", ...(isolation === "none" ? {} : { isolation }) },
        }),
      );
      const served = run(["runner"], { SWITCHYARD_HOME: home }, `${lines.join("\n")}\n`);
      assert.equal(served.status, 0, served.stderr);
      const messages = served.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, any>);
      const ends = messages.filter(({ type }) => type === "end");
      assert.equal(ends.length, 2, served.stdout);
      for (const { status, error } of ends) {
        assert.equal(status, "failed");
        assert.match(error.message, /Cannot make the folder /);
      }
    });
  }

  test("and so does an edit of its configuration", () => {
    const added = run(["mcp", "add", "a", "--", "true"], {
      SWITCHYARD_HOME: "/proc/none",
      CODEX_HOME: "",
      HOME: "/proc/none",
    });
    assert.equal(added.status, 1, added.stderr);
    assert.match(added.stderr, /^switchyard: Cannot lock /);
  });
});

suite("A command whose working directory was removed", { skip: process.platform === "win32" }, () => {
  for (const args of [["run", "hello"], ["mcp", "list"], ["mcp", "add", "a", "--", "true"], ["executor"]]) {
    test(`says so and ends: ${args.join(" ")}`, (t) => {
      const home = mkdtempSync(join(tmpdir(), "switchyard-odd-"));
      t.after(() => rmSync(home, { recursive: true, force: true }));
      const gone = join(home, "gone");
      mkdirSync(gone);
      const ended = run(args, { HOME: home }, "", `cd "${gone}" && rmdir "${gone}" &&`);
      assert.notEqual(ended.status, 0);
      assert.match(ended.stderr, /^switchyard: .*the folder that this process works in was removed/m);
      assert.doesNotMatch(ended.stderr, /\n {4}at |uv_cwd/);
    });
  }
});
