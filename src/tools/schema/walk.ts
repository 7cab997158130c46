/** Visits the schemas inside of a schema, and leaves values (of `enum`, `default`) alone. */
import { isObject, type JsonObject, type JsonValue } from "../../base/json.ts";

export const COMPOSITIONS = ["anyOf", "oneOf", "allOf"] as const;

/** Whether a keyword holds definitions. */
export function isTable(keyword: string): boolean {
  return keyword === "$defs" || keyword === "definitions";
}

/** The entries of a schema, changed. A key that becomes `undefined` is left out; `__proto__` is a key like another. */
export function withKeys(
  schema: JsonObject,
  change: (key: string, value: JsonValue) => JsonValue | undefined,
): JsonObject {
  return Object.fromEntries(
    Object.entries(schema).flatMap(([key, value]): (readonly [string, JsonValue])[] => {
      const changed = change(key, value);
      return changed === undefined ? [] : [[key, changed]];
    }),
  );
}

/** The same for the schemas that it is made of and that Codex sends: properties, items, compositions, additional properties. */
export function withChildren(
  schema: JsonObject,
  change: (child: JsonValue) => JsonValue,
  { definitions }: { readonly definitions: boolean },
): JsonObject {
  return withKeys(schema, (key, value) => {
    switch (key) {
      case "properties":
        return isObject(value) ? withKeys(value, (_name, child) => change(child)) : value;
      case "$defs":
      case "definitions":
        return definitions && isObject(value) ? withKeys(value, (_name, child) => change(child)) : value;
      case "items":
      case "anyOf":
      case "oneOf":
      case "allOf":
        return change(value);
      case "additionalProperties":
        return typeof value === "boolean" ? value : change(value);
      default:
        return value;
    }
  });
}

export function hasComposition(schema: JsonObject): boolean {
  return COMPOSITIONS.some((key) => Object.hasOwn(schema, key));
}
