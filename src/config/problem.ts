/** What is wrong with a configuration, where, and what to do about it. */
import { lineAndColumn, type Place, type TomlNode } from "../toml/node.ts";

/** What a problem says, with the value that is wrong and without it. */
export interface ProblemText {
  /** One sentence. Where Codex has an error for it, Codex's own words, which may quote a value and name the key. */
  readonly message: string;
  /** The same without any value and without the key, to be read after `KEY: `. Absent where it would be `message`. */
  readonly what?: string | undefined;
  /** The piece of `message` that shows a value, with its quotes. */
  readonly quoted?: string | undefined;
}

/** One finding. Errors keep a configuration from counting; warnings do not. */
export interface ConfigProblem extends ProblemText {
  /** The keys that Codex names: `["mcp_servers", "docs", "args"]`. Absent where the text is not valid TOML. */
  readonly path?: readonly string[] | undefined;
  /** Below `path`: the field that is wrong where Codex blames the table as a whole. */
  readonly field?: readonly string[] | undefined;
  /** The offending piece; absent for what a program handed over as an object. */
  readonly place?: Place | undefined;
  /** What to do, where the message alone does not say it. */
  readonly hint?: string | undefined;
}

/**
 * - `invalid_config`: a file or an override is not a valid configuration; `problems` has every error
 * - `unreadable`: a file exists and cannot be read
 * - `invalid_edit`: an edit cannot be made: its name exists or does not, its value is not allowed
 * - `unprovable_edit`: the edited text would not mean what was asked for; a bug of ours, and nothing was written
 * - `conflict`: another program changed the file while it was edited
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
  /**
   * Every error that was found, in the order of the text; empty unless the code is about problems. Not enumerable: the
   * places lead to whole files, with the secrets in them, and a logger would follow.
   */
  declare readonly problems: readonly ConfigProblem[];

  constructor(
    code: ConfigErrorCode,
    message: string,
    options: ErrorOptions & { readonly problems?: readonly ConfigProblem[] } = {},
  ) {
    super(message, options);
    this.code = code;
    Object.defineProperty(this, "problems", { value: options.problems ?? [] });
  }
}

/** A problem without the keys that would be `undefined`. */
export function problem(
  text: string | ProblemText,
  path: readonly string[] | undefined,
  place: Place | undefined,
  hint?: string,
  field?: readonly string[],
): ConfigProblem {
  return {
    ...(typeof text === "string" ? { message: text } : text),
    ...(path === undefined ? {} : { path }),
    ...(field === undefined ? {} : { field }),
    ...(place === undefined ? {} : { place }),
    ...(hint === undefined ? {} : { hint }),
  };
}

/** What one reading finds. */
export class ProblemCollector {
  readonly errors: ConfigProblem[] = [];
  /** Keys that Codex ignores: errors in strict mode, else warnings. */
  readonly unknown: ConfigProblem[] = [];
  /** Errors that Codex reports only when there is no other, not even an unknown key. */
  readonly late: ConfigProblem[] = [];
  /** What Codex silently leaves out: warnings in every mode. */
  readonly ignored: ConfigProblem[] = [];
  /** Whether keys of ours are known. */
  readonly own: boolean;

  constructor(own: boolean) {
    this.own = own;
  }

  error(text: string | ProblemText, path: readonly string[], { place }: TomlNode, hint?: string): undefined {
    this.errors.push(problem(text, path, place, hint));
  }
}

/** The keys of what is wrong, as exactly as it is known. */
export function keysOf({ path = [], field = [] }: ConfigProblem): readonly string[] {
  return [...path, ...field];
}

/** What is wrong, without any value of the configuration; to be read after the key. */
export function valueFreeText({ message, what }: ProblemText): string {
  return what ?? message;
}

/** `file:line:column`. */
export function formatPlace(place: Place): string {
  const { line, column } = lineAndColumn(place);
  return `${place.source.name}:${line}:${column}`;
}
