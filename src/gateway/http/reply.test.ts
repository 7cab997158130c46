import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { after, before, suite, test } from "node:test";
import { HttpReply } from "./reply.ts";

suite("the answer to an HTTP request", () => {
  let server: Server;
  before(async () => {
    server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  /** A request whose sender reads when it is told to. */
  async function asked(): Promise<{ readonly socket: Socket; readonly response: ServerResponse }> {
    const arrives = once(server, "request") as Promise<[unknown, ServerResponse]>;
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    socket.on("error", () => {}).pause();
    socket.write("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    const [, response] = await arrives;
    response.on("error", () => {});
    return { socket, response };
  }

  async function textOf(socket: Socket): Promise<string> {
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    socket.resume();
    await once(socket, "end");
    return text;
  }

  test("is JSON when it comes alone, with the status that belongs to it, and a stream otherwise", async () => {
    const alone = await asked();
    new HttpReply(alone.response, { takesStream: true, statusOf: () => 404 }).end({ alone: true });
    assert.match(await textOf(alone.socket), /^HTTP\/1.1 404[^]*application\/json[^]*\{"alone":true\}$/);

    const streamed = await asked();
    const reply = new HttpReply(streamed.response, { takesStream: true, statusOf: () => 404 });
    assert.ok(reply.send({ n: 1 }));
    reply.end({ n: 2 });
    const text = await textOf(streamed.socket);
    assert.match(text, /^HTTP\/1.1 200[^]*text\/event-stream[^]*data: \{"n":1\}[^]*data: \{"n":2\}/);

    const plain = await asked();
    const noStream = new HttpReply(plain.response, { takesStream: false });
    assert.equal(noStream.send({ n: 1 }), false);
    noStream.end({ n: 2 });
    assert.match(await textOf(plain.socket), /application\/json[^]*\{"n":2\}$/);
  });

  test("has half a character replaced, and nothing that only looks like one", async () => {
    const { socket, response } = await asked();
    const text = "cut \ud83d, whole \u{1f600}, spelled \\ud83d, and both \\\ude00";
    new HttpReply(response, { takesStream: false }).end({ text });
    const [, sent = ""] = (await textOf(socket)).split("\r\n\r\n");
    assert.deepEqual(JSON.parse(sent), { text: text.toWellFormed() });
  });

  test("costs a bounded queue when nobody reads: progress is left out, and then the connection closed (R1)", async () => {
    const { socket, response } = await asked();
    const reply = new HttpReply(response, { takesStream: true });
    const big = { text: "x".repeat(4 * 1024 * 1024) };
    while (response.writableLength < 1024 * 1024) assert.ok(reply.send(big));
    const before = response.writableLength;
    assert.equal(reply.send(big, true), false);
    assert.equal(response.writableLength, before);
    while (reply.send(big));
    await once(response, "close");
    assert.ok(reply.gone.aborted);
    assert.equal(reply.send({}), false);
    socket.destroy();
  });

  test("is given up when nothing of it was read for four ticks, and not while it is read (R1)", async () => {
    const { socket, response } = await asked();
    const reply = new HttpReply(response, { takesStream: true });
    while (response.writableLength < 1024 * 1024) reply.send({ text: "x".repeat(1024 * 1024) });
    for (let tick = 0; tick < 4; tick++) reply.tick();
    assert.equal(response.destroyed, false);
    socket.resume();
    if (response.writableLength > 0) await once(response, "drain");
    for (let tick = 0; tick < 10; tick++) {
      reply.tick();
      await setImmediate();
    }
    assert.equal(response.destroyed, false);
    socket.pause();
    while (response.writableLength < 1024 * 1024) reply.send({ text: "x".repeat(1024 * 1024) });
    for (let tick = 0; tick < 5; tick++) reply.tick();
    assert.equal(response.destroyed, true);
    socket.destroy();
  });

  test("becomes a stream when it takes long, and a silent stream is kept alive (R2)", async () => {
    const { socket, response } = await asked();
    const reply = new HttpReply(response, { takesStream: true });
    reply.tick();
    assert.equal(response.headersSent, false);
    reply.tick();
    assert.equal(response.headersSent, true);
    reply.tick();
    reply.end({ done: true });
    const text = await textOf(socket);
    assert.match(text, /text\/event-stream[^]*\n:\n\n[^]*data: \{"done":true\}/);
  });
});
