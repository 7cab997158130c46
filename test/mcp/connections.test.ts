/** One thread and its servers over stdio, in both eras of the protocol. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { suite, test } from "node:test";
import { type Elicitation, McpError } from "../../src/mcp/index.ts";
import { isAlive, waitUntilGone } from "../../src/testing/leaks.ts";
import { eventOf, inState, McpBench, starts, textOf } from "./support/scripted.ts";

for (const era of ["legacy", "modern"] as const) {
  suite(`a server of the ${era} era`, () => {
    test("is started once, found out, and used (K1)", async () => {
      await using bench = new McpBench();
      const server = bench.server({ era });
      const thread = bench.manager.openThread({ servers: { a: server } });
      assert.deepEqual(thread.server("a").status, { state: "starting" });
      const [view] = await thread.ready();
      assert.equal(view?.status.state, "ready");
      assert.equal(view.status.state === "ready" && view.status.era, era);
      assert.equal(textOf(await thread.callTool("a", "echo", { text: "hello" })), "hello");
      assert.equal(starts(server.record()).length, 1);
    });

    test("is asked for its era once: the verdict is remembered", async () => {
      await using bench = new McpBench();
      const server = bench.server({ era });
      for (let at = 0; at < 2; at++) {
        await using thread = bench.manager.openThread({ servers: { a: server } });
        await thread.ready();
      }
      const asked = server.record().filter((line) => line.startsWith("in server/discover"));
      assert.equal(asked.length, era === "legacy" ? 1 : 2);
    });

    test("gets call id and thread id in _meta, and nothing of the host", async () => {
      await using bench = new McpBench();
      const thread = bench.manager.openThread({
        servers: { a: bench.server({ era }) },
        id: "thread-7",
        principal: "secret-principal",
      });
      const options = { id: "call-1", meta: { "x/own": 1, threadId: "forged" } };
      const meta = JSON.parse(textOf(await thread.callTool("a", "meta", {}, options))) as Record<
        string,
        unknown
      >;
      const { callId, threadId, "x/own": own } = meta;
      assert.deepEqual([callId, threadId, own], ["call-1", "thread-7", 1]);
      assert.ok(!JSON.stringify(meta).includes("secret-principal"));
    });

    test("delivers every progress, also the last one that comes with the result", async () => {
      await using bench = new McpBench();
      const thread = bench.manager.openThread({ servers: { a: bench.server({ era }) } });
      const seen: number[] = [];
      const onProgress = ({ progress }: { readonly progress: number }): void => void seen.push(progress);
      assert.equal(textOf(await thread.callTool("a", "progress", { count: 20 }, { onProgress })), "done");
      assert.deepEqual(
        seen,
        Array.from({ length: 20 }, (_, at) => at + 1),
      );
    });

    test("is told of a time-out and of an abort on the wire (C1, C3)", async () => {
      await using bench = new McpBench();
      const server = bench.server({ era });
      const thread = bench.manager.openThread({ servers: { a: server } });
      await thread.ready();
      const late = await thread.callTool("a", "hang", {}, { timeoutMs: 50 });
      assert.equal(late.kind, "timeout");
      const stop = new AbortController();
      const call = thread.callTool("a", "hang", {}, { signal: stop.signal });
      // It is with the server once a later one has its answer.
      await thread.callTool("a", "echo", { text: "" });
      stop.abort();
      assert.deepEqual(await call, { kind: "cancelled", sent: true });
      await thread.callTool("a", "echo", { text: "" });
      assert.equal(server.record().filter((line) => line.startsWith("in notifications/cancelled")).length, 2);
    });

    test("asks, and the answer goes to its call while the clock stands still (Q1, Q3, K3)", async () => {
      await using bench = new McpBench();
      const questions: Elicitation[] = [];
      const asking = Promise.withResolvers<void>();
      const answered = Promise.withResolvers<void>();
      // What MCP has no word for goes to the server as well, as with Codex.
      const content = { ok: "yes", left_out: null, deep: { list: [1] } };
      const thread = bench.manager.openThread({
        servers: { a: bench.server({ era }) },
        onElicit: async (question) => {
          questions.push(question);
          asking.resolve();
          await answered.promise;
          return { action: "accept", content };
        },
      });
      await thread.ready();
      const call = thread.callTool("a", "ask", { message: "Really?" }, { id: "call-9", timeoutMs: 400 });
      await asking.promise;
      // Longer than the call may take without the question.
      const other = await thread.callTool("a", "sleep", { ms: 600 });
      answered.resolve();
      assert.equal(textOf(other), "slept");
      assert.deepEqual((JSON.parse(textOf(await call)) as { answer: unknown }).answer, {
        action: "accept",
        content,
      });
      const [{ server, message, mode, call: asked } = {}] = questions;
      assert.deepEqual(
        [server, message, mode, asked],
        ["a", "Really?", "form", { id: "call-9", tool: "ask" }],
      );
    });

    test("has its question withdrawn when the call is over (Q4)", async () => {
      await using bench = new McpBench();
      const withdrawn = Promise.withResolvers<void>();
      const asked = Promise.withResolvers<void>();
      const thread = bench.manager.openThread({
        servers: { a: bench.server({ era }) },
        onElicit: (_question, { signal }) => {
          signal.addEventListener("abort", () => withdrawn.resolve(), { once: true });
          asked.resolve();
          return new Promise(() => {});
        },
      });
      const stop = new AbortController();
      const call = thread.callTool("a", "ask", {}, { signal: stop.signal });
      await asked.promise;
      stop.abort();
      assert.equal((await call).kind, "cancelled");
      await withdrawn.promise;
    });

    test("is declined what it asks when nobody can be asked, and the thread is told (Q2)", async () => {
      await using bench = new McpBench();
      const thread = bench.manager.openThread({ servers: { a: bench.server({ era }) } });
      await thread.ready();
      const told = eventOf(thread, ({ type }) => type === "question_declined");
      const outcome = await thread.callTool("a", "ask", { message: "Really?" });
      if (era === "legacy") {
        // It was told that nobody can be asked, and asks all the same.
        assert.match(textOf(outcome), /Method not found|decline/);
      } else {
        assert.match(textOf(outcome), /"action":"decline"/);
        const event = await told;
        assert.ok(event.type === "question_declined" && event.message === "Really?");
      }
      await thread[Symbol.asyncDispose]();
      await told.catch(() => {});
    });

    test("lists again when it says so, once for many notices, and tells what changed (G2, G3)", async () => {
      await using bench = new McpBench();
      const server = bench.server({ era });
      const thread = bench.manager.openThread({ servers: { a: server } });
      await thread.ready();
      const echo = thread.listTools("a").find(({ tool }) => tool.name === "echo")?.tool;
      const added = eventOf(thread, ({ type }) => type === "catalog");
      await thread.callTool("a", "change", { add: "fresh", times: 5 });
      assert.deepEqual(await added, {
        type: "catalog",
        server: "a",
        kind: "tools",
        added: ["fresh"],
        removed: [],
        changed: [],
      });
      assert.equal(thread.listTools("a").find(({ tool }) => tool.name === "echo")?.tool, echo);
      const changed = eventOf(thread, ({ type }) => type === "catalog");
      await thread.callTool("a", "change", { add: "fresh", description: "other" });
      assert.deepEqual(await changed, {
        type: "catalog",
        server: "a",
        kind: "tools",
        added: [],
        removed: [],
        changed: ["fresh"],
      });
      const removed = eventOf(thread, ({ type }) => type === "catalog");
      await thread.callTool("a", "change", { remove: "fresh" });
      assert.deepEqual(await removed, {
        type: "catalog",
        server: "a",
        kind: "tools",
        added: [],
        removed: ["fresh"],
        changed: [],
      });
    });

    test("never has its list go back to an older one (G1)", async () => {
      await using bench = new McpBench();
      const server = bench.server({ era });
      const thread = bench.manager.openThread({ servers: { a: server } });
      await thread.ready();
      const before = thread.listTools("a").length;
      await thread.callTool("a", "hold");
      await thread.callTool("a", "change", { add: "first" });
      // Until the list of that was asked for, which is held back.
      const lists = (): number => server.record().filter((line) => line.startsWith("in tools/list")).length;
      const asked = lists();
      while (lists() === asked) await thread.callTool("a", "sleep", { ms: 10 });
      const changed = eventOf(thread, ({ type }) => type === "catalog");
      await thread.callTool("a", "change", { add: "second" });
      const event = await changed;
      assert.ok(event.type === "catalog");
      assert.deepEqual(event.added, ["first", "second"]);
      await thread.callTool("a", "echo", { text: "" });
      assert.equal(thread.listTools("a").length, before + 2);
    });

    test("is subscribed to again after a restart, and keeps its list meanwhile (W2, G4)", async () => {
      await using bench = new McpBench();
      const thread = bench.manager.openThread({ servers: { a: bench.server({ era }) } });
      await using _subscription = await thread.subscribe("a", "test://a");
      const tools = thread.listTools("a").length;
      await thread.callTool("a", "die");
      assert.equal(thread.listTools("a").length, tools);
      const updated = eventOf(thread, ({ type }) => type === "resource_updated");
      let told = false;
      void updated.then(() => (told = true));
      // The subscription is made anew some time after the restart.
      while (!told) await thread.callTool("a", "touch", { uri: "test://a" });
      assert.deepEqual(await updated, { type: "resource_updated", server: "a", uri: "test://a" });
    });

    test("takes a long time limit as it is: neither the SDK's nor a timer's overflow ends a call (K4)", async () => {
      await using bench = new McpBench();
      const thread = bench.manager.openThread({ servers: { a: bench.server({ era }) } });
      assert.equal(textOf(await thread.callTool("a", "sleep", { ms: 50 }, { timeoutMs: 2 ** 40 })), "slept");
    });

    test("has resources and prompts, and tells of changes of a resource", async () => {
      await using bench = new McpBench();
      const thread = bench.manager.openThread({ servers: { a: bench.server({ era }) } });
      assert.deepEqual(
        (await thread.listResources("a")).map(({ uri }) => uri),
        ["test://a"],
      );
      assert.deepEqual(await thread.listResourceTemplates("a"), []);
      assert.deepEqual(
        (await thread.listPrompts("a")).map(({ name }) => name),
        ["p"],
      );
      const read = await thread.readResource("a", "test://a");
      assert.deepEqual(read.contents, [{ uri: "test://a", text: "content" }]);
      assert.equal((await thread.getPrompt("a", "p")).messages.length, 1);
      await assert.rejects(
        thread.request("a", "no/such", {}),
        (error) =>
          error instanceof McpError && error.code === "protocol_error" && /-32601/.test(error.message),
      );
    });

    test("has its results checked against the output schema of the tool", async () => {
      await using bench = new McpBench();
      const thread = bench.manager.openThread({ servers: { a: bench.server({ era }) } });
      assert.equal((await thread.callTool("a", "structured")).kind, "result");
      const bad = await thread.callTool("a", "misshapen");
      assert.ok(bad.kind === "protocol_error" && /does not match the tool's output schema/.test(bad.message));
    });

    test("has a result above the bound cut, and says so", async () => {
      await using bench = new McpBench();
      const thread = bench.manager.openThread({ servers: { a: bench.server({ era }) } });
      const outcome = await thread.callTool("a", "big", { bytes: 5 * 1024 * 1024 });
      assert.ok(outcome.kind === "result" && outcome.truncated !== undefined);
      assert.match(outcome.truncated, /The result had 52\d{5} bytes, and the limit is 4194304/);
      assert.match(textOf(outcome), /of 5242880 characters cut/);
    });

    test("is started again when it dies, and the call in flight says that its outcome is unknown (C2, L1, L2)", async () => {
      await using bench = new McpBench();
      const server = bench.server({ era });
      const thread = bench.manager.openThread({ servers: { a: server } });
      await thread.ready();
      const lost = await thread.callTool("a", "die", { code: 7 });
      assert.ok(lost.kind === "lost");
      assert.match(lost.message, /ended with exit code 7; its last words: dying as asked/);
      assert.equal(textOf(await thread.callTool("a", "echo", { text: "back" })), "back");
      const [first, second] = starts(server.record());
      assert.ok(first !== undefined && second !== undefined && !isAlive(first));
    });

    for (const tool of ["die_once", "die_once_idempotent"]) {
      test(`repeats a call that may be repeated when the server dies of it: ${tool} (C2, C4)`, async () => {
        await using bench = new McpBench();
        const thread = bench.manager.openThread({ servers: { a: bench.server({ era }) } });
        await thread.ready();
        assert.equal(textOf(await thread.callTool("a", tool, { flag: bench.path("flag") })), "survived");
      });
    }

    test("has no call repeated whose tool may not be repeated (C2)", async () => {
      await using bench = new McpBench();
      const server = bench.server({ era });
      const thread = bench.manager.openThread({ servers: { a: server } });
      await thread.ready();
      assert.equal((await thread.callTool("a", "die_once_plain", { flag: bench.path("flag") })).kind, "lost");
      await inState(thread, "a", "ready");
      const calls = server.record().filter((line) => line === "in tools/call die_once_plain");
      assert.equal(calls.length, 1);
      assert.ok(existsSync(bench.path("flag")));
    });

    test("serves all who wait with one start (L3)", async () => {
      await using bench = new McpBench();
      const server = bench.server({ era });
      const thread = bench.manager.openThread({ servers: { a: server } });
      await thread.ready();
      await thread.callTool("a", "die");
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, at) => thread.callTool("a", "echo", { text: String(at) })),
      );
      assert.deepEqual(
        answers.map(textOf),
        Array.from({ length: 20 }, (_, at) => String(at)),
      );
      assert.equal(starts(server.record()).length, 2);
    });

    test("that dies again and again has failed, with the reason and the time of the next attempt (L2)", async () => {
      await using bench = new McpBench();
      const thread = bench.manager.openThread({ servers: { a: bench.server({ era }) } });
      await thread.ready();
      await thread.callTool("a", "die");
      await thread.callTool("a", "die");
      await inState(thread, "a", "failed");
      const { status } = thread.server("a");
      assert.ok(status.state === "failed");
      assert.match(status.reason.message, /its last words: dying as asked/);
      assert.ok(status.nextAttemptMs !== undefined && status.nextAttemptMs <= 2_000);
      const refused = await thread.callTool("a", "echo", { text: "" });
      assert.ok(refused.kind === "not_sent" && refused.reason === "server_unavailable");
      assert.match(refused.message, /the next attempt is in \d s/);
      thread.retry("a");
      assert.equal(textOf(await thread.callTool("a", "echo", { text: "back" })), "back");
    });

    test("that wedges is found out after a call timed out, and started again", async () => {
      await using bench = new McpBench();
      const server = bench.server({ era });
      const thread = bench.manager.openThread({ servers: { a: server } });
      await thread.ready();
      assert.equal((await thread.callTool("a", "wedge", {}, { timeoutMs: 100 })).kind, "timeout");
      // Between two turns somebody asks, and has the verdict.
      await thread.check();
      assert.equal(thread.server("a").status.state, "restarting");
      assert.equal(textOf(await thread.callTool("a", "echo", { text: "back" })), "back");
      const [wedged = 0] = starts(server.record());
      assert.deepEqual(await waitUntilGone([wedged]), []);
    });
  });
}

test("the stream of changes is opened again when it ends, and what was missed is found (W1)", async () => {
  await using bench = new McpBench();
  const thread = bench.manager.openThread({ servers: { a: bench.server({ era: "modern" }) } });
  await thread.ready();
  const changed = eventOf(thread, ({ type }) => type === "catalog");
  await thread.callTool("a", "unlisten", { add: "unnoticed" });
  const event = await changed;
  assert.ok(event.type === "catalog");
  assert.deepEqual(event.added, ["unnoticed"]);
});

suite("the era of a server", () => {
  test("is found out about one that leaves the question unanswered", async () => {
    await using bench = new McpBench();
    const server = bench.server({ era: "legacy", probe: "silent" });
    const thread = bench.manager.openThread({ servers: { a: { ...server, startup_timeout_sec: 3 } } });
    const [view] = await thread.ready();
    assert.ok(view?.status.state === "ready" && view.status.era === "legacy");
    assert.equal(starts(server.record()).length, 1);
  });

  test("is found out about one that dies of the question, which is then remembered", async () => {
    await using bench = new McpBench();
    const server = bench.server({ era: "legacy", probe: "die" });
    for (const total of [2, 3]) {
      await using thread = bench.manager.openThread({ servers: { a: server } });
      assert.equal((await thread.ready())[0]?.status.state, "ready");
      assert.equal(starts(server.record()).length, total);
    }
  });
});

test("the era of a server is asked again when the server gives another version", async () => {
  await using bench = new McpBench();
  const server = bench.server({ era: "legacy" });
  const asked = (): number => server.record().filter((line) => line.startsWith("in server/discover")).length;
  for (const [version, total] of [
    ["1.0.0", 1],
    ["1.0.0", 1],
    ["2.0.0", 1],
    ["2.0.0", 2],
    ["2.0.0", 2],
  ] as const) {
    await using thread = bench.manager.openThread({
      servers: { a: { ...server, env: { SCRIPTED_VERSION: version } } },
    });
    await thread.ready();
    assert.equal(asked(), total);
  }
});

suite("a thread", () => {
  test("opens at once, and a slow or broken server holds up no other one (B1, B2)", async () => {
    await using bench = new McpBench();
    const thread = bench.manager.openThread({
      servers: {
        slow: { ...bench.server({ delayMs: 60_000 }), startup_timeout_sec: 50 },
        missing: { command: "/no/such/program" },
        dead: bench.server({ dieAtStart: 3 }),
        off: { ...bench.server(), enabled: false },
        unset: { url: "http://127.0.0.1:1/mcp", bearer_token_env_var: "SWITCHYARD_NO_SUCH_VARIABLE" },
        quick: bench.server(),
      },
    });
    assert.equal(textOf(await thread.callTool("quick", "echo", { text: "hi" })), "hi");
    const views = await thread.ready(["missing", "dead", "off", "unset", "quick"]);
    assert.deepEqual(
      views.map(({ status }) => status.state),
      ["failed", "failed", "disabled", "failed", "ready"],
    );
    assert.equal(thread.server("slow").status.state, "starting");
    const reasons = views.flatMap(({ status }) => (status.state === "failed" ? status.reason : []));
    assert.deepEqual(
      reasons.map(({ code }) => code),
      ["start_failed", "exited", "invalid_server"],
    );
    assert.match(reasons[1]?.message ?? "", /ended with exit code 3; its last words: cannot go on/);
    assert.match(reasons[2]?.message ?? "", /SWITCHYARD_NO_SUCH_VARIABLE is not set/);
  });

  test("fails to be ready when a required server fails, with the reason", async () => {
    await using bench = new McpBench();
    const thread = bench.manager.openThread({
      servers: { a: { command: "/no/such/program", required: true }, b: bench.server() },
    });
    await assert.rejects(
      thread.ready(),
      (error) =>
        error instanceof McpError &&
        error.code === "server_unavailable" &&
        /a: .*\/no\/such\/program/.test(error.message),
    );
  });

  test("gives up a server that is not ready in its time, and ends it (K2)", async () => {
    await using bench = new McpBench();
    const server = bench.server({ delayMs: 60_000 });
    const thread = bench.manager.openThread({ servers: { a: { ...server, startup_timeout_sec: 0.2 } } });
    const [view] = await thread.ready();
    assert.ok(view?.status.state === "failed" && view.status.reason.code === "timed_out");
    assert.match(
      view.status.reason.message,
      /was not ready within 0.2 s; if it needs longer, raise startup_timeout_sec/,
    );
    assert.deepEqual(await waitUntilGone(starts(server.record())), []);
  });

  test("lets a call wait for a server that starts, within the call's own time (C1)", async () => {
    await using bench = new McpBench();
    const thread = bench.manager.openThread({
      servers: { a: bench.server({ delayMs: 300 }), b: bench.server({ delayMs: 60_000 }) },
    });
    const [a, b] = await Promise.all([
      thread.callTool("a", "echo", { text: "hi" }),
      thread.callTool("b", "echo", {}, { timeoutMs: 100 }),
    ]);
    assert.equal(textOf(a), "hi");
    assert.ok(b.kind === "timeout" && /was not ready within 0.1 s/.test(b.message));
  });

  test("rejects what is wrong before anything starts, with every problem", () => {
    const bench = new McpBench();
    assert.throws(
      () =>
        bench.manager.openThread({
          servers: { a: { command: "x", args: [1] as never }, "b c": { command: "x" } },
        }),
      (error) =>
        error instanceof McpError &&
        error.code === "invalid_servers" &&
        error.message.split("\n").length === 2,
    );
    return bench[Symbol.asyncDispose]();
  });

  test("names the nearest server for a wrong name, and refuses a tool its rules take away", async () => {
    await using bench = new McpBench();
    const thread = bench.manager.openThread({
      servers: { docs: { ...bench.server(), enabled_tools: ["echo", "pid"], disabled_tools: ["pid"] } },
    });
    await thread.ready();
    assert.deepEqual(
      thread.listTools().map(({ tool }) => tool.name),
      ["echo"],
    );
    const [wrong, off] = [await thread.callTool("dosc", "echo"), await thread.callTool("docs", "pid")];
    assert.ok(
      wrong.kind === "not_sent" &&
        wrong.reason === "unknown_server" &&
        /did you mean "docs"/.test(wrong.message),
    );
    assert.ok(off.kind === "not_sent" && off.reason === "tool_disabled");
    assert.equal(off.message, "tool 'pid' is disabled for MCP server 'docs'");
  });

  test("applies the differences of an update, and says what it did (B3)", async () => {
    await using bench = new McpBench();
    const [a, b, c] = [bench.server(), bench.server(), bench.server()];
    const thread = bench.manager.openThread({ servers: { a, b, c } });
    await thread.ready();
    const d = bench.server();
    const update = await thread.update({ a, b: { ...b, tool_timeout_sec: 7 }, d });
    assert.deepEqual(update, { started: ["d"], ended: ["c"], replaced: ["b"], kept: ["a"] });
    await thread.ready();
    assert.deepEqual(
      [a, b, c, d].map(({ record }) => starts(record()).length),
      [1, 2, 1, 1],
    );
    assert.ok(!isAlive(starts(c.record())[0] ?? 0));
    await assert.rejects(thread.update({ x: {} as never }), McpError);
    assert.deepEqual(
      thread.servers.map(({ name }) => name),
      ["a", "b", "d"],
    );
  });

  test("answers everybody who waits when it ends, and ends its servers (B4, L4)", async () => {
    await using bench = new McpBench();
    const [a, slow] = [bench.server(), bench.server({ delayMs: 60_000 })];
    const thread = bench.manager.openThread({ servers: { a, slow } });
    await thread.ready(["a"]);
    const waiting = [
      thread.callTool("a", "hang"),
      thread.callTool("slow", "echo"),
      thread.ready(["slow"]).then(
        () => ({ kind: "ready" }),
        (error: unknown) => ({ kind: error instanceof McpError ? error.code : "?" }),
      ),
      thread.readResource("slow", "test://a").then(
        () => ({ kind: "read" }),
        (error: unknown) => ({ kind: error instanceof McpError ? error.code : "?" }),
      ),
    ];
    // It is with the server once a later one has its answer.
    await thread.callTool("a", "echo", { text: "" });
    await thread[Symbol.asyncDispose]();
    const kinds = (await Promise.all(waiting)).map(({ kind }) => kind);
    assert.deepEqual(kinds, ["cancelled", "cancelled", "ended", "ended"]);
    for (const pid of [...starts(a.record()), ...starts(slow.record())]) assert.ok(!isAlive(pid));
    assert.deepEqual(
      thread.servers.map(({ status }) => status.state),
      ["ended", "ended"],
    );
  });

  test("ends when its signal aborts", async () => {
    await using bench = new McpBench();
    const stop = new AbortController();
    const thread = bench.manager.openThread({ servers: { a: bench.server() }, signal: stop.signal });
    await thread.ready();
    stop.abort();
    await thread[Symbol.asyncDispose]();
    assert.equal(bench.manager.threads.length, 0);
  });
});

suite("the end of a manager", () => {
  test("leaves nothing of servers that ignore signals, leave their group, or flood stderr (A1)", async () => {
    await using bench = new McpBench();
    const servers = {
      a: bench.server({ stubborn: true, wrapped: true }),
      b: bench.server({ flood: true }),
      c: bench.server({ wrapped: true }),
    };
    const thread = bench.manager.openThread({ servers });
    await thread.ready();
    assert.deepEqual(
      thread.servers.map(({ status }) => status.state),
      ["ready", "ready", "ready"],
    );
  });
});
