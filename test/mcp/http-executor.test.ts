/** MCP servers over HTTP through an executor: ours, and the real `codex exec-server`. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Client } from "@modelcontextprotocol/client";
import { LoginBroker, McpManager, memoryLoginStore } from "../../src/mcp/index.ts";
import type { RemoteExecutor } from "../../src/executor/index.ts";
import { executorFetch } from "../../src/mcp/http/executor-fetch.ts";
import { HttpFailure } from "../../src/mcp/http/http-failure.ts";
import { HttpTransport } from "../../src/mcp/transport/http-transport.ts";
import { events, json, RawPeer } from "../../src/testing/http-server/raw-peer.ts";
import { AuthorizationServer, ProtectedResource, RecordingMcpServer } from "../../src/testing/index.ts";
import { connectTo, startCodexExecServer, startServer } from "../executor/support/subjects.ts";
import { startTcpRelay } from "../executor/support/tcp-relay.ts";

interface Place {
  readonly name: string;
  readonly isOwn: boolean;
  readonly start: () => Promise<{ readonly url: string } & AsyncDisposable>;
}

const PLACES: readonly Place[] = [
  { name: "switchyard executor", isOwn: true, start: () => startServer() },
  { name: "codex exec-server", isOwn: false, start: () => startCodexExecServer() },
  {
    name: "codex exec-server with concurrent requests",
    isOwn: false,
    start: () => startCodexExecServer(["--concurrent-requests", "8"]),
  },
];

const noLocalFetch = (): Promise<never> => Promise.reject(new Error("Nothing is fetched from here"));

async function connect(executor: RemoteExecutor, url: string | URL, more: object = {}): Promise<Client> {
  const client = new Client({ name: "t", version: "1" }, { versionNegotiation: { mode: "auto" }, ...more });
  const headers = (): Promise<ReadonlyMap<string, string>> =>
    Promise.resolve(new Map([["authorization", "Bearer thread-1"]]));
  const fetch = executorFetch(() => executor, noLocalFetch);
  await client.connect(
    new HttpTransport({ server: "s", environment: "box", url: new URL(url), headers, fetch }),
  );
  return client;
}

for (const { name, isOwn, start } of PLACES) {
  suite(`HTTP through ${name}`, () => {
    const check = (fact: string, body: (url: string, executor: RemoteExecutor) => Promise<void>): void => {
      test(fact, { timeout: 60_000 }, async () => {
        await using place = await start();
        await using executor = connectTo(place.url);
        await body(place.url, executor);
      });
    };

    for (const stateless of [false, true]) {
      check(
        `a server of the ${stateless ? "2026" : "2025"} era is used like a near one`,
        async (_, executor) => {
          await using server = await RecordingMcpServer.start({ stateless });
          const client = await connect(executor, server.url);
          assert.equal(client.getProtocolEra(), stateless ? "modern" : "legacy");
          const { content } = await client.callTool({ name: "whoami", arguments: {} });
          assert.match(JSON.stringify(content), /Bearer thread-1/);
          const big = await client.callTool({ name: "big", arguments: { bytes: 3_000_000 } });
          assert.ok(JSON.stringify(big).length > 3_000_000);
          await client.close();
          assert.equal(server.openSessions, 0);
        },
      );
    }

    check("a thread names it as the environment of a server", async (url) => {
      await using server = await RecordingMcpServer.start({ stateless: true });
      await using authorizationServer = await AuthorizationServer.start();
      await using guarded = await ProtectedResource.start({ authorizationServer, target: server.url });
      const { issuer } = authorizationServer;
      const tokens = authorizationServer.issue({ clientId: "c", scopes: [], resource: guarded.url });
      const store = memoryLoginStore();
      await store.write(
        {
          server: "guarded",
          url: guarded.url,
          issuer,
          clientId: "c",
          accessToken: tokens.access_token,
          refreshToken: tokens.refresh_token,
          expiresAt: 1,
          scopes: [],
        },
        new AbortController().signal,
      );
      await using credentials = new LoginBroker({ stores: () => store, fetch: noLocalFetch });
      await using manager = new McpManager({
        environments: [{ id: "box", kind: "url", url }],
        publish: false,
        credentials,
      });
      const servers = {
        there: { url: server.url, environment_id: "box" },
        guarded: { url: guarded.url, environment_id: "box" },
        nowhere: { url: server.url, environment_id: "attic", required: true },
      };
      await using thread = manager.openThread({
        servers,
        headers: { there: { authorization: "Bearer thread-2" } },
      });
      const views = await thread.ready(["there", "guarded"]);
      assert.deepEqual(
        views.map(({ status }) => status.state),
        ["ready", "ready"],
      );
      // Its authorization server was asked from there, too.
      assert.equal(authorizationServer.asked("token").length, 1);
      const outcome = await thread.callTool("there", "whoami", {});
      assert.match(JSON.stringify(outcome), /Bearer thread-2/);
      await assert.rejects(thread.ready(["nowhere"]), /There is no environment "attic"; there are: box/);
    });

    check("events come as they are sent, and cutting the answer is an error at once", async (_, executor) => {
      let goOn = (): void => {};
      await using peer = await RawPeer.start((request, response) => {
        const { id, rpcMethod } = request;
        if (rpcMethod === "initialize") {
          const serverInfo = { name: "raw", version: "1" };
          const result = { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo };
          return json(response, { jsonrpc: "2.0", id, result });
        }
        if (rpcMethod === "server/discover") return void response.writeHead(404).end();
        if (request.method === "GET") return void response.writeHead(405).end();
        if (id === undefined) return void response.writeHead(202).end();
        const progress = { progressToken: id, progress: 1 };
        events(response, { jsonrpc: "2.0", method: "notifications/progress", params: progress });
        goOn = () => response.destroy();
      });
      const client = await connect(executor, peer.url);
      const call = client.callTool({ name: "t" }, { onprogress: () => goOn() });
      await assert.rejects(call, (error) => error instanceof HttpFailure && error.kind === "cut");
      await client.close();
    });

    check("a call that is cancelled leaves no request behind at our executor", async (_, executor) => {
      await using server = await RecordingMcpServer.start({ stateless: true });
      const client = await connect(executor, server.url);
      const stop = new AbortController();
      const call = client.callTool({ name: "sleep", arguments: { ms: 60_000 } }, { signal: stop.signal });
      await server.waitFor(({ calls }) => calls.length === 1);
      stop.abort();
      await assert.rejects(call);
      if (isOwn) {
        // With one request at a time, codex exec-server has not even begun to read the next one.
        const { outcome } = await server.waitFor(({ calls }) =>
          calls.find((each) => each.outcome !== undefined),
        );
        assert.equal(outcome, "cancelled");
      }
      await client.close();
    });

    check(
      "a server that is not there is an error that names the origin and the executor",
      async (_, executor) => {
        const gone = await RawPeer.start(() => {});
        const { url } = gone;
        await gone[Symbol.asyncDispose]();
        const transport = new HttpTransport({
          server: "s",
          url,
          headers: () => Promise.resolve(new Map()),
          fetch: executorFetch(() => executor, noLocalFetch),
        });
        await transport.start();
        await assert.rejects(transport.send({ jsonrpc: "2.0", id: 1, method: "ping" }), (error) => {
          assert.ok(error instanceof HttpFailure, String(error));
          assert.deepEqual([error.kind, error.phase], isOwn ? ["refused", "not_sent"] : ["reset", "unknown"]);
          assert.match(error.message, new RegExp(`at ${url.origin} .*executor "box"`, "i"));
          assert.doesNotMatch(error.message, /in-the-query|\/mcp/);
          return true;
        });
        await transport.close();
      },
    );

    check("a link that drops ends what is in progress, and the next call uses the next link", async (url) => {
      await using relay = await startTcpRelay(url);
      await using executor = connectTo(relay.url);
      await using server = await RecordingMcpServer.start({ stateless: true });
      const client = await connect(executor, server.url);
      const call = client.callTool({ name: "sleep", arguments: { ms: 60_000 } });
      await server.waitFor(({ calls }) => calls.length === 1);
      relay.cut();
      await assert.rejects(call, (error) => error instanceof HttpFailure && error.phase === "unknown");
      await client.callTool({ name: "echo", arguments: { text: "again" } });
      await client.close();
    });
  });
}
