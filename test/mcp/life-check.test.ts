/** `check`: whether servers still know our sessions, found out between two uses. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { legacyFirst, type McpConnectionManager } from "../../src/mcp/index.ts";
import { ScriptedHttpServer } from "./support/scripted-http.ts";
import { McpBench } from "./support/scripted.ts";

const timeout = 30_000;
const LOST = [400, 401, 403, 404, 500, 502, 503] as const;

async function opened(bench: McpBench, url: string): Promise<McpConnectionManager> {
  const thread = bench.manager.openThread({ servers: { svc: { url } } });
  await thread.ready();
  return thread;
}

test("a session that is lost is renewed before it is needed, whatever the status that says so (V1)", {
  timeout,
}, async () => {
  for (const lostStatus of LOST) {
    await using bench = new McpBench({ eras: legacyFirst(() => 0) });
    await using server = await ScriptedHttpServer.start({ lostStatus });
    const thread = await opened(bench, server.url);
    for (const sessions of [2, 3]) {
      await thread.check();
      assert.equal(server.asked("initialize").length, sessions - 1, "one that lives stays");
      server.sessions.clear();
      await thread.check();
      await thread.ready();
      // The second one so soon would wait for its next attempt.
      thread.retry("svc");
      await thread.ready();
      assert.equal(server.asked("initialize").length, sessions, `${lostStatus}`);
    }
    assert.equal((await thread.callTool("svc", "echo", { text: "a" })).kind, "result");
  }
});

test("a server that answers every such question with an error keeps its second session (V1)", {
  timeout,
}, async () => {
  await using bench = new McpBench({ eras: legacyFirst(() => 0) });
  await using server = await ScriptedHttpServer.start({});
  const thread = await opened(bench, server.url);
  server.intercept = ({ rpcMethod }, response) => {
    if (rpcMethod !== "ping") return false;
    response.writeHead(500).end();
    return true;
  };
  for (let round = 0; round < 4; round++) {
    await thread.check();
    await thread.ready();
  }
  assert.equal(server.asked("initialize").length, 2);
});

test("a server that says nothing is waited for once (V2)", { timeout }, async () => {
  await using bench = new McpBench({ eras: legacyFirst(() => 0) });
  const server = bench.server({ mute: ["ping"] });
  const thread = bench.manager.openThread({ servers: { svc: server } });
  await thread.ready();
  for (let round = 0; round < 3; round++) await thread.check();
  const asked = server.record().filter((line) => line.includes("ping"));
  assert.equal(asked.length, 1, server.record().join("\n"));
  assert.equal(thread.server("svc").status.state, "ready");
});

test("a check ends with its signal, and with the thread", { timeout }, async () => {
  await using bench = new McpBench({ eras: legacyFirst(() => 0) });
  await using server = await ScriptedHttpServer.start({});
  const thread = await opened(bench, server.url);
  server.intercept = ({ rpcMethod }) => rpcMethod === "ping";
  const stop = new AbortController();
  const checked = thread.check(undefined, { signal: stop.signal });
  await server.waitFor("the question", () => server.asked("ping").length > 0);
  stop.abort(new Error("stopped"));
  await assert.rejects(checked, /stopped/);
  await assert.rejects(thread.check(["unknown"]), { code: "unknown_server" });
});
