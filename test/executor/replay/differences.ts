/** Where one conversation is not like another, and which of these differences are meant. */
import { isDeepStrictEqual } from "node:util";
import type { Fact, ProcessFact, Said } from "./facts.ts";
import { caseNumber } from "./rows.ts";

export interface Difference {
  readonly name: string;
  readonly case: string;
  readonly fact: Fact;
  readonly recorded: unknown;
  readonly observed: unknown;
  /** What a process of ours had said when it was terminated. */
  readonly saidBefore?: Said;
}

/** A way in which our server means to be different. */
export interface Deviation {
  readonly name: string;
  readonly because: string;
  readonly covers: (difference: Difference) => boolean;
  /** It depends on who is faster, so that it need not be met. */
  readonly isRace?: true;
}

export interface Comparison {
  /** What no deviation covers. */
  readonly unmeant: readonly Difference[];
  /** The names of the deviations that were met. */
  readonly met: ReadonlySet<string>;
}

export function judge(differences: readonly Difference[], deviations: readonly Deviation[]): Comparison {
  const met = new Set<string>();
  const unmeant = differences.filter((difference) => {
    const meant = deviations.find(({ covers }) => covers(difference));
    if (meant !== undefined) met.add(meant.name);
    return meant === undefined;
  });
  return { unmeant, met };
}

/** For a message: one difference, as it can be read. */
export function tell({ name, fact, recorded, observed }: Difference): string {
  const short = (value: unknown): string => {
    const text = JSON.stringify(value) ?? "nothing";
    return text.length > 400 ? `${text.slice(0, 400)}… (${text.length} characters)` : text;
  };
  const asked = fact.method === undefined ? "" : `: ${fact.method} ${short(fact.params)}`;
  return `${name}${asked}\n    expected ${short(recorded)}\n    was      ${short(observed)}`;
}

/**
 * Where a conversation is not as the recorded one.
 *
 * @param whole Whether the recording has everything that was heard; if not, what it lacks is no difference
 */
export function differencesOf(
  recorded: ReadonlyMap<string, Fact>,
  observed: ReadonlyMap<string, Fact>,
  { whole }: { readonly whole: boolean },
): Difference[] {
  const found: Difference[] = [];
  for (const [name, fact] of recorded) {
    const { value, saidBefore } = observed.get(name) ?? {};
    const isSame =
      whole || fact.kind !== "process"
        ? isDeepStrictEqual(fact.value, value)
        : isSameProcess(fact.value as ProcessFact, value);
    if (!isSame)
      found.push({
        name,
        case: fact.case,
        fact,
        recorded: fact.value,
        observed: value,
        ...(saidBefore === undefined ? {} : { saidBefore }),
      });
  }
  for (const [name, fact] of observed) {
    if (recorded.has(name)) continue;
    // A recording ends somewhere, and long lists in it were left out; what nobody asked for is told all the same.
    if (!whole && fact.kind !== "unreadable" && fact.kind !== "notification") continue;
    found.push({ name, case: fact.case, fact, recorded: undefined, observed: fact.value });
  }
  return found.sort((a, b) => (caseNumber(a.case) || 0) - (caseNumber(b.case) || 0));
}

/** A recorder may have come later than the start of a process, and have left before its end. */
export function isSameProcess(theirs: ProcessFact, observed: unknown): boolean {
  const ours = observed as ProcessFact | undefined;
  if (ours === undefined) return false;
  const cameLater = theirs.numbers.startsWith("from a later one");
  const isSameText = (stream: "stdout" | "stderr" | "pty"): boolean => {
    const [whole, part] = [ours[stream], theirs[stream]];
    return whole === part || (!theirs.closed && whole.startsWith(part));
  };
  return (
    isSameText("stdout") &&
    isSameText("stderr") &&
    isSameText("pty") &&
    (theirs.exitCode === ours.exitCode || (theirs.exitCode === undefined && !theirs.closed)) &&
    (ours.closed || !theirs.closed) &&
    (cameLater ? ours.numbers.endsWith("without holes") : ours.numbers === theirs.numbers)
  );
}
