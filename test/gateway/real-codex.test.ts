/** The real Codex as a client: what it gets of a server behind a gateway that it does not get by itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { promptOf, type PromptStep } from "../../src/testing/index.ts";
import { starts } from "../mcp/support/scripted.ts";
import { collect, itemsOfType, startBench, textOf } from "../support/codex-bench.ts";
import { GatewayBench } from "./support/gateway-bench.ts";

test("the real Codex finds a server back that died of a call, and is asked by it", {
  timeout: 60_000,
}, async () => {
  await using codex = await startBench();
  await using bench = await GatewayBench.start();
  const server = bench.mcp.server();
  const { at } = bench.open({ svc: server });
  const headers = { Authorization: `Bearer ${at.bearer}` };
  const mcpServers = {
    svc: { url: at.urlOf("svc"), headers, default_tools_approval_mode: "approve" as const },
  };
  const asked: string[] = [];
  const thread = codex.codex.startThread({
    workingDirectory: codex.cwd,
    approvalPolicy: "on-request",
    mcpServers,
    onQuestion: (question) => {
      if (question.kind !== "elicitation") return { decision: "decline" };
      asked.push(question.message);
      return { decision: "accept", content: { ok: "yes" } };
    },
  });
  const call = (tool: string, args: object = {}): PromptStep => ({
    call: { server: "svc", tool, arguments: args },
  });
  const events = await collect(
    thread.runStreamed(
      promptOf(
        call("echo", { text: "hello" }),
        call("die_once_plain", { flag: bench.mcp.path("flag") }),
        call("count"),
        call("ask", { message: "Sure?" }),
        { say: "done" },
      ),
    ),
  );
  assert.equal(events.at(-1)?.type, "turn.completed");
  const [echo, die, count, ask] = itemsOfType(events, "mcp_tool_call");
  assert.equal(textOf(echo), "hello");
  assert.match(die?.error?.message ?? "", /exit code 1/);
  assert.equal(textOf(count), "1");
  assert.match(textOf(ask), /"action":"accept"/);
  assert.deepEqual(asked, ["Sure?"]);
  assert.equal(starts(server.record()).length, 2);
  // Each bench looks for processes that are left, and would find the other one's.
  await codex.codex.close();
});
