/**
 * Real processes. A child writes a word to its stdout when it is ready, so nothing here waits for a duration. Only the end of
 * a process that is not our child has to be polled (`waitUntilGone`).
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { suite, test, type TestContext } from "node:test";
import { isAlive, waitUntilGone } from "../testing/leaks.ts";
import {
  createTag,
  findByTag,
  TAG_VARIABLE,
  memberTag,
  ownerOf,
  hostMark,
  signalGroup,
  sweepTag,
  sweepTags,
  sweepOrphans,
} from "./process-tree.ts";

/** Ignores all signals that can be ignored, and prints its id. */
const STUBBORN = `
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => {});
  console.log(process.pid);
  setInterval(() => {}, 1e6);
`;

/** Starts a program that prints ids of processes, one a line, and reads as many. */
async function start(
  t: TestContext,
  code: string,
  lines: number,
  env: Record<string, string> = {},
): Promise<{ child: ChildProcess; pids: number[] }> {
  const child = spawn(process.execPath, ["-e", code], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  const pids: number[] = [];
  t.after(() => {
    for (const pid of [child.pid as number, ...pids]) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // Gone, as it should be.
      }
    }
  });
  const reader = createInterface({ input: child.stdout });
  for await (const line of reader) {
    pids.push(Number(line));
    if (pids.length === lines) break;
  }
  assert.equal(pids.length, lines);
  return { child, pids };
}

/** Starts STUBBORN below itself, in its own group or, with \`detached\`, in another. */
const parentOf = (detached: boolean, linger: boolean): string => `
  const child = require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(STUBBORN)}], {
    detached: ${detached}, stdio: ["ignore", "inherit", "ignore"],
  });
  child.unref();
  console.log(process.pid);
  ${linger ? "setInterval(() => {}, 1e6);" : ""}
`;

const linuxOnly = { skip: process.platform !== "linux" };

suite("signalGroup", { skip: process.platform === "win32" }, () => {
  test("ends a process and what it started in its group", async (t) => {
    const { child, pids } = await start(t, parentOf(false, true), 2);
    const exited = once(child, "exit");
    signalGroup(child.pid as number, "SIGKILL");
    await exited;
    assert.deepEqual(await waitUntilGone(pids), []);
  });

  test("accepts a group that is gone already", async (t) => {
    const { child } = await start(t, "console.log(process.pid)", 1);
    if (child.exitCode === null) await once(child, "exit");
    signalGroup(child.pid as number, "SIGKILL");
  });

  test("rejects the ids that mean every process, or our own group", () => {
    for (const pid of [1, 0, -1, 1.5, Number.NaN]) {
      assert.throws(() => signalGroup(pid, "SIGWINCH"), RangeError, `${pid}`);
    }
  });
});

suite("sweepTag", linuxOnly, () => {
  test("finds and kills a grandchild that left the group, lost its parent and ignores SIGTERM", async (t) => {
    const tag = createTag();
    const { child, pids } = await start(t, parentOf(true, false), 2, { [TAG_VARIABLE]: tag });
    const grandchild = pids.find((pid) => pid !== child.pid) as number;
    if (child.exitCode === null) await once(child, "exit");
    process.kill(grandchild, "SIGTERM");
    signalGroup(child.pid as number, "SIGKILL");
    assert.deepEqual(findByTag(tag), [grandchild]);
    assert.deepEqual(sweepTag(tag), [grandchild]);
    assert.deepEqual(await waitUntilGone([grandchild]), []);
    assert.deepEqual(sweepTag(tag), []);
  });

  test("ends a process that starts another one again and again", async (t) => {
    const tag = createTag();
    // Every generation starts the next as soon as it runs, and stays.
    const code = `
      const { spawn } = require("node:child_process");
      const left = Number(process.argv[1] ?? 4);
      console.log(process.pid);
      if (left > 0) spawn(process.execPath, ["-e", process.env.CODE, String(left - 1)], { detached: true, stdio: "inherit" });
      setInterval(() => {}, 1e6);
    `;
    const { child, pids } = await start(t, code, 2, { [TAG_VARIABLE]: tag, CODE: code });
    const exited = once(child, "exit");
    // The third generation is being started just now, the fourth is not there yet.
    const killed = sweepTag(tag);
    await exited;
    assert.ok(killed.includes(child.pid as number));
    await waitUntilGone([...pids, ...killed]);
    assert.deepEqual(findByTag(tag), []);
  });

  test("spares a process with another tag, or without a tag", async (t) => {
    const tag = createTag();
    const other = await start(t, STUBBORN, 1, { [TAG_VARIABLE]: createTag() });
    const near = await start(t, STUBBORN, 1, { [TAG_VARIABLE]: `0${tag}`, OTHER: tag });
    assert.deepEqual(sweepTag(tag), []);
    for (const { child } of [other, near]) {
      assert.equal(isAlive(child.pid as number), true);
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    }
  });
});

suite("sweepTags", linuxOnly, () => {
  const tagged = async (t: TestContext, tag: string): Promise<ChildProcess> =>
    (await start(t, STUBBORN, 1, { [TAG_VARIABLE]: tag })).child;

  test("finds a whole family by the tag of its head, and one member by its own", async (t) => {
    const head = createTag();
    const [own, first, eleventh, stranger] = await Promise.all(
      [head, memberTag(head, 1), memberTag(head, 11), createTag()].map((tag) => tagged(t, tag)),
    );
    assert.deepEqual(findByTag(memberTag(head, 1)), [first?.pid]);
    assert.deepEqual(findByTag(memberTag(head, 2)), []);
    assert.deepEqual(new Set(findByTag(head)), new Set([own, first, eleventh].map((child) => child?.pid)));
    const family = [own?.pid, first?.pid, eleventh?.pid] as number[];
    assert.deepEqual(new Set(sweepTag(head)), new Set(family));
    assert.deepEqual(await waitUntilGone(family), []);
    assert.equal(isAlive(stranger?.pid as number), true);
  });

  test("kills processes with any of several tags, and none for no tags", async (t) => {
    const [one, other, third] = [createTag(), createTag(), createTag()];
    const [a, b, c] = await Promise.all([one, memberTag(other, 4), third].map((tag) => tagged(t, tag)));
    assert.deepEqual(sweepTags([]), []);
    const wanted = [a?.pid, b?.pid] as number[];
    assert.deepEqual(new Set(sweepTags([one, other, createTag()])), new Set(wanted));
    assert.deepEqual(await waitUntilGone(wanted), []);
    assert.equal(isAlive(c?.pid as number), true);
  });

  test("spares the process that asks, though it carries the tag", async (t) => {
    // Such as an executor that was started by an executor.
    const tag = createTag();
    const code = `
      import { sweepTags } from ${JSON.stringify(new URL("process-tree.ts", import.meta.url).href)};
      console.log(JSON.stringify(sweepTags([${JSON.stringify(tag)}])));
    `;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, [TAG_VARIABLE]: tag },
    });
    t.after(() => child.kill("SIGKILL"));
    const closed = once(child, "close");
    const [said] = (await once(child.stdout, "data")) as [Buffer];
    assert.equal(said.toString().trim(), "[]");
    assert.deepEqual(await closed, [0, null]);
  });
});

suite("memberTag", () => {
  test("creates different tags of the same owner, none of which is the head's", () => {
    const head = createTag();
    const members = [1, 2, 12].map((number) => memberTag(head, number));
    assert.equal(new Set([head, ...members]).size, 4);
    for (const member of members) assert.equal(ownerOf(member), ownerOf(head));
    assert.equal(ownerOf(head), hostMark());
  });
});

suite("createTag", () => {
  test("never gives the same tag twice", () => {
    assert.equal(new Set(Array.from({ length: 100 }, createTag)).size, 100);
  });
});

suite("sweepOrphans", linuxOnly, () => {
  const sleeper = (env: Record<string, string>): number => {
    const child = spawn("sleep", ["600"], { env: { PATH: process.env.PATH, ...env }, stdio: "ignore" });
    return child.pid as number;
  };

  test("ends processes of a killed owner, and none whose owner lives or cannot be seen", async () => {
    const owner = spawn("sleep", ["600"], { stdio: "ignore" });
    const stat = readFileSync(`/proc/${owner.pid}/stat`, "utf8");
    const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    const [ns] = (createTag().split("@")[1] as string).split(":");
    const orphan = sleeper({ [TAG_VARIABLE]: `a@${ns}:${owner.pid}:${started}` });
    const ours = sleeper({ [TAG_VARIABLE]: createTag() });
    const foreign = sleeper({ [TAG_VARIABLE]: `b@1:${owner.pid}:${started}` });
    const untagged = sleeper({});
    try {
      assert.deepEqual(sweepOrphans(), [], "its owner lives");
      owner.kill("SIGKILL");
      await once(owner, "exit");
      assert.deepEqual(sweepOrphans(), [orphan]);
      assert.deepEqual(await waitUntilGone([orphan]), []);
      assert.ok([ours, foreign, untagged].every(isAlive));
    } finally {
      for (const pid of [ours, foreign, untagged]) process.kill(pid, "SIGKILL");
      owner.kill("SIGKILL");
    }
  });
});
