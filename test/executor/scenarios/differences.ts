/** Where two transcripts of a scenario differ, and which of these differences are intended. */
import { isDeepStrictEqual } from "node:util";
import type { Fact, ProcessOutput } from "./facts.ts";

export interface Difference {
  readonly name: string;
  readonly scenario: string;
  readonly fact: Fact;
  readonly expected: unknown;
  readonly observed: unknown;
  /** The output of a process of ours when it was terminated. */
  readonly outputBefore?: ProcessOutput;
}

/** An intended difference of our server. */
export interface Deviation {
  readonly name: string;
  readonly because: string;
  readonly covers: (difference: Difference) => boolean;
  /** It depends on who is faster, so it need not occur. */
  readonly isRace?: true;
}

export interface Comparison {
  /** What no deviation covers. */
  readonly unexpected: readonly Difference[];
  /** The names of the deviations that occurred. */
  readonly occurred: ReadonlySet<string>;
}

export function sortDifferences(
  differences: readonly Difference[],
  deviations: readonly Deviation[],
): Comparison {
  const occurred = new Set<string>();
  const unexpected = differences.filter((difference) => {
    const intended = deviations.find(({ covers }) => covers(difference));
    if (intended !== undefined) occurred.add(intended.name);
    return intended === undefined;
  });
  return { unexpected, occurred };
}

/** One difference, for a message. */
export function describe({ name, fact, expected, observed }: Difference): string {
  const short = (value: unknown): string => {
    const text = JSON.stringify(value) ?? "nothing";
    return text.length > 400 ? `${text.slice(0, 400)}… (${text.length} characters)` : text;
  };
  const asked = fact.method === undefined ? "" : `: ${fact.method} ${short(fact.params)}`;
  return `${name}${asked}\n    expected ${short(expected)}\n    was      ${short(observed)}`;
}

export function differencesOf(
  expected: ReadonlyMap<string, Fact>,
  observed: ReadonlyMap<string, Fact>,
): Difference[] {
  const found: Difference[] = [];
  for (const [name, fact] of expected) {
    const other = observed.get(name);
    if (isDeepStrictEqual(fact.value, other?.value)) continue;
    const before = other?.outputBefore === undefined ? {} : { outputBefore: other.outputBefore };
    found.push({
      name,
      scenario: fact.scenario,
      fact,
      expected: fact.value,
      observed: other?.value,
      ...before,
    });
  }
  for (const [name, fact] of observed) {
    if (expected.has(name)) continue;
    found.push({ name, scenario: fact.scenario, fact, expected: undefined, observed: fact.value });
  }
  return found;
}
