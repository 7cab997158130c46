/** Problems for people and for programs, without the secrets of the lines they are in. */
import { maskProblem } from "./mask.ts";
import type { ConfigProblem } from "./problem.ts";
import { countCharacters, lineAndColumn, lineText } from "./toml/node.ts";

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

export interface ShowProblemOptions {
  /** Show the line of the problem as it is written. @default false: what is or looks like a secret is masked */
  readonly showSecrets?: boolean;
}

/** The message is as it is: where Codex's words hold the wrong value, they hold it here, too. */
export function problemToJson(problem: ConfigProblem, options: ShowProblemOptions = {}): ConfigProblemJson {
  const { message, path = null, place, hint = null } = shown(problem, options);
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
export function formatProblem(problem: ConfigProblem, options: ShowProblemOptions = {}): string {
  const { place, path, message, hint } = shown(problem, options);
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

function shown(problem: ConfigProblem, { showSecrets = false }: ShowProblemOptions): ConfigProblem {
  return showSecrets ? problem : maskProblem(problem);
}
