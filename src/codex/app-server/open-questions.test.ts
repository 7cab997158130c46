import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { OpenQuestions } from "./open-questions.ts";
import type { Notification } from "./protocol.ts";

const item = (method: "item/started" | "item/completed", id: string, server = "svc", threadId = "t") =>
  ({ method, params: { threadId, turnId: "u", item: { type: "mcpToolCall", id, server } } }) as Notification;
const started = (id: string, server?: string, threadId?: string) =>
  item("item/started", id, server, threadId);
const completed = (id: string, server?: string, threadId?: string) =>
  item("item/completed", id, server, threadId);
const turnCompleted = (threadId: string) =>
  ({ method: "turn/completed", params: { threadId, turn: { id: "u" } } }) as Notification;
const closed = (threadId: string): Notification => ({ method: "thread/closed", params: { threadId } });

const ofServer = { threadId: "t", turnId: "u", serverName: "svc" };
const ofItem = { threadId: "t", turnId: "u", itemId: "i" };

suite("OpenQuestions", () => {
  const cases: readonly (readonly [
    what: string,
    params: object,
    before: readonly Notification[],
    after: readonly Notification[],
    moot: boolean,
  ])[] = [
    ["is over when its item is (Q1)", ofItem, [], [completed("i")], true],
    ["stays when another item ends (Q1)", ofItem, [], [completed("j")], false],
    ["stays when an item of another thread ends (Q1)", ofItem, [], [completed("i", "svc", "other")], false],
    ["is over when its server's call is (Q2)", ofServer, [started("a")], [completed("a")], true],
    [
      "stays when a call of another server ends (Q2)",
      ofServer,
      [started("a"), started("b", "other")],
      [completed("b", "other")],
      false,
    ],
    [
      "stays when the same call of another thread ends (Q2)",
      ofServer,
      [started("a"), started("a", "svc", "other")],
      [completed("a", "svc", "other")],
      false,
    ],
    [
      "stays while one of two calls goes on that could have asked (Q2)",
      ofServer,
      [started("a"), started("b")],
      [completed("b")],
      false,
    ],
    [
      "is over when both are (Q2)",
      ofServer,
      [started("a"), started("b")],
      [completed("b"), completed("a")],
      true,
    ],
    [
      "is over although a later call has begun (Q2)",
      ofServer,
      [started("a")],
      [started("b"), completed("a")],
      true,
    ],
    ["is over when its turn is (Q2)", ofServer, [started("a")], [turnCompleted("t")], true],
    ["stays when another thread's turn ends (Q2)", ofServer, [started("a")], [turnCompleted("v")], false],
    ["is over when its thread is closed (Q2)", ofServer, [started("a")], [closed("t")], true],
    [
      "that came outside a call stays open (Q2)",
      ofServer,
      [started("a"), completed("a")],
      [started("b"), completed("b"), turnCompleted("t")],
      false,
    ],
  ];
  for (const [what, params, before, after, moot] of cases) {
    test(`a question ${what}`, () => {
      const questions = new OpenQuestions();
      for (const each of before) questions.take(each);
      const signal = questions.open(0, params);
      assert.equal(signal.aborted, false);
      for (const each of after) questions.take(each);
      assert.equal(signal.aborted, moot);
    });
  }

  test("a question is over when Codex has resolved it, and none is that was answered", () => {
    const questions = new OpenQuestions();
    questions.take(started("a"));
    const [one, two] = [questions.open(1, ofServer), questions.open(2, ofServer)];
    questions.take({ method: "serverRequest/resolved", params: { threadId: "t", requestId: 1 } });
    questions.close(2);
    questions.take(completed("a"));
    assert.deepEqual([one.aborted, two.aborted], [true, false]);
  });

  test("a call of a process that has ended could not have asked", () => {
    const questions = new OpenQuestions();
    questions.take(started("a"));
    questions.clear();
    const signal = questions.open(0, ofServer);
    questions.take(completed("a"));
    assert.equal(signal.aborted, false);
  });
});
