/** What a running process is to us, whether it has pipes or a terminal. */
import type { Clock } from "../../base/clock.ts";
import type { OutputStream } from "../executor.ts";

export interface SourceEvents {
  readonly onOutput: (stream: OutputStream, chunk: Uint8Array) => void;
  /** The process has ended. Its pipes may be held open by others. */
  readonly onExit: (exitCode: number) => void;
  /** It has ended, and all it wrote was handed on. */
  readonly onClosed: () => void;
}

export interface ProcessSource {
  readonly pid: number;
  /** Bytes that were handed over and wait in front of a full pipe. */
  readonly stdinBytes: number;
  /** Whether something can be written; `false` from the start, or because the process closed it. */
  readonly stdinOpen: boolean;
  /** @param done called when the operating system has taken the bytes, or never will */
  writeStdin(bytes: Uint8Array, done: () => void): void;
  endStdin(): void;
  /** Stops and restarts the reading of output. */
  pause(): void;
  resume(): void;
  /** The process has ended, and its number is free: what kept its output open for it may be let go. */
  onGone?(): void;
  /** Lets go of the output whoever may still hold it. `onClosed` follows. */
  abandonOutput(): void;
}

export interface StartOptions extends SourceEvents {
  readonly clock: Clock;
  readonly program: string;
  readonly args: readonly string[];
  readonly arg0: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly pipeStdin: boolean;
}
