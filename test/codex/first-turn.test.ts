/** Threads whose first turn never began: they have no id, since nothing could be resumed, and stay usable (O3). */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Codex, Thread, ThreadEvent, ThreadOptions } from "../../src/index.ts";
import { RecordingMcpServer } from "../../src/testing/index.ts";
import { type CodexBench, startBench, mcpMode } from "../support/codex-bench.ts";
import { meddledCodex } from "../support/meddled-codex.ts";

const timeout = 90_000;

interface Seen {
  readonly ids: string[];
  readonly types: string[];
  /** What the turn ended with: its last event, or the code of what was thrown. */
  readonly end: string;
}

async function play(
  thread: Thread,
  input = "hello",
  options: Parameters<Thread["run"]>[1] = {},
): Promise<Seen> {
  const events: ThreadEvent[] = [];
  let thrown: string | undefined;
  try {
    for await (const event of (await thread.runStreamed(input, options)).events) events.push(event);
  } catch (error) {
    thrown = (error as { code: string }).code;
  }
  const last = events.at(-1);
  return {
    ids: events.flatMap((event) => (event.type === "thread.started" ? [event.thread_id] : [])),
    types: events.map(({ type }) => type),
    end: thrown ?? (last?.type === "turn.failed" ? `${last.error.code}` : `${last?.type}`),
  };
}

/** The thread takes turns under one id, by which another process finds it, unless it is ephemeral. */
async function assertUsable(
  bench: CodexBench,
  thread: Thread,
  ephemeral = false,
  options: Parameters<Thread["run"]>[1] = { mcpServers: {} },
): Promise<void> {
  const first = await play(thread, "hello", options);
  assert.deepEqual([first.end, first.ids, first.types[0]], ["turn.completed", [thread.id], "thread.started"]);
  const { id } = thread;
  assert.deepEqual((await play(thread)).ids, [id]);
  assert.equal(thread.id, id);
  if (ephemeral) return;
  await thread.close();
  const again = bench.another().resumeThread(id as string, { workingDirectory: bench.cwd });
  assert.deepEqual((await play(again)).ids, [id]);
}

interface Case {
  readonly codex: Codex;
  readonly server: RecordingMcpServer;
  readonly thread: Thread;
}

/** What ends a first turn while the only server of its thread does not answer. */
const ENDS: readonly (readonly [what: string, end: (of: Case) => Promise<string>, expected: string])[] = [
  [
    "an abort",
    async ({ thread, server }) => {
      const abort = new AbortController();
      const turn = play(thread, "hello", { signal: abort.signal });
      await server.waitFor(() => server.requests.length > 0);
      abort.abort();
      const { end, types } = await turn;
      assert.deepEqual(types, []);
      return end;
    },
    "ABORT_ERR",
  ],
  [
    "two ends of Codex",
    async ({ codex, thread, server }) => {
      const turn = play(thread);
      for (const starts of [1, 2]) {
        await server.waitFor(() => server.requests.length === starts);
        process.kill(codex.pid as number, "SIGKILL");
      }
      const { end, types } = await turn;
      assert.deepEqual(types, ["turn.failed"]);
      return end;
    },
    "process_exited",
  ],
  [
    "a required server that is refused",
    async ({ thread, server }) => {
      const svc = { url: `${server.origin}/refused`, required: true };
      const { end, types } = await play(thread, "hello", { mcpServers: { svc } });
      assert.deepEqual(types, ["turn.failed"]);
      return end;
    },
    "mcp_server_failed",
  ],
];

for (const [what, end, expected] of ENDS) {
  for (const ephemeral of [false, true]) {
    test(`${ephemeral ? "an ephemeral thread" : "a thread"} whose first turn was ended by ${what} has no id, and takes the next turn`, {
      timeout,
    }, async () => {
      await using bench = await startBench();
      const behaviour = {
        hangInitialize: true,
        refuse: ({ path }: { path: string }) => (path === "/refused" ? 403 : undefined),
      };
      await using server = await RecordingMcpServer.start({ behaviour });
      const { codex } = bench;
      // The servers that we run outlive Codex: the next one is given them when they are there.
      const mcp = what === "two ends of Codex" ? "direct" : mcpMode;
      const options: ThreadOptions = { mcpServers: { svc: { url: server.url } }, ephemeral, mcp };
      const thread = codex.startThread({ workingDirectory: bench.cwd, ...options });
      assert.equal(await end({ codex, server, thread }), expected);
      assert.equal(thread.id, null);
      await assertUsable(bench, thread, ephemeral);
    });
  }
}

test("Codex ends between the opening of a thread and its first turn: the run has one id", {
  timeout,
}, async () => {
  await using bench = await startBench();
  await using server = await RecordingMcpServer.start({ behaviour: { hangInitialize: true } });
  // A start that we make does not end with Codex.
  const mcpServers = { svc: { url: server.url, startup_timeout_sec: 5 } };
  for (const ephemeral of [false, true]) {
    const before = server.requests.length;
    server.behaviour.hangInitialize = true;
    const thread = bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers, ephemeral });
    const turn = play(thread);
    await server.waitFor(() => server.requests.length > before);
    server.behaviour.hangInitialize = false;
    process.kill(bench.codex.pid as number, "SIGKILL");
    const { end, ids } = await turn;
    assert.deepEqual([end, ids], ["turn.completed", [thread.id]]);
    await assertUsable(bench, thread, ephemeral, {});
  }
});

test("a turn that Codex refuses or does not live to begin gives its thread no id", { timeout }, async () => {
  await using bench = await startBench();
  for (const [meddling, code] of [
    [{ refuse: "turn/start" }, "request_failed"],
    [{ dieAt: "turn/start" }, "process_exited"],
    [{ refuse: "thread/start" }, "request_failed"],
  ] as const) {
    const codex = bench.another({ codexPathOverride: meddledCodex(bench.cwd, meddling) });
    const thread = codex.startThread({ workingDirectory: bench.cwd });
    assert.deepEqual(await play(thread), { ids: [], types: ["turn.failed"], end: code });
    assert.equal(thread.id, null);
    await assertUsable(bench, thread);
  }
});

test("a thread that is closed before its first turn began leaves no id and no server", {
  timeout,
}, async () => {
  await using bench = await startBench();
  await using server = await RecordingMcpServer.start({ behaviour: { hangInitialize: true } });
  const mcpServers = { svc: { url: server.url } };
  const thread = bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers });
  const turn = play(thread);
  await server.waitFor(() => server.requests.length > 0);
  await thread.close();
  assert.deepEqual(await turn, { ids: [], types: [], end: "closed" });
  assert.equal(thread.id, null);
});

test("a fork has its id at once, keeps it when its first turn does not begin, and has the history", {
  timeout,
}, async () => {
  await using bench = await startBench();
  await using server = await RecordingMcpServer.start({ behaviour: { hangInitialize: true } });
  const workingDirectory = bench.cwd;
  const source = bench.codex.startThread({ workingDirectory });
  await source.run("the beginning");
  const mcpServers = { svc: { url: server.url } };
  const fork = bench.codex.forkThread(source.id as string, { workingDirectory, mcpServers });
  const abort = new AbortController();
  const { events } = await fork.runStreamed("hello", { signal: abort.signal });
  const first = await events.next();
  assert.ok(first.value?.type === "thread.started");
  const id = first.value.thread_id;
  abort.abort();
  await assert.rejects(events.next(), { name: "AbortError" });
  assert.equal(fork.id, id);
  await assertUsable(bench, fork);
  assert.equal(fork.id, id);
  assert.match(JSON.stringify(bench.model.requests.at(-1)), /the beginning/);
});

test("a thread is resumed under its own id in every spelling, and an unknown one never begins", {
  timeout,
}, async () => {
  await using bench = await startBench();
  const workingDirectory = bench.cwd;
  const one = bench.codex.startThread({ workingDirectory });
  await one.run("hello");
  const id = one.id as string;
  for (const spelling of [id.toUpperCase(), id.replaceAll("-", ""), `{${id}}`, `urn:uuid:${id}`]) {
    const thread = bench.codex.resumeThread(spelling, { workingDirectory });
    assert.deepEqual([(await play(thread)).ids, thread.id], [[id], id]);
  }
  for (const unknown of ["01a1fc80-bd26-7640-b84e-7ccb9df38efc", "nonsense", ""]) {
    const thread = bench.codex.resumeThread(unknown, { workingDirectory });
    for (let n = 0; n < 2; n++) {
      assert.deepEqual(await play(thread), { ids: [], types: [], end: "thread_not_found" });
      assert.equal(thread.id, unknown);
    }
  }
});
