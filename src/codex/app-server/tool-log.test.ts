import assert from "node:assert/strict";
import { test } from "node:test";
import { type RejectedTool, takeToolLine } from "./tool-log.ts";

const ID = "01a2293e-6772-7fc2-950e-46ffaf3ad332";
const TIME = "2026-11-29T21:38:05.656931Z";
const SAID =
  "Skipping MCP tool `mcp__svcbad`: failed to build tool spec: invalid type: number, expected a map";
const SPAN = `session_loop{thread_id=${ID}}:step_context.capture:`;

/** What is learned from a line, and whether it is taken out. */
function read(line: string): [isTaken: boolean, ...RejectedTool[]] {
  const tools: RejectedTool[] = [];
  return [takeToolLine(line, (tool) => void tools.push(tool)), ...tools];
}

test("a tool that Codex leaves out is read from its log, in colour or not, with its thread, and taken out (L2)", () => {
  const tool = { threadId: ID, name: "mcp__svcbad", why: "invalid type: number, expected a map" };
  assert.deepEqual(read(`${TIME}  WARN ${SPAN} codex_core::mcp_tool_exposure: ${SAID}`), [true, tool]);
  const coloured = `\u001b[2m${TIME}\u001b[0m \u001b[33m WARN\u001b[0m \u001b[1msession_loop\u001b[0m{\u001b[3mthread_id\u001b[0m=${ID}}: codex_core::mcp_tool_exposure: ${SAID}`;
  assert.deepEqual(read(coloured), [true, tool]);
});

test("no other line is taken for one, also where a tool or a prompt has the same words", () => {
  for (const line of [
    "",
    SAID,
    `${TIME}  WARN codex_core::mcp_tool_exposure: ${SAID}`,
    `${TIME} ERROR codex_core::tools: ${TIME}  WARN ${SPAN} codex_core::mcp_tool_exposure: ${SAID}`,
    `${TIME}  WARN ${SPAN} codex_core::tools: codex_core::mcp_tool_exposure: ${SAID}`,
  ]) {
    assert.deepEqual(read(line), [false], line);
  }
});

test("the begin and the end of a span are taken out, and what is said in it is not (L2)", () => {
  for (const [line, isTaken] of [
    [`${TIME}  INFO session_loop{thread_id=${ID}}: codex_core::session: new`, true],
    [
      `\u001b[2m${TIME}\u001b[0m \u001b[32m INFO\u001b[0m ${SPAN} \u001b[2mcodex_core::session\u001b[0m: close time.busy=1.61ms time.idle=31.3µs`,
      true,
    ],
    [`${TIME}  INFO thread_spawn{otel.name="thread_spawn"}: codex_core::session::x: new`, true],
    [`${TIME}  INFO ${SPAN} codex_core::session: new model`, false],
    [`${TIME} ERROR ${SPAN} codex_core::session: new`, false],
  ] as const) {
    assert.deepEqual(read(line), [isTaken], line);
  }
});
