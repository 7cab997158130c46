/** Who may use a gateway, how much of it, and what ends when a thread, a session or a client does. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { after, before, suite, test } from "node:test";
import { Gateway, GatewayError } from "../../src/gateway/index.ts";
import { ScriptedHttpServer } from "../mcp/support/scripted-http.ts";
import { eventOf, inState } from "../mcp/support/scripted.ts";
import { call, GatewayBench } from "./support/gateway-bench.ts";
import { until } from "../executor/support/until.ts";
import { begin, initialize, modern, raw, rpc, session } from "./support/raw-post.ts";

const timeout = 30_000;

suite("access to a gateway", { timeout }, () => {
  let bench: GatewayBench;
  let server: ScriptedHttpServer;

  before(async () => {
    bench = await GatewayBench.start({
      limits: { bodyBytesMax: 10_000, sessionsMax: 3, requestsMax: 4, sessionsPerSecond: 1e6 },
    });
    server = await ScriptedHttpServer.start();
  });
  after(async () => {
    await bench[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const ping = (id: string): { headers: Record<string, string>; body: object } => ({
    headers: { "mcp-session-id": id },
    body: rpc(1, "ping"),
  });
  const hang = rpc(2, "tools/call", { name: "hang" });

  /** Begins a call that hangs, and waits until it is at the server. */
  async function hanging(
    url: string,
    bearer: string,
    id: string,
    at = server,
  ): Promise<{ readonly over: Promise<unknown>; readonly leave: () => void; readonly at: number }> {
    const before = at.calls("hang");
    const request = begin(url, { bearer, headers: { "mcp-session-id": id }, body: hang });
    const over = Promise.race([once(request, "error"), once(request, "response")]);
    await until("the call", () => at.calls("hang") > before);
    return { over, leave: () => request.destroy(), at: before };
  }
  const cancelled = (at = server): number =>
    at.record.filter((line) => line.startsWith("in notifications/cancelled")).length;

  test("has the bearer of the thread; any other one, and none, get the answer of an unknown thread (G1, G3)", async () => {
    const servers = { a: { url: server.url }, b: { url: server.url } };
    const [one, other] = [bench.open(servers).at, bench.open(servers).at];
    const url = one.urlOf("a");
    assert.equal(Buffer.from(one.bearer, "base64url").length, 32);
    assert.ok(!url.includes(one.bearer));
    assert.equal((await raw(url, { bearer: one.bearer, body: initialize() })).status, 200);

    const guess = `${one.bearer.slice(0, -1)}${one.bearer.endsWith("A") ? "E" : "A"}`;
    const unknown = url.replace(/\/t\/[^/]+/, "/t/AAAAAAAAAAAA");
    const asks = [
      [url, other.bearer],
      [url, guess],
      [url, one.bearer.slice(0, 20)],
      [url, ""],
      [url, undefined],
      [unknown, one.bearer],
      [url.replace(/\/s\/a$/, `/c/${other.bearer}/s/a`), one.bearer],
      [other.urlOf("a", { capability: "path" }).replace(other.bearer, one.bearer), one.bearer],
    ] as const;
    const answers = await Promise.all(
      asks.flatMap(([at, bearer]) => [
        raw(at, { bearer, body: initialize() }),
        raw(at, { bearer, ...modern("server/discover") }),
        raw(at, { bearer, method: "GET" }),
        raw(at, { bearer, method: "DELETE", headers: { "mcp-session-id": "x" } }),
      ]),
    );
    const different = new Set(answers.map(({ status, text }) => `${status} ${text}`));
    assert.equal(different.size, 1);
    assert.equal(answers[0]?.status, 401);

    const inPath = one.urlOf("a", { capability: "path" });
    assert.equal((await raw(inPath, { body: initialize() })).status, 200);
    assert.equal((await raw(one.urlOf(), { bearer: one.bearer, body: initialize() })).status, 200);
    const nothing = url.replace(/a$/, "nobody");
    assert.equal((await raw(nothing, { bearer: one.bearer, body: initialize() })).status, 404);
    assert.throws(() => one.urlOf("nobody"), { code: "unknown_server" });
    assert.ok(!bench.log.join("\n").includes(one.bearer));
    await Promise.all([one.revoke(), other.revoke()]);
  });

  test("has a URL of its own for a server of any name", async () => {
    const names = [".", "..", "../a", "a/../b", "a"];
    const { at } = bench.open(Object.fromEntries(names.map((name) => [name, { url: server.url }])));
    const urls = names.map((name) => new URL(at.urlOf(name)).href);
    assert.equal(new Set([...urls, at.urlOf()]).size, names.length + 1);
    for (const url of urls) {
      const answer = await raw(url, { bearer: at.bearer, ...modern("tools/list") });
      assert.match(answer.text, /"name":"echo"/, url);
    }
  });

  test("refuses a session of another URL, of a thread that has ended, and of one that is over (E1, G2)", async () => {
    const { thread, at } = bench.open({ a: { url: server.url }, b: { url: server.url } });
    const { bearer } = at;
    const id = await session(at.urlOf("a"), bearer);
    assert.equal((await raw(at.urlOf("a"), { bearer, ...ping(id) })).status, 200);
    for (const url of [at.urlOf("b"), at.urlOf()])
      assert.equal((await raw(url, { bearer, ...ping(id) })).status, 404);
    const headers = { "mcp-session-id": id };
    assert.equal((await raw(at.urlOf("a"), { bearer, method: "DELETE", headers })).status, 200);
    assert.equal((await raw(at.urlOf("a"), { bearer, ...ping(id) })).status, 404);
    const again = await session(at.urlOf("a"), bearer);
    await thread[Symbol.asyncDispose]();
    assert.equal((await raw(at.urlOf("a"), { bearer, ...ping(again) })).status, 401);
    assert.equal((await raw(at.urlOf("a"), { bearer, ...modern("tools/list") })).status, 401);
    assert.throws(() => bench.gateway.openThread(thread), GatewayError);
  });

  test("ends open streams and calls when it is revoked, and the thread goes on (G2, E3)", async () => {
    const { thread, at } = bench.open({ a: { url: server.url } });
    const { bearer } = at;
    const url = at.urlOf("a");
    const id = await session(url, bearer);
    const standing = begin(url, { bearer, method: "GET", headers: { "mcp-session-id": id } });
    const [stream] = (await once(standing, "response")) as [IncomingMessage];
    const ended = once(stream.resume(), "close");
    const listening = raw(url, {
      bearer,
      ...modern("subscriptions/listen", { notifications: { toolsListChanged: true } }),
    }).catch((error: unknown) => error);
    const waiting = await hanging(url, bearer, id);
    const before = cancelled();
    assert.equal(at.clients, 2);
    await at.revoke();
    await Promise.all([ended, listening, waiting.over]);
    await until("the cancellation", () => cancelled() > before);
    assert.equal((await raw(url, { bearer, ...ping(id) })).status, 401);
    assert.equal(at.clients, 0);
    assert.equal((await thread.callTool("a", "echo", { text: "on" })).kind, "result");
  });

  test("cancels what a client asked that has gone, and what a session had under way that was ended (E4, S1, S4)", async () => {
    await using legacy = await ScriptedHttpServer.start({ era: "legacy" });
    const { at } = bench.open({ a: { url: legacy.url } });
    const { bearer } = at;
    const url = at.urlOf("a");
    const id = await session(url, bearer);
    const subscribe = rpc(5, "resources/subscribe", { uri: "test://a" });
    const headers = { "mcp-session-id": id };
    assert.deepEqual((await raw(url, { bearer, headers, body: subscribe })).message.result, {});

    const first = await hanging(url, bearer, id, legacy);
    first.leave();
    await until("the cancellation", () => cancelled(legacy) === 1);
    assert.equal((await raw(url, { bearer, ...ping(id) })).status, 200);

    const second = await hanging(url, bearer, id, legacy);
    assert.equal(legacy.asked("resources/unsubscribe").length, 0);
    assert.equal((await raw(url, { bearer, method: "DELETE", headers })).status, 200);
    await second.over;
    await until("the cancellation", () => cancelled(legacy) === 2);
    await until("the end of the subscription", () => legacy.asked("resources/unsubscribe").length === 1);
    await at.revoke();
  });

  test("tells a client of changes that it missed when it opens its stream, each once (S3)", async () => {
    const { thread, at } = bench.open({ a: { url: server.url } });
    const { bearer } = at;
    const url = at.urlOf("a");
    const headers = { "mcp-session-id": await session(url, bearer) };
    for (const add of ["first", "second"]) {
      const changed = eventOf(thread, ({ type }) => type === "catalog");
      await thread.callTool("a", "change", { add });
      await changed;
    }
    const stand = async (): Promise<IncomingMessage> =>
      (await once(begin(url, { bearer, method: "GET", headers }), "response"))[0] as IncomingMessage;
    const stream = await stand();
    let text = "";
    stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    stream.on("error", () => {});
    await once(stream, "data");
    const second = await raw(url, { bearer, method: "GET", headers });
    assert.equal(second.status, 409);
    stream.destroy();
    await once(stream, "close");
    assert.equal(text.match(/notifications\/tools\/list_changed/g)?.length, 1);
    await at.revoke();
  });

  test("bounds bodies, sessions and requests under way, each for one client and not for others (E2)", async () => {
    const { at } = bench.open({ a: { url: server.url }, b: { url: server.url } });
    const { bearer } = at;
    const url = at.urlOf("a");
    const tooLong = await raw(url, { bearer, body: rpc(1, "ping", { text: "x".repeat(20_000) }) });
    assert.equal(tooLong.status, 413);
    const chunked = { "transfer-encoding": "chunked" };
    const alsoTooLong = raw(url, { bearer, headers: chunked, body: `"${"x".repeat(20_000)}"` });
    // It may be cut off before the answer is read.
    assert.equal(
      await alsoTooLong.then(
        ({ status }) => status,
        () => 413,
      ),
      413,
    );
    for (const [body, status] of [
      ["{", 400],
      ["[]", 400],
      ["3", 400],
      [JSON.stringify({ jsonrpc: "2.0" }), 400],
    ] as const)
      assert.equal((await raw(url, { bearer, body })).status, status, body);
    const kind = { "content-type": "text/plain" };
    assert.equal((await raw(url, { bearer, headers: kind, body: "{}" })).status, 415);
    assert.equal((await raw(url, { bearer, method: "PUT" })).status, 405);

    const ids = [await session(url, bearer), await session(url, bearer), await session(url, bearer)];
    const [first = "", second = "", third = ""] = ids;
    const waiting = [await hanging(url, bearer, first), await hanging(url, bearer, second)];
    // The third one waits for nothing, so it makes room.
    const fourth = await session(url, bearer);
    assert.equal((await raw(url, { bearer, ...ping(third) })).status, 404);
    waiting.push(await hanging(url, bearer, fourth));
    const refused = await raw(url, { bearer, body: initialize() });
    assert.deepEqual([refused.status, refused.headers["retry-after"]], [429, "1"]);
    const fourthCall = begin(url, {
      bearer,
      headers: { "mcp-session-id": first },
      body: rpc(9, "tools/call", { name: "hang" }),
    }).on("error", () => {});
    await until("the fourth call", () => server.calls("hang") > (waiting.at(-1)?.at ?? 0) + 1);
    const fifth = await raw(url, { bearer, ...ping(first) });
    assert.equal(fifth.status, 429);
    // Another URL of the same thread has bounds of its own.
    await session(at.urlOf("b"), bearer);
    for (const each of waiting) each.leave();
    fourthCall.destroy();
    await at.revoke();

    await using slow = await Gateway.start({ limits: { sessionsMax: 2, sessionsPerSecond: 1e-9 } });
    const thread = bench.mcp.manager.openThread({ servers: { a: { url: server.url } } });
    const few = slow.openThread(thread);
    const begun = async (): Promise<number> =>
      (await raw(few.urlOf("a"), { bearer: few.bearer, body: initialize() })).status;
    assert.deepEqual([await begun(), await begun(), await begun()], [200, 200, 429]);
  });

  test("is not open to pages of a browser (H2)", async () => {
    const { at } = bench.open({ a: { url: server.url } });
    const { bearer } = at;
    const ask = async (headers: Record<string, string>): Promise<number> =>
      (await raw(at.urlOf("a"), { bearer, headers, body: initialize() })).status;
    assert.equal(await ask({ origin: "https://example.org" }), 403);
    assert.equal(await ask({ origin: "null" }), 403);
    assert.equal(await ask({ host: "example.org" }), 403);
    assert.equal(await ask({ host: "127.0.0.1.example.org:80" }), 403);
    assert.equal(await ask({ origin: "http://localhost:6274", host: "localhost:80" }), 200);
    await at.revoke();
  });

  test("a server that failed is told with its reason, and is there when it is back", async () => {
    const { thread, at } = bench.open({ a: { url: server.url }, b: { command: "/nowhere/at/all" } });
    const { message } = await raw(at.urlOf("b"), { bearer: at.bearer, body: initialize() });
    assert.match(message.error?.message ?? "", /nowhere/);
    await server.stop();
    const url = at.urlOf("a");
    const gone = await raw(url, { bearer: at.bearer, body: initialize() });
    if (gone.message.error === undefined) {
      // It was ready before it was stopped; the next call finds out.
      const id = gone.headers["mcp-session-id"] as string;
      const headers = { "mcp-session-id": id };
      const echo = rpc(1, "tools/call", { name: "echo", arguments: { text: "again" } });
      const lost = await raw(url, { bearer: at.bearer, headers, body: echo });
      assert.match(lost.message.error?.message ?? "", /MCP server "a"/);
    }
    await server.again();
    await inState(thread, "a", "ready");
    const client = await bench.connect(url, at.bearer, "2025-11-25");
    assert.equal(await call(client, "echo", { text: "back" }), "back");
    await at.revoke();
  });
});
