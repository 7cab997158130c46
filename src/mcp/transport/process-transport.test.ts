import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Client, type JSONRPCMessage } from "@modelcontextprotocol/client";
import fc from "fast-check";
import { Channel } from "../../base/channel.ts";
import { Redactor } from "../../base/redact.ts";
import { ExecutorError } from "../../executor/errors.ts";
import type { ExecutorProcess, OutputStream, ProcessEvent, ReadResult } from "../../executor/executor.ts";
import { ManualClock } from "../../testing/index.ts";
import { TransportError } from "../errors.ts";
import { LINE_BYTES_MAX, ProcessTransport } from "./process-transport.ts";

/** A process whose events the test decides. By default it exits and closes when it is terminated. */
class ScriptedProcess implements ExecutorProcess {
  readonly id = "p";
  /** What reached its stdin. */
  stdin = "";
  /** How often it was terminated. */
  terminations = 0;
  disposals = 0;
  /** Exits and closes when it is terminated. */
  obedient = true;
  /** Its disposal waits for its pipes, too. */
  awaitsPipes = true;
  /** What writing comes to; by default the bytes arrive. */
  onWrite: (() => Promise<void>) | undefined;
  /** Told when they have. */
  onWritten: (() => void) | undefined;
  /** Asked for when the reader waits for it. */
  readonly #events = new Channel<ProcessEvent>({ weightMax: Number.MAX_SAFE_INTEGER });
  #seq = 0;
  #exited = false;
  #closed = Promise.withResolvers<void>();
  #isClosed = false;

  output(bytes: string | Uint8Array, stream: OutputStream = "stdout"): void {
    this.#events.push({ type: "output", seq: ++this.#seq, stream, chunk: Buffer.from(bytes) });
  }

  exit(exitCode: number): void {
    this.#exited = true;
    this.#events.push({ type: "exited", seq: ++this.#seq, exitCode });
  }

  closePipes(): void {
    this.#isClosed = true;
    this.#events.push({ type: "closed", seq: ++this.#seq });
    this.#events.end();
    this.#closed.resolve();
  }

  lose(error: ExecutorError): void {
    this.#isClosed = true;
    this.#events.fail(error);
    this.#closed.resolve();
  }

  /** Events that were not read. */
  get unread(): number {
    return this.#events.length;
  }

  async *events({
    signal,
  }: {
    signal?: AbortSignal;
  } = {}): AsyncIterableIterator<ProcessEvent, undefined, undefined> {
    const aborted = Promise.withResolvers<never>();
    aborted.promise.catch(() => {});
    signal?.addEventListener("abort", () => aborted.reject(signal.reason), { once: true });
    for (;;) {
      const next = await Promise.race([this.#events.next(), aborted.promise]);
      if (next.done === true) return undefined;
      yield next.value;
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.onWrite?.();
    this.stdin += Buffer.from(bytes).toString();
    this.onWritten?.();
  }

  async terminate(): Promise<boolean> {
    this.terminations++;
    const ran = !this.#exited;
    if (!this.obedient || this.#isClosed) return ran;
    if (ran) this.exit(143);
    this.closePipes();
    return ran;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposals++;
    if (!this.#isClosed) await this.terminate();
    if (this.awaitsPipes) await this.#closed.promise;
  }

  read(): Promise<ReadResult> {
    return Promise.reject(new Error("not used"));
  }

  interrupt(): Promise<void> {
    return Promise.reject(new Error("not used"));
  }
}

/** A transport over a scripted process, and everything it reports. */
class Bench implements AsyncDisposable {
  readonly process = new ScriptedProcess();
  readonly clock = new ManualClock();
  readonly messages: JSONRPCMessage[] = [];
  readonly errors: Error[] = [];
  readonly log: string[] = [];
  closes = 0;
  readonly redactor = new Redactor();
  readonly transport = new ProcessTransport({
    process: this.process,
    server: "svc",
    environment: "box",
    log: (level, message, about) => {
      const { server, environment, ...line } = about ?? {};
      assert.deepEqual([server, environment], ["svc", "box"]);
      // A line of the server's own is in its message, and beside it.
      for (const [where, text] of Object.entries(line)) {
        assert.ok(where === "stderr" || where === "stdout");
        assert.ok(message.endsWith(`: ${text}`), message);
      }
      assert.equal("stderr" in line, message.includes("stderr: "));
      this.log.push(`${level} ${message}`);
    },
    redactor: this.redactor,
    clock: this.clock,
  });

  constructor() {
    this.transport.onmessage = (message) => void this.messages.push(message);
    this.transport.onerror = (error) => void this.errors.push(error);
    this.transport.onclose = () => void this.closes++;
  }

  static async start(): Promise<Bench> {
    const bench = new Bench();
    await bench.transport.start();
    return bench;
  }

  /** Lets everything that is ready happen. */
  settle(): Promise<void> {
    return this.clock.advance(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.transport.close();
    assert.equal(this.clock.pending, 0, "timers left behind");
    assert.equal(this.process.unread, 0, "events left unread");
    assert.equal(this.process.disposals, 1, "process let go of");
  }
}

const ping = (id: number): JSONRPCMessage => ({ jsonrpc: "2.0", id, method: "ping" });
const line = (message: unknown, end = "\n"): string => `${JSON.stringify(message)}${end}`;
const isError =
  (code: TransportError["code"], message: RegExp = /./) =>
  (error: unknown): true => {
    assert.ok(error instanceof TransportError);
    assert.equal(error.code, code);
    assert.equal(error.server, "svc");
    assert.match(error.message, message);
    return true;
  };

suite("ProcessTransport delivers", () => {
  test("every message once and in order, wherever the bytes were split (T1)", async () => {
    const texts = fc.string({ unit: "grapheme", maxLength: 12 });
    const messages = fc.array(
      fc.record(
        { jsonrpc: fc.constant("2.0" as const), id: fc.integer(), method: texts },
        { noNullPrototype: true },
      ),
      { minLength: 1, maxLength: 6 },
    );
    const ends = fc.constantFrom("\n", "\r\n", "\n\n");
    await fc.assert(
      fc.asyncProperty(messages, ends, fc.array(fc.nat(), { maxLength: 40 }), async (sent, end, cuts) => {
        await using bench = await Bench.start();
        const bytes = Buffer.from(sent.map((message) => line(message, end)).join(""));
        const at = [0, ...cuts.map((cut) => cut % bytes.length).sort((a, b) => a - b), bytes.length];
        for (const [n, from] of at.entries()) bench.process.output(bytes.subarray(from, at[n + 1]));
        await bench.settle();
        assert.deepEqual(bench.messages, sent);
        assert.deepEqual(bench.log, []);
      }),
      { numRuns: 150 },
    );
  });

  test("a message whose every byte comes alone, with characters of four bytes (T1)", async () => {
    await using bench = await Bench.start();
    const message = { jsonrpc: "2.0" as const, method: "𝄞 – ü", params: { text: "🚂" } };
    for (const byte of Buffer.from(line(message))) bench.process.output(Uint8Array.of(byte));
    await bench.settle();
    assert.deepEqual(bench.messages, [message]);
  });

  test("what was written before it was started", async () => {
    await using bench = new Bench();
    bench.process.output(line(ping(1)));
    await bench.settle();
    assert.deepEqual(bench.messages, []);
    await bench.transport.start();
    await bench.settle();
    assert.deepEqual(bench.messages, [ping(1)]);
    await assert.rejects(bench.transport.start(), /was started already/);
  });

  test("the messages around other lines, which go to the log with what they are (T1)", async () => {
    await using bench = await Bench.start();
    bench.process.output(
      `Listening…\n${line(ping(1))}[${JSON.stringify(ping(2))}]\n7\nnull\n{"level":"info"}\n`,
    );
    bench.process.output(line(ping(3)));
    await bench.settle();
    assert.deepEqual(bench.messages, [ping(1), ping(3)]);
    const skipped = (why: string, text: string): string =>
      `warn MCP server "svc" wrote a line to stdout that is ${why}; skipped: ${text}`;
    assert.deepEqual(bench.log, [
      skipped("not JSON", "Listening…"),
      skipped("a batch", '[{"jsonrpc":"2.0","id":2,"method":"ping"}]'),
      skipped("not a JSON object", "7"),
      skipped("not a JSON object", "null"),
      skipped("JSON, but not a JSON-RPC message", '{"level":"info"}'),
    ]);
    assert.deepEqual(bench.errors, []);
  });

  test("after any number of lines that are not messages; it shows five of them, cut, and counts the rest", async () => {
    await using bench = await Bench.start();
    for (let n = 0; n < 1234; n++) bench.process.output(`${n} ${"x".repeat(5_000)}\n`);
    bench.process.output(line(ping(1)));
    await bench.settle();
    assert.deepEqual(bench.messages, [ping(1)]);
    assert.deepEqual(bench.log.slice(5), [
      'warn MCP server "svc" wrote 10 lines to stdout that are not messages; skipped',
      'warn MCP server "svc" wrote 100 lines to stdout that are not messages; skipped',
      'warn MCP server "svc" wrote 1000 lines to stdout that are not messages; skipped',
    ]);
    for (const shown of bench.log.slice(0, 5)) assert.ok(shown.length < 300, shown);
    await bench.transport.close();
    assert.match(String(bench.log.at(-1)), /wrote 1234 lines to stdout that are not messages, in total/);
  });

  test("a progress that comes together with its result, to a caller that waits for both (T1)", async () => {
    await using bench = new Bench();
    const client = new Client({ name: "test", version: "1" });
    const answer = (id: number, result: object): string => line({ jsonrpc: "2.0", id, result });
    const connecting = client.connect(bench.transport);
    await bench.settle();
    const serverInfo = { name: "s", version: "1" };
    bench.process.output(
      answer(0, { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo }),
    );
    await connecting;
    const seen: number[] = [];
    const call = client.callTool({ name: "x" }, { onprogress: ({ progress }) => void seen.push(progress) });
    await bench.settle();
    const progress = (n: number): string =>
      line({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: 1, progress: n } });
    bench.process.output([progress(1), progress(2), answer(1, { content: [] }), progress(3)].join(""));
    await call;
    assert.deepEqual(seen, [1, 2]);
  });

  test("to a client that asks for the era, and takes a server that is silent about it for an old one", async () => {
    await using bench = new Bench();
    const versionNegotiation = { mode: "auto", probe: { timeoutMs: 1 } } as const;
    const client = new Client({ name: "test", version: "1" }, { versionNegotiation });
    const asked: string[] = [];
    bench.process.onWritten = () => {
      const { id, method } = JSON.parse(bench.process.stdin.trim().split("\n").at(-1) ?? "");
      asked.push(method);
      const serverInfo = { name: "s", version: "1" };
      const result = { protocolVersion: "2025-06-18", capabilities: {}, serverInfo };
      if (method === "initialize") bench.process.output(line({ jsonrpc: "2.0", id, result }));
    };
    await client.connect(bench.transport);
    // The SDK knows a transport over stdio by its `pid` and `stderr`; over any other, silence is an error.
    assert.deepEqual(asked, ["server/discover", "initialize", "notifications/initialized"]);
    assert.equal(client.getNegotiatedProtocolVersion(), "2025-06-18");
  });

  test("the next message when a callback threw at the one before it", async () => {
    await using bench = await Bench.start();
    bench.transport.onmessage = (message) => {
      bench.messages.push(message);
      throw new Error("not my day");
    };
    bench.process.output(line(ping(1)) + line(ping(2)));
    await bench.settle();
    assert.deepEqual(bench.messages, [ping(1), ping(2)]);
    assert.deepEqual(bench.errors.map(String), ["Error: not my day", "Error: not my day"]);
    assert.equal(bench.closes, 0);
  });

  test("a line of just the limit, and ends the server at one byte more (T5)", async () => {
    await using bench = await Bench.start();
    const frame = line({ jsonrpc: "2.0", method: "" }, "").length;
    const long = { jsonrpc: "2.0" as const, method: "x".repeat(LINE_BYTES_MAX - frame) };
    bench.process.output(line(long));
    await bench.settle();
    assert.equal(bench.messages.length, 1);
    bench.process.output(line({ ...long, method: `${long.method}x` }) + line(ping(1)));
    await bench.settle();
    assert.equal(bench.messages.length, 1);
    assert.equal(bench.errors.length, 1);
    isError("message_too_large", /a line of more than 33554432 bytes and was ended/)(bench.errors[0]);
    assert.deepEqual([bench.closes, bench.process.terminations], [1, 1]);
  });
});

suite("ProcessTransport logs", () => {
  test("stderr by lines with the server's name, never as messages (T6)", async () => {
    await using bench = await Bench.start();
    bench.process.output("star", "stderr");
    bench.process.output(`ting\r\n${line(ping(1))}half`, "stderr");
    await bench.settle();
    const before = [
      'info MCP server "svc" stderr: starting',
      `info MCP server "svc" stderr: ${line(ping(1), "")}`,
    ];
    assert.deepEqual(bench.log, before);
    bench.process.closePipes();
    await bench.settle();
    assert.deepEqual(bench.log, [...before, 'info MCP server "svc" stderr: half']);
    assert.deepEqual(bench.messages, []);
  });

  test("no secret, also not one that came in two pieces", async () => {
    await using bench = await Bench.start();
    bench.redactor.add("t0ken-of-the-server");
    bench.process.output("my t0ken-of", "stderr");
    bench.process.output("-the-server\n", "stderr");
    bench.process.output("t0ken-of-the-server\n");
    bench.process.exit(1);
    bench.process.closePipes();
    const { message } = await bench.transport.ended;
    for (const shown of [...bench.log, message]) assert.doesNotMatch(shown, /t0ken/);
    assert.match(message, /its last words: my \*\*\* /);
  });

  test("nothing that would move the cursor, and no line without bound", async () => {
    await using bench = await Bench.start();
    bench.process.output("\u001b[31mred\u001b[0m\tand\u0007 \u0000calm\u009b2J\n", "stderr");
    bench.process.output(`${"y".repeat(300_000)}\nafter\n`, "stderr");
    bench.process.output("\u001b]0;title\u0007plain\u0008\n");
    await bench.settle();
    assert.equal(bench.log[0], 'info MCP server "svc" stderr: red and calm');
    assert.ok(String(bench.log[1]).length < 2_100);
    assert.equal(bench.log[2], 'info MCP server "svc" stderr: after');
    assert.match(String(bench.log[3]), /skipped: plain$/);
  });
});

suite("ProcessTransport ends", () => {
  test("after closed and not after exited: what was flushed in between arrives (T2)", async () => {
    await using bench = await Bench.start();
    bench.process.exit(0);
    await bench.settle();
    bench.process.output(line(ping(1)));
    await bench.settle();
    assert.deepEqual([bench.messages, bench.closes], [[ping(1)], 0]);
    bench.process.closePipes();
    await bench.settle();
    assert.deepEqual([bench.errors.length, bench.closes], [1, 1]);
    isError("process_exited", /ended with exit code 0 \[/)(bench.errors[0]);
  });

  test("with a last message that has no line end", async () => {
    await using bench = await Bench.start();
    bench.process.output(line(ping(1), ""));
    bench.process.exit(0);
    bench.process.closePipes();
    await bench.settle();
    assert.deepEqual(bench.messages, [ping(1)]);
  });

  test("when something else still holds the pipes of a server that has exited (T2)", async () => {
    await using bench = await Bench.start();
    bench.process.exit(3);
    await bench.clock.advance(1_999);
    assert.deepEqual([bench.closes, bench.process.terminations], [0, 0]);
    await bench.clock.advance(1);
    assert.deepEqual([bench.closes, bench.process.terminations], [1, 1]);
    isError("process_exited", /ended with exit code 3 \[/)(bench.errors[0]);
  });

  test("with the signal that killed the server, and its last words", async () => {
    await using bench = await Bench.start();
    bench.process.output(
      "loading\nError: no license\n    at start (file.js:1:1)\n\nNode.js v24.0.0\n",
      "stderr",
    );
    bench.process.exit(137);
    bench.process.closePipes();
    await bench.settle();
    isError(
      "process_exited",
      /^MCP server "svc" ended with exit code 137 \(SIGKILL\); its last words: Error: no license \[process_exited\]$/,
    )(bench.errors[0]);
  });

  test("once, with one error for all that waited and all that comes later (T3)", async () => {
    await using bench = await Bench.start();
    bench.process.onWrite = () => new Promise(() => {});
    const pending = Promise.allSettled([bench.transport.send(ping(1)), bench.transport.send(ping(2))]);
    bench.process.lose(new ExecutorError("executor_lost", "the link was given up"));
    await bench.settle();
    const later = Promise.allSettled([bench.transport.send(ping(3)), bench.transport.start()]);
    const reasons = [...(await pending), ...(await later)].map(
      (each) => each.status === "rejected" && each.reason,
    );
    isError("executor_lost", /can no longer be reached: the link was given up/)(reasons[0]);
    const ended = await bench.transport.ended;
    for (const reason of reasons) assert.equal(reason, ended);
    assert.deepEqual([bench.errors, bench.closes], [[ended], 1]);
    await bench.transport.close();
    assert.deepEqual([bench.errors.length, bench.closes], [1, 1]);
    assert.equal(ended.remedy, "relaunch");
  });

  test("with how it exited when a write finds it gone, not with the broken pipe (T3)", async () => {
    await using bench = await Bench.start();
    bench.process.onWrite = () => Promise.reject(new ExecutorError("stdin_closed", "broken pipe"));
    const sent = bench.transport.send(ping(1)).catch((error: unknown) => error);
    await bench.settle();
    bench.process.output("out of memory\n", "stderr");
    bench.process.exit(1);
    bench.process.closePipes();
    isError("process_exited", /exit code 1; its last words: out of memory/)(await sent);
  });

  test("when the server closed its stdin and lives on", async () => {
    await using bench = await Bench.start();
    bench.process.onWrite = () => Promise.reject(new ExecutorError("stdin_closed", "broken pipe"));
    const sent = bench.transport.send(ping(1)).catch((error: unknown) => error);
    await bench.clock.advance(2_000);
    isError("process_exited", /no longer reads its input/)(await sent);
    assert.equal(bench.process.terminations, 1);
  });

  test("when a write failed halfway, because the next line would be garbage", async () => {
    await using bench = await Bench.start();
    bench.process.onWrite = () => Promise.reject(new ExecutorError("outcome_unknown", "the link dropped"));
    await assert.rejects(bench.transport.send(ping(1)), isError("executor_lost", /the link dropped/));
    assert.deepEqual([bench.closes, bench.process.terminations], [1, 1]);
  });

  test("in spite of callbacks that throw", async () => {
    const bench = await Bench.start();
    bench.transport.onerror = () => {
      throw new Error("first");
    };
    bench.transport.onclose = () => {
      bench.closes++;
      throw new Error("second");
    };
    bench.process.exit(1);
    bench.process.closePipes();
    await bench.settle();
    await bench.transport.close();
    assert.equal(bench.closes, 1);
    assert.equal(bench.log.filter((entry) => /callback threw: Error: (first|second)/.test(entry)).length, 2);
  });
});

suite("ProcessTransport.close", () => {
  test("ends the process once for any number of callers, and all wait for its end (T4)", async () => {
    const bench = await Bench.start();
    bench.process.obedient = false;
    let done = 0;
    const closes = [bench.transport.close(), bench.transport.close(), bench.transport[Symbol.asyncDispose]()];
    for (const each of closes) void each.then(() => done++);
    await bench.settle();
    assert.deepEqual([done, bench.process.terminations], [0, 1]);
    bench.process.exit(0);
    bench.process.closePipes();
    await Promise.all(closes);
    assert.equal(bench.process.terminations, 1);
    assert.equal(bench.clock.pending, 0);
  });

  test("reports the end at once, without an error, and delivers nothing more (T3)", async () => {
    const bench = await Bench.start();
    bench.process.obedient = false;
    bench.process.onWrite = () => new Promise(() => {});
    const sent = bench.transport.send(ping(1)).catch((error: unknown) => error);
    const closing = bench.transport.close();
    isError("closed")(await sent);
    assert.deepEqual([bench.errors, bench.closes], [[], 1]);
    bench.process.output(line(ping(2)));
    bench.process.output("good bye\n", "stderr");
    bench.process.exit(0);
    bench.process.closePipes();
    await closing;
    assert.deepEqual(bench.messages, []);
    assert.deepEqual(bench.log, ['info MCP server "svc" stderr: good bye']);
    bench.process.onWrite = undefined;
    await assert.rejects(bench.transport.send(ping(3)), isError("closed"));
    assert.equal(bench.process.stdin, "");
  });

  test("reads what a process that was never started writes, so that it is not held back (T4)", async () => {
    await using bench = new Bench();
    bench.process.output(line(ping(1)));
    await bench.transport.close();
    assert.equal(bench.process.unread, 0);
    assert.deepEqual(bench.messages, []);
    await assert.rejects(bench.transport.start(), isError("closed"));
  });

  test("does not wait for pipes that an executor cannot close (T4)", async () => {
    const bench = await Bench.start();
    bench.process.obedient = false;
    bench.process.awaitsPipes = false;
    bench.process.exit(0);
    await bench.settle();
    const closing = bench.transport.close();
    await bench.clock.advance(2_000);
    await closing;
    assert.equal(bench.clock.pending, 0);
  });

  test("gives up on an executor that never reports the end, and logs it (T4)", async () => {
    const bench = await Bench.start();
    bench.process.obedient = false;
    const closing = bench.transport.close();
    await bench.clock.advance(20_000);
    await closing;
    assert.match(String(bench.log.at(-1)), /^error MCP server "svc" was asked to end 20 s ago/);
    assert.equal(bench.clock.pending, 0);
  });

  test("can be called from the callbacks of the end", async () => {
    const bench = await Bench.start();
    let closing: Promise<void> | undefined;
    bench.transport.onclose = () => {
      closing = bench.transport.close();
    };
    bench.process.exit(0);
    bench.process.closePipes();
    await bench.settle();
    await closing;
    assert.equal(bench.process.terminations, 1);
  });
});

suite("ProcessTransport.send", () => {
  test("writes a line per message, in the order of the calls", async () => {
    await using bench = await Bench.start();
    await Promise.all([1, 2, 3].map((id) => bench.transport.send(ping(id))));
    assert.equal(bench.process.stdin, [1, 2, 3].map((id) => line(ping(id))).join(""));
  });

  test("waits for a server that does not read (T5)", async () => {
    await using bench = await Bench.start();
    const room = Promise.withResolvers<void>();
    bench.process.onWrite = () => room.promise;
    let sent = false;
    const sending = bench.transport.send(ping(1)).then(() => (sent = true));
    await bench.settle();
    assert.equal(sent, false);
    room.resolve();
    assert.equal(await sending, true);
  });

  test("rejects a message that would overfill the queue, and only that one (T5)", async () => {
    await using bench = await Bench.start();
    const room = Promise.withResolvers<void>();
    bench.process.onWrite = () => room.promise;
    const big = { jsonrpc: "2.0" as const, method: "x".repeat(40 * 1024 * 1024) };
    const first = bench.transport.send(big);
    await assert.rejects(bench.transport.send(big), isError("server_stalled", /is not reading its input/));
    const small = bench.transport.send(ping(1));
    room.resolve();
    await Promise.all([first, small]);
    await bench.transport.send(big);
    assert.deepEqual(bench.errors, []);
    assert.ok(bench.process.stdin.includes(line(ping(1))));
    const huge = { ...big, method: "x".repeat(64 * 1024 * 1024) };
    await assert.rejects(
      bench.transport.send(huge),
      isError("message_too_large", /of 671088\d\d bytes; the limit is 67108864/),
    );
    await bench.transport.send(ping(2));
    assert.ok(bench.process.stdin.endsWith(line(ping(2))));
  });

  test("rejects when an executor refuses, and goes on", async () => {
    await using bench = await Bench.start();
    bench.process.onWrite = () => Promise.reject(new ExecutorError("stdin_full", "64 MiB wait"));
    await assert.rejects(bench.transport.send(ping(1)), isError("server_stalled"));
    bench.process.onWrite = undefined;
    await bench.transport.send(ping(2));
    assert.equal(bench.process.stdin, line(ping(2)));
  });
});
