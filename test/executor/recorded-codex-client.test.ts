/**
 * What real Codex was recorded to say to the real `codex exec-server`, said to our server: it gets the answers it got,
 * and the MCP servers it started say the same.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { descendants, waitUntilGone } from "../../src/testing/index.ts";
import { CODEX_CLIENT_ENV, KILLED, putMcpServer, readCodexClientRecording } from "./replay/codex-client.ts";
import { RECORDED_SCRATCH, replay } from "./replay/conversation.ts";
import { CODEX_CLIENT_DEVIATIONS } from "./replay/deviations.ts";
import { type Comparison, differencesOf, judge, tell } from "./replay/differences.ts";
import { type Fact, factsOf, type ProcessFact } from "./replay/facts.ts";
import { makeWorld } from "./replay/world.ts";

suite("Our server answers real Codex as codex exec-server did", { timeout: 120_000 }, () => {
  const recording = readCodexClientRecording();
  const living = new Set(descendants(process.pid));
  let recorded: ReadonlyMap<string, Fact>;
  let comparison: Comparison;

  before(async () => {
    await using world = await makeWorld(recording.rows, CODEX_CLIENT_ENV);
    putMcpServer(world);
    const { rows } = await replay(recording, world, { pauseMsMax: 20, killed: KILLED });
    recorded = factsOf(recording.rows, { scratch: RECORDED_SCRATCH });
    const found = differencesOf(recorded, factsOf(rows, world), { whole: false });
    comparison = judge(found, CODEX_CLIENT_DEVIATIONS);
  });

  after(async () => {
    const started = descendants(process.pid).filter((pid) => !living.has(pid));
    assert.deepEqual(await waitUntilGone(started), [], "processes left behind");
  });

  for (const phase of new Set(recording.rows.map((row) => row.case))) {
    test(phase, () => {
      const here = comparison.unmeant.filter((difference) => difference.case === phase);
      assert.equal(here.map(tell).join("\n"), "");
    });
  }

  test("and the recording has what it is about: MCP servers that were talked to", () => {
    const said = [...recorded.values()]
      .filter(({ kind }) => kind === "process")
      .map(({ value }) => (value as ProcessFact).stdout)
      .filter((stdout) => stdout.includes('"serverInfo"') && stdout.includes('"tools"'));
    assert.ok(said.length >= 5, String(said.length));
  });

  test("and what is listed as a deviation is one", () => {
    const idle = CODEX_CLIENT_DEVIATIONS.filter(
      ({ name, isRace }) => isRace !== true && !comparison.met.has(name),
    );
    assert.deepEqual(
      idle.map(({ name }) => name),
      [],
      "not met any more: take it from the list",
    );
  });
});
