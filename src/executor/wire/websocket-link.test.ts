/** Two links over a real WebSocket on loopback. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { suite, test } from "node:test";
import fc from "fast-check";
import { WebSocket, WebSocketServer } from "ws";
import { LINK_FULL_BYTES } from "./link.ts";
import { WebSocketLink } from "./websocket-link.ts";

/** One end, and what it was told. */
interface End {
  readonly link: WebSocketLink;
  readonly socket: WebSocket;
  readonly texts: string[];
  readonly ends: string[];
  signs: number;
}

interface Pair extends AsyncDisposable {
  readonly server: End;
  readonly client: End;
}

const MESSAGE_BYTES_MAX = 20 * 1024 * 1024;

async function connect(): Promise<Pair> {
  const listener = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES_MAX,
  });
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const accepted = once(listener, "connection") as Promise<[WebSocket, { readonly socket: Duplex }]>;
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
  const upgraded = once(socket, "upgrade") as Promise<[{ readonly socket: Duplex }]>;
  await once(socket, "open");
  const [theirs, { socket: stream }] = await accepted;
  const [{ socket: ownStream }] = await upgraded;
  return {
    server: wrap(theirs, stream, "server"),
    client: wrap(socket, ownStream, "client"),
    [Symbol.asyncDispose]: async () => {
      theirs.terminate();
      socket.terminate();
      const closed = once(listener, "close");
      listener.close();
      await closed;
    },
  };
}

function wrap(socket: WebSocket, stream: Duplex, role: "server" | "client"): End {
  const texts: string[] = [];
  const ends: string[] = [];
  const link = new WebSocketLink(
    { socket, stream, role, peer: "peer" },
    {
      onText: (text) => texts.push(text),
      onSign: () => end.signs++,
      onEnd: (reason) => ends.push(reason),
    },
  );
  const end: End = { link, socket, texts, ends, signs: 0 };
  return end;
}

async function until(fact: () => boolean): Promise<void> {
  while (!fact()) await new Promise((resolve) => setImmediate(resolve));
}

const SIDES = [
  ["server", "client"],
  ["client", "server"],
] as const;

suite("WebSocketLink", () => {
  for (const [from, to] of SIDES) {
    test(`carries texts of any length from the ${from}, in order, each once (L1)`, async () => {
      await using pair = await connect();
      const lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 3_000_000];
      const sent = [...lengths.map((length) => "x".repeat(length)), "äöü 🧀 \u0000 \ud800!", "end"];
      for (const text of sent) pair[from].link.send(text);
      await until(() => pair[to].texts.length === sent.length);
      // Half a character is none in UTF-8.
      assert.deepEqual(pair[to].texts, [...sent.slice(0, -2), "äöü 🧀 \u0000 \ufffd!", "end"]);
    });

    test(`reports when it is full because the ${to} does not read, and when there is room again (L3)`, async () => {
      await using pair = await connect();
      const { link } = pair[from];
      await link.room();
      pair[to].link.pause();
      const text = "x".repeat(1024 * 1024);
      let sent = 0;
      // The kernel takes some megabytes before anything waits here.
      for (; !link.isFull; sent++) link.send(text);
      let hasRoom = false;
      const room = link.room().then(() => (hasRoom = true));
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(hasRoom, false);
      assert.ok(pair[from].socket.bufferedAmount > LINK_FULL_BYTES);
      pair[to].link.resume();
      await room;
      assert.equal(link.isFull, false);
      await until(() => pair[to].texts.length === sent);
      assert.ok(pair[to].texts.every((each) => each === text));
    });

    test(`ends at once when the ${from} drops it, even if it is not read (L2)`, async () => {
      await using pair = await connect();
      const { link, ends, texts } = pair[from];
      link.pause();
      pair[to].link.pause();
      while (!link.isFull) link.send("x".repeat(1024 * 1024));
      const room = link.room();
      pair[to].link.send("too late");
      link.drop("enough");
      link.drop("again");
      await room;
      assert.deepEqual(ends, ["enough"]);
      link.send("after");
      link.sendSoon("after");
      link.ping();
      link.nudge();
      link.resume();
      await link.room();
      pair[to].link.resume();
      await until(() => pair[to].ends.length === 1);
      assert.deepEqual(pair[to].ends, ["the connection was lost"]);
      assert.deepEqual([ends, texts], [["enough"], []]);
    });

    test(`ends with the reason of the ${from} when that closes it (L2)`, async () => {
      await using pair = await connect();
      pair[from].link.send("last");
      pair[from].socket.close(1001, "going away");
      await until(() => pair[to].ends.length === 1);
      assert.deepEqual(pair[to].texts, ["last"]);
      assert.deepEqual(pair[to].ends, ["closed with code 1001 (going away)"]);
      pair[to].link.send("nobody");
    });

    test(`gives the ${from} a sign when it pings`, async () => {
      await using pair = await connect();
      pair[from].link.ping();
      await until(() => pair[from].signs === 1 && pair[to].signs === 1);
      pair[from].link.nudge();
      await until(() => pair[to].signs === 2);
      assert.equal(pair[from].signs, 1, "a nudge asks for nothing");
    });
  }

  test("keeps messages while it is paused, in order", async () => {
    await using pair = await connect();
    pair.client.link.pause();
    for (let n = 0; n < 100; n++) pair.server.link.send(String(n));
    pair.server.link.ping();
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(pair.client.texts, []);
    pair.client.link.resume();
    await until(() => pair.client.texts.length === 100);
    assert.deepEqual(
      pair.client.texts,
      Array.from({ length: 100 }, (_, n) => String(n)),
    );
  });

  test("sends delayed texts soon, alone or together, each once, in order", async () => {
    await using pair = await connect();
    const call = fc.record({
      soon: fc.boolean(),
      length: fc.constantFrom(1, 200, 70_000),
      turns: fc.nat(12),
    });
    let n = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 20 }), async (calls) => {
        const sent: { readonly soon: boolean; readonly text: string }[] = [];
        for (const { soon, length, turns } of calls) {
          const text = `${n++} ${"x".repeat(length)}`;
          sent.push({ soon, text });
          if (soon) pair.server.link.sendSoon(text);
          else pair.server.link.send(text);
          for (let left = turns; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
        }
        await until(() => pair.client.texts.length === sent.length);
        const got = pair.client.texts.splice(0);
        for (const kind of [true, false]) {
          const wanted = sent.filter(({ soon }) => soon === kind).map(({ text }) => text);
          assert.deepEqual(
            got.filter((text) => wanted.includes(text)),
            wanted,
          );
        }
      }),
      { numRuns: 40 },
    );
    pair.client.link.sendSoon("from a client");
    await until(() => pair.server.texts.length === 1);
  });

  test("counts held texts as waiting (L3)", async () => {
    await using pair = await connect();
    pair.server.link.sendSoon("x".repeat(LINK_FULL_BYTES + 1));
    assert.equal(pair.server.link.isFull, true);
    await pair.server.link.room();
    await until(() => pair.client.texts.length === 1);
  });

  test("reads binary frames like text, and messages in fragments as one", async () => {
    await using pair = await connect();
    pair.client.socket.send(Buffer.from("binary ü"));
    pair.client.socket.send("frag", { fin: false });
    pair.client.socket.send("ment", { fin: true });
    await until(() => pair.server.texts.length === 2);
    assert.deepEqual(pair.server.texts, ["binary ü", "fragment"]);
  });

  test("ends at a message that is too large or not text, with a reason", async () => {
    for (const [spoil, reason] of [
      [(socket: WebSocket) => socket.send("x".repeat(MESSAGE_BYTES_MAX + 1)), /Max payload size exceeded/],
      [(socket: WebSocket) => socket.send(Buffer.from([0xff]), { binary: false }), /invalid UTF-8/],
    ] as const) {
      await using pair = await connect();
      pair.client.link.send("before");
      spoil(pair.client.socket);
      await until(() => pair.server.ends.length === 1);
      assert.match(pair.server.ends[0] ?? "", reason);
      assert.deepEqual(pair.server.texts, ["before"]);
    }
  });
});
