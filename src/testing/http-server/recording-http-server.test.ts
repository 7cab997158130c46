import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { pick, pickText } from "../pick.ts";
import { maxOverlap } from "../call-record.ts";
import { RecordingMcpServer } from "./recording-http-server.ts";

type Answer = {
  readonly status: number;
  readonly body: string;
  readonly message: unknown;
};

/** The least MCP client: one session, one POST per message. */
class Client {
  readonly #url: string;
  readonly #headers: Record<string, string>;
  #session: string | undefined;
  #id = 0;

  constructor(url: string, headers: Record<string, string> = {}) {
    this.#url = url;
    this.#headers = headers;
  }

  static async open(url: string, headers?: Record<string, string>): Promise<Client> {
    const client = new Client(url, headers);
    assert.equal((await client.initialize()).status, 200);
    await client.notify("notifications/initialized", {});
    return client;
  }

  initialize(): Promise<Answer> {
    const clientInfo = { name: "test", version: "1" };
    const capabilities = { elicitation: {} };
    return this.request("initialize", { protocolVersion: "2025-06-18", capabilities, clientInfo });
  }

  get lastId(): number {
    return this.#id;
  }

  request(method: string, params: object): Promise<Answer> {
    return this.#post({ jsonrpc: "2.0", id: ++this.#id, method, params });
  }

  notify(method: string, params: object): Promise<Answer> {
    return this.#post({ jsonrpc: "2.0", method, params });
  }

  call(name: string, args: object = {}, meta: object = {}): Promise<Answer> {
    return this.request("tools/call", { name, arguments: args, _meta: meta });
  }

  async text(name: string, args: object = {}): Promise<string> {
    return pickText((await this.call(name, args)).message, "result", "content", 0, "text");
  }

  async close(): Promise<void> {
    await fetch(this.#url, { method: "DELETE", headers: this.#allHeaders() });
  }

  #allHeaders(): Record<string, string> {
    return {
      ...this.#headers,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...(this.#session === undefined ? {} : { "mcp-session-id": this.#session }),
    };
  }

  async #post(message: object): Promise<Answer> {
    const headers = this.#allHeaders();
    const answer = await fetch(this.#url, { method: "POST", headers, body: JSON.stringify(message) });
    this.#session ??= answer.headers.get("mcp-session-id") ?? undefined;
    const body = await answer.text();
    const data = body.startsWith("{")
      ? body
      : /^data: (\{.*)$/m.exec(body.slice(body.lastIndexOf("data: ")))?.[1];
    return { status: answer.status, body, message: data === undefined ? undefined : JSON.parse(data) };
  }
}

suite("RecordingMcpServer", () => {
  test("tells each caller the identity of its own request", async () => {
    await using server = await RecordingMcpServer.start();
    const identities = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const headers = { authorization: `Bearer ${index}`, "X-Identity": `user-${index}` };
        const client = await Client.open(`${server.origin}/mcp/${index}`, headers);
        return JSON.parse(await client.text("whoami")) as unknown;
      }),
    );
    for (const [index, identity] of identities.entries()) {
      assert.deepEqual(identity, { authorization: `Bearer ${index}`, "x-identity": `user-${index}` });
    }
    assert.equal(server.openSessions, 20);
    assert.deepEqual(
      server.sessions.map(({ path }) => path).sort(),
      server.calls.map(({ path }) => path).sort(),
    );
  });

  test("records method, tool, meta and raw headers of every request (H1)", async () => {
    await using server = await RecordingMcpServer.start();
    const client = await Client.open(server.url, { "X-Odd-Case": "1" });
    await client.call("echo", { text: "hi" }, { threadId: "t" });
    const seen = server.requests.map(({ rpcMethod, tool }) => [rpcMethod, tool]);
    assert.deepEqual(seen, [
      ["initialize", undefined],
      ["notifications/initialized", undefined],
      ["tools/call", "echo"],
    ]);
    const last = server.requests[2];
    assert.equal(last?.meta?.["threadId"], "t");
    assert.equal(last?.headers["x-odd-case"], "1");
    assert.ok(last?.rawHeaders.some(([name]) => name.toLowerCase() === "x-odd-case"));
    assert.equal(last?.sessionId, server.sessions[0]?.id);
  });

  test("tells failed results, JSON-RPC errors and unknown tools apart from success", async () => {
    await using server = await RecordingMcpServer.start();
    const client = await Client.open(server.url);
    assert.equal(pick((await client.call("fail", { message: "no" })).message, "result", "isError"), true);
    const thrown = (await client.call("throw", { message: "bang", code: -32_050 })).message;
    assert.equal(pick(thrown, "error", "code"), -32_050);
    assert.match(pickText(thrown, "error", "message"), /bang/);
    assert.ok(pick((await client.call("nope")).message, "error"));
    assert.equal((await client.text("big", { bytes: 100_000 })).length, 100_000);
    assert.deepEqual(
      server.calls.map(({ outcome }) => outcome),
      ["failed", "failed", "failed", "completed"],
    );
  });

  test("records overlapping and consecutive calls as such (C2)", async () => {
    const meet = async (): Promise<string> => {
      await server.waitFor(({ calls }) => calls.length === 2);
      return "met";
    };
    await using server = await RecordingMcpServer.start({ extraTools: [{ name: "meet", run: meet }] });
    const client = await Client.open(server.url);
    await Promise.all([client.call("meet"), client.call("meet")]);
    assert.equal(maxOverlap(server.calls), 2);
    await client.call("echo", { text: "a" });
    await client.call("echo", { text: "b" });
    assert.equal(maxOverlap(server.calls.slice(2)), 1);
  });

  test("ends a cancelled call and records it as cancelled (C1)", async (t) => {
    await using server = await RecordingMcpServer.start();
    const client = await Client.open(server.url);
    const pending = client.call("sleep", { ms: 60_000 }).catch(() => undefined);
    await server.waitFor((s) => s.calls.length === 1, t);
    await client.notify("notifications/cancelled", { requestId: client.lastId });
    const call = await server.waitFor((s) => s.calls.find(({ outcome }) => outcome !== undefined), t);
    assert.equal(call.outcome, "cancelled");
    await server.forgetSessions();
    await pending;
  });

  test("sends progress to a caller with a token", async () => {
    await using server = await RecordingMcpServer.start();
    const client = await Client.open(server.url);
    const { body } = await client.call("sleep", { ms: 20, progressEveryMs: 10 }, { progressToken: "p" });
    assert.match(body, /"method":"notifications\/progress".*"progressToken":"p"/);
  });

  test("notes who closed a session, and answers 404 afterwards (H2)", async () => {
    await using server = await RecordingMcpServer.start();
    const [first, second] = [await Client.open(server.url), await Client.open(server.url)];
    await first.close();
    await server.forgetSessions();
    assert.deepEqual(
      server.sessions.map(({ closedBy }) => closedBy),
      ["client", "server"],
    );
    assert.equal((await second.call("whoami")).status, 404);
  });

  test("refuses on cue and serves again", async () => {
    await using server = await RecordingMcpServer.start({ behaviour: { refuse: 401 } });
    server.behaviour.refuseHeaders = { "www-authenticate": "Bearer" };
    assert.equal((await new Client(server.url).initialize()).status, 401);
    server.behaviour.refuse = ({ path }) => (path === "/mcp/a" ? 500 : undefined);
    assert.equal((await new Client(`${server.origin}/mcp/a`).initialize()).status, 500);
    await Client.open(`${server.origin}/mcp/b`);
    server.behaviour.refuseBody = ({ rpcMethod }) => `no ${rpcMethod}`;
    const refusal = await new Client(`${server.origin}/mcp/a`).initialize();
    assert.equal(refusal.body, "no initialize");
  });

  test("delays an answer, for ever too (H3)", async (t) => {
    const server = await RecordingMcpServer.start();
    const client = await Client.open(server.url);
    server.behaviour.delayMs = ({ tool }) => (tool === "whoami" ? Infinity : 1);
    const pending = assert.rejects(client.call("whoami"));
    assert.equal((await client.call("echo")).status, 200);
    await server.waitFor((s) => s.requests.some(({ tool }) => tool === "whoami"), t);
    await server[Symbol.asyncDispose]();
    await pending;
    assert.equal(server.connections, 0);
  });

  test("holds initialize back until disposal while it is told to hang (H3)", async (t) => {
    const server = await RecordingMcpServer.start({ behaviour: { hangInitialize: true } });
    const pending = assert.rejects(new Client(server.url).initialize());
    await server.waitFor((s) => s.requests.length === 1, t);
    await server[Symbol.asyncDispose]();
    await pending;
    assert.equal(server.connections, 0);
  });

  for (const stateless of [false, true]) {
    const how = stateless ? "without" : "with";
    test(`ends the calls in flight when disposed, ${how} sessions (H3)`, async (t) => {
      const deaf = { name: "deaf", run: () => new Promise<string>(() => {}) };
      const server = await RecordingMcpServer.start({ stateless, extraTools: [deaf] });
      const clients = [new Client(server.url), new Client(server.url)];
      if (!stateless) await Promise.all(clients.map((client) => client.initialize()));
      const pending = Promise.allSettled([
        clients[0]?.call("sleep", { ms: 60_000 }),
        clients[1]?.call("deaf"),
      ]);
      await server.waitFor((s) => s.calls.length === 2, t);
      await server[Symbol.asyncDispose]();
      await pending;
      assert.deepEqual(
        server.calls.map(({ outcome }) => outcome),
        ["cancelled", "cancelled"],
      );
      assert.equal(server.openSessions, 0);
      assert.equal(server.connections, 0);
    });
  }

  test("serves without sessions when stateless", async () => {
    await using server = await RecordingMcpServer.start({ stateless: true });
    const client = new Client(server.url, { authorization: "Bearer x" });
    assert.match(await client.text("whoami"), /Bearer x/);
    assert.equal(server.sessions.length, 0);
    assert.equal(server.calls[0]?.path, "/mcp");
  });

  test("offers chosen tools, with hints, and extra ones", async () => {
    const hello = { name: "he llo", run: () => "hello" };
    await using server = await RecordingMcpServer.start({
      onlyTools: ["echo", "sleep"],
      annotations: { echo: { readOnlyHint: true } },
      extraTools: [hello],
    });
    const client = await Client.open(server.url);
    const { message } = await client.request("tools/list", {});
    const tools = pick(message, "result", "tools") as { name: string; annotations?: unknown }[];
    assert.deepEqual(
      tools.map((tool) => [tool.name, tool.annotations]),
      [
        ["echo", { readOnlyHint: true }],
        ["sleep", undefined],
        ["he llo", undefined],
      ],
    );
    assert.equal(await client.text("he llo"), "hello");
  });
});
