import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { check } from "../servers/check.ts";
import type { Inbound, Rejection, RunParams } from "./messages.ts";
import { parseLine } from "./parse-line.ts";

const THREAD = "01a1fc80-bd26-7640-b84e-7ccb9df38efc";

function parseRun(params: unknown): Inbound | Rejection {
  return parseLine(JSON.stringify({ type: "run", id: "r", params }), { env: { TOKEN: "secret-token" } });
}

function rejection(parsed: Inbound | Rejection): Rejection {
  assert.ok(parsed.type === "error", JSON.stringify(parsed));
  return parsed;
}

/** A message with its servers as they are carried. */
function checked(message: object): object {
  if (!("params" in message)) return message;
  const params = message.params as RunParams;
  if (params.mcp_servers === undefined) return message;
  const servers = check(params.mcp_servers, []);
  assert.ok(servers.ok);
  return { ...message, params: { ...params, mcp_servers: servers.value } };
}

suite("parseLine accepts", () => {
  const full: Required<RunParams> = {
    input: [
      { type: "local_image", path: "a.png" },
      { type: "text", text: "" },
    ],
    engine: "codex",
    model: "m",
    cwd: "/",
    effort: "high",
    web_search_enabled: false,
    sandbox: "workspace-write",
    approval_policy: "on-request",
    network_access_enabled: true,
    additional_directories: ["/tmp"],
    output_schema: { type: "object" },
    resume: THREAD,
    fork: THREAD,
    ephemeral: false,
    isolation: "process",
    env: { A: "" },
    inherit_env: true,
    mcp_servers: {
      http: { url: "https://example.com/mcp", headers: { Authorization: "Bearer x" } },
      own: { command: "node", args: ["a.js"], env: { A: "b" } },
      ref: { url: "http://127.0.0.1:1/", bearer_token_env_var: "TOKEN" },
    },
    mcp: "managed",
    model_requests: "relayed",
    config: { features: { a: [1, true, "x"] } },
    base_url: "http://127.0.0.1:1/v1",
    api_key: "k",
    questions: "host",
    question_timeout_ms: 1,
    timeout_ms: 1,
  };
  const { fork, ...resuming } = full;
  const accepted: readonly object[] = [
    { type: "run", id: "r", params: { input: "" } },
    { type: "run", id: "r", params: resuming },
    { type: "run", id: "r", params: { input: "", fork, ephemeral: true } },
    { type: "cancel", id: "r" },
    { type: "ping" },
    { type: "ping", id: "p" },
    { type: "answer", id: "r", ask: "ask_1", decision: "decline" },
    { type: "answer", id: "r", ask: "a", decision: "accept", content: { x: null }, answers: { q: ["a"] } },
  ];
  for (const message of accepted) {
    const text = JSON.stringify(message);
    test(text.slice(0, 90), () =>
      assert.deepEqual(parseLine(text, { env: { TOKEN: "t" } }), checked(message)),
    );
  }
});

test("parseLine names the field or type that was probably meant", () => {
  const run = (params: object): object => ({ type: "run", id: "r", params });
  const hints: readonly (readonly [message: object, hint: string | undefined])[] = [
    [run({ inpt: "a" }), "params.input"],
    [run({ input: "a", mcpServers: {} }), "params.mcp_servers"],
    [run({ input: "a", "mcp-server": {} }), "params.mcp_servers"],
    [run({ input: "a", timeoutMs: 1 }), "params.timeout_ms"],
    [run({ input: "a", workingDirectory: "/" }), "params.cwd"],
    [run({ input: "a", modelReasoningEffort: "high" }), "params.effort"],
    [run({ input: [{ type: "local_image", paht: "a" }] }), "params.input[0].path"],
    [{ type: "run", id: "r", parms: {} }, "params"],
    [{ type: "answer", id: "r", ask: "a", descision: "accept" }, "decision"],
    [{ type: "Cancel", id: "r" }, "cancel"],
    [{ type: "pinge" }, "ping"],
    [run({ input: "a", colour: "red" }), undefined],
    [run({ input: "a", toString: 1 }), undefined],
    [{ type: "shutdown" }, undefined],
  ];
  for (const [message, hint] of hints) {
    const text = rejection(parseLine(JSON.stringify(message))).message;
    const shown = /; did you mean (.*)\?$/.exec(text)?.[1];
    assert.equal(shown, hint, text);
  }
});

suite("parseLine rejects, and names the field (P2)", () => {
  const messages: readonly (readonly [value: unknown, code: string, field: string | undefined])[] = [
    [{}, "missing_field", "type"],
    [{ type: 1 }, "wrong_type", "type"],
    [{ type: "stop" }, "unknown_type", "type"],
    [{ type: "constructor" }, "unknown_type", "type"],
    [{ type: "cancel" }, "missing_field", "id"],
    [{ type: "cancel", id: 7 }, "wrong_type", "id"],
    [{ type: "cancel", id: "" }, "invalid_value", "id"],
    [{ type: "cancel", id: "x".repeat(257) }, "invalid_value", "id"],
    [{ type: "cancel", id: "a", reason: "b" }, "unknown_field", "reason"],
    [{ type: "run", id: "a" }, "missing_field", "params"],
    [{ type: "run", id: "a", params: [] }, "wrong_type", "params"],
    [{ type: "answer", id: "a", ask: "b" }, "missing_field", "decision"],
    [{ type: "answer", id: "a", ask: "b", decision: "yes" }, "invalid_value", "decision"],
    [
      { type: "answer", id: "a", ask: "b", decision: "accept", answers: { q: "a" } },
      "wrong_type",
      "answers.q",
    ],
    [[], "wrong_type", undefined],
    [null, "wrong_type", undefined],
    ["run", "wrong_type", undefined],
  ];
  for (const [value, code, field] of messages) {
    const text = JSON.stringify(value);
    test(`${field ?? "the line"} in ${text.slice(0, 60)}`, () => {
      const got = rejection(parseLine(text));
      assert.deepEqual({ code: got.code, field: got.field }, { code, field });
      if (field !== undefined) assert.ok(got.message.startsWith(field), got.message);
    });
  }

  const input = "hi";
  const refused: readonly (readonly [params: object, code: string, field: string])[] = [
    [{}, "missing_field", "params.input"],
    [{ input: 1 }, "wrong_type", "params.input"],
    [{ input: [] }, "invalid_value", "params.input"],
    [{ input: ["a"] }, "wrong_type", "params.input[0]"],
    [{ input: [{ text: "a" }] }, "missing_field", "params.input[0].type"],
    [{ input: [{ type: "image" }] }, "invalid_value", "params.input[0].type"],
    [
      {
        input: [
          { type: "text", text: "a" },
          { type: "text", path: "a" },
        ],
      },
      "unknown_field",
      "params.input[1].path",
    ],
    [{ input: [{ type: "text" }] }, "missing_field", "params.input[0].text"],
    [{ input: [{ type: "local_image", path: "a", url: "b" }] }, "unknown_field", "params.input[0].url"],
    [{ input, modle: "m" }, "unknown_field", "params.modle"],
    [{ input, "a b": 1 }, "unknown_field", 'params["a b"]'],
    [{ input, model: null }, "wrong_type", "params.model"],
    [{ input, effort: "most" }, "invalid_value", "params.effort"],
    [{ input, sandbox: "none" }, "invalid_value", "params.sandbox"],
    [{ input, web_search_enabled: "yes" }, "wrong_type", "params.web_search_enabled"],
    [{ input, output_schema: [] }, "wrong_type", "params.output_schema"],
    [{ input, resume: "last" }, "invalid_value", "params.resume"],
    [{ input, resume: THREAD.toUpperCase() }, "invalid_value", "params.resume"],
    [{ input, resume: THREAD, ephemeral: true }, "invalid_value", "params.ephemeral"],
    [{ input, isolation: "thread" }, "invalid_value", "params.isolation"],
    [{ input, engine: "claude" }, "invalid_value", "params.engine"],
    [{ input, engine: "responses", isolation: "process" }, "invalid_value", "params.isolation"],
    [{ input, engine: "responses", config: {} }, "invalid_value", "params.config"],
    [{ input, engine: "responses", model_requests: "relayed" }, "invalid_value", "params.model_requests"],
    [{ input, env: { A: 1 } }, "wrong_type", "params.env.A"],
    [{ input, env: { "A=B": "1" } }, "invalid_value", 'params.env["A=B"]'],
    [{ input, additional_directories: ["/", 1] }, "wrong_type", "params.additional_directories[1]"],
    [{ input, base_url: "ftp://a" }, "invalid_value", "params.base_url"],
    [{ input, question_timeout_ms: 0.5 }, "invalid_value", "params.question_timeout_ms"],
    [{ input, isolation: "process", config: { a: { b: null } } }, "wrong_type", "params.config.a.b"],
    [
      { input, isolation: "process", config: { mcp_servers: {} } },
      "invalid_value",
      "params.config.mcp_servers",
    ],
    [{ input, output_schema: { title: "\ud800" } }, "invalid_value", "params.output_schema.title"],
    [{ input, mcp_servers: [] }, "wrong_type", "params.mcp_servers"],
  ];
  for (const [params, code, field] of refused) {
    test(`${field} in ${JSON.stringify(params).slice(0, 60)}`, () => {
      const got = rejection(parseRun(params));
      assert.deepEqual({ id: got.id, code: got.code, field: got.field }, { id: "r", code, field });
      assert.ok(got.message.startsWith(field), got.message);
    });
  }

  const servers: readonly (readonly [name: string, config: unknown, field: string])[] = [
    ["svc", 1, "svc"],
    ["svc", {}, "svc"],
    ["svc", { command: "a", url: "http://a" }, "svc.url"],
    ["svc", { url: "a" }, "svc.url"],
    ["svc", { command: "" }, "svc.command"],
    ["svc", { url: "http://a", args: [] }, "svc.args"],
    ["svc", { url: "http://a", "a b": 1 }, 'svc["a b"]'],
    ["svc", { url: "http://a", headers: { "X Y": "1" } }, 'svc.headers["X Y"]'],
    ["svc", { url: "http://a", http_headers: { "X:Y": "1" } }, "svc.http_headers.X:Y"],
    ["svc", { url: "http://a", headers: { A: "1\n2" } }, "svc.headers.A"],
    ["svc", { url: "http://a", headers: {}, http_headers: {} }, "svc.http_headers"],
    ["svc", { url: "http://a", env_http_headers: { "X-A": "UNSET" } }, "svc.env_http_headers.X-A"],
    ["svc", { url: "http://a", bearer_token_env_var: "UNSET" }, "svc.bearer_token_env_var"],
    ["svc", { url: "http://a", bearer_token: "x" }, "svc.bearer_token"],
    ["svc", { url: "http://a", startup_timeout_sec: -1 }, "svc.startup_timeout_sec"],
    ["svc", { command: "a", default_tools_approval_mode: "never" }, "svc.default_tools_approval_mode"],
    ["a.b", { command: "a", url: "http://a" }, '["a.b"].url'],
    ["a b", { command: "a" }, '["a b"]'],
    ["codex_apps", { command: "a" }, "codex_apps"],
  ];
  for (const [name, config, path] of servers) {
    const field = path.startsWith("[") ? `params.mcp_servers${path}` : `params.mcp_servers.${path}`;
    test(`${field} in ${JSON.stringify(config)}`, () => {
      const params = { input, mcp_servers: { good: { url: "http://b" }, [name]: config } };
      const got = rejection(parseRun(params));
      assert.equal(got.field, field, got.message);
      assert.equal(got.code, "invalid_mcp_server");
      assert.ok(got.message.startsWith(`${field}: `), got.message);
    });
  }
});

test("parseLine says where a line stops being JSON, and nothing of what stands there", () => {
  const got = rejection(parseLine('{"type":"run","id":"a","params":{"api_key":"sk-very-secret"'));
  assert.equal(got.code, "invalid_json");
  assert.match(got.message, /position \d+/);
  for (const text of ['"sk-very-secret', "sk-very-secret", '{"a":"sk-very-secret"]']) {
    assert.doesNotMatch(rejection(parseLine(text)).message, /secret/);
  }
});

test("parseLine quotes no value of a field it rejects (P3)", () => {
  const secret = "sk-very-secret";
  const everyField = [
    { input: "a", effort: secret },
    { input: "a", resume: secret },
    { input: "a", base_url: secret },
    { input: "a", env: { A: `${secret}\0` } },
    { input: "a", mcp_servers: { a: { url: secret } } },
    { input: "a", mcp_servers: { a: { url: "http://a", headers: { A: `${secret}\n` } } } },
  ];
  for (const params of everyField) assert.doesNotMatch(rejection(parseRun(params)).message, /secret/);
});

test("parseLine rejects a line nested too deep for Codex, however deep (P4)", () => {
  const deep = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);
  const line = (levels: number): string =>
    `{"type":"run","id":"a","params":{"input":"a","output_schema":{"enum":${deep(levels)}}}}`;
  assert.equal(parseLine(line(90)).type, "run");
  for (const levels of [98, 1_000_000]) {
    const got = rejection(parseLine(line(levels)));
    assert.deepEqual([got.code, got.field], ["invalid_value", "params.output_schema.enum"]);
  }
});

suite("parseLine, for any JSON value,", () => {
  const names = fc.constantFrom("type", "id", "params", "ask", "decision", "input", "mcp_servers", "url");
  const anyJson = fc.jsonValue({ maxDepth: 5 });
  const object = fc.dictionary(fc.oneof(names, fc.string()), anyJson);
  const message = fc
    .tuple(fc.constantFrom("run", "cancel", "answer"), object, fc.option(object), fc.option(fc.string()))
    .map(([type, rest, params, id]) => ({
      ...rest,
      type,
      ...(params === null ? {} : { params: { input: "x", ...params } }),
      ...(id === null ? {} : { id }),
    }));

  test("yields a message or a rejection that names a field", () => {
    fc.assert(
      fc.property(fc.oneof(anyJson, object, message), (value) => {
        const parsed = parseLine(JSON.stringify(value));
        if (parsed.type !== "error") return;
        assert.equal(typeof parsed.message, "string");
        const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
        if (isObject) assert.ok(parsed.field !== undefined && parsed.message.startsWith(parsed.field));
      }),
      { numRuns: 2_000 },
    );
  });

  test("never throws, also for text that is not JSON (P1)", () => {
    fc.assert(
      fc.property(fc.string(), (text) => void parseLine(text)),
      { numRuns: 1_000 },
    );
  });
});
