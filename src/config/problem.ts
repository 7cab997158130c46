/** What is wrong with a configuration, where, and what to do about it. */
import { countCharacters, lineAndColumn, lineText, type Place } from "./toml/node.ts";

/** One finding. Errors keep a configuration from counting; warnings do not. */
export interface ConfigProblem {
  /** One sentence. Where Codex has an error for it, Codex's own words. */
  readonly message: string;
  /** Dotted, as Codex prints it: `mcp_servers.docs.args`. Absent where the text is no TOML at all. */
  readonly path?: string | undefined;
  /** The offending piece; absent for what a program handed over as an object. */
  readonly place?: Place | undefined;
  /** What to do, where the message alone does not say it. */
  readonly hint?: string | undefined;
}

/** A problem as JSON says it. Lines and columns count from 1. */
export interface ConfigProblemJson {
  readonly message: string;
  readonly path: string | null;
  readonly file: string | null;
  readonly line: number | null;
  readonly column: number | null;
  readonly excerpt: string | null;
  readonly hint: string | null;
}

export function problemToJson(problem: ConfigProblem): ConfigProblemJson {
  const { message, path = null, place, hint = null } = problem;
  const at = place === undefined ? undefined : lineAndColumn(place);
  return {
    message,
    path,
    file: place?.source.name ?? null,
    line: at?.line ?? null,
    column: at?.column ?? null,
    excerpt: place === undefined ? null : lineText(place),
    hint,
  };
}

/** For people: `file:line:column: message`, the line with the piece marked, and the hint. */
export function formatProblem(problem: ConfigProblem): string {
  const { place, path, message, hint } = problem;
  const lines: string[] = [];
  if (place === undefined) {
    lines.push(path === undefined ? message : `${message} (in ${path})`);
  } else {
    const { line, column } = lineAndColumn(place);
    const excerpt = lineText(place);
    const gutter = " ".repeat(String(line).length);
    const marked = countCharacters(
      place.source.text.slice(place.start, place.end).split(/\r?\n/, 1)[0] ?? "",
    );
    lines.push(
      `${place.source.name}:${line}:${column}: ${message}${path === undefined ? "" : ` (in ${path})`}`,
    );
    lines.push(`${gutter} |`, `${line} | ${excerpt}`);
    lines.push(`${gutter} | ${" ".repeat(column - 1)}${"^".repeat(Math.max(1, marked))}`);
  }
  if (hint !== undefined) lines.push(`  ${hint}`);
  return lines.join("\n");
}

/**
 * - `invalid_config`: a file or an override does not say a valid configuration; `problems` holds every error
 * - `unreadable`: a file that is there cannot be read
 * - `invalid_edit`: an edit that makes no sense: a name that exists or does not, a value that is not allowed
 * - `unprovable_edit`: the edited text would not mean what was asked for; a fault of ours, and nothing was written
 * - `conflict`: the file was changed by somebody else while it was edited
 * - `locked`: another process holds the file for longer than we wait
 * - `write_failed`: the file could not be written; the old one is untouched
 */
export type ConfigErrorCode =
  | "invalid_config"
  | "unreadable"
  | "invalid_edit"
  | "unprovable_edit"
  | "conflict"
  | "locked"
  | "write_failed";

export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code: ConfigErrorCode;
  /** Every error that was found, in the order of the text; empty unless the code is about problems. */
  readonly problems: readonly ConfigProblem[];

  constructor(
    code: ConfigErrorCode,
    message: string,
    options: ErrorOptions & { readonly problems?: readonly ConfigProblem[] } = {},
  ) {
    super(message, options);
    this.code = code;
    this.problems = options.problems ?? [];
  }
}
