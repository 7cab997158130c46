/**
 * Where servers can run: one executor for each environment, which all its users share.
 *
 *   get("box") ──> lookup("box") ──> the executor of that definition
 *
 * The configuration says what an environment is (`config/environments/`). It is looked up with each `get`, so that an
 * edited file counts for the next start: ask for the executor when a process is to be started, and do not keep it.
 *
 * Invariants
 *   N1. An id that does not exist, or is not allowed, is an error that names those that are: nothing runs somewhere
 *       else because its environment is missing.
 *   N2. An executor is made when it is first used, once for all users.
 *   N3. When a definition has changed, the next `get` yields a new executor. Processes on the former one go on there;
 *       it is disposed with the environments.
 *   N4. Another token or time-out does not replace an executor: it counts for the next link to it, including one that
 *       replaces a lost link.
 */
import { isDeepStrictEqual } from "node:util";
import { type Clock, systemClock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { EnvironmentDefinition } from "../config/environments/types.ts";
import { type LinkOpener, programOpener, websocketOpener } from "../executor/client/open-link.ts";
import { RemoteExecutor } from "../executor/client/remote-executor.ts";
import { ExecutorError } from "../executor/errors.ts";
import type { Executor } from "../executor/executor.ts";
import { LocalExecutor } from "../executor/local/local-executor.ts";

/** Which environments there are at the moment. */
export interface EnvironmentSource {
  readonly ids: () => readonly string[];
  /** An error it throws is thrown to the caller who uses the environment. */
  readonly lookup: (id: string) => EnvironmentDefinition | undefined;
}

export interface EnvironmentsOptions {
  /** Time, for tests. */
  readonly clock?: Clock;
  /** Receives diagnostics. */
  readonly log?: Log;
  /** How long to try to restore a lost link, in milliseconds. @default 45 000 */
  readonly recoveryMs?: number;
}

export class Environments implements AsyncDisposable {
  readonly #source: EnvironmentSource;
  readonly #options: EnvironmentsOptions;
  readonly #current = new Map<
    string,
    { readonly definition: EnvironmentDefinition; readonly executor: Executor }
  >();
  /** All that were made. */
  readonly #executors: Executor[] = [];
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
   * The executor of an environment as it is defined now. It stays ours: do not dispose it.
   *
   * @param allowed the ids that may be used, e.g. those of a thread. @default all
   * @throws {ExecutorError} `unknown_environment`, `refused`, `disposed`
   */
  get(id: string, allowed?: readonly string[]): Executor {
    const definition = this.#definitionOf(id, allowed);
    const current = this.#current.get(id);
    if (current !== undefined && sameExecutor(current.definition, definition)) return current.executor;
    const executor = executorOf(definition, this.#options, () => this.#definitionOf(id));
    this.#executors.push(executor);
    this.#current.set(id, { definition, executor });
    return executor;
  }

  /** Ends every process, including those of former executors. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await Promise.all(this.#executors.map((executor) => executor[Symbol.asyncDispose]()));
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
