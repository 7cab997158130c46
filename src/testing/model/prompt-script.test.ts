import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { pickText } from "../pick.ts";
import { playPrompt, promptOf } from "./prompt-script.ts";
import type { ModelReply, ReplyPart } from "./reply.ts";
import { parseModelRequest } from "./responses-request.ts";

const signal = new AbortController().signal;

/** Plays a prompt as if the model had already given this many answers. */
function play(prompt: string, step = 0): ReplyPart[] {
  const request = parseModelRequest({ input: prompt }, {}, signal);
  return [playPrompt({ ...request, step })].flat<ModelReply[]>();
}

const kinds = (parts: readonly ReplyPart[]): string[] => parts.map((part) => part.kind);

suite("playPrompt", () => {
  test("echoes a prompt that is no script", () => {
    for (const prompt of ["hello", "[not json", "[1, 2]", "{}"]) {
      assert.deepEqual(play(prompt), [{ kind: "message", text: `You said: ${prompt}` }]);
    }
  });

  test("sends steps together up to the next call (P1)", () => {
    const call = { server: "svc", tool: "whoami" };
    const prompt = promptOf(
      { reason: "r" },
      { say: "a" },
      { call },
      { run: "ls" },
      { say: "b" },
      { say: "c" },
    );
    assert.deepEqual(kinds(play(prompt, 0)), ["reasoning", "message", "tool"]);
    assert.deepEqual(kinds(play(prompt, 1)), ["command"]);
    assert.deepEqual(kinds(play(prompt, 2)), ["message", "message"]);
  });

  test("keeps the calls of one step in one answer", () => {
    const call = { server: "svc", tool: "sleep", arguments: { ms: 1 } };
    assert.deepEqual(kinds(play(promptOf([{ call }, { call }, { call }]))), ["tool", "tool", "tool"]);
  });

  test("says done after the last step, and when nothing was said (P2)", () => {
    const done = [{ kind: "message", text: "done" }];
    assert.deepEqual(play(promptOf({ run: "ls" }), 1), done);
    assert.deepEqual(play(promptOf({ run: "ls" }), 7), done);
    assert.deepEqual(play("[]"), done);
    assert.deepEqual(kinds(play(promptOf({ search: "cats" }))), ["search", "message"]);
  });

  test("plays the keys of one step in a fixed order", () => {
    const step = { run: "ls", say: "a", reason: "r", delayMs: 5, chunkLength: 2 };
    assert.deepEqual(kinds(play(promptOf(step))), ["delay", "pace", "reasoning", "message", "command"]);
  });

  test("ends an answer at fail, hang and cut", () => {
    const prompt = promptOf({ fail: { status: 500 } }, { say: "a" }, { hang: true }, { cut: true });
    assert.deepEqual(kinds(play(prompt, 0)), ["fail"]);
    assert.deepEqual(kinds(play(prompt, 1)), ["message", "hang"]);
    assert.deepEqual(kinds(play(prompt, 2)), ["cut"]);
  });

  for (const [mistake, why] of [
    ['[{"sya":"hi"}]', /"sya" is not one of/],
    ['[{"say":1}]', /"say" must be of type string/],
    ['[{"call":{"server":"svc"}}]', /"call" needs/],
    ['[{"toString":"x"}]', /"toString" is not one of/],
  ] as const) {
    test(`refuses ${mistake} and says why (P3)`, () => {
      const [part] = play(mistake);
      assert.ok(part?.kind === "fail" && part.status === 400);
      assert.match(pickText(part.body, "error", "message"), /step 0/);
      assert.match(pickText(part.body, "error", "message"), why);
    });
  }
});
