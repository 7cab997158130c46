/**
 * Conversations recorded with the real `codex exec-server` 0.169, had again with our server: it says what was recorded,
 * but for what `RECORDED_DEVIATIONS` lists.
 *
 * The fixture is a sample of what was recorded. A larger one in its place is replayed in the same way.
 */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { after, before, suite, test } from "node:test";
import { descendants, waitUntilGone } from "../../src/testing/index.ts";
import { RECORDED_SCRATCH, replay } from "./replay/conversation.ts";
import { RECORDED_DEVIATIONS } from "./replay/deviations.ts";
import { differencesOf, type Difference, judge, tell } from "./replay/differences.ts";
import { factsOf } from "./replay/facts.ts";
import { readRecordings, type Recording } from "./replay/rows.ts";
import { makeWorld } from "./replay/world.ts";

const recordings = readRecordings("exec-server-conversations.jsonl");

interface Outcome {
  readonly unmeant: readonly Difference[];
  readonly met: ReadonlySet<string>;
  /** What there was to compare, by situation. */
  readonly facts: ReadonlyMap<string, number>;
}

async function compare(recording: Recording): Promise<Outcome> {
  await using world = await makeWorld(recording.rows);
  const { rows, differences } = await replay(recording, world);
  const recorded = factsOf(recording.rows, { scratch: RECORDED_SCRATCH });
  const found = [
    ...differencesOf(recorded, factsOf(rows, world), { whole: false }),
    ...differences.filter((difference) => !isDeepStrictEqual(difference.recorded, difference.observed)),
  ];
  const facts = new Map<string, number>();
  for (const { case: situation } of [...recorded.values(), ...differences]) {
    facts.set(situation, (facts.get(situation) ?? 0) + 1);
  }
  return { ...judge(found, RECORDED_DEVIATIONS), facts };
}

suite("Our server answers as codex exec-server was recorded", { timeout: 120_000 }, () => {
  const living = new Set(descendants(process.pid));
  let outcomes: readonly Outcome[] = [];

  before(async () => {
    outcomes = await Promise.all(recordings.map(compare));
  });

  after(async () => {
    const started = descendants(process.pid).filter((pid) => !living.has(pid));
    assert.deepEqual(await waitUntilGone(started), [], "processes left behind");
  });

  for (const [at, { name, rows }] of recordings.entries()) {
    for (const situation of new Set(rows.map((row) => row.case))) {
      test(situation || `before ${name}`, () => {
        const { unmeant, facts } = outcomes[at] as Outcome;
        assert.ok((facts.get(situation) ?? 0) > 0, "there was nothing to compare");
        const here = unmeant.filter((difference) => difference.case === situation);
        assert.equal(here.map(tell).join("\n"), "");
      });
    }
  }

  test("and every difference belongs to a situation", () => {
    const situations = new Set(recordings.flatMap(({ rows }) => rows.map((row) => row.case)));
    const elsewhere = outcomes.flatMap(({ unmeant }) => unmeant.filter((each) => !situations.has(each.case)));
    assert.equal(elsewhere.map(tell).join("\n"), "");
  });

  test("and what is listed as a deviation is one", () => {
    const met = new Set(outcomes.flatMap((outcome) => [...outcome.met]));
    const idle = RECORDED_DEVIATIONS.filter(({ name, isRace }) => isRace !== true && !met.has(name));
    assert.deepEqual(
      idle.map(({ name }) => name),
      [],
      "not met any more: take it from the list",
    );
  });
});
