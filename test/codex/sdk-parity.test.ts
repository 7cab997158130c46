import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import type { Input } from "@openai/codex-sdk";
import {
  applyPatch, callTool, cut, delay, fail, hang, type ModelReply, type ModelRequest, raw, reason, RecordingMcpServer, runCommand, say, ScriptedModel, updatePlan, usage, webSearch,
} from "../../src/testing/index.ts";
import { type Difference, differences, normalise, Recorder, Sides, type SharedThreadOptions } from "./support/sdk-sides.ts";

type Play = (request: ModelRequest) => ModelReply | undefined;
interface Scenario {
  readonly name: string;
  readonly script?: readonly ModelReply[] | Play;
  readonly input?: Input;
  readonly options?: (world: World) => SharedThreadOptions;
  readonly play?: (recorder: Recorder, world: World) => Promise<void>;
  readonly differs?: readonly unknown[];
}
interface World { svc: RecordingMcpServer; model: ScriptedModel; root: string }
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const svcOf = ({ svc }: World): SharedThreadOptions => ({ mcpServers: { svc: { url: svc.url, required: true } } });
const patch = (...l: string[]) => applyPatch(["*** Begin Patch", ...l, "*** End Patch", ""].join("\n"));
const call = (tool: string, args: unknown = {}) => callTool({ server: "svc", tool, arguments: args });
const scenarios: Scenario[] = [
  { name: "plain", script: [say("hi there")] },
  { name: "two messages", script: [[say("one"), say("two")]] },
  { name: "empty message", script: [[say("")]] },
  { name: "no items", script: [[]] },
  { name: "reasoning", script: [[reason("**thinking**\n\nhard"), reason(""), raw({ type: "reasoning", id: "rs_x", summary: [{ type: "summary_text", text: "a" }, { type: "summary_text", text: "b" }], encrypted_content: null }), say("ok")]] },
  { name: "command ok", script: [runCommand("echo hi; echo err >&2"), say("ok")] },
  { name: "command fails", script: [runCommand("echo no; exit 3"), say("ok")] },
  { name: "command unknown", script: [runCommand("no-such-command-at-all"), say("ok")] },
  { name: "command prints much", script: [runCommand("seq 1 40000"), say("ok")] },
  { name: "command silent", script: [runCommand("true"), say("ok")] },
  { name: "command utf8", script: [runCommand("printf 'a\\000b\\xff\\n'; printf 'ä€'"), say("ok")] },
  { name: "command still runs", script: [raw({ type: "function_call", call_id: "call_bg", name: "exec_command", arguments: JSON.stringify({ cmd: "echo a; sleep 30", yield_time_ms: 250 }) }), say("ok")] },
  { name: "files", script: [
    patch("*** Add File: a.txt", "+one", "*** Add File: b.txt", "+two"),
    patch("*** Update File: a.txt", "@@", "-one", "+uno", "*** Delete File: b.txt", "*** Add File: dir/c.txt", "+three"),
    patch("*** Update File: a.txt", "*** Move to: moved.txt", "@@", "-uno", "+eins"),
    say("ok")] },
  { name: "file refused", options: () => ({ sandboxMode: "read-only" }), script: [patch("*** Add File: a.txt", "+one"), say("ok")] },
  { name: "patch does not apply", script: [patch("*** Update File: nothere.txt", "@@", "-one", "+uno"), say("ok")] },
  { name: "patch no patch", script: [applyPatch("*** Begin Patch\nnonsense\n*** End Patch\n"), say("ok")] },
  { name: "write fails", script: [runCommand("echo x > blocked"), patch("*** Add File: blocked/a.txt", "+one"), say("ok")] },
  { name: "mcp ok", options: svcOf, script: [call("echo", { text: "hi" }), call("rich", { a: [1, null, { b: true }] }), call("whoami"), say("ok")] },
  { name: "mcp errors", options: svcOf, script: [call("fail", { message: "bad" }), call("throw", { message: "boom", code: -32050 }), say("ok")] },
  { name: "mcp unknown tool", options: svcOf, script: [call("nope"), callTool({ server: "other", tool: "x" }), call("echo", "{broken"), say("ok")] },
  { name: "mcp strange names", options: ({ svc }) => ({ mcpServers: { "my-svc": { url: svc.url, required: true } } }), script: [callTool({ server: "my-svc", tool: "dotted.name-x" }), say("ok")] },
  { name: "mcp big", options: svcOf, script: [call("big", { bytes: 1_200_000 }), say("ok")] },
  { name: "mcp timeout", options: ({ svc }) => ({ mcpServers: { svc: { url: svc.url, required: true, tool_timeout_sec: 1 } } }), script: [call("sleep", { ms: 5000 }), say("ok")] },
  { name: "mcp elicitation", options: svcOf, script: [call("ask", { message: "Really?" }), say("ok")] },
  { name: "mcp needs approval", options: ({ svc }) => ({ sandboxMode: "read-only", mcpServers: { svc: { url: svc.url, required: true, default_tools_approval_mode: "prompt" } } }), script: [call("echo", { text: "hi" }), say("ok")] },
  { name: "web search", script: [[webSearch("cats"), raw({ type: "web_search_call", id: "ws_ab_1_2", status: "completed", action: { type: "open_page", url: "https://example.com" } }), raw({ type: "web_search_call", id: "ws_ab_1_3", status: "completed", action: { type: "find_in_page", url: "https://example.com", pattern: "x" } }), raw({ type: "web_search_call", id: "ws_ab_1_4", status: "completed" }), raw({ type: "web_search_call", id: "ws_ab_1_5", status: "completed", action: { type: "search", query: "a", queries: ["a", "b"] } }), say("found")]], options: () => ({ webSearchMode: "live" }) },
  { name: "plan", script: [
    updatePlan([{ step: "a", status: "in_progress" }, { step: "b", status: "pending" }]),
    [updatePlan([{ step: "a", status: "completed" }, { step: "b", status: "in_progress" }]), runCommand("echo between")],
    updatePlan([{ step: "a", status: "completed" }, { step: "b", status: "completed" }]),
    say("ok")] },
  { name: "plan then failure", script: [updatePlan([{ step: "a", status: "in_progress" }]), fail(400, { error: { message: "no more" } })] },
  { name: "many in one", options: svcOf, script: [[reason("r"), say("first"), runCommand("echo 1"), call("echo", { text: "x" }), updatePlan([{ step: "s", status: "completed" }])], [webSearch("q"), say("last")]] },
  { name: "parallel", options: ({ svc }) => ({ mcpServers: { svc: { url: svc.url, required: true, supports_parallel_tool_calls: true } } }), script: [[call("sleep", { ms: 500 }), call("sleep", { ms: 300 }), call("sleep", { ms: 100 })], say("ok")] },
  { name: "retries", script: () => cut() },
  { name: "retry helps", script: (r) => (r.step === 0 && !seen.has(r) ? (seen.add(r), cut()) : say("ok")) },
  { name: "500", script: () => fail(500) },
  { name: "400", script: [fail(400, { error: { message: "no such model", type: "invalid_request_error", code: null } })] },
  { name: "401", script: [fail(401)] },
  { name: "429 quota", script: [fail(429, { error: { type: "usage_limit_reached", message: "The usage limit has been reached", plan_type: "pro" } })] },
  { name: "context window", script: [raw({ type: "message" }), say("x")] },
  { name: "usage", play: async (r) => {
    const thread = r.side.startThread();
    r.note("id before", thread.id);
    await r.stream(thread, "one");
    r.note("id after", thread.id);
    await r.stream(thread, "two");
    const again = await r.side.resumeThread(thread);
    r.note("id resumed", again.id);
    await r.run(again, "three");
  }, script: (r) => [usage({ inputTokens: 1000, cachedInputTokens: 600, outputTokens: 50, reasoningOutputTokens: 7 }), say(`heard ${r.prompt}`)] },
  { name: "schema", play: async (r) => {
    await r.run(r.side.startThread(), "as json", { outputSchema: { type: "object", properties: { a: { type: "string" } }, required: ["a"], additionalProperties: false } });
    r.note("asked", r.lastAsked());
  }, script: [say('{"a":"b"}')] },
  { name: "bad schema", play: (r) => r.run(r.side.startThread(), "x", { outputSchema: ["no"] }) },
  { name: "images", play: async (r) => {
    await writeFile(join(r.side.cwd, "dot.png"), Buffer.from(PNG, "base64"));
    await r.run(r.side.startThread(), [{ type: "text", text: "first" }, { type: "local_image", path: join(r.side.cwd, "dot.png") }, { type: "text", text: "second" }]);
    r.note("asked", r.lastAsked());
  }, script: [say("seen")] },
  { name: "image missing", play: async (r) => {
    await r.run(r.side.startThread(), [{ type: "text", text: "first" }, { type: "local_image", path: join(r.side.cwd, "none.png") }]);
    r.note("asked", r.lastAsked());
  }, script: [say("seen")] },
  { name: "texts", play: async (r) => { await r.run(r.side.startThread(), [{ type: "text", text: "a" }, { type: "text", text: "" }, { type: "text", text: "b\n" }]); r.note("asked", r.lastAsked()); }, script: [say("seen")] },
  { name: "empty input", play: async (r) => { await r.run(r.side.startThread(), ""); }, script: [say("seen")] },
  { name: "blank input", play: async (r) => { await r.run(r.side.startThread(), "  "); }, script: [say("seen")] },
  { name: "empty list", play: async (r) => { await r.run(r.side.startThread(), []); }, script: [say("seen")] },
  { name: "run", options: svcOf, play: async (r, w) => { await r.run(r.side.startThread(svcOf(w)), "x"); }, script: [[say("first"), call("echo", { text: "x" })], say("last")] },
  { name: "run fails", play: async (r) => { const t = r.side.startThread(); await r.run(t, "x"); r.note("id is known", t.id !== null); await r.run(t, "y"); }, script: (r) => r.prompt === "x" ? fail(400, { error: { message: "nope" } }) : say("fine") },
  { name: "abort before", play: async (r) => { const t = r.side.startThread(); await r.stream(t, "x", { signal: AbortSignal.abort(new Error("why")) }); await r.run(t, "x", { signal: AbortSignal.abort("text") });r.note("id", t.id); }, script: [say("x")] },
  { name: "abort during", play: async (r) => {
    const stop = new AbortController(); const t = r.side.startThread();
    await r.stream(t, "x", { signal: stop.signal }, (e) => { if (e.type === "item.completed" && e.item.type === "agent_message") stop.abort(new Error("why")); return undefined; });
    await r.run(t, "again");
  }, script: (r) => r.prompt === "x" ? [say("first"), delay(200), hang()] : say("fine") },
  { name: "abort default reason in call", play: async (r, w) => {
    const stop = new AbortController(); const t = r.side.startThread(svcOf(w));
    await r.stream(t, "x", { signal: stop.signal }, (e) => { if (e.type === "item.started") stop.abort(); return undefined; });
  }, script: [call("sleep", { ms: 20_000 }), say("never")] },
  { name: "leave", play: async (r) => {
    const t = r.side.startThread();
    await r.stream(t, "x", {}, (e) => (e.type === "turn.started" ? "leave" : undefined));
    await r.stream(t, "again");
  }, script: (r) => r.prompt === "x" ? hang() : say("fine") },
  { name: "unknown thread", play: async (r) => { await r.stream(r.side.openThread("00000000-0000-7000-8000-000000000000"), "x"); await r.run(r.side.openThread("nonsense"), "x"); } },
  { name: "no directory", play: async (r) => { await r.run(r.side.startThread({ ...{ workingDirectory: join(r.side.cwd, "none") } } as SharedThreadOptions), "x"); } },
  { name: "optional server fails", options: () => ({ mcpServers: { gone: { url: "http://127.0.0.1:9/mcp" } } }), script: [say("x")] },
  { name: "required server fails", options: () => ({ mcpServers: { gone: { url: "http://127.0.0.1:9/mcp", required: true } } }), script: [say("x")] },
  { name: "on-request patch", options: () => ({ sandboxMode: "read-only", approvalPolicy: "on-request" }), script: [patch("*** Add File: a.txt", "+one"), say("ok")] },
  { name: "on-failure", options: () => ({ approvalPolicy: "on-failure" }), script: [runCommand("echo hi"), say("ok")] },
  { name: "untrusted", options: () => ({ approvalPolicy: "untrusted" }), script: [runCommand("touch x"), say("ok")] },
  { name: "effort", options: () => ({ modelReasoningEffort: "high", networkAccessEnabled: true, additionalDirectories: ["/tmp"], webSearchEnabled: false, threadSource: "user" }), script: [say("ok")] },
  { name: "unknown config", options: ({ svc }) => ({ mcpServers: { svc: { url: svc.url, required: true, headers: { "X-A": "b" } } } }), script: [say("ok")] },
];
const seen = new Set<unknown>();
let current: Scenario | undefined;
suite("parity", () => {
  let model: ScriptedModel, svc: RecordingMcpServer, sides: Sides;
  before(async () => {
    model = await ScriptedModel.start({ script: (r) => {
      const s = current?.script;
      if (typeof s === "function") return s(r) ?? say("nothing");
      return s?.[r.step] ?? say("beyond the script");
    } });
    svc = await RecordingMcpServer.start({ extraTools: [
      { name: "dotted.name-x", run: () => "dotted" },
      { name: "rich", run: () => ({ content: [{ type: "text", text: "t", annotations: { audience: ["user"] } }, { type: "image", data: PNG, mimeType: "image/png" }, { type: "resource_link", uri: "file:///x", name: "x" }, { type: "resource", resource: { uri: "file:///y", text: "y" } }], structuredContent: { n: 1, deep: { x: [null] } }, _meta: { k: "v" } }) },
    ] });
    sides = await Sides.create(model);
  });
  after(async () => { await sides[Symbol.asyncDispose](); await svc[Symbol.asyncDispose](); await model[Symbol.asyncDispose](); });
  for (const scenario of scenarios) {
    test(scenario.name, async () => {
      current = scenario;
      const world = { svc, model, root: sides.root };
      const both = await sides.scenario(scenario.name);
      const observe = async (side: typeof both.sdk) => {
        const recorder = new Recorder(side);
        if (scenario.play) await scenario.play(recorder, world);
        else await recorder.stream(side.startThread(scenario.options?.(world)), scenario.input ?? "go");
        return normalise(side, sides.root, recorder.seen);
      };
      const t0 = performance.now();
      const theirs = await observe(both.sdk);
      const t1 = performance.now();
      const ours = await observe(both.ours);
      const t2 = performance.now();
      console.log(`#### ${scenario.name} sdk ${Math.round(t1 - t0)} ours ${Math.round(t2 - t1)}`);
      const d = differences(theirs, ours);
      if (d.length || process.env.SHOW) console.log(JSON.stringify(theirs).slice(0, 4000) + "\n" + JSON.stringify(ours).slice(0, 4000) + "\n" + d.map((x) => JSON.stringify(x).slice(0, 700)).join("\n"));
    });
  }
});
