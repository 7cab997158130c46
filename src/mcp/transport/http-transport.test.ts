import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { suite, test, type TestContext } from "node:test";
import { Client, type JSONRPCMessage, ProtocolError, SdkError } from "@modelcontextprotocol/client";
import { Redactor } from "../../base/redact.ts";
import { ManualClock } from "../../testing/index.ts";
import {
  events,
  json,
  type RawAnswer,
  RawPeer,
  type RawRequest,
} from "../../testing/http-server/raw-peer.ts";
import { TransportError } from "../errors.ts";
import { HttpFailure, httpFailureOf, isCut } from "../http/http-failure.ts";
import { NodeFetch } from "../http/node-fetch.ts";
import { BODY_BYTES_MAX, HttpTransport, type HttpTransportOptions } from "./http-transport.ts";

type Era = "2025" | "2026";

const ERAS: readonly Era[] = ["2025", "2026"];
const PASS = {
  "~standard": { version: 1, vendor: "pass", validate: (value: unknown) => ({ value }) },
} as const;
const MODERN = {
  protocolVersion: "2026-07-28",
  supportedVersions: ["2026-07-28"],
  capabilities: { tools: {} },
  serverInfo: { name: "raw", version: "1" },
  resultType: "complete",
  ttlMs: 0,
  cacheScope: "private",
};
const LEGACY = {
  protocolVersion: "2025-11-25",
  capabilities: { tools: {} },
  serverInfo: { name: "raw", version: "1" },
};

function resultOf({ id }: RawRequest, text = "done"): object {
  return { jsonrpc: "2.0", id, result: { content: [{ type: "text", text }], resultType: "complete" } };
}

/** A server of either era, a client on our transport, and everything they need; gone at the end of the test. */
class Desk implements AsyncDisposable {
  readonly peer: RawPeer;
  readonly transport: HttpTransport;
  readonly client = new Client(
    { name: "test", version: "1" },
    { versionNegotiation: { mode: "auto" }, capabilities: {} },
  );
  readonly fetches: NodeFetch;
  readonly lines: string[] = [];
  readonly clock = new ManualClock();

  private constructor(peer: RawPeer, options: Partial<HttpTransportOptions>) {
    this.peer = peer;
    this.fetches = new NodeFetch();
    this.transport = new HttpTransport({
      server: "raw",
      url: peer.url,
      headers: () => Promise.resolve(new Map()),
      fetch: this.fetches.fetch,
      clock: this.clock,
      random: () => 0.5,
      log: (_, line) => this.lines.push(line),
      ...options,
    });
  }

  /** @param onCall answers everything but the handshake; a GET gets 405 unless it answers it */
  static async open(
    era: Era,
    onCall: RawAnswer,
    options: Partial<HttpTransportOptions> & { readonly session?: string; readonly get?: RawAnswer } = {},
  ): Promise<Desk> {
    const { session, get, ...rest } = options;
    const headers = session === undefined ? {} : { "mcp-session-id": session };
    const peer = await RawPeer.start((request, response) => {
      if (request.method === "GET" && get === undefined) return void response.writeHead(405).end();
      if (request.method === "GET") return get?.(request, response);
      if (request.method === "DELETE") return void response.writeHead(200).end();
      const { id } = request;
      switch (request.rpcMethod) {
        case "server/discover":
          if (era === "2026") return json(response, { jsonrpc: "2.0", id, result: MODERN });
          return void response.writeHead(400).end("what is this?");
        case "initialize":
          return json(response, { jsonrpc: "2.0", id, result: LEGACY }, 200, headers);
        case "notifications/initialized":
          return void response.writeHead(202).end();
        default:
          return onCall(request, response);
      }
    });
    const desk = new Desk(peer, rest);
    await desk.client.connect(desk.transport);
    return desk;
  }

  call(options: object = {}): Promise<unknown> {
    return this.client.request({ method: "tools/call", params: { name: "t", arguments: {} } }, PASS, options);
  }

  /** What a call fails with. */
  async failure(options: object = {}): Promise<HttpFailure> {
    const error = await this.call(options).then(
      () => assert.fail("the call succeeded"),
      (cause: unknown) => cause,
    );
    assert.ok(error instanceof HttpFailure, String(error));
    assert.ok(!error.message.includes("in-the-query") && !error.message.includes("/mcp"), error.message);
    return error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    this.fetches[Symbol.dispose]();
    await this.peer[Symbol.asyncDispose]();
  }
}

function facts({ kind, phase, status, inSession }: HttpFailure): object {
  return { kind, phase, status, inSession };
}

suite("HttpTransport, how a request ends", () => {
  for (const era of ERAS) {
    const serve = (onCall: RawAnswer): Promise<Desk> => Desk.open(era, onCall);

    test(`${era}: with the answer, as JSON or as an event (H1)`, async () => {
      let asEvent = false;
      await using desk = await serve((request, response) => {
        if (asEvent) {
          events(response, resultOf(request));
          response.end();
        } else json(response, resultOf(request));
      });
      const fromJson = await desk.call();
      asEvent = true;
      assert.deepEqual(await desk.call(), fromJson);
      assert.equal(desk.client.getProtocolEra(), era === "2026" ? "modern" : "legacy");
    });

    const cuts: readonly (readonly [string, (response: ServerResponse) => void])[] = [
      ["a stream that ends", (response) => response.end()],
      ["a stream that is reset", (response) => response.destroy()],
    ];
    for (const [what, cut] of cuts) {
      test(`${era}: with an error at once after ${what} without the answer (H1)`, async () => {
        await using desk = await serve((request, response) => {
          events(response, {
            jsonrpc: "2.0",
            method: "notifications/message",
            params: { level: "info", data: 1 },
          });
          assert.ok(request.id !== undefined);
          cut(response);
        });
        const error = await desk.failure();
        assert.deepEqual([error.kind, error.phase, isCut(error)], ["cut", "unknown", true]);
      });
    }

    test(`${era}: with an error when JSON breaks off, is none, or is no message (H1)`, async () => {
      const answers: readonly (readonly [string, (response: ServerResponse) => void])[] = [
        [
          "cut",
          (response) =>
            void response
              .writeHead(200, { "content-type": "application/json" })
              .write('{"a"', () => response.destroy()),
        ],
        [
          "bad_answer",
          (response) => void response.writeHead(200, { "content-type": "application/json" }).end("{oops"),
        ],
        ["bad_answer", (response) => json(response, { hello: 1 })],
        ["bad_answer", (response) => json(response, [])],
        [
          "bad_answer",
          (response) => void response.writeHead(200, { "content-type": "text/html" }).end("<p>Welcome"),
        ],
        ["bad_answer", (response) => void response.writeHead(200).end("?")],
        ["bad_answer", (response) => void response.writeHead(202).end()],
        ["bad_answer", (response) => void response.writeHead(204).end()],
      ];
      let at = 0;
      await using desk = await serve((_, response) => answers[at]?.[1](response));
      for (const [index, [kind]] of answers.entries()) {
        at = index;
        const error = await desk.failure();
        assert.deepEqual([index, error.kind, error.phase], [index, kind, "unknown"]);
      }
    });

    test(`${era}: with an error when the answer is another request's (H1)`, async () => {
      const wrong = { jsonrpc: "2.0", id: 4711, result: {} };
      await using desk = await serve((_, response) => json(response, wrong));
      assert.equal((await desk.failure()).kind, "bad_answer");
      desk.peer.answer = (_, response) => events(response, wrong);
      assert.equal((await desk.failure()).kind, "bad_answer");
    });

    test(`${era}: with the answer, when the server gives its id back as text (H1)`, async () => {
      await using desk = await serve((request, response) => {
        const answer = resultOf(request, "as text");
        json(response, { ...answer, id: String(request.id) });
      });
      assert.match(JSON.stringify(await desk.call()), /as text/);
    });

    test(`${era}: with the error that has no id, because the server could not read the request (H1)`, async () => {
      const error = { code: -32_700, message: "parse error" };
      await using desk = await serve((_, response) => json(response, { jsonrpc: "2.0", id: null, error }));
      await assert.rejects(
        desk.call(),
        (thrown) => thrown instanceof ProtocolError && thrown.code === -32_700,
      );
    });

    test(`${era}: with the JSON-RPC error in a 400 or 404 (H3)`, async () => {
      let status = 404;
      await using desk = await serve(({ id }, response) =>
        json(response, { jsonrpc: "2.0", id, error: { code: -32_601, message: "no such method" } }, status),
      );
      const isIt = (thrown: unknown): boolean => thrown instanceof ProtocolError && thrown.code === -32_601;
      await assert.rejects(desk.call(), isIt);
      status = 400;
      await assert.rejects(desk.call(), isIt);
    });

    test(`${era}: with what the status means`, async () => {
      let status = 0;
      await using desk = await serve(
        (_, response) => void response.writeHead(status, { "retry-after": "7" }).end("because of the moon"),
      );
      const inSession = false;
      const expected = [
        { kind: "unauthorized", phase: "rejected", status: 401, inSession },
        { kind: "forbidden", phase: "rejected", status: 403, inSession },
        { kind: "http_status", phase: "rejected", status: 404, inSession },
        { kind: "http_status", phase: "rejected", status: 400, inSession },
        { kind: "rate_limited", phase: "rejected", status: 429, inSession },
        { kind: "http_status", phase: "unknown", status: 500, inSession },
        { kind: "http_status", phase: "unknown", status: 503, inSession },
      ];
      for (const each of expected) {
        status = each.status;
        const error = await desk.failure();
        assert.deepEqual(facts(error), each);
        assert.equal(error.retryAfterMs, 7000);
        assert.match(error.message, /it said: because of the moon \[request_failed\]$/);
      }
    });

    test(`${era}: with an error when the server is gone, or breaks the connection before it answers`, async () => {
      await using desk = await serve((_, response) => void response.destroy());
      const reset = await desk.failure();
      assert.deepEqual([reset.kind, reset.phase], ["reset", "unknown"]);
      await desk.peer[Symbol.asyncDispose]();
      const refused = await desk.failure();
      assert.deepEqual([refused.kind, refused.phase], ["refused", "not_sent"]);
      assert.match(
        refused.message,
        /^MCP server "raw" at http:\/\/127\.0\.0\.1:\d+ cannot be connected to \(ECONNREFUSED\)/,
      );
    });

    test(`${era}: a JSON answer and an event above the limit are errors, and the connection is closed (H7)`, async () => {
      const long = "x".repeat(BODY_BYTES_MAX);
      await using desk = await serve((request, response) => json(response, resultOf(request, long)));
      assert.equal((await desk.failure()).kind, "message_too_large");
      desk.peer.answer = (request, response) => events(response, resultOf(request, long));
      const error = await desk.failure();
      assert.deepEqual([error.kind, error.code], ["message_too_large", "message_too_large"]);
      await desk.peer.waitFor(({ requests }) => requests.every(({ isOver }) => isOver));
    });

    test(`${era}: after the last progress, also when both come at once (H4)`, async () => {
      await using desk = await serve((request, response) => {
        const { params } = request.body as { params: { _meta: { progressToken: number } } };
        const { progressToken } = params._meta;
        const of = (progress: number): object => ({
          jsonrpc: "2.0",
          method: "notifications/progress",
          params: { progressToken, progress },
        });
        events(response, ...[1, 2, 3, 4, 5].map(of), resultOf(request));
        response.end();
      });
      const seen: number[] = [];
      await desk.call({ onprogress: ({ progress }: { progress: number }) => seen.push(progress) });
      assert.deepEqual(seen, [1, 2, 3, 4, 5]);
    });

    test(`${era}: a redirect within the origin is followed, one to another origin is named (Q3)`, async () => {
      await using elsewhere = await RawPeer.start((_, response) => void response.end());
      let location = "/other";
      await using desk = await serve((request, response) => {
        if (request.path === "/other") return json(response, resultOf(request));
        response.writeHead(307, { location }).end();
      });
      await desk.call();
      location = `http://127.0.0.1:${elsewhere.port}/path?secret`;
      const error = await desk.failure();
      assert.deepEqual([error.status, error.phase], [307, "rejected"]);
      assert.match(
        error.message,
        new RegExp(`redirects to http://127\\.0\\.0\\.1:${elsewhere.port} \\(307\\)`),
      );
      assert.deepEqual(elsewhere.requests, []);
    });

    test(`${era}: an answer on a stream that does not end frees its connection after a while (H8)`, async () => {
      await using desk = await serve((request, response) => events(response, resultOf(request)));
      await desk.call();
      await desk.clock.advance(1_000);
      await desk.peer.waitFor(({ requests }) => requests.every(({ isOver }) => isOver));
    });

    test(`${era}: cancelled, and its exchange ends (H8)`, async (t: TestContext) => {
      await using desk = await serve((request, response) => {
        if (request.rpcMethod === "notifications/cancelled") response.writeHead(202).end();
      });
      const stop = new AbortController();
      const call = desk.call({ signal: stop.signal });
      const asked = await desk.peer.waitFor((peer) => peer.asked("tools/call")[0], t);
      stop.abort(new SdkError("CONNECTION_CLOSED" as never, "enough"));
      await assert.rejects(call, /enough/);
      await desk.peer.waitFor(() => asked.isOver, t);
      assert.equal(desk.peer.asked("notifications/cancelled").length, era === "2025" ? 1 : 0);
    });
  }

  test("2025: an error in a 404 of a session is the loss of it, unless it says that there is no such method (H3)", async () => {
    let code = -32_001;
    await using desk = await Desk.open(
      "2025",
      ({ id }, response) => json(response, { jsonrpc: "2.0", id, error: { code, message: "no" } }, 404),
      { session: "s1" },
    );
    const error = await desk.failure();
    assert.deepEqual(facts(error), { kind: "session_lost", phase: "rejected", status: 404, inSession: true });
    assert.equal(error.remedy, "relaunch");
    code = -32_601;
    await assert.rejects(desk.call(), ProtocolError);
    desk.peer.answer = (_, response) => void response.writeHead(400).end();
    assert.deepEqual(facts(await desk.failure()), {
      kind: "http_status",
      phase: "rejected",
      status: 400,
      inSession: true,
    });
  });

  test("connecting fails with the same failure, in the chain of causes (H9)", async () => {
    const statuses = [401, 403, 429, 500, 503];
    await using peer = await RawPeer.start((_, response) => void response.writeHead(statuses[0] ?? 0).end());
    using fetches = new NodeFetch();
    for (; statuses.length > 0; statuses.shift()) {
      const headers = (): Promise<ReadonlyMap<string, string>> => Promise.resolve(new Map());
      await using transport = new HttpTransport({
        server: "raw",
        url: peer.url,
        headers,
        fetch: fetches.fetch,
      });
      const client = new Client({ name: "t", version: "1" }, { versionNegotiation: { mode: "auto" } });
      const error = await client.connect(transport).then(
        () => assert.fail(),
        (cause: unknown) => httpFailureOf(cause),
      );
      assert.equal(error?.status, statuses[0]);
    }
  });

  test("a message that no server should send is skipped, and logged without secrets (H1)", async () => {
    const redactor = new Redactor();
    redactor.add("very-secret");
    await using desk = await Desk.open(
      "2025",
      (request, response) => {
        events(response);
        response.write("data: {very-secret\n\n");
        events(response, resultOf(request));
        response.end();
      },
      { redactor },
    );
    await desk.call();
    assert.deepEqual(
      desk.lines.filter((line) => line.includes("skipped")),
      ['MCP server "raw" sent an event that is not JSON; skipped: {***'],
    );
  });
});

suite("HttpTransport, resumption", () => {
  test("2025: an answer that breaks off after an event with an id goes on from there, after the server's pause (H2)", async (t) => {
    await using desk = await Desk.open(
      "2025",
      (_, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.end("id: e1\nretry: 400\ndata:\n\n");
      },
      {
        get: (request, response) => {
          if (request.headers["last-event-id"] === undefined) return void response.writeHead(405).end();
          const call = desk.peer.asked("tools/call")[0];
          assert.ok(call);
          events(response, resultOf(call, "resumed"));
          response.end();
        },
      },
    );
    const call = desk.call();
    await desk.peer.waitFor((peer) => peer.asked("tools/call")[0]?.isOver, t);
    const resumed = (): RawRequest | undefined =>
      desk.peer.asked("GET").find(({ headers }) => headers["last-event-id"] !== undefined);
    while (desk.clock.nextInMs === undefined) await new Promise(setImmediate);
    assert.equal(desk.clock.nextInMs, 400);
    await desk.clock.advance(399);
    assert.equal(resumed(), undefined);
    await desk.clock.advance(1);
    assert.match(JSON.stringify(await call), /resumed/);
    assert.equal(resumed()?.headers["last-event-id"], "e1");
  });

  for (const [what, status, attempts] of [
    ["at once where the server does not know the event", 404, 1],
    ["after some attempts where the server fails", 503, 5],
  ] as const) {
    test(`2025: it is given up ${what} (H2)`, async () => {
      await using desk = await Desk.open(
        "2025",
        (_, response) => {
          response.writeHead(200, { "content-type": "text/event-stream" });
          response.end("id: e1\ndata:\n\n");
        },
        {
          get: (request, response) =>
            void response.writeHead(request.headers["last-event-id"] === undefined ? 405 : status).end(),
        },
      );
      let isOver = false;
      const call = desk.failure().finally(() => {
        isOver = true;
      });
      while (!isOver) {
        await desk.clock.advance(1_000);
        await new Promise(setImmediate);
      }
      assert.equal((await call).kind, "cut");
      const resumes = desk.peer.asked("GET").filter(({ headers }) => headers["last-event-id"] === "e1");
      assert.equal(resumes.length, attempts);
    });
  }

  test("2026: there is none: the error comes at once (H2)", async () => {
    await using desk = await Desk.open("2026", (_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end("id: e1\ndata:\n\n");
    });
    assert.equal((await desk.failure()).kind, "cut");
    assert.deepEqual(desk.peer.asked("GET"), []);
  });
});

suite("HttpTransport, its session and its end", () => {
  test("ends a session that is ours, and every exchange with it (H6)", async (t) => {
    await using desk = await Desk.open("2025", () => {}, { session: "s1" });
    const call = assert.rejects(desk.call());
    await desk.peer.waitFor((peer) => peer.asked("tools/call")[0], t);
    await Promise.all([desk.transport.close(), desk.transport.close()]);
    await call;
    assert.deepEqual(
      desk.peer.asked("DELETE").map(({ headers }) => headers["mcp-session-id"]),
      ["s1"],
    );
    assert.equal((await desk.transport.ended).code, "closed");
    await desk.peer.waitFor(({ requests }) => requests.every(({ isOver }) => isOver), t);
    await assert.rejects(desk.transport.send({ jsonrpc: "2.0", method: "x" }), { code: "closed" });
  });

  test("waits no longer than a second for a server that does not say goodbye, and never rejects (H6)", async (t) => {
    await using desk = await Desk.open("2025", () => {}, { session: "s1" });
    desk.peer.answer = () => {};
    const closed = desk.transport.close();
    await desk.peer.waitFor((peer) => peer.asked("DELETE")[0], t);
    await desk.clock.advance(1_000);
    await closed;
    await using gone = await Desk.open("2025", () => {}, { session: "s1" });
    await gone.peer[Symbol.asyncDispose]();
    await gone.transport.close();
  });

  test("joins the session that a configured header names, and leaves it as it is (H6)", async () => {
    await using peer = await RawPeer.start((request, response) => json(response, resultOf(request)));
    using fetches = new NodeFetch();
    const headers = (): Promise<ReadonlyMap<string, string>> =>
      Promise.resolve(new Map([["Mcp-Session-Id", "theirs"]]));
    const transport = new HttpTransport({ server: "raw", url: peer.url, headers, fetch: fetches.fetch });
    const received: JSONRPCMessage[] = [];
    transport.onmessage = (message) => void received.push(message);
    await transport.start();
    assert.equal(transport.joined, true);
    assert.equal(transport.sessionId, "theirs");
    await transport.send({ jsonrpc: "2.0", id: 1, method: "tools/call" });
    await transport.close();
    assert.equal(received.length, 1);
    assert.deepEqual(
      peer.requests.map(({ method, headers: sent }) => [method, sent["mcp-session-id"]]),
      [["POST", "theirs"]],
    );
  });

  test("opens the standing stream again for ever, and says when something may be missing (H5)", async (t) => {
    let status = 200;
    const streams: ServerResponse[] = [];
    await using desk = await Desk.open("2025", () => {}, {
      get: (_, response) => {
        if (status !== 200) return void response.writeHead(status).end();
        streams.push(response);
        events(response);
      },
    });
    let restored = 0;
    desk.transport.onStreamRestored = () => restored++;
    const changes: unknown[] = [];
    desk.client.fallbackNotificationHandler = (notification) =>
      Promise.resolve(void changes.push(notification.method));
    await desk.peer.waitFor(() => streams[0], t);
    status = 503;
    streams[0]?.end();
    const gets = (): number => desk.peer.asked("GET").length;
    const goOn = async (until: () => boolean): Promise<void> => {
      while (!until()) {
        await desk.clock.advance(1_000);
        await new Promise(setImmediate);
      }
    };
    await goOn(() => gets() >= 8);
    assert.equal(restored, 0);
    status = 200;
    await goOn(() => streams.length === 2);
    await goOn(() => restored === 1);
    const change = { jsonrpc: "2.0", method: "notifications/tools/list_changed" };
    if (streams[1] !== undefined) events(streams[1], change);
    while (changes.length === 0) await new Promise(setImmediate);
    assert.deepEqual(changes, [change.method]);
  });

  test("says that the session is lost where the standing stream learns it (H5)", async (t) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let stream: ServerResponse | undefined;
    await using desk = await Desk.open("2025", () => {}, {
      session: "s1",
      get: (_, response) => {
        if (stream !== undefined) return void response.writeHead(404).end();
        stream = response;
        events(response);
      },
    });
    desk.transport.onSessionLost = resolve;
    await desk.peer.waitFor(() => stream, t);
    stream?.end();
    while (desk.peer.asked("GET").length < 2) {
      await desk.clock.advance(1_000);
      await new Promise(setImmediate);
    }
    await promise;
  });

  test("refuses to start once closed", async () => {
    using fetches = new NodeFetch();
    const headers = (): Promise<ReadonlyMap<string, string>> => Promise.resolve(new Map());
    const transport = new HttpTransport({
      server: "raw",
      url: new URL("http://127.0.0.1:1/"),
      headers,
      fetch: fetches.fetch,
    });
    await transport.close();
    await assert.rejects(transport.start(), TransportError);
  });
});
