/**
 * The input schema of a tool as it was declared, cut to a budget of tokens.
 *
 * Codex drops most keywords of every schema, and all descriptions of a long one, so that a model guesses at what the server
 * wrote down. Here everything passes that fits. What does not is cut in steps, from what helps a model least; descriptions are last.
 *
 * Invariants
 *   B1. What the declared schema allows, the cut one allows, too.
 *   B2. The names of the arguments, and which of them are required, are always there; a small enough budget is exceeded for them.
 *   B3. A schema that fits is not cut.
 */
import { isObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { depthOf, DEPTH_MAX } from "./depth.ts";
import type { ModelSchema } from "./codex-schema.ts";
import { resolved, withoutDefinitions, withoutUnused } from "./definitions.ts";
import { withKeys } from "./walk.ts";

/** What is cut, in this order. */
export type SchemaCut =
  /** Titles, comments, examples. */
  | "notes"
  /** `not`, `if` and the like; `oneOf` becomes `anyOf`. */
  | "conditions"
  /** Lengths, ranges, patterns, formats, defaults. */
  | "bounds"
  /** What is nested deeply. */
  | "depth"
  /** Definitions. */
  | "definitions"
  /** Long lists of allowed values. */
  | "enums"
  /** First shortened, then dropped. */
  | "descriptions"
  /** All but the names of arguments. */
  | "types";

export type BudgetSchema =
  | (ModelSchema & { readonly kind: "schema" } & {
      /** Empty where nothing was cut. */
      readonly cuts: readonly SchemaCut[];
    })
  | (ModelSchema & { readonly kind: "unusable" });

/** Of JSON, in a token; as Codex counts. */
const BYTES_PER_TOKEN = 4;

export function schemaTokens(schema: JsonValue): number {
  return Math.ceil(Buffer.byteLength(JSON.stringify(schema)) / BYTES_PER_TOKEN);
}

/**
 * @param declared the `inputSchema` of a tool
 * @param tokensMax how long it may be; a token counts as 4 bytes of JSON
 */
export function budgetInputSchema(declared: JsonObject, tokensMax: number): BudgetSchema {
  if (depthOf(declared, DEPTH_MAX) > DEPTH_MAX)
    return { kind: "unusable", reason: `it is nested deeper than ${DEPTH_MAX} levels` };
  let schema = whole(declared);
  const cuts = new Set<SchemaCut>();
  for (const [cut, step] of STEPS) {
    if (schemaTokens(schema) <= tokensMax) break;
    const stepped = step(schema);
    const shorter = whole(isObject(stepped) ? stepped : {});
    if (schemaTokens(shorter) >= schemaTokens(schema)) continue;
    schema = shorter;
    cuts.add(cut);
  }
  return { kind: "schema", schema, cuts: [...cuts] };
}

/** As providers want it: an object with properties, items in every array, and no reference that leads nowhere. */
function whole(declared: JsonObject): JsonObject {
  const shaped = everywhere(atRoot(declared), (schema) => {
    const { items, type } = schema;
    if (Array.isArray(items)) {
      const { additionalItems = {}, ...others } = schema;
      return { ...others, prefixItems: items, items: additionalItems };
    }
    const isArray = type === "array" || (Array.isArray(type) && type.includes("array"));
    return isArray && items === undefined ? { ...schema, items: {} } : schema;
  });
  const { properties } = shaped;
  const root: JsonObject = { ...shaped, type: "object", properties: isObject(properties) ? properties : {} };
  const sound = everywhere(root, (schema) => {
    const { $ref: reference, ...others } = schema;
    const isLost =
      typeof reference === "string" && reference.startsWith("#") && resolved(root, reference) === undefined;
    return isLost ? others : schema;
  });
  return withoutUnused(sound, "all");
}

/** A schema that is nothing but a reference to one of its definitions is that definition. */
function atRoot(declared: JsonObject): JsonObject {
  const { $ref: reference, properties, ...others } = declared;
  if (typeof reference !== "string" || properties !== undefined) return declared;
  const target = resolved(declared, reference);
  return isObject(target) && target !== declared ? { ...target, ...others } : declared;
}

const NOTES = ["$schema", "$id", "$comment", "title", "examples", "deprecated", "readOnly", "writeOnly"];
const CONDITIONS = [
  ...["not", "if", "then", "else", "contains", "minContains", "maxContains", "propertyNames", "dependencies"],
  ...["dependentSchemas", "dependentRequired", "unevaluatedProperties", "unevaluatedItems"],
];
const BOUNDS = [
  ...["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"],
  ...[
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "pattern",
    "format",
    "default",
  ],
  ...["contentEncoding", "contentMediaType"],
];
const ENUM_MAX = 20;

type Step = (schema: JsonObject) => JsonValue;

const STEPS: readonly (readonly [SchemaCut, Step])[] = [
  ["notes", without((keyword) => NOTES.includes(keyword) || keyword.startsWith("x-"))],
  [
    "conditions",
    (schema) => everywhere(without((keyword) => CONDITIONS.includes(keyword))(schema), anyOfOne),
  ],
  ["bounds", without((keyword) => BOUNDS.includes(keyword))],
  ...[5, 4, 3, 2].map((depth): readonly [SchemaCut, Step] => ["depth", (schema) => flattened(schema, depth)]),
  ["definitions", withoutDefinitions],
  ["enums", (schema) => everywhere(schema, withoutLongEnum)],
  ["depth", (schema) => flattened(schema, 1)],
  ...[400, 150, 60].map((length): readonly [SchemaCut, Step] => [
    "descriptions",
    (schema) => everywhere(schema, (inner) => withShortDescription(inner, length)),
  ]),
  ["descriptions", without((keyword) => keyword === "description")],
  ["types", ({ properties, required }) => namesOnly(properties, required)],
];

function without(isCut: (keyword: string) => boolean): (schema: JsonObject) => JsonObject {
  return (schema) =>
    everywhere(schema, (inner) => withKeys(inner, (keyword, value) => (isCut(keyword) ? undefined : value)));
}

/** With a part of each alternative gone, more than one of them may hold. */
function anyOfOne(schema: JsonObject): JsonObject {
  const { oneOf, allOf, ...others } = schema;
  if (oneOf === undefined) return schema;
  const both = others["anyOf"] === undefined ? { anyOf: oneOf } : { allOf: [{ anyOf: oneOf }] };
  if (allOf === undefined) return { ...others, ...both };
  return { ...others, allOf: [...(Array.isArray(allOf) ? allOf : []), { anyOf: oneOf }] };
}

function withoutLongEnum(schema: JsonObject): JsonObject {
  const { enum: values, ...others } = schema;
  return Array.isArray(values) && values.length > ENUM_MAX ? others : schema;
}

function withShortDescription(schema: JsonObject, length: number): JsonObject {
  const { description } = schema;
  if (typeof description !== "string" || description.length <= length) return schema;
  const cut = description.slice(0, length - 1).toWellFormed();
  const atWord = /^(.{20,})\s\S*$/s.exec(cut)?.[1] ?? cut;
  return { ...schema, description: `${atWord.replace(/\ufffd$/, "")}…` };
}

/** What is deeper keeps its type and its description. */
function flattened(schema: JsonObject, depth: number): JsonObject {
  if (depth > 0)
    return withSchemas(schema, (inner) => (isObject(inner) ? flattened(inner, depth - 1) : inner));
  const { type, description, enum: values } = schema;
  const isNested = SCHEMAS.some((keyword) => Object.hasOwn(schema, keyword));
  if (!isNested) return schema;
  return {
    ...(type === undefined ? {} : { type }),
    ...(description === undefined ? {} : { description }),
    ...(values === undefined ? {} : { enum: values }),
  };
}

function namesOnly(properties: JsonValue | undefined, required: JsonValue | undefined): JsonObject {
  const names = isObject(properties) ? withKeys(properties, () => ({})) : {};
  return { type: "object", properties: names, ...(required === undefined ? {} : { required }) };
}

/** Keywords that hold a schema, or a list of schemas. */
const SCHEMAS = [
  ...["items", "prefixItems", "additionalItems", "additionalProperties", "anyOf", "oneOf", "allOf", "not"],
  ...["if", "then", "else", "contains", "propertyNames", "unevaluatedProperties", "unevaluatedItems"],
  ...["properties", "patternProperties", "dependentSchemas"],
];
/** Those that hold schemas by name. */
const TABLES = ["properties", "patternProperties", "dependentSchemas", "$defs", "definitions"];

/** Changes the schemas right inside of a schema. */
function withSchemas(schema: JsonObject, change: (inner: JsonValue) => JsonValue): JsonObject {
  return withKeys(schema, (keyword, value) => {
    if (TABLES.includes(keyword))
      return isObject(value) ? withKeys(value, (_name, inner) => change(inner)) : value;
    if (!SCHEMAS.includes(keyword)) return value;
    return Array.isArray(value) ? value.map(change) : change(value);
  });
}

/** Changes a schema and all inside of it, the innermost first. */
function everywhere(schema: JsonObject, change: (schema: JsonObject) => JsonObject): JsonObject {
  return change(withSchemas(schema, (inner) => (isObject(inner) ? everywhere(inner, change) : inner)));
}
