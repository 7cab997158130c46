/** The resources of a thread's servers, as a model lists and reads them. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Gate } from "../../src/tools/gate/gate.ts";
import { resourceTools } from "../../src/tools/resources/resource-tools.ts";
import { ToolRouter } from "../../src/tools/router/tool-router.ts";
import { McpBench } from "../mcp/support/scripted.ts";

async function outputs(
  bench: McpBench,
  ...calls: readonly (readonly [name: string, args: object])[]
): Promise<readonly unknown[]> {
  const servers = {
    a: bench.server({ era: "legacy" }),
    b: bench.server({ era: "modern" }),
    c: { command: "/no/such/program" },
  };
  const thread = bench.manager.openThread({ servers });
  await thread.ready();
  const router = new ToolRouter({ thread, gate: new Gate(), hostTools: resourceTools(thread) });
  const items = calls.map(([name, args], at) => ({
    type: "function_call" as const,
    call_id: String(at),
    name,
    arguments: JSON.stringify(args),
  }));
  return (await router.dispatch(items)).map(({ output }) => output);
}

const resource = { uri: "test://a", name: "a" };

suite("resourceTools", () => {
  test("lists what all servers have, each with its server, and leaves out one that does not work", async () => {
    await using bench = new McpBench();
    const [resources, templates] = await outputs(
      bench,
      ["list_mcp_resources", {}],
      ["list_mcp_resource_templates", {}],
    );
    assert.deepEqual(JSON.parse(String(resources)), {
      resources: [
        { server: "a", ...resource },
        { server: "b", ...resource },
      ],
    });
    assert.deepEqual(JSON.parse(String(templates)), { resourceTemplates: [] });
  });

  test("lists and reads those of one server", async () => {
    await using bench = new McpBench();
    const [list, read] = await outputs(
      bench,
      ["list_mcp_resources", { server: "b" }],
      ["read_mcp_resource", { server: "a", uri: "test://a" }],
    );
    assert.deepEqual(JSON.parse(String(list)), { server: "b", resources: [resource] });
    assert.deepEqual(JSON.parse(String(read)), {
      server: "a",
      uri: "test://a",
      contents: [{ uri: "test://a", text: "content" }],
    });
  });

  test("says what is wrong, in Codex's words where it has some", async () => {
    await using bench = new McpBench();
    assert.deepEqual(
      await outputs(
        bench,
        ["list_mcp_resources", { server: "x" }],
        ["read_mcp_resource", { server: "a" }],
        ["read_mcp_resource", { server: 1, uri: "u" }],
        ["list_mcp_resources", { server: "a", cursor: "c" }],
      ),
      [
        "unknown MCP server 'x'",
        "failed to parse function arguments: missing field `uri`",
        "failed to parse function arguments: `server` must be a string",
        "there is no cursor: every list is whole",
      ],
    );
    const [failed] = await outputs(bench, ["list_mcp_resources", { server: "c" }]);
    assert.match(String(failed), /no\/such\/program/);
  });
});
