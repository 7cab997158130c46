/**
 * What an MCP server over stdio is to a client, wherever it runs: the same assertions for every placement.
 *
 * The servers are published ones from npm, and ours, which misbehaves on demand. Where a placement differs, and has
 * to, `Placement.expects` says so, and that is asserted.
 */
import { after, before, suite } from "node:test";
import { sample } from "../support/sample.ts";
import { endsSuite } from "./suites/ends.ts";
import { messagesSuite } from "./suites/messages.ts";
import { publishedServersSuite } from "./suites/published.ts";
import { startsSuite } from "./suites/starts.ts";
import { surroundingsSuite } from "./suites/surroundings.ts";
import type { Placement } from "./support/placement.ts";
import { Site } from "./support/site.ts";

const PLACES: readonly string[] = ["local", "box", "codex-box"];

export function stdioServerSuite(placement: Placement): void {
  suite(`MCP stdio servers in "${placement.environment}"`, { timeout: 170_000 }, () => {
    const site = new Site(placement);
    before(() => site.open());
    after(() => site.close());

    // In one of the places; `published.test.ts` has them in a thread of a manager besides.
    if (sample(PLACES, 3).includes(placement.environment) || !PLACES.includes(placement.environment))
      publishedServersSuite(site);
    // Here all of it; at each of the two executors a half, in one run the one half and in the next the other.
    const parts = [messagesSuite, endsSuite, startsSuite, surroundingsSuite];
    for (const part of site.isHost ? parts : sample(parts, 2, PLACES.indexOf(placement.environment)))
      part(site);
  });
}
