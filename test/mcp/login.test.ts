/** A login as a host makes it: from a thread's status to tools that work in the same thread. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  LoginBroker,
  LoginError,
  McpManager,
  memoryLoginStore,
  type PendingLogin,
} from "../../src/mcp/index.ts";
import { AuthorizationServer, ProtectedResource, RecordingMcpServer } from "../../src/testing/index.ts";
import { inState, textOf } from "./support/scripted.ts";

const redirectUrl = "http://127.0.0.1:4711/callback";

async function approve({ url }: PendingLogin): Promise<string> {
  const answer = await fetch(url, { redirect: "manual" });
  return answer.headers.get("location") ?? assert.fail(await answer.text());
}

suite("a login of a thread's server", () => {
  test("begins with what the status says, and its tools work in the same thread", async () => {
    await using mcp = await RecordingMcpServer.start({ stateless: true });
    await using authorizationServer = await AuthorizationServer.start();
    await using resource = await ProtectedResource.start({
      authorizationServer,
      target: mcp.url,
      scopes: ["read", "write"],
      // A tool wants more than the list of tools.
      needs: ({ headers }) => (headers["mcp-name"] === "whoami" ? ["write"] : []),
    });
    const store = memoryLoginStore();
    await using credentials = new LoginBroker({ stores: () => store });
    const lines: string[] = [];
    await using manager = new McpManager({
      publish: false,
      credentials,
      log: (_level, message) => void lines.push(message),
    });
    const thread = manager.openThread({ servers: { tickets: { url: resource.url } } });
    const [view] = await thread.ready();
    assert.ok(view?.status.state === "needs_login", JSON.stringify(view?.status));
    const metadata = `${resource.origin}/.well-known/oauth-protected-resource/mcp`;
    assert.equal(view.status.reason.wanted?.resourceMetadataUrl, metadata);

    const login = await thread.beginLogin("tickets", { store, redirectUrl, scopes: ["read"] });
    const kept = await login.complete(await approve(login));
    await inState(thread, "tickets", "ready");
    assert.equal(textOf(await thread.callTool("tickets", "echo", { text: "in" })), "in");

    const refused = await thread.callTool("tickets", "whoami");
    assert.ok(refused.kind === "not_sent" && refused.reason === "needs_login", JSON.stringify(refused));
    assert.equal(thread.server("tickets").status.state, "ready");
    const more = await thread.beginLogin("tickets", { store, redirectUrl, wanted: refused.wanted });
    assert.deepEqual(more.scopes, ["read", "write"]);
    await more.complete(await approve(more));
    assert.match(textOf(await thread.callTool("tickets", "whoami")), /Bearer access-/);
    for (const line of lines) assert.ok(!line.includes(kept.accessToken) && !line.includes("access-"), line);
  });

  test("ends with the thread, and is made without one as well", async () => {
    await using mcp = await RecordingMcpServer.start();
    await using authorizationServer = await AuthorizationServer.start({
      behaviour: { delayMs: () => Infinity },
    });
    await using resource = await ProtectedResource.start({ authorizationServer, target: mcp.url });
    const store = memoryLoginStore();
    await using credentials = new LoginBroker({ stores: () => store });
    await using manager = new McpManager({ publish: false, credentials });
    const thread = manager.openThread({ servers: { a: { url: resource.url } } });
    const begun = thread.beginLogin("a", { store, redirectUrl });
    await authorizationServer.waitFor((server) => server.requests.length > 0);
    const { config } = thread.server("a");
    const rejected = assert.rejects(begun, { code: "ended" });
    await thread[Symbol.asyncDispose]();
    await rejected;

    delete authorizationServer.behaviour.delayMs;
    const login = await manager.beginLogin("a", config, { store, redirectUrl });
    await login.complete(await approve(login));
    const other = manager.openThread({ servers: { a: { url: resource.url } } });
    assert.equal((await other.ready())[0]?.status.state, "ready");
    const stdio = manager.openThread({ servers: { b: { command: "true", enabled: false } } });
    await assert.rejects(stdio.beginLogin("b", { store, redirectUrl }), (error) => {
      return error instanceof LoginError && error.code === "no_http";
    });
  });
});
