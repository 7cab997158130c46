/** Real processes, and time that is moved by hand. */
import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { suite, test } from "node:test";
import { ManualClock } from "../testing/manual-clock.ts";
import { endProcess } from "./end.ts";

interface Started {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  readonly clock: ManualClock;
  /** The calls of `sweep`. */
  readonly steps: string[];
  readonly end: () => Promise<void>;
}

/** A shell that leads its group and has set its traps. */
async function start(before: string, whenStdinEnds: string): Promise<Started> {
  const script = `${before}; echo ready; while read -r line; do :; done; ${whenStdinEnds}`;
  const child = spawn("sh", ["-c", script], { detached: true, stdio: ["pipe", "pipe", "inherit"] });
  await once(child.stdout, "data");
  const clock = new ManualClock();
  const steps: string[] = [];
  return {
    child,
    clock,
    steps,
    end: () =>
      endProcess(
        {
          pid: child.pid as number,
          isRunning: () => child.exitCode === null && child.signalCode === null,
          exited: once(child, "exit"),
          closeStdin: () => child.stdin.end(),
          sweep: () => void steps.push("sweep"),
        },
        { stdinMs: 500, termMs: 1_500 },
        clock,
      ),
  };
}

const STAY = "while :; do sleep 300 & wait; done";

suite("endProcess", () => {
  test("sends no signal to a process that leaves when its stdin ends (E1, E2)", async () => {
    const { child, clock, steps, end } = await start(":", "exit 7");
    await end();
    assert.deepEqual([child.exitCode, child.signalCode], [7, null]);
    assert.deepEqual(steps, ["sweep"]);
    assert.equal(clock.pending, 0);
  });

  test("ends what stays with SIGTERM after the first grace (E2)", async () => {
    const { child, clock, steps, end } = await start(":", STAY);
    const ended = end();
    await clock.advance(499);
    assert.equal(child.signalCode, null);
    await clock.advance(1);
    await ended;
    assert.equal(child.signalCode, "SIGTERM");
    assert.deepEqual(steps, ["sweep"]);
    assert.equal(clock.pending, 0);
  });

  test("ends what ignores SIGTERM with SIGKILL after the second (E2)", async () => {
    const { child, clock, steps, end } = await start("trap '' TERM", STAY);
    const ended = end();
    await clock.advance(500);
    await clock.advance(1_499);
    assert.equal(child.signalCode, null);
    await clock.advance(1);
    await ended;
    assert.equal(child.signalCode, "SIGKILL");
    assert.deepEqual(steps, ["sweep"]);
  });

  test("only sweeps when the process has exited by itself: its number is not its own any more (E3)", async () => {
    let swept = 0;
    await endProcess(
      {
        // Signalling it would end this test.
        pid: process.pid,
        isRunning: () => false,
        exited: new Promise(() => {}),
        closeStdin: () => {},
        sweep: () => void swept++,
      },
      { stdinMs: 500, termMs: 1_500 },
      new ManualClock(),
    );
    assert.equal(swept, 1);
  });
});
