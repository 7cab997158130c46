/** A step's calls, from the model's items to their outputs, on real servers. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { CallOutcome, McpConnectionManager, McpThreadOptions } from "../../src/mcp/index.ts";
import { Gate } from "../../src/tools/gate/gate.ts";
import type {
  DispatchEvent,
  FunctionCallItem,
  HostTool,
  ToolOutput,
} from "../../src/tools/router/contract.ts";
import { ToolRouter, type ToolRouterOptions } from "../../src/tools/router/tool-router.ts";
import { McpBench } from "../mcp/support/scripted.ts";
import { anyText } from "../support/any-text.ts";

function call(name: string, args: unknown = {}, more: Partial<FunctionCallItem> = {}): FunctionCallItem {
  const text = typeof args === "string" ? args : JSON.stringify(args);
  return { type: "function_call", call_id: `call-${name}`, name, arguments: text, ...more };
}

function textOf(outcome: CallOutcome): string {
  if (outcome.kind !== "result" && outcome.kind !== "tool_error") return outcome.kind;
  return outcome.result.content.map((block) => (block.type === "text" ? block.text : block.type)).join("\n");
}

interface Router {
  readonly thread: McpConnectionManager;
  readonly router: ToolRouter;
  readonly run: (items: readonly FunctionCallItem[], signal?: AbortSignal) => Promise<readonly ToolOutput[]>;
  readonly events: DispatchEvent[];
}

async function routerOf(
  bench: McpBench,
  servers: McpThreadOptions["servers"],
  options: Partial<ToolRouterOptions> = {},
): Promise<Router> {
  const thread = bench.manager.openThread({ servers });
  await thread.ready();
  const events: DispatchEvent[] = [];
  const router = new ToolRouter({
    thread,
    gate: new Gate(),
    outputOf: (_, outcome) => textOf(outcome),
    ...options,
  });
  const run = async (
    items: readonly FunctionCallItem[],
    signal?: AbortSignal,
  ): Promise<readonly ToolOutput[]> => {
    const outputs = await router.dispatch(items, {
      onEvent: (event) => events.push(event),
      ...(signal === undefined ? {} : { signal }),
    });
    assert.deepEqual(
      outputs.map(({ call_id }) => call_id),
      items.map(({ call_id }) => call_id),
    );
    return outputs.map(({ output }) => output);
  };
  return { router, run, events, thread };
}

const now: HostTool = {
  name: "now",
  description: "Tells the time",
  parameters: { type: "object", properties: {} },
  run: async ({ zone = "UTC" }) => `12:00 ${String(zone)}`,
};

suite("ToolRouter offers", () => {
  test("the tools of servers under flat names, and those of the host", async () => {
    await using bench = new McpBench();
    const { router } = await routerOf(
      bench,
      { a: { ...bench.server(), enabled_tools: ["echo", "pid"] } },
      { hostTools: [now] },
    );
    assert.deepEqual(
      router.tools().map(({ type, name }) => [type, name]),
      [
        ["function", "now"],
        ["function", "mcp__a__echo"],
        ["function", "mcp__a__pid"],
      ],
    );
  });

  test("namespaces with what a server says about itself", async () => {
    await using bench = new McpBench();
    const servers = {
      a: { ...bench.server({ era: "legacy" }), enabled_tools: ["echo"] },
      b: { ...bench.server({ era: "modern" }), enabled_tools: ["pid"] },
    };
    const { router } = await routerOf(bench, servers, { spelling: "namespaces" });
    const [a, b] = router.tools();
    assert.ok(a?.type === "namespace" && b?.type === "namespace");
    assert.deepEqual(
      [a.name, a.description, a.tools.map(({ name }) => name)],
      ["mcp__a", "be kind", ["echo"]],
    );
    assert.equal(b.description, "Tools in the mcp__b namespace.");
  });

  test("the same tools until it is asked again (R3)", async () => {
    await using bench = new McpBench();
    const { router, run } = await routerOf(bench, { a: bench.server() });
    const before = router.tools();
    const changed = bench.manager.threads[0]?.events();
    const next = changed?.next();
    await run([call("mcp__a__change", { add: "fresh" })]);
    for (let event = await next; event?.value?.type !== "catalog"; event = await changed?.next());
    const [unknown] = await run([call("mcp__a__fresh")]);
    assert.match(String(unknown), /There is no tool "mcp__a__fresh"/);
    assert.equal(router.tools().length, before.length + 1);
    await changed?.return(undefined);
  });

  test("only what was searched for, when they are found by a search", async () => {
    await using bench = new McpBench();
    const { router, run } = await routerOf(
      bench,
      { a: bench.server() },
      { exposure: "search", hostTools: [now] },
    );
    assert.deepEqual(
      router.tools().map(({ name }) => name),
      ["now", "tool_search"],
    );
    const [found] = await run([call("tool_search", { query: "echo" })]);
    const { tools } = JSON.parse(String(found)) as { tools: { name: string }[] };
    assert.deepEqual(
      tools.map(({ name }) => name),
      ["mcp__a__echo"],
    );
    assert.deepEqual(
      router.tools().map(({ name }) => name),
      ["now", "tool_search", "mcp__a__echo"],
    );
    // What was not found can be called all the same.
    assert.deepEqual(await run([call("mcp__a__fail")]), ["it failed"]);
  });
});

suite("ToolRouter routes", () => {
  test("by the map and not by the spelling: servers and tools whose names run together (R1)", async () => {
    await using bench = new McpBench();
    const tools = (name: string): object => ({ tools: [{ name, inputSchema: { type: "object" } }] });
    const { router } = await routerOf(bench, {
      s: bench.server(tools("t__u")),
      s__t: bench.server(tools("u")),
    });
    const routes = router
      .tools()
      .map(({ name }) => router.route(call(name)))
      .flatMap((route) => (route.kind === "mcp" ? [route.tool.qualified] : []));
    assert.ok(routes.some(({ server, tool }) => server === "s" && tool === "t__u"));
    assert.ok(routes.some(({ server, tool }) => server === "s__t" && tool === "u"));
  });

  const spellings: readonly (readonly [what: string, item: FunctionCallItem])[] = [
    ["flat", call("mcp__a__echo", { text: "hi" })],
    ["namespace and name", call("echo", { text: "hi" }, { namespace: "mcp__a" })],
    ["another case", call("MCP__A__Echo", { text: "hi" })],
    ["the name alone", call("echo", { text: "hi" })],
    ["dots", call("a.echo", { text: "hi" })],
  ];
  for (const [what, item] of spellings) {
    test(`a tool that is written as ${what} (R1)`, async () => {
      await using bench = new McpBench();
      const { run } = await routerOf(bench, { a: bench.server() });
      assert.deepEqual(await run([item]), ["hi"]);
    });
  }

  test("nothing to a tool that may be one of two, and names both (R1)", async () => {
    await using bench = new McpBench();
    const { run } = await routerOf(bench, { a: bench.server(), b: bench.server() });
    const [output] = await run([call("echo")]);
    assert.equal(
      output,
      '"echo" may mean any of mcp__a__echo, mcp__b__echo. Call one of these by its whole name.',
    );
  });

  const wrong: readonly (readonly [args: string, wanted: RegExp])[] = [
    ['{"text":', /The arguments of "mcp__a__echo" are not valid JSON: .*Nothing was called/],
    ["[1]", /must be a JSON object, not a list/],
    ["null", /must be a JSON object, not null/],
    ['"text"', /must be a JSON object, not a string/],
  ];
  for (const [args, wanted] of wrong) {
    test(`nothing with the arguments ${args}, and says what is wrong (R2)`, async () => {
      await using bench = new McpBench();
      const server = bench.server();
      const { run } = await routerOf(bench, { a: server });
      const [output] = await run([call("mcp__a__echo", args)]);
      assert.match(String(output), wanted);
      assert.ok(!server.record().some((line) => line.startsWith("in tools/call")));
    });
  }

  test("an unknown name to nothing, with the nearest one or the state of its server (R2)", async () => {
    await using bench = new McpBench();
    const { run } = await routerOf(
      bench,
      { desk: bench.server(), broken: { command: "/no/such/program" } },
      { hostTools: [now] },
    );
    const [near, host, broken, none] = await run([
      call("mcp__desk__ehco"),
      call("nwo"),
      call("mcp__broken__x"),
      call("zzzzzz"),
    ]);
    assert.match(String(near), /Did you mean "mcp__desk__echo"\?/);
    assert.match(String(host), /Did you mean "now"\?/);
    assert.match(String(broken), /MCP server "broken" is not ready \(failed: .*no\/such\/program/);
    assert.equal(none, 'There is no tool "zzzzzz".');
  });

  test("a tool that the thread had to nothing, and says why (R2)", async () => {
    await using bench = new McpBench();
    const [desk, other] = [bench.server(), bench.server()];
    const { router, run, thread } = await routerOf(bench, { desk, other });
    await thread.update({
      desk: { ...desk, disabled_tools: ["echo"] },
      other: { command: "/no/such/program" },
    });
    await thread.ready();
    router.tools();
    const [filtered, failed] = await run([call("mcp__desk__echo"), call("mcp__other__echo")]);
    assert.equal(filtered, 'The tool "mcp__desk__echo" is gone. MCP server "desk" no longer offers it.');
    assert.match(
      String(failed),
      /^The tool "mcp__other__echo" is gone\. MCP server "other" is not ready \(failed: /,
    );
    await thread.update({ desk });
    router.tools();
    const [back, without] = await run([call("mcp__desk__echo"), call("mcp__other__echo")]);
    assert.notEqual(back, filtered);
    assert.equal(
      without,
      'The tool "mcp__other__echo" is gone. The thread has MCP server "other" no longer.',
    );
  });

  test("whatever a model may write to an output, and never throws (R2)", async () => {
    await using bench = new McpBench();
    const { run } = await routerOf(
      bench,
      { a: { ...bench.server(), enabled_tools: ["echo"] } },
      { hostTools: [now] },
    );
    const text = fc.oneof(
      fc.string(),
      anyText(),
      fc.constantFrom("now", "echo", "mcp__a", "mcp__a__echo", "__proto__", "constructor"),
    );
    const item = fc.record({
      type: fc.constant("function_call" as const),
      call_id: fc.string(),
      name: text,
      namespace: fc.option(text, { nil: undefined }),
      arguments: fc.oneof(text, fc.json(), fc.constant("{}")),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(item, { maxLength: 4 }), async (items) => {
        const outputs = await run(items);
        for (const output of outputs) assert.equal(typeof output, "string");
      }),
      { numRuns: 300 },
    );
  });
});

suite("ToolRouter runs", () => {
  test("the calls of a step so that they overlap only where that is allowed, with outputs in their order (R2)", async () => {
    await using bench = new McpBench();
    const parallel = { ...bench.server(), supports_parallel_tool_calls: true };
    const { run } = await routerOf(bench, { par: parallel, ser: bench.server() });
    // Two that wait for each other end only if they overlap.
    assert.deepEqual(
      await run([
        call("mcp__par__meet", {}, { call_id: "1" }),
        call("mcp__par__meet", {}, { call_id: "2" }),
        call("mcp__ser__echo", { text: "last" }),
      ]),
      ["met", "met", "last"],
    );
  });

  test("a call that fails without harm to the others, whatever kind it is (R2)", async () => {
    await using bench = new McpBench();
    const broken: HostTool = { ...now, name: "broken", run: () => Promise.reject(new Error("out of order")) };
    const { run, events } = await routerOf(bench, { a: bench.server() }, { hostTools: [now, broken] });
    const outputs = await run([
      call("mcp__a__fail"),
      call("broken"),
      call("mcp__a__die"),
      call("now", { zone: "CET" }),
      call("mcp__a__echo", { text: "still here" }),
    ]);
    assert.deepEqual(outputs, ["it failed", "out of order", "lost", "12:00 CET", "still here"]);
    const kinds = events
      .filter(({ type }) => type !== "progress")
      .map(({ type, callId }) => `${type} ${callId}`);
    assert.equal(kinds.length, 10);
    for (const name of ["mcp__a__fail", "broken", "now"])
      assert.ok(kinds.indexOf(`started call-${name}`) < kinds.indexOf(`ended call-${name}`));
  });

  test("nothing any more after an abort: what is under way is cancelled on the wire, the rest is not made (R4)", async () => {
    await using bench = new McpBench();
    const server = bench.server();
    const { run } = await routerOf(bench, { a: server });
    const stop = new AbortController();
    const running = run([call("mcp__a__hang"), call("mcp__a__echo", { text: "never" })], stop.signal);
    while (!server.record().includes("in tools/call hang"))
      await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    for (const output of await running) assert.match(String(output), /^aborted by user after \d+\.\ds$/);
    assert.deepEqual(await run([call("mcp__a__pid")]).then((outputs) => outputs.length), 1);
    assert.ok(server.record().some((line) => line.startsWith("in notifications/cancelled")));
    assert.ok(!server.record().includes("in tools/call echo"));
  });

  test("only what is approved", async () => {
    await using bench = new McpBench();
    const server = bench.server();
    const approver: ToolRouterOptions["approver"] = {
      check: async ({ tool }) =>
        tool.qualified.tool === "echo" ? { allowed: true } : { allowed: false, text: "not this one" },
    };
    const { run } = await routerOf(bench, { a: server }, { approver });
    assert.deepEqual(await run([call("mcp__a__echo", { text: "yes" }), call("mcp__a__pid")]), [
      "yes",
      "not this one",
    ]);
    assert.ok(!server.record().includes("in tools/call pid"));
  });

  test("progress as an event of its call", async () => {
    await using bench = new McpBench();
    const { run, events } = await routerOf(bench, { a: bench.server() });
    await run([call("mcp__a__progress", { count: 3 })]);
    assert.equal(
      events.filter(({ type, callId }) => type === "progress" && callId === "call-mcp__a__progress").length,
      3,
    );
  });
});
