/**
 * TOML text to a document. The dialect is that of Codex 0.169 (its parser reads TOML 1.1), so a file counts here
 * exactly where it counts there, and the first error has the same words.
 *
 * Libraries were measured first: no library has places for every value, keeps the order of integer-like keys, and is
 * fast enough to edit a file of a thousand servers in 50 ms; two differ from Codex in what they accept.
 *
 * Invariants
 *   P1. Every value and every key knows its place.
 *   P2. One pass, no back-tracking, and no recursion deeper than `DEPTH_MAX`: a hostile file costs linear time.
 */
import type { TomlDocument, TomlHeader, TomlKey, TomlPair, TomlStatement } from "./document.ts";
import type { Place, Source, TomlNode } from "./node.ts";
import { parseScalar } from "./scalars.ts";
import { OpenTable, openHeader, setPair, TableError } from "./tables.ts";

/** Why a text is not valid TOML, in one sentence, and where. */
export interface TomlProblem {
  readonly message: string;
  readonly place: Place;
  /** What to do, where the message alone does not say it. */
  readonly hint?: string;
}

export type ParseTomlResult =
  | { readonly ok: true; readonly document: TomlDocument }
  | { readonly ok: false; readonly problem: TomlProblem };

/** Reads a whole text. A byte order mark at its start is allowed. */
export function parseToml(source: Source): ParseTomlResult {
  try {
    return { ok: true, document: new Parser(source).document() };
  } catch (error) {
    if (!(error instanceof SyntaxProblem || error instanceof TableError)) throw error;
    const hint = error instanceof SyntaxProblem ? error.hint : undefined;
    const { message, place } = error;
    return { ok: false, problem: { message, place, ...(hint === undefined ? {} : { hint }) } };
  }
}

/** Reads one value and nothing else, as in `-c key=value`; `undefined` where the text is not a TOML value. */
export function parseTomlValue(source: Source): TomlNode | undefined {
  try {
    return new Parser(source).onlyValue();
  } catch (error) {
    if (!(error instanceof SyntaxProblem || error instanceof TableError)) throw error;
    return undefined;
  }
}

class SyntaxProblem extends Error {
  readonly place: Place;
  readonly hint: string | undefined;

  constructor(message: string, place: Place, hint?: string) {
    super(message);
    this.place = place;
    this.hint = hint;
  }
}

/** Arrays and inline tables in one another, and dotted keys in a row. Codex's limit (measured). */
export const DEPTH_MAX = 80;

const BACKSLASH_HINT =
  "In double quotes \\ begins an escape. A Windows path goes in single quotes, or has each \\ twice";

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const HASH = 0x23;
const APOSTROPHE = 0x27;
const COMMA = 0x2c;
const DOT = 0x2e;
const EQUALS = 0x3d;
const OPEN = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const BARE_KEY = /[A-Za-z0-9_-]+/y;
/** Everything that could belong to a number, a date or a word. A blank joins a date and a time. */
const SCALAR = /\d{4}-\d{2}-\d{2}[ ]\d[^\s,\]}#]*|[^\s,\]}#]*/y;
// All but control characters, and what ends the piece.
const PLAIN_BASIC = /[\t -!#-[\]-~\u0080-\uffff]*/y;
const PLAIN_LITERAL = /[\t -&(-~\u0080-\uffff]*/y;
const COMMENT = /[\t -~\u0080-\uffff]*/y;
const ESCAPES: Readonly<Record<string, string>> = {
  b: "\b",
  e: "\u001b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  '"': '"',
  "\\": "\\",
};
const ESCAPE_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

class Parser {
  readonly #source: Source;
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(source: Source) {
    this.#source = source;
    this.#text = source.text;
  }

  document(): TomlDocument {
    const root = new OpenTable("header", this.#place(0, this.#text.length));
    const statements: TomlStatement[] = [];
    let header: TomlHeader | undefined;
    let table = root;
    if (this.#text.startsWith("\ufeff")) this.#at = 1;
    for (;;) {
      this.#skipBlankLines();
      if (this.#at >= this.#text.length) break;
      if (this.#peek() === OPEN) {
        header = this.#header();
        table = openHeader(root, header.keys, header.array, this.#place(header.start, header.end));
        statements.push(header);
      } else {
        const pair = this.#pair(header);
        setPair(table, pair.keys, pair.value);
        statements.push(pair);
      }
      this.#endOfStatement();
    }
    return { source: this.#source, root, statements };
  }

  onlyValue(): TomlNode {
    this.#skipBlankLines();
    const value = this.#value();
    this.#skipBlankLines();
    if (this.#at < this.#text.length) this.#fail("unexpected key or value, expected newline, `#`");
    return value;
  }

  #header(): TomlHeader {
    const start = this.#at;
    this.#at++;
    const array = this.#peek() === OPEN;
    if (array) this.#at++;
    const keys = this.#keys();
    if (this.#peek() !== CLOSE || (array && this.#text.charCodeAt(this.#at + 1) !== CLOSE)) {
      if (this.#peek() === CLOSE) this.#at++;
      this.#fail(`unclosed ${array ? "array table" : "table"}, expected \`]\``);
    }
    this.#at += array ? 2 : 1;
    return { kind: "header", array, keys, start, end: this.#at };
  }

  #pair(header: TomlHeader | undefined, inlineTable = false): TomlPair {
    const start = this.#at;
    const keys = this.#keys();
    if (inlineTable) this.#skipBlankLines();
    if (this.#peek() !== EQUALS) this.#fail("key with no value, expected `=`");
    this.#at++;
    if (inlineTable) this.#skipBlankLines();
    else this.#skipBlanks();
    if (this.#peek() !== OPEN_BRACE) {
      const value = this.#value();
      return { kind: "pair", keys, header, value, inline: undefined, start, end: this.#at };
    }
    const { value, inline } = this.#inlineTable();
    return { kind: "pair", keys, header, value, inline, start, end: this.#at };
  }

  #keys(): TomlKey[] {
    this.#skipBlanks();
    const first = this.#key();
    this.#skipBlanks();
    // Most keys are one, and an array that grows holds sixteen more places.
    if (this.#peek() !== DOT) return [first];
    const keys = [first];
    while (this.#peek() === DOT) {
      this.#at++;
      this.#skipBlanks();
      keys.push(this.#key());
      if (keys.length > DEPTH_MAX) this.#fail("recursion limit", first.start);
      this.#skipBlanks();
    }
    return keys.slice();
  }

  #key(): TomlKey {
    const start = this.#at;
    const first = this.#peek();
    let name: string;
    if (first === QUOTE || first === APOSTROPHE) {
      const quote = first === QUOTE ? '"""' : "'''";
      if (this.#text.startsWith(quote, start)) {
        this.#fail("keys cannot be multi-line strings, expected basic string, literal string");
      }
      name = first === QUOTE ? this.#basic() : this.#literal();
    } else {
      name = this.#match(BARE_KEY);
      if (name === "") {
        const isEnd =
          this.#at >= this.#text.length || [EQUALS, DOT, CLOSE, OPEN].includes(first) || first <= SPACE;
        this.#fail(
          `${isEnd ? "unquoted keys cannot be empty" : "invalid unquoted key"}, expected letters, numbers, \`-\`, \`_\``,
        );
      }
    }
    return { name, source: this.#source, start, end: this.#at };
  }

  #value(): TomlNode {
    const start = this.#at;
    switch (this.#peek()) {
      case QUOTE: {
        const value = this.#text.startsWith('"""', start) ? this.#multiLineBasic() : this.#basic();
        return { kind: "string", value, place: this.#place(start, this.#at) };
      }
      case APOSTROPHE: {
        const value = this.#text.startsWith("'''", start) ? this.#multiLineLiteral() : this.#literal();
        return { kind: "string", value, place: this.#place(start, this.#at) };
      }
      case OPEN:
        return this.#array();
      case OPEN_BRACE:
        return this.#inlineTable().value;
      default:
        return this.#scalar();
    }
  }

  #scalar(): TomlNode {
    const start = this.#at;
    const text = this.#match(SCALAR);
    const place = this.#place(start, this.#at);
    try {
      return parseScalar(text, place);
    } catch (error) {
      throw new SyntaxProblem((error as Error).message, place);
    }
  }

  #array(): TomlNode {
    const start = this.#at;
    this.#deeper();
    this.#at++;
    const items: TomlNode[] = [];
    for (;;) {
      this.#skipBlankLines();
      if (this.#peek() === CLOSE) break;
      if (this.#peek() === COMMA) this.#fail("extra comma in array, expected value");
      if (this.#at >= this.#text.length) this.#fail("unclosed array, expected `]`", start);
      items.push(this.#value());
      this.#skipBlankLines();
      if (this.#peek() === COMMA) this.#at++;
      else if (this.#peek() !== CLOSE) {
        if (this.#at >= this.#text.length) this.#fail("unclosed array, expected `]`", start);
        this.#fail("missing comma between array elements, expected `,`");
      }
    }
    this.#at++;
    this.#depth--;
    return { kind: "array", items: items.slice(), place: this.#place(start, this.#at) };
  }

  #inlineTable(): { value: TomlNode; inline: readonly TomlPair[] } {
    const start = this.#at;
    this.#deeper();
    this.#at++;
    const table = new OpenTable("inline", undefined);
    const pairs: TomlPair[] = [];
    for (;;) {
      this.#skipBlankLines();
      if (this.#peek() === CLOSE_BRACE) break;
      if (this.#peek() === COMMA) this.#fail("extra comma in inline table, expected key");
      if (this.#at >= this.#text.length) this.#fail("unclosed inline table, expected `}`", start);
      const pair = this.#pair(undefined, true);
      setPair(table, pair.keys, pair.value);
      pairs.push(pair);
      this.#skipBlankLines();
      if (this.#peek() === COMMA) this.#at++;
      else if (this.#peek() !== CLOSE_BRACE) {
        if (this.#at >= this.#text.length) this.#fail("unclosed inline table, expected `}`", start);
        this.#fail("extra assignment between key-value pairs, expected `,`");
      }
    }
    this.#at++;
    this.#depth--;
    table.place = this.#place(start, this.#at);
    for (const { value } of table.entries.values()) closeDotted(value);
    return { value: table, inline: pairs };
  }

  #deeper(): void {
    if (++this.#depth > DEPTH_MAX) this.#fail("cannot recurse further; max recursion depth met");
  }

  #basic(): string {
    const start = this.#at++;
    let value = "";
    for (;;) {
      value += this.#match(PLAIN_BASIC);
      const next = this.#peek();
      if (next === QUOTE) break;
      if (next === BACKSLASH) value += this.#escape();
      else this.#endOfString("basic", start, "non-double-quote visible characters, `\\`", '"');
    }
    this.#at++;
    return value;
  }

  #literal(): string {
    const start = this.#at++;
    const value = this.#match(PLAIN_LITERAL);
    if (this.#peek() !== APOSTROPHE) {
      this.#endOfString("literal", start, "non-single-quote visible characters", "'");
    }
    this.#at++;
    return value;
  }

  #multiLineBasic(): string {
    const start = this.#at;
    this.#at += 3;
    this.#newline();
    let value = "";
    for (;;) {
      value += this.#match(PLAIN_BASIC);
      const next = this.#peek();
      if (next === QUOTE) {
        if (this.#text.startsWith('"""', this.#at)) return value + this.#closingQuotes('"');
        value += '"';
        this.#at++;
      } else if (next === BACKSLASH) {
        value += this.#lineContinuation() ? "" : this.#escape();
      } else {
        const newline = this.#newline();
        if (newline === "") this.#endOfString("multi-line basic", start, "printable characters, `\\`", '"');
        value += newline;
      }
    }
  }

  #multiLineLiteral(): string {
    const start = this.#at;
    this.#at += 3;
    this.#newline();
    let value = "";
    for (;;) {
      value += this.#match(PLAIN_LITERAL);
      if (this.#peek() === APOSTROPHE) {
        if (this.#text.startsWith("'''", this.#at)) return value + this.#closingQuotes("'");
        value += "'";
        this.#at++;
      } else {
        const newline = this.#newline();
        if (newline === "") this.#endOfString("multi-line literal", start, "printable characters", "'");
        value += newline;
      }
    }
  }

  /** Up to two quotes may stand right before the three that end the string. */
  #closingQuotes(quote: string): string {
    let count = 3;
    while (count < 5 && this.#text[this.#at + count] === quote) count++;
    this.#at += count;
    return quote.repeat(count - 3);
  }

  #endOfString(what: string, start: number, expected: string, quote: string): never {
    const next = this.#peek();
    if (
      this.#at >= this.#text.length ||
      next === LF ||
      (next === CR && this.#text.charCodeAt(this.#at + 1) === LF)
    ) {
      this.#fail(`invalid ${what} string, expected \`${quote}\``, start);
    }
    if (next === CR) this.#fail("carriage return must be followed by newline, expected newline");
    this.#fail(`invalid ${what} string, expected ${expected}`);
  }

  #escape(): string {
    const letter = this.#text[this.#at + 1] ?? "";
    const plain = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
    if (plain !== undefined) {
      this.#at += 2;
      return plain;
    }
    const digits = Object.hasOwn(ESCAPE_DIGITS, letter) ? ESCAPE_DIGITS[letter] : undefined;
    this.#at += 1;
    if (digits === undefined) {
      const message = 'missing escaped value, expected `b`, `e`, `f`, `n`, `r`, `\\`, `"`, `x`, `u`, `U`';
      this.#fail(message, this.#at, BACKSLASH_HINT);
    }
    this.#at += 1;
    const hex = /^[0-9A-Fa-f]*/.exec(this.#text.slice(this.#at, this.#at + digits))?.[0] ?? "";
    if (hex.length < digits) {
      this.#at += hex.length;
      const message = "too few unicode value digits, expected unicode hexadecimal value";
      this.#fail(message, this.#at, BACKSLASH_HINT);
    }
    const code = Number.parseInt(hex, 16);
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
      this.#fail("invalid value, expected unicode hexadecimal value");
    }
    this.#at += digits;
    return String.fromCodePoint(code);
  }

  /** A backslash at the end of a line joins it with the next one that is not blank. */
  #lineContinuation(): boolean {
    const after = this.#at + 1;
    let at = after;
    while (this.#text.charCodeAt(at) === SPACE || this.#text.charCodeAt(at) === TAB) at++;
    const isEnd = this.#text.charCodeAt(at) === LF || this.#text.startsWith("\r\n", at);
    if (!isEnd) {
      if (at === after) return false;
      this.#at = at;
      this.#fail("invalid multi-line basic string, expected newline");
    }
    this.#at = at;
    do this.#skipBlanks();
    while (this.#newline() !== "");
    return true;
  }

  #endOfStatement(): void {
    this.#skipBlanks();
    this.#comment();
    if (this.#at < this.#text.length && this.#newline() === "") this.#failAtLineEnd();
  }

  #skipBlankLines(): void {
    do {
      this.#skipBlanks();
      this.#comment();
    } while (this.#newline() !== "");
  }

  #skipBlanks(): void {
    while (this.#peek() === SPACE || this.#peek() === TAB) this.#at++;
  }

  #comment(): void {
    if (this.#peek() !== HASH) return;
    this.#match(COMMENT);
    const next = this.#peek();
    if (this.#at >= this.#text.length || next === LF) return;
    if (next === CR && this.#text.charCodeAt(this.#at + 1) === LF) return;
    this.#fail(
      next === CR
        ? "carriage return must be followed by newline, expected newline"
        : "invalid comment character, expected printable characters",
    );
  }

  /** The line break here, as it is written; TOML leaves open what it becomes in a string, and Codex keeps it. */
  #newline(): string {
    const newline = this.#peek() === LF ? "\n" : this.#text.startsWith("\r\n", this.#at) ? "\r\n" : "";
    this.#at += newline.length;
    return newline;
  }

  #failAtLineEnd(): never {
    if (this.#peek() === CR) this.#fail("carriage return must be followed by newline, expected newline");
    this.#fail("unexpected key or value, expected newline, `#`");
  }

  #match(pattern: RegExp): string {
    const start = this.#at;
    pattern.lastIndex = start;
    if (pattern.test(this.#text)) this.#at = pattern.lastIndex;
    return this.#text.slice(start, this.#at);
  }

  /** NaN behind the end, which equals no character. */
  #peek(): number {
    return this.#text.charCodeAt(this.#at);
  }

  #place(start: number, end: number): Place {
    return { source: this.#source, start, end };
  }

  #fail(message: string, from: number = this.#at, hint?: string): never {
    throw new SyntaxProblem(message, this.#place(from, Math.min(from + 1, this.#text.length)), hint);
  }
}

/** What stands in an inline table is closed, the tables of its dotted keys too. */
function closeDotted(value: TomlNode): void {
  if (!(value instanceof OpenTable) || value.made !== "dotted") return;
  value.made = "inline";
  for (const { value: inner } of value.entries.values()) closeDotted(inner);
}
