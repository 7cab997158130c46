import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { suite, test } from "node:test";
import { ManualClock } from "../testing/manual-clock.ts";
import { abortable, within } from "./abort.ts";

const listeners = (signal: AbortSignal): number => getEventListeners(signal, "abort").length;

suite("abortable", () => {
  test("gives what the promise gives, and leaves no listener behind", async () => {
    const { signal } = new AbortController();
    assert.equal(await abortable(Promise.resolve(7), signal), 7);
    await assert.rejects(abortable(Promise.reject(new Error("no")), signal), /no/);
    assert.equal(await abortable(Promise.resolve(8), undefined), 8);
    assert.equal(listeners(signal), 0);
  });

  test("ends with the signal's reason when it aborts first, and leaves no listener behind", async () => {
    const controller = new AbortController();
    const never = new Promise<never>(() => {});
    const waiting = abortable(never, controller.signal);
    assert.equal(listeners(controller.signal), 1);
    const reason = new Error("enough");
    controller.abort(reason);
    await assert.rejects(waiting, reason);
    assert.equal(listeners(controller.signal), 0);
  });

  test("ends at once with a signal that has aborted, and adds no listener", async () => {
    const signal = AbortSignal.abort("gone");
    await assert.rejects(abortable(Promise.resolve(1), signal), (thrown) => thrown === "gone");
    assert.equal(listeners(signal), 0);
  });

  test("swallows a rejection that comes after the wait was given up", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    try {
      const late = Promise.withResolvers<never>();
      await assert.rejects(abortable(late.promise, AbortSignal.abort(new Error("gone"))), /gone/);
      late.reject(new Error("late"));
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(unhandled, []);
    } finally {
      process.off("unhandledRejection", note);
    }
  });
});

suite("within", () => {
  test("gives what the promise gives in time, and leaves no timer behind", async () => {
    const clock = new ManualClock();
    assert.equal(await within(clock, 10, Promise.resolve(7)), 7);
    await assert.rejects(within(clock, 10, Promise.reject(new Error("no"))), /no/);
    assert.equal(clock.pending, 0);
  });

  test('gives "timeout" when the time is over, and swallows what comes later', async () => {
    const clock = new ManualClock();
    const late = Promise.withResolvers<never>();
    const waiting = within(clock, 10, late.promise);
    await clock.advance(10);
    assert.equal(await waiting, "timeout");
    late.reject(new Error("late"));
    await clock.advance(0);
    assert.equal(clock.pending, 0);
  });

  test("prefers the promise when both are ready", async () => {
    assert.equal(await within(new ManualClock(), 0, Promise.resolve("in time")), "in time");
  });
});
