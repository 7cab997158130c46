/**
 * Questions and answers between the bench and its own processes, over Node's IPC channel.
 *
 * Invariants
 *   C1. A child ends when the bench does, however that ends: the channel closes, and the child stops what it started.
 *   C2. Every question is answered, or fails when the child ends.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

interface Question {
  readonly id: number;
  readonly kind: string;
  readonly params: unknown;
}
interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** What a child answers: kind to its parameters and its result. */
export type Questions = Record<string, { params: unknown; result: unknown }>;
export type Handlers<Q extends Questions> = {
  [Kind in keyof Q]: (params: Q[Kind]["params"]) => Q[Kind]["result"] | Promise<Q[Kind]["result"]>;
};

export interface ForkOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** A process of the bench, seen from the bench. */
export class Child<Q extends Questions> implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #open = new Map<number, PromiseWithResolvers<unknown>>();
  #asked = 0;

  /** @param path absolute path of a module that calls `answer` */
  constructor(path: string, options: ForkOptions = {}) {
    this.#process = fork(path, [], {
      env: options.env ?? process.env,
      execArgv: ["--expose-gc"],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      // A group of its own: Ctrl-C is for the bench to handle, which then ends us in order.
      detached: true,
    });
    this.#process.on("message", (message) => {
      const { id, result, error } = message as Reply;
      const waiting = this.#open.get(id);
      this.#open.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error));
    });
    this.#process.on("exit", (code, signal) => {
      for (const waiting of this.#open.values()) {
        waiting.reject(new Error(`${path} ended (${signal ?? `exit code ${code}`})`));
      }
      this.#open.clear();
    });
  }

  get pid(): number {
    const { pid } = this.#process;
    if (pid === undefined) throw new Error("The process was not started");
    return pid;
  }

  ask<Kind extends keyof Q & string>(kind: Kind, params: Q[Kind]["params"]): Promise<Q[Kind]["result"]> {
    const id = this.#asked++;
    const waiting = Promise.withResolvers<unknown>();
    this.#open.set(id, waiting);
    this.#process.send({ id, kind, params } satisfies Question);
    return waiting.promise;
  }

  /** Closes the channel (C1) and waits for the end; what does not end in 10 s is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const kill = setTimeout(() => this.#process.kill("SIGKILL"), 10_000);
    const exited = once(this.#process, "exit");
    if (this.#process.connected) this.#process.disconnect();
    await exited;
    clearTimeout(kill);
  }
}

/**
 * Answers the bench's questions until it closes the channel.
 *
 * @param stop ends everything this process has started
 */
export function answer<Q extends Questions>(handlers: Handlers<Q>, stop: () => Promise<void>): void {
  process.on("message", (message) => {
    const { id, kind, params } = message as Question;
    void reply(id, kind, params);
  });
  process.once("disconnect", () => {
    void stop().finally(() => process.exit());
  });

  async function reply(id: number, kind: string, params: unknown): Promise<void> {
    try {
      const handler = handlers[kind];
      if (handler === undefined) throw new Error(`Nobody answers "${kind}"`);
      send({ id, result: await handler(params) });
    } catch (error) {
      send({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  }

  function send(message: Reply): void {
    if (process.connected) process.send?.(message);
  }
}
