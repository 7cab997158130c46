/** The recovery table, continued: starts over HTTP, credentials, sessions, and the stream of notifications. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { suite, test } from "node:test";
import type { FailureCode, McpConnectionManager, McpThreadOptions } from "../../src/mcp/index.ts";
import { until } from "../executor/support/until.ts";
import { ScriptedHttpServer, type HttpScript } from "./support/scripted-http.ts";
import { eventOf, inState, McpBench, textOf } from "./support/scripted.ts";

type Era = "legacy" | "modern";
const ERAS: readonly Era[] = ["legacy", "modern"];

interface StartRow {
  readonly what: string;
  readonly eras?: readonly Era[];
  readonly script?: HttpScript;
  /** What is answered to the first requests, so many of them. @default nothing answers at the URL */
  readonly answer?: (response: ServerResponse) => void;
  readonly times?: number;
  /** What the status says after the first start. */
  readonly status: "ready" | "failed" | "needs_login";
  readonly reason?: FailureCode;
  readonly message?: RegExp;
  /** How many requests the first start made. @default as many as it takes */
  readonly requests?: number;
}

function plain(code: number): (response: ServerResponse) => void {
  return (response) => void response.writeHead(code, { "content-type": "text/plain" }).end("no");
}

const STARTS: readonly StartRow[] = [
  {
    what: "nothing answers",
    status: "failed",
    reason: "unreachable",
    message: /cannot be connected to \(ECONNREFUSED\); check that it runs, and its url/,
  },
  { what: "503 twice", answer: plain(503), times: 2, status: "ready" },
  { what: "429 twice", answer: plain(429), times: 2, status: "ready" },
  {
    what: "503 for longer",
    answer: plain(503),
    status: "failed",
    reason: "handshake_failed",
    message: /answered with an error \(503\)/,
    requests: 3,
  },
  {
    what: "a reset",
    answer: (response) => void response.destroy(),
    times: 1,
    status: "ready",
  },
  {
    what: "401",
    answer: plain(401),
    status: "needs_login",
    reason: "unauthorized",
    message: /the request is not authorized \(401\)/,
    requests: 1,
  },
  {
    what: "403",
    answer: plain(403),
    status: "failed",
    reason: "handshake_failed",
    message: /the request is forbidden \(403\)/,
    requests: 1,
  },
  {
    what: "404",
    answer: plain(404),
    status: "failed",
    reason: "handshake_failed",
    message: /has nothing at the path of its url \(404\)/,
    // The question for its era, and `initialize`.
    requests: 2,
  },
  {
    what: "a page of HTML",
    answer: (response) => void response.writeHead(200, { "content-type": "text/html" }).end("<h1>Log in"),
    status: "failed",
    reason: "handshake_failed",
    message: /answered with text\/html instead of JSON or events; it said: <h1>Log in/,
    requests: 1,
  },
  {
    what: "a JSON-RPC error for initialize",
    eras: ["legacy"],
    script: { refuse: ["initialize"] },
    status: "failed",
    reason: "handshake_failed",
    message: /refused the handshake: JSON-RPC error -32601: Method not found/,
  },
  {
    what: "a JSON-RPC error for tools/list",
    script: { refuse: ["tools/list"] },
    status: "failed",
    reason: "catalog_failed",
    message: /rejected tools\/list: JSON-RPC error -32601: Method not found/,
  },
];

function open(
  bench: McpBench,
  server: ScriptedHttpServer,
  more: object = {},
  options: Partial<McpThreadOptions> = {},
): McpConnectionManager {
  return bench.manager.openThread({ servers: { a: { url: server.url, ...more } }, ...options });
}

suite("the start of a server over HTTP", { concurrency: 8 }, () => {
  for (const row of STARTS)
    for (const era of row.eras ?? ERAS)
      test(`${row.what} (${era}): ${row.status}`, async () => {
        await using server = await ScriptedHttpServer.start({ ...row.script, era });
        await using bench = new McpBench();
        let left = row.times ?? Number.POSITIVE_INFINITY;
        let requests = 0;
        const { answer, script } = row;
        if (answer !== undefined)
          server.intercept = (_request, response) => {
            requests++;
            if (left-- <= 0) return false;
            answer(response);
            return true;
          };
        else if (script === undefined) await server.stop();
        const thread = open(bench, server);
        const [view] = await thread.ready();
        const { status } = view ?? {};
        assert.equal(status?.state, row.status, JSON.stringify(status));
        if (status?.state === "ready")
          return assert.equal(textOf(await thread.callTool("a", "echo", { text: "hi" })), "hi");
        assert.ok(status?.state === "failed" || status?.state === "needs_login");
        assert.equal(status.reason.code, row.reason, status.reason.message);
        assert.match(status.reason.message, row.message ?? /./);
        if (row.requests !== undefined) assert.equal(requests, row.requests);
        const refused = await thread.callTool("a", "echo");
        assert.ok(refused.kind === "not_sent", JSON.stringify(refused));
        assert.equal(refused.reason, status.state === "failed" ? "server_unavailable" : "needs_login");
        if (script !== undefined) return;
        // It is tried again by itself, but for one that wants a login.
        server.intercept = () => false;
        if (answer === undefined) await server.again();
        if (status.state === "needs_login") thread.retry("a");
        else assert.ok(status.nextAttemptMs !== undefined && status.nextAttemptMs <= 2_000);
        await inState(thread, "a", "ready");
        assert.equal(textOf(await thread.callTool("a", "echo", { text: "hi" })), "hi");
      });

  for (const era of ERAS)
    test(`503 twice for tools/list (${era}): ready`, async () => {
      await using server = await ScriptedHttpServer.start({ era });
      await using bench = new McpBench();
      let left = 2;
      server.intercept = ({ rpcMethod }, response) => {
        if (rpcMethod !== "tools/list" || left-- <= 0) return false;
        plain(503)(response);
        return true;
      };
      const [view] = await open(bench, server).ready();
      assert.ok(view?.status.state === "ready" && view.status.starts === 1, JSON.stringify(view?.status));
    });

  test("nothing answers, and then it does, before the attempts of the start are over: ready", async () => {
    await using server = await ScriptedHttpServer.start();
    await using bench = new McpBench();
    await server.stop();
    const thread = open(bench, server);
    await server.again();
    const [view] = await thread.ready();
    assert.ok(view?.status.state === "ready" && view.status.starts === 1, JSON.stringify(view?.status));
  });
});

for (const era of ERAS) {
  suite(`credentials of a server over HTTP (${era})`, () => {
    /** Lets nobody in but who has the current token. */
    async function guarded(): Promise<{ readonly server: ScriptedHttpServer; token: string }> {
      const server = await ScriptedHttpServer.start({ era });
      const guard = { server, token: "first" };
      server.intercept = ({ headers }, response) => {
        if (headers["authorization"] === `Bearer ${guard.token}`) return false;
        plain(401)(response);
        return true;
      };
      return guard;
    }

    test("401 in many calls at once: the resolver is asked once more, and all have their answers", async () => {
      const guard = await guarded();
      await using server = guard.server;
      await using bench = new McpBench();
      const asked: string[] = [];
      const resolver = ({ why }: { readonly why: string }): Readonly<Record<string, string>> => {
        asked.push(why);
        return { Authorization: `Bearer ${guard.token}` };
      };
      const thread = open(bench, server, {}, { headers: { a: resolver } });
      await thread.ready();
      guard.token = "second";
      const calls = Array.from({ length: 8 }, (_, at) => thread.callTool("a", "echo", { text: String(at) }));
      assert.deepEqual((await Promise.all(calls)).map(textOf), ["0", "1", "2", "3", "4", "5", "6", "7"]);
      assert.deepEqual(asked, ["open", "unauthorized"]);
      assert.equal(thread.server("a").status.state, "ready");
    });

    test("401 with the same headers again: needs_login, until retry; a call under way has its answer (L5)", async () => {
      const guard = await guarded();
      await using server = guard.server;
      await using bench = new McpBench();
      let own = "first";
      const thread = open(bench, server, {}, { headers: { a: () => ({ Authorization: `Bearer ${own}` }) } });
      await thread.ready();
      const underWay = thread.callTool("a", "sleep", { ms: 300 });
      await until("it is under way", () => server.record.includes("in tools/call sleep"));
      guard.token = "second";
      const refused = await thread.callTool("a", "echo");
      assert.ok(refused.kind === "not_sent" && refused.reason === "needs_login", JSON.stringify(refused));
      await inState(thread, "a", "needs_login");
      const next = await thread.callTool("a", "echo");
      assert.ok(next.kind === "not_sent" && next.reason === "needs_login");
      assert.equal(textOf(await underWay), "slept");
      own = "second";
      thread.retry("a");
      assert.equal(textOf(await thread.callTool("a", "echo", { text: "in" })), "in");
      for (const line of bench.log) assert.doesNotMatch(line, /Bearer|second/);
    });

    test("401 and 403 with a challenge: what is wanted of a login is data; for more scopes, only the call fails", async () => {
      const guard = await guarded();
      await using server = guard.server;
      await using bench = new McpBench();
      const metadata = "https://resource.example/.well-known/oauth-protected-resource";
      server.intercept = ({ headers, rpcMethod, body }, response) => {
        const isEcho = rpcMethod === "tools/call" && JSON.stringify(body).includes('"echo"');
        const own = headers["authorization"] ?? "";
        if (own.includes("second") || (own.includes("first") && !isEcho)) return false;
        const challenge =
          own === "" ? 'Bearer scope="read"' : 'Bearer error="insufficient_scope", scope="read write"';
        response
          .writeHead(own === "" ? 401 : 403, {
            "www-authenticate": `${challenge}, resource_metadata="${metadata}"`,
          })
          .end();
        return true;
      };
      let own = "";
      const headers = { a: () => (own === "" ? {} : { Authorization: `Bearer ${own}` }) };
      const thread = open(bench, server, {}, { headers });
      await inState(thread, "a", "needs_login");
      const { status } = thread.server("a");
      assert.ok(status.state === "needs_login");
      const wanted = { scopes: ["read"], resourceMetadataUrl: metadata, insufficientScope: false };
      assert.deepEqual(status.reason.wanted, wanted);
      const early = await thread.callTool("a", "echo");
      assert.ok(early.kind === "not_sent" && early.reason === "needs_login");
      assert.deepEqual(early.wanted, wanted);

      own = "first";
      thread.retry("a");
      await thread.ready();
      const refused = await thread.callTool("a", "echo");
      assert.ok(refused.kind === "not_sent" && refused.reason === "needs_login", JSON.stringify(refused));
      const more = { scopes: ["read", "write"], resourceMetadataUrl: metadata, insufficientScope: true };
      assert.deepEqual(refused.wanted, more);
      assert.match(refused.message, /wants a login with more scopes: read write \(403\)/);
      assert.equal(thread.server("a").status.state, "ready");
      assert.equal(textOf(await thread.callTool("a", "sleep", { ms: 1 })), "slept");

      own = "second";
      assert.equal(textOf(await thread.callTool("a", "echo", { text: "in" })), "in");
    });

    test("401, and the resolver fails: needs_login, with its reason", async () => {
      const guard = await guarded();
      await using server = guard.server;
      await using bench = new McpBench();
      const resolver = ({ why }: { readonly why: string }): Readonly<Record<string, string>> => {
        if (why === "open") return { Authorization: "Bearer first" };
        throw new Error("the vault is closed");
      };
      const thread = open(bench, server, {}, { headers: { a: resolver } });
      await thread.ready();
      guard.token = "second";
      const refused = await thread.callTool("a", "echo");
      assert.ok(refused.kind === "not_sent" && refused.reason === "needs_login", JSON.stringify(refused));
      assert.match(refused.message, /there are no other headers for it: the vault is closed/);
    });
  });
}

suite("a session over HTTP", () => {
  test("that is lost while a call is under way is replaced, and that call has its answer, too (L5)", async () => {
    await using server = await ScriptedHttpServer.start({ era: "legacy" });
    await using bench = new McpBench();
    const thread = open(bench, server);
    await thread.ready();
    const first = thread.callTool("a", "meet");
    await until("it is under way", () => server.record.includes("in tools/call meet"));
    server.sessions.clear();
    const second = thread.callTool("a", "meet");
    assert.deepEqual((await Promise.all([first, second])).map(textOf), ["met", "met"]);
    assert.equal(server.asked("initialize").length, 2);
    assert.equal(server.calls("meet"), 3);
  });

  test("that was joined and is lost is not begun anew: failed, with the reason", async () => {
    await using server = await ScriptedHttpServer.start({ era: "legacy" });
    await using bench = new McpBench();
    const owner = open(bench, server);
    await owner.ready();
    const [id] = server.sessions.keys();
    const guest = open(bench, server, { http_headers: { "Mcp-Session-Id": id } });
    assert.equal(textOf(await guest.callTool("a", "echo", { text: "hi" })), "hi");
    server.sessions.clear();
    const outcome = await guest.callTool("a", "echo", { text: "hi" });
    assert.ok(outcome.kind === "not_sent", JSON.stringify(outcome));
    await inState(guest, "a", "failed");
    const { status } = guest.server("a");
    assert.ok(status.state === "failed" && status.reason.code === "session_lost", JSON.stringify(status));
    await guest[Symbol.asyncDispose]();
    assert.equal(server.asked("initialize").length, 1);
    assert.equal(server.asked("DELETE").length, 0);
  });

  test("whose stream of notifications broke has it again, and finds what it missed", async () => {
    await using server = await ScriptedHttpServer.start({ era: "legacy" });
    await using bench = new McpBench();
    const thread = open(bench, server);
    await thread.ready();
    const [session] = server.sessions.values();
    assert.ok(session !== undefined);
    await until("its stream is open", () => session.stands);
    const changed = eventOf(thread, ({ type }) => type === "catalog");
    session.cut();
    await until("its stream is cut", () => !session.stands);
    await thread.callTool("a", "change", { add: "unnoticed" });
    const event = await changed;
    assert.ok(event.type === "catalog");
    assert.deepEqual(event.added, ["unnoticed"]);
  });
});
