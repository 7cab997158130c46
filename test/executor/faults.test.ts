/**
 * Links that cut, stall, repeat and reorder.
 *
 * One conversation runs without faults, for its outcome and its number of messages. Then it runs again
 * and again, with each fault at the first message, at the second, and so on, for a sample of the messages: the same must
 * come out.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { systemClock } from "../../src/base/clock.ts";
import { ExecutorError, RemoteExecutor, websocketOpener } from "../../src/executor/index.ts";
import { type Allowance, assertSame, converse, type Outcome } from "./support/conversation.ts";
import { type Fault, FaultProxy, type Plan, type Refusal } from "./support/fault-proxy.ts";
import { runs, sample, seed } from "../support/sample.ts";
import { startCodexExecServer, startServer } from "./support/subjects.ts";

const timeout = 180_000;

type FaultAt = (at: number) => Fault;

/** The state of the executor after a cut, in turn. */
const REFUSALS: readonly (Refusal | undefined)[] = [
  undefined,
  { how: 503, count: 2 },
  undefined,
  { how: "gone", count: 40 },
  undefined,
  { how: "half-open", count: 1 },
];

/** Each happens at every message in turn. */
const FAULTS: Readonly<Record<string, FaultAt>> = {
  "a cut before it": (at) => ({ kind: "cut", when: "before", refusal: REFUSALS[at % REFUSALS.length] }),
  "a cut after it": (at) => ({ kind: "cut", when: "after", refusal: REFUSALS[(at + 1) % REFUSALS.length] }),
  "a farewell before it": (at) => ({
    kind: "close",
    code: 1000 + (at % 2),
    refusal: REFUSALS[(at + 2) % REFUSALS.length],
  }),
  "a stall": () => ({ kind: "stall", forMs: 15 }),
  "a repetition": () => ({ kind: "duplicate" }),
  "another order": () => ({ kind: "swap" }),
};

/** Of the messages that meet a fault; with six faults, each message meets two of them. */
const ONE_PLAN_IN = 20;

/** At once, so that one conversation runs while another waits. */
const CONVERSATIONS = 6;

interface Held {
  readonly outcome: Outcome;
  readonly messages: number;
  readonly triggered: number;
}

async function hold(url: string, plans: readonly Plan[]): Promise<Held> {
  await using proxy = await FaultProxy.start(url, plans);
  await using executor = new RemoteExecutor({
    name: "box",
    opener: websocketOpener({ url: proxy.url, clock: systemClock, connectTimeoutMs: 400 }),
    recoveryMs: 20_000,
  });
  await reach(executor);
  const outcome = await converse(executor);
  return { outcome, messages: proxy.messages, triggered: proxy.triggered };
}

/** Before there is a session nothing can be resumed: a request fails, and may be repeated. */
async function reach(executor: RemoteExecutor): Promise<void> {
  for (let left = 50; ; left--) {
    try {
      await executor.info();
      return;
    } catch (error) {
      if (left === 0 || !(error instanceof ExecutorError) || error.code !== "executor_unreachable")
        throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** Several faults for one conversation, in the order of their messages. */
function plansUpTo(messages: number): fc.Arbitrary<readonly Plan[]> {
  const fault = fc
    .tuple(fc.constantFrom(...Object.values(FAULTS)), fc.nat(100))
    .map(([faultAt, at]) => faultAt(at));
  const plan = fc.record({ at: fc.integer({ min: 1, max: messages * 2 }), fault });
  return fc.array(plan, { minLength: 2, maxLength: 8 }).map((plans) => plans.toSorted((a, b) => a.at - b.at));
}

/** Runs a conversation for each plan, some at once. @returns how many of the faults happened */
async function holdAll(
  url: string,
  wanted: Outcome,
  plans: readonly Plan[],
  allowed: Allowance,
): Promise<number> {
  let triggered = 0;
  const waiting = [...plans];
  const workers = Array.from({ length: CONVERSATIONS }, async () => {
    for (let plan = waiting.shift(); plan !== undefined; plan = waiting.shift()) {
      try {
        const held = await hold(url, [plan]);
        assertSame(held.outcome, wanted, allowed);
        triggered += held.triggered;
      } catch (error) {
        // The others end first.
        waiting.length = 0;
        throw new Error(`With ${JSON.stringify(plan)}: ${String(error)}`, { cause: error });
      }
    }
  });
  for (const settled of await Promise.allSettled(workers))
    if (settled.status === "rejected") throw settled.reason;
  return triggered;
}

suite("a conversation with our server has the same outcome", () => {
  for (const [index, [what, faultAt]] of Object.entries(FAULTS).entries()) {
    test(`with ${what}, at any message`, { timeout }, async () => {
      await using server = await startServer({ retentionMs: 20_000 });
      const { outcome, messages } = await hold(server.url, []);
      const all = Array.from({ length: messages }, (_, at) => ({ at: at + 1, fault: faultAt(at) }));
      const plans = sample(all, ONE_PLAN_IN, index);
      const triggered = await holdAll(server.url, outcome, plans, { original: false });
      // How many messages a run has depends on the load, so the last ones may be missing.
      assert.ok(triggered > plans.length * 0.25, `only ${triggered} of ${plans.length} faults happened`);
      assert.equal(server.server.processes, 0);
    });
  }

  test("with one fault after the other", { timeout }, async () => {
    await using server = await startServer({ retentionMs: 20_000 });
    const { outcome, messages } = await hold(server.url, []);
    await fc.assert(
      fc.asyncProperty(plansUpTo(messages), async (plans) => {
        assertSame((await hold(server.url, plans)).outcome, outcome, { original: false });
      }),
      { numRuns: runs(6, 100) },
    );
  });
});

suite("a conversation with codex exec-server has the same outcome", () => {
  for (const args of sample([[], ["--concurrent-requests", "8"]], 2)) {
    test(`with any fault at some of its messages${args.map((arg) => ` ${arg}`).join("")}`, {
      timeout,
    }, async () => {
      await using server = await startCodexExecServer(args);
      const { outcome, messages } = await hold(server.url, []);
      const faults = Object.values(FAULTS);
      const places = fc.sample(fc.integer({ min: 1, max: messages }), {
        seed,
        numRuns: faults.length * runs(3, 15),
      });
      const plans = places.map((at, turn) => ({
        at,
        fault: (faults[turn % faults.length] as FaultAt)(turn),
      }));
      const triggered = await holdAll(server.url, outcome, plans, { original: true });
      assert.ok(triggered > plans.length * 0.25, `only ${triggered} of ${plans.length} faults happened`);
    });
  }
});
