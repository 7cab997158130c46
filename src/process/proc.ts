/** What `/proc` says about processes. On systems without it, no process is found. */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { basename } from "node:path";

export function listProcesses(): number[] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** The environment a process was started with, as `NAME=value`. Empty when it is gone or another user's. */
export function readEnvironment(pid: number): string[] {
  return read(`/proc/${pid}/environ`)?.split("\0") ?? [];
}

export interface ProcessStat {
  /** One letter; `Z` is a zombie: it runs nothing, and waits for its parent to notice. */
  readonly state: string;
  readonly parent: number;
  /** Clock ticks from the boot of the machine to the start of the process. */
  readonly startTime: number;
}

/** @returns `undefined` for a process that is gone */
export function readStat(pid: number): ProcessStat | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The name is in parentheses and may contain any character, including closing parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", parent: Number(fields[1]), startTime: Number(fields[19]) };
}

/**
 * The file name of the program that runs, never an argument: those may be secrets.
 *
 * @returns `undefined` for a process that is gone, or another user's
 */
export function readProgram(pid: number): string | undefined {
  try {
    // A program that was replaced meanwhile: `/usr/bin/node (deleted)`.
    return basename(readlinkSync(`/proc/${pid}/exe`)).replace(/ \(deleted\)$/, "");
  } catch {
    return undefined;
  }
}

/** The words a process was started with. Empty when it is gone. They may hold secrets: not to be shown. */
export function readArguments(pid: number): string[] {
  return read(`/proc/${pid}/cmdline`)?.split("\0").slice(0, -1) ?? [];
}

/** Seconds since the boot of the machine. */
export function readUptime(): number | undefined {
  const [seconds] = read("/proc/uptime")?.split(" ") ?? [];
  return seconds === undefined ? undefined : Number(seconds);
}

/** Tells one boot of one machine from every other. */
export function readBootId(): string | undefined {
  return read("/proc/sys/kernel/random/boot_id")?.trim();
}

/** Bytes of memory, shared pages divided among those who share them. @returns `undefined` for a process that is gone */
export function readMemory(pid: number): number | undefined {
  const kilobytes = /^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`) ?? "")?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

/** The number of the process namespace we are in: ids of processes mean something only within one. */
export function processNamespace(): string | undefined {
  try {
    // `pid:[4026531836]`
    return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0];
  } catch {
    return undefined;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Ended in the meantime, or another user's.
    return undefined;
  }
}
