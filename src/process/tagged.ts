/** The processes on this machine that carry a tag, as they are now. Linux only: elsewhere nothing tells. */
import { listProcesses, processNamespace, readMemory, readProgram, readStat, readUptime } from "./proc.ts";
import { ownerOf, tagOf } from "./process-tree.ts";

export interface TaggedProcess {
  readonly pid: number;
  readonly parent: number;
  readonly tag: string;
  /** Who started it, as `hostMark` names it. */
  readonly owner: string;
  /** The file name of its program. */
  readonly program: string | undefined;
  /** Bytes; shared pages count in parts. */
  readonly memory: number | undefined;
  readonly ageSeconds: number | undefined;
}

/** Clock ticks in a second. Linux shows user space this value on every machine (`USER_HZ`). */
const TICKS_PER_SECOND = 100;

/**
 * The living ones of this user, without this process itself: some milliseconds, and about a quarter of one for each that is found.
 *
 * @returns `undefined` where the system does not tell
 */
export function listTagged(): TaggedProcess[] | undefined {
  if (processNamespace() === undefined) return undefined;
  return listProcesses().flatMap((pid) => {
    const tag = pid === process.pid ? undefined : tagOf(pid);
    const owner = tag === undefined ? undefined : ownerOf(tag);
    const stat = tag === undefined ? undefined : readStat(pid);
    if (tag === undefined || owner === undefined || stat === undefined || stat.state === "Z") return [];
    const { parent } = stat;
    return [
      { pid, parent, tag, owner, program: readProgram(pid), memory: readMemory(pid), ageSeconds: ageOf(pid) },
    ];
  });
}

/** Seconds since a process started. */
export function ageOf(pid: number): number | undefined {
  const [start, uptime] = [readStat(pid)?.startTime, readUptime()];
  return start === undefined || uptime === undefined
    ? undefined
    : Math.max(0, uptime - start / TICKS_PER_SECOND);
}

/** The processes above this one. */
export function ancestors(): number[] {
  const found: number[] = [];
  for (let pid = process.ppid; pid > 1; pid = readStat(pid)?.parent ?? 0) found.push(pid);
  return found;
}
