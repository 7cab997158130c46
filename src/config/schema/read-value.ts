/**
 * One value, read as Codex's serde reads it, with Codex's words where it is wrong.
 *
 * `server-keys.ts` has the keys; `check-server.ts` checks a server as a whole.
 *
 * Invariants
 *   V1. Every value is checked, also after a wrong one; problems come in the order in which Codex would meet them.
 *   V2. The place of a problem is the offending value (in an array, the element); its path is Codex's, without indices.
 */
import type { Field, FieldValue, Struct } from "./server-keys.ts";
import { ENV_VAR, fieldNamed, MISTAKEN_KEYS } from "./server-keys.ts";
import { problem, type ProblemCollector, type ProblemText } from "../problem.ts";
import { secondsFromNumber } from "./seconds.ts";
import { invalidInteger, invalidType, unknownField, unknownKey, unknownVariant } from "./serde-text.ts";
import { nearest } from "../../base/suggest.ts";
import type { TomlEntry, TomlNode } from "../../toml/node.ts";

type Path = readonly string[];

/** A table that was read by its fields. */
export interface StructReading {
  /** The values that are right, by field. */
  readonly values: ReadonlyMap<string, unknown>;
  /** What is written, by field, right or wrong. */
  readonly entries: ReadonlyMap<string, TomlEntry>;
}

/** @returns `undefined` for what is neither a table nor an array */
export function readStruct(
  struct: Struct,
  node: TomlNode,
  path: Path,
  problems: ProblemCollector,
): StructReading | undefined {
  if (node.kind === "array") return readByPosition(struct, node, path, problems);
  if (node.kind !== "table") {
    return problems.error(invalidType(node, `struct ${struct.name}`), path, node, "Write it as a table");
  }
  const values = new Map<string, unknown>();
  for (const [key, entry] of node.entries) {
    const keyPath = [...path, key];
    const field = fieldNamed(struct, key);
    if (field !== undefined && (!field.own || problems.own)) {
      const value = readValue(field.value, entry.value, keyPath, problems);
      if (value !== undefined) values.set(key, value);
    } else if (struct.closed) {
      const known = struct.fields.map(({ name }) => name);
      problems.errors.push(problem(unknownField(key, known), path, entry.keyPlace, undefined, [key]));
    } else {
      problems.unknown.push(
        problem(unknownKey(keyPath), keyPath, entry.keyPlace, unknownKeyHint(key, struct.fields)),
      );
    }
  }
  for (const { name, needed } of struct.fields) {
    if (needed === "always" && !node.entries.has(name))
      problems.error(`missing field \`${name}\``, path, node);
  }
  return { values, entries: node.entries };
}

/** The elements of an array as the fields of a struct, which Codex accepts too. */
function readByPosition(
  struct: Struct,
  node: TomlNode & { kind: "array" },
  path: Path,
  problems: ProblemCollector,
): StructReading {
  const fields = struct.fields.filter((field) => !field.own);
  const hint = "Write a table with named keys instead of an array";
  const values = new Map<string, unknown>();
  const entries = new Map<string, TomlEntry>();
  for (const [index, field] of fields.entries()) {
    const item = node.items[index];
    if (item !== undefined) {
      entries.set(field.name, { value: item, keyPlace: item.place });
      const value = readValue(field.value, item, path, problems);
      if (value !== undefined) values.set(field.name, value);
    } else if (field.needed !== undefined) {
      problems.error(`invalid length ${index}, expected ${structWithSize(struct, fields)}`, path, node, hint);
      break;
    }
  }
  if (node.items.length > fields.length) {
    const message = `invalid length ${node.items.length}, expected fewer elements in array`;
    problems.error(message, path, node, hint);
  }
  return { values, entries };
}

function structWithSize(struct: Struct, fields: readonly Field[]): string {
  return `struct ${struct.name} with ${fields.length} element${fields.length === 1 ? "" : "s"}`;
}

/** The value, or `undefined` when it is wrong. */
export function readValue(kind: FieldValue, node: TomlNode, path: Path, problems: ProblemCollector): unknown {
  switch (kind.type) {
    case "string":
      return readString(node, path, problems, kind.expects);
    case "strings":
      return readItems(node, path, problems, (item) => readString(item, path, problems));
    case "string_map":
      return readMap(node, path, problems, (value, valuePath) => readString(value, valuePath, problems));
    case "boolean":
      if (node.kind === "boolean") return node.value;
      return problems.error(
        invalidType(node, "a boolean"),
        path,
        node,
        "Write true or false, without quotes",
      );
    case "seconds":
      return readSeconds(kind.convert, node, path, problems);
    case "integer":
      return readInteger(kind, node, path, problems);
    case "enum":
      return readEnum(kind, node, path, problems);
    case "enums":
      return readItems(node, path, problems, (item) => readEnum(kind, item, path, problems));
    case "env_vars":
      return readItems(node, path, problems, (item) => readEnvVar(item, path, problems));
    case "struct":
      return readObject(kind.struct, node, path, problems);
    case "structs":
      return readMap(node, path, problems, (value, valuePath) =>
        readObject(kind.struct, value, valuePath, problems),
      );
  }
}

/** A struct whose fields are all right, as an object. */
function readObject(
  struct: Struct,
  node: TomlNode,
  path: Path,
  problems: ProblemCollector,
): object | undefined {
  const errorsBefore = problems.errors.length;
  const reading = readStruct(struct, node, path, problems);
  if (reading === undefined || problems.errors.length > errorsBefore) return undefined;
  return Object.fromEntries(reading.values);
}

function readString(
  node: TomlNode,
  path: Path,
  problems: ProblemCollector,
  expects = "a string",
): string | undefined {
  if (node.kind === "string" || node.kind === "datetime") return node.value;
  const scalar = node.kind !== "array" && node.kind !== "table";
  return problems.error(
    invalidType(node, expects),
    path,
    node,
    scalar ? "Put the value in quotes" : undefined,
  );
}

/** All items, or `undefined` when one of them is wrong. */
function readItems<Item>(
  node: TomlNode,
  path: Path,
  problems: ProblemCollector,
  read: (item: TomlNode) => Item | undefined,
): readonly Item[] | undefined {
  if (node.kind !== "array") {
    const hint = node.kind === "table" ? undefined : "Put the value in brackets";
    return problems.error(invalidType(node, "a sequence"), path, node, hint);
  }
  const items = node.items.map(read).filter((item) => item !== undefined);
  return items.length === node.items.length ? items : undefined;
}

/** All values by key, or `undefined` when one of them is wrong. */
function readMap<Value>(
  node: TomlNode,
  path: Path,
  problems: ProblemCollector,
  read: (value: TomlNode, path: Path) => Value | undefined,
): ReadonlyMap<string, Value> | undefined {
  if (node.kind !== "table") {
    return problems.error(invalidType(node, "a map"), path, node, "Write a table: { KEY = value }");
  }
  const values = new Map<string, Value>();
  for (const [key, entry] of node.entries) {
    const value = read(entry.value, [...path, key]);
    if (value !== undefined) values.set(key, value);
  }
  return values.size === node.entries.size ? values : undefined;
}

function readSeconds(
  convert: boolean,
  node: TomlNode,
  path: Path,
  problems: ProblemCollector,
): number | undefined {
  if (node.kind !== "integer" && node.kind !== "float") {
    return problems.error(invalidType(node, "f64"), path, node, "Write a number of seconds, without quotes");
  }
  const value = Number(node.value);
  if (!convert) return value;
  const seconds = secondsFromNumber(value);
  return seconds.ok ? seconds.seconds : problems.error(seconds.problem, path, node);
}

function readInteger(
  kind: FieldValue & { type: "integer" },
  node: TomlNode,
  path: Path,
  problems: ProblemCollector,
): number | undefined {
  if (node.kind !== "integer") {
    return problems.error(
      invalidType(node, kind.expects),
      path,
      node,
      "Write a whole number, without quotes",
    );
  }
  if (node.value >= kind.min && (kind.max === undefined || node.value <= kind.max)) {
    return Number(node.value);
  }
  const text = invalidInteger(node.value, kind.expects);
  const hint =
    kind.max === undefined ? `The minimum is ${kind.min}` : `It must be from ${kind.min} to ${kind.max}`;
  return problems.error(text, path, node, hint);
}

/** A string, or a table with the string as its only key, which Codex accepts too. */
function readEnum(
  { variants }: Pick<FieldValue & { type: "enum" }, "variants">,
  node: TomlNode,
  path: Path,
  problems: ProblemCollector,
): string | undefined {
  const oneOf = `Write one of ${variants.map((variant) => `"${variant}"`).join(", ")}`;
  const wrong = (text: string | ProblemText, hint: string = oneOf): undefined =>
    problems.error(text, path, node, hint);
  if (node.kind === "string") {
    if (variants.includes(node.value)) return node.value;
    const meant = nearest(node.value, variants);
    const hint = meant === undefined ? oneOf : `Did you mean "${meant}"?`;
    return wrong(unknownVariant(node.value, variants), hint);
  }
  if (node.kind !== "table") return wrong("invalid type: unit variant, expected string only");
  const [first] = node.entries;
  if (first === undefined) return wrong("wanted exactly 1 element, found 0 elements");
  if (node.entries.size > 1) return wrong("wanted exactly 1 element, more than 1 element");
  const [variant, { value: content }] = first;
  if (!variants.includes(variant)) return wrong(unknownVariant(variant, variants));
  if (content.kind === "table") return content.entries.size === 0 ? variant : wrong("expected empty table");
  if (content.kind === "array") return content.items.length === 0 ? variant : wrong("expected empty array");
  return wrong(`expected table, found ${content.kind}`);
}

/** A name, or a table with a name. The value of `source` is checked with the server, as in Codex. */
function readEnvVar(node: TomlNode, path: Path, problems: ProblemCollector): unknown {
  if (node.kind === "string" || node.kind === "datetime") return node.value;
  const known = ENV_VAR.fields.map(({ name }) => name);
  const texts =
    node.kind === "table"
      ? [...node.entries].map(([key, { value }]) =>
          known.includes(key) && (value.kind === "string" || value.kind === "datetime")
            ? ([key, value.value] as const)
            : undefined,
        )
      : [undefined];
  const read = Object.fromEntries(texts.filter((text) => text !== undefined));
  if (!texts.includes(undefined) && "name" in read) return read;
  return problems.error(
    "data did not match any variant of untagged enum McpServerEnvVar",
    path,
    node,
    'Write a name, or { name = "NAME", source = "local" } (or "remote")',
  );
}

/** What was probably meant by an unknown key. */
function unknownKeyHint(key: string, fields: readonly Field[]): string | undefined {
  const known = fields.filter(({ own, transport }) => !own && transport !== "none").map(({ name }) => name);
  const mistaken = known.includes("command") ? MISTAKEN_KEYS.get(key) : undefined;
  if (mistaken !== undefined) return mistaken;
  const meant = nearest(key, known);
  return meant === undefined ? undefined : `Did you mean ${meant}?`;
}
