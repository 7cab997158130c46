/** A failure in words on stderr, as an exit code, and with `--json` as an object on stdout. */
import { isRemovedDirectory, REMOVED_DIRECTORY } from "../base/working-directory.ts";
import { ConfigError, type ConfigProblem } from "../config/problem.ts";
import { maskText } from "../config/show/mask-text.ts";
import { formatProblem, problemToJson } from "../config/show/show-problem.ts";
import { UsageError } from "./args/parse.ts";
import { count, printJson, shortPaths, tell } from "./output.ts";

interface FailureOptions {
  readonly json: boolean;
  readonly showSecrets: boolean;
  readonly hint?: string | undefined;
}

/**
 * @returns the exit code: 2 when the command line is wrong, else 1
 * @throws what is a bug of ours, for Node to print with its stack
 */
export function reportFailure(error: unknown, { json, showSecrets, hint }: FailureOptions): number {
  if (!(error instanceof Error) || isBug(error)) throw error;
  const problems = error instanceof ConfigError ? error.problems : [];
  // What a usage error repeats is never a value; its words may look like one.
  const words = isRemovedDirectory(error) ? REMOVED_DIRECTORY : error.message;
  const message = showSecrets || !(error instanceof ConfigError) ? words : maskText(words);
  const located = problems.filter(({ place }) => place !== undefined);
  // The message of an invalid configuration is its first problem, which is shown in full.
  const isShown =
    message.startsWith("Invalid configuration: ") &&
    located.length === problems.length &&
    problems.length > 0;
  const what = isShown ? `The configuration is invalid (${count(problems.length, "error")})` : message;
  tell(`switchyard: ${shortPaths(what)}`);
  printProblems(isShown ? problems : located, (problem) => formatProblem(problem, { showSecrets }));
  if (hint !== undefined) tell(hint);
  if (json) {
    const shown = problems.map((problem) => problemToJson(problem, { showSecrets }));
    printJson({ ok: false, error: { code: codeOf(error), message, problems: shown } });
  }
  // Options that a library rejects came from the command line.
  return ["usage", "invalid_options"].includes(codeOf(error)) ? 2 : 1;
}

function isBug(error: Error): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

function codeOf(error: Error): string {
  if (error instanceof UsageError) return "usage";
  return "code" in error && typeof error.code === "string" ? error.code : "failed";
}

/** Nobody reads more than these; `--json` has all. */
const PROBLEMS_MAX = 50;

export function printProblems(
  problems: readonly ConfigProblem[],
  format: (problem: ConfigProblem) => string,
): void {
  for (const problem of problems.slice(0, PROBLEMS_MAX)) tell(shortPaths(format(problem)));
  const more = problems.length - PROBLEMS_MAX;
  if (more > 0) tell(`… and ${more} more`);
}
