/** What is wrong in configuration files, and the names in it, for people. */
import type { ConfigProblem } from "../../config/problem.ts";
import { formatProblem } from "../../config/show/show-problem.ts";
import { printProblems } from "../failure.ts";

export function printFindings(
  what: "warning" | "error",
  problems: readonly ConfigProblem[],
  showSecrets: boolean,
): void {
  printProblems(problems, (problem) => `${what}: ${formatProblem(problem, { showSecrets })}\n`);
}

/** A name, in quotes where its end would not be clear. */
export function shownName(name: string): string {
  return /^[\w:@/.-]+$/.test(name) ? name : JSON.stringify(name);
}
