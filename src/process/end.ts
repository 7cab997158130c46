/**
 * The end of a process that leads a group, in steps: its stdin is closed; after a grace its group gets SIGTERM; after
 * another grace SIGKILL; then whatever left the group is swept by its tag.
 *
 * Invariants
 *   E1. A process that leaves by itself within a grace gets no signal.
 *   E2. It returns when the process has exited and what it left behind is gone.
 *   E3. Once a process has exited its number may belong to another one: it is never signalled.
 */
import { within } from "../base/abort.ts";
import type { Clock } from "../base/clock.ts";
import { signalGroup } from "./process-tree.ts";

/** How long a process is given for each step of its end, in milliseconds. */
export interface Graces {
  /** From the end of its stdin to SIGTERM. @default 500 */
  readonly stdinMs: number;
  /** From SIGTERM to SIGKILL. @default 1500 */
  readonly termMs: number;
}

/** A process that can be ended. */
export interface Ending {
  /** Process id, which is also that of its group. */
  readonly pid: number;
  /** Whether it has not exited, so that its id is its own. */
  isRunning(): boolean;
  /** Settles when it has exited. Never rejects. */
  readonly exited: Promise<unknown>;
  closeStdin(): void;
  /** Ends what left its group. */
  sweep(): Promise<void> | void;
}

export async function endProcess(ending: Ending, graces: Graces, clock: Clock): Promise<void> {
  ending.closeStdin();
  const steps = [
    [graces.stdinMs, "SIGTERM"],
    [graces.termMs, "SIGKILL"],
  ] as const;
  for (const [graceMs, signal] of steps) {
    if (!ending.isRunning()) break;
    const left = await within(clock, graceMs, ending.exited);
    if (left === "timeout" && ending.isRunning()) signalGroup(ending.pid, signal);
  }
  if (ending.isRunning()) await ending.exited;
  await ending.sweep();
}
