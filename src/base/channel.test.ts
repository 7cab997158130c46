import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { Channel, type ChannelOptions } from "./channel.ts";

interface Watched<T> {
  readonly channel: Channel<T>;
  /** What was reported to the owner, in order. */
  readonly told: ("full" | "room")[];
}

function watched<T>(options: Omit<ChannelOptions, "onFull" | "onRoom">): Watched<T> {
  const told: ("full" | "room")[] = [];
  const channel = new Channel<T>({
    ...options,
    onFull: () => told.push("full"),
    onRoom: () => told.push("room"),
  });
  return { channel, told };
}

async function readAll<T>(channel: Channel<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of channel) items.push(item);
  return items;
}

suite("Channel", () => {
  test("delivers in order what was pushed before and while it is read (C1)", async () => {
    const { channel } = watched<number>({ weightMax: 10 });
    channel.push(1);
    const reading = readAll(channel);
    channel.push(2);
    await Promise.resolve();
    channel.push(3);
    channel.end();
    assert.deepEqual(await reading, [1, 2, 3]);
  });

  test("ends after everything pushed before, and ignores what is pushed after (C2)", async () => {
    const { channel } = watched<number>({ weightMax: 10 });
    channel.push(1);
    channel.end();
    channel.push(2);
    channel.fail(new Error("too late"));
    assert.deepEqual(await readAll(channel), [1]);
    assert.equal(channel.length, 0);
  });

  test("fails after everything pushed before, and only one read throws (C2)", async () => {
    const { channel } = watched<number>({ weightMax: 10 });
    const error = new Error("broken");
    channel.push(1);
    channel.fail(error);
    channel.end();
    assert.deepEqual(await channel.next(), { done: false, value: 1 });
    await assert.rejects(channel.next(), error);
    assert.deepEqual(await channel.next(), { done: true, value: undefined });
  });

  test("also reports a failure whose error is undefined (C2)", async () => {
    const { channel } = watched<number>({ weightMax: 10 });
    channel.fail(undefined);
    await assert.rejects(channel.next(), (thrown) => thrown === undefined);
  });

  for (const [how, finish, ends] of [
    ["end", (channel: Channel<number>) => channel.end(), true],
    ["fail", (channel: Channel<number>) => channel.fail(new Error("broken")), false],
    ["return", (channel: Channel<number>) => void channel.return(), true],
  ] as const) {
    test(`wakes a reader that waits when it comes to ${how}()`, async () => {
      const { channel } = watched<number>({ weightMax: 10 });
      const reading = channel.next();
      await Promise.resolve();
      finish(channel);
      if (ends) assert.deepEqual(await reading, { done: true, value: undefined });
      else await assert.rejects(reading, /broken/);
    });

    test(`lets its source go on when it comes to ${how}() while full (C3)`, () => {
      const { channel, told } = watched<number>({ weightMax: 2 });
      channel.push(1);
      channel.push(2);
      assert.deepEqual([channel.full, told], [true, ["full"]]);
      finish(channel);
      assert.deepEqual([channel.full, told], [false, ["full", "room"]]);
    });
  }

  test("drops what was not read on return(), and an error with it", async () => {
    const { channel } = watched<number>({ weightMax: 2 });
    channel.push(1);
    channel.fail(new Error("broken"));
    assert.deepEqual(await channel.return(), { done: true, value: undefined });
    assert.equal(channel.length, 0);
    assert.deepEqual(await channel.next(), { done: true, value: undefined });
  });

  test("is left by a reader that breaks off, and is then closed", async () => {
    const { channel, told } = watched<number>({ weightMax: 2 });
    for (let n = 0; n < 3; n++) channel.push(n);
    for await (const item of channel) if (item === 0) break;
    channel.push(9);
    assert.deepEqual([channel.length, told], [0, ["full", "room"]]);
  });

  test("is full at its bound and has room again at half of it, or where the option says (C3)", async () => {
    for (const [weightRoom, readsUntilRoom] of [
      [undefined, 2],
      [0, 4],
      [3, 1],
    ] as const) {
      const { channel, told } = watched<number>({
        weightMax: 4,
        ...(weightRoom === undefined ? {} : { weightRoom }),
      });
      for (let n = 0; n < 4; n++) channel.push(n);
      let reads = 0;
      while (channel.full) {
        await channel.next();
        reads++;
      }
      assert.equal(reads, readsUntilRoom);
      assert.deepEqual(told, ["full", "room"]);
    }
  });

  test("takes an item heavier than the whole bound, and is full with it alone", async () => {
    const { channel, told } = watched<string>({ weightMax: 4 });
    channel.push("heavy", 100);
    assert.equal(channel.full, true);
    await channel.next();
    assert.deepEqual([channel.full, told], [false, ["full", "room"]]);
  });

  test("delivers what its owner pushes while onRoom is called", async () => {
    let more = 3;
    const channel: Channel<number> = new Channel({
      weightMax: 1,
      onRoom: () => {
        if (more > 0) channel.push(more--);
        else channel.end();
      },
    });
    channel.push(9);
    assert.deepEqual(await readAll(channel), [9, 3, 2, 1]);
  });

  test("loses no item and no wake-up with three reads under way", async () => {
    const { channel } = watched<number>({ weightMax: 10 });
    const reads = [channel.next(), channel.next(), channel.next()];
    await Promise.resolve();
    channel.push(1);
    await Promise.resolve();
    channel.push(2);
    channel.end();
    const values = (await Promise.all(reads)).map(({ value }) => value);
    assert.deepEqual(new Set(values), new Set([1, 2, undefined]));
  });

  test("holds nothing that was read", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const { channel } = watched<object>({ weightMax: 1e9 });
    const refs: WeakRef<object>[] = [];
    for (let n = 0; n < 100; n++) {
      const item = { n };
      refs.push(new WeakRef(item));
      channel.push(item);
    }
    for (let n = 0; n < 99; n++) await channel.next();
    // A weak reference is kept alive until the job in which it was made has ended.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    assert.equal(channel.length, 1);
    assert.equal(refs.filter((ref) => ref.deref() !== undefined).length, 1);
  });

  test("keeps the order over thousands of items that were pushed ahead (C1)", async () => {
    const { channel } = watched<number>({ weightMax: 1 });
    for (let n = 0; n < 5_000; n++) channel.push(n);
    for (let n = 0; n < 2_500; n++) assert.equal((await channel.next()).value, n);
    for (let n = 5_000; n < 6_000; n++) channel.push(n);
    channel.end();
    assert.deepEqual(
      await readAll(channel),
      Array.from({ length: 3_500 }, (_, n) => n + 2_500),
    );
  });

  test("keeps C1 to C3 in any interleaving", async () => {
    const push = fc.record({ kind: fc.constant("push" as const), weight: fc.nat(5) });
    const step = fc.oneof(
      { weight: 6, arbitrary: push },
      { weight: 6, arbitrary: fc.constant({ kind: "read" as const }) },
      { weight: 3, arbitrary: fc.constant({ kind: "pause" as const }) },
      { weight: 1, arbitrary: fc.constantFrom({ kind: "end" as const }, { kind: "fail" as const }) },
      { weight: 1, arbitrary: fc.constant({ kind: "return" as const }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.integer({ min: 1, max: 8 }),
        async (steps, weightMax) => {
          const { channel, told } = watched<number>({ weightMax });
          const pushed: number[] = [];
          const read: number[] = [];
          const errors: unknown[] = [];
          let finish: "end" | "fail" | "return" | undefined;
          let reading: Promise<void> | undefined;
          const readOne = async (): Promise<void> => {
            try {
              const { done, value } = await channel.next();
              if (done !== true) read.push(value);
            } catch (error) {
              errors.push(error);
            }
          };
          for (const [n, each] of steps.entries()) {
            if (each.kind === "push") {
              channel.push(n, each.weight);
              if (finish === undefined) pushed.push(n);
            } else if (each.kind === "read") {
              reading = (reading ?? Promise.resolve()).then(readOne);
            } else if (each.kind === "pause") {
              await new Promise((resolve) => setImmediate(resolve));
            } else {
              if (each.kind === "return") void channel.return();
              else if (each.kind === "end") channel.end();
              else channel.fail(new Error("broken"));
              finish = each.kind === "return" ? "return" : (finish ?? each.kind);
            }
            const alternate = told.map((_, index) => (index % 2 === 0 ? "full" : "room"));
            assert.deepEqual(told, alternate);
            assert.equal(channel.full, told.at(-1) === "full");
          }
          if (finish === undefined) {
            channel.end();
            finish = "end";
          }
          await reading;
          while (channel.length > 0) await readOne();
          await readOne();
          await readOne();
          assert.equal(channel.full, false);
          assert.equal(told.length % 2, 0);
          assert.deepEqual(read, finish === "return" ? pushed.slice(0, read.length) : pushed);
          if (finish !== "return") assert.equal(errors.length, finish === "fail" ? 1 : 0);
          else assert.ok(errors.length <= 1);
        },
      ),
      { numRuns: 300 },
    );
  });
});
