/**
 * Ends processes completely: a child, its process group, and what escaped from the group.
 *
 * A process that was started with a tag in its environment can be found again by it as long as its
 * descendants pass the environment on, even when they left the group or were adopted by init. Finding by tag
 * reads `/proc` and so works on Linux only; elsewhere the group is all there is.
 *
 * The tag names its owner, so that what a killed owner could not end is recognised by the next one.
 */
import { randomUUID } from "node:crypto";
import { listProcesses, processNamespace, readEnvironment, readMemory, readStat } from "./proc.ts";

/** The environment variable that carries the tag. */
export const TAG_VARIABLE = "SWITCHYARD_LEASE";

/** A fresh tag for one child and everything below it: `<uuid>@<owner>`. */
export function createTag(): string {
  return `${randomUUID()}@${hostMark()}`;
}

/** A tag of the same family: a search for `tag` finds processes with this one too, but not the other way round. */
export function memberTag(tag: string, member: number): string {
  return tag.replace("@", `.${member}@`);
}

/** Who made a tag, as `hostMark` names it. */
export function ownerOf(tag: string): string | undefined {
  return tag.split("@")[1];
}

function familyOf(tag: string): string {
  return tag.replace(/\.\d+@/, "@");
}

/** The owner in every tag of this process. */
export function hostMark(): string {
  return ownerTag(process.pid) ?? "unknown";
}

/**
 * Kills what carries the tag of an owner that has died without ending it, e.g. by SIGKILL.
 *
 * An owner is known by its process id, its start time and its process namespace; a tag from another namespace, whose
 * owner cannot be seen from here, is left alone.
 *
 * @returns the ids it killed
 */
export function sweepOrphans(options: SweepOptions = {}): number[] {
  const orphaned = new Set<string>();
  for (const pid of listProcesses()) {
    const tag = tagOf(pid);
    const owner = tag === undefined ? undefined : ownerOf(tag);
    if (tag !== undefined && owner !== undefined && isOwnerDead(owner)) orphaned.add(tag);
  }
  return sweepTags(orphaned, options);
}

export interface SweepOptions {
  /** Told of each process right before it is killed. */
  readonly onKill?: (pid: number, tag: string) => void;
  /** Ids of processes that are left alone. */
  readonly spare?: Iterable<number>;
}

/** The tag in the environment a process was started with. */
export function tagOf(pid: number): string | undefined {
  const entry = readEnvironment(pid).find((variable) => variable.startsWith(`${TAG_VARIABLE}=`));
  return entry?.slice(TAG_VARIABLE.length + 1);
}

/** Whether the owner of a tag, as `hostMark` names it, has died. Of an owner that cannot be seen from here it is not known. */
export function isOwnerDead(owner: string): boolean {
  const here = processNamespace();
  const pid = Number(owner.split(":")[1]);
  if (here === undefined || !owner.startsWith(`${here}:`) || !Number.isInteger(pid)) return false;
  return isDead(pid, owner);
}

/**
 * Bytes that the processes which this process started, and their descendants, use now. Shared pages count in parts.
 *
 * It walks through all processes: some milliseconds.
 *
 * @returns `undefined` where the system does not tell
 */
export function memoryOfOwnProcesses(): number | undefined {
  const mark = hostMark();
  let bytes: number | undefined;
  for (const pid of listProcesses()) {
    if (tagOf(pid)?.endsWith(`@${mark}`) === true) bytes = (bytes ?? 0) + (readMemory(pid) ?? 0);
  }
  return bytes;
}

/** An owner is dead only if that is certain. */
function isDead(pid: number, owner: string): boolean {
  const stat = readStat(pid);
  if (stat !== undefined) return ownerTag(pid) !== owner;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/** `<namespace>:<pid>:<start time>`; `undefined` without such a process, or without `/proc`. */
function ownerTag(pid: number): string | undefined {
  const stat = readStat(pid);
  // A zombie cannot end anything.
  if (stat === undefined || stat.state === "Z") return undefined;
  return `${processNamespace()}:${pid}:${stat.startTime}`;
}

/** Sends `signal` to the process group led by `pid`, or to the process alone where there are no groups. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  // To the kernel, group 0 is our own and group 1 is every process there is.
  if (!Number.isInteger(pid) || pid <= 1) throw new RangeError(`${pid} leads no group of ours`);
  try {
    process.kill(process.platform === "win32" ? pid : -pid, signal);
  } catch (error) {
    // ESRCH: the group is gone, which is what the caller wants. EPERM: a zombie group on some systems.
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

/** Ids of the processes whose environment carries `SWITCHYARD_LEASE=<tag>`. Empty without `/proc`. */
export function findByTag(tag: string): number[] {
  return findByTags(new Set([tag]));
}

function findByTags(tags: ReadonlySet<string>): number[] {
  return listProcesses().filter((pid) => isOfFamily(tagOf(pid), tags));
}

function isOfFamily(tag: string | undefined, tags: ReadonlySet<string>): boolean {
  return tag !== undefined && (tags.has(tag) || tags.has(familyOf(tag)));
}

/** Kills every process that carries the tag, or one of its family. @returns the ids it killed */
export function sweepTag(tag: string): number[] {
  return sweepTags([tag]);
}

/**
 * Kills every process that carries one of the tags, until none is found any more: all of them for one walk through
 * `/proc`, which costs some milliseconds where there are many processes.
 *
 * It asks again after each kill, because a process may have started another one in between.
 *
 * @returns the ids it killed
 */
export function sweepTags(tags: Iterable<string>, { onKill, spare = [] }: SweepOptions = {}): number[] {
  const wanted = new Set(tags);
  const seen = new Set<number>([process.pid, ...spare]);
  const killed: number[] = [];
  for (let round = 0; round < ROUNDS_MAX && wanted.size > 0; round++) {
    // One that was killed may still be on its way out. It starts nothing any more.
    const others = listProcesses().filter((pid) => !seen.has(pid));
    const fresh = others.flatMap((pid) => {
      const tag = tagOf(pid);
      return tag !== undefined && isOfFamily(tag, wanted) ? [{ pid, tag }] : [];
    });
    for (const { pid, tag } of fresh) {
      seen.add(pid);
      onKill?.(pid, tag);
      try {
        process.kill(pid, "SIGKILL");
        killed.push(pid);
      } catch {
        // Gone in the meantime.
      }
    }
    if (fresh.length > 0) continue;
    if (!others.some(isBecomingAnother)) break;
    // One millisecond, in which nothing else runs.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
  return killed;
}

/**
 * Looks, with a millisecond between those that find nothing new. Sixteen were too few on a busy machine; something else may have no
 * environment for ever.
 */
const ROUNDS_MAX = 64;

/** Between two programs (execve) a process shows an environment that is empty. Threads of the kernel always do. */
function isBecomingAnother(pid: number): boolean {
  const environment = readEnvironment(pid);
  if (environment.length !== 1 || environment[0] !== "") return false;
  const stat = readStat(pid);
  return stat !== undefined && stat.state !== "Z" && stat.parent !== 0 && stat.parent !== KERNEL_THREADS;
}

/** The parent of all kernel threads. */
const KERNEL_THREADS = 2;
