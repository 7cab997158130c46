/** A host that reads slowly, or writes fast, loses nothing and grows nothing. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import { promptOf, RecordingMcpServer } from "../../src/testing/index.ts";
import { RunnerProcess } from "./support/runner-process.ts";

const TIMEOUT = { timeout: 60_000 };

function residentMegabytes(pid: number | undefined): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) / 1024;
}

suite("a host that does not read stdout", () => {
  test("for a while gets everything afterwards, in order", TIMEOUT, async (t) => {
    await using server = await RecordingMcpServer.start();
    await using runner = await RunnerProcess.start();
    await runner.runToEnd("warm", { input: "hello" }, t.signal);
    runner.child.stdout.pause();
    // The first letters go out before the pipe is full; what matters is that each run has far more to say than fits.
    const rounds = 12;
    const call = (text: string): object => ({ call: { server: "svc", tool: "echo", arguments: { text } } });
    const ids = ["a", "b", "c", "d", "e", "f"];
    for (const id of ids) {
      const texts = Array.from({ length: rounds }, (_, index) => `${id}${index}${"x".repeat(30_000)}`);
      const input = promptOf(...texts.map(call));
      runner.run(id, { input, mcp_servers: { svc: { url: server.url } } });
    }
    // Nothing more comes: every run waits for its reader.
    const quietMs = 400;
    for (let before = -1; before !== server.calls.length; ) {
      before = server.calls.length;
      await new Promise((resolve) => setTimeout(resolve, quietMs));
    }
    assert.ok(server.calls.length < ids.length * rounds, "the pipe was not full");
    runner.child.stdout.resume();
    for (const id of ids) {
      assert.equal((await runner.end(id, t.signal)).status, "completed");
      const texts = runner.events(id).flatMap(({ event }) => {
        if (event.type !== "item.completed" || event.item.type !== "mcp_tool_call") return [];
        const [block] = event.item.result?.content ?? [];
        return block?.type === "text" ? [block.text] : [];
      });
      assert.deepEqual(
        texts.map((text) => text.replace(/x+$/, "")),
        Array.from({ length: rounds }, (_, index) => `${id}${index}`),
      );
      assert.ok(texts.every((text) => text.endsWith("x".repeat(30_000))));
      const kinds = runner.events(id).map(({ event }) => event.type);
      assert.deepEqual([kinds[0], kinds.at(-1)], ["thread.started", "turn.completed"]);
    }
  });

  test("at all cannot keep the runner from stopping", TIMEOUT, async (t) => {
    await using server = await RecordingMcpServer.start();
    await using runner = await RunnerProcess.start();
    await runner.runToEnd("warm", { input: "hello" }, t.signal);
    runner.child.stdout.pause();
    const call = { call: { server: "svc", tool: "big", arguments: { bytes: 400_000 } } };
    for (const id of ["a", "b", "c"]) {
      const input = promptOf(...Array.from({ length: 20 }, () => call));
      runner.run(id, { input, mcp_servers: { svc: { url: server.url } } });
    }
    await server.waitFor(({ calls }) => calls.length >= 3, { signal: t.signal });
    const below = runner.remember();
    assert.ok(below.length > 0);
    runner.child.kill("SIGTERM");
    const code = await new Promise((resolve) => runner.child.once("exit", resolve));
    assert.equal(code, 143);
    assert.deepEqual(await runner.left(), []);
    runner.child.stdout.resume();
    await runner.exited;
  });
});

test("a host that writes faster than runs end is not read, and the runner does not grow", TIMEOUT, async (t) => {
  await using runner = await RunnerProcess.start({ args: ["--max-concurrent", "1", "--max-queued", "3"] });
  runner.run("first", { input: promptOf({ hang: true }) });
  await runner.model.waitForRequests(1, { signal: t.signal });
  const before = residentMegabytes(runner.child.pid);
  const text = "x".repeat(1024 * 1024);
  const count = 60;
  // Waiting, and too long for the model: it is never asked.
  for (let index = 0; index < count; index++) runner.run(`run-${index}`, { input: text });
  const unread = (): number => runner.child.stdin.writableLength;
  for (let last = -1; last !== unread(); ) {
    last = unread();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  assert.ok(unread() > 50 * 1024 * 1024, `${unread()} bytes wait on the host's side`);
  assert.ok(residentMegabytes(runner.child.pid) - before < 60, "what is not read costs nothing");
  runner.child.kill("SIGTERM");
  assert.equal(await runner.exited, 143);
  const ends = runner.messages.flatMap((each) => (each.type === "end" ? [each] : []));
  assert.deepEqual(new Set(ends.map((end) => end.status)), new Set(["cancelled"]));
  assert.ok(ends.length >= 4 && ends.length <= 5, `${ends.length} runs had been accepted`);
});
