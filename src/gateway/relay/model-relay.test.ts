import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request as requestHttp } from "node:http";
import { createServer, type Socket } from "node:net";
import { suite, test, type TestContext } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { NodeFetch } from "../../mcp/http/node-fetch.ts";
import { RawPeer } from "../../testing/http-server/raw-peer.ts";
import { Listener } from "../http/listener.ts";
import { ModelRelay, type ModelWay } from "./model-relay.ts";

const KEY = "sk-the-real-key";

interface Bench extends AsyncDisposable {
  readonly peer: RawPeer;
  readonly relay: ModelRelay;
  readonly way: ModelWay;
  readonly log: string[];
}

async function start(answer: RawPeer["answer"], base = "/v1"): Promise<Bench> {
  const peer = await RawPeer.start(answer);
  const listener = await Listener.start({
    address: { host: "127.0.0.1", port: 0 },
    background: false,
    passesOn: true,
    clock: systemClock,
    onError: () => {},
  });
  const fetches = new NodeFetch({ env: {} });
  const log: string[] = [];
  const relay = new ModelRelay(listener, {
    fetches,
    log: (level, message) => void log.push(`${level} ${message}`),
  });
  const way = relay.open({ baseUrl: new URL(base, peer.url), headers: { authorization: `Bearer ${KEY}` } });
  return {
    peer,
    relay,
    way,
    log,
    [Symbol.asyncDispose]: async () => {
      await listener[Symbol.asyncDispose]();
      fetches[Symbol.dispose]();
      await peer[Symbol.asyncDispose]();
    },
  };
}

interface Sent {
  readonly method?: string;
  readonly bearer?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that is not over: `end` it. */
function send({ baseUrl, bearer }: ModelWay, path: string, options: Sent = {}): ClientRequest {
  const { method = "POST", headers = {} } = options;
  const authorization = `Bearer ${options.bearer ?? bearer}`;
  return requestHttp(`${baseUrl}${path}`, { method, headers: { ...headers, authorization }, agent: false });
}

async function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  const [answer] = (await once(request, "response")) as [IncomingMessage];
  return answer;
}

async function ask(way: ModelWay, path: string, body = "{}", options: Sent = {}): Promise<[number, string]> {
  const answer = await answerOf(send(way, path, options).end(body));
  return [answer.statusCode ?? 0, await textOf(answer)];
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of answer) text += String(chunk);
  return text;
}

const ok: RawPeer["answer"] = (_, response) => void response.end("answered");

suite("ModelRelay", () => {
  test("passes a request and its answer on as they are, with the key in place of the bearer (Y3, Y4)", async () => {
    await using bench = await start((_, response) => {
      response.writeHead(429, "Slow Down", [
        "X-Request-Id",
        "r1",
        "retry-after",
        "7",
        "openai-model",
        "m",
        "x-codex-primary-used-percent",
        "12",
        "set-cookie",
        "a=1",
        "set-cookie",
        "b=2",
        "connection",
        "close, x-own",
        "x-own",
        "of this connection",
        "content-type",
        "application/json",
      ]);
      response.end('{"error":{"message":"wait"}}');
    }, "/v1/?api-version=7");
    const headers = {
      "content-encoding": "zstd",
      "x-codex-turn": "t",
      te: "trailers",
      connection: "te, x-mine",
      "x-mine": "1",
    };
    const body = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 255]);
    const answer = await answerOf(send(bench.way, "/responses?client=1", { headers }).end(body));
    assert.equal(await textOf(answer), '{"error":{"message":"wait"}}');
    assert.deepEqual([answer.statusCode, answer.statusMessage], [429, "Slow Down"]);
    const { "x-request-id": id, "retry-after": after, "set-cookie": cookies, "x-own": own } = answer.headers;
    assert.deepEqual([id, after, cookies, own], ["r1", "7", ["a=1", "b=2"], undefined]);
    const [asked] = bench.peer.requests;
    assert.deepEqual([asked?.method, asked?.path], ["POST", "/v1/responses?api-version=7&client=1"]);
    const sent = asked?.headers ?? {};
    assert.deepEqual(
      [
        sent["authorization"],
        sent["host"],
        sent["content-encoding"],
        sent["content-length"],
        sent["x-codex-turn"],
      ],
      [`Bearer ${KEY}`, bench.peer.url.host, "zstd", "6", "t"],
    );
    assert.deepEqual([sent["te"], sent["x-mine"]], [undefined, undefined]);
  });

  test("a bearer opens its own URL, until it is revoked; then nothing, and what is under way is cut (Y1, Y2)", async (t) => {
    await using bench = await start(ok);
    const { peer, relay, way } = bench;
    const other = relay.open({
      baseUrl: new URL("/other", peer.url),
      headers: { authorization: "Bearer sk-other" },
    });
    assert.deepEqual(await ask(way, "/responses"), [200, "answered"]);
    const refused = async (at: ModelWay, bearer: string): Promise<string> => {
      const [status, text] = await ask(at, "/responses", "{}", { bearer });
      assert.equal(status, 401);
      return text;
    };
    const guessed = await refused(way, `${way.bearer.slice(0, -1)}-`);
    assert.equal(await refused(way, other.bearer), guessed);
    assert.equal(await refused({ ...way, baseUrl: `${way.baseUrl}x` }, way.bearer), guessed);
    assert.equal(peer.requests.length, 1);

    peer.answer = (_, response) => void response.write("begun");
    const streaming = await answerOf(send(way, "/responses").end("{}"));
    const uploading = send(way, "/responses", { headers: { expect: "100-continue" } });
    uploading.flushHeaders();
    await once(uploading, "continue");
    const cut = once(uploading, "error");
    await peer.waitFor(({ requests }) => requests[1], t);
    way.revoke();
    await assert.rejects(textOf(streaming));
    await cut;
    await peer.waitFor(({ requests }) => requests[1]?.isOver, t);
    assert.equal(await refused(way, way.bearer), guessed);
    peer.answer = ok;
    assert.deepEqual(await ask(other, "/responses"), [200, "answered"]);
  });

  test("nothing but what Codex asks a provider for can be reached, and no redirect is followed (Y3)", async () => {
    await using bench = await start(
      (_, response) =>
        void response.writeHead(307, { location: "https://elsewhere.example/v1/responses?key=1" }).end(),
    );
    const { peer, way } = bench;
    for (const [method, path] of [
      ["GET", "/responses"],
      ["DELETE", "/responses"],
      ["POST", "/models"],
      ["POST", "/files"],
      ["GET", ""],
      ["GET", "/models/../files"],
      ["POST", "/responses/"],
      ["POST", "/%72esponses"],
      ["POST", "/responses%2f..%2ffiles"],
    ] as const)
      assert.equal((await ask(way, path, "", { method }))[0], 404, `${method} ${path}`);
    const headers = { "x-codex-turn-metadata": "m".repeat(100_000) };
    assert.equal((await ask(way, "/files", "{}", { headers }))[0], 404, "and not 431");
    assert.equal(peer.requests.length, 0);
    const [status, text] = await ask(way, "/responses");
    assert.equal(status, 400);
    assert.match(text, /redirects \(307\) to https:\/\/elsewhere\.example\/v1\/responses: give the base URL/);
    assert.equal(peer.requests.length, 1);
  });

  test("another key and another model count from the next request on", async () => {
    await using bench = await start(ok);
    const asking = { method: "GET", headers: { "x-own": "of the client" } };
    await ask(bench.way, "/models", "", asking);
    bench.way.lead({
      baseUrl: new URL("/v2", bench.peer.url),
      headers: { authorization: "Bearer sk-new", "x-own": "1" },
    });
    await ask(bench.way, "/models", "", { method: "GET" });
    assert.deepEqual(
      bench.peer.requests.map(({ path, headers }) => [path, headers["authorization"], headers["x-own"]]),
      [
        ["/v1/models", `Bearer ${KEY}`, "of the client"],
        ["/v2/models", "Bearer sk-new", "1"],
      ],
    );
  });

  test("an event arrives before the next one is sent; who leaves, is left (Y4)", async (t) => {
    const next = Promise.withResolvers<void>();
    await using bench = await start(async (_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
      await next.promise;
      response.write("data: 1\n\n");
    });
    const answer = await answerOf(send(bench.way, "/responses").end("{}"));
    next.resolve();
    const [event] = (await once(answer, "data")) as [Buffer];
    assert.equal(event.toString(), "data: 1\n\n");
    answer.destroy();
    await bench.peer.waitFor(({ requests }) => requests[0]?.isOver, t);

    // Before the answer, too.
    bench.peer.answer = () => {};
    const waiting = send(bench.way, "/responses")
      .end("{}")
      .on("error", () => {});
    await bench.peer.waitFor(({ requests }) => requests[1], t);
    waiting.destroy();
    await bench.peer.waitFor(({ requests }) => requests[1]?.isOver, t);
    assert.deepEqual(bench.log, []);
  });

  test("an answer that breaks off breaks off for the client (Y4)", async () => {
    await using bench = await start((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: 1\n\n", () => response.destroy());
    });
    const answer = await answerOf(send(bench.way, "/responses").end("{}"));
    await assert.rejects(textOf(answer), /aborted/);
  });

  test("who reads slowly is sent slowly, both ways (Y5)", async (t) => {
    const piece = Buffer.alloc(256 * 1024, "x");
    let written = 0;
    await using bench = await start((_, response) => {
      const more = (): void => {
        while (response.write(piece)) written++;
        written++;
        response.once("drain", more);
      };
      more();
    });
    const answer = await answerOf(send(bench.way, "/responses").end("{}"));
    answer.pause();
    await settled(t, () => written);
    assert.ok(written * piece.length < 32 * 2 ** 20, `${written} pieces for nobody`);
    answer.destroy();

    // The other way: an upstream that does not read.
    bench.peer.answer = ok;
    const sockets: Socket[] = [];
    const deaf = createServer((socket) => void sockets.push(socket.pause())).listen(0, "127.0.0.1");
    await once(deaf, "listening");
    const { port } = deaf.address() as { port: number };
    bench.way.lead({
      baseUrl: new URL(`http://127.0.0.1:${port}`),
      headers: { authorization: `Bearer ${KEY}` },
    });
    const upload = send(bench.way, "/responses").on("error", () => {});
    let sent = 0;
    const fill = (): void => {
      while (upload.write(piece)) sent++;
      sent++;
      upload.once("drain", fill);
    };
    fill();
    await settled(t, () => sent);
    assert.ok(sent * piece.length < 32 * 2 ** 20, `${sent} pieces for nobody`);
    upload.destroy();
    for (const socket of sockets) socket.destroy();
    deaf.close();
  });

  test("what cannot be asked breaks off, and why is known until it is answered again (Y6)", async () => {
    await using bench = await start((_, response) => void response.destroy());
    const { peer, way, log } = bench;
    const { origin } = peer.url;
    const whyOf = async (): Promise<string | undefined> => {
      await assert.rejects(ask(way, "/responses"), /socket hang up|ECONNRESET/);
      return way.failure?.message;
    };
    assert.equal(way.failure, undefined);
    const broke = `The model at ${origin} broke the connection before it answered (ECONNRESET)`;
    assert.deepEqual([await whyOf(), await whyOf()], [broke, broke]);
    peer.answer = ok;
    assert.deepEqual(await ask(way, "/responses"), [200, "answered"]);
    assert.equal(way.failure, undefined);
    await peer[Symbol.asyncDispose]();
    const unreachable = `The model at ${origin} cannot be connected to (ECONNREFUSED)`;
    assert.equal(await whyOf(), unreachable);
    assert.deepEqual(log, [`warn ${broke}`, `warn ${unreachable}`]);
  });
});

/** Waits until a number has stopped growing: looked at after ever so many turns of the loop, so that a slow machine has its time. */
async function settled(t: TestContext, value: () => number): Promise<void> {
  for (let before = -1; ; ) {
    const now = value();
    if (now === before && now > 0) return;
    before = now;
    for (let turn = 0; turn < 200; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      t.signal.throwIfAborted();
    }
  }
}
