/** A running process, with pipes or with a terminal. */
import type { Clock } from "../../base/clock.ts";
import type { OutputStream } from "../executor.ts";

export interface ProcessHandleEvents {
  readonly onOutput: (stream: OutputStream, chunk: Uint8Array) => void;
  /** The process has ended. Others may hold its pipes open. */
  readonly onExit: (exitCode: number) => void;
  /** It has ended, and all its output was passed on. */
  readonly onClosed: () => void;
}

export interface ProcessHandle {
  readonly pid: number;
  /** Bytes that wait in front of a full pipe. */
  readonly stdinBytes: number;
  /** Whether stdin can be written to; `false` from the start, or because the process closed it. */
  readonly stdinOpen: boolean;
  /** @param done called when the operating system has taken the bytes, or never will */
  writeStdin(bytes: Uint8Array, done: () => void): void;
  endStdin(): void;
  /** Stops and restarts the reading of output. */
  pause(): void;
  resume(): void;
  /** The process has ended, and its number is free: releases what kept its output open. */
  onGone?(): void;
  /** Stops reading the output, whether others still hold it or not. `onClosed` follows. */
  abandonOutput(): void;
}

export interface StartOptions extends ProcessHandleEvents {
  readonly clock: Clock;
  readonly program: string;
  readonly args: readonly string[];
  readonly arg0: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly pipeStdin: boolean;
  /** Whether our own process may end by itself meanwhile. */
  readonly background: boolean;
}
