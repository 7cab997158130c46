/**
 * Regular expressions of a requirements file, which Codex reads with Rust's `regex-lite`: the common core of them, as a
 * JavaScript expression that matches the same whole texts.
 *
 * A requirements file is a fence, and an expression that is handed to JavaScript as it is means something else there in
 * places: `\d`, `\w` and `\s` are ASCII in Rust, and `x++` is a repetition of a repetition. Understood are literal
 * characters, `.`, classes, groups, `|`, `*`, `+`, `?`, `{n,m}`, `^`, `$` and these escapes. Anything else is rejected
 * by name, and the caller must then allow nothing.
 *
 * Invariants
 *   R1. Every character of the output comes from `literal`, from a table here, or is a digit: no text of the input
 *       is passed through.
 */

export type RustRegex =
  | { readonly ok: true; readonly matchesWhole: (text: string) => boolean }
  | { readonly ok: false; readonly reason: string };

/** Inside of a JavaScript class; `\s` has the vertical tab. */
const CLASSES: ReadonlyMap<string, string> = new Map([
  ["d", "0-9"],
  ["s", "\\t-\\r "],
  ["w", "0-9A-Z_a-z"],
]);
const CONTROLS: ReadonlyMap<string, number> = new Map([
  ["t", 9],
  ["n", 10],
  ["r", 13],
]);
const ANCHORS: ReadonlyMap<string, string> = new Map([
  [".", "[^\\n]"],
  ["^", "^"],
  ["$", "$"],
]);
const NEST_MAX = 50;
const COUNT_MAX = 1_000;

class Unsupported extends Error {}

export function compileRustRegex(expression: string): RustRegex {
  try {
    const compiled = new RegExp(`^(?:${new Translator(expression).translate()})$`, "u");
    return { ok: true, matchesWhole: (text) => compiled.test(text) };
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    return { ok: false, reason: error.message };
  }
}

function unsupported(what: string): never {
  throw new Unsupported(`${what} is not supported`);
}

function literal(char: string): string {
  return `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
}

/** The expression, read once from left to right. */
class Translator {
  readonly #chars: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(expression: string) {
    this.#chars = Array.from(expression);
  }

  translate(): string {
    const source = this.#alternatives();
    return this.#at < this.#chars.length ? unsupported("a ) without its (") : source;
  }

  get #char(): string | undefined {
    return this.#chars[this.#at];
  }

  #takeIf(text: string): boolean {
    const found = this.#chars.slice(this.#at, this.#at + text.length).join("") === text;
    if (found) this.#at += text.length;
    return found;
  }

  /** Up to the `)` that ends it, or the end. */
  #alternatives(): string {
    if (++this.#depth > NEST_MAX) unsupported(`nesting of more than ${NEST_MAX} groups`);
    let source = "";
    for (let char = this.#char; char !== undefined && char !== ")"; char = this.#char) {
      source += this.#takeIf("|") ? "|" : this.#repeated(this.#atom(char));
    }
    this.#depth--;
    return source;
  }

  /** A lazy repetition makes no difference to a match of the whole text. */
  #repeated(atom: string): string {
    let source = atom;
    for (;;) {
      const operator = this.#operator();
      if (operator === undefined) return source;
      this.#takeIf("?");
      source = `(?:${source})${operator}`;
    }
  }

  #operator(): string | undefined {
    for (const operator of ["*", "+", "?"]) if (this.#takeIf(operator)) return operator;
    if (this.#char !== "{") return undefined;
    const rest = this.#chars.slice(this.#at, this.#at + 12).join("");
    const [all, min = "", comma = "", max = ""] = /^\{(\d+)(?:(,)(\d*))?\}/.exec(rest) ?? [];
    if (all === undefined) return unsupported("a { that does not begin {n}, {n,} or {n,m}");
    const isRange = max === "" || Number(min) <= Number(max);
    if (!isRange || Math.max(Number(min), Number(max)) > COUNT_MAX) unsupported(`the repetition ${all}`);
    this.#at += all.length;
    return `{${min}${comma}${max}}`;
  }

  #atom(char: string): string {
    if (char === "(") return this.#group();
    if (char === "[") return this.#class();
    if (char === "\\") return this.#escape();
    if ("*+?{".includes(char)) unsupported(`a ${char} that follows nothing`);
    this.#at++;
    return ANCHORS.get(char) ?? literal(char);
  }

  #group(): string {
    this.#at++;
    if (!this.#takeIf("?:") && this.#char === "?")
      unsupported("a group that begins with (? and not with (?:");
    const inner = this.#alternatives();
    return this.#takeIf(")") ? `(?:${inner})` : unsupported("a ( without its )");
  }

  #escape(): string {
    const [backslash = "", char = ""] = this.#chars.slice(this.#at, this.#at + 2);
    this.#at += 2;
    const set = CLASSES.get(char.toLowerCase());
    if (set !== undefined) return CLASSES.has(char) ? `[${set}]` : `[^${set}]`;
    const control = CONTROLS.get(char);
    if (control !== undefined) return literal(String.fromCodePoint(control));
    // Other ASCII stands for itself, but `<` and `>`, which are the ends of a word.
    return /^[!-/:;=?@[-`{-~ ]$/.test(char) ? literal(char) : unsupported(backslash + char);
  }

  #class(): string {
    this.#at++;
    const negated = this.#takeIf("^") ? "^" : "";
    if (this.#char === "]") unsupported("a class that begins with ]");
    let items = "";
    while (!this.#takeIf("]")) items += this.#classItem();
    return `[${negated}${items}]`;
  }

  #classItem(): string {
    for (const what of ["[", "&&", "--", "~~"]) if (this.#takeIf(what)) unsupported(`${what} in a class`);
    const from = this.#classChar();
    // A dash before the bracket, or before another one, makes no range.
    if (this.#char !== "-" || ["]", "-"].includes(this.#chars[this.#at + 1] ?? "")) return from;
    this.#at++;
    const to = this.#classChar();
    const isRange = [from, to].every((end) => end.startsWith("\\u{"));
    if (!isRange || codeOf(from) > codeOf(to))
      unsupported("a range of a class that is not from one character to a later one");
    return `${from}-${to}`;
  }

  #classChar(): string {
    const char = this.#char;
    if (char === undefined) return unsupported("a [ without its ]");
    if (char !== "\\") {
      this.#at++;
      return literal(char);
    }
    const source = this.#escape();
    if (source.startsWith("[^")) return unsupported("a negated class in a class");
    return source.startsWith("[") ? source.slice(1, -1) : source;
  }
}

function codeOf(source: string): number {
  return Number.parseInt(source.slice(3, -1), 16);
}
