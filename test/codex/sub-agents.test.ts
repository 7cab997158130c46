/** An agent that starts another agent: its questions reach the same handler, its servers end with the thread. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Question } from "../../src/index.ts";
import {
  callTool,
  type ModelReply,
  type ModelRequest,
  raw,
  ScriptedModel,
  say,
  stdioServer,
  waitUntilGone,
} from "../../src/testing/index.ts";
import { serverProcesses, startBench } from "../support/codex-bench.ts";

/** A parent that starts a child and waits for it; the child calls a tool. */
function family(request: ModelRequest): ModelReply {
  if (request.prompt === "child") {
    return request.step === 0 ? callTool({ server: "svc", tool: "whoami" }) : say("child done");
  }
  const call = (name: string, args: object): ModelReply =>
    raw({
      type: "function_call",
      namespace: "multi_agent_v1",
      name,
      call_id: `call_${name}`,
      arguments: JSON.stringify(args),
    });
  if (request.step === 0) return call("spawn_agent", { message: "child", agent_type: "default" });
  if (request.step > 1) return say("parent done");
  const { agent_id: child } = JSON.parse(request.outputs[0]?.text ?? "{}") as { agent_id: string };
  return call("wait_agent", { targets: [child], timeout_ms: 30_000 });
}

test("a sub-agent's question goes to the handler of its parent's thread, and its servers end with it (R4)", {
  timeout: 60_000,
}, async () => {
  await using model = await ScriptedModel.start({ script: family });
  await using bench = await startBench({}, model);
  const asked: Question[] = [];
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    model: "mock-model",
    config: { features: { multi_agent: true } },
    approvalPolicy: "on-request",
    mcpServers: { svc: { ...stdioServer(), default_tools_approval_mode: "prompt" } },
    onQuestion: (question) => {
      asked.push(question);
      return { decision: "accept" };
    },
  });
  const { finalResponse } = await thread.run("parent");
  assert.equal(finalResponse, "parent done");
  assert.deepEqual(
    asked.map(({ kind }) => kind),
    ["mcp_tool_call"],
  );
  assert.notEqual(asked[0]?.threadId, thread.id);
  const servers = serverProcesses();
  assert.ok(servers.length > 0);
  await thread.close();
  assert.deepEqual(await waitUntilGone(servers), []);
});
