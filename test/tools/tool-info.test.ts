/** The tools of a thread, from servers that run. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Gate, ToolNames, ToolRouter, toolsOf } from "../../src/tools/index.ts";
import { McpBench } from "../mcp/support/scripted.ts";

const inputSchema = { type: "object" };

test("a tool of a thread says what its server and its rules say, and what is called", async () => {
  await using bench = new McpBench();
  const server = bench.server({
    tools: [
      { name: "read-it", inputSchema, annotations: { readOnlyHint: true } },
      { name: "write-it", inputSchema },
      { name: "denied", inputSchema },
      { name: "not-enabled", inputSchema },
      { name: "for-app", inputSchema, _meta: { ui: { visibility: ["app"] } } },
      { name: "for-both", inputSchema, _meta: { ui: { visibility: ["app", "model"] } } },
    ],
  });
  const thread = bench.manager.openThread({
    servers: {
      ours: {
        ...server,
        supports_parallel_tool_calls: true,
        enabled_tools: ["read-it", "write-it", "denied", "for-app", "for-both"],
        disabled_tools: ["denied"],
      },
      plain: {
        ...bench.server({ tools: [{ name: "x", inputSchema }] }),
        scope: "host",
        enabled_tools: ["x"],
      },
      off: { ...bench.server(), enabled: false },
    },
  });
  assert.deepEqual(toolsOf(thread), []);
  await thread.ready();

  const tools = toolsOf(thread);
  assert.deepEqual(
    tools.map(({ server: of, tool, annotations, forModel, supportsParallelToolCalls, provenance }) => [
      `${of} ${tool.name}`,
      annotations,
      forModel,
      supportsParallelToolCalls,
      provenance,
    ]),
    [
      ["ours read-it", { readOnlyHint: true }, true, true, { environment: "local", scope: "thread" }],
      ["ours write-it", undefined, true, true, { environment: "local", scope: "thread" }],
      ["ours for-app", undefined, false, true, { environment: "local", scope: "thread" }],
      ["ours for-both", undefined, true, true, { environment: "local", scope: "thread" }],
      ["plain x", undefined, true, false, { environment: "local", scope: "host" }],
    ],
  );

  const catalog = new ToolNames().name(tools);
  const found = catalog.find({ namespace: "mcp__ours", name: "read_it" });
  assert.equal(found.kind, "found");
  assert.deepEqual(found.kind === "found" && found.tool.qualified, { server: "ours", tool: "read-it" });
});

test("a tool of a plugin's server says which plugin, to hosts and to models; its server starts in a new data folder", async () => {
  await using bench = new McpBench();
  const described = { name: "a", description: "Does it", inputSchema };
  const server = bench.server({ tools: [described, { name: "b", inputSchema }] });
  const enabled_tools = ["a", "b"];
  const plugin = { id: "p@m", displayName: "The P", dataFolder: bench.path("data/p") };
  const thread = bench.manager.openThread({
    servers: {
      ofPlugin: { ...server, enabled_tools, cwd: plugin.dataFolder },
      own: { ...server, enabled_tools },
    },
    provenance: new Map([["ofPlugin", plugin]]),
  });
  await thread.ready();
  assert.equal(thread.server("ofPlugin").status.state, "ready");
  assert.deepEqual(
    thread.servers.map((server) => server.plugin),
    [plugin, undefined],
  );
  assert.deepEqual(
    toolsOf(thread).map(({ provenance, tool }) => [provenance.plugin, tool.description]),
    [
      [plugin, "Does it"],
      [plugin, undefined],
      [undefined, "Does it"],
      [undefined, undefined],
    ],
  );
  assert.deepEqual(
    new ToolRouter({ thread, gate: new Gate() })
      .tools()
      .map((each) => (each.type === "function" ? [each.name, each.description] : each)),
    [
      ["mcp__ofPlugin__a", "Does it. This tool is part of plugin `The P`."],
      ["mcp__ofPlugin__b", "This tool is part of plugin `The P`."],
      ["mcp__own__a", "Does it"],
      ["mcp__own__b", ""],
    ],
  );
});
