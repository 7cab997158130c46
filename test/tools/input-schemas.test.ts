/** The schemas of a thread's tools, as a model gets them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isObject } from "../../src/base/json.ts";
import {
  type InputSchemaOptions,
  inputSchemasOf,
  ToolNames,
  ToolRouter,
  toolsOf,
  Gate,
} from "../../src/tools/index.ts";
import { McpBench } from "../mcp/support/scripted.ts";

const described = (words: number): object => ({
  type: "object",
  properties: { a: { type: "string", pattern: "^x", description: "word ".repeat(words) } },
});

test("a server's own size counts, a tool that no model can be offered is named once, and a router leaves it out", async () => {
  await using bench = new McpBench();
  const tools = [
    { name: "short", inputSchema: described(1) },
    { name: "long", inputSchema: described(50) },
    { name: "broken", inputSchema: { type: "object", properties: { a: { oneOf: "none" } } } },
  ];
  const enabled_tools = tools.map(({ name }) => name);
  const thread = bench.manager.openThread({
    servers: {
      wide: { ...bench.server({ tools }), enabled_tools },
      narrow: { ...bench.server({ tools }), enabled_tools, tool_input_schema_max_bytes: 100 },
    },
  });
  await thread.ready();
  const catalog = new ToolNames().name(toolsOf(thread));
  const unusable: string[] = [];
  const show = (options: InputSchemaOptions): Record<string, unknown> => {
    const schemaOf = inputSchemasOf(thread, {
      ...options,
      onUnusable: ({ server, tool }, reason) => unusable.push(`${server} ${tool.name}: ${reason}`),
    });
    return Object.fromEntries(
      catalog.tools.map((tool) => {
        const schema = schemaOf(tool);
        assert.equal(schemaOf(tool), schema, "the same object as before");
        const a = schema?.["properties"];
        return [`${tool.server} ${tool.tool.name}`, isObject(a) ? a["a"] : undefined];
      }),
    );
  };

  assert.deepEqual(show({ form: "codex" }), {
    "narrow broken": undefined,
    "narrow long": { type: "string" },
    "narrow short": { type: "string", description: "word " },
    "wide broken": undefined,
    "wide long": { type: "string", description: "word ".repeat(50) },
    "wide short": { type: "string", description: "word " },
  });
  const reason = "its properties.a.oneOf is not a list";
  assert.deepEqual(unusable.toSorted(), [`narrow broken: ${reason}`, `wide broken: ${reason}`]);

  const whole = show({});
  assert.deepEqual(whole["narrow long"], { type: "string", pattern: "^x", description: "word ".repeat(50) });
  const { description } = show({ tokensMax: 60 })["wide long"] as { readonly description: string };
  assert.match(description, /^(?:word )+word…$/);

  const router = new ToolRouter({
    thread,
    gate: new Gate(),
    outputOf: () => "",
    schemaOf: inputSchemasOf(thread, { form: "codex" }),
  });
  assert.deepEqual(
    router.tools().map(({ name }) => name),
    ["mcp__narrow__long", "mcp__narrow__short", "mcp__wide__long", "mcp__wide__short"],
  );
});
