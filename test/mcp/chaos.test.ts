/**
 * Everything at once: threads over servers that misbehave, while servers, links and calls are ended at random.
 *
 * SWITCHYARD_SEED decides what each thread does, and when something is killed; what meets what depends on the machine too.
 */
import assert from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Environments, type McpManager } from "../../src/mcp/index.ts";
import { RecordingMcpServer } from "../../src/testing/index.ts";
import { isAlive, openHandles, processesOfOwner, waitUntilGone } from "../../src/testing/leaks.ts";
import { startExecutorProcess } from "../executor/support/executor-process.ts";
import { startTcpRelay } from "../executor/support/tcp-relay.ts";
import { exhaustive, seed } from "../support/sample.ts";
import { Chance } from "./support/chance.ts";
import { act, Ledger, meddle } from "./support/mischief.ts";
import { McpBench, type Script, starts, type Wrapper } from "./support/scripted.ts";

const THREADS = exhaustive ? 200 : 50;
/** Over so much time they are opened, in milliseconds. */
const OPENING_MS = THREADS * 40;
/** At once. Above it a server is not started, which is one more thing that happens. */
const PROCESSES = THREADS * 0.4;

/** Every way in which a server may be a nuisance. */
const NUISANCES: readonly (readonly [Script, Wrapper?])[] = [
  [{}],
  [{ era: "legacy" }],
  [{ era: "modern" }],
  [{ stubborn: true }],
  [{ stubborn: true }, "sh"],
  [{ stubborn: true }, "runner"],
  [{ wrapped: true }],
  [{ forked: true, stubborn: true }],
  [{ flood: true }],
  [{ delayMs: 500 }],
  [{ dieAtStart: 3 }],
  [{ era: "legacy", probe: "die" }],
];

type Entry = Readonly<Record<string, unknown>>;

/** The servers that threads choose from, and the process ids of all their starts. */
function catalogOf(
  bench: McpBench,
  url: string,
): { readonly draw: (chance: Chance) => Record<string, Entry>; readonly pids: () => readonly number[] } {
  const records: (() => readonly string[])[] = [];
  const entry = ([script, wrapper]: readonly [Script, Wrapper?], more: Entry): Entry => {
    const server = bench.server(script, wrapper);
    records.push(server.record);
    return { ...server, ...more };
  };
  const own = NUISANCES.map((nuisance) => entry(nuisance, {}));
  const placed = NUISANCES.map((nuisance) => entry(nuisance, { environment_id: "box" }));
  const shared: Readonly<Record<string, Entry>> = {
    host: entry([{}], { scope: "host" }),
    "host-legacy": entry([{ era: "legacy", wrapped: true }, "sh"], { scope: "host" }),
    "host-one-at-a-time": entry([{ era: "legacy" }], { scope: "host", shared_elicitation: true }),
    "host-crashing": entry([{ dieAtStart: 3 }], { scope: "host" }),
    principal: entry([{ forked: true }], { scope: "principal", env: { TOKEN: "t" } }),
    project: entry([{ stubborn: true }], { scope: "project" }),
    "placed-host": entry([{ wrapped: true }], { scope: "host", environment_id: "box" }),
    "placed-principal": entry([{ stubborn: true }, "sh"], { scope: "principal", environment_id: "box" }),
    http: { url, scope: "host" },
    "http-placed": { url, scope: "host", environment_id: "box" },
  };
  return {
    draw: (chance) => {
      const drawn: Record<string, Entry> = {};
      for (let left = 1 + chance.below(3); left > 0; left--) {
        const name = chance.pick(Object.keys(shared));
        if (chance.oneIn(4)) drawn["own"] = chance.pick(own);
        else if (chance.oneIn(8)) drawn["own-placed"] = chance.pick(placed);
        else drawn[name] = shared[name] ?? {};
      }
      return drawn;
    },
    pids: () => records.flatMap((record) => starts(record())),
  };
}

/** The life of one thread. */
async function live(
  manager: McpManager,
  draw: () => Record<string, Entry>,
  chance: Chance,
  ledger: Ledger,
): Promise<void> {
  await sleep(chance.below(OPENING_MS));
  const end = new AbortController();
  const thread = manager.openThread({
    servers: draw() as never,
    principal: chance.pick(["one", "other"]),
    workspace: import.meta.dirname,
    signal: end.signal,
    ...(chance.oneIn(2) ? {} : { onElicit: async () => ({ action: "accept", content: { ok: "yes" } }) }),
  });
  if (chance.oneIn(2)) void readAll(thread.events());
  for (let left = 2 + chance.below(6); left > 0; left--) {
    const names = thread.servers.map(({ name }) => name);
    const answers = Array.from({ length: 1 + chance.below(4) }, () =>
      act(thread, chance.oneIn(30) ? "nobody" : chance.pick(names), chance, ledger),
    );
    if (chance.oneIn(4)) await Promise.all(answers);
    else await sleep(chance.below(400));
    if (chance.oneIn(5)) void ledger.request(thread.update(draw() as never));
  }
  // Some stay until their manager ends.
  if (chance.oneIn(8)) return;
  if (chance.oneIn(3)) end.abort(new Error("the host has no use for the thread any more"));
  else await thread[Symbol.asyncDispose]();
}

async function readAll(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of events);
}

/** What this process holds: timers, sockets, files, pipes. */
function held(): unknown {
  const files: Record<string, number> = {};
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`).replace(/:\[\d+\]$/, "");
      files[target] = (files[target] ?? 0) + 1;
    } catch {
      // It was that of the listing itself.
    }
  }
  return { files, handles: openHandles() };
}

/** Node lets go of a closed socket some turns later. */
async function isBackTo(before: unknown): Promise<void> {
  for (let left = 400; ; left--) {
    try {
      return assert.deepEqual(held(), before);
    } catch (error) {
      if (left === 0) throw error;
      await sleep(50);
    }
  }
}

test(`${THREADS} threads, and servers, links and calls that end at random, leave nothing behind`, {
  timeout: 240_000,
}, async () => {
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown): void => void unhandled.push(error);
  process.on("unhandledRejection", onUnhandled);
  const before = held();
  const ledger = new Ledger();
  const startedAt = performance.now();
  const took = (): string => `${Math.round(performance.now() - startedAt)} ms`;
  {
    await using executor = await startExecutorProcess(["--retention-seconds", "5", "--no-audit"]);
    const owners = [process.pid, executor.child.pid ?? 0];
    await using relay = await startTcpRelay(executor.url);
    await using environments = new Environments([{ id: "box", kind: "url", url: relay.url }], {
      recoveryMs: 3_000,
    });
    await using http = await RecordingMcpServer.start();
    const budget = { processes: PROCESSES, processesPerThread: 4 };
    await using bench = new McpBench({ environments, idleMs: 300, budget });
    const { draw, pids } = catalogOf(bench, http.url);
    const storm = new AbortController();
    const mischief = meddle(new Chance(seed), owners, () => relay.cut(), storm.signal);
    const threads = Array.from({ length: THREADS }, (_, number) => {
      const chance = new Chance(seed * 1_000 + number);
      return live(bench.manager, () => draw(chance), chance, ledger);
    });
    await Promise.all(threads);
    // The threads that are left end with the manager, in the middle of their work.
    await bench.manager[Symbol.asyncDispose]();
    storm.abort();
    const { kills, cuts } = await mischief;
    await ledger.settled();
    const outcomes = [...ledger.outcomes].map(([kind, count]) => `${count} ${kind}`).join(", ");
    const did = `${pids().length} starts, ${kills} kills, ${cuts} cuts in ${took()}`;
    console.log(`${did}, at most ${ledger.latestMs} ms late: ${outcomes}`);
    assert.deepEqual(processesOfOwner(process.pid), [], "of this host");
    // A link that was down at the end: the executor ends them when it is told, or gives up the session.
    assert.deepEqual(await waitUntilGone(processesOfOwner(owners[1] ?? 0)), [], "of the executor");
    assert.deepEqual(pids().filter(isAlive), [], "by their ids");
    assert.deepEqual([bench.manager.threads, bench.manager.connections], [[], []]);
  }
  assert.deepEqual([ledger.wrong, unhandled], [[], []]);
  assert.equal(ledger.answered, ledger.asked);
  await isBackTo(before);
  process.off("unhandledRejection", onUnhandled);
});
