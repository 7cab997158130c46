import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { systemClock, wallTime } from "../../base/clock.ts";
import { Redactor } from "../../base/redact.ts";
import { ManualClock } from "../../testing/index.ts";
import { type RawAnswer, RawPeer } from "../../testing/http-server/raw-peer.ts";
import { McpError, TransportError } from "../errors.ts";
import { readText } from "./http-fetch.ts";
import type { LoginSource, LoginToken } from "./login-token.ts";
import { NodeFetch } from "./node-fetch.ts";
import {
  type HeaderSource,
  type Outcome,
  ServerRequests,
  type ServerRequestsOptions,
} from "./server-requests.ts";

class Desk implements AsyncDisposable {
  readonly peer: RawPeer;
  readonly requests: ServerRequests;
  readonly #fetches = new NodeFetch();

  private constructor(peer: RawPeer, headers: HeaderSource, options: Partial<ServerRequestsOptions>) {
    this.peer = peer;
    const url = new URL(peer.url);
    // They would authorize already.
    if (options.login === undefined) {
      url.username = "me";
      url.password = "p%40ss";
    }
    this.requests = new ServerRequests(
      {
        server: "s",
        url,
        headers,
        fetch: this.#fetches.fetch,
        redactor: new Redactor(),
        clock: systemClock,
        ...options,
      },
      new AbortController().signal,
    );
  }

  static async open(
    answer: RawAnswer,
    headers: HeaderSource,
    options: Partial<ServerRequestsOptions> = {},
  ): Promise<Desk> {
    const desk = new Desk(await RawPeer.start(answer), headers, options);
    try {
      await desk.requests.open();
    } catch (error) {
      await desk[Symbol.asyncDispose]();
      throw error;
    }
    return desk;
  }

  send(own: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    const { signal } = new AbortController();
    return this.requests.send({ method: "POST", headers: Object.entries(own), body: "{}", signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fetches[Symbol.dispose]();
    await this.peer[Symbol.asyncDispose]();
  }
}

const ok: RawAnswer = (_, response) => void response.writeHead(200).end("fine");
const none: HeaderSource = () => Promise.resolve(new Map());

suite("ServerRequests", () => {
  test("asks for headers once more after a 401, once for all requests that got one (Q1)", async () => {
    const asked: string[] = [];
    const source: HeaderSource = async (why) => {
      const token = asked.push(why);
      // All of them have got their 401 when there are other headers.
      if (why === "unauthorized")
        await desk.peer.waitFor(({ requests }) => requests.filter(({ isOver }) => isOver).length >= 8);
      return new Map([["Authorization", `Bearer ${token}`]]);
    };
    await using desk = await Desk.open(({ headers }, response) => {
      response.writeHead(headers["authorization"] === "Bearer 2" ? 200 : 401).end();
    }, source);
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => desk.send()));
    assert.deepEqual(new Set(outcomes.map(({ kind }) => kind)), new Set(["answer"]));
    assert.deepEqual(asked, ["open", "unauthorized"]);
    // Once more only: these are refused as well.
    desk.peer.answer = (_, response) => void response.writeHead(401).end();
    const outcome = await desk.send();
    assert.ok(outcome.kind === "failure" && outcome.failure.kind === "unauthorized");
    assert.deepEqual(asked, ["open", "unauthorized", "unauthorized"]);
  });

  test("asks for headers once more after a 403 that wants more scopes, and not after another one (Q1)", async () => {
    const asked: string[] = [];
    const source: HeaderSource = async (why) => new Map([["Authorization", `Bearer ${asked.push(why)}`]]);
    await using desk = await Desk.open(({ headers }, response) => {
      const challenge = { "www-authenticate": 'Bearer error="insufficient_scope", scope="write"' };
      if (headers["authorization"] === "Bearer 1") response.writeHead(403, challenge).end();
      else response.writeHead(403).end();
    }, source);
    const outcome = await desk.send();
    assert.ok(outcome.kind === "failure" && outcome.failure.kind === "forbidden");
    assert.equal(outcome.failure.wanted, undefined);
    assert.deepEqual(asked, ["open", "open"]);
    await desk.send();
    assert.deepEqual(asked, ["open", "open"]);
  });

  test("sends nothing again with the same headers, or without any (Q1)", async () => {
    const problem = new Error("the helper failed");
    let hasOthers = true;
    await using desk = await Desk.open(
      (_, response) => void response.writeHead(401).end(),
      (why, signal) => (hasOthers ? none(why, signal) : Promise.reject(problem)),
    );
    assert.equal((await desk.send()).kind, "failure");
    assert.equal(desk.peer.requests.length, 1);
    hasOthers = false;
    const outcome = await desk.send();
    assert.ok(outcome.kind === "failure");
    assert.match(outcome.failure.message, /there are no other headers for it: the helper failed/);
    assert.equal(outcome.failure.cause, problem);
    assert.equal(desk.peer.requests.length, 2);
  });

  test("asks for the token of a login where no header authorizes, and for another one after a 401 (Q6)", async () => {
    const asked: (readonly [why: string, last: string | undefined])[] = [];
    const login: LoginSource = async ({ why, last }) => ({ token: `token-${asked.push([why, last])}` });
    const answer: RawAnswer = ({ headers }, response) => {
      response.writeHead(headers["authorization"] === "Bearer token-1" ? 401 : 200).end();
    };
    await using desk = await Desk.open(answer, none, { login });
    assert.equal((await desk.send()).kind, "answer");
    assert.deepEqual(asked, [
      ["open", undefined],
      ["unauthorized", "token-1"],
    ]);
    const own: HeaderSource = () => Promise.resolve(new Map([["Authorization", "Bearer own"]]));
    await using other = await Desk.open(answer, own, { login });
    await other.send();
    assert.equal(other.peer.requests[0]?.headers["authorization"], "Bearer own");
    assert.equal(asked.length, 2);
  });

  test("sends nothing again without another token, and says whether only a person can help (Q1, Q6)", async () => {
    let problem: Error | undefined;
    const login: LoginSource = () =>
      problem === undefined ? Promise.resolve({ token: "token-1" }) : Promise.reject(problem);
    await using desk = await Desk.open((_, response) => void response.writeHead(401).end(), none, { login });
    const same = await desk.send();
    assert.ok(same.kind === "failure" && same.failure.kind === "unauthorized");
    problem = new McpError("needs_login", "its login has ended", { server: "s" });
    const ended = await desk.send();
    assert.ok(ended.kind === "failure" && ended.failure.kind === "unauthorized");
    assert.match(ended.failure.message, /answered 401 \(unauthorized\): its login has ended/);
    assert.notEqual(ended.failure.wanted, undefined);
    problem = new Error("no connection");
    const later = await desk.send();
    assert.ok(later.kind === "failure" && later.failure.kind === "refused");
    assert.match(later.failure.message, /its login cannot be renewed now: no connection/);
    assert.deepEqual([later.failure.phase, later.failure.wanted], ["rejected", undefined]);
    assert.equal(desk.peer.requests.length, 3);
  });

  test("lets no request wait for a token that is due, but for one that is over (Q6)", async () => {
    const next = Promise.withResolvers<LoginToken>();
    let given: LoginToken = { token: "old", dueAt: wallTime() - 1, endsAt: wallTime() + 3_600_000 };
    const asked: string[] = [];
    const login: LoginSource = ({ why }) => {
      asked.push(why);
      return why === "open" ? Promise.resolve(given) : next.promise;
    };
    const tokens = ({ peer }: Desk): unknown[] =>
      peer.requests.map(({ headers }) => headers["authorization"]);
    await using desk = await Desk.open(ok, none, { login });
    await desk.send();
    await desk.send();
    assert.deepEqual(
      [tokens(desk), asked],
      [
        ["Bearer old", "Bearer old"],
        ["open", "due"],
      ],
    );
    given = { ...given, endsAt: wallTime() - 1 };
    await using waiting = await Desk.open(ok, none, { login });
    const sent = waiting.send();
    await new Promise(setImmediate);
    assert.equal(waiting.peer.requests.length, 0);
    next.resolve({ token: "new" });
    await sent;
    await desk.send();
    assert.deepEqual([tokens(waiting), tokens(desk).at(-1)], [["Bearer new"], "Bearer new"]);
  });

  test("the headers of the protocol win, but for the session that a configured one joins (Q2)", async () => {
    const configured = {
      Accept: "x/y",
      "Content-Type": "x/y",
      "Content-Length": "7",
      "Mcp-Method": "evil",
      "Mcp-Protocol-Version": "1",
      "User-Agent": "mine",
      Host: "example.test",
      Authorization: "Bearer t",
      "Mcp-Session-Id": "theirs",
    };
    await using desk = await Desk.open(ok, () => Promise.resolve(new Map(Object.entries(configured))));
    await desk.send({ accept: "application/json", "mcp-session-id": "ours" });
    const sent = desk.peer.requests[0]?.headers;
    assert.deepEqual(
      ["accept", "content-type", "content-length", "mcp-method", "mcp-protocol-version"].map(
        (name) => sent?.[name],
      ),
      ["application/json", undefined, "2", undefined, undefined],
    );
    assert.deepEqual(
      ["user-agent", "host", "authorization", "mcp-session-id"].map((name) => sent?.[name]),
      ["mine", "example.test", "Bearer t", "theirs"],
    );
    assert.equal(desk.requests.joinedSession, "theirs");
  });

  test("user name and password of the URL become Basic, and stay out of the request line (Q2)", async () => {
    await using desk = await Desk.open(ok, none);
    await desk.send();
    const [request] = desk.peer.requests;
    assert.equal(request?.headers["authorization"], `Basic ${Buffer.from("me:p@ss").toString("base64")}`);
    assert.match(request?.headers["user-agent"] ?? "", /^switchyard\/\d/);
    assert.equal(request?.path, "/mcp?key=in-the-query");
  });

  test("a header that cannot be sent is an error that does not show its value", async () => {
    const source: HeaderSource = () => Promise.resolve(new Map([["X-Token", "hidden\nvalue"]]));
    await assert.rejects(Desk.open(ok, source), (error) => {
      assert.ok(error instanceof TransportError && error.code === "invalid_server");
      return /the header X-Token has a line break/.test(error.message) && !/hidden/.test(error.message);
    });
  });

  test("headers never reach another origin, whatever a redirect says (Q3)", async () => {
    await using elsewhere = await RawPeer.start(ok);
    const source: HeaderSource = () => Promise.resolve(new Map([["authorization", "Bearer t"]]));
    for (const status of [301, 302, 303, 307, 308]) {
      await using desk = await Desk.open((_, response) => {
        response.writeHead(status, { location: elsewhere.url.href }).end();
      }, source);
      assert.equal((await desk.send()).kind, "failure");
    }
    assert.deepEqual(elsewhere.requests, []);
  });

  test("redirects that go in circles end (Q3)", async () => {
    await using desk = await Desk.open(
      (_, response) => void response.writeHead(308, { location: "/mcp" }).end(),
      none,
    );
    assert.equal((await desk.send()).kind, "failure");
    assert.equal(desk.peer.requests.length, 6);
  });

  test("shows the origin and what the server said, bounded and without secrets (Q4)", async () => {
    const redactor = new Redactor();
    redactor.add("top-secret-value");
    await using desk = await Desk.open(
      (_, response) => void response.writeHead(500).end(`no top-secret-value here\n${"x".repeat(500)}`),
      none,
      { redactor },
    );
    const outcome = await desk.send();
    assert.ok(outcome.kind === "failure");
    assert.match(
      outcome.failure.message,
      /^MCP server "s" at http:\/\/127\.0\.0\.1:\d+ answered with an error \(500\); it said: no \*\*\* herex+… \[request_failed\]$/,
    );
    assert.ok(outcome.failure.message.length < 400);
  });

  test("does not wait for a body of an error that does not end, and closes it (Q5)", async (t) => {
    const clock = new ManualClock();
    await using desk = await Desk.open((_, response) => void response.writeHead(500).write("forever"), none, {
      clock,
    });
    const outcome = desk.send();
    while (clock.pending === 0) await new Promise(setImmediate);
    await clock.advance(1_000);
    assert.equal((await outcome).kind, "failure");
    await desk.peer.waitFor(({ requests }) => requests[0]?.isOver, t);
  });

  test("reads the time after which to try again: in seconds, or as a date", async () => {
    const date = new Date(1_700_000_000_000);
    const cases: readonly (readonly [string, number | undefined])[] = [
      ["3", 3000],
      [new Date(date.getTime() + 5000).toUTCString(), 5000],
      [new Date(0).toUTCString(), 0],
      ["later", undefined],
    ];
    for (const [value, expected] of cases) {
      await using desk = await Desk.open((_, response) => {
        response.writeHead(429, { "retry-after": value, date: date.toUTCString() }).end();
      }, none);
      const outcome = await desk.send();
      assert.equal(outcome.kind === "failure" ? outcome.failure.retryAfterMs : -1, expected);
    }
  });

  test("an answer is handed on unread", async () => {
    await using desk = await Desk.open(ok, none);
    const outcome = await desk.send();
    assert.ok(outcome.kind === "answer");
    assert.equal(await readText(outcome.answer, 10), "fine");
  });
});
