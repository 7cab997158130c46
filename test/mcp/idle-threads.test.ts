/** A thousand threads that do nothing cost next to nothing. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { RecordingMcpServer } from "../../src/testing/index.ts";
import type { ThreadCosts } from "./support/idle-threads.ts";

const PROGRAM = join(import.meta.dirname, "support", "idle-threads.ts");
const THREADS = 1_000;
/** Of heap, for each; measured are 6 400. */
const BYTES_MAX = 20_000;

test(`${THREADS} idle threads on two shared servers hold one connection to each, and little memory`, {
  timeout: 120_000,
}, async () => {
  await using server = await RecordingMcpServer.start();
  const args = ["--expose-gc", PROGRAM, server.url, String(THREADS)];
  const home = mkdtempSync(join(tmpdir(), "switchyard-home-"));
  after(() => rmSync(home, { recursive: true }));
  const env = { ...process.env, SWITCHYARD_HOME: home };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  const costs = JSON.parse(stdout) as ThreadCosts;
  console.log(stdout.trim());
  assert.deepEqual(Object.fromEntries(costs.connections), { http: THREADS, stdio: THREADS });
  assert.ok(costs.idle < BYTES_MAX, `${costs.idle} bytes for each idle thread`);
  assert.ok(costs.used < BYTES_MAX, `${costs.used} bytes for each thread that has called`);
  assert.ok(costs.ended < BYTES_MAX / 8, `${costs.ended} bytes left behind by each thread`);
});
