/**
 * One value, read as Codex's serde reads it, with Codex's words where it is wrong.
 *
 * What a server as a whole may say is the business of `check-server.ts`; which keys there are, of `fields.ts`.
 *
 * Invariants
 *   V1. Every value is looked at, also behind a wrong one; findings come in the order in which Codex would meet them.
 *   V2. A finding's place is the offending value (the element, in an array), its path is Codex's: without indices.
 */
import type { Field, FieldValue, Struct } from "./server-keys.ts";
import { ENV_VAR, fieldNamed, MISTAKEN_KEYS } from "./server-keys.ts";
import { type ConfigProblem, problem, type ProblemText } from "../problem.ts";
import { secondsFromNumber } from "./seconds.ts";
import { invalidInteger, invalidType, unknownField, unknownVariant } from "./serde-text.ts";
import { nearest } from "../../base/suggest.ts";
import type { TomlEntry, TomlNode } from "../../toml/node.ts";

type Path = readonly string[];

/** Collects what a reading finds. */
export class Findings {
  readonly errors: ConfigProblem[] = [];
  /** Keys that Codex ignores: errors in strict mode, else warnings. */
  readonly unknown: ConfigProblem[] = [];
  /** Errors that Codex finds when everything else is in order, unknown keys included. */
  readonly late: ConfigProblem[] = [];
  /** What Codex silently leaves out: warnings in every mode. */
  readonly ignored: ConfigProblem[] = [];
  /** Whether keys of ours are known. */
  readonly own: boolean;
  /**
   * Of what Codex keeps in a buffer before it reads it, as it does with the tables it flattens: the path that all
   * errors get. It overlooks unknown keys there, also when strict, and refuses a wrong enum in other words.
   */
  readonly buffered: Path | undefined;

  constructor(own: boolean, buffered?: Path) {
    this.own = own;
    this.buffered = buffered;
  }

  error(text: string | ProblemText, path: Path, node: TomlNode, hint?: string): undefined {
    this.errors.push(problem(text, this.buffered ?? path, node.place, hint));
  }

  unknownKey(path: Path, entry: TomlEntry, hint: string | undefined): void {
    if (this.buffered !== undefined) return;
    this.unknown.push(problem(unknownKey(path), path, entry.keyPlace, hint));
  }
}

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
  findings: Findings,
): StructReading | undefined {
  if (node.kind === "array") return readByPosition(struct, node, path, findings);
  if (node.kind !== "table") {
    return findings.error(invalidType(node, `struct ${struct.name}`), path, node, "Write it as a table");
  }
  const values = new Map<string, unknown>();
  for (const [key, entry] of node.entries) {
    const keyPath = [...path, key];
    const field = fieldNamed(struct, key);
    if (field !== undefined && (!field.own || findings.own)) {
      const value = readValue(field.value, entry.value, keyPath, findings);
      if (value !== undefined) values.set(key, value);
    } else if (struct.closed) {
      const known = struct.fields.map(({ name }) => name);
      findings.errors.push(problem(unknownField(key, known), path, entry.keyPlace, undefined, [key]));
    } else {
      findings.unknownKey(keyPath, entry, unknownKeyHint(key, struct.fields));
    }
  }
  for (const { name, needed } of struct.fields) {
    if (needed === "always" && !node.entries.has(name))
      findings.error(`missing field \`${name}\``, path, node);
  }
  return { values, entries: node.entries };
}

/** The elements of an array as the fields of a struct: Codex takes that, too. */
function readByPosition(
  struct: Struct,
  node: TomlNode & { kind: "array" },
  path: Path,
  findings: Findings,
): StructReading {
  const fields = struct.fields.filter((field) => !field.own);
  const hint = "Write a table with named keys instead of an array";
  const values = new Map<string, unknown>();
  const entries = new Map<string, TomlEntry>();
  for (const [index, field] of fields.entries()) {
    const item = node.items[index];
    if (item !== undefined) {
      entries.set(field.name, { value: item, keyPlace: item.place });
      const value = readValue(field.value, item, path, findings);
      if (value !== undefined) values.set(field.name, value);
    } else if (field.needed !== undefined) {
      findings.error(`invalid length ${index}, expected ${structWithSize(struct, fields)}`, path, node, hint);
      break;
    }
  }
  if (node.items.length > fields.length) {
    const message = `invalid length ${node.items.length}, expected fewer elements in array`;
    findings.error(message, path, node, hint);
  }
  return { values, entries };
}

function structWithSize(struct: Struct, fields: readonly Field[]): string {
  return `struct ${struct.name} with ${fields.length} element${fields.length === 1 ? "" : "s"}`;
}

/** The value, or `undefined` when it is wrong. */
export function readValue(kind: FieldValue, node: TomlNode, path: Path, findings: Findings): unknown {
  switch (kind.type) {
    case "string":
      return readString(node, path, findings, kind);
    case "strings":
      return readItems(node, path, findings, (item) => readString(item, path, findings, kind));
    case "string_map":
      return readMap(node, path, findings, (value, valuePath) => readString(value, valuePath, findings));
    case "boolean":
      if (node.kind === "boolean") return node.value;
      return findings.error(
        invalidType(node, "a boolean"),
        path,
        node,
        "Write true or false, without quotes",
      );
    case "seconds":
      return readSeconds(kind.convert, node, path, findings);
    case "integer":
      return readInteger(kind, node, path, findings);
    case "enum":
      return readEnum(kind, node, path, findings);
    case "enums":
      return readItems(node, path, findings, (item) => readEnum(kind, item, path, findings));
    case "env_vars":
      return readItems(node, path, findings, (item) => readEnvVar(item, path, findings));
    case "struct":
      return readObject(kind.struct, node, path, findings);
    case "structs":
      return readMap(node, path, findings, (value, valuePath) =>
        readObject(kind.struct, value, valuePath, findings),
      );
    case "table":
      return readTable(kind, node, path, findings);
    case "untagged":
      return readUntagged(kind, node, path, findings);
  }
}

/** A struct whose fields are all right, as an object. */
function readObject(struct: Struct, node: TomlNode, path: Path, findings: Findings): object | undefined {
  const errorsBefore = findings.errors.length;
  const reading = readStruct(struct, node, path, findings);
  if (reading === undefined || findings.errors.length > errorsBefore) return undefined;
  return Object.fromEntries(reading.values);
}

function readTable(
  kind: FieldValue & { type: "table" },
  node: TomlNode,
  path: Path,
  findings: Findings,
): TomlNode | undefined {
  if (node.kind === "array" && kind.byPosition) return node;
  if (node.kind !== "table") {
    return findings.error(invalidType(node, kind.expects), path, node, "Write it as a table");
  }
  const { keys = {}, rest, flat } = kind;
  const others: [string, TomlNode][] = [];
  for (const [key, { value }] of node.entries) {
    if (Object.hasOwn(keys, key)) readValue(keys[key] as FieldValue, value, [...path, key], findings);
    else others.push([key, value]);
  }
  if (rest === undefined) return node;
  const found = flat ? new Findings(findings.own, findings.buffered ?? path) : findings;
  for (const [key, value] of others) readValue(rest, value, [...path, key], found);
  if (found !== findings) findings.errors.push(...found.errors);
  return node;
}

function readUntagged(
  { name, of }: FieldValue & { type: "untagged" },
  node: TomlNode,
  path: Path,
  findings: Findings,
): TomlNode | undefined {
  const fits = of.some((kind) => {
    const trial = new Findings(findings.own);
    readValue(kind, node, path, trial);
    return trial.errors.length === 0;
  });
  if (fits) return node;
  return findings.error(`data did not match any variant of untagged enum ${name}`, path, node);
}

function readString(
  node: TomlNode,
  path: Path,
  findings: Findings,
  { expects = "a string", empty }: { readonly expects?: string; readonly empty?: string } = {},
): string | undefined {
  if (node.kind === "string" && node.value === "" && empty !== undefined) {
    return findings.error(empty, path, node);
  }
  if (node.kind === "string" || node.kind === "datetime") return node.value;
  const scalar = node.kind !== "array" && node.kind !== "table";
  return findings.error(
    invalidType(node, expects),
    path,
    node,
    scalar ? "Put the value into quotes" : undefined,
  );
}

/** All items, or `undefined` when one of them is wrong. */
function readItems<Item>(
  node: TomlNode,
  path: Path,
  findings: Findings,
  read: (item: TomlNode) => Item | undefined,
): readonly Item[] | undefined {
  if (node.kind !== "array") {
    const hint = node.kind === "table" ? undefined : "Put the value into brackets";
    return findings.error(invalidType(node, "a sequence"), path, node, hint);
  }
  const items = node.items.map(read).filter((item) => item !== undefined);
  return items.length === node.items.length ? items : undefined;
}

/** All values by key, or `undefined` when one of them is wrong. */
function readMap<Value>(
  node: TomlNode,
  path: Path,
  findings: Findings,
  read: (value: TomlNode, path: Path) => Value | undefined,
): ReadonlyMap<string, Value> | undefined {
  if (node.kind !== "table") {
    return findings.error(invalidType(node, "a map"), path, node, "Write a table: { KEY = value }");
  }
  const values = new Map<string, Value>();
  for (const [key, entry] of node.entries) {
    const value = read(entry.value, [...path, key]);
    if (value !== undefined) values.set(key, value);
  }
  return values.size === node.entries.size ? values : undefined;
}

function readSeconds(convert: boolean, node: TomlNode, path: Path, findings: Findings): number | undefined {
  if (node.kind !== "integer" && node.kind !== "float") {
    return findings.error(invalidType(node, "f64"), path, node, "Write a number of seconds, without quotes");
  }
  const value = Number(node.value);
  if (!convert) return value;
  const seconds = secondsFromNumber(value);
  return seconds.ok ? seconds.seconds : findings.error(seconds.problem, path, node);
}

function readInteger(
  kind: FieldValue & { type: "integer" },
  node: TomlNode,
  path: Path,
  findings: Findings,
): number | undefined {
  if (node.kind !== "integer") {
    return findings.error(
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
  const hint = kind.max === undefined ? `The least is ${kind.min}` : `It is from ${kind.min} to ${kind.max}`;
  return findings.error(text, path, node, hint);
}

/** A string, or a table with the string as its only key: Codex takes that, too. */
function readEnum(
  { variants, newtype }: Pick<FieldValue & { type: "enum" }, "variants" | "newtype">,
  node: TomlNode,
  path: Path,
  findings: Findings,
): string | undefined {
  const oneOf = `Write one of ${variants.map((variant) => `"${variant}"`).join(", ")}`;
  const wrong = (text: string | ProblemText, hint: string = oneOf): undefined =>
    findings.error(text, path, node, hint);
  if (node.kind === "string" || (node.kind === "datetime" && findings.buffered !== undefined)) {
    if (node.value === newtype?.variant) return wrong("invalid type: unit variant, expected newtype variant");
    if (variants.includes(node.value)) return node.value;
    const meant = nearest(node.value, variants);
    return wrong(
      unknownVariant(node.value, variants),
      meant === undefined ? oneOf : `Did you mean "${meant}"?`,
    );
  }
  if (findings.buffered !== undefined) return wrong(bufferedEnumProblem(node, variants));
  if (node.kind !== "table") return wrong("invalid type: unit variant, expected string only");
  const [first] = node.entries;
  if (first === undefined) return wrong("wanted exactly 1 element, found 0 elements");
  if (node.entries.size > 1) return wrong("wanted exactly 1 element, more than 1 element");
  const [variant, { value: content }] = first;
  if (!variants.includes(variant)) return wrong(unknownVariant(variant, variants));
  if (variant === newtype?.variant) {
    return readObject(newtype.struct, content, path, findings) === undefined ? undefined : variant;
  }
  if (content.kind === "table") return content.entries.size === 0 ? variant : wrong("expected empty table");
  if (content.kind === "array") return content.items.length === 0 ? variant : wrong("expected empty array");
  return wrong(`expected table, found ${content.kind}`);
}

/** Of what is no string. Codex's reader of buffers takes a table only in theory: nothing is a unit in TOML. */
function bufferedEnumProblem(node: TomlNode, variants: readonly string[]): string | ProblemText {
  if (node.kind !== "table") return invalidType(node, "string or map");
  const [first, second] = node.entries;
  if (first === undefined || second !== undefined)
    return "invalid value: map, expected map with a single key";
  const [variant, { value }] = first;
  return variants.includes(variant) ? invalidType(value, "unit") : unknownVariant(variant, variants);
}

/** A name, or a table with a name. The value of `source` is checked with the server, as in Codex. */
function readEnvVar(node: TomlNode, path: Path, findings: Findings): unknown {
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
  return findings.error(
    "data did not match any variant of untagged enum McpServerEnvVar",
    path,
    node,
    'Write a name, or { name = "NAME", source = "local" } (or "remote")',
  );
}

/** In Codex's words. */
export function unknownKey(path: Path): ProblemText {
  const what = "unknown configuration field";
  return { message: `${what} \`${path.join(".")}\``, what };
}

/** What an unknown key should probably be. */
function unknownKeyHint(key: string, fields: readonly Field[]): string | undefined {
  const known = fields.filter(({ own, transport }) => !own && transport !== "none").map(({ name }) => name);
  const mistaken = known.includes("command") ? MISTAKEN_KEYS.get(key) : undefined;
  if (mistaken !== undefined) return mistaken;
  const meant = nearest(key, known);
  return meant === undefined ? undefined : `Did you mean ${meant}?`;
}
