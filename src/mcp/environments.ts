/**
 * Where servers can run: one executor for each environment, which all its users share.
 *
 *   get("box") ──> Executor ──each use──> lookup("box") ──> the executor that is there now
 *
 * What an environment is, the configuration says (`config/environments/`); here it is looked up each time it is used, so
 * that an edited file counts for the next start.
 *
 * Invariants
 *   N1. An id that does not exist, or is not allowed, is an error that names those that are: nothing runs somewhere
 *       else because its environment is missing.
 *   N2. An executor is made when it is first used, once for all users.
 *   N3. When a definition has changed, the next start goes to a new executor. What runs on the old one goes on there;
 *       the old one is disposed when its last process has ended.
 *   N4. Another token or time-out does not replace an executor: it counts for the next link to it, one that replaces a
 *       lost link included.
 */
import { isDeepStrictEqual } from "node:util";
import { type Clock, systemClock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { EnvironmentDefinition } from "../config/environments/types.ts";
import { type LinkOpener, programOpener, websocketOpener } from "../executor/client/open-link.ts";
import { RemoteExecutor } from "../executor/client/remote-executor.ts";
import { ExecutorError } from "../executor/errors.ts";
import type {
  EnvironmentInfo,
  Executor,
  ExecutorProcess,
  ProcessEvent,
  ProcessSpec,
  ReadOptions,
  ReadResult,
  WaitOptions,
} from "../executor/executor.ts";
import { LocalExecutor } from "../executor/local/local-executor.ts";

/** Which environments there are at the moment. */
export interface EnvironmentSource {
  readonly ids: () => readonly string[];
  /** An error it throws is thrown to the caller who uses the environment. */
  readonly lookup: (id: string) => EnvironmentDefinition | undefined;
}

export interface EnvironmentsOptions {
  readonly clock?: Clock;
  readonly log?: Log;
  /** How long to try to restore a lost link, in milliseconds. @default 45 000 */
  readonly recoveryMs?: number;
}

export class Environments implements AsyncDisposable {
  readonly #source: EnvironmentSource;
  readonly #options: EnvironmentsOptions;
  readonly #executors = new Map<string, SharedExecutor>();
  #disposed = false;

  /** @param source a list stands for environments that never change */
  constructor(
    source: EnvironmentSource | readonly EnvironmentDefinition[],
    options: EnvironmentsOptions = {},
  ) {
    this.#source = "lookup" in source ? source : sourceOf(source);
    this.#options = options;
  }

  get ids(): readonly string[] {
    return this.#source.ids();
  }

  /**
   * The executor of an environment. It stays ours: its disposal does nothing.
   *
   * @param allowed the ids that may be used, e.g. those of a thread. @default all
   * @throws {ExecutorError} `unknown_environment`, `refused`, `disposed`
   */
  get(id: string, allowed?: readonly string[]): Executor {
    this.#definitionOf(id, allowed);
    let executor = this.#executors.get(id);
    if (executor === undefined) {
      const lookup = (): EnvironmentDefinition => this.#definitionOf(id);
      this.#executors.set(id, (executor = new SharedExecutor(lookup, this.#options)));
    }
    return executor;
  }

  /** Ends every process, also those of executors that were replaced. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await Promise.all([...this.#executors.values()].map((executor) => executor.close()));
  }

  #definitionOf(id: string, allowed?: readonly string[]): EnvironmentDefinition {
    if (this.#disposed) throw new ExecutorError("disposed", "The environments were disposed");
    const definition = this.#source.lookup(id);
    if (definition !== undefined && (allowed === undefined || allowed.includes(id))) return definition;
    const usable = allowed === undefined ? this.ids : this.ids.filter((each) => allowed.includes(each));
    const there = usable.length === 0 ? "there are none" : `there are: ${usable.join(", ")}`;
    throw definition === undefined
      ? new ExecutorError("unknown_environment", `There is no environment "${id}"; ${there}`)
      : new ExecutorError("refused", `Environment "${id}" is not allowed here; ${there}`);
  }
}

/**
 * An executor as a definition says.
 *
 * @param lookup says what it is now, each time a link is opened (N4)
 */
export function executorOf(
  definition: EnvironmentDefinition,
  options: EnvironmentsOptions = {},
  lookup: () => EnvironmentDefinition | undefined = () => definition,
): LocalExecutor | RemoteExecutor {
  const { clock = systemClock, log = silentLog, recoveryMs } = options;
  if (definition.kind === "local") return new LocalExecutor({ clock, log });
  const { id, initializeTimeoutMs } = definition;
  return new RemoteExecutor({
    name: id,
    clock,
    log,
    opener:
      definition.kind === "url"
        ? rotatingOpener(definition, lookup, clock)
        : programOpener({
            ...definition,
            cwd: definition.cwd ?? process.cwd(),
            onStderr: (text) => log("debug", `executor "${id}": ${text.trimEnd()}`, { executor: id }),
          }),
    ...(initializeTimeoutMs === undefined ? {} : { initializeTimeoutMs }),
    ...(recoveryMs === undefined ? {} : { recoveryMs }),
  });
}

type UrlDefinition = EnvironmentDefinition & { readonly kind: "url" };

/** Opens each link with the token that is there then (N4). */
function rotatingOpener(
  made: UrlDefinition,
  lookup: () => EnvironmentDefinition | undefined,
  clock: Clock,
): LinkOpener {
  const first = websocketOpener({ ...made, clock });
  return {
    ...first,
    open: (events, signal) => {
      try {
        const now = lookup();
        const same = now !== undefined && sameExecutor(now, made) ? (now as UrlDefinition) : made;
        return websocketOpener({ ...same, clock }).open(events, signal);
      } catch (cause) {
        const message = `Cannot connect to the executor at ${first.target}: ${messageOf(cause)}`;
        const error = new ExecutorError("executor_unreachable", message, { cause });
        return Promise.resolve({ kind: "failed", error, final: true });
      }
    },
  };
}

function sameExecutor(one: EnvironmentDefinition, other: EnvironmentDefinition): boolean {
  return isDeepStrictEqual(withoutToken(one), withoutToken(other));
}

function withoutToken(definition: EnvironmentDefinition): object {
  if (definition.kind !== "url") return definition;
  const { bearerToken: _, connectTimeoutMs: __, ...rest } = definition;
  return rest;
}

function sourceOf(definitions: readonly EnvironmentDefinition[]): EnvironmentSource {
  const byId = new Map(definitions.map((each) => [each.id, each]));
  return { ids: () => [...byId.keys()], lookup: (id) => byId.get(id) };
}

/** An executor that was made from one definition, and how many processes are on it or on their way. */
interface Generation {
  readonly definition: EnvironmentDefinition;
  readonly executor: Executor;
  uses: number;
}

/** What users of an environment hold; the executor behind it may change (N3). */
class SharedExecutor implements Executor {
  readonly #lookup: () => EnvironmentDefinition;
  readonly #options: EnvironmentsOptions;
  /** The newest last; the others end with their last process. */
  readonly #generations: Generation[] = [];

  constructor(lookup: () => EnvironmentDefinition, options: EnvironmentsOptions) {
    this.#lookup = lookup;
    this.#options = options;
  }

  async info(options?: WaitOptions): Promise<EnvironmentInfo> {
    const generation = this.#take();
    try {
      return await generation.executor.info(options);
    } finally {
      this.#leave(generation);
    }
  }

  async start(spec: ProcessSpec, options?: WaitOptions): Promise<ExecutorProcess> {
    const generation = this.#take();
    try {
      const process = await generation.executor.start(spec, options);
      return new CountedProcess(process, () => this.#leave(generation));
    } catch (error) {
      this.#leave(generation);
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    const all = this.#generations.splice(0);
    await Promise.all(all.map(({ executor }) => executor[Symbol.asyncDispose]()));
  }

  #take(): Generation {
    const definition = this.#lookup();
    const before = this.#generations.at(-1);
    if (before !== undefined && sameExecutor(before.definition, definition)) {
      before.uses++;
      return before;
    }
    const executor = executorOf(definition, this.#options, this.#lookup);
    const generation = { definition, executor, uses: 1 };
    this.#generations.push(generation);
    if (before?.uses === 0) void this.#retire(before);
    return generation;
  }

  #leave(generation: Generation): void {
    generation.uses--;
    if (generation.uses === 0 && generation !== this.#generations.at(-1)) void this.#retire(generation);
  }

  /** Never rejects. */
  async #retire(generation: Generation): Promise<void> {
    const at = this.#generations.indexOf(generation);
    // Closed with all others already.
    if (at === -1) return;
    this.#generations.splice(at, 1);
    try {
      await generation.executor[Symbol.asyncDispose]();
    } catch (error) {
      const { log = silentLog } = this.#options;
      const { id } = generation.definition;
      log("warn", `Cannot end the former executor of environment "${id}": ${messageOf(error)}`, {
        executor: id,
      });
    }
  }
}

/** A process that says once when it has ended: by its last event, or by its disposal. */
class CountedProcess implements ExecutorProcess {
  readonly #process: ExecutorProcess;
  #onEnd: (() => void) | undefined;

  constructor(process: ExecutorProcess, onEnd: () => void) {
    this.#process = process;
    this.#onEnd = onEnd;
  }

  get id(): string {
    return this.#process.id;
  }

  async *events(options?: WaitOptions): AsyncGenerator<ProcessEvent, undefined, undefined> {
    for await (const event of this.#process.events(options)) {
      if (event.type === "closed") this.#end();
      yield event;
    }
    return undefined;
  }

  write(bytes: Uint8Array, options?: WaitOptions): Promise<void> {
    return this.#process.write(bytes, options);
  }

  read(options?: ReadOptions): Promise<ReadResult> {
    return this.#process.read(options);
  }

  interrupt(options?: WaitOptions): Promise<void> {
    return this.#process.interrupt(options);
  }

  terminate(options?: WaitOptions): Promise<boolean> {
    return this.#process.terminate(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    this.#end();
  }

  #end(): void {
    this.#onEnd?.();
    this.#onEnd = undefined;
  }
}
