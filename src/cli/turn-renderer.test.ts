import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../base/clock.ts";
import type { McpServerEvent } from "../servers/server-event.ts";
import type { ThreadEvent, ThreadItem } from "../thread/events.ts";
import { TurnRenderer } from "./turn-renderer.ts";

function renderer(
  options: { width?: number; colour?: boolean } = {},
): (event: ThreadEvent, at?: number) => string[] {
  let now = 0;
  const clock: Clock = { now: () => now, schedule: () => ({ clear: () => {} }) };
  const turn = new TurnRenderer({ clock, colour: false, ...options });
  return (event, at = now) => {
    now = at;
    return turn.render(event).map(({ to, text }) => `${to}: ${text}`);
  };
}

const call = (more: object): ThreadItem =>
  ({
    id: "item_0",
    type: "mcp_tool_call",
    server: "desk",
    tool: "whoami",
    arguments: {},
    ...more,
  }) as ThreadItem;

test("TurnRenderer shows a tool call with its server, result and duration", () => {
  const render = renderer();
  assert.deepEqual(
    render({ type: "item.started", item: call({ status: "in_progress", arguments: { a: 1 } }) }, 100),
    ['progress: > desk.whoami {"a":1}'],
  );
  const result = {
    content: [
      { type: "text", text: "alice" },
      { type: "image", data: "", mimeType: "" },
    ],
    structured_content: null,
  };
  assert.deepEqual(render({ type: "item.completed", item: call({ status: "completed", result }) }, 116), [
    "progress: ok desk.whoami 16 ms: alice [image]",
  ]);
});

test("TurnRenderer shows why a tool call failed: the server's answer, or that it did not answer", () => {
  const render = renderer();
  const result = { content: [], structured_content: { error: "denied" } };
  assert.deepEqual(
    render({ type: "item.completed", item: call({ status: "failed", result, error: null }) }),
    ['progress: failed desk.whoami: {"error":"denied"}'],
  );
  const item = call({ status: "failed", result: null, error: { message: "Transport closed" } });
  assert.deepEqual(render({ type: "item.completed", item }), [
    "progress: failed desk.whoami: Transport closed",
  ]);
});

test("TurnRenderer writes the agent's words as the answer, whole, and everything else as progress", () => {
  const render = renderer({ width: 20 });
  const text = "a long answer\nin two lines, longer than the width";
  assert.deepEqual(render({ type: "item.completed", item: { id: "i", type: "agent_message", text } }), [
    `answer: ${text}`,
  ]);
  const item: ThreadItem = {
    id: "i",
    type: "command_execution",
    command: "ls",
    aggregated_output: "a\nb\nc and much more",
    exit_code: 0,
    status: "completed",
  };
  assert.deepEqual(render({ type: "item.completed", item }), ["progress: exit 0: a b c and m…"]);
});

test("TurnRenderer shows failures, questions declined and the end", () => {
  const render = renderer();
  assert.deepEqual(render({ type: "turn.failed", error: { message: "no" } }), ["progress: failed: no"]);
  assert.deepEqual(render({ type: "error", message: "Reconnecting... 1/5" }), [
    "progress: Reconnecting... 1/5",
  ]);
  const usage = {
    input_tokens: 1,
    cached_input_tokens: 0,
    cache_write_input_tokens: 0,
    output_tokens: 2,
    reasoning_output_tokens: 0,
  };
  assert.deepEqual(render({ type: "turn.completed", usage }, 1500), [
    "progress: done in 1.5 s, 1 tokens in, 2 out (thread total)",
  ]);
});

test("TurnRenderer shows an error to its end and with its lines, and lets nothing in it control the terminal", () => {
  const render = renderer({ width: 20 });
  const why = `it ended with exit code 3\n${"x".repeat(500)}\n  the last line\u001b[2J`;
  const shown = why.replace("\u001b", "\\u001b");
  const call = {
    id: "i",
    type: "mcp_tool_call",
    server: "s",
    tool: "t",
    arguments: {},
    status: "failed",
  } as const;
  for (const [event, text] of [
    [{ type: "turn.failed", error: { message: why } }, `failed: ${shown}`],
    [{ type: "error", message: why }, shown],
    [{ type: "item.completed", item: { id: "i", type: "error", message: why } }, shown],
    [{ type: "item.completed", item: { ...call, error: { message: why } } }, `failed s.t: ${shown}`],
  ] as const) {
    assert.deepEqual(render(event), [`progress: ${text}`]);
  }
});

test("TurnRenderer ignores items that the SDK's types do not know", () => {
  assert.deepEqual(
    renderer()({ type: "item.completed", item: { id: "i", type: "collab_tool_call" } as never }),
    [],
  );
});

test("TurnRenderer shows what becomes of a server; of one that fails, once", () => {
  const turn = new TurnRenderer({
    clock: { now: () => 0, schedule: () => ({ clear: () => {} }) },
    colour: false,
  });
  const about = { type: "mcp.server", thread_id: "t", server: "docs" } as const;
  const lines = (event: McpServerEvent): string[] => turn.renderServer(event).map(({ text }) => text);
  const failed = { ...about, state: "failed", reason: "it ended", code: "exited" } as const;
  const ready = { ...about, state: "ready", took_ms: 12, starts: 1, tools: 1 } as const;
  const restarting = { ...failed, state: "restarting" } as const;
  for (const event of [{ ...about, state: "starting" }, failed, restarting, failed] as const)
    assert.deepEqual(lines(event), []);
  assert.deepEqual(lines({ ...ready, shared_with: 0 }), ["server docs ready in 12 ms, 1 tool"]);
  assert.deepEqual(lines({ ...ready, shared_with: 1 }), [
    "server docs ready in 12 ms, 1 tool, shared with 1 other thread",
  ]);
  assert.deepEqual(lines(restarting), ["server docs starts again: it ended"]);
  assert.deepEqual(lines(failed), ["server docs does not work: it ended"]);
  for (const event of [restarting, failed]) assert.deepEqual(lines(event), [], "it is said once");
});
