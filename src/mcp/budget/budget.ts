/**
 * Bounds on the processes of one host.
 *
 * Invariants
 *   U1. At a bound nothing hangs: a start is rejected with the bound and who holds it. Only the bound on starts per second lets
 *       starts wait, in the order they came.
 *   U2. What was admitted counts until it is given back, once.
 */
import { type Clock, sleep } from "../../base/clock.ts";
import { McpError } from "../errors.ts";

export interface BudgetOptions {
  /** Processes of servers at most, on all environments together. @default 1000 */
  readonly processes?: number;
  /** Processes of one thread at most; a shared one counts for the thread that started it. @default 50 */
  readonly processesPerThread?: number;
  /** Starts in any second, at most. @default 50 */
  readonly startsPerSecond?: number;
  /**
   * Bytes that all processes on this machine may use before no further one is started. What starts at the same moment may
   * exceed it. @default no bound
   */
  readonly memoryBytes?: number;
}

/** Who wants to start a process. */
export interface Applicant {
  readonly thread: string;
  readonly server: string;
}

/** Measuring takes at most one part in so many of the time. */
const MEASURE_SHARE = 20;

export class Budget {
  readonly #options: Required<Omit<BudgetOptions, "memoryBytes">> & Pick<BudgetOptions, "memoryBytes">;
  readonly #clock: Clock;
  /** Bytes that the processes use now; `undefined` where the system does not tell. */
  readonly #measure: () => number | undefined;
  readonly #held = new Set<Applicant>();
  /** When the last starts were, or will be, at most `startsPerSecond`. */
  #starts: number[] = [];
  #measured: { readonly used: number | undefined; readonly until: number } | undefined;

  constructor(options: BudgetOptions, clock: Clock, measure: () => number | undefined) {
    const { processes = 1000, processesPerThread = 50, startsPerSecond = 50, memoryBytes } = options;
    this.#options = {
      processes,
      processesPerThread,
      startsPerSecond,
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
    };
    this.#clock = clock;
    this.#measure = measure;
  }

  /** Processes that were admitted and not given back. */
  get held(): number {
    return this.#held.size;
  }

  /**
   * @returns gives it back
   * @throws {McpError} `budget`, also when the signal aborts before its turn has come
   */
  async admit(applicant: Applicant, signal: AbortSignal): Promise<() => void> {
    this.#check(applicant);
    this.#held.add(applicant);
    const release = (): void => {
      this.#held.delete(applicant);
      this.#measured = undefined;
    };
    try {
      await this.#waitForTurn(signal);
      return release;
    } catch (cause) {
      release();
      const { startsPerSecond } = this.#options;
      const bound = `its turn did not come in time, and the bound is ${counted(startsPerSecond, "start")} in a second (startsPerSecond)`;
      throw budgetError(applicant, bound, [...this.#held], cause);
    }
  }

  #check(applicant: Applicant): void {
    const { processes, processesPerThread, memoryBytes } = this.#options;
    const { thread } = applicant;
    const own = [...this.#held].filter((each) => each.thread === thread);
    const reject = (bound: string, holders: readonly Applicant[]): never => {
      throw budgetError(applicant, bound, holders);
    };
    if (own.length >= processesPerThread)
      reject(
        `thread ${thread} runs ${counted(own.length, "process")}, and the bound is ${processesPerThread} (processesPerThread)`,
        own,
      );
    if (this.#held.size >= processes)
      reject(
        `this host runs ${counted(this.#held.size, "process")}, and the bound is ${processes} (processes)`,
        [...this.#held],
      );
    if (memoryBytes === undefined) return;
    const used = this.#used();
    if (used !== undefined && used >= memoryBytes)
      reject(
        `the processes of this host use ${megabytes(used)}, and the bound is ${megabytes(memoryBytes)} (memoryBytes)`,
        [...this.#held],
      );
  }

  /** As measured a moment ago: it takes a millisecond for each process, in which nothing else happens here. */
  #used(): number | undefined {
    const began = this.#clock.now();
    if (this.#measured === undefined || began >= this.#measured.until) {
      const used = this.#measure();
      const now = this.#clock.now();
      this.#measured = { used, until: now + (now - began) * MEASURE_SHARE };
    }
    return this.#measured.used;
  }

  async #waitForTurn(signal: AbortSignal): Promise<void> {
    const { startsPerSecond } = this.#options;
    const now = this.#clock.now();
    this.#starts = this.#starts.slice(-startsPerSecond);
    const oldest = this.#starts.length < startsPerSecond ? undefined : this.#starts[0];
    const at = oldest === undefined ? now : Math.max(now, oldest + 1000);
    this.#starts.push(at);
    if (at > now) await sleep(this.#clock, at - now, signal);
  }
}

function budgetError(
  { server }: Applicant,
  bound: string,
  holders: readonly Applicant[],
  cause?: unknown,
): McpError {
  const whose = holders.length === 0 ? "" : `; they belong to ${holdersText(holders)}`;
  return new McpError("budget", `MCP server "${server}" was not started: ${bound}${whose}`, {
    server,
    cause,
  });
}

function counted(count: number, what: "process" | "start"): string {
  if (count === 1) return `1 ${what}`;
  return `${count} ${what === "process" ? "processes" : "starts"}`;
}

/** The threads with the most processes first. */
function holdersText(holders: readonly Applicant[]): string {
  const counts = new Map<string, number>();
  for (const { thread } of holders) counts.set(thread, (counts.get(thread) ?? 0) + 1);
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  const shown = sorted.slice(0, 5).map(([thread, count]) => `thread ${thread} (${count})`);
  const more = sorted.length - shown.length;
  return `${shown.join(", ")}${more > 0 ? ` and ${more} more threads` : ""}`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MB`;
}
