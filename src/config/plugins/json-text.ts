/**
 * JSON as Codex reads it (serde_json: no comments, no trailing commas), to nodes with places.
 *
 * A plugin is somebody else's: its text is bounded in size and depth, and what is shown of it holds no value.
 *
 * Invariants
 *   T1. What serde_json rejects is rejected: half a surrogate pair, a byte order mark, more than 127 levels.
 *   T2. Of a key that is written twice, the last one counts, and the path of the key is known.
 *   T3. `null` is no node: its key is as good as absent, and where that is wrong, the place is known.
 *   T4. The source of all places shows keys only. Where the text is broken, it shows structure only.
 */
import { toAsterisks } from "../show/mask-source.ts";
import { type ConfigProblem, problem } from "../problem.ts";
import type { Place, Source, TomlEntry, TomlNode, TomlTable } from "../../toml/node.ts";

/** As in serde_json. */
const DEPTH_MAX = 127;

export interface JsonNull {
  /** Of the value, from the root; of an element of an array, with its index. */
  readonly path: readonly string[];
  readonly place: Place;
}

export interface JsonText {
  readonly root: TomlNode;
  readonly nulls: readonly JsonNull[];
  /** The paths of keys that are written more than once. */
  readonly repeated: readonly (readonly string[])[];
}

export type ReadJson =
  | { readonly ok: true; readonly json: JsonText }
  | { readonly ok: false; readonly problem: ConfigProblem };

/** @param name of the file, as problems show it */
export function readJson(name: string, text: string): ReadJson {
  const masked = { text: "" };
  const source: Source = {
    name,
    kind: "masked",
    get text() {
      return masked.text;
    },
  };
  const reader = new JsonReader(text, source);
  try {
    const json = reader.read();
    masked.text = reader.masked();
    return { ok: true, json };
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    masked.text = text.replace(/[^\s{}[\]:,]+/g, toAsterisks);
    const place = { source, start: error.at, end: Math.min(text.length, error.at + 1) };
    return { ok: false, problem: problem(`this is not valid JSON: ${error.message}`, undefined, place) };
  }
}

class JsonError extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

const BLANK = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
/** From the space on: JSON has no control characters in a string. */
const STRING = /"[ !#-[\]-\uffff]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[ !#-[\]-\uffff]*)*"/y;
const I64_MAX = 2n ** 63n - 1n;

class JsonReader {
  readonly #text: string;
  readonly #source: Source;
  readonly #nulls: JsonNull[] = [];
  readonly #repeated: (readonly string[])[] = [];
  /** Of values that are not shown. */
  readonly #hidden: { readonly start: number; readonly end: number }[] = [];
  #at = 0;

  constructor(text: string, source: Source) {
    this.#text = text;
    this.#source = source;
  }

  /** @throws {JsonError} */
  read(): JsonText {
    const value = this.#value([], 0);
    if (value === undefined) throw new JsonError("it is null", 0);
    this.#blank();
    if (this.#at < this.#text.length) throw this.#error("there is something behind the value");
    return { root: value, nulls: this.#nulls, repeated: this.#repeated };
  }

  masked(): string {
    let [masked, from] = ["", 0];
    for (const { start, end } of this.#hidden) {
      masked += this.#text.slice(from, start) + toAsterisks(this.#text.slice(start, end));
      from = end;
    }
    return masked + this.#text.slice(from);
  }

  /** `undefined` for null (T3). */
  #value(path: readonly string[], depth: number): TomlNode | undefined {
    this.#blank();
    const start = this.#at;
    switch (this.#text[start]) {
      case "{":
        return this.#object(path, depth + 1);
      case "[":
        return this.#array(path, depth + 1);
      case '"': {
        const value = this.#string();
        this.#hidden.push({ start, end: this.#at });
        return { kind: "string", value, place: this.#place(start) };
      }
      case "t":
      case "f": {
        const value = this.#text[start] === "t";
        this.#word(String(value));
        return { kind: "boolean", value, place: this.#place(start) };
      }
      case "n":
        this.#word("null");
        this.#nulls.push({ path, place: this.#place(start) });
        return undefined;
      default:
        return this.#number();
    }
  }

  #object(path: readonly string[], depth: number): TomlTable {
    const start = this.#open(depth);
    const entries = new Map<string, TomlEntry>();
    const seen = new Set<string>();
    while (!this.#closes("}", seen.size > 0)) {
      this.#blank();
      const keyStart = this.#at;
      if (this.#text[keyStart] !== '"') throw this.#error("a key in quotes is expected");
      const key = this.#string();
      const keyPlace = this.#place(keyStart);
      this.#blank();
      if (this.#text[this.#at] !== ":") throw this.#error("a colon is expected");
      this.#at++;
      if (seen.has(key)) this.#repeated.push([...path, key]);
      seen.add(key);
      const value = this.#value([...path, key], depth);
      // T2: also a null takes the place of what was there.
      entries.delete(key);
      if (value !== undefined) entries.set(key, { value, keyPlace });
    }
    return { kind: "table", entries, place: this.#place(start) };
  }

  #array(path: readonly string[], depth: number): TomlNode {
    const start = this.#open(depth);
    const items: TomlNode[] = [];
    let count = 0;
    while (!this.#closes("]", count > 0)) {
      const value = this.#value([...path, String(count++)], depth);
      if (value !== undefined) items.push(value);
    }
    return { kind: "array", items, place: this.#place(start) };
  }

  #open(depth: number): number {
    if (depth > DEPTH_MAX) throw this.#error("it is nested too deep");
    return this.#at++;
  }

  /** Whether the bracket closes here; otherwise the comma between two values is passed. */
  #closes(bracket: "}" | "]", hasItems: boolean): boolean {
    this.#blank();
    if (this.#text[this.#at] === bracket) {
      this.#at++;
      return true;
    }
    if (hasItems) {
      if (this.#text[this.#at] !== ",") throw this.#error(`a comma or ${bracket} is expected`);
      this.#at++;
      this.#blank();
      if (this.#text[this.#at] === bracket) throw this.#error(`a comma stands before ${bracket}`);
    }
    return false;
  }

  #string(): string {
    const found = this.#match(STRING);
    if (found === undefined) throw this.#error("a string is not closed, or has a wrong character in it");
    const value: unknown = JSON.parse(found);
    if (typeof value === "string" && value.isWellFormed()) return value;
    this.#at -= found.length;
    throw this.#error("a string has half a character in it");
  }

  #number(): TomlNode {
    const start = this.#at;
    NUMBER.lastIndex = start;
    const [text = "", fraction, exponent] = NUMBER.exec(this.#text) ?? [];
    if (text === "") throw this.#error("a value is expected");
    this.#at += text.length;
    this.#hidden.push({ start, end: this.#at });
    const place = this.#place(start);
    const whole = fraction === undefined && exponent === undefined ? BigInt(text) : undefined;
    // Up to the largest unsigned integer, which a duration may be.
    if (whole !== undefined && whole >= -I64_MAX - 1n && whole < 2n ** 64n)
      return { kind: "integer", value: whole, place };
    return { kind: "float", value: Number(text), place };
  }

  #word(word: string): void {
    if (!this.#text.startsWith(word, this.#at)) throw this.#error("a value is expected");
    this.#at += word.length;
  }

  #blank(): void {
    this.#match(BLANK);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #place(start: number): Place {
    return { source: this.#source, start, end: this.#at };
  }

  #error(message: string): JsonError {
    return new JsonError(message, this.#at);
  }
}
