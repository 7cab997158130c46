/**
 * Ends processes, all of them: a child, its process group, and what escaped from the group.
 *
 * A process started with `leaseEnv(id)` in its environment can be found again by that tag as long as its
 * descendants hand the environment on, even when they left the group or were adopted by init. Finding by tag
 * reads `/proc` and so works on Linux only; elsewhere the group is all there is.
 */
import { randomUUID } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";

/** The environment variable that carries the tag. */
export const LEASE_VARIABLE = "SWITCHYARD_LEASE";

/** A fresh tag for one child and everything below it. */
export function createLeaseId(): string {
  return randomUUID();
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

function listProcesses(): number[] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

function readEnvironment(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    // Ended, or another user's.
    return [];
  }
}
