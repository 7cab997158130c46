/**
 * Our input schemas beside those that the real Codex sends to a model.
 *
 * Goal: the same JSON, and the same tools that are left out. Method: servers whose tools have these schemas, one turn, and a look
 * at the request that reaches the model.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JsonObject, JsonValue } from "../../src/base/json.ts";
import { codexInputSchema } from "../../src/tools/index.ts";
import { type CodexBench, startBench } from "../support/codex-bench.ts";
import { runs, seed } from "../support/sample.ts";
import { oddSchema } from "./support/odd-schemas.ts";
import { offeredByCodex } from "./support/offered-by-codex.ts";

const timeout = 120_000;

/** Compares them; a schema whose tool is left out is `undefined`. @returns what was sent */
async function compare(
  bench: CodexBench,
  byLimit: ReadonlyMap<number | undefined, readonly JsonObject[]>,
): Promise<readonly (JsonValue | undefined)[]> {
  const catalogs: Record<string, object[]> = {};
  const rules: Record<string, object> = {};
  for (const [limit, schemas] of byLimit) {
    catalogs[`at-${limit}`] = schemas.map((inputSchema, index) => ({ name: String(index), inputSchema }));
    if (limit !== undefined) rules[`at-${limit}`] = { tool_input_schema_max_bytes: limit };
  }
  const offered = await offeredByCodex(bench, catalogs, rules);
  const all: (JsonValue | undefined)[] = [];
  for (const [limit, schemas] of byLimit) {
    const tools = offered.find(({ name }) => name === `mcp__at_${limit}`)?.tools ?? [];
    const theirs = new Map(tools.map(({ name, parameters }) => [name, parameters as JsonValue]));
    for (const [index, declared] of schemas.entries()) {
      const ours = codexInputSchema(declared, limit);
      const sent = theirs.get(String(index));
      const about = `${JSON.stringify(declared)} at ${limit}`;
      // As text, so that the order of keys counts.
      assert.equal(
        JSON.stringify(ours.kind === "schema" ? ours.schema : undefined),
        JSON.stringify(sent),
        about,
      );
      all.push(sent);
    }
  }
  return all;
}

const words = (count: number): string => "word ".repeat(count);
const deep = (levels: number): JsonObject =>
  levels === 0
    ? { type: "string", description: words(100) }
    : {
        type: "object",
        properties: { inner: deep(levels - 1), other: { type: "number", description: words(50) } },
      };
const big = (name: string, count: number): JsonObject =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`${name}_${index}`, { type: "string", enum: [words(3)] }]),
  );

const CASES: readonly JsonObject[] = [
  {},
  { type: "object", properties: null },
  { type: "array" },
  { type: "null" },
  {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "T",
    type: "object",
    properties: {
      text: {
        type: "string",
        format: "uri",
        pattern: "^h",
        minLength: 1,
        maxLength: 9,
        default: "x",
        examples: ["y"],
      },
      count: { type: "integer", minimum: 0, maximum: 9 },
      list: { type: "array", minItems: 1, maxItems: 3, uniqueItems: true },
      only: { const: "this" },
      anything: true,
      nothing: false,
      unsaid: {},
      bounded: { minimum: 1 },
      formatted: { format: "date" },
      maybe: { type: ["string", "null"] },
      wrong: { type: ["foo", "string"] },
      tuple: { prefixItems: [{ type: "string" }] },
      open: { additionalProperties: { type: "string" } },
    },
    required: ["text"],
    additionalProperties: false,
  },
  {
    type: "object",
    properties: { user: { $ref: "#/$defs/User" }, other: { $ref: "#/$defs/User/properties/name" } },
    $defs: {
      User: { properties: { friend: { $ref: "#/$defs/Friend" } } },
      Friend: { type: "object" },
      Unused: {},
    },
    definitions: { Unused: { type: "string" } },
  },
  { anyOf: [{ required: ["a"] }, { required: ["b"] }], oneOf: [true], allOf: [{ if: {}, else: {} }] },
  { type: "object", properties: { a: { items: [{ type: "string" }] } } },
  { type: "object", properties: { a: { oneOf: "none" } } },
  { type: "object", properties: { a: null } },
  { type: "object", properties: ["a"] },
  { type: "object", required: [1] },
  { type: "object", properties: { a: { type: "foo", anyOf: [] } } },
  {
    type: "object",
    description: words(10),
    properties: { long: { type: "string", description: words(1_200) } },
  },
  { type: "object", properties: { deep: deep(6), ...big("p", 130) } },
  {
    type: "object",
    properties: { of: { $ref: "#/$defs/Big" } },
    $defs: { Big: { properties: big("d", 200) } },
  },
  { type: "object", properties: { choice: { anyOf: [{ properties: big("c", 200) }, {}] } } },
  { $ref: "#/$defs/Big", $defs: { Big: { properties: big("r", 200) } } },
];

test("odd and long schemas are sent as Codex sends them", { timeout }, async () => {
  await using bench = await startBench();
  const sent = await compare(bench, new Map([[undefined, CASES]]));
  const leftOut = sent.flatMap((schema, index) => (schema === undefined ? [index] : []));
  assert.deepEqual(leftOut, [3, 7, 8, 9, 10, 11, 12]);
});

test("random schemas are sent as Codex sends them, below and above each server's size", {
  timeout,
}, async () => {
  await using bench = await startBench();
  for (let round = 0; round < runs(2, 15); round++) {
    const schemas = fc.sample(oddSchema, { seed: seed + round, numRuns: 300 });
    const limits = [undefined, 1, 50, 150, 400, 1_000];
    await compare(
      bench,
      new Map(limits.map((limit, index) => [limit, schemas.slice(index * 50, index * 50 + 50)])),
    );
  }
});
