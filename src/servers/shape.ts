/**
 * Whether a value that a program wrote is one that its key takes, in a program's words: a list, an object, a number of
 * seconds, one of some words.
 *
 * What ties a key to other keys is known to `config/`, which speaks of Codex's files. Keys that are unknown are left to it,
 * too, where it can read their values.
 */
import { isObject } from "../base/json.ts";
import { kindOf } from "../base/reader.ts";
import { nearest } from "../base/suggest.ts";
import { secondsFromNumber } from "../config/schema/seconds.ts";
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
      return isNumber(value) ? ofSeconds(Number(value), path) : wrong(path, "a number of seconds", value);
    case "integer":
      return isNumber(value) ? ofInteger(kind, value, path) : wrong(path, "a whole number", value);
    case "strings":
      return ofItems(value, path, "a list of strings", (item) => typeof item === "string");
    case "enums":
      return (
        ofItems(value, path, "a list of strings", (item) => typeof item === "string" || isObject(item)) ??
        (value as readonly unknown[])
          .map((item) => ofEnum(kind.variants, item, path, "may have only"))
          .find((problem) => problem !== undefined)
      );
    case "env_vars":
      return (
        ofItems(
          value,
          path,
          "a list of names",
          (item) => typeof item === "string" || entriesOf(item) !== undefined,
        ) ??
        (value as readonly unknown[])
          .map((item) => ofVariable(item, path))
          .find((problem) => problem !== undefined)
      );
    case "enum":
      if (typeof value !== "string" && !isObject(value)) return wrong(path, "a string", value);
      return ofEnum(kind.variants, value, path, "must be");
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

function ofSeconds(value: number, path: readonly string[]): ServerProblem | undefined {
  if (secondsFromNumber(value).ok) return undefined;
  const is = Number.isNaN(value) ? "NaN" : value < 0 ? "negative" : "too large";
  return { path, what: `must be a number of seconds, 0 or more, but is ${is}` };
}

/** Above this, whole numbers are read as others than those that were written. */
const WHOLE_MAX = 2n ** 63n - 1n;

function ofInteger(
  { min, max }: FieldValue & { readonly type: "integer" },
  value: number | bigint,
  path: readonly string[],
): ServerProblem | undefined {
  const range = max === undefined ? `, ${min} or more` : ` from ${min} to ${max}`;
  const fail = (is: string): ServerProblem => ({
    path,
    what: `must be a whole number${range}, but is ${is}`,
  });
  if (typeof value === "number" && !Number.isInteger(value))
    return fail(Number.isNaN(value) ? "NaN" : Number.isFinite(value) ? "a fraction" : "infinite");
  if (BigInt(value) < min) return fail("too small");
  return BigInt(value) > (max ?? WHOLE_MAX) ? fail("too large") : undefined;
}

/** Codex also takes { variant: {} }. */
function ofEnum(
  variants: readonly string[],
  value: unknown,
  path: readonly string[],
  verb: string,
): ServerProblem | undefined {
  const entries = isObject(value) ? Object.entries(value) : [[value, {}] as const];
  const [[word, empty] = []] = entries;
  if (entries.length === 1 && isObject(empty) && variants.some((variant) => variant === word))
    return undefined;
  const what = `${verb} ${wordsOf(variants)}`;
  const meant = typeof word === "string" ? nearest(word, variants) : undefined;
  return { path, what, ...(meant === undefined ? {} : { hint: `Did you mean "${meant}"?` }) };
}

function ofVariable(item: unknown, path: readonly string[]): ServerProblem | undefined {
  const entries = entriesOf(item);
  if (entries === undefined) return undefined;
  const { name, source, ...others } = Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  if (typeof name !== "string" || Object.keys(others).length > 0)
    return { path, what: "must be a list of names or of { name, source }, but another object is among them" };
  return source === undefined || source === "local" || source === "remote"
    ? undefined
    : { path, what: 'may have only "local" or "remote" as the source of a name' };
}

/** `"a", "b" or "c"`. */
function wordsOf(words: readonly string[]): string {
  const quoted = words.map((word) => `"${word}"`);
  return [quoted.slice(0, -1).join(", "), ...quoted.slice(-1)].filter((part) => part !== "").join(" or ");
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

function isNumber(value: unknown): value is number | bigint {
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
