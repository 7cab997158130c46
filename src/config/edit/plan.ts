/**
 * From a wanted value of a key to a text: the smallest change that gives the document this meaning.
 *
 * A new key goes beside its neighbours and is written like them: a line under the header, a dotted key beside
 * dotted keys, a pair in the inline table; a new table becomes a section behind the last one of its parent.
 *
 * Invariants
 *   P1. Everything is planned on the document as it was read; changes may follow each other as long as they are about
 *       different servers.
 *   P2. A new section brings the blank line above it, so taking it away again with that line restores the text.
 */
import type { TomlDocument, TomlHeader, TomlStatement } from "../../toml/document.ts";
import { formatDotted, formatKey, formatSection, formatValue } from "../../toml/format.ts";
import { nodeAt, type TomlEntry, type TomlNode, type TomlTable } from "../../toml/node.ts";
import { find, type Found, namesOf, StatementIndex, startsWith, type Written } from "./find.ts";
import {
  aboveComments,
  beforeBlankLines,
  belowComments,
  closed,
  isApartBelow,
  lastNewline,
  lineEnd,
  lineStart,
  newlineAt,
  type Owner,
  ownedRanges,
  type Range,
  skipBlankLines,
} from "./lines.ts";
import { InlinePlan, renameIn } from "./plan-inline.ts";
import { applySplices, type Splice } from "./splice.ts";
import { EMPTY_TABLE, sameMeaning } from "../../toml/tree.ts";

/** `mcp_servers.NAME` and `projects.FOLDER`: a table this deep is always a section, and takes its comments along. */
const OWNER_DEPTH = 2;
/** A new section stands behind new lines that go to the same place. */
const SECTION = 1;
/** And a new header right above the first of its sections. */
const HEADER = 2;

export class EditPlan {
  readonly #document: TomlDocument;
  /** Ends in a line break, so that there is a line to write behind; `text()` takes a borrowed one off again. */
  readonly #text: string;
  readonly #index: StatementIndex;
  readonly #inline: InlinePlan;
  readonly #splices: Splice[] = [];
  readonly #gone = new Map<TomlStatement, Owner>();
  /** What was found since a statement went last. */
  readonly #found = new Map<string, Found>();

  constructor(document: TomlDocument) {
    const { text } = document.source;
    this.#document = document;
    this.#text = closed(text);
    this.#index = new StatementIndex(document);
    this.#inline = new InlinePlan(this.#text);
  }

  /** @param path through tables or nothing at all */
  set(path: readonly string[], value: TomlNode): void {
    const found = this.#find(path);
    switch (found.kind) {
      case "pair":
        this.#inline.setValue(found.pair, value);
        break;
      case "inside":
        this.#inline.set(found.pair, found.rest, value);
        break;
      case "table":
        this.#setTable(path, found.written, value);
        break;
      case "absent":
        this.#insert(path, value);
    }
  }

  /** A table that loses its last key stays, empty. Nothing happens where the key does not exist. */
  unset(path: readonly string[]): void {
    const found = this.#find(path);
    if (found.kind === "inside") this.#inline.unset(found.pair, found.rest);
    if (found.kind === "inside" || found.kind === "absent") return;
    const gone = found.kind === "pair" ? [found.pair] : found.written.map(({ statement }) => statement);
    const parent = path.slice(0, -1);
    const isLast = (): boolean => {
      const all = this.#find(parent);
      return all.kind === "table" && all.written.length === gone.length;
    };
    const isWhole = path.length <= OWNER_DEPTH;
    if (isWhole || !isLast() || !this.#shorten(gone, parent, EMPTY_TABLE)) this.#takeAway(gone, isWhole);
  }

  /** Another name for the last key of `path`, wherever it is spelled out. */
  rename(path: readonly string[], name: string): void {
    this.#splices.push(...renameIn(this.#index.around(path), path, name));
  }

  text(): string {
    const splices = [...this.#splices, ...this.#inline.splices()];
    const text = applySplices(this.#text, [...splices, ...this.#removals(splices)]);
    // The text may end in another line now, with a line break of its own.
    const borrowed = this.#text.slice(this.#document.source.text.length);
    const isThere = borrowed !== "" && text.endsWith(borrowed) && lastNewline(text) === borrowed;
    return isThere ? text.slice(0, -borrowed.length) : text;
  }

  #find(path: readonly string[]): Found {
    const key = JSON.stringify(path);
    const known = this.#found.get(key);
    if (known !== undefined) return known;
    const around = this.#index.around(path);
    const found = find(
      this.#gone.size === 0 ? around : around.filter(({ statement }) => !this.#gone.has(statement)),
      path,
    );
    this.#found.set(key, found);
    return found;
  }

  #setTable(path: readonly string[], written: readonly Written[], value: TomlNode): void {
    const old = nodeAt(this.#document.root, path) as TomlNode;
    if (sameMeaning(old, value)) return;
    const statements = written.map(({ statement }) => statement);
    if (old.kind !== "table" || value.kind !== "table") {
      if (this.#shorten(statements, path, value)) return;
      this.#takeAway(statements);
      this.#insert(path, value);
      return;
    }
    if (value.entries.size === 0) {
      const header = headerOf(path, written);
      if (header === undefined) this.#shorten(statements, path, value);
      else this.#takeAway(statements.filter((statement) => statement !== header));
      return;
    }
    const added = new Map<string, TomlEntry>();
    for (const [key, entry] of value.entries) {
      if (this.#staysInPlace([...path, key], entry.value)) this.set([...path, key], entry.value);
      else added.set(key, entry);
    }
    if (added.size > 0) this.#insertBelow(path, written, { kind: "table", entries: added });
    for (const key of old.entries.keys()) {
      if (value.entries.has(key) && !added.has(key)) continue;
      const found = this.#find([...path, key]);
      if (found.kind === "pair") this.#takeAway([found.pair]);
      else if (found.kind === "table") this.#takeAway(found.written.map(({ statement }) => statement));
    }
  }

  /** Whether the statements that are there can say the new value. Sections can be no plain value. */
  #staysInPlace(path: readonly string[], value: TomlNode): boolean {
    const found = this.#find(path);
    if (found.kind !== "table") return found.kind !== "absent";
    const isTable = value.kind === "table" && nodeAt(this.#document.root, path)?.kind === "table";
    const isPair = found.written[0]?.statement.kind === "pair";
    return isTable || isPair || sameMeaning(nodeAt(this.#document.root, path) as TomlNode, value);
  }

  /**
   * Makes the first of the statements, which are all that a table has, say `path = value`; the others go.
   *
   * @returns `false`, and does nothing, where it cannot say so
   */
  #shorten(statements: readonly TomlStatement[], path: readonly string[], value: TomlNode): boolean {
    const [first, ...others] = statements as [TomlStatement, ...TomlStatement[]];
    if (first.kind === "pair") {
      this.#inline.shorten(first, path.length - (first.header?.keys.length ?? 0), value);
    } else if (value.kind === "table" && value.entries.size === 0) {
      const names = this.#text.slice(first.keys[0]?.start, first.keys[path.length - 1]?.end);
      this.#splices.push({ start: first.start, end: first.end, text: `[${names}]` });
    } else return false;
    this.#takeAway(others);
    return true;
  }

  #takeAway(statements: readonly TomlStatement[], isWhole = false): void {
    const owner: Owner = { isWhole };
    for (const statement of statements) this.#gone.set(statement, owner);
    this.#found.clear();
  }

  /** The lines of all statements that go, with the blank lines that held them apart. */
  #removals(insertions: readonly Splice[]): Splice[] {
    const text = this.#text;
    const ranges: Range[] = [];
    const between = ({ start, end }: Range): Splice[] =>
      insertions.filter(
        (splice) => splice.start >= start && splice.start <= end && splice.start === splice.end,
      );
    for (const range of ownedRanges(text, this.#document.statements, this.#gone)) {
      const before = ranges.at(-1);
      const isNext = before !== undefined && skipBlankLines(text, before.end) >= range.start;
      if (isNext && between({ start: before.start, end: range.start }).length === 0) {
        ranges[ranges.length - 1] = { start: before.start, end: range.end };
      } else ranges.push(range);
    }
    return ranges.map(({ start, end }) => {
      const inserted = between({ start, end });
      const before = beforeBlankLines(text, start);
      const after = skipBlankLines(text, end);
      if (inserted.length === 0 && before === lineStart(text, 0)) return { start, end: after, text: "" };
      const isApart =
        inserted.length === 0
          ? isApartBelow(text, end)
          : inserted.every((splice) => /^\r?\n/.test(splice.text));
      return { start: isApart ? before : start, end, text: "" };
    });
  }

  #insert(path: readonly string[], value: TomlNode): void {
    for (let length = path.length - 1; length > 0; length--) {
      const found = this.#find(path.slice(0, length));
      if (found.kind !== "table") continue;
      this.#insertBelow(path.slice(0, length), found.written, tableOf(path.slice(length), value));
      return;
    }
    const names = path.slice(0, OWNER_DEPTH);
    const table = path.length > OWNER_DEPTH ? tableOf(path.slice(OWNER_DEPTH), value) : value;
    this.#addSection(beforeBlankLines(this.#text, this.#text.length), names, table);
  }

  /** New entries of a table that has statements. */
  #insertBelow(parent: readonly string[], written: readonly Written[], table: TomlTable): void {
    const last = (written.at(-1) as Written).statement;
    const behind = last.kind === "header" ? last : last.header;
    if (last.kind === "pair" && (behind === undefined || !startsWith(namesOf(behind), parent))) {
      this.#addDotted(last, parent, table);
      return;
    }
    const plain = new Map<string, TomlEntry>();
    for (const [key, entry] of table.entries) {
      const { value } = entry;
      if (value.kind === "table" && (value.entries.size > 0 || parent.length < OWNER_DEPTH)) {
        const at = belowComments(this.#text, lineEnd(this.#text, last.end));
        this.#addSection(at, [...parent, key], value);
      } else plain.set(key, entry);
    }
    if (plain.size > 0) this.#addPlain(parent, written, { kind: "table", entries: plain });
  }

  #addPlain(parent: readonly string[], written: readonly Written[], table: TomlTable): void {
    const header = headerOf(parent, written);
    if (header !== undefined) {
      const own = written.findLast(
        ({ statement }) => statement.kind === "pair" && statement.header === header,
      );
      this.#addLines(own?.statement ?? header, [], table);
      return;
    }
    const dotted = written.findLast(
      ({ path, statement }) =>
        statement.kind === "pair" && path.length - statement.keys.length < parent.length,
    );
    if (dotted !== undefined) this.#addDotted(dotted.statement, parent, table);
    else this.#addHeader((written[0] as Written).statement, parent, table);
  }

  #addDotted(neighbour: TomlStatement, parent: readonly string[], table: TomlTable): void {
    const header = neighbour.kind === "pair" ? neighbour.header : undefined;
    const names = parent.slice(header?.keys.length ?? 0);
    this.#addLines(neighbour, names, table, parent.length < OWNER_DEPTH);
  }

  /** @param isNew whether the lines are of another owner than the neighbour, who keeps the comments below it */
  #addLines(neighbour: TomlStatement, names: readonly string[], table: TomlTable, isNew = false): void {
    const indent = this.#text.slice(lineStart(this.#text, neighbour.start), neighbour.start);
    const lines = [...table.entries].flatMap(([key, { value }]) =>
      names.length === 0
        ? [`${formatKey(key)} = ${formatValue(value)}`]
        : formatDotted([...names, key], value),
    );
    const end = lineEnd(this.#text, neighbour.end);
    const at = isNew ? belowComments(this.#text, end) : end;
    const newline = newlineAt(this.#text, at);
    const text = lines.map((line) => indent + line + newline).join("");
    const isApart = at !== end && !this.#splices.some(({ start }) => start === at);
    this.#splices.push(insertion(at, isApart ? newline + text : text));
  }

  /** A header has to stand above the first one of its sub-tables, or anywhere else; above reads best. */
  #addHeader(first: TomlStatement, names: readonly string[], table: TomlTable): void {
    const { statements } = this.#document;
    const before = statements[statements.indexOf(first) - 1];
    const at = aboveComments(this.#text, lineStart(this.#text, first.start), before);
    const newline = newlineAt(this.#text, at);
    const text = formatSection(names, table, newline) + newline;
    this.#splices.push({ ...insertion(at, text), rank: HEADER });
  }

  /** @param value of `names`; one that is not a table goes under the header of its parent */
  #addSection(at: number, names: readonly string[], value: TomlNode): void {
    const newline = newlineAt(this.#text, at);
    const text =
      value.kind === "table"
        ? formatSection(names, value, newline)
        : formatSection(names.slice(0, -1), tableOf(names.slice(-1), value), newline);
    // Sections that stand close are joined by another that does; the first line of a file has none above it.
    const isFirst = at === lineStart(this.#text, 0) && !this.#splices.some(({ start }) => start === at);
    const isFree = !isFirst && isApartBelow(this.#text, at);
    this.#splices.push({ ...insertion(at, isFree ? newline + text : text), rank: SECTION });
  }
}

function insertion(at: number, text: string): Splice {
  return { start: at, end: at, text };
}

function headerOf(path: readonly string[], written: readonly Written[]): TomlHeader | undefined {
  const found = written.find(
    (entry) => entry.statement.kind === "header" && entry.path.length === path.length,
  );
  return found?.statement as TomlHeader | undefined;
}

function tableOf(path: readonly string[], value: TomlNode): TomlTable {
  const [key, ...rest] = path as [string, ...string[]];
  const inner = rest.length === 0 ? value : tableOf(rest, value);
  return { kind: "table", entries: new Map([[key, { value: inner }]]) };
}
