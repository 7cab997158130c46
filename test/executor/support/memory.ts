/** The memory of a process, as the kernel counts it. Linux only. */
import { readFileSync } from "node:fs";

export const MIB: number = 1024 * 1024;

/** Its peak, in bytes. */
export function peakBytes(pid: number): number {
  const [, kib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) * 1024;
}
