/**
 * The process of a host: uses one library the way a program would, and times itself.
 *
 * One driver per measured case, so that a case's CPU and memory are those of this process and of what it starts.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { answer } from "./child.ts";
import { createHost, type Host, type HostOptions, type HostThread } from "./hosts.ts";
import { childrenCpuMs } from "./proc.ts";

export type DriverQuestions = {
  open: { params: HostOptions; result: undefined };
  /** New threads, which take the place of those before. */
  start: { params: { readonly names: readonly string[] }; result: undefined };
  /** One turn on every thread, all at once. */
  turns: { params: undefined; result: TurnsResult };
  /** Closes the threads. */
  drop: { params: undefined; result: { readonly codexCpuMs: number } };
  /** After a collection of garbage. */
  heap: { params: undefined; result: { readonly heapMb: number } };
  close: { params: undefined; result: undefined };
};

export interface TurnsResult {
  readonly wallMs: number;
  /** Half of the turns took at most this long, from the call to its result. */
  readonly medianTurnMs: number;
  /** Codex with everything it started, until it rests again. */
  readonly codexCpuMs: number;
  /** This process: the library, and Node itself. */
  readonly ownCpuMs: number;
  /** Why turns failed, one per failed turn. */
  readonly failures: readonly string[];
}

let host: Host | undefined;
let threads: HostThread[] = [];

answer<DriverQuestions>(
  {
    open: (options) => void (host = createHost(options)),
    start: ({ names }) => void (threads = names.map((name) => opened().startThread(name))),
    turns: runTurns,
    drop: async () => {
      const before = childrenCpuMs(process.pid);
      await Promise.all(threads.splice(0).map((thread) => thread.close()));
      return { codexCpuMs: (await restingCpuMs()) - before };
    },
    heap: () => {
      globalThis.gc?.();
      return { heapMb: process.memoryUsage().heapUsed / 2 ** 20 };
    },
    close: async () => {
      await host?.close();
      host = undefined;
    },
  },
  async () => host?.close(),
);

function opened(): Host {
  if (host === undefined) throw new Error("The host is not open");
  return host;
}

async function runTurns(): Promise<TurnsResult> {
  const codexBefore = childrenCpuMs(process.pid);
  const ownBefore = process.cpuUsage();
  const begin = performance.now();
  const durations: number[] = [];
  const outcomes = await Promise.allSettled(
    threads.map(async (thread) => {
      await thread.run();
      durations.push(performance.now() - begin);
    }),
  );
  const wallMs = performance.now() - begin;
  const { user, system } = process.cpuUsage(ownBefore);
  return {
    wallMs,
    medianTurnMs: durations.sort((a, b) => a - b)[durations.length >> 1] ?? 0,
    codexCpuMs: (await restingCpuMs()) - codexBefore,
    ownCpuMs: (user + system) / 1000,
    failures: outcomes.flatMap((each) => (each.status === "rejected" ? [String(each.reason)] : [])),
  };
}

/** Codex goes on for a moment after a turn: it writes its files. Counted until it has done nothing for 150 ms. */
async function restingCpuMs(): Promise<number> {
  let last = childrenCpuMs(process.pid);
  for (let quiet = 0, tries = 0; quiet < 3 && tries < 100; tries++) {
    await sleep(50);
    const now = childrenCpuMs(process.pid);
    quiet = now === last ? quiet + 1 : 0;
    last = now;
  }
  return last;
}
