/** What goes wrong with the model, the tools, the reader and the process; and that the thread can go on. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { suite, test } from "node:test";
import fc from "fast-check";
import { Agent, type AgentOptions, type HostTool, type ThreadEvent } from "../../src/agent/index.ts";
import { RawPeer } from "../../src/testing/http-server/raw-peer.ts";
import { callTool, cut, fail, hang, promptOf, raw, say, stdioServer } from "../../src/testing/index.ts";
import type { Script } from "../../src/testing/index.ts";
import { McpBench, scriptedServer } from "../mcp/support/scripted.ts";
import { AgentBench, collect, failureOf } from "./support/agent-bench.ts";

/** Every call has exactly one output after it. */
function assertWhole(history: AgentBench["history"]): void {
  const open = new Set<unknown>();
  for (const { type, call_id: id } of history) {
    if (String(type).endsWith("_call")) open.add(id);
    else if (String(type).endsWith("_output"))
      assert.ok(open.delete(id), `an output without a call: ${String(id)}`);
  }
  assert.deepEqual([...open], [], "calls without an output");
}

/** What the first requests are answered with; later prompts are echoed. */
function answers(...replies: readonly ReturnType<Script>[]): { script: Script } {
  let asked = 0;
  return { script: ({ prompt }) => replies[asked++] ?? say(`You said: ${prompt}`) };
}

suite("a turn that is stopped", () => {
  const PROMPT = promptOf(
    { reason: "first" },
    [
      { call: { server: "svc", tool: "echo", arguments: { text: "a" } } },
      { call: { server: "svc", tool: "echo", arguments: { text: "beside" } } },
    ],
    { call: { server: "svc", tool: "echo", arguments: { text: "b" } } },
    { say: "end" },
  );

  for (const how of ["abort", "leave"] as const)
    test(`by ${how} at any event leaves a thread that can go on (T1)`, async () => {
      await using bench = await AgentBench.start();
      const mcpServers = { svc: scriptedServer({}) };
      const whole = await collect(bench.agent.startThread({ mcpServers }).runStreamed(PROMPT));
      for (let at = 1; at < whole.length; at++) {
        const thread = bench.agent.startThread({ mcpServers });
        const controller = new AbortController();
        const { events } = await thread.runStreamed(PROMPT, { signal: controller.signal });
        let seen = 0;
        const read = async (): Promise<void> => {
          for await (const _ of events) {
            if (++seen !== at) continue;
            if (how === "leave") return;
            controller.abort();
          }
        };
        // The last two events come together.
        if (how === "leave" || at === whole.length - 1) await read();
        else await assert.rejects(read(), { name: "AbortError" });
        const { finalResponse } = await thread.run("go on");
        assert.equal(finalResponse, "You said: go on");
        assertWhole(bench.history);
        await thread.close();
      }
    });

  test("in the middle of a call says that nobody knows its outcome, and does not wait for a deaf tool", async () => {
    const started = Promise.withResolvers<void>();
    const deaf: HostTool = {
      name: "deaf",
      description: "",
      parameters: { type: "object" },
      run: () => {
        started.resolve();
        return new Promise(() => {});
      },
    };
    await using bench = await AgentBench.start({ tools: [deaf] });
    const thread = bench.agent.startThread();
    const controller = new AbortController();
    const prompt = JSON.stringify([
      { raw: { type: "function_call", name: "deaf", call_id: "c", arguments: "{}" } },
    ]);
    const run = thread.run(prompt, { signal: controller.signal });
    await started.promise;
    controller.abort();
    await assert.rejects(run, { name: "AbortError" });
    await thread.run("go on");
    assertWhole(bench.history);
  });

  test("while the model is silent ends at once", async () => {
    await using bench = await AgentBench.start({}, answers(hang()));
    const thread = bench.agent.startThread();
    const controller = new AbortController();
    const run = thread.run("x", { signal: controller.signal });
    await bench.model.waitForRequests(1);
    controller.abort();
    await assert.rejects(run, { name: "AbortError" });
    await bench.model.waitUntilIdle();
    assert.equal((await thread.run("y")).finalResponse, "You said: y");
    assert.equal(bench.history.length, 2);
  });

  test("by the end of its thread or agent says so", async () => {
    await using bench = await AgentBench.start({}, { script: () => hang() });
    const thread = bench.agent.startThread();
    const [first, second] = [thread.run("x"), thread.run("waits")].map((run) =>
      assert.rejects(run, { code: "closed" }),
    );
    await bench.model.waitForRequests(1);
    await thread.close();
    await Promise.all([first, second]);
    const other = assert.rejects(bench.agent.startThread().run("x"), { code: "closed" });
    await bench.model.waitForRequests(2);
    await bench.agent.close();
    await other;
    assert.throws(() => bench.agent.startThread().id ?? assert.fail("x"));
    await assert.rejects(bench.agent.startThread().run("x"), { code: "closed" });
  });

  test("by its bounds fails, and the thread can go on (T4)", async () => {
    await using bench = await AgentBench.start(
      { stepsMax: 3 },
      {
        script: ({ prompt }) => (prompt === "loop" ? callTool({ server: "svc", tool: "whoami" }) : say("ok")),
      },
    );
    const thread = bench.agent.startThread({ mcpServers: { svc: stdioServer() } });
    const failed = failureOf(await collect(thread.runStreamed("loop")));
    assert.deepEqual([failed.code, bench.model.received], ["turn_interrupted", 3]);
    assert.match(failed.message, /3 steps .*stepsMax/);
    assert.equal((await thread.run("y")).finalResponse, "ok");
    assertWhole(bench.history);
    const hurried = bench.another({ turnTimeoutMs: 50, baseUrl: "http://127.0.0.1:1/v1", retriesMax: 100 });
    const late = failureOf(await collect(hurried.startThread().runStreamed("x")));
    assert.match(late.message, /longer than 50 ms \(turnTimeoutMs\)/);
  });

  test("by a reader that stays away fails after what was kept was read (N1)", async () => {
    const many = Array.from({ length: 300 }, (_, index) => say(String(index)));
    await using bench = await AgentBench.start(
      { readerStallMs: 10 },
      answers([...many, callTool({ server: "svc", tool: "x" })], say("ok")),
    );
    const thread = bench.agent.startThread();
    const { events } = await thread.runStreamed("x");
    await events.next();
    // The next turn of the thread begins when this one has ended.
    assert.equal((await thread.run("y")).finalResponse, "ok");
    const rest: ThreadEvent[] = [];
    for await (const event of events) rest.push(event);
    assert.equal(failureOf(rest).code, "reader_stalled");
    assert.equal(rest.filter(({ type }) => type === "item.completed").length, 300);
  });
});

suite("a model that fails", () => {
  test("is asked again when its answer breaks off, and what it had said is dropped (M1, T3)", async () => {
    await using bench = await AgentBench.start({}, answers([say("half"), cut()], say("whole")));
    const events = await collect(bench.agent.startThread().runStreamed("x"));
    assert.match(JSON.stringify(events), /"type":"error","message":"Reconnecting\.\.\. 1\/4/);
    assert.deepEqual(
      events.flatMap((event) =>
        event.type === "item.completed" && event.item.type === "agent_message" ? [event.item.text] : [],
      ),
      ["whole"],
    );
  });

  test("is asked again a bounded number of times (M1)", async () => {
    await using bench = await AgentBench.start({ retriesMax: 2 }, { script: () => cut() });
    const failed = failureOf(await collect(bench.agent.startThread().runStreamed("x")));
    assert.deepEqual([failed.code, bench.model.received], ["model_unreachable", 3]);
    assert.match(failed.message, /broke off, 3 times in a row/);
  });

  test("is given the time that Retry-After says", async () => {
    const times: number[] = [];
    const script: Script = () => {
      times.push(performance.now());
      return times.length === 1 ? fail(429, undefined, { "retry-after": "1" }) : say("ok");
    };
    await using bench = await AgentBench.start({}, { script });
    assert.equal((await bench.agent.startThread().run("x")).finalResponse, "ok");
    assert.ok((times[1] ?? 0) - (times[0] ?? 0) >= 990, String(times));
  });

  const failures: readonly (readonly [
    what: string,
    options: AgentOptions,
    reply: ReturnType<Script>,
    code: string,
    requests: number,
    message: RegExp,
  ])[] = [
    ["401", {}, fail(401), "model_unauthorized", 1, /does not accept the key/],
    ["403", {}, fail(403), "model_unauthorized", 1, /does not accept the key/],
    [
      "429",
      { retriesMax: 1 },
      fail(429, undefined, { "retry-after-ms": "1" }),
      "model_rate_limited",
      2,
      /takes no more requests/,
    ],
    [
      "500",
      { retriesMax: 1 },
      fail(500, undefined, { "retry-after-ms": "1" }),
      "request_failed",
      2,
      /Scripted failure 500/,
    ],
    ["400", {}, fail(400), "request_failed", 1, /rejected the request.*Scripted failure 400/],
    [
      "a context that is too small",
      {},
      fail(400, {
        error: { message: "Your input exceeds the context window.", code: "context_length_exceeded" },
      }),
      "request_failed",
      1,
      /^The conversation has outgrown the model: .*Start a new thread, or use a model with a larger context$/,
    ],
    [
      "silence",
      { modelSilenceMs: 1_500, retriesMax: 0 },
      [say("half"), hang()],
      "model_unreachable",
      1,
      /it was silent for 1500 ms/,
    ],
  ];
  for (const [what, options, reply, code, requests, message] of failures)
    test(`ends the turn with what to do, without the key, and ends it once: ${what} (M2, M3, A2, N2)`, async () => {
      let failing = true;
      await using bench = await AgentBench.start(options, { script: () => (failing ? reply : say("ok")) });
      const thread = bench.agent.startThread();
      const events = await collect(thread.runStreamed("x"));
      assert.deepEqual(
        events.map(({ type }) => type).filter((type) => type.startsWith("turn.")),
        ["turn.started", "turn.failed"],
      );
      const failed = failureOf(events);
      assert.deepEqual([failed.code, bench.model.received], [code, requests]);
      assert.match(failed.message, message);
      assert.doesNotMatch(JSON.stringify(failed) + bench.log.join(), /sk-test-key/);
      failing = false;
      assert.equal((await thread.run("y")).finalResponse, "ok");
    });

  test("is not sent again what it does not take (T1)", async () => {
    let large = false;
    const script: Script = ({ step, prompt, body }) => {
      const text = JSON.stringify(body["input"]);
      if (text.includes("LARGE"))
        return fail(400, { error: { message: "too long", code: "context_length_exceeded" } });
      return prompt === "call" && step === 0
        ? callTool({ server: "svc", tool: "echo", arguments: { text: large ? "LA" + "RGE" : "x" } })
        : say("ok");
    };
    await using bench = await AgentBench.start({}, { script });
    const output: HostTool = {
      name: "load",
      description: "",
      parameters: { type: "object" },
      run: () => Promise.resolve("LARGE"),
    };
    const thread = bench.agent.startThread({ tools: [output] });
    failureOf(await collect(thread.runStreamed("a LARGE prompt")));
    await thread.run("small");
    assert.equal(bench.history.length, 1);
    large = true;
    const loader = raw({ type: "function_call", call_id: "c1", name: "load", arguments: "{}" });
    await using second = await AgentBench.start(
      { tools: [output] },
      {
        script: (request) => (request.prompt === "load" && request.step === 0 ? loader : script(request)),
      },
    );
    const loading = second.agent.startThread();
    assert.match(failureOf(await collect(loading.runStreamed("load"))).message, /outgrown/);
    await loading.run("small");
    assertWhole(second.history);
    assert.match(JSON.stringify(second.history), /left out, because the model did not take/);
  });

  test("may send what is no answer", async () => {
    const texts = [
      "data: {not json\n\n",
      "data: 5\n\ndata: null\n\ndata: [1]\n\n",
      'event: response.output_item.done\ndata: {"type":"response.output_item.done","item":5}\n\n',
      'data: {"type":"response.failed","response":{"error":{"code":"server_error","message":"oops"}}}\n\n',
      "\u0000\u0001garbage\n\n\n",
      "",
    ];
    for (const text of texts) {
      await using peer = await RawPeer.start((_request, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" }).end(text);
      });
      await using bench = await AgentBench.start({
        baseUrl: `http://127.0.0.1:${peer.port}/v1`,
        retriesMax: 0,
      });
      const failed = failureOf(await collect(bench.agent.startThread().runStreamed("x")));
      assert.equal(failed.code, "model_unreachable", text);
    }
  });

  test("may call whatever it likes: no item crashes a turn", async () => {
    let item: Readonly<Record<string, unknown>> = {};
    await using bench = await AgentBench.start(
      {},
      {
        script: ({ prompt, step }) =>
          prompt === "fuzz" && step === 0 ? [raw(item), raw(item), say("x")] : say("end"),
      },
    );
    const thread = bench.agent.startThread({ mcpServers: { svc: stdioServer() } });
    const value = fc.oneof(fc.string(), fc.constant(undefined), fc.jsonValue({ maxDepth: 2 }));
    const items = fc.record({
      type: fc.constantFrom(
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "message",
        "reasoning",
        "other",
      ),
      call_id: value,
      name: fc.oneof(value, fc.constantFrom("echo", "mcp__svc__echo", "read_tool_output")),
      namespace: fc.oneof(value, fc.constant("mcp__svc")),
      arguments: fc.oneof(value, fc.json(), fc.constant('{"text":"a"}')),
      content: value,
      summary: value,
    });
    await fc.assert(
      fc.asyncProperty(items, async (drawn) => {
        item = drawn;
        const events = await collect(thread.runStreamed("fuzz"));
        assert.equal(events.at(-1)?.type, "turn.completed", JSON.stringify(events.at(-1)));
        await thread.run("next");
      }),
      { numRuns: 40 },
    );
  });

  test("that nobody listens for is named", async () => {
    const peer = await RawPeer.start(() => {});
    const baseUrl = `http://127.0.0.1:${peer.port}/v1`;
    await peer[Symbol.asyncDispose]();
    await using bench = await AgentBench.start({ baseUrl, retriesMax: 1 });
    const failed = failureOf(await collect(bench.agent.startThread().runStreamed("x")));
    assert.equal(failed.code, "model_unreachable");
    assert.match(failed.message, /The model at http:\/\/127\.0\.0\.1:\d+ did not answer: .*ECONNREFUSED/);
  });
});

suite("a process that is killed", () => {
  const HOST = join(import.meta.dirname, "support", "host.ts");

  class Host implements AsyncDisposable {
    readonly child: ChildProcess;
    readonly lines: AsyncIterator<string>;
    stderr = "";

    constructor(bench: AgentBench, params: object) {
      const settings = { baseUrl: bench.model.baseUrl, home: join(bench.folder, "agent"), ...params };
      const env = { ...process.env, SWITCHYARD_HOME: bench.folder };
      this.child = spawn(process.execPath, [HOST, JSON.stringify(settings)], {
        env,
        stdio: ["ignore", "pipe", "pipe"],
      });
      this.child.stderr?.on("data", (bytes) => (this.stderr += String(bytes)));
      this.lines = createInterface({ input: this.child.stdout as NodeJS.ReadableStream })[
        Symbol.asyncIterator
      ]();
    }

    /** Reads up to the first line that fits. */
    async until(fits: (line: string) => boolean): Promise<string> {
      for (;;) {
        const { value, done } = await this.lines.next();
        if (done === true) throw new Error(`The host ended: ${this.stderr}`);
        if (fits(value)) return value;
      }
    }

    async kill(): Promise<void> {
      this.child.kill("SIGKILL");
      await once(this.child, "close");
    }

    async [Symbol.asyncDispose](): Promise<void> {
      if (this.child.exitCode === null && this.child.signalCode === null) await this.kill();
    }
  }

  test("in the middle of a step leaves a thread that knows what nobody knows, and repeats nothing (S1, S4)", async () => {
    await using servers = new McpBench({ publish: false });
    await using bench = await AgentBench.start();
    const server = servers.server({ era: "legacy" });
    await using host = new Host(bench, {
      server: { command: server.command, args: server.args },
      input: promptOf([{ call: { server: "svc", tool: "echo" } }, { call: { server: "svc", tool: "hang" } }]),
    });
    const { thread_id: id } = JSON.parse(await host.until((line) => line.includes("thread.started"))) as {
      readonly thread_id: string;
    };
    await host.until((line) => line.includes("item.started") && line.includes("hang"));
    await host.kill();
    const calls = (): readonly string[] => server.record().filter((line) => line.startsWith("in tools/call"));
    const before = calls();
    const thread = bench.agent.resumeThread(id, { mcpServers: { svc: { ...server } } });
    await thread.run("go on");
    assertWhole(bench.history);
    const outputs = bench.history
      .filter(({ type }) => type === "function_call_output")
      .map(({ output }) => JSON.stringify(output));
    assert.equal(outputs.length, 2);
    assert.doesNotMatch(outputs[0] ?? "", /Nobody knows/);
    assert.match(outputs[1] ?? "", /Nobody knows what became of this call/);
    assert.deepEqual(calls(), before);
  });

  test("works on its thread alone, until it ends, and prints nothing of its own (S2)", async () => {
    await using bench = await AgentBench.start();
    await using host = new Host(bench, { input: "hello" });
    const { thread_id: id } = JSON.parse(await host.until((line) => line.includes("thread.started"))) as {
      readonly thread_id: string;
    };
    await host.until((line) => line === "idle");
    for (const thread of [bench.agent.resumeThread(id), bench.agent.forkThread(id)])
      await assert.rejects(thread.run("x"), { code: "thread_busy", message: /is open elsewhere/ });
    await host.kill();
    assert.equal(host.stderr, "");
    assert.equal((await bench.agent.resumeThread(id).run("x")).finalResponse, "You said: x");
    assert.equal(bench.history.length, 3);
  });
});

test("an agent that is disposed without a turn has started nothing", async () => {
  await using agent = new Agent({ model: "x", apiKey: "sk-test", home: "/nowhere" });
  assert.equal(agent.startThread().id, null);
});
