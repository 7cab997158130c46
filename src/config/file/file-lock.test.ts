/** Crashes, failing calls and contending processes: test/config/. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, suite, test } from "node:test";
import { processNamespace, readStat } from "../../process/proc.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import { ConfigError } from "../problem.ts";
import { withFileLock } from "./file-lock.ts";
import { type ConfigFileSystem, nodeFileSystem } from "./file-system.ts";

const root = fs.mkdtempSync(join(tmpdir(), "switchyard-file-lock-"));
after(() => fs.rmSync(root, { recursive: true, force: true }));

const TOKEN = "0123456789abcdef0123456789abcdef";
const gone = spawnSync(process.execPath, ["-e", ""]).pid;
let folder = "";
let target = "";
let lock = "";
beforeEach(() => {
  folder = fs.mkdtempSync(join(root, "case-"));
  target = join(folder, "config.toml");
  lock = join(folder, ".config.toml.switchyard-lock");
});

/** What a process writes into its lock; without changes, a living one's. */
function holder(changes: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    pid: process.pid,
    startTime: readStat(process.pid)?.startTime ?? null,
    host: hostname(),
    namespace: processNamespace() ?? null,
    token: TOKEN,
    ...changes,
  });
}

const nothing = async (): Promise<void> => {};
const left = (): string[] => fs.readdirSync(folder);

/** Waits for `timeoutMs` on a clock that is moved by hand, and does not get the lock. */
async function waitInVain(timeoutMs: number): Promise<ConfigError> {
  const clock = new ManualClock();
  const outcome = withFileLock(target, nothing, { clock, timeoutMs }).then(
    () => undefined,
    (error: unknown) => error,
  );
  let error: unknown;
  void outcome.then((settled) => (error = settled ?? "got the lock"));
  while (error === undefined) await clock.advance(10);
  assert.ok(error instanceof ConfigError, String(error));
  assert.equal(error.code, "locked");
  assert.equal(clock.pending, 0);
  return error;
}

suite("withFileLock", () => {
  test("makes the folder, holds the lock for the work alone, and leaves nothing behind (L7)", async () => {
    target = join(folder, "home", "config.toml");
    const result = await withFileLock(target, async () => {
      const held = JSON.parse(
        fs.readFileSync(join(folder, "home", ".config.toml.switchyard-lock"), "utf8"),
      ) as object;
      assert.deepEqual({ ...held, token: TOKEN }, JSON.parse(holder()));
      assert.deepEqual(fs.readdirSync(join(folder, "home")), [".config.toml.switchyard-lock"]);
      return 7;
    });
    assert.equal(result, 7);
    assert.deepEqual(fs.readdirSync(join(folder, "home")), []);
  });

  test("is released when the work throws, with what it throws (L7)", async () => {
    const thrown = new Error("no");
    await assert.rejects(
      withFileLock(target, () => Promise.reject(thrown)),
      (error) => error === thrown,
    );
    assert.deepEqual(left(), []);
    await withFileLock(target, nothing);
  });

  test("lets callers of one process in one after the other, in the order they came", async () => {
    const log: string[] = [];
    const caller = (name: string): Promise<void> =>
      withFileLock(target, async () => {
        log.push(`${name} in`);
        await nodeFileSystem.readdir(folder);
        log.push(`${name} out`);
      });
    await Promise.all(["a", "b", "c"].map(caller));
    assert.deepEqual(log, ["a in", "a out", "b in", "b out", "c in", "c out"]);
  });

  test("names the holder when the time is over: a process here, one elsewhere, or unknown", async () => {
    fs.writeFileSync(lock, holder());
    const here = await waitInVain(2_000);
    for (const word of [`process ${process.pid} on ${hostname()}`, "2 s", lock, "end it"]) {
      assert.ok(here.message.includes(word), here.message);
    }
    fs.writeFileSync(lock, holder({ host: "elsewhere", pid: gone }));
    const elsewhere = await waitInVain(2_000);
    assert.match(elsewhere.message, new RegExp(`process ${gone} on elsewhere .* remove ".*switchyard-lock"`));
    // What names no process is never broken: it may be one that is being written (L1).
    for (const text of [
      "",
      "{",
      "null",
      "[]",
      holder({ pid: -1 }),
      holder({ token: "../../x", pid: gone }),
    ]) {
      fs.writeFileSync(lock, text);
      assert.match((await waitInVain(0)).message, /without a holder/);
      assert.deepEqual(left(), [".config.toml.switchyard-lock"], text);
    }
  });

  test("counts a process of another process namespace as alive (L3)", {
    skip: processNamespace() === undefined,
  }, async () => {
    fs.writeFileSync(lock, holder({ pid: gone, namespace: "1" }));
    await waitInVain(500);
  });

  test("breaks the lock of a process that is gone, or whose number another one has (L3)", async () => {
    const dead = [holder({ pid: gone })];
    if (readStat(process.pid) !== undefined) dead.push(holder({ startTime: 1 }));
    for (const text of dead) {
      fs.writeFileSync(lock, text);
      await withFileLock(target, async () => assert.notEqual(fs.readFileSync(lock, "utf8"), text));
      assert.deepEqual(left(), []);
    }
  });

  test("breaks the lock of a dead process whose end was not noticed yet (L3)", {
    skip: process.platform !== "linux",
  }, async () => {
    // The shell becomes a program that never asks what became of its child.
    const shell = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 60"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    try {
      const [line] = (await once(shell.stdout.setEncoding("utf8"), "data")) as [string];
      const pid = Number(line);
      while (readStat(pid)?.state !== "Z") await nodeFileSystem.readdir("/proc/self");
      fs.writeFileSync(lock, holder({ pid, startTime: readStat(pid)?.startTime }));
      await withFileLock(target, nothing);
    } finally {
      shell.kill();
      await once(shell, "close");
    }
  });

  test("counts a process as alive while any of its threads is, though the first is not (L3)", async (context) => {
    const program = `import ctypes, os, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
print(os.getpid(), flush=True)
ctypes.CDLL(None).pthread_exit(None)`;
    // No program of Node's can end its first thread alone.
    if (process.platform !== "linux" || spawnSync("python3", ["-c", ""]).status !== 0) {
      return context.skip("needs Linux and Python");
    }
    const child = spawn("python3", ["-c", program], { stdio: ["ignore", "pipe", "ignore"] });
    try {
      const [line] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
      const pid = Number(line);
      while (readStat(pid)?.state !== "Z") await nodeFileSystem.readdir("/proc/self");
      fs.writeFileSync(lock, holder({ pid, startTime: readStat(pid)?.startTime }));
      await waitInVain(200);
    } finally {
      child.kill("SIGKILL");
      await once(child, "close");
    }
    await withFileLock(target, nothing);
  });

  test("leaves the breaking to a living process that has begun it, and takes over from dead ones (L4)", async () => {
    const marker = (number: number): string =>
      join(folder, `.config.toml.switchyard-${TOKEN}.break-${number}`);
    fs.writeFileSync(lock, holder({ pid: gone }));
    fs.writeFileSync(marker(1), holder({ pid: gone, token: "1".repeat(32) }));
    fs.writeFileSync(marker(2), holder({ token: "2".repeat(32) }));
    await waitInVain(500);
    assert.deepEqual(JSON.parse(fs.readFileSync(lock, "utf8")), JSON.parse(holder({ pid: gone })));
    fs.writeFileSync(marker(2), holder({ pid: gone, token: "2".repeat(32) }));
    await withFileLock(target, nothing);
    assert.deepEqual(left(), []);
  });

  test("does not remove a lock that took the place of the dead one (L2, L5)", async () => {
    fs.writeFileSync(lock, holder({ pid: gone }));
    const other = holder({ token: "f".repeat(32) });
    const meddled: ConfigFileSystem = {
      ...nodeFileSystem,
      async link(existing, path) {
        await nodeFileSystem.link(existing, path);
        // Another process was the breaker, a third one has the lock, and we come late.
        if (path.endsWith(".break-1")) fs.writeFileSync(lock, other);
      },
    };
    await assert.rejects(withFileLock(target, nothing, { fs: meddled, timeoutMs: 0 }), { code: "locked" });
    assert.equal(fs.readFileSync(lock, "utf8"), other);
  });

  test("leaves a lock that is not its own, and does not mind one that is gone, at the end (L7)", async () => {
    await withFileLock(target, async () => fs.rmSync(lock));
    assert.deepEqual(left(), []);
    await withFileLock(target, async () => fs.writeFileSync(lock, holder()));
    assert.equal(fs.readFileSync(lock, "utf8"), holder());
  });

  test("removes what dead processes left, and not what living ones need, or other files (L6)", async () => {
    const kept = [
      `.config.toml.switchyard-${"a".repeat(32)}.claim`,
      `.other.toml.switchyard-${"b".repeat(16)}.tmp`,
      ".config.toml.switchyard-notes.tmp",
      "config.toml",
    ];
    for (const name of kept) fs.writeFileSync(join(folder, name), holder());
    fs.writeFileSync(join(folder, `.config.toml.switchyard-${"c".repeat(32)}.claim`), holder({ pid: gone }));
    fs.writeFileSync(join(folder, `.config.toml.switchyard-${"d".repeat(32)}.break-12`), holder());
    fs.writeFileSync(join(folder, `.config.toml.switchyard-${"e".repeat(16)}.tmp`), "half");
    await withFileLock(target, nothing);
    assert.deepEqual(left().toSorted(), kept.toSorted());
  });

  test("writes its claim again when it was taken for litter (L6)", async () => {
    let removed = false;
    const meddled: ConfigFileSystem = {
      ...nodeFileSystem,
      async link(existing, path) {
        if (!removed) fs.rmSync(existing);
        removed = true;
        return nodeFileSystem.link(existing, path);
      },
    };
    await withFileLock(target, nothing, { fs: meddled });
    assert.ok(removed);
    assert.deepEqual(left(), []);
  });

  test("does without links where there are none (L1)", async () => {
    const without: ConfigFileSystem = {
      ...nodeFileSystem,
      link: () => Promise.reject(Object.assign(new Error("no links"), { code: "EPERM" })),
    };
    fs.writeFileSync(lock, holder({ pid: gone }));
    const log: string[] = [];
    const caller = (name: string): Promise<void> =>
      withFileLock(target, async () => void log.push(name, fs.existsSync(lock) ? "locked" : "open"), {
        fs: without,
      });
    await Promise.all(["a", "b"].map(caller));
    assert.deepEqual(log, ["a", "locked", "b", "locked"]);
    assert.deepEqual(left(), []);
    fs.writeFileSync(lock, holder());
    await assert.rejects(withFileLock(target, nothing, { fs: without, timeoutMs: 0 }), { code: "locked" });
  });

  test("ends its wait with the signal's reason, in the queue and at the file", async () => {
    fs.writeFileSync(lock, holder());
    const stop = new AbortController();
    const waiting = [1, 2].map(() => withFileLock(target, nothing, { signal: stop.signal }));
    const reason = new Error("enough");
    const ends = waiting.map((wait) => assert.rejects(wait, (error) => error === reason));
    stop.abort(reason);
    await Promise.all(ends);
    assert.deepEqual(left(), [".config.toml.switchyard-lock"]);
    fs.rmSync(lock);
    await withFileLock(target, nothing);
    await assert.rejects(
      withFileLock(target, nothing, { signal: AbortSignal.abort(reason) }),
      (e) => e === reason,
    );
  });

  test("goes on as soon as the lock is free", async () => {
    fs.writeFileSync(lock, holder());
    const clock = new ManualClock();
    let done = false;
    const waiting = withFileLock(target, async () => void (done = true), { clock, random: () => 0.5 });
    const untilNextLook = async (ms: number): Promise<void> => {
      while (clock.nextInMs !== ms) await clock.advance(0);
    };
    await untilNextLook(7.5);
    await clock.advance(7.5);
    await untilNextLook(15);
    assert.equal(done, false);
    fs.rmSync(lock);
    await clock.advance(15);
    await waiting;
    assert.equal(done, true);
    assert.equal(clock.pending, 0);
  });
});
