/** Connections that several threads share. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { McpConnectionManager, McpThreadOptions } from "../../src/mcp/index.ts";
import { type Clock, sleep, systemClock } from "../../src/base/clock.ts";
import { isAlive, waitUntilGone } from "../../src/testing/leaks.ts";
import { eventOf, McpBench, starts, textOf } from "./support/scripted.ts";

/** Ten times as fast as the machine's. */
const fast: Clock = {
  now: () => systemClock.now() * 10,
  schedule: (delayMs, fire, options) => systemClock.schedule(delayMs / 10, fire, options),
};

suite("a shared connection", () => {
  test("is one process for all threads, and ends some time after the last one (P1, P2)", async () => {
    await using bench = new McpBench({ idleMs: 0 });
    const server = bench.server();
    const open = (): McpConnectionManager =>
      bench.manager.openThread({ servers: { a: { ...server, scope: "host" } } });
    const threads = Array.from({ length: 20 }, open);
    const pids = await Promise.all(threads.map(async (thread) => textOf(await thread.callTool("a", "pid"))));
    assert.equal(new Set(pids).size, 1);
    assert.equal(bench.manager.connections.length, 1);
    assert.equal(threads[0]?.server("a").holders.length, 20);
    for (const thread of threads.slice(1)) await thread[Symbol.asyncDispose]();
    assert.ok(isAlive(Number(pids[0])));
    await threads[0]?.[Symbol.asyncDispose]();
    assert.ok(!isAlive(Number(pids[0])));
    assert.equal(starts(server.record()).length, 1);
  });

  test("stays for the idle time, and a thread that comes back keeps it (P1)", async () => {
    await using bench = new McpBench({ idleMs: 600_000 });
    const server = { ...bench.server(), scope: "host" } as const;
    const open = (): McpConnectionManager => bench.manager.openThread({ servers: { a: server } });
    const first = open();
    const pid = textOf(await first.callTool("a", "pid"));
    await first[Symbol.asyncDispose]();
    assert.deepEqual(
      bench.manager.connections.map(({ holders }) => holders),
      [[]],
    );
    assert.equal(textOf(await open().callTool("a", "pid")), pid);
  });

  test("ends when the idle time is over (P1, P3)", async () => {
    await using bench = new McpBench({ idleMs: 50 });
    const thread = bench.manager.openThread({ servers: { a: { ...bench.server(), scope: "host" } } });
    const pid = Number(textOf(await thread.callTool("a", "pid")));
    await thread[Symbol.asyncDispose]();
    await thread[Symbol.asyncDispose]();
    assert.deepEqual(await waitUntilGone([pid]), []);
    assert.equal(bench.manager.connections.length, 0);
  });

  test("is not shared by two principals whose configuration has a variable", async () => {
    await using bench = new McpBench();
    const server = { ...bench.server(), env: { TOKEN: "t" }, scope: "host" } as const;
    const of = (principal: string): McpConnectionManager =>
      bench.manager.openThread({ servers: { a: server }, principal });
    const pids = await Promise.all(
      ["p", "p", "q"].map(async (principal) => textOf(await of(principal).callTool("a", "pid"))),
    );
    assert.equal(pids[0], pids[1]);
    assert.notEqual(pids[0], pids[2]);
  });

  test("outlives the death of its server for all its threads: one restart", async () => {
    await using bench = new McpBench();
    const server = bench.server();
    const threads = Array.from({ length: 5 }, () =>
      bench.manager.openThread({ servers: { a: { ...server, scope: "host" } } }),
    );
    await Promise.all(threads.map((thread) => thread.ready()));
    await threads[0]?.callTool("a", "die");
    const answers = await Promise.all(threads.map((thread) => thread.callTool("a", "echo", { text: "hi" })));
    assert.deepEqual(answers.map(textOf), ["hi", "hi", "hi", "hi", "hi"]);
    assert.equal(starts(server.record()).length, 2);
  });

  test("is started again when its server wedges, however many threads go on calling", {
    timeout: 60_000,
  }, async () => {
    await using bench = new McpBench({ clock: fast });
    const server = bench.server();
    const threads = Array.from({ length: 3 }, () =>
      bench.manager.openThread({ servers: { a: { ...server, scope: "host" } } }),
    );
    await Promise.all(threads.map((thread) => thread.ready()));
    const wedging = threads[0]?.callTool("a", "wedge", {}, { timeoutMs: 3_000 });
    let answered = false;
    // Before the call of one times out, the next one has made its own.
    const call = async (thread: McpConnectionManager): Promise<void> => {
      while (!answered) {
        const outcome = await thread.callTool("a", "echo", { text: "hi" }, { timeoutMs: 3_000 });
        if (outcome.kind === "result" && starts(server.record()).length === 2) answered = true;
      }
    };
    await Promise.all(
      threads.map(async (thread, at) => {
        await sleep(fast, at * 1_000);
        await call(thread);
      }),
    );
    assert.equal((await wedging)?.kind, "timeout");
  });

  test("has a catalog change told to every thread, and a log message to none of several", async () => {
    await using bench = new McpBench();
    const server = { ...bench.server({ era: "legacy" }), scope: "host" } as const;
    const threads = [1, 2].map(() => bench.manager.openThread({ servers: { a: server } }));
    await Promise.all(threads.map((thread) => thread.ready()));
    const logs: unknown[] = [];
    const changes = threads.map((thread) =>
      eventOf(thread, (event) => {
        if (event.type === "log") logs.push(event);
        return event.type === "catalog";
      }),
    );
    await threads[0]?.callTool("a", "log", { data: "of one thread" });
    await threads[0]?.callTool("a", "change", { add: "fresh" });
    for (const change of await Promise.all(changes)) assert.equal(change.type, "catalog");
    assert.deepEqual(logs, []);
  });
});

suite("a question on a shared stdio connection", () => {
  const answering = (name: string): Pick<McpThreadOptions, "onElicit" | "id"> => ({
    id: name,
    onElicit: async () => ({ action: "accept", content: { ok: name } }),
  });

  test("is not offered in the legacy era, and what is asked all the same is not answered (Q2)", async () => {
    await using bench = new McpBench();
    const server = { ...bench.server({ era: "legacy" }), scope: "host" } as const;
    const threads = ["one", "two"].map((name) =>
      bench.manager.openThread({ servers: { a: server }, ...answering(name) }),
    );
    const outcomes = await Promise.all(threads.map((thread) => thread.callTool("a", "ask")));
    for (const outcome of outcomes) assert.match(textOf(outcome), /Method not found/);
  });

  test("belongs to the one call under way, where the configuration asks for it (Q1)", async () => {
    await using bench = new McpBench();
    const server = { ...bench.server({ era: "legacy" }), scope: "host", shared_elicitation: true } as const;
    const names = ["one", "two", "three", "four"];
    const threads = names.map((name) =>
      bench.manager.openThread({ servers: { a: server }, ...answering(name) }),
    );
    const outcomes = await Promise.all(
      threads.flatMap((thread) => [thread.callTool("a", "ask"), thread.callTool("a", "ask")]),
    );
    const answers = outcomes.map(
      (outcome) => (JSON.parse(textOf(outcome)) as { answer: { content: { ok: string } } }).answer.content.ok,
    );
    assert.deepEqual(
      answers,
      names.flatMap((name) => [name, name]),
    );
    assert.equal(bench.manager.connections.length, 1);
  });

  test("goes to its thread in the modern era, however many calls are under way (Q1)", async () => {
    await using bench = new McpBench();
    const server = { ...bench.server({ era: "modern" }), scope: "host" } as const;
    const names = ["one", "two", "three", "four"];
    const threads = names.map((name) =>
      bench.manager.openThread({ servers: { a: server }, ...answering(name) }),
    );
    await Promise.all(threads.map((thread) => thread.ready()));
    const outcomes = await Promise.all(
      threads.map((thread, at) => thread.callTool("a", "ask", { message: String(at) })),
    );
    for (const [at, outcome] of outcomes.entries()) {
      const { answer, state } = JSON.parse(textOf(outcome)) as {
        answer: { content: { ok: string } };
        state: string;
      };
      assert.deepEqual([answer.content.ok, state], [names[at], `state-of-${at}`]);
    }
  });
});
