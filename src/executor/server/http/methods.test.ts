/** What is asked over the wire is compared with the original in `test/executor/http-differential.test.ts`; here is the rest. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { suite, test } from "node:test";
import { createGzip, createZstdCompress, gzipSync, zstdCompressSync } from "node:zlib";
import { type Clock, systemClock } from "../../../base/clock.ts";
import { RpcError } from "../../../jsonrpc/index.ts";
import { ManualClock } from "../../../testing/index.ts";
import { HttpMethods } from "./methods.ts";
import type { MethodContext } from "../method.ts";

const MIB = 1024 * 1024;

interface Delta {
  readonly requestId: string;
  readonly seq: number;
  readonly deltaBase64: string;
  readonly done: boolean;
  readonly error: string | null;
}

/** The methods, a server for them to ask, and a client whose willingness to take more is the test's. */
class Desk implements AsyncDisposable {
  readonly family: HttpMethods;
  readonly gone = new AbortController();
  /** What the client was told, in order: answers by id, and parts of bodies. */
  readonly told: (Delta | string)[] = [];
  /** Requests that the server got. */
  requested = 0;
  room: () => Promise<void> = () => Promise.resolve();
  readonly #server: Server;

  private constructor(server: Server, clock: Clock) {
    this.#server = server;
    this.family = new HttpMethods({ clock, env: { TOKEN: "secret" } });
  }

  static async open(
    serve: (request: IncomingMessage, response: ServerResponse) => void,
    clock: Clock = systemClock,
  ): Promise<Desk> {
    const server = createServer(serve);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const desk = new Desk(server, clock);
    server.on("request", () => desk.requested++);
    return desk;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The same server; another origin. */
  get otherOrigin(): string {
    return `http://localhost:${this.port}`;
  }

  get deltas(): readonly Delta[] {
    return this.told.filter((each) => typeof each !== "string");
  }

  async ask(requestId: string, path: string, more: object = {}): Promise<any> {
    const context: MethodContext = {
      signal: this.gone.signal,
      notify: (method, params) => {
        assert.equal(method, "http/request/bodyDelta");
        this.told.push(params as Delta);
      },
      room: () => this.room(),
      checkReady: () => {},
    };
    const params = { method: "GET", url: `${this.origin}${path}`, requestId, ...more };
    const answer = await this.family.methods["http/request"]?.(params, context);
    this.told.push(requestId);
    return answer;
  }

  stream(requestId: string, path: string, more: object = {}): Promise<any> {
    return this.ask(requestId, path, { streamResponse: true, ...more });
  }

  /** Waits for the last part of a streamed body. */
  async last(requestId: string): Promise<Delta> {
    for (;;) {
      const last = this.deltas.find((delta) => delta.requestId === requestId && delta.done);
      if (last !== undefined) return last;
      await turn();
    }
  }

  /** Waits until the server has no connection any more. */
  async silence(): Promise<void> {
    await until(async () => (await connectionsOf(this.#server)) === 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.gone.abort(new Error("gone"));
    await this.family[Symbol.asyncDispose]();
    await this.silence();
    this.#server.close();
    await once(this.#server, "close");
  }
}

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await check())) await turn();
}

function refused(code: number, message: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof RpcError, String(error));
    assert.match(error.message, message);
    assert.equal(error.code, code);
    return true;
  };
}

/** Sends `bytes` zeros as fast as they are taken. @returns how many were taken so far */
function sendZeros(response: ServerResponse, bytes: number): { readonly sent: number } {
  const state = { sent: 0 };
  const zeros = Buffer.alloc(MIB / 4);
  const more = (): void => {
    while (state.sent < bytes && !response.destroyed) {
      state.sent += zeros.length;
      if (!response.write(zeros)) return void response.once("drain", more);
    }
    response.end();
  };
  more();
  return state;
}

suite("HttpMethods, streamed bodies", () => {
  test("come after the answer, numbered from 1, the last one empty (H1)", async () => {
    await using desk = await Desk.open((_, response) => void response.end("hello"));
    const answer = await desk.stream("a", "/");
    assert.equal(answer.bodyBase64, "");
    await desk.last("a");
    assert.deepEqual(desk.told, [
      "a",
      { requestId: "a", seq: 1, deltaBase64: "aGVsbG8=", done: false, error: null },
      { requestId: "a", seq: 2, deltaBase64: "", done: true, error: null },
    ]);
  });

  test("are cut into parts of at most 64 KiB", async () => {
    await using desk = await Desk.open((_, response) => void sendZeros(response, 3 * MIB));
    await desk.stream("a", "/");
    await desk.last("a");
    const sizes = desk.deltas.map(({ deltaBase64 }) => Buffer.from(deltaBase64, "base64").length);
    assert.ok(Math.max(...sizes) <= 64 * 1024, String(Math.max(...sizes)));
    assert.equal(
      sizes.reduce((sum, size) => sum + size, 0),
      3 * MIB,
    );
    assert.deepEqual(
      desk.deltas.map(({ seq }) => seq),
      sizes.map((_, at) => at + 1),
    );
  });

  test("are read no faster than the client takes them (H2)", async () => {
    const total = 64 * MIB;
    let state = { sent: 0 } as { readonly sent: number };
    await using desk = await Desk.open((request, response) => {
      if (request.url === "/zeros") state = sendZeros(response, total);
      else sendZeros(response, 4 * MIB);
    });
    const gates: (() => void)[] = [];
    desk.room = () => new Promise((resolve) => gates.push(resolve));
    await desk.stream("a", "/zeros");
    for (let taken = 1; taken <= 3; taken++) {
      await until(() => gates.length > 0);
      gates.shift()?.();
      await until(() => desk.deltas.length === taken);
    }
    // Others are not held up; and while this one is read whole, the stream had all the time it needed.
    const other = await desk.ask("b", "/other");
    assert.equal(Buffer.from(other.bodyBase64, "base64").length, 4 * MIB);
    assert.equal(desk.deltas.length, 3);
    assert.ok(state.sent < total / 2, `${state.sent} bytes were taken from the server`);
    desk.room = () => Promise.resolve();
    gates.shift()?.();
    assert.equal((await desk.last("a")).error, null);
    assert.equal(state.sent, total);
  });

  test("free their id with the last part, not before (H4)", async () => {
    let finish = (): void => {};
    await using desk = await Desk.open((request, response) => {
      if (request.url !== "/slow") return void response.end("quick");
      response.write("x");
      finish = () => void response.end();
    });
    await desk.stream("a", "/slow");
    const taken = refused(-32602, /^http\/request streamResponse requestId `a` is already active$/);
    await assert.rejects(desk.stream("a", "/"), taken);
    assert.equal((await desk.ask("a", "/")).status, 200);
    finish();
    await desk.last("a");
    await until(async () => (await desk.stream("a", "/").catch(() => undefined)) !== undefined);
  });

  test("of many requests at once have the right ids", async () => {
    await using desk = await Desk.open((request, response) => {
      for (const letter of String(request.url)) response.write(letter);
      response.end();
    });
    const ids = Array.from({ length: 100 }, (_, at) => `id-${at}`);
    await Promise.all(ids.map((id) => desk.stream(id, `/${id}`)));
    await Promise.all(ids.map((id) => desk.last(id)));
    for (const id of ids) {
      const own = desk.deltas.filter(({ requestId }) => requestId === id);
      const body = Buffer.concat(own.map(({ deltaBase64 }) => Buffer.from(deltaBase64, "base64"))).toString();
      assert.equal(body, `/${id}`);
    }
  });
});

suite("HttpMethods, compressed bodies", () => {
  const encoded =
    (encoding: string, ...parts: readonly Buffer[]) =>
    (_: IncomingMessage, response: ServerResponse): void => {
      response.writeHead(200, { "content-encoding": encoding });
      for (const part of parts) response.write(part);
      response.end();
    };
  const bombs = [
    ["gzip", () => gzipSync(Buffer.alloc(33 * MIB))],
    ["zstd", () => zstdCompressSync(Buffer.alloc(33 * MIB))],
    // Frame after frame, each of them harmless.
    ["zstd", () => Buffer.concat(Array<Buffer>(64).fill(zstdCompressSync(Buffer.alloc(MIB))))],
  ] as const;

  test("count decoded against the limit of a body that is answered whole", async () => {
    for (const [encoding, make] of bombs) {
      const body = make();
      assert.ok(body.length < MIB);
      await using desk = await Desk.open(encoded(encoding, body));
      await assert.rejects(
        desk.ask("a", "/"),
        refused(-32603, /^failed to read http\/request response body: (?:response body is larger|error dec)/),
      );
    }
  });

  test("count decoded against the limit of all bodies together", async () => {
    const bomb = gzipSync(Buffer.alloc(31 * MIB));
    // None of them ends before all are too much.
    const held = new Set<ServerResponse>();
    let isFull = false;
    await using desk = await Desk.open((_, response) => {
      response.writeHead(200, { "content-encoding": "gzip" });
      response.write(bomb);
      if (isFull) response.end();
      else held.add(response);
    });
    const all = Array.from({ length: 8 }, (_, at) => desk.ask(`${at}`, "/"));
    await assert.rejects(Promise.all(all), refused(-32603, /more than 134217728 bytes together/));
    isFull = true;
    for (const response of held) response.end();
    await Promise.allSettled(all);
    assert.equal((await desk.ask("again", "/")).bodyBase64.length, Math.ceil((31 * MIB) / 3) * 4);
  });

  test("are decoded no faster than the client takes them (H2)", async () => {
    const total = 64 * MIB;
    for (const [encoding, body] of [
      ["gzip", gzipSync(Buffer.alloc(total))],
      ["zstd", zstdCompressSync(Buffer.alloc(total))],
    ] as const) {
      await using desk = await Desk.open(encoded(encoding, body));
      const gates: (() => void)[] = [];
      desk.room = () => new Promise((resolve) => gates.push(resolve));
      const before = process.memoryUsage().arrayBuffers;
      await desk.stream("a", "/");
      for (let taken = 1; taken <= 20; taken++) {
        await until(() => gates.length > 0);
        gates.shift()?.();
        await until(() => desk.deltas.length === taken);
      }
      assert.ok(process.memoryUsage().arrayBuffers - before < total / 4);
      for (const delta of desk.deltas)
        assert.ok(Buffer.from(delta.deltaBase64, "base64").length <= 64 * 1024);
    }
  });

  test("come as they are decoded, not only when all of it is there", async () => {
    for (const [encoding, encoder] of [
      ["gzip", createGzip()],
      ["zstd", createZstdCompress()],
    ] as const) {
      await using desk = await Desk.open((_, response) => {
        response.writeHead(200, { "content-encoding": encoding });
        encoder.pipe(response);
        encoder.write("first");
        encoder.flush();
      });
      await desk.stream("a", "/");
      await until(() => desk.deltas.length === 1);
      assert.equal(Buffer.from(desk.deltas[0]?.deltaBase64 ?? "", "base64").toString(), "first");
      encoder.end("second");
      assert.equal((await desk.last("a")).error, null);
      assert.equal(Buffer.from(desk.deltas[1]?.deltaBase64 ?? "", "base64").toString(), "second");
    }
  });

  test("are read on after the first gzip member, and never lost after the first zstd frame", async () => {
    const [one, two] = [Buffer.from("one"), Buffer.from("two")];
    for (const [body, text] of [
      [encoded("gzip", Buffer.concat([gzipSync(one), gzipSync(two)])), "onetwo"],
      [encoded("gzip", gzipSync(one), gzipSync(two)), "onetwo"],
      [encoded("gzip", Buffer.concat([gzipSync(one), Buffer.alloc(9)])), "one"],
      [encoded("zstd", zstdCompressSync(one)), "one"],
      [encoded("zstd", Buffer.concat([zstdCompressSync(one), zstdCompressSync(two)])), undefined],
      [encoded("zstd", Buffer.concat([zstdCompressSync(one), Buffer.alloc(9)])), undefined],
      [encoded("gzip", Buffer.concat([gzipSync(one), Buffer.from("more")])), undefined],
      [encoded("gzip", gzipSync(one).subarray(0, -1)), undefined],
    ] as const) {
      await using desk = await Desk.open(body);
      if (text === undefined) {
        await assert.rejects(desk.ask("a", "/"), refused(-32603, /: error decoding response body$/));
        await desk.stream("b", "/");
        assert.equal((await desk.last("b")).error, "error decoding response body");
      } else {
        const { bodyBase64, headers } = await desk.ask("a", "/");
        assert.equal(Buffer.from(bodyBase64, "base64").toString(), text);
        assert.ok(!headers.some(({ name }: { name: string }) => /^content-(?:encoding|length)$/.test(name)));
      }
    }
  });

  test("are given up with the time-out, and with the connection (H3, H5)", async () => {
    const clock = new ManualClock();
    const part = gzipSync(Buffer.from("part".repeat(1_000))).subarray(0, 20);
    await using desk = await Desk.open((_, response) => {
      response.writeHead(200, { "content-encoding": "gzip" });
      response.write(part);
    }, clock);
    await desk.stream("a", "/", { timeoutMs: 1000 });
    await clock.advance(1000);
    assert.equal((await desk.last("a")).error, "error decoding response body");
    await desk.silence();
    await desk.stream("b", "/");
    desk.gone.abort(new Error("gone"));
    await desk.silence();
  });
});

suite("HttpMethods, time", () => {
  test("covers the wait for a response (H3)", async () => {
    const clock = new ManualClock();
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
    await using desk = await Desk.open(() => arrive(), clock);
    const answer = desk.ask("a", "/", { timeoutMs: 1000 });
    const failure = assert.rejects(
      answer,
      refused(-32603, /^http\/request failed: error sending request for url \(http/),
    );
    await arrived;
    await clock.advance(999);
    assert.equal(clock.pending, 1);
    await clock.advance(1);
    await failure;
    await desk.silence();
  });

  test("covers a body that is answered whole (H3)", async () => {
    const clock = new ManualClock();
    const { promise: isBeingRead, resolve } = Promise.withResolvers<void>();
    await using desk = await Desk.open((_, response) => {
      // More than fits between us: once it is taken, the body is being read.
      response.write(Buffer.alloc(16 * MIB), () => resolve());
    }, clock);
    const answer = desk.ask("a", "/", { timeoutMs: 1000 });
    const failure = assert.rejects(
      answer,
      refused(-32603, /^failed to read http\/request response body: error dec/),
    );
    await isBeingRead;
    await clock.advance(1000);
    await failure;
    await desk.silence();
  });

  test("covers a streamed body (H3)", async () => {
    const clock = new ManualClock();
    await using desk = await Desk.open((_, response) => void response.write("part"), clock);
    await desk.stream("a", "/", { timeoutMs: 1000 });
    await until(() => desk.deltas.length === 1);
    await clock.advance(1000);
    assert.deepEqual(await desk.last("a"), {
      requestId: "a",
      seq: 2,
      deltaBase64: "",
      done: true,
      error: "error decoding response body",
    });
    await desk.silence();
  });

  test("is not waited for after the end", async () => {
    const clock = new ManualClock();
    await using desk = await Desk.open((_, response) => void response.end("x"), clock);
    await desk.ask("a", "/", { timeoutMs: 1000 });
    await desk.stream("b", "/", { timeoutMs: 1000 });
    await desk.last("b");
    await until(() => clock.pending === 0);
  });
});

suite("HttpMethods, http/cancel", () => {
  const cancel = async (desk: Desk, requestId: string): Promise<unknown> => {
    const context = { checkReady: () => {} } as unknown as MethodContext;
    return await desk.family.methods["http/cancel"]?.({ requestId }, context);
  };

  test("gives up a request that has no answer, and one whose body is being sent (H7)", async () => {
    await using desk = await Desk.open(({ url }, response) => {
      if (url === "/body") response.write("begun");
    });
    const waiting = assert.rejects(desk.stream("a", "/silent"));
    await until(() => desk.requested === 1);
    assert.deepEqual(await cancel(desk, "a"), { cancelled: true });
    await waiting;
    await desk.stream("b", "/body");
    assert.deepEqual(await cancel(desk, "b"), { cancelled: true });
    assert.equal((await desk.last("b")).error, "error decoding response body");
    await desk.silence();
    assert.deepEqual(await cancel(desk, "b"), { cancelled: false });
  });
});

suite("HttpMethods, when the link has ended (H5)", () => {
  const hang = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.url !== "/silent") response.write("x");
  };

  test("give up running requests, and disposal waits for them", async () => {
    await using desk = await Desk.open(hang);
    await desk.stream("a", "/");
    await until(() => desk.deltas.length === 1);
    const pending = [desk.ask("b", "/"), desk.ask("c", "/silent"), desk.stream("d", "/silent")];
    let failed = 0;
    for (const each of pending) each.catch(() => failed++);
    await desk.family[Symbol.asyncDispose]();
    assert.equal(failed, 3, "what was asked is answered before disposal returns");
    await desk.silence();
    assert.equal(desk.deltas.length, 1, "nothing is told any more");
  });

  test("do not wait for a client that never takes anything", async () => {
    await using desk = await Desk.open(hang);
    let asked = false;
    desk.room = () => {
      asked = true;
      return new Promise(() => {});
    };
    await desk.stream("a", "/");
    await until(() => asked);
    await desk.family[Symbol.asyncDispose]();
    await desk.silence();
  });

  test("give up when the signal aborts (E2)", async () => {
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
    await using desk = await Desk.open((request, response) => {
      if (request.url === "/silent") arrive();
      hang(request, response);
    });
    await desk.stream("a", "/");
    const failure = assert.rejects(desk.ask("b", "/silent"), RpcError);
    await arrived;
    desk.gone.abort(new Error("gone"));
    await failure;
    await desk.silence();
  });

  test("give up when the room does", async () => {
    await using desk = await Desk.open(hang);
    desk.room = () => Promise.reject(new Error("gone"));
    await desk.stream("a", "/");
    await desk.silence();
  });
});

suite("HttpMethods, bounds", () => {
  test("refuse a body above 32 MiB that is to be answered whole, and stream it", async () => {
    await using desk = await Desk.open((_, response) => void sendZeros(response, 33 * MIB));
    await assert.rejects(
      desk.ask("a", "/"),
      refused(
        -32603,
        /^failed to read .*: response body is larger than 33554432 bytes; streamResponse has no such limit$/,
      ),
    );
    await desk.silence();
    await desk.stream("b", "/");
    assert.equal((await desk.last("b")).error, null);
  });

  test("refuse bodies that are together above 128 MiB", async () => {
    const waiting: ServerResponse[] = [];
    await using desk = await Desk.open((_, response) => {
      const { sent } = { sent: 30 * MIB };
      response.writeHead(200, { "content-length": sent + 1 });
      response.write(Buffer.alloc(sent));
      waiting.push(response);
    });
    const answers = Array.from({ length: 5 }, (_, at) => desk.ask(`${at}`, "/"));
    const failures: unknown[] = [];
    for (const answer of answers) answer.catch((error: unknown) => failures.push(error));
    await until(() => failures.length === 1);
    assert.ok(refused(-32603, /are being read have more than 134217728 bytes together/)(failures[0]));
    for (const response of waiting) response.end("x");
    const settled = await Promise.allSettled(answers);
    assert.equal(settled.filter(({ status }) => status === "fulfilled").length, 4);
  });

  test("refuse more than 256 requests at once", async () => {
    await using desk = await Desk.open((_, response) => void response.write("x"));
    await Promise.all(Array.from({ length: 256 }, (_, at) => desk.stream(`${at}`, "/")));
    const full = refused(-32603, /at most 256 requests may be active per connection$/);
    await assert.rejects(desk.stream("more", "/"), full);
    await assert.rejects(desk.ask("more", "/"), full);
  });

  test("refuse a head above 64 KiB", async () => {
    await using desk = await Desk.open((_, response) => {
      response.socket?.end(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(70_000)}\r\n\r\n`);
    });
    await assert.rejects(desk.ask("a", "/"), refused(-32603, /^http\/request failed: error sending request/));
  });

  test("use a connection again", async () => {
    const sockets = new Set<unknown>();
    await using desk = await Desk.open((request, response) => {
      sockets.add(request.socket);
      response.end("x");
    });
    for (let at = 0; at < 5; at++) await desk.ask(`${at}`, "/");
    await desk.stream("s", "/");
    await desk.last("s");
    assert.equal(sockets.size, 1);
  });
});

suite("HttpMethods, safer than the original", () => {
  const echoing = (request: IncomingMessage, response: ServerResponse): void => {
    const to = new URL(request.url ?? "", "http://any").searchParams.get("to");
    if (to !== null) return void response.writeHead(302, { location: to }).end();
    let body = "";
    request.on("data", (part) => (body += String(part)));
    request.on("end", () => void response.end(JSON.stringify({ headers: request.headers, body })));
  };
  const echoed = ({ bodyBase64 }: { bodyBase64: string }): any =>
    JSON.parse(Buffer.from(bodyBase64, "base64").toString());
  const to = (url: string): string => `/?to=${encodeURIComponent(url)}`;

  test("sends no value of the executor's environment to another origin, nor a Host (H6, E1)", async () => {
    await using desk = await Desk.open(echoing);
    const headers = [
      { name: "X-Key", value: "Key ", valueEnvVar: "TOKEN" },
      { name: "X-Plain", value: "plain" },
      { name: "Host", value: "own" },
    ];
    const stays = echoed(await desk.ask("a", to(`${desk.origin}/`), { headers }));
    assert.equal(stays.headers["x-key"], "Key secret");
    assert.equal(stays.headers.host, "own");
    for (const url of [`${desk.otherOrigin}/`, `${desk.otherOrigin}${to(`${desk.origin}/`)}`]) {
      const left = echoed(await desk.ask("b", to(url), { headers }));
      assert.equal(left.headers["x-key"], undefined);
      assert.equal(left.headers["x-plain"], "plain");
      assert.notEqual(left.headers.host, "own");
    }
  });

  test("ignores name and password in a redirect", async () => {
    await using desk = await Desk.open(echoing);
    const { headers } = echoed(await desk.ask("a", to(`http://u:p@127.0.0.1:${desk.port}/`)));
    assert.equal(headers.authorization, undefined);
  });

  test("shows neither a password nor a variable in an error", async () => {
    await using desk = await Desk.open((request) => void request.socket.destroy());
    const headers = [{ name: "X-Key", value: "", valueEnvVar: "TOKEN" }];
    const failure: unknown = await desk
      .ask("a", "/", { headers, url: `http://me:hidden@127.0.0.1:${desk.port}/` })
      .catch((error: unknown) => error);
    assert.ok(
      refused(-32603, /^http\/request failed: error sending request for url \(http:\/\/127/)(failure),
    );
    assert.ok(!/hidden|secret/.test((failure as Error).message));
  });

  test("sends the real length of a body, whatever the caller says", async () => {
    await using desk = await Desk.open(echoing);
    for (const lie of [
      { name: "Content-Length", value: "2" },
      { name: "Content-Length", value: "100" },
      { name: "Transfer-Encoding", value: "chunked" },
    ]) {
      const answer = await desk.ask("a", "/", { method: "POST", bodyBase64: "aGVsbG8=", headers: [lie] });
      assert.equal(echoed(answer).body, "hello");
      assert.equal(echoed(answer).headers["content-length"], "5");
    }
  });

  test("makes no tunnels", async () => {
    await using desk = await Desk.open(echoing);
    await assert.rejects(
      desk.ask("a", "/", { method: "connect" }),
      refused(-32602, /CONNECT is not supported$/),
    );
  });
});
