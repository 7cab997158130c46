/**
 * Problems for people and for programs, without the secrets of the lines they are in.
 *
 * Invariants
 *   D1. What is shown of a problem is bounded, however long its line: the piece of the line around the place.
 */
import { maskProblem } from "./mask-problem.ts";
import { ConfigError, type ConfigProblem, formatPlace } from "../problem.ts";
import { countCharacters, lineAndColumn, type Place } from "../../toml/node.ts";

/** A problem in JSON. Lines and columns count from 1. */
export interface ConfigProblemJson {
  readonly message: string;
  readonly path: string | null;
  readonly file: string | null;
  readonly line: number | null;
  readonly column: number | null;
  readonly excerpt: string | null;
  readonly hint: string | null;
}

export interface ShowProblemOptions {
  /** Show values as they are written. @default false: what is or looks like a secret is masked */
  readonly showSecrets?: boolean;
}

/** Limits in UTF-16 units: of the line that is shown, and of the part before the place. */
const EXCERPT_MAX = 160;
const BEFORE_MAX = 60;
/** Limits of a message: in all, and of its end, which says what was expected. */
const MESSAGE_MAX = 600;
const MESSAGE_END = 200;

export function problemToJson(problem: ConfigProblem, options: ShowProblemOptions = {}): ConfigProblemJson {
  const { message, path, place, hint = null } = asShown(problem, options);
  const at = problem.place === undefined ? undefined : lineAndColumn(problem.place);
  return {
    message,
    path: path === undefined ? null : dottedPath(path),
    file: place?.source.name ?? null,
    line: at?.line ?? null,
    column: at?.column ?? null,
    excerpt: place === undefined ? null : excerptOf(place).text,
    hint,
  };
}

/** For people: `file:line:column: message`, the line with the piece marked, and the hint. */
export function formatProblem(problem: ConfigProblem, options: ShowProblemOptions = {}): string {
  const { place, hint } = problem;
  const lines = [located(problem, describeProblem(problem, options))];
  if (place !== undefined) {
    const { line } = lineAndColumn(place);
    const excerpt = excerptOf(asShown(problem, options).place ?? place);
    const gutter = " ".repeat(String(line).length);
    lines.push(`${gutter} |`, `${line} | ${excerpt.text}`);
    lines.push(`${gutter} | ${" ".repeat(excerpt.before)}${"^".repeat(excerpt.marked)}`);
  }
  if (hint !== undefined) lines.push(`  ${hint}`);
  return lines.join("\n");
}

/** What is wrong, and the key it is about. */
export function describeProblem(problem: ConfigProblem, options: ShowProblemOptions = {}): string {
  const { message, path } = asShown(problem, options);
  return `${shortened(message)}${path === undefined ? "" : ` (in ${shortened(dottedPath(path))})`}`;
}

/** Keys as Codex prints them: joined by dots, and never quoted. */
export function dottedPath(keys: readonly string[]): string {
  return keys.join(".");
}

/** In one line: where it is, what is wrong, and the key it is about. */
export function problemText(problem: ConfigProblem): string {
  return located(problem, describeProblem(problem));
}

/** An error with every problem; its message is the first of them. */
export function invalidConfig(problems: readonly ConfigProblem[]): ConfigError {
  const [first, ...others] = problems;
  const more = others.length === 0 ? "" : `, and ${others.length} more`;
  const message = `Invalid configuration: ${first === undefined ? "" : problemText(first)}${more}`;
  return new ConfigError("invalid_config", message, { problems });
}

function located({ place }: ConfigProblem, text: string): string {
  return place === undefined ? text : `${formatPlace(place)}: ${text}`;
}

function asShown(problem: ConfigProblem, { showSecrets = false }: ShowProblemOptions): ConfigProblem {
  return showSecrets ? problem : maskProblem(problem);
}

function shortened(text: string): string {
  if (text.length <= MESSAGE_MAX) return text;
  return `${text.slice(0, MESSAGE_MAX - MESSAGE_END)}…${text.slice(-MESSAGE_END)}`.toWellFormed();
}

interface Excerpt {
  readonly text: string;
  /** Characters before the piece, and of the piece. */
  readonly before: number;
  readonly marked: number;
}

/** The line, or the piece of a long line around the place (D1). */
function excerptOf({ source: { text }, start, end }: Place): Excerpt {
  const lineStart = start === 0 ? 0 : text.lastIndexOf("\n", start - 1) + 1;
  const from = lineStart === 0 && text.startsWith("\ufeff") ? 1 : lineStart;
  const lineBreak = text.indexOf("\n", start);
  const lineEnd = lineBreak === -1 ? text.length : lineBreak;
  const to = text[lineEnd - 1] === "\r" && lineBreak !== -1 && lineEnd > from ? lineEnd - 1 : lineEnd;
  let [cutFrom, cutTo] = [from, to];
  if (to - from > EXCERPT_MAX) {
    cutFrom = outsidePair(text, Math.max(from, Math.min(start - BEFORE_MAX, to - EXCERPT_MAX)));
    cutTo = outsidePair(text, Math.min(to, cutFrom + EXCERPT_MAX));
  }
  const [head, tail] = [cutFrom > from ? "…" : "", cutTo < to ? "…" : ""];
  return {
    text: `${head}${text.slice(cutFrom, cutTo)}${tail}`,
    before: countCharacters(head + text.slice(cutFrom, start)),
    marked: Math.max(1, countCharacters(text.slice(start, Math.min(end, cutTo)))),
  };
}

/** The offset, moved out of the middle of a character of two units. */
function outsidePair(text: string, at: number): number {
  return (text.codePointAt(at - 1) ?? 0) > 0xff_ff ? at - 1 : at;
}
