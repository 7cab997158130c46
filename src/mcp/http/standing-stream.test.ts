import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { suite, test } from "node:test";
import { Redactor } from "../../base/redact.ts";
import { ManualClock } from "../../testing/index.ts";
import { events, type RawAnswer, RawPeer } from "../../testing/http-server/raw-peer.ts";
import { NodeFetch } from "./node-fetch.ts";
import { ServerRequests } from "./server-requests.ts";
import { keepStream } from "./standing-stream.ts";

class Desk implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly taken: string[] = [];
  readonly asked: string[] = [];
  restored = 0;
  sessionsLost = 0;
  isOver = false;
  readonly peer: RawPeer;
  readonly #stop = new AbortController();
  readonly #fetches = new NodeFetch();
  readonly #kept: Promise<void>;

  private constructor(peer: RawPeer, inSession: boolean) {
    this.peer = peer;
    const { clock } = this;
    const { signal } = this.#stop;
    const requests = new ServerRequests(
      {
        server: "s",
        url: peer.url,
        headers: (why) => Promise.resolve(new Map([["x-asked", String(this.asked.push(why))]])),
        fetch: this.#fetches.fetch,
        redactor: new Redactor(),
        clock,
      },
      signal,
    );
    this.#kept = keepStream({
      requests,
      headers: inSession ? [["mcp-session-id", "s1"]] : [],
      clock,
      random: () => 0.99,
      eventBytesMax: 1024,
      signal,
      take: (data) => this.taken.push(data),
      onRestored: () => this.restored++,
      onSessionLost: () => this.sessionsLost++,
      log: () => {},
    }).finally(() => {
      this.isOver = true;
    });
  }

  static async open(answer: RawAnswer, inSession = false): Promise<Desk> {
    return new Desk(await RawPeer.start(answer), inSession);
  }

  /** Lets the time pass, a second at a time, until it is so. */
  async until(check: () => boolean): Promise<void> {
    while (!check()) {
      await this.clock.advance(1_000);
      await new Promise(setImmediate);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("over"));
    await this.#kept;
    assert.equal(this.clock.pending, 0);
    this.#fetches[Symbol.dispose]();
    await this.peer[Symbol.asyncDispose]();
  }
}

suite("keepStream", () => {
  for (const status of [405, 404, 400, 501, 200]) {
    test(`is over where the server has none: ${status} (W1)`, async () => {
      await using desk = await Desk.open((_, response) => void response.writeHead(status).end());
      await desk.until(() => desk.isOver);
      assert.equal(desk.peer.requests.length, 1);
      assert.equal(desk.sessionsLost, 0);
    });
  }

  test("is over, and reported, where the server does not know the session (W1)", async () => {
    await using desk = await Desk.open((_, response) => void response.writeHead(404).end(), true);
    await desk.until(() => desk.isOver);
    assert.equal(desk.sessionsLost, 1);
  });

  test("goes on whatever else happens, with pauses that grow up to half a minute (W1)", async () => {
    const statuses = [500, 503, 429, 401, 403, 408];
    await using desk = await Desk.open((_, response) => {
      const status = statuses[desk.peer.requests.length % 8];
      if (status === undefined) response.destroy();
      else response.writeHead(status).end();
    });
    let longest = 0;
    await desk.until(() => {
      longest = Math.max(longest, desk.clock.nextInMs ?? 0);
      return desk.peer.requests.length >= 20;
    });
    assert.equal(desk.isOver, false);
    assert.ok(longest > 20_000 && longest <= 30_000, `the longest pause was ${longest} ms`);
  });

  test("a server that ends every stream at once is left alone for longer and longer (W1)", async () => {
    await using desk = await Desk.open((_, response) => {
      events(response);
      response.end();
    });
    const startMs = desk.clock.now();
    await desk.until(() => desk.peer.requests.length >= 8);
    assert.ok(desk.clock.now() - startMs > 60_000);
  });

  test("reports a stream that is open again when something may be missing (W2)", async () => {
    let isDown = false;
    let open: ServerResponse | undefined;
    await using desk = await Desk.open((_, response) => {
      if (isDown) return void response.writeHead(503).end();
      events(response, { n: desk.peer.requests.length });
      open = response;
    });
    await desk.until(() => desk.taken.length >= 1);
    assert.equal(desk.restored, 0);
    isDown = true;
    open?.end();
    await desk.until(() => desk.peer.requests.length >= 4);
    assert.equal(desk.restored, 0);
    isDown = false;
    await desk.until(() => desk.taken.length >= 2);
    assert.equal(desk.restored, 1);
  });

  test("reports none that the server resumes from its last event (W2)", async () => {
    await using desk = await Desk.open(({ headers }, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const last = Number(headers["last-event-id"] ?? "0");
      response.end(`id: ${last + 1}\ndata: event ${last + 1}\n\n`);
    });
    await desk.until(() => desk.taken.length >= 4);
    assert.deepEqual(desk.taken.slice(0, 4), ["event 1", "event 2", "event 3", "event 4"]);
    assert.equal(desk.restored, 0);
  });

  test("asks for other headers only once between two streams that were open (W3)", async () => {
    let status = 401;
    await using desk = await Desk.open((_, response) => {
      if (status !== 200) return void response.writeHead(status).end();
      events(response, { hello: 1 });
      response.end();
      status = 401;
    });
    await desk.until(() => desk.peer.requests.length >= 6);
    assert.deepEqual(desk.asked, ["unauthorized"]);
    status = 200;
    await desk.until(() => desk.taken.length === 1);
    const seen = desk.peer.requests.length;
    await desk.until(() => desk.peer.requests.length >= seen + 4);
    assert.deepEqual(desk.asked, ["unauthorized", "unauthorized"]);
  });
});
