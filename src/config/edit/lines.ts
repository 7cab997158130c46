/**
 * Lines around statements: where they begin and end, and whose the comments are.
 *
 * An owner is a server, an entry of `projects`, or a part of one, and goes with its comments. What no invariant gives
 * to an owner belongs to nobody, and stays.
 *
 * Invariants
 *   L1. The comments right above a header are the owner's, at the start of the file too. When it goes as a whole, so
 *       are those right above a dotted key or an inline table; one above a plain pair may be about all that follows.
 *   L2. The comments between two statements of an owner are the owner's, unless a commented-out header or a directive
 *       is among them: then only L1 and L3 hold there.
 *   L3. The comments right below the last statement are the owner's only when it goes as a whole. They end before a
 *       commented-out header, which begins what somebody wants back. Right above a statement they are not its.
 *   L4. A directive (`#!`, `#:schema`, the mode line of an editor) belongs to nobody, wherever it stands, and comments
 *       beyond it are not right above or right below anything.
 */
import type { TomlStatement } from "../../toml/document.ts";

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The line break that a line at `at`, the start of one, gets: that of the line above; at the very start, of the first. */
export function newlineAt(text: string, at: number): string {
  if (text[at - 1] === "\n") return text[at - 2] === "\r" ? "\r\n" : "\n";
  return /\r?\n/.exec(text)?.[0] ?? "\n";
}

/** The line break that the last line has, or would have. */
export function lastNewline(text: string): string {
  return newlineAt(text, text.lastIndexOf("\n") + 1);
}

/** The text with a line break at its end, so that every line has one. */
export function closed(text: string, newline: string = lastNewline(text)): string {
  return text === "" || /[\n\ufeff]$/.test(text) ? text : text + newline;
}

export function lineStart(text: string, at: number): number {
  const start = text.lastIndexOf("\n", at - 1) + 1;
  return start === 0 && text.startsWith("\ufeff") ? 1 : start;
}

/** Behind the line break of the line, or the end of the text. */
export function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end === -1 ? text.length : end + 1;
}

function lineAt(text: string, start: number): string {
  return text.slice(start, lineEnd(text, start)).trim();
}

/** A shebang, taplo's schema, the mode line of vi, vim, ex or Emacs. */
const DIRECTIVE = /^#(?:!|:schema\b|\s*(?:vim?[<=>]?\d*|ex):|\s*-\*-.*-\*-)/;
const COMMENTED_HEADER = /^#[#\s]*\[.*\]\s*(?:#.*)?$/;

function isDirective(line: string): boolean {
  return DIRECTIVE.test(line);
}

/** A comment that may be somebody's. */
function isComment(line: string): boolean {
  return line.startsWith("#") && !isDirective(line);
}

/** Whether nothing is close below a line that ends at `at`: a blank line, a directive, or the end of the text. */
export function isApartBelow(text: string, at: number): boolean {
  const line = lineAt(text, at);
  return line === "" || isDirective(line);
}

/**
 * Over the comment lines right above `start`, which is the start of a line.
 *
 * @param before the statement before: what looks like a comment in its lines may be a string
 */
export function aboveComments(text: string, start: number, before: TomlStatement | undefined): number {
  const floor = before === undefined ? lineStart(text, 0) : lineEnd(text, before.end);
  let at = start;
  while (at > floor) {
    const above = lineStart(text, at - 1);
    if (above < floor || !isComment(lineAt(text, above))) break;
    at = above;
  }
  return at;
}

/** Over the comment lines right below `end`, unless they stand right above a statement. */
export function belowComments(text: string, end: number): number {
  let at = end;
  while (isComment(lineAt(text, at))) at = lineEnd(text, at);
  return isApartBelow(text, at) ? at : end;
}

/** The same up to a commented-out header: what belongs to the statement (L3). */
function ownComments(text: string, end: number): number {
  const last = belowComments(text, end);
  let at = end;
  while (at < last && !COMMENTED_HEADER.test(lineAt(text, at))) at = lineEnd(text, at);
  return at;
}

/** Whether the lines from `start` to `end`, which hold no statement, hold something that does not belong to an owner by standing between (L2). */
function isDivided(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at = lineEnd(text, at)) {
    const line = lineAt(text, at);
    if (isDirective(line) || COMMENTED_HEADER.test(line)) return true;
  }
  return false;
}

/** Over the blank lines from `from`, which is the start of a line. */
export function skipBlankLines(text: string, from: number): number {
  let at = from;
  while (at < text.length && lineAt(text, at) === "") at = lineEnd(text, at);
  return at;
}

/** Back over the blank lines before `from`, which is the start of a line. */
export function beforeBlankLines(text: string, from: number): number {
  let at = from;
  while (at > lineStart(text, 0)) {
    const above = lineStart(text, at - 1);
    if (lineAt(text, above) !== "") break;
    at = above;
  }
  return at;
}

/** Who owns some statements, and loses them. */
export interface Owner {
  /** Whether it goes as a whole, with the comments below it (L3). */
  readonly isWhole: boolean;
}

/** The whole lines of owners: one range for every run of statements of one owner, in the order of the text. */
export function ownedRanges(
  text: string,
  statements: readonly TomlStatement[],
  owners: ReadonlyMap<TomlStatement, Owner>,
): Range[] {
  const ranges: Range[] = [];
  let previous: TomlStatement | undefined;
  let open: { start: number; end: number; owner: Owner } | undefined;
  const close = (): void => {
    if (open === undefined) return;
    const { start, end, owner } = open;
    ranges.push({ start, end: owner.isWhole ? ownComments(text, end) : end });
    open = undefined;
  };
  for (const statement of statements) {
    const owner = owners.get(statement);
    const start = lineStart(text, statement.start);
    if (open !== undefined && (owner !== open.owner || isDivided(text, open.end, start))) close();
    if (owner !== undefined) {
      const end = lineEnd(text, statement.end);
      const hasAbove = statement.kind === "header" || (owner.isWhole && standsAlone(statement));
      open ??= { start: hasAbove ? aboveComments(text, start, previous) : start, end, owner };
      open.end = end;
    }
    previous = statement;
  }
  close();
  return ranges;
}

function standsAlone(statement: TomlStatement): boolean {
  return statement.kind === "header" || statement.inline !== undefined || statement.keys.length > 1;
}
