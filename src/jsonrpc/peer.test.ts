/**
 * Two peers in memory, on a clock that the test moves. A fence holds the lines of one side back until the test lets
 * them go. At the end of every test both tables must be empty, no timer pending and no rejection unhandled.
 */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { suite, test } from "node:test";
import fc from "fast-check";
import { ManualClock } from "../testing/manual-clock.ts";
import { INTERNAL_ERROR, METHOD_NOT_FOUND, PeerError, RpcError } from "./errors.ts";
import { Peer, type PeerOptions } from "./peer.ts";

type Handlers = Partial<Omit<PeerOptions, "clock" | "send">>;

const unknownMethod = (method: string): Promise<unknown> =>
  Promise.reject(new RpcError({ code: METHOD_NOT_FOUND, message: `no ${method}` }));

class Pair implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly near: Peer;
  readonly far: Peer;
  /** Every line, with who wrote it. */
  readonly wire: string[] = [];
  readonly strays: (readonly [why: string, line: string])[] = [];
  readonly unhandled: unknown[] = [];
  readonly #held: (() => void)[] = [];
  #fenced = false;
  readonly #note = (reason: unknown): void => void this.unhandled.push(reason);

  constructor(handlers: { readonly near?: Handlers; readonly far?: Handlers } = {}) {
    process.on("unhandledRejection", this.#note);
    const peer = (name: string, own: Handlers | undefined, other: () => Peer): Peer =>
      new Peer({
        clock: this.clock,
        send: (line) => {
          this.wire.push(`${name} ${line}`);
          const deliver = (): void => other().receive(line);
          if (this.#fenced && name === "far") this.#held.push(deliver);
          else deliver();
        },
        onNotification: () => {},
        onRequest: unknownMethod,
        onStray: (why, line) => this.strays.push([why, line]),
        ...own,
      });
    this.near = peer("near", handlers.near, () => this.far);
    this.far = peer("far", handlers.far, () => this.near);
  }

  /** Holds back what the far side writes from now on. */
  fence(): void {
    this.#fenced = true;
  }

  /** Delivers what was held back. */
  open(): void {
    this.#fenced = false;
    for (const deliver of this.#held.splice(0)) deliver();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.near.close(new Error("the test is over"));
    this.far.close(new Error("the test is over"));
    await this.clock.advance(0);
    process.off("unhandledRejection", this.#note);
    assert.deepEqual(this.unhandled, []);
    assert.deepEqual([this.near.inFlight, this.far.inFlight, this.clock.pending], [0, 0, 0]);
  }
}

const ask = { timeoutMs: 1_000 };
const echo: Handlers = { onRequest: (method, params) => Promise.resolve({ method, params }) };
/** Never answers by itself: the test does. */
function byHand(): Handlers & {
  readonly asked: PromiseWithResolvers<unknown>[];
  readonly methods: string[];
} {
  const asked: PromiseWithResolvers<unknown>[] = [];
  const methods: string[] = [];
  return {
    asked,
    methods,
    onRequest: (method) => {
      const answer = Promise.withResolvers<unknown>();
      asked.push(answer);
      methods.push(method);
      return answer.promise;
    },
  };
}

function isPeerError(code: PeerError["code"], message?: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof PeerError, String(error));
    assert.equal(error.code, code);
    if (message !== undefined) assert.match(error.message, message);
    return true;
  };
}

suite("Peer asks", () => {
  test("and gets what the other side's handler gave", async () => {
    await using pair = new Pair({ far: echo });
    const params = { a: [1, null, "ä"] };
    assert.deepEqual(await pair.near.request("m", params, ask), { method: "m", params });
    assert.deepEqual(pair.wire, [
      'near {"id":0,"method":"m","params":{"a":[1,null,"ä"]}}',
      'far {"id":0,"result":{"method":"m","params":{"a":[1,null,"ä"]}}}',
    ]);
  });

  test("and leaves absent params out of the line", async () => {
    await using pair = new Pair({ far: echo });
    await pair.near.request("m", undefined, ask);
    pair.near.notify("n");
    assert.deepEqual(
      pair.wire.filter((line) => line.startsWith("near")),
      ['near {"id":0,"method":"m"}', 'near {"method":"n"}'],
    );
  });

  test("and gets the other side's error with its code and data", async () => {
    const error = { code: -32001, message: "later", data: { why: 1 } };
    await using pair = new Pair({ far: { onRequest: () => Promise.reject(new RpcError(error)) } });
    await assert.rejects(pair.near.request("m", {}, ask), (thrown) => {
      assert.ok(thrown instanceof RpcError);
      assert.deepEqual(thrown.toObject(), error);
      return true;
    });
  });

  test("both ways at once, with ids of its own each way (P3)", async () => {
    await using pair = new Pair({ near: echo, far: echo });
    const both = [pair.near.request("a", 1, ask), pair.far.request("b", 2, ask)];
    assert.deepEqual(await Promise.all(both), [
      { method: "a", params: 1 },
      { method: "b", params: 2 },
    ]);
  });

  test("and fails with timeout when no answer comes in time, not before (P1)", async () => {
    const hand = byHand();
    await using pair = new Pair({ far: hand });
    const asked = assert.rejects(
      pair.near.request("slow", {}, ask),
      isPeerError("timeout", /^No answer to "slow" within 1000 ms$/),
    );
    await pair.clock.advance(999);
    assert.equal(pair.near.inFlight, 1);
    await pair.clock.advance(1);
    await asked;
    assert.equal(pair.near.inFlight, 0);
  });

  test("and gives a result that came too late to onLateResult, once", async () => {
    const hand = byHand();
    await using pair = new Pair({ far: hand });
    const late: unknown[] = [];
    const options = { ...ask, onLateResult: (result: unknown) => void late.push(result) };
    const asked = assert.rejects(pair.near.request("m", {}, options), isPeerError("timeout"));
    await pair.clock.advance(1_000);
    await asked;
    hand.asked[0]?.resolve({ made: "late" });
    await pair.clock.advance(0);
    assert.deepEqual(late, [{ made: "late" }]);
    pair.near.receive('{"id":0,"result":{"made":"again"}}');
    assert.deepEqual(late, [{ made: "late" }]);
    assert.equal(pair.strays.length, 1);
  });

  test("and swallows an error that came too late", async () => {
    const hand = byHand();
    await using pair = new Pair({ far: hand });
    const late: unknown[] = [];
    const options = { ...ask, onLateResult: (result: unknown) => void late.push(result) };
    const asked = assert.rejects(pair.near.request("m", {}, options), isPeerError("timeout"));
    await pair.clock.advance(1_000);
    await asked;
    hand.asked[0]?.reject(new Error("no"));
    await pair.clock.advance(0);
    assert.deepEqual([late, pair.strays], [[], []]);
  });

  test("and remembers only the last 256 that timed out", async () => {
    const hand = byHand();
    await using pair = new Pair({ near: { inFlightMax: 1_000 }, far: hand });
    const late: unknown[] = [];
    const options = { ...ask, onLateResult: (result: unknown) => void late.push(result) };
    const asked = Array.from({ length: 300 }, () => pair.near.request("m", {}, options));
    const settled = Promise.allSettled(asked);
    await pair.clock.advance(1_000);
    await settled;
    for (const [n, answer] of hand.asked.entries()) answer.resolve(n);
    await pair.clock.advance(0);
    assert.deepEqual(
      late,
      Array.from({ length: 256 }, (_, n) => n + 44),
    );
    assert.equal(pair.strays.length, 44);
  });

  test("and gives a request the same time again while this side does not read", async () => {
    let paused = true;
    await using pair = new Pair({ near: { isPaused: () => paused }, far: echo });
    pair.fence();
    const asked = pair.near.request("m", 1, ask);
    await pair.clock.advance(5_500);
    assert.equal(pair.near.inFlight, 1);
    paused = false;
    pair.open();
    assert.deepEqual(await asked, { method: "m", params: 1 });
  });

  test("and times out after a pause when no answer was in the pipe", async () => {
    let paused = true;
    await using pair = new Pair({ near: { isPaused: () => paused }, far: byHand() });
    const asked = assert.rejects(pair.near.request("m", 1, ask), isPeerError("timeout"));
    await pair.clock.advance(1_500);
    paused = false;
    await pair.clock.advance(499);
    assert.equal(pair.near.inFlight, 1);
    await pair.clock.advance(1);
    await asked;
  });
});

suite("Peer gives up a request", () => {
  const reason = new Error("enough");

  test("whose signal has aborted before, and sends nothing (P1)", async () => {
    await using pair = new Pair();
    const options = { ...ask, signal: AbortSignal.abort(reason) };
    await assert.rejects(pair.near.request("m", {}, options), reason);
    assert.deepEqual(pair.wire, []);
  });

  test("that waits at the gate, and sends nothing of it (P1)", async () => {
    const hand = byHand();
    await using pair = new Pair({ near: { inFlightMax: 1 }, far: hand });
    const first = pair.near.request("first", {}, ask);
    const controller = new AbortController();
    const second = assert.rejects(
      pair.near.request("second", {}, { ...ask, signal: controller.signal }),
      reason,
    );
    const third = pair.near.request("third", {}, ask);
    await pair.clock.advance(0);
    controller.abort(reason);
    await second;
    hand.asked[0]?.resolve(1);
    await first;
    await pair.clock.advance(0);
    hand.asked[1]?.resolve(3);
    assert.equal(await third, 3);
    assert.deepEqual(hand.methods, ["first", "third"]);
  });

  test("between the gate and the pipe, and gives its place to the next (P1, P2)", async () => {
    const hand = byHand();
    await using pair = new Pair({ near: { inFlightMax: 1 }, far: hand });
    const controller = new AbortController();
    const first = assert.rejects(
      pair.near.request("first", {}, { ...ask, signal: controller.signal }),
      reason,
    );
    controller.abort(reason);
    await first;
    const second = pair.near.request("second", {}, ask);
    await pair.clock.advance(0);
    assert.deepEqual(hand.methods, ["second"]);
    hand.asked[0]?.resolve(2);
    assert.equal(await second, 2);
  });

  test("that was sent, and hands its result to onLateResult when it comes", async () => {
    const hand = byHand();
    await using pair = new Pair({ far: hand });
    const controller = new AbortController();
    const late: unknown[] = [];
    const asked = assert.rejects(
      pair.near.request(
        "m",
        {},
        { ...ask, signal: controller.signal, onLateResult: (r) => void late.push(r) },
      ),
      reason,
    );
    await pair.clock.advance(0);
    controller.abort(reason);
    await asked;
    hand.asked[0]?.resolve("late");
    await pair.clock.advance(0);
    assert.deepEqual([late, pair.strays], [["late"], []]);
  });

  test("but keeps its place at the gate until it is answered or out of time (P2)", async () => {
    const hand = byHand();
    await using pair = new Pair({ near: { inFlightMax: 1 }, far: hand });
    for (const [n, free] of [() => hand.asked[0]?.resolve(1), () => pair.clock.advance(1_000)].entries()) {
      const controller = new AbortController();
      const given = assert.rejects(
        pair.near.request("given up", {}, { ...ask, signal: controller.signal }),
        reason,
      );
      await pair.clock.advance(0);
      controller.abort(reason);
      await given;
      const next = pair.near.request("next", {}, ask);
      await pair.clock.advance(0);
      assert.deepEqual([pair.near.inFlight, hand.methods.length], [1, n * 2 + 1]);
      await free();
      await pair.clock.advance(0);
      hand.asked.at(-1)?.resolve("yes");
      assert.equal(await next, "yes");
    }
  });

  test("and leaves no listener on a signal that outlives thousands of requests", async () => {
    const hand = byHand();
    await using pair = new Pair({
      near: { inFlightMax: 2 },
      far: {
        onRequest: (method, ...rest) =>
          (method === "slow" ? hand.onRequest?.(method, ...rest) : null) as Promise<unknown>,
      },
    });
    const { signal } = new AbortController();
    const slow = assert.rejects(pair.near.request("slow", {}, { ...ask, signal }), isPeerError("timeout"));
    await Promise.all(Array.from({ length: 2_000 }, () => pair.near.request("m", {}, { ...ask, signal })));
    await pair.clock.advance(1_000);
    await slow;
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });
});

suite("Peer's gate", () => {
  test("lets no more than its number through, in order, for any outcome of each (P1, P2)", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.constantFrom("answer", "error", "abort", "silence"), { maxLength: 15 }),
        fc.scheduler(),
        async (inFlightMax, fates, scheduler) => {
          const order: string[] = [];
          await using pair: Pair = new Pair({
            near: { inFlightMax },
            far: {
              onRequest: async (name, fate) => {
                order.push(name);
                assert.ok(pair.near.inFlight <= inFlightMax);
                if (fate === "silence") await new Promise(() => {});
                await scheduler.schedule(Promise.resolve(), name);
                if (fate === "error") throw new Error("no");
                return name;
              },
            },
          });
          const ended = fates.map((fate, n) => {
            const controller = new AbortController();
            if (fate === "abort") {
              void scheduler.schedule(Promise.resolve(), `abort ${n}`).then(() => controller.abort());
            }
            return pair.near.request(`${n}`, fate, { ...ask, signal: controller.signal }).then(
              () => "answer",
              (error: unknown) => (error instanceof Error ? error.name : "?"),
            );
          });
          let settled = false;
          const all = Promise.all(ended).finally(() => (settled = true));
          for (let rounds = 0; !settled; rounds++) {
            assert.ok(rounds <= fates.length, "a place was lost");
            for (await pair.clock.advance(0); scheduler.count() > 0; await pair.clock.advance(0)) {
              await scheduler.waitNext(1);
            }
            // No more messages; only time passes.
            if (!settled) await pair.clock.advance(ask.timeoutMs);
          }
          for (const [n, end] of (await all).entries()) {
            const ends = { answer: ["answer"], error: ["RpcError"], silence: ["PeerError"] };
            const fate = fates[n] as string;
            assert.ok((ends[fate as "answer"] ?? ["answer", "AbortError"]).includes(end), `${fate}: ${end}`);
          }
          assert.deepEqual(
            order,
            order.toSorted((a, b) => Number(a) - Number(b)),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  test("does not count the wait in front of it against the time of a request", async () => {
    const hand = byHand();
    await using pair = new Pair({ near: { inFlightMax: 1 }, far: hand });
    const first = pair.near.request("first", {}, { timeoutMs: 10_000 });
    const second = pair.near.request("second", {}, ask);
    await pair.clock.advance(9_000);
    hand.asked[0]?.resolve(1);
    await first;
    await pair.clock.advance(999);
    hand.asked[1]?.resolve(2);
    assert.equal(await second, 2);
  });

  test("gives back the place of a request that cannot be written as JSON, and leaves no timer", async () => {
    await using pair = new Pair({ near: { inFlightMax: 1 }, far: echo });
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    await assert.rejects(pair.near.request("m", circular, ask), /circular/);
    await assert.rejects(pair.near.request("m", 1n, ask), /BigInt/);
    assert.deepEqual([pair.near.inFlight, pair.clock.pending], [0, 0]);
    assert.deepEqual(await pair.near.request("m", 2, ask), { method: "m", params: 2 });
  });

  test("gives back the place of a request whose line could not be written", async () => {
    const clock = new ManualClock();
    const sent: string[] = [];
    const peer = new Peer({
      clock,
      send: (line) => {
        if (sent.push(line) === 1) throw new Error("broken pipe");
      },
      onNotification: () => {},
      onRequest: unknownMethod,
      inFlightMax: 1,
    });
    await assert.rejects(peer.request("m", 1, ask), /broken pipe/);
    assert.deepEqual([peer.inFlight, clock.pending], [0, 0]);
    const second = peer.request("m", 2, ask);
    await clock.advance(0);
    peer.receive('{"id":1,"result":"yes"}');
    assert.equal(await second, "yes");
  });
});

suite("Peer answers", () => {
  const asking = async (line: string, onRequest: PeerOptions["onRequest"]): Promise<string[]> => {
    const lines: string[] = [];
    const clock = new ManualClock();
    const peer = new Peer({
      clock,
      send: (sent) => void lines.push(sent),
      onNotification: () => {},
      onRequest,
    });
    peer.receive(line);
    await clock.advance(0);
    peer.close(new Error("over"));
    return lines;
  };

  for (const id of [0, 1, -1, 2 ** 40, "", "0", "ä"]) {
    test(`a request with the id ${JSON.stringify(id)} by that id (P3)`, async () => {
      const [line] = await asking(JSON.stringify({ id, method: "m" }), (_method, _params, seen) =>
        Promise.resolve({ seen }),
      );
      assert.deepEqual(JSON.parse(line as string), { id, result: { seen: id } });
    });
  }

  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const fails =
    (error: unknown): PeerOptions["onRequest"] =>
    () => {
      throw error;
    };
  const gives =
    (result: unknown): PeerOptions["onRequest"] =>
    () =>
      Promise.resolve(result);
  const internal = (message: string): object => ({ error: { code: INTERNAL_ERROR, message } });
  const cases: readonly (readonly [
    what: string,
    handler: PeerOptions["onRequest"],
    reply: object | RegExp,
  ])[] = [
    ["an undefined result by {}", gives(undefined), { result: {} }],
    ["a result of null by {}", gives(null), { result: {} }],
    ["false by false", gives(false), { result: false }],
    [
      "an RpcError by it",
      fails(new RpcError({ code: 7, message: "m", data: [1] })),
      { error: { code: 7, message: "m", data: [1] } },
    ],
    ["another error by its message", fails(new Error("boom")), internal("boom")],
    ["a rejection by its message", () => Promise.reject(new Error("boom")), internal("boom")],
    ["a thrown string by its text", fails("text"), internal("text")],
    ["a thrown value without text by an error", fails(Object.create(null)), internal("The handler failed")],
    ["a result that is circular by an error", gives(circular), /-32603.*circular/],
    ["a result with a BigInt by an error", gives({ n: 1n }), /-32603.*BigInt/],
    ["a result that is a function by an error", gives(() => 1), /-32603.*function/],
    [
      "an RpcError with circular data by its message",
      fails(new RpcError({ code: 7, message: "m", data: circular })),
      internal("m"),
    ],
  ];
  for (const [what, handler, reply] of cases) {
    test(`${what}, once (P4)`, async () => {
      const lines = await asking('{"id":5,"method":"m"}', handler);
      assert.equal(lines.length, 1);
      if (reply instanceof RegExp) assert.match(lines[0] as string, reply);
      else assert.deepEqual(JSON.parse(lines[0] as string), { id: 5, ...reply });
    });
  }

  test("any result or error of a handler with one line of JSON (P4)", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.anything({ withBigInt: true, withNullPrototype: true }),
        fc.boolean(),
        async (value, throws) => {
          const lines = await asking('{"id":5,"method":"m"}', throws ? fails(value) : gives(value));
          assert.equal(lines.length, 1);
          const reply = JSON.parse(lines[0] as string) as Record<string, unknown>;
          assert.equal(reply.id, 5);
          assert.equal(("result" in reply ? 1 : 0) + ("error" in reply ? 1 : 0), 1);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("nothing after close(), whose signal tells a handler that never settles", async () => {
    const signals: AbortSignal[] = [];
    const hand = byHand();
    await using pair = new Pair({
      far: {
        onRequest: (...args) => {
          signals.push(args[3]);
          return hand.onRequest?.(...args) as Promise<unknown>;
        },
      },
    });
    const asked = assert.rejects(pair.near.request("m", {}, ask), isPeerError("timeout"));
    await pair.clock.advance(0);
    assert.equal(signals[0]?.aborted, false);
    pair.far.close(new Error("gone"));
    assert.equal(signals[0]?.aborted, true);
    hand.asked[0]?.resolve(1);
    await pair.clock.advance(1_000);
    await asked;
    assert.equal(pair.wire.length, 1);
  });
});

suite("Peer receives", () => {
  test("in order, before receive() returns (P5)", async () => {
    const seen: string[] = [];
    await using pair = new Pair({
      near: {
        onNotification: (method, params, lineChars) => seen.push(`${method} ${String(params)} ${lineChars}`),
        onRequest: (method, params) => {
          seen.push(`${method} ${String(params)}`);
          return Promise.resolve(null);
        },
      },
    });
    pair.near.receive('{"method":"a","params":1}');
    pair.near.receive('{"id":0,"method":"b","params":2}');
    pair.near.receive('{"method":"c"}');
    assert.deepEqual(seen, ["a 1 25", "b 2", "c undefined 14"]);
  });

  test("lines that are not messages, and answers to no request, as strays", async () => {
    await using pair = new Pair();
    const lines = [
      "{",
      "[]",
      "{}",
      '{"id":99,"result":1}',
      '{"id":null,"error":{"code":1,"message":"m"}}',
      '{"id":"0","result":1}',
    ];
    for (const line of lines) pair.near.receive(line);
    assert.deepEqual(
      pair.strays.map(([why, line]) => [why, line]),
      [
        ["not JSON", lines[0]],
        ["not a JSON object", lines[1]],
        ["neither request, notification, result nor error", lines[2]],
        ["answer to no request", lines[3]],
        ["answer to no request", lines[4]],
        ["answer to no request", lines[5]],
      ],
    );
  });

  test("strays in silence without a handler for them", () => {
    const clock = new ManualClock();
    new Peer({ clock, send: () => {}, onNotification: () => {}, onRequest: unknownMethod }).receive("{");
  });

  test("a second answer to the same request as a stray, and keeps the first (P1)", async () => {
    const hand = byHand();
    await using pair = new Pair({ far: hand });
    const asked = pair.near.request("m", {}, ask);
    await pair.clock.advance(0);
    pair.near.receive('{"id":0,"result":"first"}');
    pair.near.receive('{"id":0,"error":{"code":1,"message":"second"}}');
    assert.equal(await asked, "first");
    assert.equal(pair.strays.length, 1);
  });

  test("any line without throwing", async () => {
    await using pair = new Pair({ near: echo });
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        pair.near.receive(line);
      }),
    );
  });
});

suite("Peer's close()", () => {
  test("settles what was sent, what waits at the gate and what is asked later, with its cause (P1)", async () => {
    await using pair = new Pair({ near: { inFlightMax: 2 }, far: byHand() });
    const cause = new Error("Codex ended (signal SIGKILL)");
    const { signal } = new AbortController();
    const asked = Array.from({ length: 5 }, (_, n) =>
      pair.near.request("m", n, n % 2 === 0 ? ask : { ...ask, signal }),
    );
    const settled = Promise.allSettled(asked);
    await pair.clock.advance(0);
    assert.equal(pair.near.inFlight, 2);
    pair.near.close(cause);
    pair.near.close(new Error("a second close changes nothing"));
    const outcomes = [...(await settled), ...(await Promise.allSettled([pair.near.request("m", {}, ask)]))];
    for (const outcome of outcomes) {
      assert.equal(outcome.status, "rejected");
      isPeerError("closed", /^Codex ended \(signal SIGKILL\)$/)(outcome.reason);
      assert.equal((outcome.reason as PeerError).cause, cause);
    }
    assert.equal(pair.wire.length, 2);
    assert.deepEqual([pair.near.inFlight, pair.clock.pending], [0, 0]);
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  test("settles a request that has passed the gate and is not sent yet", async () => {
    await using pair = new Pair({ far: byHand() });
    const asked = assert.rejects(pair.near.request("m", {}, ask), isPeerError("closed"));
    pair.near.close(new Error("gone"));
    await asked;
    assert.deepEqual(pair.wire, []);
  });

  test("makes notify() silent and late answers strays", async () => {
    const hand = byHand();
    await using pair = new Pair({ far: hand });
    const late: unknown[] = [];
    const options = { ...ask, onLateResult: (result: unknown) => void late.push(result) };
    const asked = assert.rejects(pair.near.request("m", {}, options), isPeerError("timeout"));
    await pair.clock.advance(1_000);
    await asked;
    pair.near.close(new Error("gone"));
    pair.near.notify("n");
    hand.asked[0]?.resolve(1);
    await pair.clock.advance(0);
    assert.deepEqual(late, []);
    assert.deepEqual(pair.wire.length, 2);
  });

  test("may be called from a handler, in the middle of what it closes", async () => {
    await using pair: Pair = new Pair({
      near: { onNotification: () => pair.near.close(new Error("told to")) },
      far: byHand(),
    });
    const asked = assert.rejects(pair.near.request("m", {}, ask), isPeerError("closed", /told to/));
    await pair.clock.advance(0);
    pair.far.notify("close");
    await asked;
  });
});
