/**
 * A runner as a process of its own, driven from TypeScript: two runs at once, each with the identity of its user.
 *
 *   node examples/runner-client.ts
 *
 * The model is scripted, so that this runs without a key. With a model of your own: `RunnerClient.start()` with
 * OPENAI_API_KEY in the environment, and any prompt.
 */
import assert from "node:assert/strict";
import { mcpServerFrom, RunnerClient } from "mcp-switchyard/runner";
import { promptOf, RecordingMcpServer } from "mcp-switchyard/testing";
import { scriptedSetup } from "./support/scripted-setup.ts";

await using setup = await scriptedSetup();
await using desk = await RecordingMcpServer.start({ stateless: true });
await using runner = await RunnerClient.start({
  args: ["--base-url", setup.codexOptions.baseUrl ?? ""],
  env: { ...process.env, OPENAI_API_KEY: "not-a-key", SWITCHYARD_HOME: setup.folder },
});
console.log(`runner of ${runner.versions["switchyard"]} with Codex ${runner.versions["codex"]}`);

async function workFor(person: string): Promise<void> {
  const run = runner.run({
    input: promptOf(
      { call: { server: "desk", tool: "echo", arguments: { text: person } } },
      { say: "Done." },
    ),
    cwd: setup.folder,
    approval_policy: "on-request",
    questions: "host",
    timeout_ms: 60_000,
    mcp_servers: {
      desk: {
        ...mcpServerFrom({
          url: `${desk.origin}/${person}`,
          authorization: `Bearer of-${person}`,
          title: person,
        }),
        default_tools_approval_mode: "prompt",
      },
    },
  });
  for await (const message of run) {
    if (message.type === "ask") run.answer(message.ask, { decision: "accept" });
    if (message.type === "end") console.log(`${person}: ${message.status}, ${message.final_response}`);
  }
}

const people = ["anna", "ben"];
await Promise.all(people.map(workFor));
for (const person of people) {
  const own = desk.requests.filter(({ path }) => path === `/${person}`);
  assert.ok(own.some(({ tool }) => tool === "echo"));
  assert.ok(own.every(({ headers }) => headers["authorization"] === `Bearer of-${person}`));
}
