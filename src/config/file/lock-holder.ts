/** Who holds a lock, as it is written into it, and whether that process still lives. */
import { readdirSync } from "node:fs";
import { hostname } from "node:os";
import { codeOf } from "../../base/errors.ts";
import { processNamespace, readStat } from "../../process/proc.ts";

/** Who made a lock or a marker. */
export interface Holder {
  readonly pid: number;
  /** In clock ticks from the boot of the machine; `null` where that cannot be seen. */
  readonly startTime: number | null;
  readonly host: string;
  /** Of processes; `null` where there is only one. */
  readonly namespace: string | null;
  readonly token: string;
}

export function thisProcess(token: string): Holder {
  return {
    pid: process.pid,
    startTime: readStat(process.pid)?.startTime ?? null,
    host: hostname(),
    namespace: processNamespace() ?? null,
    token,
  };
}

/** Whether a process is where `self` can look for it: ids mean something within one host and namespace only. */
export function canSee(self: Holder, holder: Holder): boolean {
  return holder.host === self.host && holder.namespace === self.namespace;
}

/** Whether a process has ended for sure, with all of its threads; it will touch no file any more. */
export function isDead(self: Holder, holder: Holder): boolean {
  if (!canSee(self, holder)) return false;
  const stat = readStat(holder.pid);
  if (stat !== undefined) {
    const isAnother = holder.startTime !== null && stat.startTime !== holder.startTime;
    // The first thread of a killed process can be a zombie while another one finishes a rename.
    return isAnother || (stat.state === "Z" && threadsOf(holder.pid) <= 1);
  }
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    // Not ESRCH: it is there, but another user's.
    return codeOf(error) === "ESRCH";
  }
}

function threadsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).length;
  } catch {
    return 0;
  }
}

/** @returns `undefined` for a text that is not a holder: it is never trusted to name a process or a file */
export function parseHolder(bytes: Uint8Array): Holder | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { pid, startTime, host, namespace, token } = value as Partial<Record<keyof Holder, unknown>>;
  if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
  if (startTime !== null && typeof startTime !== "number") return undefined;
  if (typeof host !== "string" || (namespace !== null && typeof namespace !== "string")) return undefined;
  if (typeof token !== "string" || !/^[0-9a-f]{32}$/.test(token)) return undefined;
  return { pid, startTime, host, namespace, token };
}
