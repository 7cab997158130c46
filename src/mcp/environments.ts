/**
 * Where servers can run: the environments by id, each with one executor that everybody shares.
 *
 * Where they are defined is the configuration's business (`config/environments/`), which yields the same shape.
 *
 * Invariants
 *   N1. An id that does not exist, or is not allowed, is an error that says which ones are: nothing runs somewhere else
 *       because its place is missing.
 *   N2. An executor is made when it is first asked for, and connects when it is first used.
 */
import { type Clock, systemClock } from "../base/clock.ts";
import { type Log, silentLog } from "../base/log.ts";
import { programOpener, websocketOpener } from "../executor/client/open-link.ts";
import { RemoteExecutor } from "../executor/client/remote-executor.ts";
import { ExecutorError } from "../executor/errors.ts";
import type { Executor } from "../executor/executor.ts";
import { LocalExecutor } from "../executor/local/local-executor.ts";

export type EnvironmentDefinition =
  | { readonly id: string; readonly kind: "local" }
  | {
      readonly id: string;
      readonly kind: "url";
      /** `ws://` or `wss://`. */
      readonly url: string;
      readonly bearerToken?: string;
      /** @default 10 000 */
      readonly connectTimeoutMs?: number;
      /** @default 10 000 */
      readonly initializeTimeoutMs?: number;
    }
  | {
      readonly id: string;
      readonly kind: "program";
      readonly program: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      /** @default the folder of this process */
      readonly cwd?: string;
      /** @default 10 000 */
      readonly initializeTimeoutMs?: number;
    };

export interface EnvironmentsOptions {
  readonly clock?: Clock;
  readonly log?: Log;
  /** How long a lost link is tried to be restored, in milliseconds. @default 45 000 */
  readonly recoveryMs?: number;
}

export class Environments implements AsyncDisposable {
  readonly #definitions: ReadonlyMap<string, EnvironmentDefinition>;
  readonly #options: EnvironmentsOptions;
  readonly #executors = new Map<string, Executor>();
  #disposed = false;

  constructor(definitions: readonly EnvironmentDefinition[], options: EnvironmentsOptions = {}) {
    this.#definitions = new Map(definitions.map((each) => [each.id, each]));
    this.#options = options;
  }

  get ids(): readonly string[] {
    return [...this.#definitions.keys()];
  }

  /**
   * The executor of an environment. It stays ours: whoever gets it does not dispose it.
   *
   * @param allowed the ids that may be used, e.g. those of a thread. @default all
   * @throws {ExecutorError} `unknown_environment`, `refused`, `disposed`
   */
  get(id: string, allowed?: readonly string[]): Executor {
    if (this.#disposed) throw new ExecutorError("disposed", "The environments were disposed");
    const definition = this.#definitions.get(id);
    const known = allowed === undefined ? this.ids : this.ids.filter((each) => allowed.includes(each));
    const there = known.length === 0 ? "there are none" : `there are: ${known.join(", ")}`;
    if (definition === undefined) {
      throw new ExecutorError("unknown_environment", `There is no environment "${id}"; ${there}`);
    }
    if (!known.includes(id)) {
      throw new ExecutorError("refused", `Environment "${id}" is not allowed here; ${there}`);
    }
    let executor = this.#executors.get(id);
    if (executor === undefined) this.#executors.set(id, (executor = this.#make(definition)));
    return executor;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await Promise.all([...this.#executors.values()].map((executor) => executor[Symbol.asyncDispose]()));
  }

  #make(definition: EnvironmentDefinition): Executor {
    const { clock = systemClock, log = silentLog, recoveryMs } = this.#options;
    const { id } = definition;
    if (definition.kind === "local") return new LocalExecutor({ clock, log });
    const { initializeTimeoutMs } = definition;
    return new RemoteExecutor({
      name: id,
      clock,
      log,
      opener:
        definition.kind === "url"
          ? websocketOpener({ ...definition, clock })
          : programOpener({
              ...definition,
              cwd: definition.cwd ?? process.cwd(),
              onStderr: (text) => log("debug", `executor "${id}": ${text.trimEnd()}`, { executor: id }),
            }),
      ...(initializeTimeoutMs === undefined ? {} : { initializeTimeoutMs }),
      ...(recoveryMs === undefined ? {} : { recoveryMs }),
    });
  }
}
