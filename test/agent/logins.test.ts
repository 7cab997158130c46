/** Servers that want a login, in turns of the agent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LoginBroker, memoryLoginStore } from "../../src/mcp/index.ts";
import {
  AuthorizationServer,
  ProtectedResource,
  promptOf,
  RecordingMcpServer,
} from "../../src/testing/index.ts";
import { AgentBench, collect } from "./support/agent-bench.ts";

test("a server that wants a login is missing with its reason, and there from the turn after the login", async (t) => {
  await using mcp = await RecordingMcpServer.start({ stateless: true });
  await using authorizationServer = await AuthorizationServer.start();
  await using resource = await ProtectedResource.start({ authorizationServer, target: mcp.url });
  const store = memoryLoginStore();
  await using credentials = new LoginBroker({
    stores: () => store,
    advice: (server) => `Open /login/${server}`,
  });
  await using bench = await AgentBench.start({ credentials });
  const { url } = resource;
  const thread = bench.agent.startThread({ mcpServers: { svc: { url } }, principal: "alice" });
  const said = JSON.stringify(await collect(thread.runStreamed("hello")));
  assert.match(said, /Missing in this turn: .*401.*there is no login for it\. Open \/login\/svc/);
  const tokens = authorizationServer.issue({ clientId: "c", scopes: [], resource: url });
  const accessToken = tokens.access_token;
  await store.write({ server: "svc", url, clientId: "c", accessToken, scopes: [] }, t.signal);
  const prompt = promptOf(
    { call: { server: "svc", tool: "echo", arguments: { text: "in" } } },
    { say: "ok" },
  );
  assert.equal((await thread.run(prompt)).finalResponse, "ok");
  assert.equal(mcp.calls.length, 1);
});
