/** What is wrong with a server that a host or a command gave, as data. Each face puts it into its own words once. */

export interface ServerProblem {
  /** The keys down to what is wrong, spelled as the host spelled them: `["mcpServers", "docs", "headers", "X Y"]`. */
  readonly path: readonly string[];
  /** What is wrong there, to be read after the path and a colon. It shows names and no values: those may be secrets. */
  readonly what: string;
  /** What to do, where `what` alone does not say it. */
  readonly hint?: string;
}

/** At least one. The first is the one to report where only one can be. */
export type ServerProblems = readonly [ServerProblem, ...ServerProblem[]];

export type Outcome<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly problems: ServerProblems };

export function rejected(first: ServerProblem, ...others: readonly ServerProblem[]): Outcome<never> {
  return { ok: false, problems: [first, ...others] };
}

/** The value, unless there are problems. */
export function unless<Value>(problems: readonly ServerProblem[], value: () => Value): Outcome<Value> {
  const [first, ...others] = problems;
  return first === undefined ? { ok: true, value: value() } : rejected(first, ...others);
}

/** The same problems, seen from what holds the value under `path`. */
export function within(path: readonly string[], problems: readonly ServerProblem[]): ServerProblem[] {
  return problems.map((problem) => ({ ...problem, path: [...path, ...problem.path] }));
}

/** One sentence. @param showPath spells the path as the reader would write it */
export function sentenceOf(
  { path, what, hint }: ServerProblem,
  showPath: (path: readonly string[]) => string,
): string {
  return `${showPath(path)}: ${what}${hint === undefined ? "" : `. ${hint}`}`;
}
