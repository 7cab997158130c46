/** What a failure is to whoever typed the command: words on stderr, an exit code, and with `--json` an object. */
import { maskText } from "../config/show/mask.ts";
import { ConfigError, type ConfigProblem } from "../config/problem.ts";
import { formatProblem, problemToJson } from "../config/show/show-problem.ts";
import { UsageError } from "./flags.ts";
import { count, printJson, shortPaths, tell } from "./output.ts";

interface FailureOptions {
  readonly json: boolean;
  readonly showSecrets: boolean;
  readonly hint?: string | undefined;
}

/** @returns the exit code: 2 for a command line that makes no sense, else 1 */
export function reportFailure(error: unknown, { json, showSecrets, hint }: FailureOptions): number {
  if (!(error instanceof ConfigError) && !(error instanceof UsageError)) throw error;
  const problems = error instanceof ConfigError ? error.problems : [];
  const code = error instanceof ConfigError ? error.code : "usage";
  const message = showSecrets ? error.message : maskText(error.message);
  const located = problems.filter(({ place }) => place !== undefined);
  // The message of an invalid configuration is its first problem, which is shown in full.
  const isTold =
    message.startsWith("Invalid configuration: ") &&
    located.length === problems.length &&
    problems.length > 0;
  tell(
    `switchyard: ${isTold ? `the configuration is invalid (${count(problems.length, "error")})` : shortPaths(message)}`,
  );
  tellBounded(isTold ? problems : located, (problem) => formatProblem(problem, { showSecrets }));
  if (hint !== undefined) tell(hint);
  if (json) {
    const shown = problems.map((problem) => problemToJson(problem, { showSecrets }));
    printJson({ ok: false, error: { code, message, problems: shown } });
  }
  return code === "usage" ? 2 : 1;
}

/** More than these nobody reads; `--json` has all. */
const PROBLEMS_MAX = 50;

export function tellBounded(
  problems: readonly ConfigProblem[],
  format: (problem: ConfigProblem) => string,
): void {
  for (const problem of problems.slice(0, PROBLEMS_MAX)) tell(shortPaths(format(problem)));
  const more = problems.length - PROBLEMS_MAX;
  if (more > 0) tell(`… and ${more} more`);
}
