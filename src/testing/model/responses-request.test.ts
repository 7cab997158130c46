import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { mcpNamespace, parseModelRequest } from "./responses-request.ts";

const signal = new AbortController().signal;
const user = (text: string): object => ({
  type: "message",
  role: "user",
  content: [{ type: "input_text", text }],
});
const assistant = { type: "message", role: "assistant", content: [{ type: "output_text", text: "a" }] };
const call = (id: string): object => ({ type: "function_call", call_id: id, name: "f", arguments: "{}" });
const output = (id: string): object => ({ type: "function_call_output", call_id: id, output: `out ${id}` });
const parse = (input: unknown, rest: object = {}, headers: Record<string, string> = {}) =>
  parseModelRequest({ model: "m", stream: true, input, ...rest }, headers, signal);

suite("parseModelRequest", () => {
  test("takes the last message a person wrote as the prompt", () => {
    const context = user("<environment_context>\n  <cwd>/x</cwd>\n</environment_context>");
    const agents = user("# AGENTS.md instructions for /x\n\nbe nice");
    assert.equal(parse([agents, context, user("one"), assistant, user("two"), context]).prompt, "two");
  });

  test("leaves the labels of images out of the prompt", () => {
    const content = ["<image name=[Image #1]>", "</image>", "look"].map((text) => ({
      type: "input_text",
      text,
    }));
    assert.equal(parse([{ role: "user", content }]).prompt, "look");
  });

  test("accepts a bare string as input", () => {
    assert.equal(parse("hello").prompt, "hello");
  });

  test("counts no step before the first answer, and starts again with each prompt", () => {
    assert.equal(parse([user("one")]).step, 0);
    assert.equal(parse([user("one"), call("1"), output("1"), assistant, user("two")]).step, 0);
  });

  test("counts parallel calls, their reasoning and their message as one answer", () => {
    const reasoning = { type: "reasoning", summary: [] };
    const first = [reasoning, assistant, call("1"), call("2"), output("1"), output("2")];
    assert.equal(parse([user("go"), ...first]).step, 1);
    assert.equal(parse([user("go"), ...first, call("3"), output("3")]).step, 2);
  });

  test("counts custom calls and searches as written by the model", () => {
    const custom = { type: "custom_tool_call", call_id: "1", name: "p", input: "" };
    const customOutput = { type: "custom_tool_call_output", call_id: "1", output: "ok" };
    const search = { type: "web_search_call", action: {} };
    assert.equal(parse([user("go"), search, custom, customOutput, search, call("2"), output("2")]).step, 2);
  });

  test("is not confused by context that arrives in the middle of a turn", () => {
    const context = user("<environment_context></environment_context>");
    const developer = { type: "message", role: "developer", content: [] };
    assert.equal(parse([user("go"), call("1"), output("1"), context, developer]).step, 1);
  });

  test("gives the outputs of the turn as text", () => {
    const parts = { type: "function_call_output", call_id: "2", output: [{ type: "input_text", text: "x" }] };
    const { outputs } = parse([
      user("old"),
      call("0"),
      output("0"),
      user("go"),
      call("1"),
      output("1"),
      parts,
    ]);
    assert.deepEqual(outputs, [
      { callId: "1", text: "out 1" },
      { callId: "2", text: "x" },
    ]);
  });

  test("lists offered tools with their namespace", () => {
    const inner = { type: "function", name: "whoami" };
    const tools = [{ type: "namespace", name: "mcp__svc", tools: [inner] }, { type: "web_search" }];
    assert.deepEqual(parse([], { tools }).tools, [
      { type: "function", name: "whoami", namespace: "mcp__svc" },
      { type: "web_search", name: "web_search" },
    ]);
  });

  test("finds the tools that Codex in code mode puts into the input", () => {
    const exec = { type: "custom", name: "exec" };
    const namespace = { type: "namespace", name: "functions", tools: [exec] };
    const { tools } = parse([{ type: "additional_tools", tools: [namespace] }, user("go")]);
    assert.deepEqual(tools, [{ type: "custom", name: "exec", namespace: "functions" }]);
  });

  test("reads the bearer token", () => {
    assert.equal(parse([], {}, { authorization: "Bearer t0" }).bearerToken, "t0");
    assert.equal(parse([]).bearerToken, undefined);
  });

  test("refuses a body that is no object", () => {
    assert.throws(() => parseModelRequest([], {}, signal), /no JSON object/);
  });
});

suite("mcpNamespace", () => {
  test("replaces what Codex replaces and prefixes once", () => {
    assert.equal(mcpNamespace("my-server.x"), "mcp__my_server_x");
    assert.equal(mcpNamespace("mcp__a"), "mcp__a");
    assert.equal(mcpNamespace("ünï"), "mcp___n_");
  });
});
