/**
 * The small parts of a `regex-lite` expression: characters, escapes and classes, each as JavaScript source.
 *
 * How they are put together is `rust-regex.ts`, which says what this is for.
 */

export interface Flags {
  readonly ignoreCase: boolean;
  readonly multiLine: boolean;
  readonly dotAll: boolean;
  readonly crlf: boolean;
  readonly swapGreed: boolean;
  readonly verbose: boolean;
}

const NO_FLAGS: Flags = {
  ignoreCase: false,
  multiLine: false,
  dotAll: false,
  crlf: false,
  swapGreed: false,
  verbose: false,
};

const WORD = "0-9A-Z_a-z";
/** Inside of a JavaScript class; `\s` is ASCII in Rust, with the vertical tab. */
const PERL_CLASSES: Readonly<Record<string, string>> = { d: "0-9", s: "\\t-\\r ", w: WORD };
const POSIX_CLASSES: ReadonlyMap<string, string> = new Map([
  ["alnum", "0-9A-Za-z"],
  ["alpha", "A-Za-z"],
  ["ascii", "\\u{0}-\\u{7f}"],
  ["blank", "\\t "],
  ["cntrl", "\\u{0}-\\u{1f}\\u{7f}"],
  ["digit", "0-9"],
  ["graph", "!-~"],
  ["lower", "a-z"],
  ["print", " -~"],
  ["punct", "!-\\/:-@\\[-`\\{-~"],
  ["space", "\\t-\\r "],
  ["upper", "A-Z"],
  ["word", WORD],
  ["xdigit", "0-9A-Fa-f"],
]);
const WORD_BOUNDARIES: ReadonlyMap<string, string> = new Map([
  ["start", `(?<![${WORD}])(?=[${WORD}])`],
  ["end", `(?<=[${WORD}])(?![${WORD}])`],
  ["start-half", `(?<![${WORD}])`],
  ["end-half", `(?![${WORD}])`],
]);
const BOUNDARY = `(?:(?<=[${WORD}])(?![${WORD}])|(?<![${WORD}])(?=[${WORD}]))`;
const NO_BOUNDARY = `(?:(?<=[${WORD}])(?=[${WORD}])|(?<![${WORD}])(?![${WORD}]))`;
const ASSERTIONS: Readonly<Record<string, string>> = {
  A: "^",
  z: "$",
  B: NO_BOUNDARY,
  "<": `(?<![${WORD}])(?=[${WORD}])`,
  ">": `(?<=[${WORD}])(?![${WORD}])`,
};
const CONTROL_ESCAPES: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };
const HEX_LENGTHS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

export class RegexProblem extends Error {}

export function fail(reason: string): never {
  throw new RegexProblem(reason);
}

/** A range of characters of a class, or a class inside of it. */
type ClassItem = { readonly char: number } | { readonly set: string };

export function literal(char: number): string {
  return `\\u{${char.toString(16)}}`;
}

export function isAsciiLetter(char: number): boolean {
  return (char >= 65 && char <= 90) || (char >= 97 && char <= 122);
}

/** A range, and the letters in it in the other case. */
export function range(from: number, to: number, ignoreCase: boolean): string {
  const plain = from === to ? literal(from) : `${literal(from)}-${literal(to)}`;
  if (!ignoreCase) return plain;
  let others = "";
  for (let char = Math.max(from, 65); char <= Math.min(to, 122); char++) {
    if (isAsciiLetter(char)) others += literal(char ^ 0x20);
  }
  return plain + others;
}

/** The expression as its characters, and the place that is read next. */
export class AtomReader {
  protected readonly chars: readonly string[];
  protected at = 0;
  protected flags: Flags = NO_FLAGS;

  constructor(expression: string) {
    this.chars = Array.from(expression);
  }

  protected get char(): string | undefined {
    return this.chars[this.at];
  }

  protected code(): number {
    return (this.char ?? "").codePointAt(0) ?? 0;
  }

  /** Skips blanks and comments where the flag `x` is set. */
  protected skipSpace(): void {
    if (!this.flags.verbose) return;
    while (this.char !== undefined) {
      if (/\s/.test(this.char)) this.at++;
      else if (this.char === "#") while (this.char !== undefined && this.chars[this.at++] !== "\n");
      else return;
    }
  }

  protected take(): string | undefined {
    const char = this.char;
    this.at++;
    return char;
  }

  protected takeIf(text: string): boolean {
    if (
      !this.chars
        .slice(this.at, this.at + text.length)
        .join("")
        .startsWith(text)
    )
      return false;
    this.at += text.length;
    return true;
  }

  /** What stands behind a backslash: one character, or JavaScript source. `set` where a class may hold it. */
  protected escapeSequence():
    | { readonly char: number }
    | { readonly source: string; readonly set?: { readonly negated: boolean; readonly items: string } } {
    this.at++;
    const char = this.char;
    const code = this.code();
    if (char === undefined) {
      fail("saw start of escape sequence, but saw end of pattern before it finished");
    }
    if (/[0-9]/.test(char)) fail("backreferences are not supported");
    if (char === "p" || char === "P") fail("Unicode character classes are not supported");
    const hexLength = HEX_LENGTHS[char];
    if (hexLength !== undefined) return { char: this.#hex(hexLength) };
    this.at++;
    const perl = PERL_CLASSES[char.toLowerCase()];
    if (perl !== undefined) {
      const negated = char !== char.toLowerCase();
      return { source: negated ? `[^${perl}]` : `[${perl}]`, set: { negated, items: perl } };
    }
    if (char === "b") return { source: this.#boundary() };
    const assertion = ASSERTIONS[char];
    if (assertion !== undefined) return { source: assertion };
    const control = CONTROL_ESCAPES[char];
    if (control !== undefined) return { char: control };
    // Whatever else is ASCII stands for itself.
    if (code < 0x80 && !isAsciiLetter(code)) return { char: code };
    return fail("unrecognized escape sequence");
  }

  /** `\b`, or `\b{start}` and its like. `\b{3}` is a repetition. */
  #boundary(): string {
    if (this.char !== "{") return BOUNDARY;
    const start = this.at++;
    while (this.char !== undefined && /\s/.test(this.char) && this.flags.verbose) this.at++;
    if (this.char === undefined) {
      fail("found start of special word boundary or repetition without an end");
    }
    if (!/[-A-Za-z]/.test(this.char)) {
      this.at = start;
      return BOUNDARY;
    }
    let name = "";
    while (this.char !== undefined && /[-A-Za-z]/.test(this.char)) name += this.take();
    if (!this.takeIf("}")) {
      fail("special word boundary assertion is unclosed or has an invalid character");
    }
    return WORD_BOUNDARIES.get(name) ?? fail("special word boundary assertion is unrecognized");
  }

  #hex(length: number): number {
    this.at++;
    this.skipSpace();
    if (this.char === undefined) fail("expected hexadecimal number, but saw end of pattern first");
    let digits = "";
    if (this.takeIf("{")) {
      for (; this.char !== "}"; digits += this.take()) {
        this.skipSpace();
        if (this.char === undefined) {
          fail("expected hexadecimal number, but saw end of pattern before closing brace");
        }
        if (!/[0-9A-Fa-f]/.test(this.char)) {
          fail("expected hexadecimal number in braces, but got non-hex digit");
        }
      }
      this.at++;
      if (digits === "") fail("expected hexadecimal number in braces, but got no digits");
      return characterOf(digits, "got invalid hexadecimal number in braces");
    }
    for (; digits.length < length; digits += this.take()) {
      this.skipSpace();
      if (this.char === undefined) {
        fail("expected fixed length hexadecimal number, but saw end of pattern first");
      }
      if (!/[0-9A-Fa-f]/.test(this.char)) {
        fail("expected fixed length hexadecimal number, but got non-hex digit");
      }
    }
    return characterOf(digits, "got invalid fixed length hexadecimal number");
  }

  protected class(): string {
    this.at++;
    this.skipSpace();
    let items = "";
    const negated = this.takeIf("^");
    this.skipSpace();
    if (negated && this.char === undefined) fail("negated character class has no closing bracket");
    if (this.char === undefined) fail("found unclosed character class");
    // A dash, or a bracket, that comes first is only a character.
    let first = true;
    while (this.char === "-") {
      items += literal(0x2d);
      first = false;
      this.at++;
      this.skipSpace();
      if (this.char === undefined) fail("non-empty character class has no closing bracket after dash");
    }
    if (first && this.takeIf("]")) {
      items += literal(0x5d);
      this.skipSpace();
      if (this.char === undefined) {
        fail("character class begins with literal ']' but has no closing bracket");
      }
    }
    for (;;) {
      this.skipSpace();
      if (this.char === undefined) fail("non-empty character class has no closing bracket");
      if (this.takeIf("]")) return negated ? `[^${items}]` : `[${items}]`;
      if (this.takeIf("&&")) fail("character class intersection is not supported");
      if (this.takeIf("--")) fail("character class difference is not supported");
      if (this.takeIf("~~")) fail("character class symmetric difference is not supported");
      if (this.char === "[") {
        items += this.#posixClass() ?? fail("nested character classes are not supported");
      } else {
        items += this.#classRange();
      }
    }
  }

  #classRange(): string {
    const from = this.#classItem();
    this.skipSpace();
    if (this.char === undefined) fail("non-empty character class has no closing bracket");
    const next = this.chars[this.at + 1];
    // A dash before the bracket, or a second dash, makes no range.
    if (this.char !== "-" || next === "]" || next === "-") {
      return "set" in from ? from.set : range(from.char, from.char, this.flags.ignoreCase);
    }
    this.at++;
    this.skipSpace();
    if (this.char === undefined) fail("non-empty character class has no closing bracket after dash");
    const to = this.#classItem();
    if ("set" in from || "set" in to) {
      fail("character class ranges must start and end with a single character");
    }
    if (from.char > to.char) fail("invalid range in character class");
    return range(from.char, to.char, this.flags.ignoreCase);
  }

  #classItem(): ClassItem {
    if (this.char !== "\\") {
      const char = this.code();
      this.at++;
      return { char };
    }
    const escaped = this.escapeSequence();
    if ("char" in escaped) {
      // Written as an escape, a letter of either case is a class already, and no end of a range (measured).
      const isClass = this.flags.ignoreCase && isAsciiLetter(escaped.char);
      return isClass ? { set: range(escaped.char, escaped.char, true) } : escaped;
    }
    if (escaped.set === undefined) return fail("invalid escape sequence in character class");
    return { set: escaped.set.negated ? outside(escaped.set.items) : escaped.set.items };
  }

  #posixClass(): string | undefined {
    const name = /^\[:(\^?)([a-z]*):\]/.exec(this.chars.slice(this.at, this.at + 16).join(""));
    const items = POSIX_CLASSES.get(name?.[2] ?? "");
    if (name === null || items === undefined) return undefined;
    this.at += name[0].length;
    if (name[1] === "^") return outside(items);
    return this.flags.ignoreCase && (name[2] === "lower" || name[2] === "upper") ? "A-Za-z" : items;
  }
}

function characterOf(digits: string, reason: string): number {
  const char = Number.parseInt(digits, 16);
  if (char > 0x10ffff || (char >= 0xd800 && char <= 0xdfff)) fail(reason);
  return char;
}

/** The characters that are not in a class of ASCII, as ranges: a class cannot hold a negated one. */
function outside(items: string): string {
  const inside = new RegExp(`[${items}]`, "u");
  let ranges = "";
  let start = 0;
  for (let char = 0; char <= 0x80; char++) {
    if (char < 0x80 && !inside.test(String.fromCodePoint(char))) continue;
    if (char === 0x80) ranges += `${literal(start)}-\\u{10ffff}`;
    else if (start < char) ranges += range(start, char - 1, false);
    start = char + 1;
  }
  return ranges;
}
