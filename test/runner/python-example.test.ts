/** examples/runner.py does what it says, on a machine that has Python 3. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const EXAMPLE = join(import.meta.dirname, "..", "..", "examples", "runner.py");
const hasPython = spawnSync("python3", ["--version"]).status === 0;

test("examples/runner.py drives three threads under their own identities", {
  timeout: 60_000,
  skip: hasPython ? false : "there is no python3 here",
}, async (t) => {
  // Without a key it brings the scripted model; -B leaves no compiled copy beside it.
  const env = { ...process.env, OPENAI_API_KEY: "" };
  const { stdout } = await promisify(execFile)("python3", ["-B", EXAMPLE], { env, signal: t.signal });
  assert.match(stdout, /^anna: 'That is you\.', \d+ requests, all under anna's own headers$/m);
  assert.match(stdout, /^3 threads, \d+ requests, every claim checked$/m);
});
