/** The same turns through real Codex and through our loop: a host that reads events sees the same. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Agent } from "../../src/agent/index.ts";
import type { Engine, ThreadEvent } from "../../src/agent/index.ts";
import { promptOf, RecordingMcpServer, type ToolCallRequest } from "../../src/testing/index.ts";
import { collect, startBench } from "../support/codex-bench.ts";

const call = (tool: string, args: object): { call: ToolCallRequest } => ({
  call: { server: "svc", tool, arguments: args },
});

const TURNS: Readonly<Record<string, string>> = {
  "a message": "hello",
  "a call, with reasoning before and a message after": promptOf(
    { reason: "I think" },
    call("echo", { text: "hi" }),
    { say: "bye" },
  ),
  "calls of one step, one after the other": JSON.stringify([
    [call("echo", { text: "one" }), call("echo", { text: "two" })],
    { say: "done" },
  ]),
  "a message and a call in one answer": JSON.stringify([
    [{ say: "first" }, call("echo", { text: "x" })],
    { say: "then" },
  ]),
  "a tool that fails": JSON.stringify([call("fail", { message: "no" })]),
};

/** Without what differs from run to run, and the warning of Codex about a model that it does not know. */
function comparable(events: readonly ThreadEvent[]): unknown[] {
  const warned = events.some((event) => "item" in event && event.item.type === "error");
  const text = JSON.stringify(events.filter((event) => !("item" in event && event.item.type === "error")));
  return (JSON.parse(text) as Record<string, unknown>[]).map((event) => {
    if (event["type"] === "thread.started") return { ...event, thread_id: "" };
    const item = event["item"] as { id: string } | undefined;
    if (item === undefined || !warned) return event;
    return { ...event, item: { ...item, id: `item_${Number(item.id.slice(5)) - 1}` } };
  });
}

suite("a turn through our loop and through Codex", () => {
  for (const [what, prompt] of Object.entries(TURNS))
    test(`has the same events: ${what}`, { timeout: 60_000 }, async () => {
      await using svc = await RecordingMcpServer.start();
      await using bench = await startBench();
      await using agent = new Agent({ baseUrl: bench.model.baseUrl, apiKey: "sk-test", home: bench.home });
      const [ours, codexs] = await Promise.all(
        ([agent, bench.codex] satisfies Engine[]).map(async (engine: Engine) => {
          const options = {
            model: "scripted",
            mcpServers: { svc: { url: svc.url } },
            workingDirectory: bench.cwd,
          };
          return comparable(await collect(engine.startThread(options).runStreamed(prompt)));
        }),
      );
      assert.deepEqual(ours, codexs);
    });
});
