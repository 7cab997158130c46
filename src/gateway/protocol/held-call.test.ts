import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { RelayOutcome, ServerRequest } from "../../mcp/index.ts";
import { ManualClock } from "../../testing/index.ts";
import { HeldCall, HeldCalls } from "./held-call.ts";

const QUESTION = { method: "elicitation/create", params: { message: "Sure?" } } as unknown as ServerRequest;
const DONE: RelayOutcome = { kind: "answer", era: "legacy", result: { ok: true } };
const forever = new AbortController().signal;

/** A request whose server asks one question, and is done with its answer. */
function asking(): { readonly call: HeldCall; readonly answers: unknown[] } {
  const call = new HeldCall();
  const answers: unknown[] = [];
  call.follow(
    call.ask(QUESTION, forever).then(
      (answer) => {
        answers.push(answer);
        return DONE;
      },
      () => ({ kind: "cancelled", sent: true }) as const,
    ),
  );
  return { call, answers };
}

suite("a request that waits for its client's answers", () => {
  test("is found by its state once, and by the same request only (P1)", () => {
    const held = new HeldCalls(new ManualClock());
    const { call } = asking();
    const state = held.keep(call, "about");
    assert.ok(HeldCalls.isState(state));
    assert.ok(Buffer.from(state.slice("switchyard-".length), "base64url").length >= 16);
    assert.equal(held.take(`${state}x`, "about"), undefined);
    assert.equal(held.take(state, "something else"), undefined);
    assert.equal(new HeldCalls(new ManualClock()).take(state, "about"), undefined);
    assert.equal(held.take(state, "about"), call);
    assert.equal(held.take(state, "about"), undefined);
    assert.ok(!HeldCalls.isState("state-of-a-server"));
    assert.ok(!HeldCalls.isState(undefined));
  });

  test("is cancelled when its client does not come back, and the oldest when there are too many (P2)", async () => {
    const clock = new ManualClock();
    const held = new HeldCalls(clock);
    const calls = Array.from({ length: 257 }, () => new HeldCall());
    const states = calls.map((call) => held.keep(call, ""));
    assert.deepEqual(
      calls.map(({ signal }) => signal.aborted),
      calls.map((_, at) => at === 0),
    );
    assert.equal(held.take(states[1] ?? "", ""), calls[1]);
    await clock.advance(10 * 60_000);
    assert.equal(calls[1]?.signal.aborted, false);
    assert.ok(calls.slice(2).every(({ signal }) => signal.aborted));
    assert.equal(clock.pending, 0);
    const last = new HeldCall();
    held.keep(last, "");
    held.end();
    assert.ok(last.signal.aborted);
    assert.equal(clock.pending, 0);
  });

  test("asks again what was not answered, and goes on with the answer (P3)", async () => {
    const { call, answers } = asking();
    const asked = { kind: "asks", requests: { q1: { method: QUESTION.method, params: QUESTION.params } } };
    assert.deepEqual(await call.step(), asked);
    for (const responses of [undefined, {}, { other: { action: "accept" } }, { q1: "accept" }]) {
      call.answer(responses);
      assert.deepEqual(await call.step(), asked);
    }
    call.answer({ q1: { action: "accept" } });
    assert.deepEqual(await call.step(), { kind: "done", outcome: DONE });
    assert.deepEqual(answers, [{ action: "accept" }]);
  });
});
