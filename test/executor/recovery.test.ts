/**
 * What a client gives up, when, and what goes on: executors that do not come back, lost output, readers that stop. Long
 * times are on a manual clock; sockets and processes are real.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import {
  ExecutorError,
  type ExecutorProcess,
  RemoteExecutor,
  websocketOpener,
} from "../../src/executor/index.ts";
import { isAlive, ManualClock, processesWithEnv, waitUntilGone } from "../../src/testing/index.ts";
import { all, exitCodeOf, outputOf, Reader, rejectsWith } from "./support/compliance.ts";
import { FaultProxy } from "./support/fault-proxy.ts";
import { endWhenAsked, greet, startScriptedExecutor } from "./support/scripted-executor.ts";
import { startCodexExecServer, startServer } from "./support/subjects.ts";
import { advanceUntil, finish, until } from "./support/until.ts";
import { watchedOpener } from "./support/watched-opener.ts";

const timeout = 60_000;
const env = { PATH: process.env["PATH"] ?? "" };
const TAG = "SWITCHYARD_TEST_TAG";
/** Forever, for a test. */
const ALWAYS = 1_000_000;

function connectTo(url: string, clock: Clock = systemClock): RemoteExecutor {
  return new RemoteExecutor({ name: "box", opener: websocketOpener({ url, clock }), clock });
}

function start(executor: RemoteExecutor, script: string, pipeStdin = false): Promise<ExecutorProcess> {
  return executor.start({ argv: ["sh", "-c", script], cwd: "/tmp", env, pipeStdin });
}

/** A process that prints its pid first. @returns it, and the pid */
async function startNumbered(executor: RemoteExecutor, script: string): Promise<[ExecutorProcess, number]> {
  const started = await start(executor, `echo $$; ${script}`, true);
  const reader = new Reader(started);
  await reader.until("\n");
  return [started, Number.parseInt(reader.text, 10)];
}

async function echoes(echo: ExecutorProcess, text: string): Promise<void> {
  const reader = new Reader(echo);
  await echo.write(Buffer.from(`${text}\n`));
  await reader.until(`${text}\n`);
}

function failureOf(promise: Promise<unknown>): Promise<ExecutorError> {
  return promise.then(
    () => assert.fail("it did not fail"),
    (error: unknown) => {
      assert.ok(error instanceof ExecutorError, String(error));
      return error;
    },
  );
}

suite("RemoteExecutor gives up", () => {
  test("after 45 s without an executor: waiting and later calls fail, the next use connects (M3)", {
    timeout,
  }, async () => {
    await using server = await startServer();
    await using proxy = await FaultProxy.start(server.url);
    const clock = new ManualClock();
    await using executor = connectTo(proxy.url, clock);
    const [cat] = await startNumbered(executor, "exec cat");
    proxy.silence();
    const messages = ["events", "write", "read", "start", "terminate"];
    const pending = [
      cat.events().next(),
      cat.write(Buffer.from("x")),
      cat.read({ afterSeq: 1, waitMs: 1_000_000 }),
      start(executor, "true"),
    ].map(failureOf);
    const interrupted = failureOf(cat.interrupt());
    proxy.cut({ how: "gone", count: ALWAYS });
    assert.equal((await interrupted).code, "outcome_unknown");
    await until("it recovers", () => executor.status === "recovering");
    pending.push(failureOf(cat.terminate()));
    const tookMs = await advanceUntil(clock, 50, "it gives up", () => executor.status === "idle");
    assert.ok(tookMs >= 44_900 && tookMs < 46_000, `${tookMs} ms`);
    for (const [at, error] of (await Promise.all(pending)).entries()) {
      assert.equal(error.code, "executor_lost", messages[at]);
      assert.match(error.message, /the connection was lost; not restored within 45000 ms.*ECONNREFUSED/);
    }
    await rejectsWith(cat.write(Buffer.from("x")), "executor_lost");
    await rejectsWith(cat.read(), "executor_lost");
    await rejectsWith(cat.interrupt(), "executor_lost");
    await rejectsWith(cat.events().next(), "executor_lost");
    assert.equal(await cat.terminate(), false);
    await rejectsWith(start(executor, "true"), "executor_unreachable");

    await proxy.welcome();
    await using again = await start(executor, "exit 4");
    assert.equal(exitCodeOf(await all(again)), 4);
    await rejectsWith(cat.write(Buffer.from("x")), "executor_lost");
    await cat[Symbol.asyncDispose]();
  });

  // The clock stands still: whatever waited for time would wait for ever.
  for (const [what, how, message] of [
    ["a token that is not accepted any more", 401, /status 401; check its bearer token/],
    ["a path that is gone", 404, /status 404/],
  ] as const) {
    test(`at once for ${what}`, { timeout }, async () => {
      await using server = await startServer();
      await using proxy = await FaultProxy.start(server.url);
      await using executor = connectTo(proxy.url, new ManualClock());
      const [cat] = await startNumbered(executor, "exec cat");
      const waiting = failureOf(cat.events().next());
      proxy.cut({ how, count: ALWAYS });
      const error = await waiting;
      assert.equal(error.code, "executor_lost");
      assert.match(error.message, message);
    });
  }

  test("at once for an executor that does not know the session, and starts the next process there", {
    timeout,
  }, async () => {
    await using old = await startServer();
    await using proxy = await FaultProxy.start(old.url);
    await using executor = connectTo(proxy.url, new ManualClock());
    const [cat] = await startNumbered(executor, "exec cat");
    await using restarted = await startServer();
    const waiting = failureOf(cat.events().next());
    proxy.upstream = restarted.url;
    proxy.cut();
    const error = await waiting;
    assert.equal(error.code, "executor_lost");
    assert.match(error.message, /unknown session id/);
    await using next = await start(executor, "exit 5");
    assert.equal(exitCodeOf(await all(next)), 5);
    assert.deepEqual([old.server.sessions, restarted.server.sessions], [1, 1]);
  });

  test("at once for an executor that opens another session instead", { timeout }, async () => {
    await using executorServer = await startScriptedExecutor((request, connection) => {
      if (!greet(request, connection, `session ${connection.number}`)) connection.answer(request, {});
    });
    await using executor = connectTo(executorServer.url, new ManualClock());
    const started = await start(executor, "true");
    const waiting = failureOf(started.events().next());
    executorServer.connections[0]?.socket.terminate();
    const error = await waiting;
    assert.equal(error.code, "executor_lost");
    assert.match(error.message, /opened another session/);
  });

  test("an attempt after 10 s without an answer: waiting calls fail, the next use tries again (M2)", {
    timeout,
  }, async () => {
    const clock = new ManualClock();
    let answers = false;
    await using mute = await startScriptedExecutor((request, connection) => {
      if (answers && !greet(request, connection, "s")) connection.answer(request, {});
    });
    await using executor = connectTo(mute.url, clock);
    const first = [executor.info(), start(executor, "true")].map(failureOf);
    await until("it is asked", () => mute.requests.length === 1);
    await clock.advance(10_000);
    for (const error of await Promise.all(first)) {
      assert.equal(error.code, "executor_unreachable");
      assert.match(error.message, /No answer to "initialize" within 10000 ms/);
    }
    answers = true;
    await executor.info();
    assert.equal(mute.connections.length, 2);
  });

  test("an attempt after 10 s at a host that accepts and stays silent", { timeout }, async () => {
    const clock = new ManualClock();
    await using proxy = await FaultProxy.start("ws://127.0.0.1:1");
    proxy.refuse({ how: "half-open", count: ALWAYS });
    await using executor = connectTo(proxy.url, clock);
    const waiting = failureOf(executor.info());
    await until("it is asked", () => proxy.refused === 1);
    await clock.advance(10_000);
    const error = await waiting;
    assert.equal(error.code, "executor_unreachable");
    assert.match(error.message, /no answer within 10000 ms/);
  });
});

suite("RemoteExecutor restores a link", () => {
  test("without a sign of life, and a write into it is written once", { timeout }, async () => {
    await using server = await startServer();
    await using proxy = await FaultProxy.start(server.url);
    const clock = new ManualClock();
    await using executor = connectTo(proxy.url, clock);
    const [cat] = await startNumbered(executor, "exec cat");
    await clock.advance(14_000);
    proxy.silence();
    const echoed = echoes(cat, "hello");
    await advanceUntil(clock, 1_000, "another connection", () => proxy.connections === 2);
    assert.ok(clock.now() <= 46_000, `${clock.now()} ms`);
    await echoed;
    await cat.terminate();
    assert.deepEqual(new Set((await all(cat)).map(({ type }) => type)), new Set(["exited", "closed"]));
  });

  test("to an executor that has not noticed the drop, as soon as it has", { timeout }, async () => {
    const clock = new ManualClock();
    await using executorServer = await startScriptedExecutor((request, connection) => {
      const isHeld = request.method === "initialize" && [2, 3].includes(connection.number);
      if (isHeld) connection.refuse(request, -32010, "session s is already attached to another connection");
      else if (!greet(request, connection, "s")) endWhenAsked(request, connection);
    });
    await using executor = connectTo(executorServer.url, clock);
    const started = await start(executor, "true");
    executorServer.connections[0]?.socket.terminate();
    await advanceUntil(clock, 20, "the fourth connection", () => executorServer.connections.length === 4);
    assert.ok(clock.now() < 1_000, `${clock.now()} ms`);
    assert.equal(await started.terminate(), true);
    await all(started);
  });

  test("whose announced close never comes", { timeout }, async () => {
    const closing = Promise.withResolvers<void>();
    await using executorServer = await startScriptedExecutor((request, connection) => {
      if (greet(request, connection, "s")) return;
      endWhenAsked(request, connection);
      if (connection.number > 1 || request.method !== "process/start") return;
      // A close frame, and then nothing: the answer to it is not read, the connection is not ended.
      connection.socket.pause();
      connection.socket.close(1001);
      closing.resolve();
    });
    await using executor = connectTo(executorServer.url);
    const started = await start(executor, "true");
    await closing.promise;
    await until("another connection", () => executorServer.connections.length === 2, 5_000);
    assert.equal(await started.terminate(), true);
    await all(started);
  });

  test("and is disposed at once while it does not succeed", { timeout }, async () => {
    await using server = await startServer();
    await using proxy = await FaultProxy.start(server.url);
    await using executor = connectTo(proxy.url, new ManualClock());
    const [cat] = await startNumbered(executor, "exec cat");
    const waiting = failureOf(cat.events().next());
    proxy.cut({ how: "gone", count: ALWAYS });
    await until("it recovers", () => executor.status === "recovering");
    await executor[Symbol.asyncDispose]();
    assert.equal((await waiting).code, "disposed");
  });

  test("and is disposed some seconds later when disposal begins meanwhile", { timeout }, async () => {
    await using server = await startServer();
    await using proxy = await FaultProxy.start(server.url);
    const clock = new ManualClock();
    await using executor = connectTo(proxy.url, clock);
    await startNumbered(executor, "exec cat");
    proxy.silence();
    let disposed = false;
    const disposing = executor[Symbol.asyncDispose]().then(() => {
      disposed = true;
    });
    proxy.cut({ how: "gone", count: ALWAYS });
    const tookMs = await advanceUntil(clock, 250, "it is disposed", () => disposed);
    await disposing;
    assert.ok(tookMs <= 15_500, `${tookMs} ms`);
    assert.equal(clock.pending, 0);
  });
});

/** Servers to which the same must happen. */
const SERVERS = { "our server": () => startServer(), "codex exec-server": () => startCodexExecServer() };

for (const [name, startOne] of Object.entries(SERVERS)) {
  suite(`With ${name}`, () => {
    test("a process whose output is lost fails with output_lost and is ended; the others go on", {
      timeout,
    }, async () => {
      const folder = mkdtempSync(join(tmpdir(), "switchyard-hole-"));
      try {
        await using server = await startOne();
        await using proxy = await FaultProxy.start(server.url);
        await using executor = connectTo(proxy.url);
        const go = join(folder, "go");
        const done = join(folder, "done");
        const wait = `while [ ! -e '${go}' ]; do sleep 0.02; done`;
        const [cat] = await startNumbered(executor, "exec cat");
        const [loud, pid] = await startNumbered(
          executor,
          `${wait}; head -c 3000000 /dev/zero; echo > '${done}'; sleep 300`,
        );
        const [less] = await startNumbered(executor, `${wait}; head -c 500000 /dev/zero; exec cat`);
        // Without a link it is not held back, and the last megabyte is kept.
        proxy.cut({ how: 503, count: ALWAYS });
        await until("nobody is connected", () => executor.status === "recovering" && proxy.refused > 0);
        writeFileSync(go, "");
        await until("it has written all", () => existsSync(done));
        await proxy.welcome();
        assert.equal((await failureOf(all(loud))).code, "output_lost");
        assert.deepEqual(await waitUntilGone([pid]), []);
        assert.equal((await outputOf(less, 500_000)).length, 500_000);
        await echoes(cat, "still here");
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    test("a reader that stops for 30 s fails, and its process is ended; the others go on", {
      timeout,
    }, async () => {
      await using server = await startOne();
      const clock = new ManualClock();
      const link = watchedOpener(server.url, clock);
      await using executor = new RemoteExecutor({ name: "box", opener: link.opener, clock });
      const [cat] = await startNumbered(executor, "exec cat");
      const [loud, pid] = await startNumbered(executor, "exec cat /dev/zero");
      await until("the link is held", () => link.isHeld());
      const echoed = echoes(cat, "later");
      await clock.advance(29_000);
      assert.ok(link.isHeld() && isAlive(pid));
      await clock.advance(1_001);
      assert.equal(link.isHeld(), false);
      await echoed;
      assert.deepEqual(await waitUntilGone([pid]), []);
      let bytes = 0;
      const error = await failureOf(
        (async () => {
          for await (const event of loud.events()) if (event.type === "output") bytes += event.chunk.length;
        })(),
      );
      assert.equal(error.code, "reader_stalled");
      assert.ok(bytes > 8_000_000 && bytes < 12_000_000, `${bytes} bytes`);
      await echoes(cat, "still here");
    });

    test("a slow reader is waited for, and requests of others are answered meanwhile", {
      timeout,
    }, async () => {
      await using server = await startOne();
      const clock = new ManualClock();
      const link = watchedOpener(server.url, clock);
      await using executor = new RemoteExecutor({ name: "box", opener: link.opener, clock });
      const [cat] = await startNumbered(executor, "exec cat");
      const [loud] = await startNumbered(executor, "read go; head -c 40000000 /dev/zero");
      await loud.write(Buffer.from("\n"));
      await until("the link is held", () => link.isHeld());
      const asked = cat.read();
      const reading = loud.events();
      let bytes = 0;
      for (let turn = 0; turn < 10; turn++) {
        await clock.advance(20_000);
        const { value } = await reading.next();
        if (value?.type === "output") bytes += value.chunk.length;
      }
      assert.ok(link.isHeld(), "200 s");
      for await (const event of reading) if (event.type === "output") bytes += event.chunk.length;
      assert.equal(bytes, 40_000_000);
      assert.equal((await asked).chunks.length, 1);
      await echoes(cat, "still here");
    });
  });
}

for (const [name, startOne] of Object.entries({
  ...SERVERS,
  "codex exec-server --concurrent-requests 8": () => startCodexExecServer(["--concurrent-requests", "8"]),
})) {
  test(`With ${name}, starts that are given up at any moment leave no process`, { timeout }, async () => {
    await using server = await startOne();
    await using executor = connectTo(server.url);
    await executor.info();
    const tag = randomUUID();
    const kept: ExecutorProcess[] = [];
    for (let turns = 0; turns < 8; turns++) {
      const giveUp = new AbortController();
      const spec = { argv: ["sleep", "300"], cwd: "/tmp", env: { ...env, [TAG]: tag } } as const;
      const started = Array.from({ length: 20 }, async () => {
        kept.push(await executor.start(spec, { signal: giveUp.signal }));
      });
      for (let left = turns; left > 0; left--) await sleep(1);
      giveUp.abort(new Error("given up"));
      for (const each of await Promise.allSettled(started)) {
        if (each.status === "rejected") assert.match(String(each.reason), /given up/);
      }
    }
    await until("only those are left that were not given up", () => {
      return processesWithEnv(TAG, tag).length === kept.length;
    });
  });
}

test("ExecutorServer keeps a client that holds its link and gives signs of life", {
  timeout,
}, async () => {
  const clock = new ManualClock();
  const log: string[] = [];
  const server = await startServer({ clock });
  const link = watchedOpener(server.url, clock);
  const executor = new RemoteExecutor({
    name: "box",
    opener: link.opener,
    clock,
    log: (_severity, message) => log.push(message),
  });
  try {
    const [cat] = await startNumbered(executor, "exec cat");
    const [loud, pid] = await startNumbered(executor, "read go; exec head -c 40000000 /dev/zero");
    await loud.write(Buffer.from("\n"));
    await until("the link is held", () => link.isHeld());
    await until("what is in front of it is full", standsStill(pid));
    // While the client does not take the answer to this, its requests are not read either.
    const echoed = Promise.allSettled([echoes(cat, "still here")]);
    const reading = loud.events();
    let bytes = 0;
    for (let turn = 0; turn < 100; turn++) {
      await clock.advance(2_000);
      await sleep(2);
      const { value } = await reading.next();
      if (value?.type === "output") bytes += value.chunk.length;
    }
    for await (const event of reading) if (event.type === "output") bytes += event.chunk.length;
    assert.equal(bytes, 40_000_000);
    assert.deepEqual(await echoed, [{ status: "fulfilled", value: undefined }]);
    assert.deepEqual(log, []);
  } finally {
    await finish(clock, "the end", async () => {
      await executor[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    });
  }
});

/** Whether a process writes nothing any more, look after look. */
function standsStill(pid: number): () => boolean {
  let before = "";
  let looks = 0;
  return () => {
    const [written = ""] = /wchar: \d+/.exec(readFileSync(`/proc/${pid}/io`, "utf8")) ?? [];
    looks = written === before ? looks + 1 : 0;
    before = written;
    return looks > 25;
  };
}
