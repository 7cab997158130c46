/** Turns of the agent against a scripted model and real MCP servers. */
import assert from "node:assert/strict";
import { mkdtempDisposableSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Agent, type HostTool, type Question } from "../../src/agent/index.ts";
import { McpManager } from "../../src/mcp/index.ts";
import { promptOf, RecordingMcpServer, stdioServer } from "../../src/testing/index.ts";
import { Gate } from "../../src/tools/index.ts";
import { scriptedServer } from "../mcp/support/scripted.ts";
import { lateServer } from "../support/late-server.ts";
import { AgentBench, collect, failureOf } from "./support/agent-bench.ts";

const PNG = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");

suite("a turn of the agent", () => {
  test("calls the tools of the thread's servers and goes on until the model calls none", async () => {
    await using bench = await AgentBench.start({ instructions: "Be brief." });
    const thread = bench.agent.startThread({ mcpServers: { svc: stdioServer() } });
    assert.equal(thread.id, null);
    const events = await collect(
      thread.runStreamed(
        promptOf(
          { reason: "thinking" },
          [
            { call: { server: "svc", tool: "echo", arguments: { text: "one" } } },
            { call: { server: "svc", tool: "fail" } },
          ],
          { say: "bye" },
        ),
      ),
    );
    const [started, ...rest] = events;
    assert.deepEqual(started, { type: "thread.started", thread_id: thread.id });
    const shown = rest.map((event) =>
      "item" in event
        ? [event.type, event.item.id, event.item.type, "status" in event.item ? event.item.status : ""].join(
            " ",
          )
        : event.type,
    );
    assert.deepEqual(shown, [
      "turn.started",
      "item.completed item_0 reasoning ",
      "item.started item_1 mcp_tool_call in_progress",
      "item.completed item_1 mcp_tool_call completed",
      "item.started item_2 mcp_tool_call in_progress",
      "item.completed item_2 mcp_tool_call failed",
      "item.completed item_3 agent_message ",
      "turn.completed",
    ]);
    assert.equal(bench.lastBody["instructions"], "Be brief.");
    const outputs = bench.history.filter(({ type }) => type === "function_call_output");
    assert.deepEqual(outputs[0]?.["output"], "one");
    assert.match(JSON.stringify(outputs[1]?.["output"]), /it failed/);
    assert.equal(outputs.length, 2);
  });

  test("is read as a whole by run, with the tokens of the thread so far", async () => {
    await using bench = await AgentBench.start();
    const thread = bench.agent.startThread();
    const first = await thread.run(
      promptOf({ usage: { inputTokens: 7, cachedInputTokens: 2, outputTokens: 3 } }, { say: "a" }),
    );
    assert.equal(first.finalResponse, "a");
    const second = await thread.run("hello");
    assert.equal(second.finalResponse, "You said: hello");
    assert.deepEqual(second.usage, {
      input_tokens: 107,
      cached_input_tokens: 2,
      cache_write_input_tokens: 0,
      output_tokens: 13,
      reasoning_output_tokens: 0,
    });
  });

  test("asks for an answer that keeps to a schema", async () => {
    await using bench = await AgentBench.start();
    const schema = { type: "object", properties: { a: { type: "string" } } };
    await bench.agent.startThread({ modelReasoningEffort: "low" }).run("x", { outputSchema: schema });
    assert.deepEqual(bench.lastBody["text"], {
      format: { type: "json_schema", name: "answer", schema, strict: true },
    });
    assert.deepEqual(bench.lastBody["reasoning"], { effort: "low", summary: "auto" });
  });

  test("shows the model images, and says which one cannot be used", async () => {
    await using bench = await AgentBench.start();
    const thread = bench.agent.startThread();
    const path = join(bench.folder, "a.png");
    writeFileSync(path, PNG);
    await thread.run([
      { type: "text", text: "look" },
      { type: "local_image", path },
    ]);
    const image = {
      type: "input_image",
      image_url: `data:image/png;base64,${PNG.toString("base64")}`,
      detail: "auto",
    };
    assert.deepEqual(bench.history, [
      { type: "message", role: "user", content: [image, { type: "input_text", text: "look" }] },
    ]);
    const wrong: readonly (readonly [name: string, bytes: Buffer | undefined, what: RegExp])[] = [
      ["text.png", Buffer.from("hello"), /text\.png" cannot be used: it is no PNG, JPEG, GIF or WebP/],
      ["big.png", Buffer.concat([PNG, Buffer.alloc(20 * 1024 * 1024)]), /may have 20971520 bytes together/],
      ["none.png", undefined, /none\.png" cannot be used: ENOENT/],
    ];
    for (const [name, bytes, message] of wrong) {
      const file = join(bench.folder, name);
      if (bytes !== undefined) writeFileSync(file, bytes);
      await assert.rejects(thread.run([{ type: "local_image", path: file }]), {
        code: "invalid_options",
        message,
      });
    }
    assert.equal(bench.model.received, 1);
  });

  test("offers the host's own tools, and gives the model what they throw", async () => {
    await using bench = await AgentBench.start();
    const tool: HostTool = {
      name: "add",
      description: "Adds",
      parameters: { type: "object" },
      run: ({ a, b }) =>
        b === undefined
          ? Promise.reject(new Error("b is missing"))
          : Promise.resolve(String(Number(a) + Number(b))),
    };
    const call = (args: object): object => ({
      raw: {
        type: "function_call",
        name: "add",
        call_id: `c${JSON.stringify(args)}`,
        arguments: JSON.stringify(args),
      },
    });
    const prompt = JSON.stringify([call({ a: 1, b: 2 }), call({ a: 1 }), { say: "x" }]);
    await bench.agent.startThread({ tools: [tool] }).run(prompt);
    const outputs = bench.history.filter(({ type }) => type === "function_call_output");
    assert.deepEqual(
      outputs.map(({ output }) => output),
      ["3", "b is missing"],
    );
  });

  test("gives the model the outputs in the order of its calls, whichever ends first (T2)", async () => {
    const second = Promise.withResolvers<void>();
    const tool = (name: string, run: HostTool["run"]): HostTool => ({
      name,
      description: "",
      parameters: { type: "object" },
      parallel: true,
      run,
    });
    await using bench = await AgentBench.start({
      tools: [
        tool("slow", async () => {
          await second.promise;
          return "slow";
        }),
        tool("quick", () => {
          second.resolve();
          return Promise.resolve("quick");
        }),
      ],
    });
    const call = (name: string): object => ({
      raw: { type: "function_call", name, call_id: name, arguments: "" },
    });
    await bench.agent.startThread().run(JSON.stringify([[call("slow"), call("quick")], { say: "x" }]));
    const outputs = bench.history.filter(({ type }) => type === "function_call_output");
    assert.deepEqual(
      outputs.map(({ output }) => output),
      ["slow", "quick"],
    );
  });

  test("waits for the calls that other agents make on a connection they share", async ({ signal }) => {
    await using bench = await AgentBench.start();
    await using manager = new McpManager({ publish: false });
    const mcpServers = { svc: { ...stdioServer(), scope: "host" } } as const;
    const prompt = promptOf({ call: { server: "svc", tool: "echo", arguments: { text: "hi" } } });
    await bench.another({ manager }).startThread({ mcpServers }).run(prompt);
    const connection = manager.threads[0]?.server("svc").connection;
    assert.ok(connection !== undefined);
    const gate = Gate.of(manager);
    const pass = await gate.enter({ turn: "ours", connection, parallel: false });
    const { length: asked } = bench.model.requests;
    const run = bench.another({ manager }).startThread({ mcpServers }).run(prompt);
    // Our turn, the connection, and the turn that waits for it.
    while (gate.inUse < 3) await setImmediate(undefined, { signal });
    assert.equal(bench.model.requests.length, asked + 1);
    pass.release();
    await run;
    assert.equal(bench.model.requests.length, asked + 2);
    assert.equal(gate.inUse, 0);
  });

  test("goes on when the model calls a tool that does not exist, or writes what is no JSON", async () => {
    await using bench = await AgentBench.start();
    const thread = bench.agent.startThread({ mcpServers: { svc: stdioServer() } });
    const { items } = await thread.run(
      promptOf(
        { call: { server: "svc", tool: "no_such_tool" } },
        { call: { server: "svc", tool: "echo", arguments: "{not json" } },
        { raw: { type: "custom_tool_call", call_id: "c9", name: "patch", input: "x" } },
        { say: "end" },
      ),
    );
    assert.equal(items.at(-1)?.type, "agent_message");
    const outputs = bench.history.filter(({ type }) => String(type).endsWith("_output"));
    assert.deepEqual(
      outputs.map(({ type }) => type),
      ["function_call_output", "function_call_output", "custom_tool_call_output"],
    );
  });

  test("tells of a server that does not start, and fails if it is required (V1)", async () => {
    await using bench = await AgentBench.start();
    const bad = { command: "no-such-program" };
    const [, item] = await collect(bench.agent.startThread({ mcpServers: { bad } }).runStreamed("hi"));
    assert.ok(item?.type === "item.completed" && item.item.type === "error");
    const { code, server, message } = item.item;
    assert.deepEqual([code, server], ["mcp_server_failed", "bad"]);
    assert.match(message, /^Missing in this turn: MCP server "bad" cannot be started/);
    const thread = bench.agent.startThread({ mcpServers: { bad: { ...bad, required: true } } });
    const failed = failureOf(await collect(thread.runStreamed("hi")));
    assert.equal(failed.code, "mcp_server_failed");
    assert.equal(bench.model.received, 1);
    // It can go on without it.
    assert.equal((await thread.run("hi", { mcpServers: {} })).finalResponse, "You said: hi");
  });

  test("does not wait for a server in the background, whose tools join the turn at the next step (V1)", async () => {
    await using bench = await AgentBench.start();
    using folder = mkdtempDisposableSync(join(tmpdir(), "switchyard-late-"));
    const begin = join(folder.path, "begin");
    const tools = (): string => JSON.stringify(bench.lastBody["tools"] ?? []);
    const [joined, failed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const tool: HostTool = {
      name: "wait_for_it",
      description: "",
      parameters: { type: "object" },
      run: async () => {
        assert.doesNotMatch(tools(), /mcp__late/);
        writeFileSync(begin, "");
        await Promise.all([joined.promise, failed.promise]);
        return "it is there";
      },
    };
    const thread = bench.agent.startThread({
      tools: [tool],
      mcpServers: {
        late: lateServer(begin),
        broken: { command: "sh", args: ["-c", "exit 3"], startup: "background" },
      },
      onMcpServer: ({ state }) => {
        if (state === "ready") joined.resolve();
        if (state === "failed") failed.resolve();
      },
    });
    const wait = { raw: { type: "function_call", name: "wait_for_it", call_id: "w", arguments: "{}" } };
    const call = { call: { server: "late", tool: "echo", arguments: { text: "hi" } } };
    // Both in the first step, which does not have the tool yet, and once more in the second.
    const { items } = await thread.run(JSON.stringify([[wait, call], call, { say: "done" }]));
    assert.match(tools(), /mcp__late/);
    assert.deepEqual(
      items.map((item) => [item.type, "status" in item ? item.status : ""]),
      [
        ["error", ""],
        ["mcp_tool_call", "completed"],
        ["agent_message", ""],
      ],
    );
    const [missing] = items;
    assert.ok(missing?.type === "error");
    assert.match(missing.message, /^Missing in this turn: MCP server "broken" ended with exit code 3/);
  });

  test("takes the servers of a turn from then on, and keeps those that stay the same (V2)", async () => {
    await using bench = await AgentBench.start();
    const one = stdioServer();
    const thread = bench.agent.startThread({ mcpServers: { one } });
    await thread.run(promptOf({ call: { server: "one", tool: "whoami" } }));
    await thread.run(promptOf({ call: { server: "two", tool: "whoami" } }), {
      mcpServers: { one, two: stdioServer() },
    });
    await thread.run(promptOf({ call: { server: "one", tool: "whoami" } }));
    const whoami = bench.history.flatMap(({ type, output }) =>
      type === "function_call_output" ? [String(output)] : [],
    );
    const [first, second, third] = whoami.map((text) => (JSON.parse(text) as { readonly pid: number }).pid);
    assert.equal(third, first);
    assert.notEqual(second, first);
  });

  test("asks the host what a server asks, and declines with an event where nobody answers (N3)", async () => {
    await using bench = await AgentBench.start();
    const prompt = promptOf({ call: { server: "svc", tool: "ask" } });
    const mcpServers = { svc: scriptedServer({ era: "legacy" }) };
    const asked: Question[] = [];
    const answering = bench.agent.startThread({
      mcpServers,
      onQuestion: (question) => {
        asked.push(question);
        return { decision: "accept", content: { ok: "Ada" } };
      },
    });
    await answering.run(prompt);
    assert.deepEqual([asked[0]?.kind, asked[0]?.threadId], ["elicitation", answering.id]);
    assert.match(JSON.stringify(bench.history), /Ada/);
    const { items } = await bench.agent.startThread({ mcpServers }).run(prompt);
    const declined = items.find((item) => item.type === "error");
    assert.deepEqual(
      [declined?.code, declined?.server, declined?.option],
      ["request_declined", "svc", "onQuestion"],
    );
  });

  test("asks the host before a call that needs it, as Codex does, and declines with an event where nobody answers", async () => {
    await using bench = await AgentBench.start();
    const prompt = promptOf({ call: { server: "svc", tool: "echo", arguments: { text: "hi" } } });
    const lastOutput = (): string =>
      JSON.stringify(bench.history.find(({ type }) => type === "function_call_output")?.["output"]);
    const svc = { ...stdioServer(), default_tools_approval_mode: "prompt" } as const;
    const asked: Question[] = [];
    const onQuestion = (question: Question): { decision: "accept" } => {
      asked.push(question);
      return { decision: "accept" };
    };
    const asking = { mcpServers: { svc }, approvalPolicy: "on-request" } as const;
    await bench.agent.startThread({ ...asking, onQuestion }).run(prompt);
    const [question] = asked;
    assert.ok(question?.kind === "mcp_tool_call");
    assert.deepEqual([question.tool, question.arguments], ["echo", { text: "hi" }]);
    assert.equal(lastOutput(), '"hi"');
    const { items } = await bench.agent.startThread(asking).run(prompt);
    const declined = items.find((item) => item.type === "error");
    assert.deepEqual([declined?.request, declined?.server], ["mcp_tool_call", "svc"]);
    assert.match(lastOutput(), /user rejected/);
    await bench.agent.startThread({ mcpServers: { svc }, onQuestion }).run(prompt);
    assert.match(lastOutput(), /approval policy is never/);
    await bench.agent.startThread({ mcpServers: { svc }, sandboxMode: "danger-full-access" }).run(prompt);
    assert.equal(lastOutput(), '"hi"');
    // A server that does not say it is asked about only where somebody is there.
    const open = { mcpServers: { svc: stdioServer() }, onQuestion };
    await bench.agent.startThread(open).run(prompt);
    assert.equal(asked.length, 1);
    await bench.agent.startThread({ ...open, approvalPolicy: "untrusted" }).run(prompt);
    assert.equal(asked.length, 2);
  });

  test("shows no secret of a server: not to the model, and not in a message (V3)", async () => {
    const secret = "s3cret-of-the-desk";
    await using desk = await RecordingMcpServer.start();
    await using bench = await AgentBench.start();
    const mcpServers = {
      desk: { url: desk.url, headers: { Authorization: `Bearer ${secret}` } },
      bad: { command: "sh", args: ["-c", "echo $KEY >&2; exit 1"], env: { KEY: secret } },
      files: { ...stdioServer(), env: { ROOT: "/srv/files" } },
    };
    const prompt = promptOf(
      { call: { server: "desk", tool: "whoami" } },
      { call: { server: "files", tool: "echo", arguments: { text: "/srv/files/a.txt" } } },
    );
    const { items } = await bench.agent.startThread({ mcpServers }).run(prompt);
    assert.match(JSON.stringify(items), /mcp_server_failed/);
    assert.match(JSON.stringify(bench.history), /\*\*\*/);
    // What may be a secret is none of the model's: it is a part of every path.
    assert.equal(bench.history.at(-1)?.["output"], "/srv/files/a.txt");
    const shown = items.filter(({ type }) => type === "error");
    assert.doesNotMatch(JSON.stringify([shown, bench.history, bench.log]), /s3cret/);
  });

  test("remembers for its thread what the host allowed for the session (V2)", async () => {
    await using bench = await AgentBench.start();
    let asked = 0;
    const thread = bench.agent.startThread({
      mcpServers: { svc: stdioServer() },
      approvalPolicy: "on-request",
      tools: [{ name: "x", description: "", parameters: {}, run: () => Promise.resolve("") }],
      onQuestion: () => {
        asked++;
        return { decision: "accept_for_session" };
      },
    });
    const prompt = promptOf({ call: { server: "svc", tool: "echo", arguments: { text: "hi" } } });
    await thread.run(prompt);
    await thread.run(prompt);
    assert.equal(asked, 1);
  });

  test("waits for the turn before it (A1)", async () => {
    await using bench = await AgentBench.start();
    const thread = bench.agent.startThread();
    const answers = await Promise.all(["a", "b", "c"].map((text) => thread.run(text)));
    assert.deepEqual(
      answers.map(({ finalResponse }) => finalResponse),
      ["You said: a", "You said: b", "You said: c"],
    );
    assert.equal(bench.history.length, 5);
  });
});

suite("a thread of the agent", () => {
  test("goes on in another agent, and forks with its history", async () => {
    await using bench = await AgentBench.start();
    const thread = bench.agent.startThread();
    await thread.run("first");
    const id = thread.id ?? "";
    await thread.close();
    await assert.rejects(thread.run("x"), { code: "closed" });
    const other = bench.another();
    assert.equal((await other.resumeThread(id).run("second")).usage?.input_tokens, 200);
    assert.deepEqual(
      bench.history.map(({ role }) => role),
      ["user", "assistant", "user"],
    );
    const fork = other.forkThread(id);
    await fork.run("third");
    assert.equal(bench.history.length, 5);
    assert.notEqual(fork.id, id);
    await other.resumeThread(id).run("fourth");
    assert.doesNotMatch(JSON.stringify(bench.history), /third/);
  });

  test("is the user's alone (S3)", async () => {
    await using bench = await AgentBench.start();
    const thread = bench.agent.startThread();
    await thread.run("x");
    assert.equal(statSync(bench.threads).mode & 0o777, 0o700);
    assert.equal(statSync(join(bench.threads, `${thread.id}.sqlite`)).mode & 0o777, 0o600);
  });

  test("leaves nothing on disk if it is ephemeral, and goes on as long as it is open", async () => {
    await using bench = await AgentBench.start({ idleUnloadMs: 0 });
    const thread = bench.agent.startThread({ ephemeral: true });
    await thread.run("first");
    await thread.run("second");
    assert.equal(bench.history.length, 3);
    assert.throws(() => statSync(bench.threads), { code: "ENOENT" });
    await assert.rejects(
      bench
        .another()
        .resumeThread(thread.id ?? "")
        .run("x"),
      { code: "thread_not_found" },
    );
  });

  test("is given back after a while without a turn (A3)", async () => {
    await using bench = await AgentBench.start({ idleUnloadMs: 0 });
    const thread = bench.agent.startThread({ mcpServers: { svc: stdioServer() } });
    await thread.run("first");
    const other = bench.another().resumeThread(thread.id ?? "");
    for (;;) {
      try {
        await other.run("second");
        break;
      } catch (error) {
        assert.equal((error as { code?: string }).code, "thread_busy");
        await setImmediate();
      }
    }
    await other.close();
    await thread.run("third");
    assert.equal(bench.history.length, 5);
  });

  test("is not found under an id that is none", async () => {
    await using bench = await AgentBench.start();
    for (const id of ["nope", "../../etc/passwd", "01234567-89ab-cdef-0123-456789abcdef"]) {
      await assert.rejects(bench.agent.resumeThread(id).run("x"), { code: "thread_not_found" });
    }
  });
});

suite("the options of the agent", () => {
  const wrong: readonly (readonly [what: string, run: (bench: AgentBench) => unknown, message: RegExp])[] = [
    ["a misspelt one", () => new Agent({ modl: "x" } as never), /no option modl; did you mean model\?/],
    [
      "a URL that is none",
      () => new Agent({ baseUrl: "localhost" }),
      /^baseUrl must be an http or https URL/,
    ],
    [
      "two tools of one name",
      () => {
        const tool = { name: "a", description: "", parameters: {}, run: () => Promise.resolve("") };
        return new Agent({ tools: [tool, tool] });
      },
      /^tools must have different names/,
    ],
    [
      "no model",
      (bench) =>
        bench
          .another({ model: undefined as never })
          .startThread()
          .run("x"),
      /^model: name the model/,
    ],
    [
      "a setting of Codex",
      (bench) => bench.agent.startThread({ config: { a: 1 } }).run("x"),
      /^config has no effect here/,
    ],
    [
      "a search of the web",
      (bench) => bench.agent.startThread({ webSearchEnabled: true }).run("x"),
      /^webSearchEnabled has no/,
    ],
    [
      "a server that is none",
      (bench) => bench.agent.startThread({ mcpServers: { a: {} as never } }).run("x"),
      /^mcpServers\.a: /,
    ],
    [
      "a folder that is none",
      (bench) => bench.agent.startThread({ workingDirectory: "/nowhere" }).run("x"),
      /^workingDirectory "\/nowhere" is not a directory/,
    ],
  ];
  for (const [what, run, message] of wrong)
    test(`are rejected by name: ${what}`, async () => {
      await using bench = await AgentBench.start();
      await assert.rejects(async () => run(bench), { code: "invalid_options", message });
      assert.equal(bench.model.received, 0);
    });

  test("may be those of a thread of Codex", async () => {
    await using bench = await AgentBench.start();
    const thread = bench.agent.startThread({
      sandboxMode: "read-only",
      approvalPolicy: "never",
      networkAccessEnabled: false,
      skipGitRepoCheck: true,
      webSearchMode: "disabled",
      additionalDirectories: ["/tmp"],
      env: { A: "1" },
    });
    assert.equal((await thread.run("x")).finalResponse, "You said: x");
  });

  test("need a key, or an endpoint that needs none", async () => {
    await using bench = await AgentBench.start();
    await bench
      .another({ apiKey: undefined as never })
      .startThread()
      .run("x");
    assert.equal(bench.model.requests.at(-1)?.headers["authorization"], undefined);
    const keyless = bench.another({ apiKey: undefined as never, baseUrl: undefined as never });
    await assert.rejects(keyless.startThread().run("x"), { code: "login_missing" });
    await bench.agent.startThread({ apiKey: "sk-of-the-thread" }).run("x");
    assert.equal(bench.model.requests.at(-1)?.headers["authorization"], "Bearer sk-of-the-thread");
  });
});
