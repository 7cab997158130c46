/**
 * Lines around statements: where they begin and end, and whose the comments are.
 *
 * A comment right above a header, a dotted key or an inline table belongs to that. A comment right below a statement,
 * with a blank line or the end below itself, belongs to that statement. Comments between two statements of one owner
 * are the owner's. Every other comment is nobody's, and stays.
 */
import type { TomlStatement } from "../toml/document.ts";

export interface Range {
  readonly start: number;
  readonly end: number;
}

export function newlineOf(text: string): string {
  return /\r?\n/.exec(text)?.[0] ?? "\n";
}

/** The text with a line break at its end, so that every line has one. */
export function closed(text: string): string {
  return text === "" || /[\n\ufeff]$/.test(text) ? text : text + newlineOf(text);
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
    if (above < floor || !lineAt(text, above).startsWith("#")) break;
    at = above;
  }
  return at;
}

/** Over the comment lines right below `end`, unless they stand right above a statement. */
export function belowComments(text: string, end: number): number {
  let at = end;
  while (at < text.length && lineAt(text, at).startsWith("#")) at = lineEnd(text, at);
  return at < text.length && lineAt(text, at) !== "" ? end : at;
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

/** Who owns some statements. */
export interface Owner {
  /** Whether the comments around and between the statements are the owner's too. */
  readonly withComments: boolean;
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
    ranges.push({ start, end: owner.withComments ? belowComments(text, end) : end });
    open = undefined;
  };
  for (const statement of statements) {
    const owner = owners.get(statement);
    if (open !== undefined && (owner !== open.owner || !owner.withComments)) close();
    if (owner !== undefined) {
      const end = lineEnd(text, statement.end);
      const start = lineStart(text, statement.start);
      const hasAbove = owner.withComments && standsAlone(statement);
      open ??= { start: hasAbove ? aboveComments(text, start, previous) : start, end, owner };
      open.end = end;
    }
    previous = statement;
  }
  close();
  return ranges;
}

/** A comment above a plain pair may be about all that follows; one above these is about them. */
function standsAlone(statement: TomlStatement): boolean {
  return statement.kind === "header" || statement.inline !== undefined || statement.keys.length > 1;
}
