import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Tool } from "@modelcontextprotocol/client";
import { paramHeaderProblem } from "./param-headers.ts";

const TOOL = {
  name: "query",
  inputSchema: {
    type: "object",
    properties: {
      region: { type: "string", "x-mcp-header": "Region" },
      limit: { type: "integer", "x-mcp-header": "Limit" },
      dry: { type: "boolean", "x-mcp-header": "Dry" },
      where: { type: "object", properties: { tenant: { type: "string", "x-mcp-header": "Tenant" } } },
      text: { type: "string" },
    },
  },
} as unknown as Tool;

const base64 = (text: string): string => `=?base64?${Buffer.from(text).toString("base64")}?=`;

suite("headers that repeat arguments (V1)", () => {
  const good: readonly (readonly [args: object | undefined, headers: Record<string, string>])[] = [
    [undefined, {}],
    [{}, { "mcp-param-region": "ignored" }],
    [{ region: null, text: "free" }, {}],
    [{ region: "eu" }, { "mcp-param-region": "eu" }],
    [{ region: "grüße" }, { "mcp-param-region": base64("grüße") }],
    [
      { limit: 42, dry: false },
      { "mcp-param-limit": "42.0", "mcp-param-dry": "false" },
    ],
    [{ where: { tenant: "a" } }, { "mcp-param-tenant": "a" }],
  ];
  const bad: typeof good = [
    [{ region: "eu" }, {}],
    [{ region: "eu" }, { "mcp-param-region": "us" }],
    [{ region: "" }, {}],
    [{ region: "eu" }, { "mcp-param-region": "=?base64?not base64?=" }],
    [{ limit: 42 }, { "mcp-param-limit": "0x2a" }],
    [{ dry: true }, { "mcp-param-dry": "True" }],
    [{ where: { tenant: "a" } }, { "mcp-param-tenant": "b" }],
  ];
  test("say what the body says", () => {
    for (const [args, headers] of good)
      assert.equal(
        paramHeaderProblem(headers, TOOL, args as never),
        undefined,
        JSON.stringify([args, headers]),
      );
    for (const [args, headers] of bad)
      assert.equal(
        paramHeaderProblem(headers, TOOL, args as never)?.code,
        -32020,
        JSON.stringify([args, headers]),
      );
  });
});
