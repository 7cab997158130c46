/**
 * The same situations met with our server and with the real `codex exec-server`: they say the same, but for what
 * `LIVE_DEVIATIONS` lists.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { descendants, waitUntilGone } from "../../src/testing/index.ts";
import { LIVE_DEVIATIONS } from "./replay/deviations.ts";
import { differencesOf, judge, tell } from "./replay/differences.ts";
import { type Fact, factsOf } from "./replay/facts.ts";
import { serve, serveOriginal } from "./replay/servers.ts";
import { SITUATIONS } from "./replay/situations.ts";
import { Talk, type Situation } from "./replay/talk.ts";
import { Tape } from "./replay/tape.ts";
import { makeWorld, type World } from "./replay/world.ts";

interface Side {
  readonly world: World;
  readonly url: string;
}

async function meet(situation: Situation, { world, url }: Side): Promise<ReadonlyMap<string, Fact>> {
  using tape = new Tape();
  tape.case = situation.name;
  const talk = new Talk(tape, world, url);
  if (situation.bare !== true) await talk.connect("c1");
  await situation.meet(talk);
  // What happens from here on, happens because we leave.
  return factsOf([...tape.rows], world);
}

suite("Our server and codex exec-server say the same", { timeout: 120_000 }, () => {
  const living = new Set(descendants(process.pid));
  const stack = new AsyncDisposableStack();
  const met = new Set<string>();
  let theirs: Side;
  let ours: Side;

  before(async () => {
    const [their, our] = [stack.use(await makeWorld()), stack.use(await makeWorld())];
    theirs = { world: their, url: stack.use(await serveOriginal(their)).url };
    ours = { world: our, url: stack.use(await serve(our, systemClock)).url };
  });

  after(async () => {
    const started = descendants(process.pid).filter((pid) => !living.has(pid));
    await stack.disposeAsync();
    assert.deepEqual(await waitUntilGone(started), [], "processes left behind");
  });

  for (const situation of SITUATIONS) {
    test(situation.name, async () => {
      const expected = await meet(situation, theirs);
      const observed = await meet(situation, ours);
      assert.ok(expected.size > 0);
      const comparison = judge(differencesOf(expected, observed, { whole: true }), LIVE_DEVIATIONS);
      for (const name of comparison.met) met.add(name);
      assert.equal(comparison.unmeant.map(tell).join("\n"), "");
    });
  }

  test("and what is listed as a deviation is one", () => {
    const idle = LIVE_DEVIATIONS.filter(({ name, isRace }) => isRace !== true && !met.has(name));
    assert.deepEqual(
      idle.map(({ name }) => name),
      [],
      "not met any more: take it from the list",
    );
  });
});
