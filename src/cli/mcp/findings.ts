/** What is wrong in configuration files, and the names and servers in it, for people. */
import { shellWord } from "../../base/shell-word.ts";
import type { ConfigProblem } from "../../config/problem.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
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

/** The URL, or the words of the command so that they could be pasted. */
export function commandLine({ transport }: McpServerConfig): string {
  if (transport.type === "streamable_http") return transport.url;
  // What is masked reads better without quotes, and cannot be pasted anyway.
  return [transport.command, ...transport.args]
    .map((word) => (/^[\w@%+=:,./*-]*\*{5}[\w@%+=:,./*-]*$/.test(word) ? word : shellWord(word)))
    .join(" ");
}
