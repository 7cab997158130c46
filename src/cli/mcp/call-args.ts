/**
 * The arguments of a tool or a prompt, as they are typed: `--arg NAME=VALUE`, or one JSON object.
 *
 * No message repeats a value: it may be a secret (F1).
 */
import { isObject, type JsonObject } from "../../base/json.ts";
import { nearest } from "../../base/suggest.ts";
import { ENV_PAIR, splitPair } from "../args/pair.ts";
import { type Args, UsageError } from "../args/parse.ts";
import type { Flag } from "../args/spec.ts";
import { readStdin } from "../input.ts";
import { tell } from "../output.ts";

export const ARG_FLAG: Flag = {
  name: "arg",
  value: "NAME=VALUE",
  many: true,
  about: "an argument; its value is JSON where the tool takes no text",
};

/** The names and texts of `--arg`, in order. @throws {UsageError} */
export function pairsOf(args: Args): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const flag of args.all("arg")) {
    const pair = splitPair(flag, ENV_PAIR);
    if (pair === undefined) throw new UsageError("--arg takes NAME=VALUE");
    if (pairs.has(pair[0])) throw new UsageError(`--arg: ${JSON.stringify(pair[0])} is given twice`);
    pairs.set(...pair);
  }
  return pairs;
}

/** @param text `-` reads stdin @throws {UsageError} unless it is an object */
export async function readJson(text: string, signal: AbortSignal): Promise<JsonObject> {
  const json = text === "-" ? (await readStdin(signal)).toString("utf8") : text;
  try {
    const value: unknown = JSON.parse(json);
    if (isObject(value)) return value as JsonObject;
  } catch {
    // Reported below.
  }
  throw new UsageError(
    `The arguments are a JSON object, such as '{"text": "hello"}'; or use --arg NAME=VALUE`,
  );
}

/**
 * @param tool its declared name, for messages
 * @param schema its `inputSchema`
 * @throws {UsageError} for a value of another type than the schema has, and for a name that it rules out
 */
export function typedArguments(
  pairs: ReadonlyMap<string, string>,
  tool: string,
  schema: Readonly<Record<string, unknown>>,
): JsonObject {
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  const values = [...pairs].map(([name, text]) => {
    if (!Object.hasOwn(properties, name)) reportUnknown(name, tool, Object.keys(properties), schema);
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return [name, valueOf(name, text, typesOf(property, schema, 0))] as const;
  });
  return Object.fromEntries(values) as JsonObject;
}

function reportUnknown(
  name: string,
  tool: string,
  known: readonly string[],
  schema: Readonly<Record<string, unknown>>,
): void {
  const near = nearest(name, known);
  const list = known.length === 0 ? "it takes none" : `it takes ${known.join(", ")}`;
  const hint = near === undefined ? list : `did you mean ${JSON.stringify(near)}?`;
  const text = `Tool ${JSON.stringify(tool)} declares no argument ${JSON.stringify(name)}; ${hint}`;
  if (schema["additionalProperties"] === false) throw new UsageError(text);
  if (known.length > 0) tell(`note: ${text}`);
}

const DEPTH_MAX = 8;

/** The types that a value may have; none where the schema does not say. */
function typesOf(schema: unknown, root: Readonly<Record<string, unknown>>, depth: number): readonly string[] {
  if (!isObject(schema) || depth > DEPTH_MAX) return [];
  const { type, $ref: reference } = schema;
  if (typeof type === "string") return [type];
  if (Array.isArray(type)) return type.filter((each) => typeof each === "string");
  if (typeof reference === "string") return typesOf(referredTo(reference, root), root, depth + 1);
  const branches = [schema["anyOf"], schema["oneOf"]].find(Array.isArray) ?? [];
  const types = branches.map((branch) => typesOf(branch, root, depth + 1));
  // One that takes anything takes text.
  if (types.length > 0) return types.some((each) => each.length === 0) ? [] : types.flat();
  const values = Array.isArray(schema["enum"]) ? schema["enum"] : "const" in schema ? [schema["const"]] : [];
  return values.map(typeOf);
}

/** Of references only those within the schema: `#/$defs/NAME`. */
function referredTo(reference: string, root: Readonly<Record<string, unknown>>): unknown {
  if (!reference.startsWith("#/")) return undefined;
  let at: unknown = root;
  for (const part of reference.slice(2).split("/")) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    at = isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  }
  return at;
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value;
}

const WORDS: Readonly<Record<string, string>> = {
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  array: `a list, written as '["a", "b"]'`,
  object: `an object, written as '{"key": "value"}'`,
  null: "null",
};

function valueOf(name: string, text: string, types: readonly string[]): unknown {
  if (types.length === 0 || types.includes("string")) return text;
  try {
    const value: unknown = JSON.parse(text);
    if (types.includes(typeOf(value))) return value;
    if (types.includes("integer") && Number.isInteger(value)) return value;
  } catch {
    // Reported below.
  }
  const words = [...new Set(types)].map((type) => WORDS[type] ?? type).join(" or ");
  throw new UsageError(`--arg ${name} takes ${words}`);
}
