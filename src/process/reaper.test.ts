/**
 * Real processes. The host, which is killed, is a Node process of its own. It prints the ids of the processes it started, so
 * nothing here waits for a duration; only the end of processes that are not our children is polled.
 */
import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { afterEach, suite, test } from "node:test";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { descendants, isAlive, waitUntilGone } from "../testing/leaks.ts";
import type { Log } from "../base/log.ts";
import { Reaper } from "./reaper.ts";

const linuxOnly = { skip: process.platform !== "linux" };

const PRELUDE = `
  import { spawn } from "node:child_process";
  import { once } from "node:events";
  import { Reaper } from ${JSON.stringify(new URL("reaper.ts", import.meta.url).href)};
  import { createTag, TAG_VARIABLE, memberTag } from ${JSON.stringify(new URL("process-tree.ts", import.meta.url).href)};
  const tag = createTag();
  let onLog = () => {};
  const reaper = new Reaper(() => onLog());
  /** In a group of its own; it prints its ids, each on a line of stderr. */
  const start = (script, lines, member = memberTag(tag, 1)) => new Promise((resolve) => {
    const env = { PATH: process.env.PATH, ...(member === null ? {} : { [TAG_VARIABLE]: member }) };
    const child = spawn("sh", ["-c", script], { detached: true, stdio: ["ignore", "ignore", "pipe"], env });
    let said = "";
    child.stderr.on("data", (data) => {
      said += data;
      if (said.split("\\n").length <= lines) return;
      child.unref();
      child.stderr.unref();
      resolve({ pid: child.pid, said: said.trim().split("\\n").map(Number) });
    });
  });
  const say = (value) => console.log(JSON.stringify(value));
`;

/** Processes that ignore all signals that can be ignored, in two places to hide. */
const IN_GROUP = "trap '' TERM INT HUP; echo $$ >&2; exec sleep 300";
const ESCAPED = "setsid sh -c \"trap '' TERM INT HUP; echo \\$\\$ >&2; exec sleep 300\" & exec sleep 300";

interface Host {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  next(): Promise<unknown>;
}

const hosts: Host[] = [];

function startHost(code: string): Host {
  const child = spawn(process.execPath, ["--input-type=module", "-e", PRELUDE + code], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const host: Host = { child, next: async () => JSON.parse(String((await lines.next()).value)) as unknown };
  hosts.push(host);
  return host;
}

/** The shell of a reaper below the process. */
function shellsOf(pid: number): number[] {
  return descendants(pid).filter((each) =>
    readFileSync(`/proc/${each}/cmdline`, "utf8").includes("switchyard-reaper"),
  );
}

/** A shell that has just started would die of a signal: it has not set its traps. SIGHUP is 1, SIGINT 2, SIGTERM 15. */
async function ignoringSignals(pid: number): Promise<void> {
  const all = (1n << 0n) | (1n << 1n) | (1n << 14n);
  for (;;) {
    const [, mask = "0"] = /^SigIgn:\t(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    if ((BigInt(`0x${mask}`) & all) === all) return;
    await sleep(5);
  }
}

function kill(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Gone already.
    }
  }
}

async function killed({ child }: Host): Promise<void> {
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

suite("Reaper", linuxOnly, () => {
  // A host that a failed test has left would keep this file from ending.
  afterEach(() => {
    for (const { child } of hosts.splice(0)) child.kill("SIGKILL");
  });

  test("kills the groups it watches, and processes with a tag of ours, when we are killed", async () => {
    const host = startHost(`
      const group = await start(${JSON.stringify(IN_GROUP)}, 1, null);
      reaper.watch(group.pid);
      const escaped = await start(${JSON.stringify(ESCAPED)}, 1);
      const stranger = await start(${JSON.stringify(IN_GROUP)}, 1, "x@1:2:3");
      say({ ours: [group.pid, escaped.pid, ...escaped.said], stranger: stranger.pid });
      setInterval(() => {}, 1e6);
    `);
    const { ours, stranger } = (await host.next()) as { readonly ours: number[]; readonly stranger: number };
    const shells = shellsOf(host.child.pid as number);
    assert.equal(shells.length, 1);
    await killed(host);
    assert.deepEqual(await waitUntilGone([...ours, ...shells]), []);
    assert.equal(isAlive(stranger), true, "what carries another tag is another's");
    kill([stranger]);
  });

  test("kills processes that were started after it was armed and never watched", async () => {
    const host = startHost(`
      reaper.arm();
      const { pid, said } = await start(${JSON.stringify(ESCAPED)}, 1);
      say([pid, ...said]);
      setInterval(() => {}, 1e6);
    `);
    const ours = (await host.next()) as number[];
    await killed(host);
    assert.deepEqual(await waitUntilGone(ours), []);
  });

  test("spares a group that it was asked to forget", async () => {
    const host = startHost(`
      const spared = await start(${JSON.stringify(IN_GROUP)}, 1, null);
      const killed = await start(${JSON.stringify(IN_GROUP)}, 1, null);
      const other = await start(${JSON.stringify(IN_GROUP)}, 1, null);
      for (const { pid } of [killed, spared, other]) reaper.watch(pid);
      reaper.forget(spared.pid);
      reaper.forget(other.pid);
      reaper.watch(other.pid);
      say({ spared: spared.pid, killed: [killed.pid, other.pid] });
      setInterval(() => {}, 1e6);
    `);
    const started = (await host.next()) as { readonly spared: number; readonly killed: number[] };
    await killed(host);
    assert.deepEqual(await waitUntilGone(started.killed), []);
    assert.equal(isAlive(started.spared), true);
    kill([started.spared]);
  });

  test("kills nothing when it is disposed, and is gone itself (R2)", async () => {
    const host = startHost(`
      const group = await start(${JSON.stringify(IN_GROUP)}, 1, null);
      const tagged = await start(${JSON.stringify(IN_GROUP)}, 1);
      reaper.watch(group.pid);
      say([group.pid, tagged.pid]);
      await once(process.stdin, "data");
      reaper[Symbol.dispose]();
      reaper.watch(tagged.pid);
      reaper.arm();
      process.exit();
    `);
    const pids = (await host.next()) as number[];
    const shells = shellsOf(host.child.pid as number);
    const exited = once(host.child, "exit");
    host.child.stdin.write("dispose\n");
    await exited;
    assert.deepEqual(await waitUntilGone(shells), []);
    assert.deepEqual(pids.map(isAlive), [true, true]);
    kill(pids);
  });

  test("does not keep us alive, and survives signals from the terminal (R3)", async () => {
    const host = startHost(`
      const group = await start(${JSON.stringify(IN_GROUP)}, 1, null);
      reaper.watch(group.pid);
      say(group.pid);
      process.stdin.once("data", () => process.stdin.unref());
    `);
    const pid = (await host.next()) as number;
    const shells = shellsOf(host.child.pid as number);
    for (const shell of shells) await ignoringSignals(shell);
    for (const shell of shells)
      for (const signal of ["SIGINT", "SIGHUP", "SIGTERM"] as const) process.kill(shell, signal);
    const exited = once(host.child, "exit");
    host.child.stdin.end("now nothing is left to do\n");
    assert.deepEqual(await exited, [0, null]);
    // It ended by itself without disposing the reaper: that counts as being killed.
    assert.deepEqual(await waitUntilGone([pid, ...shells]), []);
  });

  test("starts another shell for one that died, at the next change, with all groups (R1)", async () => {
    const host = startHost(`
      const one = await start(${JSON.stringify(IN_GROUP)}, 1, null);
      const two = await start(${JSON.stringify(IN_GROUP)}, 1, null);
      reaper.watch(one.pid);
      onLog = () => {
        reaper.watch(two.pid);
        say("watched");
      };
      say([one.pid, two.pid]);
      setInterval(() => {}, 1e6);
    `);
    const pids = (await host.next()) as number[];
    const hostPid = host.child.pid as number;
    const [first] = shellsOf(hostPid);
    assert.ok(first !== undefined);
    process.kill(first, "SIGKILL");
    assert.deepEqual(await waitUntilGone([first]), []);
    await host.next();
    const [second, ...more] = shellsOf(hostPid);
    assert.ok(second !== undefined && second !== first);
    assert.deepEqual(more, []);
    await killed(host);
    assert.deepEqual(await waitUntilGone([...pids, second]), []);
  });

  test("reports the death of its shell, unless it was disposed", async () => {
    const died = Promise.withResolvers<string>();
    const log: Log = (severity, message) => died.resolve(`${severity}: ${message}`);
    const reaper = new Reaper(log);
    const before = new Set(shellsOf(process.pid));
    reaper.arm();
    const [shell] = shellsOf(process.pid).filter((pid) => !before.has(pid));
    assert.ok(shell !== undefined);
    process.kill(shell, "SIGKILL");
    assert.match(await died.promise, /^warn: The reaper ended \(SIGKILL\)/);
    reaper[Symbol.dispose]();

    using quiet = new Reaper(() => assert.fail("it says something"));
    quiet.arm();
    const [other] = shellsOf(process.pid).filter((pid) => !before.has(pid));
    assert.ok(other !== undefined);
    quiet[Symbol.dispose]();
    assert.deepEqual(await waitUntilGone([other]), []);
  });
});
