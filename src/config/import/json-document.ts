/**
 * JSON with comments and trailing commas, as other products write it, read with places.
 *
 * Invariants
 *   J1. What is shown of the file holds no value: every string but a key, every number and every comment is replaced
 *       by asterisks of the same length. A file of servers is full of secrets, and an excerpt goes to a terminal.
 *       Where the file is broken, keys are replaced too: after a quote too many, what looks like one may be a value.
 *   J2. Every wrong shape is found, not only the first.
 *   J3. When a key is written twice, the last one counts, as in every product, and the others are reported.
 */
import { createScanner, type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import { toAsterisks } from "../show/mask-source.ts";
import { ConfigError, type ConfigProblem } from "../problem.ts";
import { lineAndColumn, type Place, type Source } from "../../toml/node.ts";

export type JsonNode = Node;

/** A key that is written more than once in one object. */
export interface Repetition {
  readonly path: readonly string[];
  /** Of all of them, from 1; the last one counts. */
  readonly lines: readonly number[];
}

/** The scanner's tokens. Its own enumeration does not exist at run time. */
const PUNCTUATION_LAST = 6;
const WORDS = [7, 8, 9];
const LINE_BREAK = 14;
const BLANK = 15;
const COMMENTS = [12, 13];
const COLON = 6;
const END = 17;

export class JsonDocument {
  readonly root: JsonNode;
  readonly problems: ConfigProblem[] = [];
  /** Of the objects that were read (J3). */
  readonly repetitions: Repetition[] = [];
  readonly #shown: Source;

  /** @throws {ConfigError} `invalid_config` for what is not valid JSON */
  constructor(written: string, file: string) {
    // Blank, so that places stay where they are.
    const text = written.replace(/^\ufeff/, " ");
    const errors: ParseError[] = [];
    const root = parseTree(text, errors, { allowTrailingComma: true });
    const [first] = errors;
    const shown = maskValues(text, first === undefined);
    this.#shown = { name: file, text: text === written ? shown : `\ufeff${shown.slice(1)}`, kind: "masked" };
    if (first !== undefined || root === undefined) {
      const what = first === undefined ? "ValueExpected" : printParseErrorCode(first.error);
      const place = this.#place(first?.offset ?? 0, first?.length ?? 0);
      this.problems.push({ message: `this is not valid JSON: ${inWords(what)}`, place });
      throw this.error();
    }
    this.root = root;
  }

  error(): ConfigError {
    const count = this.problems.length === 1 ? "" : ` (${this.problems.length} errors)`;
    const [first] = this.problems;
    return new ConfigError(
      "invalid_config",
      `Cannot import from "${this.#shown.name}": ${first?.message ?? "it is invalid"}${count}`,
      { problems: this.problems },
    );
  }

  problem(node: JsonNode, path: readonly string[], message: string, hint?: string): void {
    const place = this.#place(node.offset, node.length);
    this.problems.push({ message, ...(path.length === 0 ? {} : { path }), place, hint });
  }

  /** What is under each key (J3). */
  entries(node: JsonNode, path: readonly string[]): ReadonlyMap<string, JsonNode> | undefined {
    if (node.type !== "object") return this.#wrong(node, path, "an object");
    const entries = new Map<string, JsonNode>();
    const keys = new Map<string, JsonNode[]>();
    for (const property of node.children ?? []) {
      const [key, value] = property.children ?? [];
      if (key === undefined || value === undefined) continue;
      const name = String(key.value);
      entries.set(name, value);
      const before = keys.get(name);
      if (before === undefined) keys.set(name, [key]);
      else before.push(key);
    }
    for (const [name, all] of keys) {
      if (all.length === 1) continue;
      const lines = all.map((key) => lineAndColumn(this.#place(key.offset, key.length)).line);
      this.repetitions.push({ path: [...path, name], lines });
    }
    return entries;
  }

  text(node: JsonNode, path: readonly string[]): string | undefined {
    return typeof node.value === "string" ? node.value : this.#wrong(node, path, "a string");
  }

  flag(node: JsonNode, path: readonly string[]): boolean | undefined {
    return typeof node.value === "boolean" ? node.value : this.#wrong(node, path, "true or false");
  }

  /** A number that is not negative. */
  amount(node: JsonNode, path: readonly string[]): number | undefined {
    const { value } = node as { readonly value?: unknown };
    if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
    if (typeof value !== "number") return this.#wrong(node, path, "a number");
    this.problem(node, path, `${path.at(-1)} must be a finite number that is not negative`);
    return undefined;
  }

  texts(node: JsonNode, path: readonly string[]): string[] | undefined {
    if (node.type !== "array") return this.#wrong(node, path, "an array of strings");
    const texts = (node.children ?? []).map((item, index) => this.text(item, [...path, String(index)]));
    return texts.every((text) => text !== undefined) ? texts : undefined;
  }

  #wrong(node: JsonNode, path: readonly string[], wanted: string): undefined {
    const found = node.type === "array" || node.type === "object" ? `an ${node.type}` : `a ${node.type}`;
    this.problem(
      node,
      path,
      `${path.at(-1) ?? "the file"} must be ${wanted}, not ${found.replace("a null", "null")}`,
    );
  }

  #place(start: number, length: number): Place {
    return { source: this.#shown, start, end: start + length };
  }
}

/** `CloseBraceExpected` → `close brace expected`. */
function inWords(code: string): string {
  return code.replace(/(?!^)[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();
}

/** The text with asterisks for all that is not structure or a key (J1). */
function maskValues(text: string, showKeys: boolean): string {
  const scanner = createScanner(text, false);
  const pieces: { readonly text: string; readonly kind: number }[] = [];
  for (let kind: number = scanner.scan(); kind !== END; kind = scanner.scan()) {
    const start = scanner.getTokenOffset();
    pieces.push({ text: text.slice(start, start + scanner.getTokenLength()), kind });
  }
  const trivia = [...COMMENTS, LINE_BREAK, BLANK];
  const meaning = pieces.filter(({ kind }) => !trivia.includes(kind));
  const keys = new Set(meaning.filter((_, at) => meaning[at + 1]?.kind === COLON));
  return pieces
    .map((piece) => {
      const { kind } = piece;
      const isShown = kind <= PUNCTUATION_LAST || [...WORDS, LINE_BREAK, BLANK].includes(kind);
      if (isShown || (showKeys && keys.has(piece))) return piece.text;
      return toAsterisks(piece.text);
    })
    .join("");
}
