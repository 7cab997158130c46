/** `switchyard mcp` beside the real Codex: it shows and writes the same. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { findCodex } from "../../../src/codex/app-server/binary.ts";
import { CodexConfig } from "../../support/codex-config.ts";
import { CODEXS, RICH, TestHome } from "../support/test-home.ts";

const timeout = 60_000;

suite("switchyard mcp beside the real codex", () => {
  test("list --json --codex has what codex mcp list --json has, and more", { timeout }, async () => {
    using home = new TestHome({ [CODEXS]: RICH });
    const theirs = await home.runProgram(findCodex(undefined, process.env).path, ["mcp", "list", "--json"]);
    const ours = (await home.json(["mcp", "list", "--json", "--codex", "--show-secrets"])) as object[];
    const wanted = JSON.parse(theirs.stdout) as Record<string, unknown>[];
    assert.equal(ours.length, wanted.length);
    for (const [at, element] of wanted.entries()) {
      assert.partialDeepStrictEqual(ours[at], element);
      assert.deepEqual(
        Object.keys(ours[at] ?? {}).slice(0, Object.keys(element).length),
        Object.keys(element),
      );
    }
  });

  test("after every edit with --codex, config/read and check agree", { timeout }, async () => {
    await using codex = await CodexConfig.start();
    using home = new TestHome({ [CODEXS]: RICH });
    const edits: readonly (readonly string[])[] = [
      [
        "add",
        "--codex",
        "d",
        "--url",
        "https://127.0.0.1:1/d",
        "--no-tools",
        "--required",
        "--header-env",
        "A=B",
      ],
      ["set", "--codex", "a", "tools.t.approval_mode", "approve"],
      ["set", "--codex", "b", "scopes", '["x"]'],
      ["disable", "--codex", "a"],
      ["enable", "--codex", "c"],
      ["rename", "--codex", "c", "e"],
      ["unset", "--codex", "a", "env"],
      ["remove", "--codex", "b"],
    ];
    for (const edit of edits) {
      const done = await home.run(["mcp", ...edit]);
      assert.equal(done.code, 0, done.stderr);
      const { servers } = (await home.json(["mcp", "check", "--codex", "--json", "--show-secrets"])) as {
        servers: unknown;
      };
      assert.deepEqual({ ok: true, servers }, await codex.read(home.read(CODEXS)), edit.join(" "));
    }
  });
});
