/**
 * One process on this machine: its log, its stdin, its end.
 *
 * `local-executor.ts` finds its environment and its program.
 *
 * Invariants
 *   P1. It is ended by the steps of `process/end.ts`, none of which waits for the reader of its output.
 *   P2. Once it has exited its number may belong to another process: from then on only the tag is used.
 *   P3. A full stdin makes its writers wait, in order, and nobody else. Above a bound they are rejected.
 */
import { abortable, within } from "../../base/abort.ts";
import type { Clock } from "../../base/clock.ts";
import { endProcess, type Graces } from "../../process/end.ts";
import { signalGroup } from "../../process/process-tree.ts";
import { ExecutorError } from "../errors.ts";
import {
  CHUNK_BYTES_MAX,
  type ExecutorProcess,
  type OutputStream,
  type ProcessEvent,
  type ReadOptions,
  type ReadResult,
  type WaitOptions,
} from "../executor.ts";
import { type OutputBudget, ProcessLog } from "./process-log.ts";
import type { ProcessHandle, ProcessHandleEvents } from "./process-handle.ts";

/** So much may wait in front of a full stdin, in bytes; then writers wait, as with `codex exec-server`. */
const STDIN_BUFFER_BYTES = 8 * 1024 * 1024;
/** More than this, buffered and waiting together, is rejected. */
const STDIN_WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** After a SIGKILL what is still in the pipes is read for at most so long; then they are let go. */
const DRAIN_MS = 1_000;

/** How soon the end of a process with a terminal is noticed. */
const TERMINAL_LOOK_MS = 25;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export interface LocalProcessOptions {
  readonly id: string;
  readonly clock: Clock;
  readonly graces: Graces;
  readonly retainBytes: number;
  readonly budget?: OutputBudget;
  readonly hasStdin: boolean;
  /** It has a terminal instead of pipes. */
  readonly tty: boolean;
  readonly start: (events: ProcessHandleEvents) => Promise<ProcessHandle>;
  /** The process has ended, and its number is free. */
  readonly onExit: (pid: number) => void;
  /** Ends what it left behind. */
  readonly sweep: () => Promise<void>;
}

export class LocalProcess implements ExecutorProcess {
  readonly id: string;
  /** Whether it was given a stdin to write to. */
  readonly hasStdin: boolean;
  readonly log: ProcessLog;
  readonly #options: LocalProcessOptions;
  readonly #exited = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #handle: ProcessHandle | undefined;
  #paused = false;
  /** Its process has ended, and its terminal is being read to the end. */
  #isGone = false;
  #waitingBytes = 0;
  #writers: Promise<void> = Promise.resolve();
  #writersWaiting = 0;
  #room: PromiseWithResolvers<void> | undefined;
  #ending: Promise<void> | undefined;

  /** @throws the error of the operating system, or `ExecutorError` */
  static async start(options: LocalProcessOptions): Promise<LocalProcess> {
    const process = new LocalProcess(options);
    process.#handle = await options.start({
      onOutput: (stream, chunk) => process.#onOutput(stream, chunk),
      onExit: (exitCode) => process.#onExit(exitCode),
      onClosed: () => process.#onClosed(),
    });
    if (options.tty) process.#watchTerminal();
    return process;
  }

  private constructor(options: LocalProcessOptions) {
    this.#options = options;
    this.id = options.id;
    this.hasStdin = options.hasStdin;
    this.log = new ProcessLog({
      retainBytes: options.retainBytes,
      ...(options.budget === undefined ? {} : { budget: options.budget }),
      onRoom: () => this.#resume(),
    });
  }

  get pid(): number {
    return this.#handle?.pid ?? 0;
  }

  get running(): boolean {
    return this.log.exitCode === undefined;
  }

  /** Settles when its last event is in the log. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  async *events({ signal }: WaitOptions = {}): AsyncIterableIterator<ProcessEvent, undefined, undefined> {
    while (!this.log.isReadOut) {
      const event = this.log.take();
      if (event === undefined) await this.log.changed(signal);
      else yield event;
    }
  }

  async write(bytes: Uint8Array, { signal }: WaitOptions = {}): Promise<void> {
    const handle = this.#writable();
    const { budget } = this.#options;
    const isOver = budget?.isOver === true && handle.stdinBytes > 0;
    if (isOver || this.#waitingBytes + handle.stdinBytes + bytes.length > STDIN_WAITING_BYTES_MAX) {
      throw new ExecutorError(
        "stdin_full",
        `Process ${this.id} takes no ${bytes.length} bytes: ${this.#waitingBytes} wait already, and more than ${STDIN_WAITING_BYTES_MAX} may not`,
      );
    }
    if (this.#writersWaiting === 0 && handle.stdinBytes < STDIN_BUFFER_BYTES)
      return this.#handOver(handle, bytes);
    this.#writersWaiting++;
    this.#waitingBytes += bytes.length;
    budget?.add(bytes.length);
    const turn = this.#writers.then(() => this.#writeWhenRoom(bytes));
    this.#writers = turn.catch(() => {});
    await abortable(turn, signal);
  }

  async read({ afterSeq = 0, maxBytes, waitMs = 0, signal }: ReadOptions = {}): Promise<ReadResult> {
    const { clock } = this.#options;
    const deadlineMs = clock.now() + waitMs;
    for (;;) {
      const leftMs = deadlineMs - clock.now();
      if (this.log.hasNews(afterSeq) || leftMs <= 0) {
        return this.log.read(afterSeq, maxBytes ?? Number.POSITIVE_INFINITY);
      }
      await within(clock, leftMs, this.log.changed(signal));
    }
  }

  interrupt(): Promise<void> {
    if (this.running) signalGroup(this.pid, "SIGINT");
    return Promise.resolve();
  }

  terminate(): Promise<boolean> {
    const { running } = this;
    this.#ending ??= this.#end();
    return Promise.resolve(running);
  }

  /** Kills it at once, without graces. */
  kill(): void {
    if (this.running && this.pid > 1) signalGroup(this.pid, "SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminate();
    await this.#ending;
    await this.#closed.promise;
  }

  async #end(): Promise<void> {
    const { clock, graces } = this.#options;
    await endProcess(
      {
        pid: this.pid,
        isRunning: () => this.running,
        exited: this.#exited.promise,
        closeStdin: () => this.#handle?.endStdin(),
        sweep: this.#options.sweep,
      },
      this.hasStdin ? graces : { ...graces, stdinMs: 0 },
      clock,
    );
    if ((await within(clock, DRAIN_MS, this.#closed.promise)) === "timeout") this.#handle?.abandonOutput();
  }

  #writable(): ProcessHandle {
    const handle = this.#handle;
    if (handle === undefined || !this.hasStdin) {
      throw new ExecutorError("stdin_closed", `Process ${this.id} was started without a stdin`);
    }
    if (!this.running || !handle.stdinOpen) {
      throw new ExecutorError("stdin_closed", `Nothing can be written to process ${this.id} any more`);
    }
    return handle;
  }

  #handOver(handle: ProcessHandle, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const { budget } = this.#options;
    budget?.add(bytes.length);
    handle.writeStdin(bytes, () => {
      if (budget !== undefined) budget.bytes -= bytes.length;
      this.#makeRoom();
    });
  }

  async #writeWhenRoom(bytes: Uint8Array): Promise<void> {
    try {
      for (;;) {
        const handle = this.#writable();
        if (handle.stdinBytes < STDIN_BUFFER_BYTES) return this.#handOver(handle, bytes);
        this.#room ??= Promise.withResolvers<void>();
        await this.#room.promise;
      }
    } finally {
      this.#writersWaiting--;
      this.#waitingBytes -= bytes.length;
      if (this.#options.budget !== undefined) this.#options.budget.bytes -= bytes.length;
    }
  }

  /** Waiting writers look again. */
  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  #onOutput(stream: OutputStream, chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; at += CHUNK_BYTES_MAX) {
      this.log.push(stream, chunk.subarray(at, at + CHUNK_BYTES_MAX));
    }
    if (this.log.isFull && !this.#paused && !this.#isGone) {
      this.#paused = true;
      this.#handle?.pause();
    }
  }

  /** node-pty reports the end of a process only with the end of its terminal, which is held open until then. */
  #watchTerminal(): void {
    this.#options.clock.schedule(
      TERMINAL_LOOK_MS,
      () => {
        if (!this.running) return;
        if (isAlive(this.pid)) return this.#watchTerminal();
        this.#isGone = true;
        this.#paused = false;
        this.#handle?.onGone?.();
      },
      { background: true },
    );
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#handle?.resume();
  }

  #onExit(exitCode: number): void {
    this.log.exit(exitCode);
    this.#makeRoom();
    this.#options.onExit(this.pid);
    this.#exited.resolve();
  }

  #onClosed(): void {
    this.log.close();
    this.#makeRoom();
    this.#closed.resolve();
  }
}
