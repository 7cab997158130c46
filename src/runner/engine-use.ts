/**
 * Which engine a run uses, and what happens to engine and thread when it has ended.
 *
 *   shared     one engine of each name for all runs; their threads stay loaded for a while, for a next run
 *   isolated   an engine and a home for one run; the home stays if its thread can be resumed
 *
 * R5 and R7 of `runner.ts` are kept here.
 */
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { CreateEngine, Engine, EngineName, EngineSettings, EngineThread } from "../thread/engine.ts";
import { EngineError } from "../thread/errors.ts";
import { type IsolatedHome, IsolatedHomes } from "./homes.ts";
import type { Run } from "./run.ts";

/** What a run gets. */
export interface EngineUse {
  readonly engine: Engine;
  /** The thread has its id. */
  readonly onThread: (threadId: string) => Promise<void>;
  /** The run is over. */
  readonly leave: (thread: EngineThread) => Promise<void>;
}

export interface EnginesOptions {
  readonly createEngine: CreateEngine;
  /** Of a run that names none. */
  readonly defaultEngine: EngineName;
  readonly readerStallMs: number;
  readonly homesRoot: string;
  readonly keepLoadedMax: number;
  readonly log: Log;
  readonly stopping: AbortSignal;
  /** Keeps a thread from runs; `false` if a run has it. */
  readonly reserveThread: (threadId: string) => boolean;
  readonly freeThread: (threadId: string) => void;
}

export class Engines {
  readonly #options: EnginesOptions;
  readonly #isolated = new Set<Engine>();
  /** Loaded threads of the shared engine without a run, the one used longest ago first (R7). */
  readonly #idleThreads = new Map<string, EngineThread>();
  readonly #shared = new Map<EngineName, Promise<Engine>>();
  #homes: Promise<IsolatedHomes> | undefined;

  constructor(options: EnginesOptions) {
    this.#options = options;
  }

  /** @throws {EngineError} `thread_not_found`, `invalid_options`, `closed` */
  async use(run: Run): Promise<EngineUse> {
    const { resume, fork, isolation, ephemeral, engine = this.#options.defaultEngine } = run.params;
    if (engine !== "codex") {
      if (isolation !== "process") return this.#useShared(run, engine);
      const why = `isolation "process" is for the engine codex: the engine ${engine} has no process of its own`;
      throw new EngineError("invalid_options", why, { option: "isolation" });
    }
    const source = resume ?? fork;
    if (source === undefined && isolation !== "process") return this.#useShared(run, engine);
    const homes = await this.openHomes();
    if (source === undefined) return this.#useIsolated(run, await homes.create(), ephemeral !== true);
    const home = await homes.find(source);
    if (home !== undefined) return this.#useIsolated(run, home, ephemeral !== true);
    if (isolation !== "process") return this.#useShared(run, engine);
    const verb = resume === undefined ? "fork" : "resume";
    const why = `There is no thread ${source} with a process of its own; ${verb} it without isolation "process"`;
    throw new EngineError("thread_not_found", why);
  }

  /** Also removes what crashed runners left on disk. */
  openHomes(): Promise<IsolatedHomes> {
    if (this.#homes === undefined) {
      this.#homes = IsolatedHomes.open(this.#options.homesRoot);
      // The next run tries again: the disk may have been full.
      this.#homes.catch(() => (this.#homes = undefined));
    }
    return this.#homes;
  }

  /** Ends every engine. Never rejects. */
  async close(): Promise<void> {
    const engines = [...this.#isolated, ...this.#shared.values()];
    await Promise.allSettled(engines.map(async (engine) => (await engine).close()));
  }

  async closeHomes(): Promise<void> {
    const homes = await this.#homes?.catch(() => undefined);
    await homes?.close();
  }

  async #useShared(run: Run, name: EngineName): Promise<EngineUse> {
    if (this.#options.stopping.aborted) throw new EngineError("closed", "The runner is stopping");
    // The thread is in use again.
    if (run.threadId !== undefined) this.#idleThreads.delete(run.threadId);
    let engine = this.#shared.get(name);
    if (engine === undefined) {
      engine = this.#create({ engine: name, log: this.#options.log });
      this.#shared.set(name, engine);
      // The next run tries again.
      engine.catch(() => this.#shared.delete(name));
    }
    return {
      engine: await engine,
      onThread: () => Promise.resolve(),
      leave: async (thread) => {
        // A thread that cannot be resumed has nothing to stay loaded for.
        if (run.params.ephemeral === true || run.threadId === undefined) return await thread.close();
        this.#idleThreads.set(run.threadId, thread);
        if (this.#idleThreads.size > this.#options.keepLoadedMax) void this.#unloadOldest();
      },
    };
  }

  async #useIsolated(run: Run, home: IsolatedHome, keep: boolean): Promise<EngineUse> {
    if (this.#options.stopping.aborted) {
      await home.release();
      throw new EngineError("closed", "The runner is stopping");
    }
    const log: Log = (level, message, about) => this.#options.log(level, message, { run: run.id, ...about });
    const engine = await this.#create({ engine: "codex", log, home: home.path });
    this.#isolated.add(engine);
    return {
      engine,
      onThread: async (threadId) => {
        if (keep) await home.keepFor(threadId);
      },
      leave: async () => {
        await engine.close();
        this.#isolated.delete(engine);
        await home.release();
      },
    };
  }

  async #create(settings: Omit<EngineSettings, "readerStallMs">): Promise<Engine> {
    const { createEngine, readerStallMs } = this.#options;
    return await createEngine({ ...settings, readerStallMs });
  }

  /** Nobody gets the thread before that is over (R3). */
  async #unloadOldest(): Promise<void> {
    const { log, reserveThread, freeThread } = this.#options;
    const [oldest] = this.#idleThreads;
    if (oldest === undefined) return;
    const [threadId, thread] = oldest;
    this.#idleThreads.delete(threadId);
    if (!reserveThread(threadId)) return;
    try {
      await thread.close();
    } catch (error) {
      log("warn", `Cannot unload thread ${threadId}: ${messageOf(error)}`);
    }
    freeThread(threadId);
  }
}
