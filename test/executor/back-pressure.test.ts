/** Much output, and a reader that is slower than its process: nothing is lost, and memory has a bound on both sides. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { RemoteExecutor } from "../../src/executor/index.ts";
import { startExecutorProcess } from "./support/executor-process.ts";
import { MIB, peakBytes } from "./support/memory.ts";
import { until } from "./support/until.ts";
import { watchedOpener } from "./support/watched-opener.ts";

/** The numbers up to this, one a line, are 200 MB. */
const LAST = 23_600_000;
/** Later there is too little left to hold the link. */
const LAST_PAUSE_BYTES = 150_000_000;
const NUMBERS = `seq 1 ${LAST}`;
const env = { PATH: process.env["PATH"] ?? "" };

test("200 MB through one process to a slow reader arrive whole, and neither side keeps them (S4)", {
  timeout: 120_000,
}, async () => {
  const [wanted] = execFileSync("sh", ["-c", `${NUMBERS} | sha256sum`], { encoding: "utf8" }).split(" ");
  await using server = await startExecutorProcess();
  const link = watchedOpener(server.url, systemClock);
  await using executor = new RemoteExecutor({ name: "box", opener: link.opener });
  const numbers = await executor.start({ argv: ["sh", "-c", `exec ${NUMBERS}`], cwd: "/tmp", env });
  const serverBefore = peakBytes(server.child.pid as number);
  const ownBefore = peakBytes(process.pid);
  const hash = createHash("sha256");
  let bytes = 0;
  let rest = 0;
  for await (const event of numbers.events()) {
    if (event.type !== "output") continue;
    hash.update(event.chunk);
    bytes += event.chunk.length;
    if (bytes < rest || bytes > LAST_PAUSE_BYTES) continue;
    // The client has received as much as it may hold unread; the rest has to wait.
    await until("the link is held", link.isHeld);
    rest = bytes + 16 * MIB;
  }
  assert.ok(bytes > 200_000_000);
  assert.equal(hash.digest("hex"), wanted);
  const serverGrowth = peakBytes(server.child.pid as number) - serverBefore;
  const ownGrowth = peakBytes(process.pid) - ownBefore;
  assert.ok(serverGrowth < 100 * MIB, `the executor took ${serverGrowth} bytes more`);
  assert.ok(ownGrowth < 150 * MIB, `the client took ${ownGrowth} bytes more`);
});
