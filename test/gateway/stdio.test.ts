/** A client on a pipe. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { suite, test } from "node:test";
import { type ClientThreads, serveStdio } from "../../src/gateway/index.ts";
import { LineDecoder } from "../../src/base/line-decoder.ts";
import { Watch } from "../../src/testing/watch.ts";
import { ScriptedHttpServer } from "../mcp/support/scripted-http.ts";
import { McpBench } from "../mcp/support/scripted.ts";
import { until } from "../executor/support/until.ts";
import { initialize, modern, rpc } from "./support/raw-post.ts";

interface Message {
  readonly id?: string | number | null;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string };
}

class PipeBench implements AsyncDisposable {
  readonly mcp: McpBench = new McpBench({ catalogFolder: false });
  readonly input: PassThrough = new PassThrough();
  readonly output: PassThrough = new PassThrough();
  readonly got: Message[] = [];
  readonly over: Promise<void>;
  readonly #watch = new Watch();

  constructor({ url, server }: { readonly url: string; readonly server?: string }) {
    const threads: ClientThreads = {
      names: () => ["a"],
      open: ({ offers }) => this.mcp.manager.openThread({ servers: { a: { url } }, offers }),
    };
    const { input, output } = this;
    this.over = serveStdio({ threads, server, input, output });
    const decoder = new LineDecoder(1 << 20);
    output.on("data", (chunk: Buffer) => {
      for (const line of decoder.push(chunk)) {
        assert.ok(line.kind === "line");
        this.got.push(JSON.parse(line.text) as Message);
      }
      this.#watch.changed();
    });
  }

  say(...messages: readonly unknown[]): void {
    this.input.write(messages.map((each) => `${JSON.stringify(each)}\n`).join(""));
  }

  answer(id: number): Promise<Message> {
    return this.#watch.waitFor(() => this.got.find((each) => each.id === id && each.method === undefined));
  }

  message(method: string): Promise<Message> {
    return this.#watch.waitFor(() => this.got.find((each) => each.method === method));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.input.end();
    await this.over;
    await this.mcp[Symbol.asyncDispose]();
  }
}

const initialized = { jsonrpc: "2.0", method: "notifications/initialized" };
const cancel = (requestId: number): object => ({
  jsonrpc: "2.0",
  method: "notifications/cancelled",
  params: { requestId },
});

function modernRpc(id: number, method: string, params: Readonly<Record<string, unknown>> = {}): object {
  return { ...(modern(method, params).body as object), id };
}

suite("a client on a pipe", { timeout: 30_000 }, () => {
  test("is greeted, and what it sent meanwhile is answered then, in order (T2)", async () => {
    await using server = await ScriptedHttpServer.start();
    await using bench = new PipeBench({ url: server.url, server: "a" });
    bench.say(
      rpc(1, "tools/list"),
      rpc(2, "ping"),
      initialize(3),
      initialized,
      rpc(4, "tools/call", { name: "count" }),
      rpc(5, "tools/call", { name: "count" }),
    );
    await Promise.all([4, 5].map((id) => bench.answer(id)));
    const [refused, pong, greeting] = bench.got;
    assert.equal(refused?.error?.code, -32600);
    assert.deepEqual(pong?.result, {});
    assert.deepEqual(greeting?.result?.["serverInfo"], { name: "scripted", version: "1.0.0" });
    const texts = [4, 5].map((id) => JSON.stringify(bench.got.find((each) => each.id === id)?.result));
    assert.deepEqual(
      texts.map((text) => /"text":"(\d)"/.exec(text)?.[1]),
      ["1", "2"],
    );
    bench.say(rpc(6, "tools/call", { name: "change", arguments: { add: "more" } }));
    await bench.message("notifications/tools/list_changed");
  });

  test("of the modern era says itself who it is, gives requests up, and shares the pipe with the other era", async () => {
    await using server = await ScriptedHttpServer.start();
    await using bench = new PipeBench({ url: server.url });
    bench.say(modernRpc(1, "server/discover"), initialize(2), initialized);
    const discovered = await bench.answer(1);
    assert.deepEqual(discovered.result?.["supportedVersions"], ["2026-07-28"]);
    assert.equal((await bench.answer(2)).result?.["protocolVersion"], "2025-11-25");
    bench.say(
      modernRpc(3, "subscriptions/listen", { notifications: { toolsListChanged: true } }),
      modernRpc(4, "tools/call", { name: "mcp__a__hang" }),
      modernRpc(4, "tools/list"),
    );
    await bench.message("notifications/subscriptions/acknowledged");
    assert.equal((await bench.answer(4)).error?.code, -32600);
    await until("the call", () => server.calls("hang") === 1);
    bench.say(cancel(4), cancel(3), cancel(99), rpc(5, "tools/call", { name: "mcp__a__echo" }));
    await until("the cancellation", () =>
      server.record.some((line) => line.startsWith("in notifications/cancelled")),
    );
    assert.ok((await bench.answer(5)).result);
    assert.deepEqual(
      bench.got.filter(({ id }) => id === 3),
      [],
    );
  });

  test("is told what is no message, and its end is the end of all it had (T1)", async () => {
    await using server = await ScriptedHttpServer.start();
    await using bench = new PipeBench({ url: server.url, server: "a" });
    bench.input.write("{\n[]\n\n");
    bench.say(initialize(1), initialized);
    await bench.answer(1);
    assert.deepEqual(
      bench.got.slice(0, 2).map(({ id, error }) => [id, error?.code]),
      [
        [null, -32700],
        [null, -32600],
      ],
    );
    bench.say(rpc(2, "tools/call", { name: "hang" }), modernRpc(3, "tools/call", { name: "hang" }));
    await until("the calls", () => server.calls("hang") === 2);
    assert.equal(bench.mcp.manager.threads.length, 2);
    bench.input.end();
    await bench.over;
    assert.equal(bench.mcp.manager.threads.length, 0);
    await until("the cancellations", () => {
      const cancelled = server.record.filter((line) => line.startsWith("in notifications/cancelled"));
      return cancelled.length === 2;
    });
  });

  test("that does not read costs a bounded queue, and is given up then (W1)", async () => {
    await using server = await ScriptedHttpServer.start();
    await using bench = new PipeBench({ url: server.url, server: "a" });
    bench.say(initialize(1), initialized);
    await bench.answer(1);
    bench.output.pause();
    const bytes = 3 * 1024 * 1024;
    for (let id = 2; id < 20; id++) bench.say(rpc(id, "tools/call", { name: "big", arguments: { bytes } }));
    await bench.over;
    assert.ok(bench.output.writableLength < 40 * 1024 * 1024);
    assert.equal(bench.mcp.manager.threads.length, 0);
  });
});
