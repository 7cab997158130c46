/**
 * Two threads of one Codex process, each with its own server and its own identity.
 *
 *   node examples/two-threads.ts
 *
 * The model is scripted, so that this runs without a key.
 */
import assert from "node:assert/strict";
import { Codex } from "mcp-switchyard";
import { promptOf, RecordingMcpServer } from "mcp-switchyard/testing";
import { scriptedSetup } from "./support/scripted-setup.ts";

await using setup = await scriptedSetup();
await using tickets = await RecordingMcpServer.start();
await using wiki = await RecordingMcpServer.start();
await using codex = new Codex(setup.codexOptions);

async function ask(user: string, server: string, url: string): Promise<void> {
  const thread = codex.startThread({
    workingDirectory: setup.folder,
    mcpServers: { [server]: { url, headers: { Authorization: `Bearer token-of-${user}` } } },
  });
  const prompt = promptOf({ call: { server, tool: "whoami" } }, { say: `${user} has only the ${server}.` });
  console.log((await thread.run(prompt)).finalResponse);
}

await Promise.all([ask("alice", "tickets", tickets.url), ask("bob", "wiki", wiki.url)]);

const identities = (server: RecordingMcpServer): unknown[] =>
  server.calls.map((call) => call.headers["authorization"]);
assert.deepEqual(identities(tickets), ["Bearer token-of-alice"]);
assert.deepEqual(identities(wiki), ["Bearer token-of-bob"]);
