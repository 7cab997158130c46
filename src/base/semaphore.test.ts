import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { suite, test } from "node:test";
import fc from "fast-check";
import { Semaphore } from "./semaphore.ts";

suite("Semaphore", () => {
  test("hands out its limit at once and the rest as permits come back (S1)", async () => {
    const semaphore = new Semaphore(2);
    const first = await semaphore.acquire();
    await semaphore.acquire();
    let third = false;
    const waiting = semaphore.acquire().then((release) => {
      third = true;
      return release;
    });
    await Promise.resolve();
    assert.deepEqual([semaphore.held, semaphore.waiting, third], [2, 1, false]);
    first();
    (await waiting)();
    assert.deepEqual([semaphore.held, semaphore.waiting], [1, 0]);
  });

  test("lets nobody overtake those who wait, not even the one who has just released (S2)", async () => {
    const semaphore = new Semaphore(1);
    const order: string[] = [];
    const release = await semaphore.acquire();
    const use = async (name: string): Promise<void> => {
      const done = await semaphore.acquire();
      order.push(name);
      done();
    };
    const uses = ["a", "b"].map(use);
    release();
    await Promise.all([...uses, use("again")]);
    assert.deepEqual(order, ["a", "b", "again"]);
  });

  test("passes over a waiter that gave up, which gets its signal's reason (S2)", async () => {
    const semaphore = new Semaphore(1);
    const release = await semaphore.acquire();
    const controller = new AbortController();
    const reason = new Error("enough");
    const gaveUp = assert.rejects(semaphore.acquire(controller.signal), reason);
    const next = semaphore.acquire();
    controller.abort(reason);
    await gaveUp;
    assert.equal(semaphore.waiting, 1);
    release();
    (await next)();
    assert.deepEqual([semaphore.held, semaphore.waiting], [0, 0]);
  });

  test("gives nothing to a signal that has aborted, also when a permit is free", async () => {
    const semaphore = new Semaphore(1);
    await assert.rejects(semaphore.acquire(AbortSignal.abort("gone")), (thrown) => thrown === "gone");
    assert.equal(semaphore.held, 0);
  });

  test("ignores an abort that comes after the permit was granted", async () => {
    const semaphore = new Semaphore(1);
    const release = await semaphore.acquire();
    const controller = new AbortController();
    const granted = semaphore.acquire(controller.signal);
    release();
    controller.abort();
    (await granted)();
    assert.equal(semaphore.held, 0);
  });

  test("takes a permit back once, however often it is released (S3)", async () => {
    const semaphore = new Semaphore(1);
    const first = await semaphore.acquire();
    first();
    const second = await semaphore.acquire();
    first();
    assert.equal(semaphore.held, 1);
    second();
    assert.equal(semaphore.held, 0);
  });

  test("leaves no listener on a signal, whether granted at once, later, or never", async () => {
    const semaphore = new Semaphore(1);
    const { signal } = new AbortController();
    const late = new AbortController();
    const first = await semaphore.acquire(signal);
    const second = semaphore.acquire(signal);
    const never = assert.rejects(semaphore.acquire(late.signal));
    late.abort();
    await never;
    first();
    (await second)();
    assert.equal(getEventListeners(signal, "abort").length, 0);
    assert.equal(getEventListeners(late.signal, "abort").length, 0);
  });

  test("lets nobody overtake one that wants more than is free (S2)", async () => {
    const semaphore = new Semaphore(3);
    const reading = await semaphore.acquire();
    const order: string[] = [];
    const alone = semaphore.acquire(undefined, 3).then((release) => {
      order.push("alone");
      return release;
    });
    const later = semaphore.acquire().then(() => order.push("later"));
    await Promise.resolve();
    assert.deepEqual([semaphore.held, semaphore.waiting], [1, 2]);
    reading();
    const release = await alone;
    assert.deepEqual([semaphore.held, semaphore.waiting], [3, 1]);
    release();
    await later;
    assert.deepEqual(order, ["alone", "later"]);
  });

  test("wakes those behind one that wanted more and gave up, but not those that give up with it (S2)", async () => {
    const semaphore = new Semaphore(3);
    await semaphore.acquire();
    const controller = new AbortController();
    const { signal } = controller;
    const left = [semaphore.acquire(signal, 3), semaphore.acquire(signal)].map((each) =>
      assert.rejects(each),
    );
    const stays = semaphore.acquire();
    controller.abort();
    await Promise.all(left);
    await stays;
    assert.deepEqual([semaphore.held, semaphore.waiting], [2, 0]);
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  test("rejects a wish for more than there is, which could never be granted", async () => {
    const semaphore = new Semaphore(3);
    await assert.rejects(semaphore.acquire(undefined, 4), RangeError);
    assert.deepEqual([semaphore.held, semaphore.waiting], [0, 0]);
  });

  test("keeps S1 to S3 in any interleaving of work, releases and aborts", async () => {
    const job = fc.record({
      aborts: fc.boolean(),
      releases: fc.integer({ min: 1, max: 3 }),
      share: fc.constantFrom(1, 1, 2, 3),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.integer({ min: 1, max: 3 }),
        fc.array(job, { maxLength: 12 }),
        async (scheduler, limit, jobs) => {
          const semaphore = new Semaphore(limit);
          const granted: number[] = [];
          let out = 0;
          const runs = jobs.map(async ({ aborts, releases, share }, n) => {
            const permits = Math.min(share, limit);
            const controller = new AbortController();
            if (aborts) {
              const aborting = scheduler.schedule(Promise.resolve(), `abort ${n}`);
              void aborting.then(() => controller.abort());
            }
            let release: () => void;
            try {
              release = await semaphore.acquire(controller.signal, permits);
            } catch {
              return;
            }
            granted.push(n);
            out += permits;
            assert.ok(out <= limit && semaphore.held <= limit, `${out} of ${limit}`);
            await scheduler.schedule(Promise.resolve(), `work ${n}`);
            out -= permits;
            for (let time = 0; time < releases; time++) release();
          });
          await scheduler.waitFor(Promise.all(runs));
          assert.deepEqual([semaphore.held, semaphore.waiting], [0, 0]);
          assert.deepEqual(
            granted,
            granted.toSorted((a, b) => a - b),
          );
        },
      ),
      { numRuns: 400 },
    );
  });
});
