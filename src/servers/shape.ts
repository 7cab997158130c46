/**
 * Whether a value that a program wrote has the shape of its key, in a program's words: a list, an object, a number.
 *
 * What is right about its content is known to `config/`, which speaks of Codex's files. Keys that are unknown are left to it,
 * too, where it can read their values.
 */
import { isObject } from "../base/json.ts";
import { kindOf } from "../base/reader.ts";
import { type FieldValue, fieldNamed, SERVER, type Struct } from "../config/schema/server-keys.ts";
import type { ServerProblem } from "./problem.ts";

/** The first value of a server that has another shape than its key. The path begins below the server. */
export function shapeProblem(server: unknown): ServerProblem | undefined {
  return ofStruct(SERVER, server, []);
}

function ofStruct(struct: Struct, value: unknown, path: readonly string[]): ServerProblem | undefined {
  // Codex also takes the fields of a struct by position.
  if (Array.isArray(value) && path.length > 0) return undefined;
  const entries = entriesOf(value);
  if (entries === undefined) return wrong(path, "an object", value);
  for (const [name, inner] of entries) {
    if (inner === undefined) continue;
    const at = [...path, name];
    const field = fieldNamed(struct, name);
    if (field === undefined && !isPlain(inner)) return { path: at, what: "unknown configuration field" };
    const problem = field === undefined ? undefined : ofValue(field.value, inner, at);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function ofValue(kind: FieldValue, value: unknown, path: readonly string[]): ServerProblem | undefined {
  switch (kind.type) {
    case "string":
      return typeof value === "string" ? undefined : wrong(path, "a string", value);
    case "boolean":
      return typeof value === "boolean" ? undefined : wrong(path, "true or false", value);
    case "seconds":
      return isNumber(value) ? undefined : wrong(path, "a number of seconds", value);
    case "integer":
      if (typeof value === "number" && !Number.isInteger(value))
        return { path, what: "must be a whole number" };
      return isNumber(value) ? undefined : wrong(path, "a whole number", value);
    case "strings":
    case "enums":
      return ofItems(value, path, "a list of strings", (item) => typeof item === "string" || isObject(item));
    case "env_vars":
      return ofItems(
        value,
        path,
        "a list of names",
        (item) => typeof item === "string" || Array.isArray(item) || entriesOf(item) !== undefined,
      );
    case "enum":
      // Codex also takes { variant: {} }.
      return typeof value === "string" || isObject(value) ? undefined : wrong(path, "a string", value);
    case "string_map":
      return ofEntries(value, path, (inner, at) =>
        typeof inner === "string" ? undefined : wrong(at, "a string", inner),
      );
    case "struct":
      return ofStruct(kind.struct, value, path);
    case "structs":
      return ofEntries(value, path, (inner, at) => ofStruct(kind.struct, inner, at));
  }
}

function ofItems(
  value: unknown,
  path: readonly string[],
  wanted: string,
  is: (item: unknown) => boolean,
): ServerProblem | undefined {
  if (!Array.isArray(value)) return wrong(path, wanted, value);
  const items: readonly unknown[] = value;
  const at = items.findIndex((item) => !is(item));
  return at === -1 ? undefined : { path, what: `must be ${wanted}, but ${kindOf(items[at])} is among them` };
}

function ofEntries(
  value: unknown,
  path: readonly string[],
  check: (inner: unknown, at: readonly string[]) => ServerProblem | undefined,
): ServerProblem | undefined {
  const entries = entriesOf(value);
  if (entries === undefined) return wrong(path, "an object", value);
  for (const [name, inner] of entries) {
    const problem = inner === undefined ? undefined : check(inner, [...path, name]);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Of an object or a `Map`. */
function entriesOf(value: unknown): [string, unknown][] | undefined {
  if (value instanceof Map) return [...value].map(([name, inner]) => [String(name), inner]);
  if (!isObject(value) || value instanceof Date || value instanceof URL) return undefined;
  return Object.entries(value);
}

function isNumber(value: unknown): boolean {
  return typeof value === "number" || typeof value === "bigint";
}

function isPlain(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isPlain);
  if (["string", "number", "boolean"].includes(typeof value)) return true;
  return entriesOf(value)?.every(([, inner]) => inner === undefined || isPlain(inner)) ?? false;
}

function wrong(path: readonly string[], wanted: string, value: unknown): ServerProblem {
  return { path, what: `must be ${wanted}, but is ${kindOf(value)}` };
}
