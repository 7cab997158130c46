/**
 * Changes inside inline tables. What is not named keeps its spelling, its comments and its place.
 *
 *   { a = 1, b = 2 }   set c    { a = 1, b = 2, c = 3 }
 *                      unset a  { b = 2 }
 *
 * A pair with lines of its own goes with them, and a new one gets a line of its own behind it.
 */
import type { TomlPair } from "../../toml/document.ts";
import { formatKey, formatKeys, formatValue } from "../../toml/format.ts";
import type { TomlNode } from "../../toml/node.ts";
import { find, startsWith, type Written, writtenInside } from "./find.ts";
import { lineStart, newlineAt, type Range } from "./lines.ts";
import type { Splice } from "./splice.ts";
import { EMPTY_TABLE, sameMeaning } from "../../toml/tree.ts";

/** What happens to the pairs of one table. */
interface TableChange {
  readonly gone: Set<TomlPair>;
  readonly added: string[];
}

interface OwnLines extends Range {
  readonly hasComma: boolean;
}

export class InlinePlan {
  readonly #text: string;
  readonly #tables = new Map<TomlPair, TableChange>();
  readonly #splices: Splice[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  /** Sets `path` inside the inline table of `pair`. */
  set(pair: TomlPair, path: readonly string[], value: TomlNode): void {
    const found = find(this.#left(pair), path);
    switch (found.kind) {
      case "pair":
        this.setValue(found.pair, value);
        break;
      case "inside":
        this.set(found.pair, found.rest, value);
        break;
      case "table":
        // Dotted keys inside: they go, and the value is written as one pair.
        for (const { statement } of found.written) this.#change(pair).gone.add(statement);
        this.#add(pair, path, value);
        break;
      case "absent":
        this.#add(pair, path, value);
    }
  }

  /** Takes `path` out of the inline table of `pair`; a table that loses its last key is empty, and stays. */
  unset(pair: TomlPair, path: readonly string[]): void {
    const found = find(this.#left(pair), path);
    if (found.kind === "inside") this.unset(found.pair, found.rest);
    if (found.kind === "inside" || found.kind === "absent") return;
    const gone = found.kind === "pair" ? [found.pair] : found.written.map(({ statement }) => statement);
    const parent = path.slice(0, -1);
    const left = this.#left(pair).filter(({ statement }) => !gone.includes(statement));
    if (parent.length > 0 && find(left, parent).kind === "absent") {
      this.shorten(gone.shift() as TomlPair, parent.length, EMPTY_TABLE);
    }
    for (const statement of gone) this.#change(pair).gone.add(statement);
  }

  /** Gives a pair another value; where both are tables, only what differs is touched. */
  setValue(pair: TomlPair, value: TomlNode): void {
    if (sameMeaning(pair.value, value)) return;
    if (pair.inline === undefined || pair.value.kind !== "table" || value.kind !== "table") {
      const { start, end } = valueRange(pair);
      this.#splices.push({ start, end, text: formatValue(value) });
      return;
    }
    const kept = new Set<string>();
    for (const { path, statement } of writtenInside(pair)) {
      const [key] = path as [string, ...string[]];
      const wanted = value.entries.get(key)?.value;
      const old = pair.value.entries.get(key)?.value;
      const isSame = wanted !== undefined && old !== undefined && sameMeaning(old, wanted);
      if (wanted === undefined || (path.length > 1 && !isSame)) this.#change(pair).gone.add(statement);
      else {
        kept.add(key);
        if (!isSame) this.setValue(statement, wanted);
      }
    }
    for (const [key, { value: wanted }] of value.entries) {
      if (!kept.has(key)) this.#add(pair, [key], wanted);
    }
  }

  /** Cuts the key of a pair after so many names, and gives that another value. */
  shorten(pair: TomlPair, length: number, value: TomlNode): void {
    const start = pair.keys[length - 1]?.end ?? pair.start;
    this.#splices.push({ start, end: pair.end, text: ` = ${formatValue(value)}` });
  }

  splices(): Splice[] {
    return [
      ...this.#splices,
      ...[...this.#tables].flatMap(([pair, change]) => this.#tableSplices(pair, change)),
    ];
  }

  #left(pair: TomlPair): Written<TomlPair>[] {
    const gone = this.#tables.get(pair)?.gone;
    const written = writtenInside(pair);
    return gone === undefined ? written : written.filter(({ statement }) => !gone.has(statement));
  }

  #change(pair: TomlPair): TableChange {
    const there = this.#tables.get(pair);
    if (there !== undefined) return there;
    const made: TableChange = { gone: new Set(), added: [] };
    this.#tables.set(pair, made);
    return made;
  }

  #add(pair: TomlPair, path: readonly string[], value: TomlNode): void {
    this.#change(pair).added.push(`${formatKeys(path)} = ${formatValue(value)}`);
  }

  #tableSplices(table: TomlPair, { gone, added }: TableChange): Splice[] {
    const pairs = table.inline ?? [];
    const last = pairs.findLast((pair) => !gone.has(pair));
    if (last === undefined) {
      const { start, end } = valueRange(table);
      return [{ start, end, text: added.length === 0 ? "{}" : `{ ${added.join(", ")} }` }];
    }
    const tail = pairs.slice(pairs.indexOf(last)).map((pair) => this.#ownLines(table, pair));
    const splices = added.length === 0 ? [] : this.#addBehind(last, tail, added);
    for (let first = 0; first < pairs.length; first++) {
      if (!gone.has(pairs[first] as TomlPair)) continue;
      let next = first;
      while (next < pairs.length && gone.has(pairs[next] as TomlPair)) next++;
      const isFollowed =
        next < pairs.length || (added.length > 0 && tail.every((lines) => lines !== undefined));
      splices.push(...this.#takeRun(table, pairs.slice(first, next), pairs[first - 1], isFollowed));
      first = next;
    }
    return splices;
  }

  /** Takes neighbours away, with one of the commas around them. */
  #takeRun(
    table: TomlPair,
    run: readonly TomlPair[],
    before: TomlPair | undefined,
    isFollowed: boolean,
  ): Splice[] {
    const lines = run.map((pair) => this.#ownLines(table, pair));
    if (lines.every((line) => line !== undefined)) {
      const splices = lines.map(({ start, end }) => ({ start, end, text: "" }));
      // No comma follows the last pair where none did before.
      if (before === undefined || isFollowed || lines.at(-1)?.hasComma === true) return splices;
      const comma = this.#nextMark(before.end);
      return [...splices, { start: comma, end: comma + 1, text: "" }];
    }
    const { start } = run[0] as TomlPair;
    const { end } = run.at(-1) as TomlPair;
    if (isFollowed || before === undefined) {
      return [{ start, end: skipBlanks(this.#text, this.#nextMark(end) + 1), text: "" }];
    }
    const comma = this.#nextMark(before.end);
    const hasComment = this.#text.slice(comma, start).includes("#");
    if (!hasComment) return [{ start: before.end, end, text: "" }];
    return [
      { start: comma, end: comma + 1, text: "" },
      { start, end, text: "" },
    ];
  }

  /** @param tail the lines of the last pair that stays, and of those behind it, as far as they have their own */
  #addBehind(last: TomlPair, tail: readonly (OwnLines | undefined)[], added: readonly string[]): Splice[] {
    const [lines] = tail;
    if (lines === undefined || tail.includes(undefined)) {
      return [{ start: last.end, end: last.end, text: `, ${added.join(", ")}`, rank: -1 }];
    }
    const indent = this.#text.slice(lineStart(this.#text, last.start), last.start);
    const newline = newlineAt(this.#text, lines.end);
    const text = added.map((pair) => `${indent}${pair}`).join(`,${newline}`);
    const comma = tail.at(-1)?.hasComma === true ? "," : "";
    return [
      ...(lines.hasComma ? [] : [{ start: last.end, end: last.end, text: "," }]),
      { start: lines.end, end: lines.end, text: `${text}${comma}${newline}`, rank: -1 },
    ];
  }

  /** The lines of a pair that nothing shares with it but its comma and a comment behind it. */
  #ownLines(table: TomlPair, pair: TomlPair): OwnLines | undefined {
    const text = this.#text;
    const start = lineStart(text, pair.start);
    if (start <= table.start || text.slice(start, pair.start).trim() !== "") return undefined;
    let at = skipBlanks(text, pair.end);
    const hasComma = text[at] === ",";
    if (hasComma) at = skipBlanks(text, at + 1);
    if (text[at] === "#") at = text.indexOf("\n", at);
    else if (text[at] === "\r") at++;
    if (text[at] !== "\n" || (!hasComma && text[this.#nextMark(at)] === ",")) return undefined;
    return { start, end: at + 1, hasComma };
  }

  /** Behind what may stand between a pair and the comma behind it: blanks, line breaks, comments. */
  #nextMark(from: number): number {
    let at = from;
    for (;;) {
      while (/\s/.test(this.#text[at] ?? "")) at++;
      if (this.#text[at] !== "#") return at;
      at = this.#text.indexOf("\n", at);
    }
  }
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (text[at] === " " || text[at] === "\t") at++;
  return at;
}

function valueRange(pair: TomlPair): Range {
  const { place } = pair.value;
  if (place === undefined) throw new Error("a value of a document has no place");
  return place;
}

/** Another name for the last key of `path`, wherever it is spelled out. */
export function renameIn(written: readonly Written[], path: readonly string[], name: string): Splice[] {
  return written.flatMap(({ path: full, statement }) => {
    const above = full.length - statement.keys.length;
    if (startsWith(full, path)) {
      const key = statement.keys[path.length - 1 - above];
      // Above the keys of this statement: its header has the name, and is renamed itself.
      return key === undefined ? [] : [{ start: key.start, end: key.end, text: formatKey(name) }];
    }
    if (statement.kind === "header" || !startsWith(path, full)) return [];
    return renameIn(writtenInside(statement), path.slice(full.length), name);
  });
}
