/**
 * The same turns through `@openai/codex-sdk` and through us, on the same Codex: what a user sees must be the same.
 *
 * A scripted model plays every scenario once per side, and the two observations are compared event by event and
 * member by member (see `support/sdk-sides.ts` for what is normalised). A difference with a reason is listed in its
 * scenario and in docs/sdk-differences.md; the test fails when one disappears as well as when a new one appears.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import {
  applyPatch,
  callTool,
  cut,
  delay,
  fail,
  hang,
  type ModelReply,
  type ModelRequest,
  type PlanStep,
  raw,
  reason,
  RecordingMcpServer,
  type ReplyItem,
  runCommand,
  say,
  ScriptedModel,
  type TestTool,
  updatePlan,
  usage,
  webSearch,
} from "../../src/testing/index.ts";
import {
  compare,
  type Expected,
  normalise,
  type Observation,
  orderStarts,
  Recorder,
  type SharedThreadOptions,
  type Side,
  Sides,
} from "./support/sdk-sides.ts";
import { isCodex } from "../support/codex-version.ts";
import { sample } from "../support/sample.ts";

interface World {
  readonly svc: RecordingMcpServer;
}

interface Scenario {
  /** A fact that begins with what is scripted. */
  readonly name: string;
  /** One reply per step of a turn, or a function of the request and of the number of this side's earlier ones. */
  readonly script?: readonly ModelReply[] | ((request: ModelRequest, attempt: number) => ModelReply);
  readonly options?: (world: World) => SharedThreadOptions;
  /** @default one turn with the input "go" */
  readonly play?: (recorder: Recorder, options: SharedThreadOptions) => Promise<void>;
  /** Puts in order what is random in Codex. */
  readonly settle?: (seen: Observation) => Observation;
  readonly differs?: readonly Expected[];
}

const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const withServer = ({ svc }: World): SharedThreadOptions => ({
  mcpServers: { svc: { url: svc.url, required: true } },
});

/** An MCP server that does not exist. */
const withoutServer = (required: boolean): SharedThreadOptions => ({
  mcpServers: { gone: { url: "http://127.0.0.1:9/mcp", required } },
});

const call = (tool: string, args: unknown = {}): ReplyItem =>
  callTool({ server: "svc", tool, arguments: args });

const patch = (...lines: string[]): ReplyItem =>
  applyPatch(["*** Begin Patch", ...lines, "*** End Patch", ""].join("\n"));

const plan = (...statuses: PlanStep["status"][]): ReplyItem =>
  updatePlan(statuses.map((status, index) => ({ step: `step ${index}`, status })));

const searched = (number: number, action?: object): ReplyItem =>
  raw({ type: "web_search_call", id: `ws_ab_1_${number}`, status: "completed", ...(action && { action }) });

const refusal = (message: string): ModelReply => fail(400, { error: { message } });

const richTools: readonly TestTool[] = [
  { name: "dotted.name-x", run: () => "dotted" },
  {
    name: "rich",
    run: () => ({
      content: [
        { type: "text", text: "t", annotations: { audience: ["user"], priority: 0.5 } },
        { type: "image", data: PIXEL, mimeType: "image/png" },
        { type: "audio", data: "AAAA", mimeType: "audio/wav" },
        { type: "resource_link", uri: "file:///x", name: "x", title: "X" },
        { type: "resource", resource: { uri: "file:///y", text: "y" } },
      ],
      structuredContent: { n: 1, deep: { list: [null, true] } },
      _meta: { "example.com/k": "v" },
    }),
  },
];

/** What the SDK throws at the end when its process has failed. */
const EXITED = /"name":"Error","message":"Codex Exec exited with code 1: /;

const THROWS_AFTERWARDS: Expected = { why: "A failed turn ends its stream", at: "thrown.0", sdk: EXITED };

const messages: readonly Scenario[] = [
  { name: "a plain message", script: [say("hi there")] },
  { name: "several messages, one of them empty", script: [[say("one"), say(""), say("two")]] },
  { name: "an answer without any item", script: [[]] },
  {
    name: "reasoning: with text, without, in two parts",
    script: [
      [
        reason("**thinking**\n\nhard"),
        reason(" "),
        raw({
          type: "reasoning",
          summary: ["a", "b"].map((text) => ({ type: "summary_text", text })),
          encrypted_content: null,
        }),
        say("ok"),
      ],
    ],
  },
  {
    name: "web searches of every kind",
    options: () => ({ webSearchMode: "live" }),
    script: [
      [
        webSearch("cats"),
        searched(1, { type: "search", query: "a", queries: ["a", "b"] }),
        searched(2, { type: "open_page", url: "https://example.com" }),
        searched(3, { type: "find_in_page", url: "https://example.com", pattern: "x" }),
        searched(4),
        say("found"),
      ],
    ],
  },
  {
    name: "a plan that is updated while other things happen",
    script: [
      plan("in_progress", "pending"),
      [plan("completed", "in_progress"), runCommand("echo between")],
      plan("completed", "completed"),
      say("ok"),
    ],
  },
  {
    name: "a plan in a turn that fails",
    script: [plan("in_progress"), refusal("no more")],
    differs: [THROWS_AFTERWARDS],
  },
  {
    name: "all kinds of items in one answer",
    options: withServer,
    script: [
      [reason("r"), say("first"), runCommand("echo 1"), call("echo", { text: "x" }), plan("completed")],
      [webSearch("q"), say("last")],
    ],
  },
  {
    name: "the other thread options",
    options: () => ({
      modelReasoningEffort: "high",
      networkAccessEnabled: true,
      additionalDirectories: ["."],
      webSearchEnabled: false,
      threadSource: "user",
      approvalPolicy: "on-failure",
      sandboxMode: "workspace-write",
    }),
    script: [say("ok")],
  },
];

const commands: readonly Scenario[] = [
  { name: "a command that succeeds", script: [runCommand("echo hi"), say("ok")] },
  { name: "a command that fails", script: [runCommand("echo no >&2; exit 3"), say("ok")] },
  { name: "a command that is not found", script: [runCommand("no-such-command"), say("ok")] },
  { name: "a command that prints nothing", script: [runCommand("true"), say("ok")] },
  { name: "a command that prints much", script: [runCommand("seq 1 40000"), say("ok")] },
  {
    name: "a command that prints bytes that are not text",
    script: [runCommand(String.raw`printf 'a\000b\377\n'; printf 'ä€'`), say("ok")],
  },
  {
    name: "a command that still runs when the turn ends",
    script: [
      raw({
        type: "function_call",
        call_id: "call_bg",
        name: "exec_command",
        arguments: JSON.stringify({ cmd: "echo a; sleep 30", yield_time_ms: 250 }),
      }),
      say("ok"),
    ],
  },
];

const patches: readonly Scenario[] = [
  {
    name: "files that are added, updated, deleted and moved",
    script: [
      patch("*** Add File: a.txt", "+one", "*** Add File: b.txt", "+two"),
      patch(
        ...["*** Update File: a.txt", "@@", "-one", "+uno", "*** Delete File: b.txt"],
        ...["*** Add File: dir/c.txt", "+three"],
      ),
      patch("*** Update File: a.txt", "*** Move to: moved.txt", "@@", "-uno", "+eins"),
      say("ok"),
    ],
  },
  {
    name: "a patch that fails while it is applied",
    script: [runCommand("echo x > blocked"), patch("*** Add File: blocked/a.txt", "+one"), say("ok")],
  },
  {
    name: "a patch that the sandbox refuses",
    options: () => ({ sandboxMode: "read-only" }),
    script: [patch("*** Add File: a.txt", "+one"), say("ok")],
  },
  {
    name: "a patch that does not fit, and a text that is not a patch",
    script: [patch("*** Update File: none.txt", "@@", "-one", "+uno"), patch("nonsense"), say("ok")],
  },
  {
    name: "a patch that would have to be approved",
    options: () => ({ sandboxMode: "read-only", approvalPolicy: "on-request" }),
    script: [patch("*** Add File: a.txt", "+one"), say("ok")],
    differs: [
      {
        why: "Questions are asked",
        adds: [
          /"item.started".*"file_change"/,
          /"code":"request_declined","request":"file_change"/,
          /"item.completed".*"file_change".*"failed"/,
        ],
      },
    ],
  },
];

const toolCalls: readonly Scenario[] = [
  {
    name: "MCP calls that succeed",
    options: withServer,
    script: [
      call("echo", { text: "hi" }),
      call("rich", { a: [1, null, { b: true }] }),
      call("whoami"),
      say("ok"),
    ],
  },
  {
    name: "an MCP tool that reports an error, and one that throws",
    options: withServer,
    script: [call("fail", { message: "bad" }), call("throw", { message: "boom", code: -32050 }), say("ok")],
  },
  {
    name: "a tool, a server and arguments that do not exist",
    options: withServer,
    script: [call("nope"), callTool({ server: "other", tool: "x" }), call("echo", "{broken"), say("ok")],
  },
  {
    name: "names that are no identifiers",
    options: ({ svc }) => ({ mcpServers: { "my-svc": { url: svc.url, required: true } } }),
    script: [callTool({ server: "my-svc", tool: "dotted.name-x" }), say("ok")],
  },
  {
    name: "an MCP result that is too big",
    options: withServer,
    script: [call("big", { bytes: 1_200_000 }), say("ok")],
  },
  {
    name: "an MCP call that takes too long",
    // Where we run the server, our own words say so.
    options: ({ svc }) => ({
      mcp: "direct",
      mcpServers: { svc: { url: svc.url, required: true, tool_timeout_sec: 0.3 } },
    }),
    script: [call("sleep", { ms: 5_000 }), say("ok")],
  },
  {
    name: "an MCP tool that asks its user",
    options: withServer,
    script: [call("ask", { message: "Really?" }), say("ok")],
  },
  {
    name: "an MCP call that would have to be approved",
    options: ({ svc }) => ({
      sandboxMode: "read-only",
      mcpServers: { svc: { url: svc.url, required: true, default_tools_approval_mode: "prompt" } },
    }),
    script: [call("echo", { text: "hi" }), say("ok")],
  },
  {
    name: "MCP calls that overlap",
    options: ({ svc }) => ({
      mcpServers: { svc: { url: svc.url, required: true, supports_parallel_tool_calls: true } },
    }),
    script: [[call("sleep", { ms: 900 }), call("sleep", { ms: 500 }), call("sleep", { ms: 100 })], say("ok")],
    // Codex starts them in any order.
    settle: orderStarts,
  },
  {
    name: "an optional MCP server that does not start",
    options: () => withoutServer(false),
    script: [say("x")],
    differs: [
      { why: "A server that fails is an event", adds: [/"code":"mcp_server_failed","server":"gone"/] },
    ],
  },
  {
    name: "a required MCP server that does not start",
    options: () => withoutServer(true),
    script: [say("x")],
    differs: [
      {
        why: "A required server fails the turn",
        adds: [/^{"type":"turn.failed".*"code":"mcp_server_failed"/],
      },
      { why: "A required server fails the turn", at: "thrown.0", sdk: EXITED },
    ],
  },
];

const failures: readonly Scenario[] = [
  {
    name: "a model whose stream breaks off again and again",
    script: () => cut(),
    differs: [THROWS_AFTERWARDS],
  },
  {
    name: "a model whose stream breaks off once",
    script: (_, attempt) => (attempt === 0 ? cut() : say("ok")),
  },
  { name: "a model that answers 500", script: () => fail(500), differs: [THROWS_AFTERWARDS] },
  {
    name: "a model that answers 401",
    script: () => fail(401),
    differs: [
      THROWS_AFTERWARDS,
      { why: "Errors say what to do", at: "turns.0.6.error.code", ours: "model_unauthorized" },
    ],
  },
  { name: "a model that answers 400", script: [refusal("no such model")], differs: [THROWS_AFTERWARDS] },
  {
    name: "a model whose quota is used up",
    script: [fail(429, { error: { type: "usage_limit_reached", message: "Used up", plan_type: "pro" } })],
    differs: [
      THROWS_AFTERWARDS,
      { why: "Errors say what to do", at: "turns.0.4.error.code", ours: "model_rate_limited" },
    ],
  },
  {
    name: "run(): a failed turn, and the next one",
    script: ({ prompt }) => (prompt === "one" ? refusal("nope") : say("fine")),
    play: async (recorder) => {
      const thread = recorder.side.startThread();
      await recorder.run(thread, "one");
      recorder.note("has an id", thread.id !== null);
      await recorder.run(thread, "two");
    },
  },
];

const turns: readonly Scenario[] = [
  {
    name: "usage over turns of a thread, also through another object",
    script: ({ prompt }) => [
      usage({ inputTokens: 1000, cachedInputTokens: 600, outputTokens: 50, reasoningOutputTokens: 7 }),
      say(`heard ${prompt}`),
    ],
    play: async (recorder) => {
      const thread = recorder.side.startThread();
      recorder.note("id before", thread.id);
      await recorder.stream(thread, "one");
      recorder.note("id", thread.id);
      await recorder.stream(thread, "two");
      const again = await recorder.side.resumeThread(thread);
      recorder.note("id of the other object", again.id);
      await recorder.stream(again, "three");
      await recorder.run(again, "four");
    },
  },
  {
    name: "run(): items, final response and usage",
    options: withServer,
    script: [
      [say("first"), call("echo", { text: "x" })],
      [say("last"), webSearch("q")],
    ],
    play: async (recorder, options) => recorder.run(recorder.side.startThread(options), "go"),
  },
  {
    name: "an output schema",
    script: [say('{"a":"b"}')],
    play: async (recorder) => {
      const properties = { a: { type: "string" } };
      const outputSchema = { type: "object", properties, required: ["a"], additionalProperties: false };
      await recorder.run(recorder.side.startThread(), "as JSON", { outputSchema });
      recorder.note("asked", recorder.lastAsked());
    },
  },
  {
    name: "an invalid output schema",
    play: (recorder) => recorder.run(recorder.side.startThread(), "go", { outputSchema: ["no"] }),
    differs: [
      { why: "Errors say what to do", at: "thrown.0.name", sdk: "Error", ours: "CodexError" },
      { why: "Errors say what to do", at: "thrown.0.code", ours: "invalid_options" },
    ],
  },
  {
    name: "a cyber access program",
    script: [say("ok")],
    play: async (recorder) => {
      await recorder.run(recorder.side.startThread(), "go", { cyberAccessProgram: "standard" });
      await recorder.run(recorder.side.startThread(), "go", { cyberAccessProgram: "daybreak_blue" });
    },
  },
  {
    name: "texts and images, one of them missing",
    script: [say("seen")],
    play: async (recorder) => {
      const path = join(recorder.side.cwd, "pixel.png");
      await writeFile(path, Buffer.from(PIXEL, "base64"));
      await recorder.run(recorder.side.startThread(), [
        { type: "text", text: "first" },
        { type: "local_image", path },
        { type: "text", text: "" },
        { type: "local_image", path: join(recorder.side.cwd, "none.png") },
        { type: "text", text: "second\n" },
      ]);
      recorder.note("asked", recorder.lastAsked());
    },
  },
  {
    name: "an input without text",
    script: [say("seen")],
    play: async (recorder) => {
      const path = join(recorder.side.cwd, "pixel.png");
      await writeFile(path, Buffer.from(PIXEL, "base64"));
      await recorder.run(recorder.side.startThread(), "  ");
      await recorder.run(recorder.side.startThread(), [{ type: "local_image", path }]);
    },
    differs: [
      { why: "An input may be blank", at: "results.0", ours: /"finalResponse":"seen"/ },
      { why: "An input may be blank", at: "results.1", ours: /"finalResponse":"seen"/ },
      { why: "An input may be blank", at: "thrown.0", sdk: /No prompt provided via stdin/ },
      { why: "An input may be blank", at: "thrown.1", sdk: /No prompt provided via stdin/ },
      { why: "An input may be blank", at: "facts.requests", sdk: 0, ours: 2 },
    ],
  },
  {
    name: "a signal that has aborted before",
    play: async (recorder) => {
      const thread = recorder.side.startThread();
      await recorder.stream(thread, "go", { signal: AbortSignal.abort(new Error("enough")) });
      await recorder.run(thread, "go", { signal: AbortSignal.abort("enough") });
      recorder.note("id", thread.id);
    },
  },
  {
    name: "a signal that aborts while the model answers, and the next turn",
    script: ({ prompt }) => (prompt === "one" ? [say("first"), delay(50), hang()] : say("fine")),
    play: async (recorder) => {
      const stop = new AbortController();
      const thread = recorder.side.startThread();
      await recorder.stream(thread, "one", { signal: stop.signal }, (event) => {
        const said = event.type === "item.completed" && event.item.type === "agent_message";
        if (said) stop.abort(new Error("enough"));
      });
      await recorder.stream(thread, "two");
    },
  },
  {
    name: "a signal that aborts during an MCP call",
    options: withServer,
    script: [call("sleep", { ms: 20_000 }), say("never")],
    play: async (recorder, options) => {
      const stop = new AbortController();
      await recorder.stream(recorder.side.startThread(options), "go", { signal: stop.signal }, (event) => {
        if (event.type === "item.started") stop.abort();
      });
    },
  },
  {
    name: "a reader that leaves the loop, and the next turn",
    script: ({ prompt }) => (prompt === "one" ? [say("first"), hang()] : say("fine")),
    play: async (recorder) => {
      const thread = recorder.side.startThread();
      await recorder.stream(thread, "one", {}, (event) => {
        return event.type === "item.completed" && event.item.type === "agent_message" && "leave";
      });
      await recorder.stream(thread, "two");
    },
  },
];

const UNKNOWN_THREAD = "00000000-0000-7000-8000-000000000000";

const refusals: readonly Scenario[] = [
  {
    name: "a thread that does not exist",
    play: (recorder) => recorder.run(recorder.side.openThread(UNKNOWN_THREAD), "go"),
    differs: [
      { why: "Errors say what to do", at: "thrown.0.name", sdk: "Error", ours: "CodexError" },
      {
        why: "Errors say what to do",
        at: "thrown.0.message",
        sdk: /no rollout found for thread id/,
        ours: /There is no thread .* in the Codex home/,
      },
      { why: "Errors say what to do", at: "thrown.0.code", ours: "thread_not_found" },
      { why: "Errors say what to do", at: "thrown.0.cause", ours: /no rollout found for thread id/ },
    ],
  },
  {
    name: "a thread by an invalid id",
    script: [say("a new thread")],
    play: (recorder) => recorder.run(recorder.side.openThread("nonsense"), "go"),
    differs: [
      { why: "A thread is resumed by its id", at: "results.0", sdk: /"finalResponse":"a new thread"/ },
      { why: "A thread is resumed by its id", at: "thrown.0", ours: /"name":"CodexError".*nonsense/ },
      { why: "A thread is resumed by its id", at: "facts.requests", sdk: 1, ours: 0 },
    ],
  },
  {
    name: "a working directory that does not exist",
    play: (recorder) =>
      recorder.run(recorder.side.startThread({ workingDirectory: join(recorder.side.cwd, "none") }), "go"),
    differs: [
      { why: "Errors say what to do", at: "thrown.0.name", sdk: "Error", ours: "CodexError" },
      {
        why: "Errors say what to do",
        at: "thrown.0.message",
        sdk: /No such file or directory/,
        ours: /workingDirectory .* is not a directory/,
      },
      { why: "Errors say what to do", at: "thrown.0.code", ours: "invalid_options" },
    ],
  },
  {
    name: "a working directory that is no repository",
    options: () => ({ skipGitRepoCheck: false }),
    script: [say("ok")],
    play: (recorder, options) => recorder.run(recorder.side.startThread(options), "go"),
    differs: [
      { why: "A directory need not be a repository", at: "results.0", ours: /"finalResponse":"ok"/ },
      { why: "A directory need not be a repository", at: "thrown.0", sdk: /Not inside a trusted directory/ },
      { why: "A directory need not be a repository", at: "facts.requests", sdk: 0, ours: 1 },
    ],
  },
  {
    name: "the approval policy that Codex has given up",
    options: () => ({ approvalPolicy: "untrusted" }),
    script: [say("ok")],
    play: (recorder, options) => recorder.run(recorder.side.startThread(options), "go"),
    differs: [
      { why: "Questions are asked", at: "results.0", ours: /"finalResponse":"ok"/ },
      { why: "Questions are asked", at: "thrown.0", sdk: /is no longer supported/ },
      { why: "Questions are asked", at: "facts.requests", sdk: 0, ours: 1 },
    ],
  },
  {
    name: "a setting that Codex does not know",
    options: () => ({ config: { no_such_setting: 1 } }),
    script: [say("ok")],
    differs: [{ why: "A warning comes once", lacks: [/session-flags: `no_such_setting`/] }],
  },
];

const scenarios = [...messages, ...commands, ...patches, ...toolCalls, ...failures, ...turns, ...refusals];

suite("a user of ours sees what a user of the SDK sees", () => {
  let model: ScriptedModel;
  let svc: RecordingMcpServer;
  let sides: Sides;
  let script: Scenario["script"];
  /** Requests by side since the scenario began. */
  let attempts: Map<string | undefined, number>;

  before(async () => {
    model = await ScriptedModel.start({
      script: (request) => {
        const attempt = attempts.get(request.bearerToken) ?? 0;
        attempts.set(request.bearerToken, attempt + 1);
        if (typeof script === "function") return script(request, attempt);
        return script?.[request.step] ?? refusal("The scenario has no such step");
      },
    });
    svc = await RecordingMcpServer.start({ extraTools: richTools });
    sides = await Sides.create(model);
  });

  after(async () => {
    await sides[Symbol.asyncDispose]();
    await svc[Symbol.asyncDispose]();
    await model[Symbol.asyncDispose]();
  });

  // On the floor another part than on the newest, in the same run.
  for (const scenario of sample(scenarios, 4, isCodex("0.169") ? 2 : 0)) {
    test(scenario.name, async () => {
      script = scenario.script;
      attempts = new Map();
      const { settle = (seen) => seen } = scenario;
      const observe = async (side: Side): Promise<Observation> => {
        const recorder = new Recorder(side);
        const options = scenario.options?.({ svc }) ?? {};
        if (scenario.play !== undefined) await scenario.play(recorder, options);
        else await recorder.stream(side.startThread(options), "go");
        recorder.note("requests", attempts.get(side.name) ?? 0);
        return settle(normalise(side, sides.root, recorder.seen));
      };
      const both = await sides.scenario(scenario.name);
      const [theirs, ours] = await Promise.all([observe(both.sdk), observe(both.ours)]);
      const wrong = compare(theirs, ours, scenario.differs ?? []);
      assert.equal(wrong.length, 0, `\n${wrong.join("\n")}\n`);
    });
  }
});

suite("the list of differences", () => {
  test("docs/sdk-differences.md explains exactly the differences listed here", () => {
    const text = readFileSync(join(import.meta.dirname, "../../docs/sdk-differences.md"), "utf8");
    const held = text.slice(text.indexOf("\n## Seen in events"), text.indexOf("\n## Not seen in events"));
    const titles = [...held.matchAll(/^### (.+)$/gm)].map(([, title = ""]) => title);
    const reasons = new Set(scenarios.flatMap(({ differs = [] }) => differs.map(({ why }) => why)));
    assert.deepEqual(titles.toSorted(), [...reasons].toSorted());
  });
});

suite("the comparison can fail", () => {
  const event = (id: string, text: string): unknown => ({ type: "item.completed", item: { id, text } });
  const seen = (...events: unknown[]): Observation => ({
    turns: [events],
    results: [],
    thrown: [],
    facts: {},
  });
  const theirs = seen(event("item_0", "a"), event("item_1", "b"));

  test("on another text, on an event too many, on an event too few", () => {
    assert.equal(compare(theirs, theirs, []).length, 0);
    assert.match(
      compare(theirs, seen(event("item_0", "a"), event("item_1", "x")), []).join(),
      /turns.0.1.item.text/,
    );
    assert.match(compare(theirs, seen(event("item_0", "a")), []).join(), /turns.0.1/);
    assert.match(compare(seen(event("item_0", "a")), theirs, []).join(), /turns.0.1/);
  });

  test("on another number of an item", () => {
    assert.match(
      compare(theirs, seen(event("item_0", "a"), event("item_2", "b")), []).join(),
      /turns.0.1.item.id/,
    );
  });

  test("on an expected event that is missing, and not on one that is present", () => {
    const expected = [{ why: "it is ours", adds: [/"new"/] }];
    const more = seen(event("item_0", "a"), event("item_1", "new"), event("item_2", "b"));
    assert.deepEqual(compare(theirs, more, expected), []);
    assert.match(compare(theirs, theirs, expected).join(), /no longer yields/);
  });

  test("on an expected place that has become equal, or differs in another way", () => {
    const expected = [{ why: "", at: "turns.0.1.item.text", sdk: "b", ours: /^"x/ }];
    const other = (text: string): Observation => seen(event("item_0", "a"), event("item_1", text));
    assert.deepEqual(compare(theirs, other("xyz"), expected), []);
    assert.match(compare(theirs, theirs, expected).join(), /no longer differ/);
    assert.match(compare(theirs, other("y"), expected).join(), /differ otherwise/);
  });
});
