/**
 * A problem as it may be shown.
 *
 * Invariants
 *   P1. A message holds no value that its excerpt masks: Codex's words quote what they found.
 */
import { maskedSource, isSecretPath } from "./mask-source.ts";
import { MASK, maskText } from "./mask-text.ts";
import { type ConfigProblem, keysOf } from "../problem.ts";

/** The problem with a message and an excerpt that show no secret. */
export function maskProblem(problem: ConfigProblem): ConfigProblem {
  const { place } = problem;
  const message = maskMessage(problem);
  if (place === undefined) return { ...problem, message };
  return { ...problem, message, place: { ...place, source: maskedSource(place.source) } };
}

/** P1. */
function maskMessage(problem: ConfigProblem): string {
  const { message, quoted } = problem;
  if (quoted === undefined || !isAboutSecret(problem)) return maskText(message);
  const quote = /^["`]/.exec(quoted)?.[0] ?? "";
  return message.replace(quoted, () => quote + MASK + quote);
}

function isAboutSecret(problem: ConfigProblem): boolean {
  const { path, place } = problem;
  // Without path and place it may be anything.
  if (path === undefined && place === undefined) return true;
  // Anything in `env_vars` but a name was meant for `env`.
  if (isSecretPath(keysOf(problem)) || keysOf(problem).at(-1) === "env_vars") return true;
  if (place === undefined) return false;
  const { source, start, end } = place;
  return maskedSource(source).text.slice(start, end) !== source.text.slice(start, end);
}
