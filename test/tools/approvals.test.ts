/** Approvals of a thread's calls: through the router, with a real server and a real file, and beside real Codex. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { suite, test } from "node:test";
import type { QuestionHandler } from "../../src/index.ts";
import { type CallOutcome, McpManager } from "../../src/mcp/index.ts";
import { callTool, say, ScriptedModel } from "../../src/testing/index.ts";
import { pick } from "../../src/testing/pick.ts";
import {
  type ApprovalAnswer,
  Approvals,
  type ApprovalsOptions,
  type AskHandler,
  codexOutput,
  type DispatchEvent,
  type FunctionCallItem,
  Gate,
  rememberIn,
  ToolRouter,
} from "../../src/tools/index.ts";
import { collect, startBench } from "../support/codex-bench.ts";
import { McpBench } from "../mcp/support/scripted.ts";
import { answering } from "./support/answering.ts";

const SAYS_HI = { answer: { result: { content: [{ type: "text", text: "hi" }] } } };

interface Bench extends AsyncDisposable {
  readonly router: ToolRouter;
  readonly outcomes: CallOutcome[];
}

async function bench(server: object, options: Omit<ApprovalsOptions, "thread">): Promise<Bench> {
  const manager = new McpManager({ publish: false });
  const thread = manager.openThread({ servers: { svc: { ...answering({}, { name: "u" }), ...server } } });
  await thread.ready();
  const outcomes: CallOutcome[] = [];
  const router = new ToolRouter({
    thread,
    gate: new Gate(),
    approver: new Approvals({ thread, ...options }),
    outputOf: (_, outcome) => {
      outcomes.push(outcome);
      return codexOutput(outcome, { server: "svc", tool: "t" });
    },
  });
  return { router, outcomes, [Symbol.asyncDispose]: () => manager[Symbol.asyncDispose]() };
}

function call(tool: string, id = tool): FunctionCallItem {
  return {
    type: "function_call",
    call_id: id,
    name: `mcp__svc__${tool}`,
    arguments: JSON.stringify(SAYS_HI),
  };
}

async function textOf(router: ToolRouter, item: FunctionCallItem): Promise<string> {
  const [output] = await router.dispatch([item]);
  return JSON.stringify(output?.output);
}

test("always is written into the file of the server, and into nothing else of it", async () => {
  await using folder = new McpBench();
  const file = folder.path("config.toml");
  const before = '# mine\n[mcp_servers.svc] # and this\ncommand = "x"\n\n[other]\na = 1\n';
  writeFileSync(file, before);
  let asked = 0;
  const onAsk = (): ApprovalAnswer => {
    asked++;
    return { decision: "accept_always" };
  };
  await using own = await bench({}, { onAsk, remember: rememberIn(file) });
  assert.match(await textOf(own.router, call("t")), /"hi"/);
  assert.match(await textOf(own.router, call("t", "again")), /"hi"/);
  assert.equal(asked, 1);
  const after = readFileSync(file, "utf8");
  assert.match(after, /\[mcp_servers\.svc\.tools\.t\]\napproval_mode = "approve"\n/);
  assert.equal(after.replace(/\[mcp_servers\.svc\.tools\.t\]\napproval_mode = "approve"\n\n?/, ""), before);
});

test("always holds for the session where the server is in another file, and that is logged", async () => {
  await using folder = new McpBench();
  const file = folder.path("config.toml");
  writeFileSync(file, '[mcp_servers.other]\ncommand = "x"\n');
  const log: string[] = [];
  let asked = 0;
  await using own = await bench(
    {},
    {
      onAsk: () => {
        asked++;
        return { decision: "accept_always" };
      },
      remember: rememberIn(file),
      log: (_, message) => void log.push(message),
    },
  );
  assert.match(await textOf(own.router, call("t")), /"hi"/);
  assert.match(await textOf(own.router, call("t", "again")), /"hi"/);
  assert.equal(asked, 1);
  assert.match(log.join("\n"), /^Tool "t" of MCP server "svc" may be called in this session only: .+"svc"/);
  assert.doesNotMatch(readFileSync(file, "utf8"), /svc/);
});

test("questions of parallel calls are open at once, and a call that is declined reaches nobody", async () => {
  const open: string[] = [];
  const both = Promise.withResolvers<void>();
  const onAsk: AskHandler = async ({ tool }) => {
    open.push(tool);
    if (open.length === 2) both.resolve();
    await both.promise;
    return { decision: tool === "t" ? "accept" : "decline" };
  };
  await using own = await bench({ supports_parallel_tool_calls: true }, { onAsk });
  const events: DispatchEvent[] = [];
  const outputs = await own.router.dispatch([call("t"), call("u")], {
    onEvent: (event) => events.push(event),
  });
  assert.deepEqual(open.toSorted(), ["t", "u"]);
  assert.match(JSON.stringify(outputs[0]?.output), /"hi"/);
  assert.equal(outputs[1]?.output, "user rejected MCP tool call");
  assert.equal(own.outcomes.length, 1);
  assert.deepEqual(
    events.filter(({ type }) => type === "started").map(({ callId }) => callId),
    ["t"],
  );
});

test("an abort ends an open question, and its call is not made", async () => {
  const stop = new AbortController();
  const dropped = Promise.withResolvers<void>();
  const onAsk: AskHandler = (_, { signal }) => {
    signal.addEventListener("abort", () => dropped.resolve());
    stop.abort();
    return new Promise(() => {});
  };
  await using own = await bench({}, { onAsk });
  const [output] = await own.router.dispatch([call("t")], { signal: stop.signal });
  await dropped.promise;
  assert.match(JSON.stringify(output?.output), /^"aborted by user after/);
  assert.deepEqual(own.outcomes, []);
});

suite("a sequence of calls is asked about as by real Codex:", () => {
  const cases: readonly (readonly [
    what: string,
    answers: readonly ApprovalAnswer["decision"][],
    keys: object,
  ])[] = [
    ["accepted once each", ["accept", "accept", "accept"], {}],
    ["accepted for the session", ["accept_for_session", "accept"], {}],
    ["declined, then cancelled, then accepted", ["decline", "cancel", "accept"], {}],
    [
      "in the mode prompt, which remembers nothing",
      ["accept_for_session", "accept", "accept"],
      { default_tools_approval_mode: "prompt" },
    ],
    ["where one tool needs none", ["accept"], { tools: { t: { approval_mode: "approve" } } }],
  ];
  const calls = ["t", "t", "u"];
  for (const [what, answers, keys] of cases) {
    test(what, { timeout: 60_000 }, async () => {
      const theirs: string[] = [];
      const ours: string[] = [];
      const onQuestion: QuestionHandler = (question) => {
        assert.ok(question.kind === "mcp_tool_call");
        const decision = answers[theirs.length] ?? "decline";
        theirs.push(`${question.tool}: ${question.message}`);
        return { decision: decision === "accept_always" ? "accept" : decision };
      };
      const onAsk: AskHandler = ({ tool, message }) => {
        const decision = answers[ours.length] ?? "decline";
        ours.push(`${tool}: ${message}`);
        return { decision };
      };
      let requests = 0;
      await using model = await ScriptedModel.start({
        script: () =>
          requests++ > 0
            ? say("done")
            : calls.map((tool) => callTool({ server: "svc", tool, arguments: SAYS_HI })),
      });
      await using codex = await startBench({}, model);
      const thread = codex.codex.startThread({
        approvalPolicy: "on-request",
        workingDirectory: codex.cwd,
        mcpServers: { svc: { ...answering({}, { name: "u" }), ...keys } },
        onQuestion,
      });
      await collect(thread.runStreamed("go"));
      await thread.close();
      const input = pick(model.requests, 1, "body", "input") as {
        type: string;
        output: { text: string }[];
      }[];
      const codexSaid = input.flatMap(({ type, output }) =>
        type === "function_call_output" ? [output[1]?.text] : [],
      );
      await using own = await bench(keys, { onAsk });
      const said: string[] = [];
      for (const [at, tool] of calls.entries()) {
        const [output] = await own.router.dispatch([call(tool, `${at}`)]);
        said.push(
          typeof output?.output === "string" ? output.output : String(pick(output?.output, 0, "text")),
        );
      }
      assert.deepEqual(ours, theirs);
      assert.deepEqual(said, codexSaid);
    });
  }
});
