/**
 * Looks for what a test left behind: processes, sockets, timers.
 *
 * Processes are read from `/proc`, so on other systems than Linux the lists are empty and prove nothing.
 * A zombie counts as gone: it runs nothing, and in a container without init nobody may ever reap it.
 */
import { sleep, systemClock } from "../base/clock.ts";
import { TAG_VARIABLE } from "../process/process-tree.ts";
import { listProcesses, readEnvironment, readStat } from "../process/proc.ts";

/** Ids of the living processes that have `name=value` in the environment they were started with. */
export function processesWithEnv(name: string, value: string): number[] {
  const wanted = `${name}=${value}`;
  return listProcesses().filter((pid) => readEnvironment(pid).includes(wanted));
}

/** Ids of the living processes that this process or another host has started, with all they started, by their tag. */
export function processesOfOwner(owner: number): number[] {
  const tag = new RegExp(`^${TAG_VARIABLE}=[^@]*@[^:]*:${owner}:`);
  return listProcesses().filter((pid) => readEnvironment(pid).some((variable) => tag.test(variable)));
}

/** Ids of the living processes below `pid`, children first. One whose parent has died is no longer found. */
export function descendants(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const candidate of listProcesses()) {
    const stat = readStat(candidate);
    if (stat === undefined || stat.state === "Z") continue;
    children.set(stat.parent, [...(children.get(stat.parent) ?? []), candidate]);
  }
  const found: number[] = [];
  let generation = children.get(pid) ?? [];
  while (generation.length > 0) {
    found.push(...generation);
    generation = generation.flatMap((parent) => children.get(parent) ?? []);
  }
  return found;
}

/** Whether the process lives. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives and is somebody else's.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  return readStat(pid)?.state !== "Z";
}

/**
 * Waits until none of the processes lives.
 *
 * The kernel tells a process's end only to its parent, so this looks every 10 ms.
 *
 * @param options.timeoutMs how long to wait at most. @default 30000
 * @returns the ids that still live at the end; empty when all are gone
 */
export async function waitUntilGone(
  pids: readonly number[],
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<number[]> {
  const deadline = systemClock.now() + (options.timeoutMs ?? 30_000);
  for (;;) {
    const alive = pids.filter(isAlive);
    if (alive.length === 0 || systemClock.now() >= deadline) return alive;
    await sleep(systemClock, 10, options.signal);
  }
}

/**
 * How many resources of each kind keep this process alive, e.g. `{ Timeout: 1, TCPServerWrap: 2 }`.
 *
 * Node drops a closed socket from this list some turns of the event loop after its `close` event, so compare
 * after a short while, or compare only timers.
 */
export function openHandles(): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
