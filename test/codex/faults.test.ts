/** What happens to turns and threads when something breaks: Codex, a server, the model, the reader, the host. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CodexError, type McpServerRules, type ThreadEvent } from "../../src/index.ts";
import {
  descendants,
  fail,
  hang,
  isAlive,
  type ModelReply,
  promptOf,
  RecordingMcpServer,
  say,
  ScriptedModel,
  stdioServer,
  waitUntilGone,
} from "../../src/testing/index.ts";
import {
  type CodexBench,
  collect,
  itemsOf,
  itemsOfType,
  startBench,
  textOf,
  mcpMode,
  serverProcesses,
} from "../support/codex-bench.ts";
import { sample } from "../support/sample.ts";

const timeout = 60_000;

let sharedBench: Promise<CodexBench> | undefined;
/** For the tests that break a server, a turn or a thread, and not Codex: one process for all of them. */
const shared = (): Promise<CodexBench> => (sharedBench ??= startBench());
after(async () => {
  await (await sharedBench)?.[Symbol.asyncDispose]();
});

const whoami = promptOf({ call: { server: "svc", tool: "whoami" } }, { say: "done" });
const longCall = promptOf({ call: { server: "svc", tool: "sleep", arguments: { ms: 60_000 } } });

test("Codex killed in the middle of turns: each fails once with the cause, and its thread goes on (A2, N3, T3)", {
  timeout,
}, async () => {
  await using bench = await startBench();
  await using http = await RecordingMcpServer.start();
  const threads = ["a", "b", "c"].map((name) =>
    bench.codex.startThread({
      workingDirectory: bench.cwd,
      mcpServers: { svc: { url: `${http.origin}/${name}` } },
    }),
  );
  const turns = threads.map((thread) => collect(thread.runStreamed(longCall)));
  await http.waitFor(() => http.calls.length === 3);
  const killed = bench.codex.pid as number;
  process.kill(killed, "SIGKILL");
  for (const events of await Promise.all(turns)) {
    const ends = events.filter(({ type }) => type === "turn.failed" || type === "turn.completed");
    assert.equal(ends.length, 1);
    assert.ok(ends[0]?.type === "turn.failed");
    assert.equal(ends[0].error.code, "process_exited");
    assert.match(ends[0].error.message, /SIGKILL/);
  }
  for (const thread of threads) {
    const { id } = thread;
    assert.equal((await thread.run(whoami)).finalResponse, "done");
    assert.equal(thread.id, id);
  }
  assert.notEqual(bench.codex.pid, killed);
});

test("a Codex that dies at every start is started more and more slowly, with a warning, and leaves no process (A1, R2)", {
  timeout,
}, async () => {
  await using bench = await startBench();
  const path = join(bench.cwd, "codex-dies");
  writeFileSync(
    path,
    `#!/bin/sh\n[ "$1" = --version ] && echo codex-cli 0.169.0 && exit 0\necho "no memory left" >&2; exit 7\n`,
  );
  chmodSync(path, 0o755);
  const codex = bench.another({ codexPathOverride: path });
  const thread = codex.startThread({ workingDirectory: bench.cwd });
  for (let n = 0; n < 4; n++) {
    await assert.rejects(thread.run("hello"), {
      code: "codex_start_failed",
      message: /exit code 7.*no memory left/,
    });
  }
  const waits = bench.log.flatMap((line) => /next start waits (\d+) ms/.exec(line)?.[1] ?? []).map(Number);
  assert.equal(waits.length, 3);
  assert.ok(
    waits.every((wait, n) => n === 0 || wait > (waits[n - 1] as number) / 2),
    `waits: ${waits.join(", ")}`,
  );
  assert.ok((waits[2] as number) >= 500, `waits: ${waits.join(", ")}`);
});

test("an aborted turn cancels the MCP call on the wire and leaves the thread usable", {
  timeout,
}, async () => {
  const bench = await shared();
  await using http = await RecordingMcpServer.start();
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: { svc: { url: http.url } },
  });
  const abort = new AbortController();
  const turn = thread.run(longCall, { signal: abort.signal });
  await http.waitFor(() => http.calls.length === 1);
  const reason = new Error("changed my mind");
  abort.abort(reason);
  await assert.rejects(turn, { name: "AbortError", code: "ABORT_ERR", cause: reason });
  await http.waitFor(() => http.calls[0]?.outcome === "cancelled");
  assert.ok(http.requests.some(({ rpcMethod }) => rpcMethod === "notifications/cancelled"));
  assert.equal((await thread.run(whoami)).finalResponse, "done");
  await assert.rejects(thread.run(whoami, { signal: abort.signal }), { name: "AbortError" });
});

test("a turn can be aborted at any moment of its life, and the thread takes the next one (O3)", {
  timeout,
}, async () => {
  const bench = await shared();
  await using http = await RecordingMcpServer.start({ behaviour: { startupDelayMs: 200 } });
  const mcpServers = { svc: { url: http.url } };
  // The Nth event, for every N up to the last but two: then the turn may be over. 0 is before the first.
  for (let n = 0; n <= 4; n++) {
    const thread = bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers });
    const abort = new AbortController();
    const { events } = await thread.runStreamed(whoami, { signal: abort.signal });
    let seen = 0;
    await assert.rejects(
      async () => {
        if (n === 0) queueMicrotask(() => abort.abort());
        for await (const _ of events) if (++seen === n) abort.abort();
      },
      { name: "AbortError" },
      `aborted at event ${n}`,
    );
    assert.equal((await thread.run(promptOf({ say: "next" }))).finalResponse, "next", `after event ${n}`);
    await thread.close();
  }
});

test("a reader that leaves the loop interrupts its turn", { timeout }, async () => {
  const bench = await shared();
  await using http = await RecordingMcpServer.start();
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: { svc: { url: http.url } },
  });
  for await (const event of (await thread.runStreamed(longCall)).events) {
    if (event.type === "item.started") {
      await http.waitFor(() => http.calls.length === 1);
      break;
    }
  }
  await http.waitFor(() => http.calls[0]?.outcome === "cancelled");
  assert.equal((await thread.run(promptOf({ say: "next" }))).finalResponse, "next");
});

test("a failed optional server is an event; the next turn tries it again (T2)", { timeout }, async () => {
  const bench = await shared();
  await using http = await RecordingMcpServer.start({ behaviour: { refuse: 403 } });
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: { svc: { url: http.url } },
  });
  const events = await collect(thread.runStreamed(promptOf({ say: "without it" })));
  const failure = itemsOfType(events, "error").find((item) => item.code === "mcp_server_failed");
  assert.equal(failure?.server, "svc");
  assert.match(failure?.reason ?? "", /403/);
  assert.equal(events.at(-1)?.type, "turn.completed");
  http.behaviour.refuse = undefined as never;
  const { items } = await thread.run(whoami);
  assert.equal(items.find((item) => item.type === "mcp_tool_call")?.status, "completed");
  assert.equal(
    items.some((item) => item.type === "error" && item.code !== undefined),
    false,
  );
});

test("a failed required server fails the turn before the model is asked", { timeout }, async () => {
  await using bench = await startBench();
  const mcpServers = { svc: { ...stdioServer({ exitAtStart: { code: 3 } }), required: true } };
  const thread = bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers });
  const events = await collect(thread.runStreamed("hello"));
  assert.deepEqual(
    events.map(({ type }) => type),
    ["turn.failed"],
  );
  assert.ok(events[0]?.type === "turn.failed");
  assert.equal(events[0].error.code, "mcp_server_failed");
  assert.match(events[0].error.message, /svc/);
  assert.equal(bench.model.requests.length, 0);
});

test("a hanging server delays its own thread by its own time-out, and no other thread", {
  timeout,
}, async () => {
  const bench = await shared();
  const hanging = { svc: { ...stdioServer({ hangAtStart: true }), startup_timeout_sec: 6 } };
  const slow = collect(
    bench.codex
      .startThread({ workingDirectory: bench.cwd, mcpServers: hanging })
      .runStreamed(promptOf({ say: "slow" })),
  );
  let slowIsOver = false;
  void slow.then(() => {
    slowIsOver = true;
  });
  const quick = await bench.codex
    .startThread({ workingDirectory: bench.cwd })
    .run(promptOf({ say: "quick" }));
  assert.equal(quick.finalResponse, "quick");
  assert.equal(slowIsOver, false);
  const events = await slow;
  assert.match(
    itemsOfType(events, "error").find((item) => item.server === "svc")?.reason ?? "",
    /timed out after 6 s|not ready within 6 s/,
  );
});

test("a stdio server that dies in a call fails that call; the next turn has a new one", {
  timeout,
}, async () => {
  const bench = await shared();
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: { svc: stdioServer() },
  });
  const died = await collect(
    thread.runStreamed(
      promptOf({ call: { server: "svc", tool: "exit", arguments: { code: 9 } } }, { say: "it died" }),
    ),
  );
  assert.equal(itemsOfType(died, "mcp_tool_call")[0]?.status, "failed");
  assert.equal(died.at(-1)?.type, "turn.completed");
  const { items } = await thread.run(whoami);
  assert.equal(items.find((item) => item.type === "mcp_tool_call")?.status, "completed");
});

/** What the file descriptors of a process are, in their order: `pipe:[123]`. */
function filesOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  const numbers = readdirSync(folder).toSorted((a, b) => Number(a) - Number(b));
  return numbers.flatMap((number) => {
    try {
      return [readlinkSync(join(folder, number))];
    } catch {
      // It was closed since the listing.
      return [];
    }
  });
}

test("a stdio server that ended between two turns is there again in the next one", { timeout }, async () => {
  const bench = await shared();
  const mcpServers = { svc: stdioServer(), other: stdioServer() };
  const thread = bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers });
  const pidIn = async (): Promise<number> => {
    const [call] = itemsOfType(await collect(thread.runStreamed(whoami)), "mcp_tool_call");
    assert.equal(call?.status, "completed", JSON.stringify(call));
    return (JSON.parse(textOf(call)) as { pid: number }).pid;
  };
  let pid = await pidIn();
  assert.equal(await pidIn(), pid, "one that lives stays");
  for (const signal of ["SIGKILL", "SIGTERM", "SIGHUP"] as const) {
    const pipes = filesOf(pid).slice(0, 3);
    process.kill(pid, signal);
    await waitUntilGone([pid]);
    // Codex has noticed when it has closed its ends of the server's pipes.
    while (filesOf(bench.codex.pid as number).some((file) => pipes.includes(file))) await sleep(1);
    const next = await pidIn();
    assert.notEqual(next, pid);
    pid = next;
  }
});

/** A thread with an HTTP server that may lose its sessions, and the statuses of the calls in its next turn. */
async function startThreadWithSessions(bench: CodexBench, more: McpServerRules = {}, mcp = mcpMode) {
  const lost = new Set<string>();
  const http = await RecordingMcpServer.start();
  const mcpServers = { svc: { url: http.url, ...more } };
  const thread = bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers, mcp });
  return {
    http,
    isLost: ({ sessionId = "" }): boolean => lost.has(sessionId),
    loseAll: (): void => {
      for (const { id } of http.sessions) lost.add(id);
    },
    nextTurn: async (): Promise<string | undefined> => {
      const events = await collect(thread.runStreamed(whoami));
      assert.equal(events.at(-1)?.type, "turn.completed");
      assert.deepEqual(itemsOfType(events, "error"), []);
      return itemsOfType(events, "mcp_tool_call")[0]?.status;
    },
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
}

const bodies: Readonly<Record<string, ((id: unknown) => string) | undefined>> = {
  "an error without an id": undefined,
  "an error with another id": () => sessionError("server-error"),
  "an error with its id": sessionError,
  "a text": () => "Bad Request: no valid session",
  nothing: () => "",
};
function sessionError(id: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", error: { code: -32_000, message: "No valid session" }, id });
}

// Codex itself renews a session that is answered with 404.
for (const status of sample([400, 401, 403, 404, 418, 500, 502, 503], 2)) {
  test(`an HTTP server that answers a lost session with ${status} has a new one before the model is asked`, {
    timeout,
  }, async () => {
    const bench = await shared();
    await using server = await startThreadWithSessions(bench);
    const { http } = server;
    http.behaviour.refuse = (request) => (server.isLost(request) ? status : undefined);
    assert.equal(await server.nextTurn(), "completed");
    for (const [what, body] of sample(Object.entries(bodies), 5, status)) {
      if (body === undefined) delete http.behaviour.refuseBody;
      else http.behaviour.refuseBody = (request) => body((request.body as { id?: unknown } | undefined)?.id);
      http.behaviour.refuseHeaders = {
        "content-type": what === "a text" ? "text/plain" : "application/json",
      };
      server.loseAll();
      assert.equal(await server.nextTurn(), "completed", what);
      const { length } = http.sessions;
      assert.equal(await server.nextTurn(), "completed", what);
      assert.equal(http.sessions.length, length, "one that lives stays");
    }
  });
}

test("an HTTP server that never answers a lost session fails one call; the next turn has a new session", {
  timeout,
}, async () => {
  const bench = await shared();
  await using server = await startThreadWithSessions(bench, { tool_timeout_sec: 3 });
  server.http.behaviour.delayMs = (request) => (server.isLost(request) ? Infinity : 0);
  assert.equal(await server.nextTurn(), "completed");
  server.loseAll();
  assert.equal(await server.nextTurn(), "failed");
  assert.equal(await server.nextTurn(), "completed");
});

test("an HTTP server that is slow keeps its session (P2)", { timeout }, async () => {
  const bench = await shared();
  await using server = await startThreadWithSessions(bench, {}, "direct");
  assert.equal(await server.nextTurn(), "completed");
  server.http.behaviour.delayMs = ({ rpcMethod }) =>
    rpcMethod === "resources/read" || rpcMethod === "tools/call" ? 3_000 : 0;
  assert.equal(await server.nextTurn(), "completed");
  assert.equal(await server.nextTurn(), "completed");
  const probes = server.http.requests.filter(({ rpcMethod }) => rpcMethod === "resources/read");
  assert.equal(probes.length, 1, "no turn waits again for an answer that takes too long");
  assert.equal(server.http.sessions.length, 1);
});

test("an HTTP server keeps its session, whatever it answers about a resource that does not exist (P1)", {
  timeout,
}, async () => {
  const bench = await shared();
  await using server = await startThreadWithSessions(bench, {}, "direct");
  const { behaviour } = server.http;
  const error = (code: number) => ({ error: { code, message: "Unknown resource" } });
  behaviour.refuse = ({ rpcMethod }) => (rpcMethod === "resources/read" ? 200 : undefined);
  behaviour.refuseHeaders = { "content-type": "application/json" };
  const answers = [error(0), error(-32_601), error(-32_603), error(-32_000), { result: { contents: [] } }];
  for (const answer of answers) {
    behaviour.refuseBody = ({ body }) =>
      JSON.stringify({ jsonrpc: "2.0", id: (body as { id: number }).id, ...answer });
    assert.equal(await server.nextTurn(), "completed");
  }
  assert.equal(await server.nextTurn(), "completed");
  assert.equal(server.http.sessions.length, 1);
});

test("an HTTP server that refuses methods which it does not know loses one session by it, and no more", {
  timeout,
}, async () => {
  const bench = await shared();
  await using server = await startThreadWithSessions(bench, {}, "direct");
  const { behaviour } = server.http;
  behaviour.refuse = ({ rpcMethod }) => (rpcMethod === "resources/read" ? 403 : undefined);
  for (let turn = 0; turn < 4; turn++) assert.equal(await server.nextTurn(), "completed");
  assert.equal(server.http.sessions.length, 2);
});

test("an HTTP server whose port was closed is missing in a turn with the reason, and back in the next", {
  timeout,
}, async () => {
  const bench = await shared();
  const first = await RecordingMcpServer.start();
  const { url } = first;
  const thread = bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers: { svc: { url } } });
  await thread.run(whoami);
  await first[Symbol.asyncDispose]();
  const events = await collect(thread.runStreamed(promptOf({ say: "without it" })));
  assert.equal(itemsOfType(events, "error")[0]?.code, "mcp_server_failed");
  assert.equal(events.at(-1)?.type, "turn.completed");
  await using _ = await RecordingMcpServer.start({ port: Number(new URL(url).port) });
  const { items } = await thread.run(whoami);
  assert.equal(items.find((item) => item.type === "mcp_tool_call")?.status, "completed");
});

test("a server that answers a call with an error keeps its process", { timeout }, async () => {
  const bench = await shared();
  const mcpServers = { svc: stdioServer() };
  const thread = bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers });
  const pids = new Set<number>();
  for (const tool of ["fail", "throw", "no_such_tool"]) {
    await thread.run(promptOf({ call: { server: "svc", tool } }));
    const { items } = await thread.run(whoami);
    const call = items.find((item) => item.type === "mcp_tool_call");
    pids.add((JSON.parse(textOf(call)) as { pid: number }).pid);
  }
  assert.equal(pids.size, 1);
});

test("a model that cannot be reached fails the turn: after Codex's own retries", { timeout }, async () => {
  await using bench = await startBench();
  const model = await ScriptedModel.start();
  const { baseUrl } = model;
  await model[Symbol.asyncDispose]();
  const config = { model_providers: { switchyard: { request_max_retries: 0, stream_max_retries: 1 } } };
  const codex = bench.another({ baseUrl, config });
  await assert.rejects(
    codex.startThread({ workingDirectory: bench.cwd }).run("hello"),
    /switchyard|disconnected|connect|error sending/i,
  );
});

test("turns that wait for a Codex which fails again and again say so first, and for what (R3)", {
  timeout,
}, async () => {
  await using bench = await startBench();
  const path = join(bench.cwd, "codex");
  const stderr =
    "WARNING: proceeding\nError: out of luck\n2026-11-29T19:49:12.183088Z ERROR codex: no bubblewrap\n";
  const program = `[ "$1" = --version ] && echo codex-cli 0.171.0 || { printf '${stderr}' >&2; exit 1; }`;
  writeFileSync(path, `#!/bin/sh\n${program}\n`, { mode: 0o755 });
  const codex = bench.another({ codexPathOverride: path });
  /** The first event of a turn, or nothing when it failed before. */
  const firstEvent = async (): Promise<ThreadEvent | undefined> => {
    try {
      const { events } = await codex.startThread({ workingDirectory: bench.cwd }).runStreamed("hello");
      // Its wait is for long, so the reader leaves.
      for await (const event of events) return event;
    } catch (error) {
      assert.ok(error instanceof CodexError && error.code === "codex_start_failed", String(error));
    }
    return undefined;
  };
  let events: (ThreadEvent | undefined)[];
  do events = await Promise.all([firstEvent(), firstEvent()]);
  while (events[0] === undefined);
  for (const event of events) {
    assert.ok(event?.type === "item.completed" && event.item.type === "error");
    assert.equal(event.item.code, "engine_waiting");
    assert.match(
      event.item.message,
      /^Waiting \d+ s for the next start of Codex: it ended \d times in a row /,
    );
    assert.match(event.item.message, /its last words: Error: out of luck$/);
  }
});

test("a thread that is not there: the error names the home that was searched, and how to use the user's", {
  timeout,
}, async () => {
  await using bench = await startBench();
  const env = { ...process.env, CODEX_HOME: join(bench.cwd, "users") } as Record<string, string>;
  mkdirSync(env["CODEX_HOME"] as string);
  const id = "01a1fc80-bd26-7640-b84e-7ccb9df38efc";
  const ours = bench.another({ env });
  const users = bench.another({ env, home: "user" });
  const messageOf = async (run: Promise<unknown>): Promise<string> => {
    try {
      await run;
    } catch (error) {
      assert.ok(error instanceof CodexError && error.code === "thread_not_found");
      return error.message;
    }
    return assert.fail("it was found");
  };
  const hint = `The threads of your own Codex are in ${env["CODEX_HOME"]}: to use that home, set the option home: "user"`;
  const options = { workingDirectory: bench.cwd };
  for (const thread of [ours.resumeThread(id, options), ours.forkThread(id, options)]) {
    const message = await messageOf(thread.run("hello"));
    assert.ok(
      message.startsWith(`There is no thread ${id} in the Codex home ${bench.home}. ${hint}`),
      message,
    );
  }
  assert.equal(
    await messageOf(users.resumeThread(id, options).run("hello")),
    `There is no thread ${id} in the Codex home ${env["CODEX_HOME"]}`,
  );
});

test("a model that rejects the key or is used up fails the turn with a code", { timeout }, async () => {
  const quota = { error: { message: "used up", type: "insufficient_quota", code: "insufficient_quota" } };
  const replies: Readonly<Record<string, readonly [ModelReply, string]>> = {
    "no key": [fail(401), "model_unauthorized"],
    "wrong key": [fail(403), "model_unauthorized"],
    "too often": [fail(429), "model_rate_limited"],
    "used up": [fail(429, quota), "model_rate_limited"],
  };
  const model = await ScriptedModel.start({ script: ({ prompt }) => replies[prompt]?.[0] ?? say("?") });
  const config = { model_providers: { switchyard: { request_max_retries: 0, stream_max_retries: 0 } } };
  await using bench = await startBench({ config }, model);
  for (const [prompt, [, code]] of Object.entries(replies)) {
    const thread = bench.codex.startThread({ workingDirectory: bench.cwd, ephemeral: true });
    await assert.rejects(thread.run(prompt), { name: "CodexError", code });
  }
  await model[Symbol.asyncDispose]();
});

test("a model that stays away longer than reconnectTimeoutMs fails the turn by the watchdog", {
  timeout,
}, async () => {
  await using bench = await startBench();
  const model = await ScriptedModel.start();
  const { baseUrl } = model;
  await model[Symbol.asyncDispose]();
  const config = { model_providers: { switchyard: { request_max_retries: 0, stream_max_retries: 100 } } };
  const codex = bench.another({ baseUrl, config, reconnectTimeoutMs: 1_500 });
  const events = await collect(codex.startThread({ workingDirectory: bench.cwd }).runStreamed("hello"));
  const end = events.at(-1);
  assert.ok(end?.type === "turn.failed");
  assert.equal(end.error.code, "model_unreachable");
});

test("a reader that stops gets everything in order when it comes back, and holds memory within bounds (A4, N1)", {
  timeout,
}, async () => {
  const bench = await shared();
  await using http = await RecordingMcpServer.start();
  const mcpServers = { svc: { url: http.url } };
  // Forty results of 300 kB: three times what is kept for a reader, and much more than a pipe holds.
  const steps = Array.from({ length: 40 }, () => ({
    call: { server: "svc", tool: "big", arguments: { bytes: 300_000 } },
  }));
  const thread = bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers });
  const { events } = await thread.runStreamed(promptOf(...steps, { say: "all of them" }));
  const seen = [await events.next()];
  // The reader stands still until the pipe has been stopped for it and Codex has done its work.
  await http.waitFor(() => http.calls.length >= 30);
  const heapUsed = process.memoryUsage().heapUsed;
  assert.ok(heapUsed < 400e6, `heap: ${heapUsed}`);
  for (let next = await events.next(); next.done !== true; next = await events.next()) seen.push(next);
  const calls = seen.flatMap(({ value }) =>
    value?.type === "item.completed" && value.item.type === "mcp_tool_call" ? [value.item] : [],
  );
  assert.equal(calls.length, 40);
  assert.ok(calls.every((call) => textOf(call).length === 300_000));
  const ids = itemsOf(seen.flatMap(({ value }) => (value === undefined ? [] : [value]))).map(({ id }) =>
    Number(id.slice(5)),
  );
  assert.deepEqual(
    ids,
    [...ids].sort((a, b) => a - b),
  );
  assert.equal(seen.at(-1)?.value?.type, "turn.completed");
});

test("a reader that never comes back gets everything kept, then the error; others go on (N1)", {
  timeout,
}, async () => {
  await using bench = await startBench();
  await using http = await RecordingMcpServer.start();
  const env = { PATH: process.env["PATH"] ?? "", SWITCHYARD_DEBUG: "wire" };
  const codex = bench.another({ readerStallMs: 500, env });
  const big = { call: { server: "svc", tool: "big", arguments: { bytes: 900_000 } } };
  const steps = Array.from({ length: 20 }, () => big);
  const thread = codex.startThread({ workingDirectory: bench.cwd, mcpServers: { svc: { url: http.url } } });
  const { events } = await thread.runStreamed(promptOf(...steps));
  await events.next();
  await http.waitFor(() => http.calls.length >= 5);
  const other = await codex
    .startThread({ workingDirectory: bench.cwd })
    .run(promptOf({ say: "not held up" }));
  assert.equal(other.finalResponse, "not held up");
  while (!bench.log.some((line) => line.includes("turn/interrupt"))) await sleep(5);
  const rest = [];
  for await (const event of events) rest.push(event);
  const end = rest.at(-1);
  assert.ok(end?.type === "turn.failed");
  assert.equal(end.error.code, "reader_stalled");
});

test("closing a thread ends its stdio servers, also stubborn ones and what they started (O2)", {
  timeout,
}, async () => {
  await using bench = await startBench();
  const others = serverProcesses();
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: { svc: stdioServer({ stubborn: true }) },
  });
  const spawnChild = promptOf(
    { call: { server: "svc", tool: "spawnChild", arguments: {} } },
    { say: "done" },
  );
  const { items } = await thread.run(spawnChild);
  const child = Number(JSON.parse(textOf(items.find((item) => item.type === "mcp_tool_call"))).pid);
  const below = serverProcesses().filter((pid) => !others.includes(pid));
  assert.ok(below.length > 0 && isAlive(child));
  below.push(child);
  await thread.close();
  assert.deepEqual(await waitUntilGone(below), []);
});

test("closing Codex ends even a process that left its group and ignores every polite signal (A3)", {
  timeout,
}, async () => {
  await using bench = await startBench();
  const codex = bench.another();
  const thread = codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: { svc: stdioServer({ stubborn: true }) },
  });
  const spawnChild = promptOf(
    { call: { server: "svc", tool: "spawnChild", arguments: { detached: true, stubborn: true } } },
    { say: "done" },
  );
  const { items } = await thread.run(spawnChild);
  const child = Number(JSON.parse(textOf(items.find((item) => item.type === "mcp_tool_call"))).pid);
  assert.ok(isAlive(child));
  await codex.close();
  assert.deepEqual(await waitUntilGone([child]), []);
});

test("a host that is killed leaves nothing behind", { timeout }, async () => {
  await using bench = await startBench();
  await using http = await RecordingMcpServer.start();
  const program = `
    import { Codex } from ${JSON.stringify(new URL("../../src/index.ts", import.meta.url).href)};
    const { options, thread, prompt } = JSON.parse(process.argv[1]);
    const codex = new Codex(options);
    void codex.startThread(thread).run(prompt);`;
  const instructions = JSON.stringify({
    options: { baseUrl: bench.model.baseUrl, apiKey: "sk-test", home: { path: bench.home }, mcp: mcpMode },
    thread: { workingDirectory: bench.cwd, mcpServers: { svc: { url: http.url }, other: stdioServer() } },
    prompt: longCall,
  });
  const host = spawn(process.execPath, ["--input-type=module", "-e", program, instructions], {
    stdio: "inherit",
  });
  await http.waitFor(() => http.calls.length === 1);
  const below = descendants(host.pid as number);
  assert.ok(below.length >= 2, "Codex and a stdio server");
  host.kill("SIGKILL");
  assert.deepEqual(await waitUntilGone(below), []);
  // Codex ends the sessions of its own; those that the host had are ended by nobody but the server.
  if (mcpMode === "direct") await http.waitFor(() => http.calls[0]?.outcome === "cancelled");
  // Its pipes for the stderr of servers go with the next host.
  const next = bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers: { other: stdioServer() } });
  await next.run(promptOf({ say: "here" }));
  const left = readdirSync(tmpdir()).filter((name) => name.includes(`:${host.pid}:`));
  assert.deepEqual(left, []);
});

test("an ephemeral thread whose process ended is reported as lost (O4)", { timeout }, async () => {
  await using bench = await startBench();
  const thread = bench.codex.startThread({ workingDirectory: bench.cwd, ephemeral: true });
  await thread.run(promptOf({ say: "one" }));
  process.kill(bench.codex.pid as number, "SIGKILL");
  await waitUntilGone([bench.codex.pid as number]);
  await assert.rejects(
    async () => {
      // The news of the end may still be on its way for the first of them.
      for (let n = 0; n < 2; n++)
        await thread.run(promptOf({ say: "two" })).catch((error: unknown) => {
          if ((error as { code?: string }).code !== "process_exited") throw error;
        });
    },
    { code: "thread_not_found", message: /ephemeral/ },
  );
});

test("a thread that does not exist, or is open elsewhere, is rejected by its id", { timeout }, async () => {
  await using bench = await startBench();
  const unknown = "0198c3a0-0000-7000-8000-000000000000";
  await assert.rejects(bench.codex.resumeThread(unknown, { workingDirectory: bench.cwd }).run("hello"), {
    code: "thread_not_found",
    message: new RegExp(unknown),
  });
  const thread = bench.codex.startThread({ workingDirectory: bench.cwd });
  await thread.run(promptOf({ say: "one" }));
  const elsewhere = bench.another().resumeThread(thread.id as string, { workingDirectory: bench.cwd });
  await assert.rejects(elsewhere.run("two"), { code: "thread_busy" });
  await thread.close();
  assert.equal((await elsewhere.run(promptOf({ say: "three" }))).finalResponse, "three");
});

test("disposing in the middle of everything settles every turn and returns", { timeout }, async () => {
  await using model = await ScriptedModel.start({ script: () => hang() });
  await using bench = await startBench({}, model);
  const turns = Array.from({ length: 8 }, (_, n) =>
    bench.codex
      .startThread({ workingDirectory: bench.cwd, ephemeral: n % 2 === 0 })
      .run("hello")
      .then(
        () => "completed",
        (error: unknown) => (error as { code?: string }).code,
      ),
  );
  await model.waitForRequests(4);
  await bench.codex.close();
  assert.deepEqual(new Set(await Promise.all(turns)), new Set(["closed"]));
  await assert.rejects(bench.codex.startThread({ workingDirectory: bench.cwd }).run("late"), {
    code: "closed",
  });
});

test("an idle thread is unloaded with its servers, and comes back when it is used", { timeout }, async () => {
  await using bench = await startBench();
  await using http = await RecordingMcpServer.start();
  const codex = bench.another({ idleUnloadMs: 50 });
  const thread = codex.startThread({ workingDirectory: bench.cwd, mcpServers: { svc: { url: http.url } } });
  await thread.run(whoami);
  await http.waitFor(() => http.openSessions === 0);
  await thread.run(whoami);
  assert.equal(http.calls.length, 2);
});

test("closing does not wait for a reader that has stopped (N2)", { timeout }, async () => {
  await using bench = await startBench();
  await using http = await RecordingMcpServer.start();
  const big = { call: { server: "svc", tool: "big", arguments: { bytes: 900_000 } } };
  const steps = Array.from({ length: 20 }, () => big);
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: { svc: { url: http.url } },
  });
  const { events } = await thread.runStreamed(promptOf(...steps));
  await events.next();
  // Five of them fill what is kept for a reader; the pipe stands still from then on.
  await http.waitFor(() => http.calls.length >= 8);
  await thread.close();
  await assert.rejects(
    async () => {
      for await (const _ of events);
    },
    { code: "closed" },
  );
});
