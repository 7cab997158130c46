/**
 * The input schema of a tool as Codex sends it to a model. Codex 0.169 and 0.171, measured.
 *
 *   declared ─> completed: types and children that are missing ─> unused definitions go ─> compacted, above a size ─> only the
 *   keywords that Codex knows, in its order
 *
 * What Codex does not know goes: `format`, `pattern`, bounds except `minItems`, `default`, `title`, `examples`. Above the size, more goes, step by
 * step, until it fits: descriptions, definitions, what is deeper than three levels, compositions. There is no step after that.
 *
 * Numbers are JavaScript's: `1.0` in an `enum` is sent as `1`.
 */
import { compareBytes } from "../../base/byte-order.ts";
import { isObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { withoutDefinitions, withoutUnused } from "./definitions.ts";
import { DEPTH_MAX, depthOf } from "./depth.ts";
import { COMPOSITIONS, hasComposition, isTable, withChildren, withKeys } from "./walk.ts";

/** The size from which a schema is compacted, where `tool_input_schema_max_bytes` is not set. */
export const SCHEMA_BYTES_MAX = 5_000;

const DEPTH_KEPT = 3;

const TYPES = ["string", "number", "boolean", "integer", "object", "array", "null"];

export type ModelSchema =
  | { readonly kind: "schema"; readonly schema: JsonObject }
  /** A model cannot be offered the tool; Codex leaves it out, too. */
  | { readonly kind: "unusable"; readonly reason: string };

/**
 * @param declared the `inputSchema` of a tool
 * @param maxBytes of its JSON, from where it is compacted. @default 5000
 */
export function codexInputSchema(declared: JsonObject, maxBytes: number = SCHEMA_BYTES_MAX): ModelSchema {
  if (depthOf(declared, DEPTH_MAX) > DEPTH_MAX)
    return { kind: "unusable", reason: `it is nested deeper than ${DEPTH_MAX} levels` };
  const { properties } = declared;
  const given = properties === undefined || properties === null ? { ...declared, properties: {} } : declared;
  let schema = completed(given);
  if (isObject(schema)) schema = withoutUnused(schema);
  for (const step of STEPS) {
    if (bytesOf(schema) <= maxBytes) break;
    schema = step(schema);
  }
  try {
    const sent = sentForm(schema, []);
    return sent["type"] === "null"
      ? { kind: "unusable", reason: "its type is null, but arguments are an object" }
      : { kind: "schema", schema: sent };
  } catch (error) {
    if (error instanceof Unusable) return { kind: "unusable", reason: error.message };
    throw error;
  }
}

/** What is missing, filled in: the type that the other keywords speak of, properties of objects, items of arrays. */
function completed(value: JsonValue): JsonValue {
  if (typeof value === "boolean") return { type: "string" };
  if (Array.isArray(value)) return value.map(completed);
  if (!isObject(value)) return value;
  let schema = withKeys(value, (key, inner) => {
    if (isTable(key))
      return isObject(inner) ? withKeys(inner, (_name, definition) => completed(definition)) : undefined;
    return key === "prefixItems" ? completed(inner) : inner;
  });
  schema = withChildren(schema, completed, { definitions: false });
  if (Object.hasOwn(schema, "const")) {
    const { const: only = null, ...others } = schema;
    schema = { ...others, enum: [only] };
  }
  const types = typesOf(schema["type"]);
  if (types.length === 0) {
    if (Object.hasOwn(schema, "$ref") || hasComposition(schema)) return schema;
    const implied = IMPLIED.find(([, keys]) => keys.some((key) => Object.hasOwn(schema, key)));
    // Nothing is said of it, so it may be anything.
    if (implied === undefined) return {};
    types.push(implied[0]);
  }
  const [only, second] = types;
  const type = second === undefined && only !== undefined ? only : types;
  return {
    ...schema,
    type,
    ...(types.includes("object") && !Object.hasOwn(schema, "properties") ? { properties: {} } : {}),
    ...(types.includes("array") && !Object.hasOwn(schema, "items") ? { items: { type: "string" } } : {}),
  };
}

/** What a schema without a type is about. */
const IMPLIED: readonly (readonly [type: string, keys: readonly string[]])[] = [
  ["object", ["properties", "required", "additionalProperties"]],
  ["array", ["items", "prefixItems"]],
  ["string", ["enum", "format"]],
  ["number", ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]],
];

function typesOf(type: JsonValue | undefined): string[] {
  const named = Array.isArray(type) ? type : [type];
  return named.filter((name): name is string => typeof name === "string" && TYPES.includes(name));
}

/** Each leaves out more than the one before. */
const STEPS: readonly ((schema: JsonValue) => JsonValue)[] = [
  withoutDescriptions,
  (schema) => (isObject(schema) ? withoutDefinitions(schema) : schema),
  (schema) => withoutDepths(schema, 0),
  withoutCompositions,
];

function withoutDescriptions(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutDescriptions);
  if (!isObject(value)) return value;
  const { description: _, ...others } = value;
  return withChildren(others, withoutDescriptions, { definitions: true });
}

function withoutDepths(value: JsonValue, depth: number): JsonValue {
  if (Array.isArray(value)) return value.map((inner) => withoutDepths(inner, depth));
  if (!isObject(value)) return value;
  const isNested = ["items", ...COMPOSITIONS, "properties", "additionalProperties", "$ref"].some((key) =>
    Object.hasOwn(value, key),
  );
  if (depth >= DEPTH_KEPT && isNested) return {};
  return withChildren(value, (inner) => withoutDepths(inner, depth + 1), { definitions: false });
}

function withoutCompositions(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutCompositions);
  if (!isObject(value)) return value;
  return hasComposition(value) ? {} : withChildren(value, withoutCompositions, { definitions: false });
}

/** 0 if Codex could not read it. */
function bytesOf(schema: JsonValue): number {
  try {
    return Buffer.byteLength(JSON.stringify(sentForm(schema, [])));
  } catch (error) {
    if (error instanceof Unusable) return 0;
    throw error;
  }
}

class Unusable extends Error {
  constructor(path: readonly string[], what: string) {
    super(`its ${path.length === 0 ? "root" : path.join(".")} ${what}`);
  }
}

type Form = (value: JsonValue, path: readonly string[]) => JsonValue;

/** The keywords that Codex sends, in its order, each with what it may be. */
const KEYWORDS: readonly (readonly [keyword: string, form: Form])[] = [
  ["$ref", text],
  ["type", typeForm],
  ["description", text],
  ["encrypted", flag],
  ["enum", listOf((value) => value)],
  ["items", sentForm],
  ["minItems", count],
  ["properties", tableForm],
  ["required", listOf(text)],
  ["additionalProperties", (value, path) => (typeof value === "boolean" ? value : sentForm(value, path))],
  ["anyOf", listOf(sentForm)],
  ["oneOf", listOf(sentForm)],
  ["allOf", listOf(sentForm)],
  ["$defs", tableForm],
  ["definitions", tableForm],
];

function sentForm(value: JsonValue, path: readonly string[]): JsonObject {
  if (!isObject(value)) throw new Unusable(path, "is not a schema");
  return Object.fromEntries(
    KEYWORDS.flatMap(([keyword, form]): (readonly [string, JsonValue])[] => {
      const inner = Object.hasOwn(value, keyword) ? value[keyword] : undefined;
      return inner === undefined || inner === null ? [] : [[keyword, form(inner, [...path, keyword])]];
    }),
  );
}

function text(value: JsonValue, path: readonly string[]): JsonValue {
  if (typeof value !== "string") throw new Unusable(path, "is not a text");
  return value;
}

function flag(value: JsonValue, path: readonly string[]): JsonValue {
  if (typeof value !== "boolean") throw new Unusable(path, "is neither true nor false");
  return value;
}

function count(value: JsonValue, path: readonly string[]): JsonValue {
  if (!Number.isInteger(value) || Number(value) < 0)
    throw new Unusable(path, "is not a whole number of 0 or more");
  return value;
}

function listOf(form: Form): Form {
  return (value, path) => {
    if (!Array.isArray(value)) throw new Unusable(path, "is not a list");
    return value.map((inner, index) => form(inner, [...path, String(index)]));
  };
}

function typeForm(value: JsonValue, path: readonly string[]): JsonValue {
  const names = Array.isArray(value) ? value : [value];
  if (!names.every((name) => typeof name === "string" && TYPES.includes(name)))
    throw new Unusable(path, "is not a type of JSON Schema");
  return value;
}

function tableForm(value: JsonValue, path: readonly string[]): JsonValue {
  if (!isObject(value)) throw new Unusable(path, "is not a table of schemas");
  const sorted = Object.entries(value).toSorted(([a], [b]) => compareBytes(a, b));
  return Object.fromEntries(sorted.map(([name, inner]) => [name, sentForm(inner, [...path, name])]));
}
