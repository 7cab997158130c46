/** Every example runs as it is, against the built package, asserts what it claims, and leaves nothing behind. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";

const root = join(import.meta.dirname, "..", "..");

suite("examples", () => {
  // Examples import `mcp-switchyard` as a user does: what is built.
  if (!existsSync(join(root, "dist", "index.js"))) {
    spawnSync(process.execPath, ["tools/build.ts"], { cwd: root, stdio: "inherit" });
  }
  for (const example of globSync("examples/*.ts", { cwd: root }).toSorted()) {
    test(`${example} does what it says`, (t) => {
      // Hosts publish themselves there.
      const home = mkdtempSync(join(tmpdir(), "switchyard-examples-"));
      t.after(() => rmSync(home, { recursive: true }));
      const { status, signal, stdout, stderr } = spawnSync(process.execPath, [example], {
        cwd: root,
        encoding: "utf8",
        env: { ...process.env, SWITCHYARD_HOME: home },
        timeout: 60_000,
      });
      assert.deepEqual({ status, signal, stderr }, { status: 0, signal: null, stderr: "" });
      assert.notEqual(stdout, "");
    });
  }
});
