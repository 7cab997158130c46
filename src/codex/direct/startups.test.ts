import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { ManualClock } from "../../testing/manual-clock.ts";
import type { StartupFailure } from "./reasons.ts";
import { ServerStartups } from "./startups.ts";

/** The wait is not given up. */
const NEVER = new Promise<never>(() => {});
/** Codex's names and the host's: "b" runs under another one. */
const NAMES = new Map([
  ["a", "a"],
  ["b_2", "b"],
]);
const ready = (name: string): Parameters<ServerStartups["update"]>[0] => ({
  name,
  status: "ready",
  error: null,
});
const failed = (name: string, error: string | null): Parameters<ServerStartups["update"]>[0] => ({
  name,
  status: "failed",
  error,
});

interface Waiting {
  readonly clock: ManualClock;
  readonly startups: ServerStartups;
  /** How often Codex was asked. */
  readonly probes: () => number;
  /** The outcome, once there is one. */
  readonly settled: () => object[] | undefined;
}

function wait(
  timeoutMs: number,
  probe: () => Promise<void> = () => Promise.resolve(),
  names = NAMES,
): Waiting {
  const clock = new ManualClock();
  const startups = new ServerStartups(clock, names);
  let probes = 0;
  let outcome: readonly StartupFailure[] | undefined;
  void startups
    .settle(
      timeoutMs,
      () => {
        probes++;
        return probe();
      },
      NEVER,
    )
    .then((failures) => (outcome = failures));
  return { clock, startups, probes: () => probes, settled: () => told(outcome) };
}

/** Without what only the explanation of a reason needs. */
function told(failures: readonly StartupFailure[] | undefined): object[] | undefined {
  return failures?.map(({ server, reason }) => ({ server, reason }));
}

suite("ServerStartups", () => {
  test("settles at once where there is no server, and leaves no timer", async () => {
    const { clock, settled } = wait(30_000, undefined, new Map());
    await clock.advance(0);
    assert.deepEqual([settled(), clock.pending], [[], 0]);
  });

  test("settles with the last server that is ready or has failed, asks nothing and leaves no timer", async () => {
    const { clock, startups, probes, settled } = wait(30_000);
    startups.update(ready("a"));
    await clock.advance(1_000);
    assert.equal(settled(), undefined);
    startups.update(failed("b_2", "no"));
    await clock.advance(0);
    assert.deepEqual(settled(), [{ server: "b", reason: "no" }]);
    assert.deepEqual([probes(), clock.pending], [0, 0]);
  });

  test("settles with news that came before the wait", async () => {
    const clock = new ManualClock();
    const startups = new ServerStartups(clock, NAMES);
    startups.update(ready("b_2"));
    startups.update(ready("a"));
    assert.deepEqual(await startups.settle(1, () => Promise.reject(new Error("asked")), NEVER), []);
    await clock.advance(0);
    assert.equal(clock.pending, 0);
  });

  test("asks once after 1.5 s without news, and goes on waiting when that fails", async () => {
    const { clock, startups, probes, settled } = wait(30_000, () => Promise.reject(new Error("gone")));
    await clock.advance(1_499);
    assert.equal(probes(), 0);
    await clock.advance(1);
    assert.equal(probes(), 1);
    await clock.advance(20_000);
    assert.deepEqual([probes(), settled()], [1, undefined]);
    startups.update(ready("a"));
    startups.update(ready("b_2"));
    await clock.advance(0);
    assert.deepEqual([settled(), clock.pending], [[], 0]);
  });

  test("settles with the answer when it asked", async () => {
    const { clock, startups, settled } = wait(30_000, () => {
      startups.probed("a", "connected", null);
      startups.probed("b_2", "disabled", null);
      return Promise.resolve();
    });
    await clock.advance(1_500);
    assert.deepEqual(settled(), [{ server: "b", reason: "it is disabled by a requirement of this machine" }]);
  });

  test("counts a server as failed when there is no news by its time-out and a margin", async () => {
    const { clock, startups, settled } = wait(10_000);
    startups.update(ready("a"));
    await clock.advance(16_499);
    assert.equal(settled(), undefined);
    await clock.advance(1);
    assert.deepEqual(settled(), [{ server: "b", reason: "not ready within 10000 ms" }]);
    assert.equal(clock.pending, 0);
    assert.deepEqual(told(await startups.settle(10_000, () => Promise.resolve(), NEVER)), settled());
  });

  test("counts a server that came late from the next wait on", async () => {
    const { clock, startups, settled } = wait(1_000);
    await clock.advance(7_500);
    assert.equal(settled()?.length, 2);
    startups.update(ready("a"));
    assert.deepEqual(told(startups.failures), [{ server: "b", reason: "not ready within 1000 ms" }]);
  });

  const reasons: readonly (readonly [status: string, error: string | null, reason: string | undefined])[] = [
    ["failed", "MCP client for `a` failed to start: MCP startup failed: no such file", "no such file"],
    ["failed", "MCP client for `a` failed to start: connection refused", "connection refused"],
    ["failed", "MCP client for `a` timed out", "MCP client for `a` timed out"],
    ["failed", null, "its start was failed"],
    ["cancelled", null, "its start was cancelled"],
    ["starting", null, undefined],
    ["ready", null, undefined],
  ];
  for (const [status, error, reason] of reasons) {
    test(`takes ${status} (${error ?? "no error"}) for ${reason ?? "no failure"}`, () => {
      const startups = new ServerStartups(new ManualClock(), NAMES);
      startups.update({ name: "a", status, error });
      assert.deepEqual(told(startups.failures), reason === undefined ? [] : [{ server: "a", reason }]);
    });
  }

  test("takes from an answer only definite states, and only of servers without news", () => {
    const startups = new ServerStartups(new ManualClock(), NAMES);
    for (const status of [null, "starting", "notStarted"]) startups.probed("a", status, null);
    assert.deepEqual(told(startups.failures), []);
    startups.probed("a", "failed", "boom");
    startups.probed("a", "connected", null);
    startups.update(ready("b_2"));
    startups.probed("b_2", "failed", "old news");
    assert.deepEqual(told(startups.failures), [{ server: "a", reason: "boom" }]);
  });

  test("uses authenticationRequired, and states it does not know, as the reason", () => {
    const startups = new ServerStartups(new ManualClock(), NAMES);
    startups.probed("a", "authenticationRequired", null);
    startups.probed("b_2", "cancelled", null);
    assert.deepEqual(
      startups.failures.map(({ reason }) => reason),
      ["authenticationRequired", "cancelled"],
    );
  });

  test("counts a server that was ready and is lost as failed", () => {
    const startups = new ServerStartups(new ManualClock(), NAMES);
    startups.update(ready("b_2"));
    startups.lost("b_2", "the connection broke");
    assert.deepEqual(told(startups.failures), [{ server: "b", reason: "the connection broke" }]);
  });

  test("knows of which failures the end of the process is the cause", () => {
    const startups = new ServerStartups(new ManualClock(), NAMES);
    for (const [error, hasEnded] of [
      ["handshaking with MCP server failed: connection closed: initialize response", true],
      [
        "handshaking with MCP server failed: Send message error Broken pipe (os error 32), when send initialize request",
        true,
      ],
      ["handshaking with MCP server failed: JSON-RPC error: -32603: no", false],
      ["MCP client for `a` timed out after 3 seconds.", false],
    ] as const) {
      startups.update(failed("a", error));
      assert.equal(startups.failures[0]?.hasEnded, hasEnded, error);
    }
    startups.update(ready("a"));
    startups.lost("a", "its connection was closed");
    assert.deepEqual(startups.failures, [
      { name: "a", server: "a", reason: "its connection was closed", hasEnded: true },
    ]);
  });

  test("ignores servers that are not its own, such as those that are switched off", async () => {
    const { clock, startups, settled } = wait(1_000);
    startups.update(failed("other", "no"));
    startups.probed("other", "failed", "no");
    startups.lost("other", "no");
    startups.update(ready("a"));
    startups.update(ready("b_2"));
    await clock.advance(0);
    assert.deepEqual(settled(), []);
  });

  test("settles exactly when no server is starting, in any order of news", async () => {
    const news = fc.record({
      name: fc.constantFrom("a", "b_2", "other"),
      status: fc.constantFrom("starting", "ready", "failed", "cancelled"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(news, { maxLength: 8 }), async (all) => {
        const { clock, startups, settled } = wait(1_000);
        const heard = new Set<string>();
        for (const { name, status } of all) {
          startups.update({ name, status, error: null });
          if (status !== "starting") heard.add(name);
          await clock.advance(0);
          assert.equal(settled() !== undefined, heard.has("a") && heard.has("b_2"));
        }
        await clock.advance(10_000);
        assert.notEqual(settled(), undefined);
        assert.equal(clock.pending, 0);
      }),
      { numRuns: 50 },
    );
  });
});

test("ServerStartups leaves no timer behind when the wait is given up", async () => {
  const clock = new ManualClock();
  const startups = new ServerStartups(clock, NAMES);
  const stop = Promise.withResolvers<never>();
  const settled = startups.settle(10_000, () => Promise.resolve(), stop.promise);
  stop.reject(new Error("given up"));
  await assert.rejects(settled, /given up/);
  assert.equal(clock.pending, 0);
});
