/** Many processes at one file, some of them killed. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { exhaustive } from "../support/sample.ts";

const root = mkdtempSync(join(tmpdir(), "switchyard-contention-"));
after(() => rmSync(root, { recursive: true, force: true }));

const PROCESSES = exhaustive ? 12 : 7;
const KILLS = exhaustive ? 8 : 4;
const TIMES = 15;
const program = join(import.meta.dirname, "support", "counting-editor.ts");

suite("ConfigEditor among processes", () => {
  test(`never lets two in and loses no update while ${KILLS} of ${PROCESSES} are killed`, async (context) => {
    // The guard of the critical section is an abstract socket.
    if (process.platform !== "linux") return context.skip("only on Linux");
    const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 32));
    context.diagnostic(`SEED=${seed}`);
    const random = randomFrom(seed);
    const file = join(root, "config.toml");
    const written: string[] = [];
    const guard = root;
    const children = Array.from({ length: PROCESSES }, (_, index): ChildProcess => {
      // Every other one of them ends in the midst of a lock or an edit, wherever chance has it.
      const step = index < KILLS && index % 2 === 0 ? 1 + Math.floor(random() * 250) : Infinity;
      // The others are killed from outside, while they are at the next edit after so many.
      const last = index < KILLS && index % 2 === 1 ? Math.floor(random() * TIMES) : Infinity;
      const child = spawn(
        process.execPath,
        [program, file, guard, `p${index}`, String(TIMES), String(step)],
        {
          stdio: ["ignore", "pipe", "inherit"],
        },
      );
      let text = "";
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        if (text.split("\n").length > last) child.kill("SIGKILL");
      });
      child.once("close", () => written.push(...text.split("\n").filter(Boolean)));
      return child;
    });
    const ends = children.map((child) => once(child, "close"));

    const results = (await Promise.all(ends)) as [code: number | null, signal: string | null][];
    for (const [index, [code]] of results.entries()) {
      if (index < KILLS) assert.ok(code === null || code === 0, `killed process ${index} ended with ${code}`);
      else assert.equal(code, 0, `process ${index}`);
    }
    const killed = results.filter(([, signal]) => signal !== null).length;
    const servers: readonly string[] =
      readFileSync(file, "utf8").match(/(?<=^\[mcp_servers\.).*(?=\]$)/gm) ?? [];
    assert.equal(new Set(servers).size, servers.length, "a server is there twice");
    assert.deepEqual(
      written.filter((name) => !servers.includes(name)),
      [],
      "servers that were written and are lost",
    );
    // One that was killed between writing and printing is not in the list.
    const unprinted = servers.length - written.length;
    assert.ok(unprinted <= killed, `${servers.length} in the file, ${written.length} printed`);
    assert.ok(servers.length >= (PROCESSES - KILLS) * TIMES);
    context.diagnostic(`${killed} killed, ${servers.length} servers, ${unprinted} not printed`);
    const left = readdirSync(root).filter((name) => name !== "config.toml");
    assert.ok(left.length <= killed, left.join());
  });
});

/** Mulberry32: numbers in [0, 1) that a seed brings back. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
