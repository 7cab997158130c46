/**
 * Ends processes, all of them: a child, its process group, and what escaped from the group.
 *
 * A process started with `leaseEnv(id)` in its environment can be found again by that tag as long as its
 * descendants hand the environment on, even when they left the group or were adopted by init. Finding by tag
 * reads `/proc` and so works on Linux only; elsewhere the group is all there is.
 *
 * The tag names its owner, so that what a killed owner could not end is recognised by the next one.
 */
import { randomUUID } from "node:crypto";
import { listProcesses, processNamespace, readEnvironment, readStat } from "./proc.ts";

/** The environment variable that carries the tag. */
export const LEASE_VARIABLE = "SWITCHYARD_LEASE";

/** A fresh tag for one child and everything below it: `<uuid>@<owner>`. */
export function createLeaseId(): string {
  return `${randomUUID()}@${ownerTag(process.pid) ?? "unknown"}`;
}

/**
 * Kills what carries the tag of an owner that has died without ending it, e.g. by SIGKILL.
 *
 * An owner is known by its process id, its start time and its process namespace; a tag from another namespace, whose
 * owner cannot be seen from here, is left alone.
 *
 * @returns the ids it killed
 */
export function sweepOrphans(): number[] {
  const here = processNamespace();
  if (here === undefined) return [];
  const orphaned = new Set<string>();
  for (const pid of listProcesses()) {
    const entry = readEnvironment(pid).find((variable) => variable.startsWith(`${LEASE_VARIABLE}=`));
    const leaseId = entry?.slice(LEASE_VARIABLE.length + 1);
    const owner = leaseId?.split("@")[1];
    const ownerPid = Number(owner?.split(":")[1]);
    if (leaseId === undefined || owner?.startsWith(`${here}:`) !== true || !Number.isInteger(ownerPid))
      continue;
    if (isDead(ownerPid, owner)) orphaned.add(leaseId);
  }
  return [...orphaned].flatMap((leaseId) => sweepLease(leaseId));
}

/** Only what is known for sure counts as death. */
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

/** `<namespace>:<pid>:<start time>`; `undefined` where there is no such process, or no `/proc`. */
function ownerTag(pid: number): string | undefined {
  const stat = readStat(pid);
  // A zombie ends nothing any more.
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

/** Ids of the processes whose environment carries `SWITCHYARD_LEASE=<leaseId>`. Empty without `/proc`. */
export function findByLease(leaseId: string): number[] {
  const wanted = `${LEASE_VARIABLE}=${leaseId}`;
  const found: number[] = [];
  for (const pid of listProcesses()) {
    if (readEnvironment(pid).includes(wanted)) found.push(pid);
  }
  return found;
}

/**
 * Kills every process that carries the tag, until none is found any more.
 *
 * It asks again after each kill, because a process may have started another one in between.
 *
 * @returns the ids it killed
 */
export function sweepLease(leaseId: string): number[] {
  const seen = new Set<number>([process.pid]);
  const killed: number[] = [];
  for (let round = 0; round < 8; round++) {
    // One that was killed may still be on its way out. It starts nothing any more.
    const fresh = findByLease(leaseId).filter((pid) => !seen.has(pid));
    if (fresh.length === 0) break;
    for (const pid of fresh) {
      seen.add(pid);
      try {
        process.kill(pid, "SIGKILL");
        killed.push(pid);
      } catch {
        // Gone between the look and the kill.
      }
    }
  }
  return killed;
}
