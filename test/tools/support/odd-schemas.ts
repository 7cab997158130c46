/** Random input schemas: sensible ones, odd ones, and such as nobody can use. */
import fc from "fast-check";
import type { JsonObject, JsonValue } from "../../../src/base/json.ts";

const word = fc.constantFrom("a", "b", "description", "type", "__proto__", "$ref", "é", "enum", "10", "2");
const value: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer({ min: -5, max: 5 }),
  fc.constantFrom<JsonValue>("x", "string", "object", "#/$defs/a"),
  fc.constantFrom<JsonValue>([], {}, ["string"], [1], { a: 1 }, "long ".repeat(40)),
);
const type: fc.Arbitrary<JsonValue> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom<JsonValue>(
      ...["object", "string", "array", "number", "integer", "boolean", "null"],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<JsonValue>(
      ...["const", "foo", null, 3, true, {}, []],
      ...[["string", "null"], ["object", "array"], ["foo"], ["foo", "string"], ["string", "string"]],
    ),
  },
);
const reference = fc.constantFrom(
  ...["#/$defs/a", "#/$defs/b", "#/definitions/a", "#/$defs/a/properties/b", "#/$defs/%61", "#/$defs/~2"],
  ...[
    "#",
    "#/",
    "http://x/y",
    "#/%24defs/a",
    "#/$defs/%zz",
    "#/$defs/%ff",
    "#$defs/a",
    "#/$defs/é",
    "#/$defs",
  ],
  ...["#/$defs/", ""],
);

/** What stands in the place of a keyword's value once in a while. */
const rarely = (usual: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 40, arbitrary: usual }, { weight: 1, arbitrary: value });

const { schema } = fc.letrec<{ schema: unknown }>((tie) => {
  const inner = tie("schema");
  const table = rarely(fc.dictionary(word, inner, { maxKeys: 3, noNullPrototype: true }));
  const several = (most: number): fc.Arbitrary<unknown> => rarely(fc.array(inner, { maxLength: most }));
  const text = rarely(fc.constantFrom("d", "some words ".repeat(5)));
  const whole = {
    ...{ type, description: text, properties: table, required: rarely(fc.array(word, { maxLength: 2 })) },
    ...{
      items: rarely(inner),
      prefixItems: fc.array(inner, { maxLength: 2 }),
      minItems: fc.nat(2),
      maxItems: value,
    },
    ...{
      additionalProperties: rarely(fc.oneof(fc.boolean(), inner)),
      enum: rarely(fc.array(value)),
      const: value,
    },
    ...{ anyOf: several(3), oneOf: several(2), allOf: several(2), not: inner },
    ...{
      $ref: rarely(reference),
      $defs: table,
      definitions: table,
      encrypted: fc.constantFrom(true, false, null),
    },
    ...{ format: value, minimum: value, multipleOf: value, pattern: value, default: value, title: value },
  };
  return {
    schema: fc.oneof(
      { maxDepth: 4, depthSize: "medium" },
      fc.record({ type, description: text }, { requiredKeys: [] }),
      rarely(fc.constant({})),
      fc.record(whole, { requiredKeys: [] }),
    ),
  };
});

/** As it comes over a wire; at most 4,000 bytes. */
export const oddSchema: fc.Arbitrary<JsonObject> = (schema as fc.Arbitrary<JsonObject>)
  .filter((root) => typeof root === "object" && root !== null && !Array.isArray(root))
  .map((root) => JSON.stringify(root))
  .filter((text) => text.length < 4_000)
  .map((text) => JSON.parse(text) as JsonObject);
