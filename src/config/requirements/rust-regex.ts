/**
 * Regular expressions of a requirements file: Codex reads them with Rust's `regex-lite`, so this reads the same
 * syntax, refuses what it refuses in its words (measured with Codex 0.169), and writes a JavaScript expression that
 * matches the same whole texts.
 *
 * A requirements file is a fence. An expression handed to JavaScript as it is would mean something else there in
 * places (`\d` and `(?i)` are ASCII in Rust, `\z`, `(?P<n>`, `x++` and `[[:alpha:]]` are no JavaScript).
 *
 * Invariants
 *   R1. Every character of the output comes from `literal`, from a table here, or is a digit: no text of the input
 *       is passed through.
 */
import {
  AtomReader,
  fail,
  type Flags,
  isAsciiLetter,
  literal,
  range,
  RegexProblem,
} from "./rust-regex-atoms.ts";

const FLAG_LETTERS: ReadonlyMap<string, keyof Flags | "unicode"> = new Map([
  ["i", "ignoreCase"],
  ["m", "multiLine"],
  ["s", "dotAll"],
  ["R", "crlf"],
  ["U", "swapGreed"],
  ["x", "verbose"],
  ["u", "unicode"],
]);
const NEST_MAX = 50;
const COUNT_MAX = 0xffff_ffff;

export type RustRegex =
  | { readonly ok: true; readonly matchesWhole: (text: string) => boolean }
  | { readonly ok: false; readonly reason: string };

/** @param expression as it is written; the reason of a refusal is Codex's */
export function compileRustRegex(expression: string): RustRegex {
  const refused = tryTranslate(expression);
  if (!refused.ok) return { ok: false, reason: `invalid regex \`${expression}\`: ${refused.reason}` };
  // Codex wraps it too, which breaks an expression that ends in a comment.
  const wrapped = tryTranslate(`^(?:${expression})$`);
  if (!wrapped.ok) {
    return {
      ok: false,
      reason: `regex \`${expression}\` cannot be used for full-value matching: ${wrapped.reason}`,
    };
  }
  let compiled: RegExp;
  try {
    compiled = new RegExp(wrapped.source, "u");
  } catch (error) {
    return { ok: false, reason: `invalid regex \`${expression}\`: ${(error as Error).message}` };
  }
  return { ok: true, matchesWhole: (text) => compiled.test(text) };
}

type Translated =
  | { readonly ok: true; readonly source: string }
  | { readonly ok: false; readonly reason: string };

function tryTranslate(expression: string): Translated {
  try {
    return { ok: true, source: new Translator(expression).translate() };
  } catch (error) {
    if (!(error instanceof RegexProblem)) throw error;
    return { ok: false, reason: error.message };
  }
}

/** The expression, read once from left to right. */
class Translator extends AtomReader {
  readonly #names = new Set<string>();
  #depth = 0;

  translate(): string {
    const source = this.#alternatives();
    if (this.at < this.chars.length) fail("found closing ')' without matching '('");
    return source;
  }

  /** Up to the `)` that ends it, or the end. Flags set inside end with it. */
  #alternatives(): string {
    if (++this.#depth > NEST_MAX) fail("pattern has too much nesting");
    const flags = this.flags;
    let source = "";
    // What a repetition would apply to.
    let last: string | undefined;
    const flush = (): void => {
      source += last ?? "";
      last = undefined;
    };
    for (;;) {
      this.skipSpace();
      const char = this.char;
      if (char === undefined || char === ")") break;
      if (char === "|") {
        flush();
        source += "|";
        this.at++;
      } else if (char === "*" || char === "+" || char === "?") {
        this.at++;
        if (last === undefined) fail("uncounted repetition operator must be applied to a sub-expression");
        last = this.#repeated(last, char);
      } else if (char === "{") {
        if (last === undefined) fail("counted repetition operator must be applied to a sub-expression");
        last = this.#repeated(last, this.#count());
      } else {
        const atom = this.#atom(char);
        if (atom === undefined) continue;
        flush();
        last = atom;
      }
    }
    flush();
    this.flags = flags;
    this.#depth--;
    return source;
  }

  #repeated(what: string, operator: string): string {
    this.skipSpace();
    const lazy = this.takeIf("?") !== this.flags.swapGreed;
    return `(?:(?:${what})${operator}${lazy ? "?" : ""})`;
  }

  #count(): string {
    this.at++;
    this.skipSpace();
    if (this.char === undefined) fail("found unclosed counted repetition operator");
    const min = this.#decimal();
    let max: number | undefined = min;
    this.skipSpace();
    if (this.char === undefined) fail("found incomplete and unclosed counted repetition operator");
    if (this.takeIf(",")) {
      this.skipSpace();
      if (this.char === undefined) fail("found counted repetition operator with a comma that is unclosed");
      max = this.char === "}" ? undefined : this.#decimal();
      this.skipSpace();
      if (this.char === undefined) fail("found counted repetition with min and max that is unclosed");
    }
    if (!this.takeIf("}")) fail("expected closing brace for counted repetition, but got something else");
    if (max !== undefined && min > max) fail("found counted repetition with a min bigger than its max");
    return min === max ? `{${min}}` : `{${min},${max ?? ""}}`;
  }

  #decimal(): number {
    let digits = "";
    while (this.char !== undefined && /\s/.test(this.char)) this.at++;
    while (this.char !== undefined && /[0-9]/.test(this.char)) digits += this.take();
    while (this.char !== undefined && /\s/.test(this.char)) this.at++;
    if (digits === "") fail("expected decimal number, but found no digits");
    const value = Number(digits);
    if (value > COUNT_MAX) fail("got invalid decimal number");
    return value;
  }

  /**
   * One thing that may be repeated; `undefined` for a directive such as `(?i)`, which is nothing: `a(?i)*` repeats
   * the `a` (measured).
   */
  #atom(char: string): string | undefined {
    const { multiLine, dotAll, crlf } = this.flags;
    switch (char) {
      case "(":
        return this.#group();
      case "[":
        return this.class();
      case "\\":
        return this.#escape();
      case ".":
        this.at++;
        return dotAll ? "[^]" : crlf ? "[^\\n\\r]" : "[^\\n]";
      case "^":
        this.at++;
        if (!multiLine) return "^";
        return crlf ? "(?:^|(?<=\\n)|(?<=\\r)(?!\\n))" : "(?:^|(?<=\\n))";
      case "$":
        this.at++;
        if (!multiLine) return "$";
        return crlf ? "(?:$|(?=\\r)|(?<!\\r)(?=\\n))" : "(?:$|(?=\\n))";
      default:
        return this.#takeLiteral();
    }
  }

  #takeLiteral(): string {
    const char = this.code();
    this.at++;
    return this.#one(char);
  }

  #one(char: number): string {
    return this.flags.ignoreCase && isAsciiLetter(char) ? `[${range(char, char, true)}]` : literal(char);
  }

  #group(): string | undefined {
    this.at++;
    this.skipSpace();
    const lookAround = ["?=", "?!", "?<=", "?<!"].some((start) => this.takeIf(start));
    if (lookAround) fail("look-around is not supported");
    const outer = this.flags;
    if (this.takeIf("?P<") || this.takeIf("?<")) this.#groupName();
    else if (this.takeIf("?")) {
      if (this.char === undefined) fail("expected closing ')', but got end of pattern");
      const flags = this.#readFlags();
      if (this.takeIf(")")) {
        this.flags = flags;
        return undefined;
      }
      this.at++;
      this.flags = flags;
    }
    const inner = this.#alternatives();
    if (!this.takeIf(")")) fail("found open group without closing ')'");
    this.flags = outer;
    return `(?:${inner})`;
  }

  #groupName(): void {
    if (this.char === undefined) fail("expected capture group name, but got end of pattern");
    let name = "";
    while (this.char !== ">") {
      const char = this.take();
      if (char === undefined) fail("expected end of capture group name, but got end of pattern");
      const allowed = name === "" ? /[_\p{Alphabetic}]/u : /[_.[\]\p{Alphabetic}\p{Nd}\p{Nl}\p{No}]/u;
      if (!allowed.test(char)) fail("invalid group name");
      name += char;
    }
    this.at++;
    if (name === "") fail("empty capture group names are not allowed");
    if (this.#names.has(name)) fail("duplicate capture group name");
    this.#names.add(name);
  }

  /** Up to the `:` or `)`, which stays. */
  #readFlags(): Flags {
    const seen = new Set<string>();
    let flags = this.flags;
    let negated = false;
    let dangling = false;
    if (this.char === ")") fail("empty flag directive '(?)' is not allowed");
    while (this.char !== ":" && this.char !== ")") {
      const char = this.take();
      if (char === undefined) fail("expected ':' or ')' to end inline flags, but got end of pattern");
      if (char === "-") {
        if (negated) fail("inline flag negation cannot be repeated");
        negated = dangling = true;
        continue;
      }
      const flag = FLAG_LETTERS.get(char);
      if (flag === undefined) fail("unrecognized inline flag");
      if (seen.has(char)) fail("duplicate inline flag is not allowed");
      seen.add(char);
      dangling = false;
      if (flag !== "unicode") flags = { ...flags, [flag]: !negated };
    }
    if (dangling) fail("inline flags cannot end with negation directive");
    return flags;
  }

  #escape(): string {
    const escaped = this.escapeSequence();
    return "char" in escaped ? this.#one(escaped.char) : escaped.source;
  }
}
