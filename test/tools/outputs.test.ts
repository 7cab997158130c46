/** Outputs of a thread's calls, from a real server through the router. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { McpManager } from "../../src/mcp/index.ts";
import { Gate, KeptOutputs, outputsFor, ToolRouter } from "../../src/tools/index.ts";
import { answering } from "./support/answering.ts";

test("a model reads the whole of an output that was cut at the limit of its tool", async () => {
  await using manager = new McpManager({ publish: false });
  const server = { ...answering(), tools: { t: { output_token_limit: 100 } } };
  await using thread = manager.openThread({ servers: { svc: server } });
  await thread.ready();
  const kept = new KeptOutputs();
  const router = new ToolRouter({
    thread,
    gate: new Gate(),
    hostTools: [kept.tool()],
    outputOf: outputsFor({ thread, kept }),
  });
  const call = async (id: string, name: string, args: object): Promise<string> => {
    const item = { type: "function_call", call_id: id, name, arguments: JSON.stringify(args) } as const;
    const [output] = await router.dispatch([item]);
    assert.equal(typeof output?.output, "string", JSON.stringify(output));
    return output?.output as string;
  };
  const shown = await call("call_1", "mcp__svc__t", { texts: [[1000, "0123456789"]] });
  assert.ok(Buffer.byteLength(shown) <= 400);
  const [all = "", from, to, hint = ""] =
    /\n\[… characters (\d+) to (\d+) of 10000 left out; to read them: read_tool_output (.+) …\]\n/.exec(
      shown,
    ) ?? [];
  const rest = await call("call_2", "read_tool_output", JSON.parse(hint) as object);
  const left = rest.slice(rest.indexOf("\n") + 1).slice(0, Number(to) - Number(from));
  assert.equal(shown.replace(all, left), "0123456789".repeat(1000));
  assert.equal(
    await call("call_3", "mcp__svc__t", { answer: { result: { content: [] } } }),
    "The tool returned nothing.",
  );
});
