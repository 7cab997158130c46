import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Watch } from "./watch.ts";

suite("Watch", () => {
  test("resolves at once when the fact is already there", async () => {
    assert.equal(await new Watch().waitFor(() => 7), 7);
  });

  test("asks again after each change", async () => {
    const watch = new Watch();
    let count = 0;
    const waiting = watch.waitFor(() => count === 2 && "two");
    for (; count < 2; watch.changed()) count++;
    assert.equal(await waiting, "two");
  });

  test("gives up with the signal's reason, also when it has aborted before", async () => {
    const watch = new Watch();
    const reason = new Error("enough");
    const controller = new AbortController();
    const waiting = watch.waitFor(() => false, controller);
    controller.abort(reason);
    await assert.rejects(waiting, reason);
    await assert.rejects(
      watch.waitFor(() => true, controller),
      reason,
    );
  });

  test("fails every wait when it ends, unless the fact is there", async () => {
    const watch = new Watch();
    const waiting = watch.waitFor(() => undefined);
    watch.end(new Error("over"));
    await assert.rejects(waiting, /over/);
    await assert.rejects(
      watch.waitFor(() => false),
      /over/,
    );
    assert.equal(await watch.waitFor(() => 1), 1);
  });

  test("rejects with what a check throws", async () => {
    const check = (): undefined => {
      throw new Error("bad check");
    };
    await assert.rejects(new Watch().waitFor(check), /bad check/);
  });
});
