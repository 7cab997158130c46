/** Runs whose turn never began: their `end` has no id, and an id that nobody can resume is never taken for another. */
import assert from "node:assert/strict";
import { after, suite, test } from "node:test";
import { RecordingMcpServer } from "../../src/testing/index.ts";
import { RunnerProcess } from "./support/runner-process.ts";

const TIMEOUT = { timeout: 60_000 };
const UNKNOWN = "01a1fc80-bd26-7640-b84e-7ccb9df38efc";

let sharedRunner: Promise<RunnerProcess> | undefined;
const shared = (): Promise<RunnerProcess> => (sharedRunner ??= RunnerProcess.start());
after(async () => {
  await (await sharedRunner)?.[Symbol.asyncDispose]();
});

function ids(runner: RunnerProcess, run: string): string[] {
  return runner
    .events(run)
    .flatMap(({ event }) => (event.type === "thread.started" ? [event.thread_id] : []));
}

suite("a run whose server never answers", () => {
  for (const [how, params] of [
    ["in the shared process", {}],
    ["in a process of its own", { isolation: "process" }],
    ["with an ephemeral thread", { ephemeral: true }],
  ] as const) {
    test(`ends without an id when it is cancelled or takes too long, ${how}`, TIMEOUT, async (t) => {
      await using server = await RecordingMcpServer.start({ behaviour: { hangInitialize: true } });
      const runner = await shared();
      const mcp_servers = { svc: { url: server.url } };
      runner.run(`a ${how}`, { input: "hello", mcp_servers, ...params });
      await server.waitFor(() => server.requests.length > 0);
      runner.send({ type: "cancel", id: `a ${how}` });
      assert.deepEqual(await runner.end(`a ${how}`, t.signal), {
        type: "end",
        id: `a ${how}`,
        status: "cancelled",
      });
      assert.deepEqual(runner.events(`a ${how}`), []);
      const late = await runner.runToEnd(
        `b ${how}`,
        { input: "hello", mcp_servers, timeout_ms: 1_000, ...params },
        t.signal,
      );
      assert.deepEqual([late.status, late.error?.code, late.thread_id], ["failed", "run_timeout", undefined]);
      const next = await runner.runToEnd(`c ${how}`, { input: "hello", ...params }, t.signal);
      assert.deepEqual([next.status, ids(runner, `c ${how}`)], ["completed", [next.thread_id]]);
    });
  }

  test("keeps its id when it continues a thread", TIMEOUT, async (t) => {
    await using server = await RecordingMcpServer.start({ behaviour: { hangInitialize: true } });
    await using runner = await RunnerProcess.start();
    const { thread_id: resume } = await runner.runToEnd("a", { input: "hello" }, t.signal);
    assert.ok(resume !== undefined);
    const svc = { url: server.url, startup_timeout_sec: 5 };
    runner.run("b", { input: "hello", resume, mcp_servers: { svc } });
    await runner.waitFor(() => ids(runner, "b").length > 0, t.signal);
    runner.send({ type: "cancel", id: "b" });
    assert.equal((await runner.end("b", t.signal)).thread_id, resume);
    const again = await runner.runToEnd("c", { input: "hello", resume }, t.signal);
    assert.deepEqual([again.status, again.thread_id], ["completed", resume]);
  });
});

test(
  "runs of a thread that does not exist all end, and the runner ends with its stdin",
  TIMEOUT,
  async (t) => {
    await using runner = await RunnerProcess.start();
    for (const id of ["a", "b", "c"]) runner.run(id, { input: "hello", resume: UNKNOWN });
    for (const id of ["a", "b", "c"]) {
      const end = await runner.end(id, t.signal);
      assert.deepEqual([end.status, end.error?.code, ids(runner, id)], ["failed", "thread_not_found", []]);
    }
    runner.child.stdin.end();
    assert.equal(await runner.exited, 0);
  },
);

test("an id is resumed after the runner was killed as soon as it was reported", TIMEOUT, async (t) => {
  await using runner = await RunnerProcess.start();
  runner.run("a", { input: "hello" });
  const [id] = await runner.waitFor(() => {
    const seen = ids(runner, "a");
    return seen.length > 0 && seen;
  }, t.signal);
  runner.child.kill("SIGKILL");
  await runner.exited;
  await using next = await RunnerProcess.start({ home: runner.home, model: runner.model });
  const end = await next.runToEnd("b", { input: "hello", resume: id as string }, t.signal);
  assert.deepEqual([end.status, end.thread_id], ["completed", id]);
});
