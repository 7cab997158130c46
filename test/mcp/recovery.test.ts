/**
 * The recovery table: what happens between us and a server over HTTP, what the caller of a tool gets, and what the server's status
 * says. One test for each row, era, and place that the requests come from. docs/connections.md has the table in words.
 *
 * A server over stdio is in `connections.test.ts`; what concerns executors and starts stands in `recovery-starts.test.ts`.
 */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { after, before, suite, test } from "node:test";
import type { CallOutcome, McpConnectionManager } from "../../src/mcp/index.ts";
import { events } from "../../src/testing/http-server/raw-peer.ts";
import { startServer, type ServerSubject } from "../executor/support/subjects.ts";
import { ScriptedHttpServer, type HttpScript } from "./support/scripted-http.ts";
import { inState, McpBench, textOf } from "./support/scripted.ts";

type Era = "legacy" | "modern";

interface Row {
  readonly what: string;
  /** In which eras it can happen. @default both */
  readonly eras?: readonly Era[];
  readonly script?: HttpScript;
  /** Whether the tool is annotated read-only. @default false */
  readonly readOnly?: boolean;
  /** Makes it happen, to the call that follows. */
  readonly given: (server: ScriptedHttpServer) => void | Promise<void>;
  /** What happens while the call is under way. */
  readonly meanwhile?: (server: ScriptedHttpServer) => Promise<void>;
  /** What the caller gets: kind, and reason. */
  readonly caller: `${CallOutcome["kind"]}` | `not_sent ${string}`;
  readonly message?: RegExp;
  /** How often the call was sent to a server that takes requests; `undefined` where that depends. */
  readonly sent: number | undefined;
  /** What the status says, from the call on until a later call has its answer. @default nothing: it stays `ready` */
  readonly status?: readonly string[] | Readonly<Record<Era, readonly string[]>>;
  /** What has to happen before a later call has its answer. @default nothing */
  readonly mend?: (server: ScriptedHttpServer, thread: McpConnectionManager) => Promise<void>;
}

const RENEWED = ["restarting", "ready"];
const UNKNOWN = /it is not known whether the call was carried out: /;

/** Answers the next calls, so many of them, in place of the server. */
function failing(answer: (response: ServerResponse) => void, times = 1): Row["given"] {
  return (server) => {
    let left = times;
    server.intercept = ({ rpcMethod }, response) => {
      if (rpcMethod !== "tools/call" || left-- <= 0) return false;
      answer(response);
      return true;
    };
  };
}

function status(
  code: number,
  headers: Readonly<Record<string, string>> = {},
): (response: ServerResponse) => void {
  return (response) => void response.writeHead(code, { "content-type": "text/plain", ...headers }).end("no");
}

function forget(server: ScriptedHttpServer): void {
  server.sessions.clear();
}

const CUT_EVENTS = (response: ServerResponse): void => {
  events(response, { jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "" } });
  setImmediate(() => response.destroy());
};

/** Connections that were closed at the other end are found closed here. */
async function settled(change: Promise<void>): Promise<void> {
  await change;
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const LEGACY: readonly Era[] = ["legacy"];

const ROWS: readonly Row[] = [
  {
    what: "404: the session is lost",
    eras: LEGACY,
    given: forget,
    caller: "result",
    sent: 2,
    status: RENEWED,
  },
  {
    what: "400: the session is lost, and a ping says so too",
    eras: LEGACY,
    script: { lostStatus: 400 },
    given: forget,
    caller: "result",
    sent: 2,
    status: RENEWED,
  },
  ...[500, 502, 503].flatMap((lostStatus): readonly Row[] => [
    {
      what: `${lostStatus}: the session is lost`,
      eras: LEGACY,
      script: { lostStatus },
      given: forget,
      caller: "lost",
      message: UNKNOWN,
      sent: 1,
      status: RENEWED,
    },
    {
      what: `${lostStatus}: the session is lost, and the tool is read-only`,
      eras: LEGACY,
      script: { lostStatus },
      readOnly: true,
      given: forget,
      caller: "result",
      sent: 2,
      status: RENEWED,
    },
  ]),
  {
    what: "404 without a session",
    script: { sessions: false },
    given: failing(status(404)),
    caller: "not_sent rejected",
    message: /has nothing at the path of its url \(404\)/,
    sent: 1,
  },
  {
    what: "the server was started again at the same URL, with sessions",
    eras: LEGACY,
    given: (server) => settled(server.restart()),
    caller: "result",
    sent: 2,
    status: RENEWED,
  },
  {
    what: "the server was started again at the same URL, without sessions",
    script: { sessions: false },
    given: (server) => settled(server.restart()),
    caller: "result",
    sent: 1,
  },
  {
    what: "the connection is refused, and the server is back a moment later, without its sessions",
    given: (server) => settled(server.stop()),
    meanwhile: async (server) => {
      // After the second attempt, and long before the third.
      await new Promise((resolve) => setTimeout(resolve, 500));
      await server.again();
    },
    caller: "result",
    // A session may be found lost by the standing stream before the call finds it.
    sent: undefined,
    status: { legacy: RENEWED, modern: [] },
  },
  {
    what: "the connection is refused, for longer",
    given: (server) => settled(server.stop()),
    caller: "not_sent unreachable",
    message: /cannot be (?:connected to|reached through its executor)/,
    sent: 0,
    status: ["restarting", "failed", "restarting", "ready"],
    mend: async (server, thread) => {
      await inState(thread, "a", "failed");
      const { status: now } = thread.server("a");
      assert.ok(now.state === "failed" && now.reason.code === "unreachable");
      assert.ok(now.nextAttemptMs !== undefined && now.nextAttemptMs <= 4_000);
      await server.again();
      await inState(thread, "a", "ready");
    },
  },
  ...[500, 502, 503, 504].map(
    (code): Row => ({
      what: `${code} for a call`,
      given: failing(status(code)),
      caller: "lost",
      message: new RegExp(`answered with an error \\(${code}\\); it said: no`),
      sent: 1,
    }),
  ),
  {
    what: "503 twice for a call of a read-only tool",
    readOnly: true,
    given: failing(status(503), 2),
    caller: "result",
    sent: 3,
  },
  {
    what: "503 again and again for a call of a read-only tool",
    readOnly: true,
    given: failing(status(503), 99),
    caller: "lost",
    sent: 3,
    mend: async (server) => void (server.intercept = () => false),
  },
  {
    what: "a reset before the answer",
    given: failing((response) => void response.destroy()),
    caller: "lost",
    message: UNKNOWN,
    sent: 1,
  },
  {
    what: "a reset before the answer, and the tool is read-only",
    readOnly: true,
    given: failing((response) => void response.destroy()),
    caller: "result",
    sent: 2,
  },
  {
    what: "a reset within the answer",
    given: failing((response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "1000" }).write("{");
      setImmediate(() => response.destroy());
    }),
    caller: "lost",
    message: /broke off its answer/,
    sent: 1,
  },
  {
    what: "a stream that breaks off before the result",
    given: failing(CUT_EVENTS),
    caller: "lost",
    message: /broke off its answer/,
    sent: 1,
  },
  {
    what: "a stream that ends without the result",
    given: failing((response) => {
      events(response);
      response.end();
    }),
    caller: "lost",
    message: /broke off its answer/,
    sent: 1,
  },
  {
    what: "a stream that breaks off before the result of a read-only tool",
    readOnly: true,
    given: failing(CUT_EVENTS),
    caller: "result",
    sent: 2,
  },
  {
    what: "a stream that breaks off after an event with an id, and the server goes on",
    eras: LEGACY,
    given: (server) => {
      let id: unknown;
      server.intercept = (request, response) => {
        if (request.rpcMethod === "tools/call" && id === undefined) {
          id = request.id;
          events(response);
          response.write("id: 7\nretry: 100\ndata:\n\n");
          setImmediate(() => response.destroy());
          return true;
        }
        if (request.method !== "GET" || request.headers["last-event-id"] !== "7") return false;
        const result = { content: [{ type: "text", text: "1" }] };
        events(response, { jsonrpc: "2.0", id, result });
        response.end();
        return true;
      };
    },
    caller: "result",
    sent: 1,
  },
  {
    what: "403",
    given: failing(status(403)),
    caller: "not_sent rejected",
    message: /the request is forbidden \(403\)/,
    sent: 1,
  },
  {
    what: "429 with a Retry-After",
    given: failing(status(429, { "retry-after": "1" })),
    caller: "result",
    sent: 2,
  },
  {
    what: "429 with a Retry-After that is too long to wait",
    given: failing(status(429, { "retry-after": "3600" })),
    caller: "not_sent rejected",
    message: /too many requests \(429\)/,
    sent: 1,
  },
  {
    what: "a page of HTML",
    given: failing((response) => {
      response.writeHead(200, { "content-type": "text/html" }).end("<h1>Log in, please</h1>");
    }),
    caller: "lost",
    message: /answered with text\/html instead of JSON or events; it said: <h1>Log in, please/,
    sent: 1,
  },
  {
    what: "202: no answer will come",
    given: failing((response) => void response.writeHead(202).end()),
    caller: "lost",
    message: /accepted a request \(202\) and will not answer it/,
    sent: 1,
  },
];

for (const via of ["this machine", "an executor"]) {
  // They mostly wait.
  suite(`over HTTP from ${via}`, { concurrency: 8 }, () => {
    let executor: ServerSubject | undefined;
    before(async () => {
      if (via === "an executor") executor = await startServer();
    });
    after(async () => {
      await executor?.[Symbol.asyncDispose]();
    });

    for (const row of ROWS)
      for (const era of row.eras ?? (["legacy", "modern"] as const))
        test(`${row.what} (${era}): ${row.caller} (C2, C4)`, async () => {
          const server = await ScriptedHttpServer.start({
            ...row.script,
            era,
            readOnly: row.readOnly === true ? ["count"] : [],
          });
          await using _server = server;
          await using bench = new McpBench({
            environments: executor === undefined ? [] : [{ id: "box", kind: "url", url: executor.url }],
          });
          const where = executor === undefined ? {} : { environment_id: "box" };
          const thread = bench.manager.openThread({ servers: { a: { url: server.url, ...where } } });
          const [view] = await thread.ready();
          assert.equal(view?.status.state, "ready", JSON.stringify(view?.status));
          const states = watchStates(thread);
          await row.given(server);
          const call = thread.callTool("a", "count", {}, { timeoutMs: 15_000 });
          await row.meanwhile?.(server);
          const outcome = await call;
          const reason = outcome.kind === "not_sent" ? ` ${outcome.reason}` : "";
          assert.equal(`${outcome.kind}${reason}`, row.caller, JSON.stringify(outcome));
          if (row.caller === "result") assert.equal(textOf(outcome), "1");
          if (row.message !== undefined)
            assert.match("message" in outcome ? outcome.message : "", row.message);
          if (row.sent !== undefined) assert.equal(server.calls("count"), row.sent);
          await row.mend?.(server, thread);
          assert.equal(textOf(await thread.callTool("a", "echo", { text: "later" })), "later");
          await inState(thread, "a", "ready");
          await new Promise((resolve) => setImmediate(resolve));
          const { status: wanted = [] } = row;
          assert.deepEqual(states, "legacy" in wanted ? wanted[era] : wanted);
        });
  });
}

function watchStates(thread: McpConnectionManager): readonly string[] {
  const states: string[] = [];
  const read = async (): Promise<void> => {
    for await (const event of thread.events()) if (event.type === "status") states.push(event.status.state);
  };
  void read();
  return states;
}
