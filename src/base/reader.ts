/**
 * Reads unknown input (JSON from a peer, options from a caller) into typed values.
 *
 *   reader(input) -> the typed value, or the first `Issue`
 *
 * A reader is a function, so a custom one is a function as well. It knows shapes only. An issue is data; each face
 * (wire, runner, library) puts it into its own words once. Codex's configuration is read elsewhere, in Codex's words.
 *
 * Invariants
 *   R1. A reader never throws, whatever JSON it gets, and never changes its input.
 *   R2. What `object` and `map` return is new, with declared fields only; `undefined` counts as absent everywhere.
 *   R3. An issue quotes names, never values: those may be secrets.
 */
import { isObject } from "./json.ts";
import { nearest } from "./suggest.ts";

export type Path = readonly (string | number)[];

export type IssueCode = "wrong_type" | "invalid_value" | "missing_field" | "unknown_field";

/** What is wrong with some input, and where. */
export class Issue {
  readonly code: IssueCode;
  /** A predicate whose subject is the path: "must be a string, but is null". */
  readonly what: string;
  readonly path: Path;
  /** For an unknown field: the known one that was probably meant. */
  readonly near: string | undefined;

  constructor(code: IssueCode, what: string, path: Path = [], near?: string) {
    this.code = code;
    this.what = what;
    this.path = path;
    this.near = near;
  }

  /** The same issue, seen from the value that holds this one as `key`. */
  within(key: string | number): Issue {
    return new Issue(this.code, this.what, [key, ...this.path], this.near);
  }
}

export type Reader<T> = (input: unknown) => T | Issue;

/** A field that may be absent, or read as `undefined`. It is left out then, unless there is a default. */
export interface Optional<T> {
  readonly reader: Reader<T | undefined>;
}
export interface Defaulted<T> extends Optional<T> {
  readonly value: T;
}

/** One entry for every field of `T`, so that none is forgotten. */
export type Fields<T> = {
  readonly [K in keyof T]-?: object extends Pick<T, K>
    ? Optional<Exclude<T[K], undefined>>
    : Reader<T[K]> | Defaulted<T[K]>;
};

export function optional<T>(reader: Reader<T>): Optional<T> {
  return { reader };
}

/** The same for a field that may also be `null`. */
export function nullish<T>(reader: Reader<T>): Optional<T> {
  return { reader: nullable(reader) };
}

export function withDefault<T>(reader: Reader<T>, value: T): Defaulted<T> {
  return { reader, value };
}

/** Reads `null` as `undefined`. */
export function nullable<T>(reader: Reader<T>): Reader<T | undefined> {
  return (input) => (input === null ? undefined : reader(input));
}

/** @param wanted such as "a string" */
export function guard<T>(wanted: string, is: (input: unknown) => input is T): Reader<T> {
  return (input) => (is(input) ? input : wrongType(wanted, input));
}

export const anything: Reader<unknown> = (input) => input;
export const string: Reader<string> = guard("a string", (input) => typeof input === "string");
export const boolean: Reader<boolean> = guard("true or false", (input) => typeof input === "boolean");
export const anyObject: Reader<Readonly<Record<string, unknown>>> = guard("an object", isObject);
export const nonEmpty: Reader<string> = refine(string, (text) =>
  text === "" ? "must not be empty" : undefined,
);

export interface NumberRange {
  readonly min?: number;
  readonly max?: number;
  /** Plural, such as "milliseconds". */
  readonly unit?: string;
}

export function number(range: NumberRange = {}): Reader<number> {
  return ranged("number", Number.isFinite, range);
}

/** A whole number. */
export function integer(range: NumberRange = {}): Reader<number> {
  return ranged("whole number", Number.isInteger, range);
}

function ranged(noun: string, is: (value: number) => boolean, range: NumberRange): Reader<number> {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, unit } = range;
  const least = range.min === undefined ? "" : ` from ${min}`;
  const most = range.max === undefined ? "" : ` up to ${max}`;
  const wanted = `a ${noun}${unit === undefined ? "" : ` of ${unit}`}${least}${most}`;
  return (input) => {
    if (typeof input !== "number") return wrongType(wanted, input);
    return is(input) && input >= min && input <= max
      ? input
      : new Issue("invalid_value", `must be ${wanted}`);
  };
}

/** One of some strings. */
export function oneOf<const Name extends string>(...names: readonly Name[]): Reader<Name> {
  const wanted = names.length === 1 ? `"${names[0]}"` : `one of ${names.join(", ")}`;
  return (input) => {
    if (typeof input !== "string") return wrongType(wanted, input);
    return names.find((name) => name === input) ?? new Issue("invalid_value", `must be ${wanted}`);
  };
}

export function list<T>(item: Reader<T>): Reader<T[]> {
  return (input) => {
    if (!Array.isArray(input)) return wrongType("a list", input);
    const items: T[] = [];
    for (const [index, each] of input.entries()) {
      const value = item(each);
      if (value instanceof Issue) return value.within(index);
      items.push(value);
    }
    return items;
  };
}

/** An object whose names are free. */
export function map<T>(item: Reader<T>): Reader<Record<string, T>> {
  return (input) => {
    if (!isObject(input)) return wrongType("an object", input);
    const entries: [string, T][] = [];
    for (const [name, each] of Object.entries(input)) {
      if (each === undefined) continue;
      const value = item(each);
      if (value instanceof Issue) return value.within(name);
      entries.push([name, value]);
    }
    // Defines own properties: "__proto__" is a name like any other.
    return Object.fromEntries(entries);
  };
}

/**
 * An object with declared fields. Unknown ones are reported first, because a misspelt field is also a missing one.
 *
 * @param unknown what happens to a field that is not declared; "near" rejects it only if a declared one was probably
 *   meant, which suits options that a newer version may have more of
 * @typeParam T comes from where the reader goes (`const person: Reader<Person> = object(…)`), or is written out
 */
export function object<T extends object>(
  fields: NoInfer<Fields<T>>,
  unknown: "reject" | "near" | "ignore" = "reject",
): Reader<T> {
  const declared = Object.entries<Reader<unknown> | Optional<unknown>>(fields);
  const names = declared.map(([name]) => name);
  return (input) => {
    if (!isObject(input)) return wrongType("an object", input);
    if (unknown !== "ignore") {
      for (const [name, value] of Object.entries(input)) {
        if (value === undefined || Object.hasOwn(fields, name)) continue;
        const near = nearest(name, names);
        if (unknown === "near" && near === undefined) continue;
        return new Issue("unknown_field", `is unknown; known are ${names.join(", ")}`, [name], near);
      }
    }
    const found: Record<string, unknown> = {};
    for (const [name, field] of declared) {
      const given = Object.hasOwn(input, name) ? input[name] : undefined;
      if (given !== undefined) {
        const value = (typeof field === "function" ? field : field.reader)(given);
        if (value instanceof Issue) return value.within(name);
        if (value !== undefined) found[name] = value;
      } else if (typeof field === "function") {
        return new Issue("missing_field", "is missing", [name]);
      } else if ("value" in field) {
        found[name] = field.value;
      }
    }
    // `Fields<T>` has every field of `T`, and each has just been read.
    return found as T;
  };
}

/** One of several objects; the string in field `tag` says which. */
export function variant<T>(tag: string, readers: Readonly<Record<string, Reader<T>>>): Reader<T> {
  const name = oneOf(...Object.keys(readers));
  return (input) => {
    if (!isObject(input)) return wrongType("an object", input);
    if (input[tag] === undefined) return new Issue("missing_field", "is missing", [tag]);
    const known = name(input[tag]);
    if (known instanceof Issue) return known.within(tag);
    return (readers[known] as Reader<T>)(input);
  };
}

/** @param problem says what is wrong with a value ("must not be empty"), or nothing */
export function refine<T>(reader: Reader<T>, problem: (value: T) => string | Issue | undefined): Reader<T> {
  return (input) => {
    const value = reader(input);
    if (value instanceof Issue) return value;
    const what = problem(value);
    if (what === undefined) return value;
    return what instanceof Issue ? what : new Issue("invalid_value", what);
  };
}

export function wrongType(wanted: string, input: unknown): Issue {
  return new Issue("wrong_type", `must be ${wanted}, but is ${kindOf(input)}`);
}

/** What kind of value this is, without the value: "a list". */
export function kindOf(input: unknown): string {
  if (input === null || input === undefined) return String(input);
  if (Array.isArray(input)) return "a list";
  return typeof input === "object" ? "an object" : `a ${typeof input}`;
}

/** `a.b[0]`, or `a["b c"]` where a dot would mislead. */
export function showPath(path: Path): string {
  return path.reduce<string>((at, key) => {
    if (typeof key === "number") return `${at}[${key}]`;
    if (!/^[\w@/:-]+$/.test(key)) return `${at}[${JSON.stringify(key.slice(0, 80))}]`;
    return at === "" ? key : `${at}.${key}`;
  }, "");
}
