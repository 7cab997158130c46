/** A process with pipes for stdout and stderr, in a session and process group of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import type { ProcessHandle, StartOptions } from "./process-handle.ts";

/** @throws the error of the operating system */
export async function startPiped(options: StartOptions): Promise<ProcessHandle> {
  const child = spawn(options.program, options.args, {
    cwd: options.cwd,
    env: options.env,
    argv0: options.arg0,
    detached: true,
    stdio: [options.pipeStdin ? "pipe" : "ignore", "pipe", "pipe"],
  });
  // Its listeners have to be there before the first event.
  const handle = new PipedProcess(child, options);
  await once(child, "spawn");
  return handle;
}

class PipedProcess implements ProcessHandle {
  readonly #child: ChildProcess;
  #stdinBroken = false;

  constructor(child: ChildProcess, { onOutput, onExit, onClosed, background }: StartOptions) {
    this.#child = child;
    // What waits for the program has a timer of its own.
    if (background)
      for (const each of [child, child.stdin, child.stdout, child.stderr] as ({ unref?(): void } | null)[]) {
        each?.unref?.();
      }
    child.stdout?.on("data", (chunk: Buffer) => onOutput("stdout", chunk));
    child.stderr?.on("data", (chunk: Buffer) => onOutput("stderr", chunk));
    for (const stream of [child.stdin, child.stdout, child.stderr]) {
      // Readers and writers see the end; without a listener the error would end our own process.
      stream?.on("error", () => {
        if (stream === child.stdin) this.#stdinBroken = true;
      });
    }
    child.once("exit", (code, signal) =>
      onExit(signal === null ? (code ?? 0) : 128 + constants.signals[signal]),
    );
    child.once("close", () => {
      if (child.pid !== undefined) onClosed();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get stdinBytes(): number {
    return this.#child.stdin?.writableLength ?? 0;
  }

  get stdinOpen(): boolean {
    return this.#child.stdin?.writable === true && !this.#stdinBroken;
  }

  writeStdin(bytes: Uint8Array, done: () => void): void {
    this.#child.stdin?.write(bytes, () => done());
  }

  endStdin(): void {
    this.#child.stdin?.end();
  }

  pause(): void {
    this.#child.stdout?.pause();
    this.#child.stderr?.pause();
  }

  resume(): void {
    this.#child.stdout?.resume();
    this.#child.stderr?.resume();
  }

  abandonOutput(): void {
    this.#child.stdin?.destroy();
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }
}
