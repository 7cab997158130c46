import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { once } from "node:events";
import { createGzip, gzipSync } from "node:zlib";
import { suite, test } from "node:test";
import { ManualClock } from "../../testing/index.ts";
import { RawPeer } from "../../testing/http-server/raw-peer.ts";
import { FetchError, type HttpRequest, readText } from "./http-fetch.ts";
import { CONNECT_MS, NodeFetch } from "./node-fetch.ts";

function post(url: URL, options: Partial<HttpRequest> = {}): HttpRequest {
  return {
    method: "POST",
    url,
    headers: [["x-name", "värde"]],
    body: "{}",
    signal: new AbortController().signal,
    ...options,
  };
}

suite("NodeFetch", () => {
  test("sends headers as UTF-8 and the body, and keeps the connection for the next request", async () => {
    await using peer = await RawPeer.start(
      (_, response) => void response.writeHead(201, { "x-a": "b" }).end("text"),
    );
    using fetches = new NodeFetch();
    for (let count = 0; count < 3; count++) {
      const answer = await fetches.fetch(post(peer.url));
      assert.deepEqual([answer.status, answer.header("x-a"), await readText(answer, 4)], [201, "b", "text"]);
    }
    assert.equal(peer.connections, 1);
    assert.equal(fetches.exchanges, 0);
    const [first] = peer.requests;
    assert.equal(Buffer.from(first?.headers["x-name"] ?? "", "latin1").toString(), "värde");
    assert.equal(first?.headers["host"], peer.url.host);
    assert.deepEqual(first?.body, {});
  });

  test("ends an exchange with its signal: before the answer, and while its body is read (F1)", async (t) => {
    await using peer = await RawPeer.start(() => {});
    using fetches = new NodeFetch();
    const stop = new AbortController();
    const waiting = fetches.fetch(post(peer.url, { signal: stop.signal }));
    await peer.waitFor(({ requests }) => requests[0], t);
    stop.abort(new Error("enough"));
    await assert.rejects(waiting, /^Error: enough$/);
    await peer.waitFor(({ requests }) => requests[0]?.isOver, t);

    peer.answer = (_, response) => void response.writeHead(200).write("begun");
    const again = new AbortController();
    const answer = await fetches.fetch(post(peer.url, { signal: again.signal }));
    const read = readText(answer, 100);
    again.abort(new Error("enough"));
    await assert.rejects(read, /^Error: enough$/);
    await peer.waitFor(({ requests }) => requests[1]?.isOver, t);
    await assert.rejects(fetches.fetch(post(peer.url, { signal: again.signal })), /^Error: enough$/);
    assert.equal(peer.requests.length, 2);
  });

  test("reads a body that is packed, each part of it when it comes, and bounds what comes out", async (t) => {
    const gzip = createGzip();
    await using peer = await RawPeer.start((_, response) => {
      gzip.pipe(response.writeHead(200, { "content-encoding": "gzip" }));
      gzip.write("first");
      gzip.flush();
    });
    using fetches = new NodeFetch();
    const answer = await fetches.fetch(post(peer.url));
    const parts: string[] = [];
    for await (const part of answer.body) {
      parts.push(Buffer.from(part).toString());
      if (parts.length === 1) gzip.end("second");
    }
    assert.equal(parts.join(), "first,second");
    peer.answer = (_, response) =>
      void response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("x".repeat(1000)));
    await assert.rejects(readText(await fetches.fetch(post(peer.url)), 100));
    await peer.waitFor(({ requests }) => requests.every(({ isOver }) => isOver), t);
    peer.answer = (_, response) =>
      void response.writeHead(200, { "content-encoding": "gzip" }).end("not gzip");
    await assert.rejects(readText(await fetches.fetch(post(peer.url)), 100));
    peer.answer = (_, response) =>
      void response
        .writeHead(200, { "content-encoding": "gzip" })
        .write(gzipSync("half").subarray(0, 12), () => response.destroy());
    await assert.rejects(readText(await fetches.fetch(post(peer.url)), 100));
  });

  test("ends every exchange when it is disposed (F1)", async (t) => {
    await using peer = await RawPeer.start(() => {});
    const fetches = new NodeFetch();
    const waiting = assert.rejects(fetches.fetch(post(peer.url)), FetchError);
    await peer.waitFor(({ requests }) => requests[0], t);
    fetches[Symbol.dispose]();
    await waiting;
    await assert.rejects(fetches.fetch(post(peer.url)), FetchError);
    await peer.waitFor(({ connections }) => connections === 0, t);
  });

  test("says whether a request that was not answered was sent (F2)", async (t) => {
    using fetches = new NodeFetch();
    const peer = await RawPeer.start((_, response) => void response.destroy());
    const fails = async (isSent: boolean): Promise<void> => {
      await assert.rejects(
        fetches.fetch(post(peer.url)),
        (error) => error instanceof FetchError && error.isSent === isSent,
      );
    };
    await fails(true);
    assert.equal(peer.requests.length, 1);
    const { url } = peer;
    await peer[Symbol.asyncDispose]();
    await assert.rejects(fetches.fetch(post(url)), (error) => error instanceof FetchError && !error.isSent);
    t.diagnostic("sent once, whatever happened");
  });

  test("does not send what would be one too many, and sends it later (F2)", async (t) => {
    let release = (): void => {};
    await using peer = await RawPeer.start((_, response) => {
      release = () => void response.end("x");
      if (peer.requests.length > 1) release();
    });
    using fetches = new NodeFetch({ exchangesMax: 1 });
    const first = fetches.fetch(post(peer.url));
    await assert.rejects(
      fetches.fetch(post(peer.url)),
      (error) => error instanceof FetchError && !error.isSent && /1 requests to servers/.test(error.message),
    );
    await peer.waitFor(({ requests }) => requests[0], t);
    release();
    await readText(await first, 1);
    await readText(await fetches.fetch(post(peer.url)), 1);
    assert.equal(peer.requests.length, 2);
  });

  test("gives up a connection that is not made in time (F2)", async (t) => {
    // A server of TLS that never shakes hands.
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket.on("error", () => {})));
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const address = silent.address();
    assert.ok(typeof address === "object" && address !== null);
    const clock = new ManualClock();
    using fetches = new NodeFetch({ clock });
    const waiting = fetches.fetch(post(new URL(`https://127.0.0.1:${address.port}/`)));
    const rejected = assert.rejects(
      waiting,
      (error) => error instanceof FetchError && !error.isSent && /10 s/.test(error.message),
    );
    while (clock.pending === 0) await new Promise(setImmediate);
    await clock.advance(CONNECT_MS);
    await rejected;
    assert.equal(clock.pending, 0);
    for (const socket of sockets) socket.destroy();
    silent.close();
    t.diagnostic("no timer is left");
  });

  test("reads a body only as it is asked for (F3)", async (t) => {
    let written = 0;
    const chunk = Buffer.alloc(64 * 1024);
    let isBlocked = (): void => {};
    const blocked = new Promise<void>((resolve) => {
      isBlocked = resolve;
    });
    await using peer = await RawPeer.start((_, response) => {
      response.writeHead(200);
      const write = (): void => {
        while (written < 64 * 1024 * 1024 && response.write(chunk)) written += chunk.length;
        if (written < 64 * 1024 * 1024) {
          written += chunk.length;
          response.once("drain", write);
          setTimeout(isBlocked, 200);
        }
      };
      write();
    });
    using fetches = new NodeFetch();
    const answer = await fetches.fetch(post(peer.url));
    await blocked;
    assert.ok(written < 32 * 1024 * 1024, `${written} bytes were taken in`);
    answer.close();
    await peer.waitFor(({ requests }) => requests[0]?.isOver, t);
  });
});
