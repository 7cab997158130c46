/** What a storm of threads does, what it was answered, and who kills what meanwhile. */
import { setTimeout as sleep } from "node:timers/promises";
import type { JsonObject } from "../../../src/base/json.ts";
import type { CallOutcome, McpConnectionManager } from "../../../src/mcp/index.ts";
import { McpError } from "../../../src/mcp/index.ts";
import { processesOfOwner } from "../../../src/testing/leaks.ts";
import type { Chance } from "./chance.ts";

const KINDS: ReadonlySet<string> = new Set<CallOutcome["kind"]>([
  "result",
  "tool_error",
  "protocol_error",
  "timeout",
  "cancelled",
  "lost",
  "not_sent",
]);

/** So much later an answer may come on a machine that is very busy. */
const LATE_MS = 10_000;

/** Everything that was asked, and what came of it. */
export class Ledger {
  readonly outcomes: Map<string, number> = new Map();
  /** What should not have happened. */
  readonly wrong: string[] = [];
  readonly #open = new Set<Promise<void>>();
  asked = 0;
  /** How much later than its time a call was answered at most. */
  latestMs = 0;
  answered = 0;

  /** A call has one outcome, in its time, and never throws. */
  call(calling: Promise<CallOutcome>, timeoutMs: number): Promise<void> {
    const madeAt = performance.now();
    return this.#note(
      calling.then(
        ({ kind }) => {
          this.#count(KINDS.has(kind) ? kind : `unknown outcome ${kind}`);
          const lateMs = performance.now() - madeAt - timeoutMs;
          this.latestMs = Math.max(this.latestMs, Math.round(lateMs));
          if (lateMs > LATE_MS) this.wrong.push(`a call of ${timeoutMs} ms was ${lateMs} ms late: ${kind}`);
        },
        (error: unknown) => void this.wrong.push(`a call threw ${String(error)}`),
      ),
    );
  }

  /** Anything else may also throw one of our errors, or the reason of its signal. */
  request(asking: Promise<unknown>, signal?: AbortSignal): Promise<void> {
    return this.#note(
      asking.then(
        () => this.#count("other result"),
        (error: unknown) => {
          this.#count("other error");
          const isExpected =
            error instanceof McpError || (signal?.aborted === true && error === signal.reason);
          if (!isExpected) this.wrong.push(`a request threw ${String(error)}`);
        },
      ),
    );
  }

  /** Waits until everything is answered. */
  async settled(): Promise<void> {
    await Promise.all(this.#open);
  }

  #note(answering: Promise<void>): Promise<void> {
    this.asked++;
    this.#open.add(answering);
    void answering.then(() => {
      this.answered++;
      this.#open.delete(answering);
    });
    return answering;
  }

  #count(what: string): void {
    this.outcomes.set(what, (this.outcomes.get(what) ?? 0) + 1);
  }
}

/** Calls with their arguments; some of them come more often. */
const CALLS: readonly (readonly [string, JsonObject])[] = [
  ["echo", { text: "hi" }],
  ["echo", { text: "x".repeat(100_000) }],
  ["count", {}],
  ["pid", {}],
  ["fail", {}],
  ["big", { bytes: 300_000 }],
  ["progress", { count: 20 }],
  ["progress", { count: 20, everyMs: 5 }],
  ["structured", {}],
  ["misshapen", {}],
  ["sleep", { ms: 150 }],
  ["ask", { message: "Sure?" }],
  ["log", { data: "something" }],
  ["change", { add: "fresh", times: 3 }],
  ["hang", {}],
  ["meet", {}],
  ["die", { code: 4 }],
  ["no_such_tool", {}],
];

/** One thing that a thread does. @returns when it is answered */
export function act(
  thread: McpConnectionManager,
  server: string,
  chance: Chance,
  ledger: Ledger,
): Promise<void> {
  const stop = new AbortController();
  if (chance.oneIn(4)) void sleep(chance.below(200)).then(() => stop.abort(new Error("the caller gave up")));
  const options = { signal: stop.signal, timeoutMs: 100 + chance.below(3_000) };
  switch (chance.below(10)) {
    case 0:
      return ledger.request(thread.listResources(server, options), stop.signal);
    case 1:
      return ledger.request(thread.readResource(server, "test://a", options), stop.signal);
    case 2:
      return ledger.request(thread.ready(undefined, options), stop.signal);
    case 3:
      return ledger.request(thread.subscribe(server, "test://a", options), stop.signal);
    default: {
      // Only a server that nobody else needs is stopped for good.
      const [tool, args] =
        server.startsWith("own") && chance.oneIn(10) ? (["wedge", {}] as const) : chance.pick(CALLS);
      const calling = thread.callTool(server, tool, args, { ...options, onProgress: () => {} });
      return ledger.call(calling, options.timeoutMs);
    }
  }
}

/** Kills processes of these owners and cuts links, until it is stopped. */
export async function meddle(
  chance: Chance,
  owners: readonly number[],
  cut: () => void,
  signal: AbortSignal,
): Promise<{ readonly kills: number; readonly cuts: number }> {
  let [kills, cuts] = [0, 0];
  for (;;) {
    await sleep(50 + chance.below(100), undefined, { signal }).catch(() => {});
    if (signal.aborted) return { kills, cuts };
    if (chance.oneIn(6)) {
      cut();
      cuts++;
      continue;
    }
    const pids = processesOfOwner(chance.pick(owners));
    if (pids.length === 0) continue;
    try {
      process.kill(chance.pick(pids), "SIGKILL");
      kills++;
    } catch {
      // It has ended in the meantime.
    }
  }
}
