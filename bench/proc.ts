/** Reads CPU time, memory and open files of process trees from `/proc`. Linux only. */
import { readdirSync, readFileSync } from "node:fs";

/** Linux counts process time in these, whatever the kernel's own tick is. */
const TICK_MS = 10;

interface Stat {
  readonly parent: number;
  /** Own CPU time, and that of children that have ended and were waited for. */
  readonly cpuMs: number;
  readonly endedChildrenCpuMs: number;
}

export interface Memory {
  readonly processes: number;
  /** Proportional set size: a page shared by two processes counts half in each. */
  readonly pssMb: number;
  readonly rssMb: number;
  readonly files: number;
}

/**
 * CPU time of everything `pid` has started, running or ended, without its own.
 *
 * A process whose parent ended before it is not found any more; its time is lost.
 */
export function childrenCpuMs(pid: number): number {
  const processes = list();
  let sum = processes.get(pid)?.endedChildrenCpuMs ?? 0;
  for (const child of descendants(pid, processes)) {
    const stat = processes.get(child);
    if (stat !== undefined) sum += stat.cpuMs + stat.endedChildrenCpuMs;
  }
  return sum;
}

/** CPU time of `pid` and everything it has started. */
export function treeCpuMs(pid: number): number {
  return (readStat(pid)?.cpuMs ?? 0) + childrenCpuMs(pid);
}

/** Memory and open files of everything `pid` has started. */
export function childrenMemory(pid: number): Memory {
  return sum(descendants(pid, list()).map(memory));
}

/** Memory and open files of `pid` alone. */
export function ownMemory(pid: number): Memory {
  return memory(pid);
}

/** CPU time of the whole machine that was not idle, and how many processors share it. */
export function machineBusyMs(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (
    readFileSync("/proc/stat", "utf8").split("\n", 1)[0] ?? ""
  )
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq) * TICK_MS;
}

function memory(pid: number): Memory {
  const rollup = read(pid, "smaps_rollup");
  if (rollup === undefined) return { processes: 0, pssMb: 0, rssMb: 0, files: 0 };
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1] ?? 0) / 1024;
  return { processes: 1, pssMb: field("Pss"), rssMb: field("Rss"), files: countFiles(pid) };
}

function sum(parts: readonly Memory[]): Memory {
  return {
    processes: parts.reduce((total, part) => total + part.processes, 0),
    pssMb: parts.reduce((total, part) => total + part.pssMb, 0),
    rssMb: parts.reduce((total, part) => total + part.rssMb, 0),
    files: parts.reduce((total, part) => total + part.files, 0),
  };
}

function countFiles(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    // Ended in the meantime.
    return 0;
  }
}

function descendants(pid: number, processes: ReadonlyMap<number, Stat>): number[] {
  const children = new Map<number, number[]>();
  for (const [child, { parent }] of processes) children.set(parent, [...(children.get(parent) ?? []), child]);
  const found = [...(children.get(pid) ?? [])];
  for (let at = 0; at < found.length; at++) found.push(...(children.get(found[at] as number) ?? []));
  return found;
}

function list(): Map<number, Stat> {
  const processes = new Map<number, Stat>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readStat(Number(name));
    if (stat !== undefined) processes.set(Number(name), stat);
  }
  return processes;
}

function readStat(pid: number): Stat | undefined {
  const stat = read(pid, "stat");
  if (stat === undefined) return undefined;
  // The name stands in parentheses and may contain any character. After it: state, parent, ... (proc_pid_stat(5)).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const at = (index: number): number => Number(fields[index] ?? 0);
  return {
    parent: at(1),
    cpuMs: (at(11) + at(12)) * TICK_MS,
    endedChildrenCpuMs: (at(13) + at(14)) * TICK_MS,
  };
}

function read(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    // Ended in the meantime.
    return undefined;
  }
}
