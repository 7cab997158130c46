/**
 * The same scenarios, run with our server and with the real `codex exec-server`: both answer the same, except for what
 * `DEVIATIONS` lists.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { descendants, waitUntilGone } from "../../src/testing/index.ts";
import { DEVIATIONS } from "./scenarios/deviations.ts";
import { describe, differencesOf, sortDifferences } from "./scenarios/differences.ts";
import { type Fact, factsOf } from "./scenarios/facts.ts";
import { serve, serveOriginal } from "./scenarios/servers.ts";
import { SCENARIOS } from "./scenarios/scenarios.ts";
import { TestClient, type Scenario } from "./scenarios/test-client.ts";
import { Transcript } from "./scenarios/transcript.ts";
import { makeWorkspace, type Workspace } from "./scenarios/workspace.ts";

interface Side {
  readonly workspace: Workspace;
  readonly url: string;
}

async function run(scenario: Scenario, { workspace, url }: Side): Promise<ReadonlyMap<string, Fact>> {
  using transcript = new Transcript();
  transcript.scenario = scenario.name;
  const client = new TestClient(transcript, workspace, url);
  if (scenario.bare !== true) await client.connect("c1");
  await scenario.run(client);
  // What follows happens because we leave.
  return factsOf([...transcript.rows], workspace);
}

suite("our server and codex exec-server answer the same", { timeout: 120_000 }, () => {
  const living = new Set(descendants(process.pid));
  const stack = new AsyncDisposableStack();
  const seen = new Set<string>();
  let theirs: Side;
  let ours: Side;

  before(async () => {
    const [their, our] = [stack.use(await makeWorkspace()), stack.use(await makeWorkspace())];
    theirs = { workspace: their, url: stack.use(await serveOriginal(their)).url };
    ours = { workspace: our, url: stack.use(await serve(our)).url };
  });

  after(async () => {
    const started = descendants(process.pid).filter((pid) => !living.has(pid));
    await stack.disposeAsync();
    assert.deepEqual(await waitUntilGone(started), [], "processes left behind");
  });

  for (const scenario of SCENARIOS) {
    test(scenario.name, async () => {
      const expected = await run(scenario, theirs);
      const observed = await run(scenario, ours);
      assert.ok(expected.size > 0);
      const { unexpected, occurred } = sortDifferences(differencesOf(expected, observed), DEVIATIONS);
      for (const name of occurred) seen.add(name);
      assert.equal(unexpected.map(describe).join("\n"), "");
    });
  }

  test("every listed deviation still occurs", () => {
    const unseen = DEVIATIONS.filter(({ name, isRace }) => isRace !== true && !seen.has(name));
    assert.deepEqual(
      unseen.map(({ name }) => name),
      [],
      "these do not occur any more: remove them from the list",
    );
  });
});
