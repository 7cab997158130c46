/** Many processes at one file, some of them killed. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { setTimeout } from "node:timers/promises";

const root = mkdtempSync(join(tmpdir(), "switchyard-contention-"));
after(() => rmSync(root, { recursive: true, force: true }));

const PROCESSES = 12;
const KILLS = 8;
const TIMES = 15;
const program = join(import.meta.dirname, "support", "counting-editor.ts");

suite("withFileLock among processes", () => {
  test(`never lets two in and loses no update while ${KILLS} of ${PROCESSES} are killed`, async (context) => {
    // The guard of the critical section is an abstract socket.
    if (process.platform !== "linux") return context.skip("only on Linux");
    const target = join(root, "counter");
    const written: number[] = [];
    const guard = root;
    const children = Array.from({ length: PROCESSES }, (_, index): ChildProcess => {
      // Every other one of them ends in the midst of a lock or an edit, wherever chance has it.
      const step = index < KILLS && index % 2 === 0 ? 1 + Math.floor(Math.random() * 250) : Infinity;
      const child = spawn(process.execPath, [program, target, guard, String(TIMES), String(step)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let text = "";
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      child.once("close", () => written.push(...text.split("\n").filter(Boolean).map(Number)));
      return child;
    });
    const ends = children.map((child) => once(child, "close"));

    for (let at = 1; at < KILLS; at += 2) {
      await setTimeout(at === 1 ? 400 : Math.random() * 150);
      children[at]?.kill("SIGKILL");
    }

    const results = (await Promise.all(ends)) as [code: number | null, signal: string | null][];
    for (const [index, [code]] of results.entries()) {
      if (index < KILLS) assert.ok(code === null || code === 0, `killed process ${index} ended with ${code}`);
      else assert.equal(code, 0, `process ${index}`);
    }
    const killed = results.filter(([, signal]) => signal !== null).length;
    const total = Number(readFileSync(target, "utf8"));
    assert.equal(new Set(written).size, written.length, "two processes wrote the same number");
    assert.ok(written.every((number) => number <= total));
    // One that was killed between writing and printing is not in the list.
    assert.ok(total - written.length <= killed, `${total} in the file, ${written.length} printed`);
    assert.ok(total >= (PROCESSES - KILLS) * TIMES);
    context.diagnostic(`${killed} killed, counted to ${total}, ${total - written.length} not printed`);
    const left = readdirSync(root).filter((name) => name !== "counter");
    assert.ok(left.length <= killed, left.join());
  });
});
