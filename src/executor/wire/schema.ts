/**
 * Parameters of requests, read strictly and refused in the words of Rust's serde, as `codex exec-server` 0.169 does.
 *
 * A method says its fields once; their order is that of positional parameters, which are accepted too. Unknown fields
 * are ignored.
 *
 * Two things JSON says are gone before we see them: that a number was written `1.0` or `1e2`, which the original
 * refuses where it wants a whole one, and that a key came twice.
 */
import { isObject } from "../../base/json.ts";
import { RpcError } from "../../jsonrpc/index.ts";
import { decodeBase64 } from "./base64.ts";
import { RpcCode } from "./protocol.ts";
import { quoteText } from "./quote-text.ts";

/** Takes a value that is there. @throws {RpcError} */
export interface Reader<T> {
  readonly read: (value: unknown) => T;
  /** What an absent field is; without it the field must be there. */
  readonly absent?: () => T;
  /** Whether positional parameters may end before it. A field that may only be absent by name must be `null` there. */
  readonly mayBeCutOff?: boolean;
}

type Fields = Readonly<Record<string, Reader<unknown>>>;
/** What a struct with these fields reads as. */
export type Read<F extends Fields> = { readonly [K in keyof F]: F[K] extends Reader<infer T> ? T : never };

export function invalidParams(message: string): RpcError {
  return new RpcError({ code: RpcCode.invalidParams, message });
}

function invalidType(value: unknown, expected: string): RpcError {
  return invalidParams(`invalid type: ${kindOf(value)}, expected ${expected}`);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "sequence";
  switch (typeof value) {
    case "object":
      return "map";
    case "boolean":
      return `boolean \`${value}\``;
    case "string":
      return `string ${quoteText(value)}`;
    default:
      return typeof value;
  }
}

export const string: Reader<string> = {
  read: (value) => {
    if (typeof value !== "string") throw invalidType(value, "a string");
    return value;
  },
};

export const boolean: Reader<boolean> = {
  read: (value) => {
    if (typeof value !== "boolean") throw invalidType(value, "a boolean");
    return value;
  },
};

/**
 * A whole number from 0 to 2^64-1. Above 2^53 it is as exact as JavaScript has it; 2^64 itself passes, because the
 * largest number there is reads as that.
 */
export const u64: Reader<number> = wholeNumber("u64");
/** The same, in memory's words. */
export const usize: Reader<number> = wholeNumber("usize");

function wholeNumber(name: string): Reader<number> {
  return {
    read: (value) => {
      if (typeof value !== "number") throw invalidType(value, name);
      if (!Number.isInteger(value) || value < 0 || value > 2 ** 64) throw invalidParams("invalid number");
      return value;
    },
  };
}

/** Base64. */
export const bytes: Reader<Buffer> = {
  read: (value) => {
    const decoded = decodeBase64(string.read(value));
    if (typeof decoded === "string") throw invalidParams(decoded);
    return decoded;
  },
};

export function array<T>(item: Reader<T>): Reader<readonly T[]> {
  return {
    read: (value) => {
      if (!Array.isArray(value)) throw invalidType(value, "a sequence");
      return value.map(item.read);
    },
  };
}

export const stringMap: Reader<Readonly<Record<string, string>>> = {
  read: (value) => {
    if (!isObject(value)) throw invalidType(value, "a map");
    const map: Record<string, string> = Object.create(null) as Record<string, string>;
    for (const [name, each] of Object.entries(value)) map[name] = string.read(each);
    return map;
  },
};

/** One of some names, or a map with that name as its only key and `null` for its value. */
export function oneOf<const Name extends string>(...names: readonly Name[]): Reader<Name> {
  const ticked = names.map((name) => `\`${name}\``);
  const expected = ticked.length < 3 ? ticked.join(" or ") : `one of ${ticked.join(", ")}`;
  const nameOf = (text: string): Name => {
    const known = names.find((name) => name === text);
    if (known === undefined) throw invalidParams(`unknown variant \`${text}\`, expected ${expected}`);
    return known;
  };
  return {
    read: (value) => {
      if (typeof value === "string") return nameOf(value);
      if (!isObject(value)) throw invalidType(value, "string or map");
      const [key, ...more] = Object.keys(value);
      if (key === undefined || more.length > 0)
        throw invalidParams("invalid value: map, expected map with a single key");
      const known = nameOf(key);
      if (value[key] !== null) throw invalidType(value[key], "unit");
      return known;
    },
  };
}

/** Nothing: `null`, or a map without a key. */
export const unit: Reader<undefined> = {
  read: (value) => {
    if (value === null || (isObject(value) && Object.keys(value).length === 0)) return undefined;
    throw invalidType(value, "unit");
  },
};

/** Whatever stands there. */
export const anything: Reader<unknown> = { read: (value) => value };

/** May be absent or `null`. */
export function optional<T>(inner: Reader<T>): Reader<T | undefined> {
  return { read: (value) => (value === null ? undefined : inner.read(value)), absent: () => undefined };
}

/** May be absent, but `null` only if `inner` takes it. */
export function withDefault<T>(inner: Reader<T>, value: T): Reader<T> {
  return { read: inner.read, absent: () => value, mayBeCutOff: true };
}

/** @param title what Rust calls it; its errors say so */
export function struct<const F extends Fields>(title: string, fields: F): Reader<Read<F>> {
  const entries = Object.entries<Reader<unknown>>(fields);
  const size = entries.length === 1 ? "1 element" : `${entries.length} elements`;

  const readNamed = (given: Readonly<Record<string, unknown>>): Record<string, unknown> => {
    const found: Record<string, unknown> = {};
    // As serde: what is there is read in the order it stands in, then what is missing is noticed.
    for (const name of Object.keys(given)) {
      const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
      if (field !== undefined) found[name] = field.read(given[name]);
    }
    for (const [name, { absent }] of entries) {
      if (Object.hasOwn(found, name)) continue;
      if (absent === undefined) throw invalidParams(`missing field \`${name}\``);
      found[name] = absent();
    }
    return found;
  };

  const readPositional = (given: readonly unknown[]): Record<string, unknown> => {
    const found: Record<string, unknown> = {};
    for (const [at, [name, { read, absent, mayBeCutOff }]] of entries.entries()) {
      if (at < given.length) found[name] = read(given[at]);
      else if (mayBeCutOff === true) found[name] = absent?.();
      else throw invalidParams(`invalid length ${at}, expected struct ${title} with ${size}`);
    }
    if (given.length <= entries.length) return found;
    throw invalidParams(`invalid length ${given.length}, expected fewer elements in array`);
  };

  return {
    read: (value) => {
      if (Array.isArray(value)) return readPositional(value) as Read<F>;
      if (isObject(value)) return readNamed(value) as Read<F>;
      throw invalidType(value, `struct ${title}`);
    },
  };
}

/** The parameters of a request; absent ones are `null`. @throws {RpcError} */
export function readParams<T>(reader: Reader<T>, params: unknown): T {
  return reader.read(params ?? null);
}
