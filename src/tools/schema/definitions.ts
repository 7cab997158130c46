/** Definitions of a schema (`$defs`, `definitions`) and references to them (`#/$defs/Name`). */
import { isObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { isTable, withChildren, withKeys } from "./walk.ts";

/** What a reference within its own schema leads to; `undefined` where it leads nowhere. */
export function resolved(schema: JsonObject, reference: string): JsonValue | undefined {
  if (reference === "#") return schema;
  let found: JsonValue | undefined = schema;
  for (const part of pointerOf(reference) ?? []) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, part)) return undefined;
    found = Array.isArray(found) ? found[Number(part)] : found[part];
  }
  return found === schema ? undefined : found;
}

/** The parts of a JSON pointer. */
function pointerOf(reference: string): readonly string[] | undefined {
  if (!reference.startsWith("#/")) return undefined;
  const pointer = percentDecoded(reference.slice(2));
  if (pointer === undefined || /~(?![01])/.test(pointer)) return undefined;
  return pointer.split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** Which definition a reference needs: its table and its name. `undefined` for any other reference. */
export function definitionOf(reference: string): readonly [table: string, name: string] | undefined {
  const [table, name] = pointerOf(reference) ?? [];
  // What is deeper in the definition needs all of it.
  if (table === undefined || name === undefined) return undefined;
  return isTable(table) ? [table, name] : undefined;
}

/** A `%` that begins no code stays; `undefined` where the bytes are no UTF-8. */
function percentDecoded(text: string): string | undefined {
  const bytes = Buffer.from(
    Buffer.from(text)
      .toString("latin1")
      .replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
    "latin1",
  );
  const decoded = bytes.toString();
  return Buffer.from(decoded).equals(bytes) ? decoded : undefined;
}

/**
 * Without the definitions that nothing refers to.
 *
 * @param sees which keywords a reference counts in: those that Codex knows, or all
 */
export function withoutUnused(schema: JsonObject, sees: "codex" | "all" = "codex"): JsonObject {
  const needed = new Set<string>();
  const outside = withKeys(schema, (key, value) => (isTable(key) ? undefined : value));
  const pending = sees === "all" ? referencesIn(outside) : referencesOutside(schema);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [table, name] = next;
    const key = JSON.stringify(next);
    if (needed.has(key)) continue;
    needed.add(key);
    const definitions = Object.hasOwn(schema, table) ? schema[table] : undefined;
    if (isObject(definitions) && Object.hasOwn(definitions, name))
      pending.push(...referencesIn(definitions[name]));
  }
  return withKeys(schema, (table, value) => {
    if (!isTable(table) || !isObject(value)) return value;
    const used = withKeys(value, (name, definition) =>
      needed.has(JSON.stringify([table, name])) ? definition : undefined,
    );
    return Object.keys(used).length === 0 ? undefined : used;
  });
}

/** References to definitions become schemas that allow anything, and the definitions go. */
export function withoutDefinitions(schema: JsonObject): JsonValue {
  const rewrite = (value: JsonValue): JsonValue => {
    if (Array.isArray(value)) return value.map(rewrite);
    if (!isObject(value)) return value;
    return ownReferences(value).length > 0 ? {} : withChildren(value, rewrite, { definitions: false });
  };
  const rewritten = rewrite(schema);
  if (!isObject(rewritten)) return rewritten;
  return withKeys(rewritten, (key, value) => (isTable(key) ? undefined : value));
}

type Reference = readonly [table: string, name: string];

function ownReferences(schema: JsonObject): Reference[] {
  const reference = Object.hasOwn(schema, "$ref") ? schema["$ref"] : undefined;
  const definition = typeof reference === "string" ? definitionOf(reference) : undefined;
  return definition === undefined ? [] : [definition];
}

function referencesOutside(value: JsonValue): Reference[] {
  if (Array.isArray(value)) return value.flatMap(referencesOutside);
  if (!isObject(value)) return [];
  const found = ownReferences(value);
  withChildren(
    value,
    (child) => {
      found.push(...referencesOutside(child));
      return child;
    },
    { definitions: false },
  );
  return found;
}

/** In a definition every key counts. */
function referencesIn(value: JsonValue | undefined): Reference[] {
  if (Array.isArray(value)) return value.flatMap(referencesIn);
  if (!isObject(value)) return [];
  return [...ownReferences(value), ...Object.values(value).flatMap(referencesIn)];
}
