/** Input schemas cut to a budget: what goes first, what stays, and that nothing becomes forbidden that was allowed. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import fc from "fast-check";
import type { JsonObject } from "../../src/base/json.ts";
import { budgetInputSchema, type SchemaCut, schemaTokens } from "../../src/tools/index.ts";
import { runs, seed } from "../support/sample.ts";
import { oddSchema } from "./support/odd-schemas.ts";

function cut(declared: JsonObject, tokensMax: number): { schema: JsonObject; cuts: readonly SchemaCut[] } {
  const made = budgetInputSchema(declared, tokensMax);
  assert.ok(made.kind === "schema");
  return made;
}

const WIDE: JsonObject = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Arguments",
  type: "object",
  properties: {
    city: {
      type: "string",
      title: "City",
      minLength: 2,
      description: "The city. ".repeat(60),
      examples: ["Rome"],
    },
    unit: { enum: ["c", "f"], default: "c", description: "Of the temperature." },
    code: { enum: Array.from({ length: 300 }, (_, index) => `code-${index}`) },
    filter: {
      oneOf: [{ $ref: "#/$defs/Filter" }, { type: "null" }],
      description: "Which days.",
    },
  },
  required: ["city"],
  additionalProperties: false,
  $defs: {
    Filter: { type: "object", properties: { from: { type: "string", format: "date" }, not: { not: {} } } },
    Unused: { description: "Nobody needs this. ".repeat(100) },
  },
};

suite("budgetInputSchema", () => {
  test("passes a schema that fits as it is, but for definitions that nothing refers to (B3)", () => {
    const { schema, cuts } = cut(WIDE, 10_000);
    const { Unused: _, ...$defs } = WIDE["$defs"] as JsonObject;
    assert.deepEqual(schema, { ...WIDE, $defs });
    assert.deepEqual(cuts, []);
  });

  test("cuts what helps least first, and descriptions last", () => {
    const seen: (readonly SchemaCut[])[] = [];
    for (let tokensMax = schemaTokens(WIDE); tokensMax > 0; tokensMax -= 3) {
      const { schema: shorter, cuts } = cut(WIDE, tokensMax);
      assert.ok(schemaTokens(shorter) <= tokensMax || cuts.includes("types"), `${tokensMax}`);
      if (cuts.length !== seen.at(-1)?.length) seen.push(cuts);
    }
    const last = seen.at(-1) ?? [];
    for (const cuts of seen) assert.deepEqual(cuts, last.slice(0, cuts.length));
    assert.deepEqual(last, [
      "notes",
      "conditions",
      "bounds",
      "definitions",
      "enums",
      "depth",
      "descriptions",
      "types",
    ]);
    const { schema } = cut(WIDE, 140);
    const { city, unit } = schema["properties"] as { readonly [name: string]: JsonObject };
    assert.match(String(city?.["description"]), /^The city\. .*…$/);
    assert.equal(unit?.["description"], "Of the temperature.");
    assert.deepEqual(unit?.["enum"], ["c", "f"]);
  });

  test("keeps the names of arguments and which are required, whatever the budget (B2)", () => {
    const { schema } = cut(WIDE, 1);
    const properties = { city: {}, unit: {}, code: {}, filter: {} };
    assert.deepEqual(schema, { type: "object", properties, required: ["city"] });
    const referred = cut(
      { $ref: "#/$defs/Args", $defs: { Args: { properties: { a: { type: "string" } } } } },
      1,
    );
    assert.deepEqual(referred.schema, { type: "object", properties: { a: {} } });
  });

  test("is an object with properties, and has items in every array", () => {
    assert.deepEqual(cut({}, 100).schema, { type: "object", properties: {} });
    const arrays = {
      a: { type: "array" },
      b: { type: ["array", "null"] },
      c: { items: [{ type: "string" }] },
    };
    assert.deepEqual(cut({ properties: arrays }, 100).schema["properties"], {
      a: { type: "array", items: {} },
      b: { type: ["array", "null"], items: {} },
      c: { prefixItems: [{ type: "string" }], items: {} },
    });
  });

  test("leaves no reference that leads nowhere, and does not end in a circle", () => {
    const { schema } = cut(
      {
        properties: {
          lost: { $ref: "#/$defs/Lost", description: "d" },
          tree: { $ref: "#/$defs/Tree" },
          elsewhere: { $ref: "https://example.com/schema" },
        },
        $defs: { Tree: { properties: { child: { $ref: "#/$defs/Tree" } } } },
      },
      1_000,
    );
    const { lost, tree, elsewhere } = schema["properties"] as JsonObject;
    assert.deepEqual([lost, tree], [{ description: "d" }, { $ref: "#/$defs/Tree" }]);
    assert.deepEqual(elsewhere, { $ref: "https://example.com/schema" });
  });

  test("rejects a schema that is nested without end", () => {
    let deep: JsonObject = {};
    for (let level = 0; level < 20_000; level++) deep = { properties: { a: deep } };
    assert.equal(budgetInputSchema(deep, 100).kind, "unusable");
  });

  test("allows all that was allowed, and is within the budget or has nothing left but names (B1, B2, B3)", () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false, validateSchema: false, logger: false });
    const compiled = (schema: JsonObject): ValidateFunction | undefined => {
      try {
        return ajv.compile(schema);
      } catch {
        return undefined;
      }
    };
    const scalar = fc.constantFrom<unknown>(
      null,
      true,
      0,
      3,
      "",
      "x",
      "string",
      [],
      [1],
      ["a", {}],
      {},
      { a: 1 },
    );
    const args = fc.dictionary(
      fc.constantFrom("a", "b", "type"),
      fc.oneof(scalar, fc.dictionary(fc.constantFrom("a", "b"), scalar)),
      { noNullPrototype: true },
    );
    let checked = 0;
    fc.assert(
      fc.property(
        oddSchema,
        fc.array(args, { minLength: 3, maxLength: 8 }),
        fc.integer({ min: 1, max: 200 }),
        (declared, values, tokensMax) => {
          const { schema, cuts } = cut(declared, tokensMax);
          assert.ok(
            schemaTokens(schema) <= tokensMax ||
              cuts.includes("types") ||
              schemaTokens(cut(declared, 1).schema) >= schemaTokens(schema),
          );
          const before = compiled(declared);
          if (before === undefined) return;
          const after = compiled(schema);
          for (const value of values) {
            let allowed: boolean;
            try {
              allowed = before(value);
            } catch {
              continue;
            }
            if (!allowed) continue;
            checked++;
            assert.ok(after?.(value), JSON.stringify({ value, schema }));
          }
        },
      ),
      { seed, numRuns: runs(400) },
    );
    assert.ok(checked > 0);
  });
});
