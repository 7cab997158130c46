/** A host that reads slowly, or writes fast, loses nothing and grows nothing. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import { promptOf, RecordingMcpServer } from "../../src/testing/index.ts";
import { RunnerProcess } from "./support/runner-process.ts";

const TIMEOUT = { timeout: 60_000 };
const RESULT_CHARS = 700_000;

function residentMegabytes(pid: number | undefined): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) / 1024;
}

suite("a host that does not read stdout", () => {
  test(
    "for a while gets everything afterwards, in order, and the runner does not grow for it (L1, N3, N4)",
    TIMEOUT,
    async (t) => {
      const numbered = {
        name: "numbered",
        inputSchema: { type: "object", properties: { number: { type: "number" } } },
        run: ({ number }: Readonly<Record<string, unknown>>) =>
          `${String(number)}${"x".repeat(RESULT_CHARS)}`,
      };
      await using server = await RecordingMcpServer.start({ extraTools: [numbered] });
      await using runner = await RunnerProcess.start();
      await runner.runToEnd("warm", { input: "hello" }, t.signal);
      runner.child.stdout.pause();
      const before = residentMegabytes(runner.child.pid);
      const numbers = Array.from({ length: 25 }, (_, number) => number);
      const ids = ["a", "b", "c"];
      for (const id of ids) {
        const calls = numbers.map((number) => ({
          call: { server: "svc", tool: "numbered", arguments: { number } },
        }));
        // Results of servers that the runner runs pass through it, and so does what it asks the model: they would blur the figure.
        const mcp_servers = { svc: { url: server.url } };
        runner.run(id, { input: promptOf(...calls), mcp: "direct", model_requests: "direct", mcp_servers });
      }
      // Codex goes on, and keeps what it has to say; we do not take it in.
      const count = ids.length * numbers.length;
      await server.waitFor(({ calls }) => calls.length === count, { signal: t.signal });
      const grown = residentMegabytes(runner.child.pid) - before;
      assert.ok(
        grown < 45,
        `the runner grew by ${grown} MB, of ${(count * RESULT_CHARS) / 1e6} MB nobody read`,
      );
      assert.ok(!runner.messages.some((each) => each.type === "end" && ids.includes(each.id)));
      runner.child.stdout.resume();
      for (const id of ids) {
        assert.equal((await runner.end(id, t.signal)).status, "completed");
        const texts = runner.events(id).flatMap(({ event }) => {
          if (event.type !== "item.completed" || event.item.type !== "mcp_tool_call") return [];
          const [block] = event.item.result?.content ?? [];
          return block?.type === "text" ? [block.text] : [];
        });
        assert.deepEqual(
          texts.map((text) => Number(text.replace(/x+$/, ""))),
          numbers,
        );
        assert.ok(texts.every((text) => text.endsWith("x".repeat(RESULT_CHARS))));
        const kinds = runner.events(id).map(({ event }) => event.type);
        assert.deepEqual([kinds[0], kinds.at(-1)], ["thread.started", "turn.completed"]);
      }
    },
  );

  test("at all cannot keep the runner from stopping (L2)", TIMEOUT, async (t) => {
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

test(
  "a host that writes faster than runs end is not read, and the runner does not grow (N2)",
  TIMEOUT,
  async (t) => {
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
  },
);
