import assert from "node:assert/strict";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../../base/clock.ts";
import { systemClock } from "../../base/clock.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import { hostFileName, ownIdentity, type PublishedConnection, readHostFiles } from "./host-file.ts";
import { HostPublisher, type HostSnapshot } from "./host-publisher.ts";

const connection = (server: string): PublishedConnection => ({
  server,
  environment: "local",
  transport: "stdio",
  state: "ready",
  shared: false,
  since: 1,
  leases: [{ thread: "t", server }],
  lease_count: 1,
});

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-run-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "home", "run");
}

function publisherOf(
  folder: string,
  { clock = systemClock, snapshot }: { readonly clock?: Clock; readonly snapshot: () => HostSnapshot },
): { readonly publisher: HostPublisher; readonly log: string[] } {
  const log: string[] = [];
  const publisher = new HostPublisher({
    folder: () => folder,
    snapshot,
    clock,
    log: (level, message) => log.push(`${level} ${message}`),
  });
  return { publisher, log };
}

async function until(fits: () => boolean): Promise<void> {
  while (!fits()) await sleep(5);
}

suite("HostPublisher", () => {
  test("writes what it is told is new, and removes it at its end (W3)", { timeout: 20_000 }, async (t) => {
    const folder = folderOf(t);
    const connections: PublishedConnection[] = [];
    const { publisher } = publisherOf(folder, { snapshot: () => ({ threads: 1, connections }) });
    assert.ok(!existsSync(folder), "nothing is written before something happens");
    connections.push(connection("a"));
    publisher.changed();
    await until(() => existsSync(folder) && readdirSync(folder).some((name) => name.endsWith(".json")));
    const [read] = await readHostFiles(folder);
    assert.ok(read?.kind === "host", JSON.stringify(read));
    assert.deepEqual([read.life, read.file.pid, read.file.threads], ["alive", process.pid, 1]);
    assert.deepEqual(read.file.connections, connections);
    connections.push(connection("b"));
    publisher.changed();
    await until(() => readFileSync(read.path, "utf8").includes('"b"'));
    publisher.changed();
    await publisher.end();
    assert.deepEqual(readdirSync(folder), []);
    publisher.changed();
    await publisher.end();
    assert.deepEqual(readdirSync(folder), []);
  });

  test("writes at most once a second, however much changes, and nothing when nothing does (W1)", async (t) => {
    const folder = folderOf(t);
    const clock = new ManualClock();
    let snapshots = 0;
    const snapshot = (): HostSnapshot => {
      snapshots++;
      return { threads: snapshots, connections: [] };
    };
    const { publisher } = publisherOf(folder, { clock, snapshot });
    for (let ms = 0; ms < 10_000; ms += 10) {
      publisher.changed();
      await clock.advance(10);
    }
    assert.ok(snapshots >= 1 && snapshots <= 10, String(snapshots));
    assert.ok(clock.pending <= 1, "one timer at most");
    await clock.advance(1_000);
    const before = snapshots;
    await clock.advance(60_000);
    assert.equal(snapshots, before);
    await publisher.end();
    assert.equal(clock.pending, 0);
  });

  test("publishes a bounded number of connections, and how many are left out", async (t) => {
    const folder = folderOf(t);
    const connections = Array.from({ length: 1_007 }, (_, at) => connection(`s${at}`));
    const { publisher } = publisherOf(folder, { snapshot: () => ({ threads: 1, connections }) });
    publisher.changed();
    await until(() => existsSync(folder) && readdirSync(folder).some((name) => name.endsWith(".json")));
    const [read] = await readHostFiles(folder);
    assert.ok(read?.kind === "host");
    assert.deepEqual([read.file.connections.length, read.file.omitted], [1_000, 7]);
    await publisher.end();
  });

  test("is a line in the log where it cannot write, and no error (W2)", async (t) => {
    const folder = folderOf(t);
    mkdirSync(join(folder, ".."), { recursive: true });
    writeFileSync(folder, "not a folder");
    const { publisher, log } = publisherOf(folder, { snapshot: () => ({ threads: 0, connections: [] }) });
    publisher.changed();
    await until(() => log.length > 0);
    assert.match(log[0] ?? "", /^debug `switchyard ps` does not show this host: /);
    await publisher.end();
    assert.equal(readFileSync(folder, "utf8"), "not a folder");
  });

  test("closes its folder to others, and removes what a dead host left there (W3, W4)", {
    skip: process.platform !== "linux" && "needs modes and /proc",
  }, async (t) => {
    const folder = folderOf(t);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const own = ownIdentity();
    const dead = { ...own, owner: own.owner?.replace(/\d+$/, "1") ?? "" };
    writeFileSync(join(folder, hostFileName(dead, "u")), "{");
    const { publisher } = publisherOf(folder, { snapshot: () => ({ threads: 0, connections: [] }) });
    publisher.changed();
    await until(() => readdirSync(folder).some((name) => name.endsWith(".json") && !name.includes("_u.")));
    const [name = "", ...others] = readdirSync(folder);
    assert.deepEqual(others, []);
    assert.equal(lstatSync(folder).mode & 0o777, 0o700);
    assert.equal(lstatSync(join(folder, name)).mode & 0o777, 0o600);
    await publisher.end();
  });
});
