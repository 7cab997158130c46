import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { silentLog } from "../../base/log.ts";
import { CodexError } from "../errors.ts";
import { ThreadRouter, type ThreadSink } from "./router.ts";

/** A sink that records what it gets. */
function sink(): ThreadSink & { readonly got: string[]; readonly moot: AbortSignal[] } {
  const got: string[] = [];
  const moot: AbortSignal[] = [];
  return {
    got,
    moot,
    onNotification: ({ method, params }) => void got.push(`${method} ${(params as { n?: number }).n ?? ""}`),
    onRequest: (method, _params, signal) => {
      got.push(method);
      moot.push(signal);
      return Promise.resolve("answered");
    },
    onRejectedTool: ({ name, why }) => void got.push(`${name}: ${why}`),
    onProcessExit: ({ code }) => void got.push(code),
  };
}

const approval = "item/commandExecution/requestApproval";
const never = new AbortController().signal;

function startSubAgent(router: ThreadRouter, parent: string, child: string): void {
  const item = { type: "subAgentActivity", agentThreadId: child };
  router.route("item/started", { threadId: parent, turnId: "u", item }, 1);
}

suite("ThreadRouter", () => {
  test("keeps the messages of a thread until it is claimed, in order, and those of others apart (M1)", () => {
    const router = new ThreadRouter(silentLog);
    for (const n of [1, 2]) router.route("x", { threadId: "a", n }, 1);
    router.route("x", { thread: { id: "b" }, n: 3 }, 1);
    const a = sink();
    router.claim("a", a);
    router.route("x", { threadId: "a", n: 4 }, 1);
    assert.deepEqual(a.got, ["x 1", "x 2", "x 4"]);
    const b = sink();
    router.claim("b", b);
    assert.deepEqual(b.got, ["x 3"]);
    router.release("a");
    router.route("x", { threadId: "a", n: 5 }, 1);
    assert.equal(a.got.length, 3);
  });

  test("keeps a bounded amount: the oldest thread's goes first, and a closed thread's at once (M1)", () => {
    const router = new ThreadRouter(silentLog);
    router.route("x", { threadId: "old", n: 1 }, 5 * 1024 * 1024);
    router.route("x", { threadId: "young", n: 2 }, 5 * 1024 * 1024);
    router.route("x", { threadId: "closed", n: 3 }, 1);
    router.route("thread/closed", { threadId: "closed" }, 1);
    const got = ["old", "young", "closed"].map((id) => {
      const claimed = sink();
      router.claim(id, claimed);
      return claimed.got;
    });
    assert.deepEqual(got, [[], ["x 2"], []]);
  });

  test("answers a question of a thread and of its sub-agents through the thread's session (M2)", async () => {
    const router = new ThreadRouter(silentLog);
    const parent = sink();
    router.claim("parent", parent);
    startSubAgent(router, "parent", "child");
    startSubAgent(router, "child", "grandchild");
    for (const threadId of ["parent", "child", "grandchild"]) {
      assert.equal(await router.answer(approval, { threadId }, threadId, never), "answered");
    }
    assert.equal(parent.got.filter((each) => each === approval).length, 3);
    assert.deepEqual(router.release("parent"), ["child", "grandchild"]);
    assert.deepEqual(await router.answer(approval, { threadId: "child" }, 1, never), { decision: "decline" });
  });

  test("refuses a question of a thread without a session, and a request that is not a question (M2)", async () => {
    const router = new ThreadRouter(silentLog);
    assert.deepEqual(await router.answer(approval, { threadId: "x" }, 0, never), { decision: "decline" });
    await assert.rejects(router.answer("currentTime/read", null, 1, never), { code: -32601 });
  });

  test("aborts a question that Codex has resolved, or whose process has ended", async () => {
    const router = new ThreadRouter(silentLog);
    const asking = sink();
    router.claim("a", asking);
    const held = Promise.withResolvers<unknown>();
    const hold: ThreadSink = {
      ...asking,
      onRequest: (_method, _params, signal) => {
        asking.moot.push(signal);
        return held.promise;
      },
    };
    router.claim("a", hold);
    const gone = new AbortController();
    const answers = [7, 8].map((id) => router.answer(approval, { threadId: "a" }, id, gone.signal));
    router.route("serverRequest/resolved", { threadId: "a", requestId: 7 }, 1);
    assert.deepEqual(
      asking.moot.map(({ aborted }) => aborted),
      [true, false],
    );
    gone.abort();
    assert.equal(asking.moot[1]?.aborted, true);
    held.resolve(null);
    await Promise.all(answers);
  });

  test("aborts a question of a sub-agent whose call is over", async () => {
    const router = new ThreadRouter(silentLog);
    const parent = sink();
    router.claim("parent", parent);
    startSubAgent(router, "parent", "child");
    const call = { threadId: "child", turnId: "u", item: { type: "mcpToolCall", id: "c", server: "svc" } };
    router.route("item/started", call, 1);
    const answer = router.answer(
      "mcpServer/elicitation/request",
      { threadId: "child", serverName: "svc" },
      0,
      never,
    );
    assert.equal(parent.moot[0]?.aborted, false);
    router.route("item/completed", call, 1);
    assert.equal(parent.moot[0]?.aborted, true);
    await answer;
  });

  test("reports the end of the process to every session, and forgets its messages", () => {
    const router = new ThreadRouter(silentLog);
    const [a, b] = [sink(), sink()];
    router.claim("a", a);
    router.route("x", { threadId: "b", n: 1 }, 1);
    router.onExit(new CodexError("process_exited", "gone"));
    assert.deepEqual(a.got, ["process_exited"]);
    router.claim("b", b);
    router.route("x", { threadId: "a", n: 2 }, 1);
    assert.deepEqual([a.got.length, b.got.length], [1, 0]);
  });

  test("tells a thread of a tool that is left out, also where the tool is a sub-agent's", () => {
    const router = new ThreadRouter(() => {});
    const one = sink();
    router.claim("one", one);
    startSubAgent(router, "one", "child");
    for (const threadId of ["one", "child", "another"]) {
      router.tellOfRejectedTool({ threadId, name: `tool of ${threadId}`, why: "why" });
    }
    assert.deepEqual(one.got.slice(-2), ["tool of one: why", "tool of child: why"]);
  });
  test("keeps warnings about the process as a whole, each text once, until the next process", () => {
    const router = new ThreadRouter(silentLog);
    for (const summary of ["one", "two", "one", "of session-flags: three"]) {
      router.route("configWarning", { summary, details: null }, 1);
    }
    assert.deepEqual(
      router.processWarnings.map(({ params }) => (params as { summary: string }).summary),
      ["one", "two"],
    );
    router.onStart();
    assert.deepEqual(router.processWarnings, []);
  });
});
