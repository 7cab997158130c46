import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { suite, test } from "node:test";
import { WebSocketServer } from "ws";
import { ManualClock, waitUntilGone } from "../../testing/index.ts";
import type { LinkEvents } from "../wire/link.ts";
import { type OpenOutcome, programOpener, websocketOpener } from "./open-link.ts";

const ignored: LinkEvents = { onText: () => {}, onEnd: () => {} };
const never = new AbortController().signal;

interface Http extends AsyncDisposable {
  readonly url: string;
  readonly server: Server;
  readonly authorizations: (string | undefined)[];
}

/** Answers every upgrade as it is told; without, it opens a web socket. */
async function startHttp(answer?: (response: ServerResponse) => void): Promise<Http> {
  const authorizations: (string | undefined)[] = [];
  const server = createServer((_request, response) => answer?.(response));
  const sockets = new WebSocketServer({ noServer: true });
  if (answer === undefined) {
    server.on("upgrade", (request, socket, head) => {
      authorizations.push(request.headers.authorization);
      sockets.handleUpgrade(request, socket, head, () => {});
    });
  }
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    authorizations,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function failure(outcome: OpenOutcome): readonly [message: string, final: boolean] {
  assert.ok(outcome.kind === "failed");
  assert.equal(outcome.error.code, "executor_unreachable");
  return [outcome.error.message, outcome.final];
}

suite("websocketOpener", () => {
  test("opens a link, with its token in a header and in no message", async () => {
    await using http = await startHttp();
    const opener = websocketOpener({ url: `${http.url}/?key=secret`, bearerToken: "token" });
    const ends: string[] = [];
    const outcome = await opener.open({ ...ignored, onEnd: (reason) => ends.push(reason) }, never);
    assert.ok(outcome.kind === "open");
    assert.deepEqual(http.authorizations, ["Bearer token"]);
    assert.equal(opener.target, http.url);
    outcome.link.drop("enough");
    assert.deepEqual(ends, ["enough"]);
  });

  for (const [status, body, said, final] of [
    [
      401,
      "invalid websocket bearer token",
      "401 (invalid websocket bearer token); check its bearer token",
      true,
    ],
    [403, "", "403", true],
    [404, "<html>nothing here</html>", "404", true],
    [408, "", "408", false],
    [429, "slowly", "429 (slowly)", false],
    [302, "", "302", false],
    [503, "this executor is ending", "503 (this executor is ending)", false],
  ] as const) {
    test(`takes HTTP status ${status} for a ${final ? "final" : "temporary"} failure`, async () => {
      await using http = await startHttp((response) => response.writeHead(status).end(body));
      const outcome = await websocketOpener({ url: http.url }).open(ignored, never);
      const wanted = `Cannot connect to the executor at ${http.url}: it answered with HTTP status ${said}`;
      assert.deepEqual(failure(outcome), [wanted, final]);
    });
  }

  test("shortens a long refusal", async () => {
    await using http = await startHttp((response) => response.writeHead(500).end("x".repeat(1_000_000)));
    const [message] = failure(await websocketOpener({ url: http.url }).open(ignored, never));
    assert.ok(message.length < 1_500, String(message.length));
  });

  test("reports that nothing listens, and that a retry makes sense", async () => {
    const outcome = await websocketOpener({ url: "ws://127.0.0.1:1" }).open(ignored, never);
    const [message, final] = failure(outcome);
    assert.match(message, /at ws:\/\/127\.0\.0\.1:1: connect ECONNREFUSED/);
    assert.equal(final, false);
  });

  test("reports that the other side hung up, or speaks another protocol", async () => {
    for (const spoil of ["", "SSH-2.0-OpenSSH_9\r\n\r\n"]) {
      const server = createTcpServer((socket) => {
        socket.on("error", () => {});
        socket.resume().end(spoil);
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const [, final] = failure(
        await websocketOpener({ url: `ws://127.0.0.1:${port}` }).open(ignored, never),
      );
      assert.equal(final, false);
      server.close();
      await once(server, "close");
    }
  });

  test("gives up after its time-out, without an answer or with one that never ends", async () => {
    for (const answer of [() => {}, (response: ServerResponse) => response.writeHead(503).write("wait")]) {
      await using http = await startHttp(answer);
      const clock = new ManualClock();
      const opening = websocketOpener({ url: http.url, clock, connectTimeoutMs: 700 }).open(ignored, never);
      await once(http.server, "request");
      await clock.advance(699);
      await clock.advance(1);
      assert.deepEqual(failure(await opening), [
        `Cannot connect to the executor at ${http.url}: no answer within 700 ms`,
        false,
      ]);
      assert.equal(clock.pending, 0);
    }
  });

  test("gives up when it is told to, before and during the attempt", async () => {
    await using http = await startHttp(() => {});
    const clock = new ManualClock();
    const opener = websocketOpener({ url: http.url, clock });
    const reason = new Error("enough");
    const early = await opener.open(ignored, AbortSignal.abort(reason));
    assert.ok(early.kind === "failed" && early.error.cause === reason);
    const giveUp = new AbortController();
    const opening = opener.open(ignored, giveUp.signal);
    await once(http.server, "request");
    giveUp.abort(reason);
    const late = await opening;
    assert.ok(late.kind === "failed" && late.error.cause === reason);
    assert.equal(clock.pending, 0);
  });

  for (const [url, bearerToken, why] of [
    ["no url", undefined, /it is not a URL/],
    ["http://127.0.0.1:1", undefined, /must begin with ws/],
    ["ws://example.com", "token", /sent over wss:\/\/ only/],
    ["ws://127.0.0.1:1/#fragment", undefined, /fragment/],
    ["ws://127.0.0.1:1", "two\nlines", /[Ii]nvalid character in header/],
  ] as const) {
    test(`fails finally with ${url}${bearerToken === undefined ? "" : " and a token"}`, async () => {
      const opener = websocketOpener({ url, ...(bearerToken === undefined ? {} : { bearerToken }) });
      const [message, final] = failure(await opener.open(ignored, never));
      assert.match(message, why);
      assert.doesNotMatch(message, /lines/);
      assert.equal(final, true);
    });
  }
});

suite("programOpener", () => {
  const program = (script: string, onStderr?: (text: string) => void) =>
    programOpener({
      program: "sh",
      args: ["-c", script],
      env: { PATH: process.env["PATH"] ?? "" },
      cwd: "/tmp",
      ...(onStderr === undefined ? {} : { onStderr }),
    });

  async function open(script: string, onStderr?: (text: string) => void) {
    const opener = program(script, onStderr);
    const texts: string[] = [];
    const end = Promise.withResolvers<string>();
    const text = Promise.withResolvers<string>();
    const outcome = await opener.open(
      {
        onText: (each) => {
          texts.push(each);
          text.resolve(each);
        },
        onEnd: end.resolve,
      },
      never,
    );
    assert.ok(outcome.kind === "open");
    return { opener, link: outcome.link, texts, ended: end.promise, said: text.promise };
  }

  test("opens a link over the pipes of a program, and ends it with the opener", async () => {
    const { opener, link, said, texts } = await open('echo "$$"; exec cat');
    const pid = Number(await said);
    link.send("hello");
    while (texts.length < 2) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(texts[1], "hello");
    await opener[Symbol.asyncDispose]();
    assert.deepEqual(await waitUntilGone([pid]), []);
  });

  test("ends its program when its link is dropped", async () => {
    const { opener, link, said } = await open('echo "$$"; exec sleep 300');
    const pid = Number(await said);
    link.drop("enough");
    assert.deepEqual(await waitUntilGone([pid]), []);
    await opener[Symbol.asyncDispose]();
  });

  test("reports how its program ended, with its last line", async () => {
    let stderr = "";
    const { opener, ended } = await open(
      "echo first >&2; echo no license >&2; exit 3",
      (text) => (stderr += text),
    );
    assert.equal(await ended, "it ended with exit code 3; its last words: no license");
    assert.equal(stderr, "first\nno license\n");
    await opener[Symbol.asyncDispose]();
  });

  test("fails finally with a program that cannot be started", async () => {
    const opener = programOpener({ program: "no-such-program", args: ["--x"], env: {}, cwd: "/tmp" });
    const [message, final] = failure(await opener.open(ignored, never));
    assert.match(message, /^Cannot start the executor "no-such-program --x": .*No such file or directory/);
    assert.equal(final, true);
    await opener[Symbol.asyncDispose]();
  });
});
