/** Which calls are made, asked about, and refused: by our table, and by real Codex, cell by cell. */
import assert from "node:assert/strict";
import { after, suite, test } from "node:test";
import type { ThreadOptions } from "../../src/index.ts";
import { McpManager } from "../../src/mcp/index.ts";
import { callTool, type ReplyPart, say, ScriptedModel } from "../../src/testing/index.ts";
import { pick } from "../../src/testing/pick.ts";
import {
  type ApprovalDecision,
  type ApprovalPolicy,
  decide,
  elicitationsFor,
  type ToolHints,
} from "../../src/tools/index.ts";
import { type CodexBench, collect, startBench } from "../support/codex-bench.ts";
import { answering } from "./support/answering.ts";

const MODES = ["auto", "writes", "prompt", "approve"] as const;

const HINTS: Readonly<Record<string, ToolHints | undefined>> = {
  unknown: undefined,
  none: {},
  read_only: { readOnlyHint: true },
  read_only_and_destructive: { readOnlyHint: true, destructiveHint: true, openWorldHint: true },
  writing: { readOnlyHint: false },
  destructive: { destructiveHint: true },
  not_destructive: { destructiveHint: false },
  not_destructive_outside: { destructiveHint: false, openWorldHint: true },
  harmless: { destructiveHint: false, openWorldHint: false },
  harmless_and_writing: { readOnlyHint: false, destructiveHint: false, openWorldHint: false },
  closed: { openWorldHint: false },
  destructive_inside: { destructiveHint: true, openWorldHint: false },
};

const POLICIES: readonly (readonly [what: string, ApprovalPolicy, ThreadOptions])[] = [
  ["on-request", "ask", { approvalPolicy: "on-request" }],
  ["untrusted", "ask", { approvalPolicy: "untrusted" }],
  ["on-request with full access", "ask", { approvalPolicy: "on-request", sandboxMode: "danger-full-access" }],
  ["never in a read-only sandbox", "never", { approvalPolicy: "never", sandboxMode: "read-only" }],
  ["never in a sandbox that may write", "never", { approvalPolicy: "never", sandboxMode: "workspace-write" }],
  ["never with full access", "full_access", { approvalPolicy: "never", sandboxMode: "danger-full-access" }],
];

const REFUSED = "MCP tool call requires approval, but approval policy is never";

/** What the model answers each prompt: all calls at once, and then that it is done. */
const replies = new Map<string, readonly ReplyPart[]>();
let sharedBench: Promise<CodexBench> | undefined;
after(async () => {
  const bench = await sharedBench;
  await bench?.[Symbol.asyncDispose]();
  await bench?.model[Symbol.asyncDispose]();
});

async function start(): Promise<CodexBench> {
  const steps = new Map<string, number>();
  const model = await ScriptedModel.start({
    script: ({ prompt }) => {
      const step = steps.get(prompt) ?? 0;
      steps.set(prompt, step + 1);
      return step > 0 ? say("done") : (replies.get(prompt) ?? []);
    },
  });
  return await startBench({}, model);
}

/** @returns what the model is given in the second step of a turn, in which it has made these calls */
async function inputInCodex(
  prompt: string,
  calls: readonly ReplyPart[],
  options: ThreadOptions,
): Promise<{ readonly type: string; readonly output: unknown }[]> {
  const bench = await (sharedBench ??= start());
  replies.set(prompt, calls);
  const thread = bench.codex.startThread({
    ...options,
    workingDirectory: bench.cwd,
    skipGitRepoCheck: true,
  });
  await collect(thread.runStreamed(prompt));
  await thread.close();
  const asked = bench.model.requests.filter(({ request }) => request?.prompt === prompt);
  return pick(asked, 1, "body", "input") as { type: string; output: unknown }[];
}

suite("the table of approvals is Codex's", () => {
  for (const [what, policy, options] of POLICIES) {
    test(`under the policy ${what}`, { timeout: 120_000 }, async () => {
      const tools = Object.entries(HINTS).map(([name, annotations]) => ({ name, annotations }));
      const cells = MODES.flatMap((mode) => tools.map(({ name }) => ({ mode, name })));
      const args = { answer: { result: { content: [{ type: "text", text: "made" }] } } };
      const calls = cells.map(({ mode, name }) => callTool({ server: mode, tool: name, arguments: args }));
      const asked: string[] = [];
      const input = await inputInCodex(`call all, ${what}`, calls, {
        ...options,
        mcpServers: Object.fromEntries(
          MODES.map((mode) => [mode, { ...answering(...tools), default_tools_approval_mode: mode }]),
        ),
        onQuestion: (question) => {
          if (question.kind === "mcp_tool_call") asked.push(`${question.server} ${question.tool}`);
          return { decision: "accept" };
        },
      });
      const outputs = input.filter(({ type }) => type === "function_call_output");
      const table = (of: (cell: (typeof cells)[number], at: number) => string): Record<string, string> =>
        Object.fromEntries(cells.map((cell, at) => [`${cell.mode} ${cell.name}`, of(cell, at)]));
      const theirs = table(({ mode, name }, at): ApprovalDecision => {
        const output = JSON.stringify(outputs[at]?.output);
        if (output.includes(REFUSED)) return "refuse";
        assert.match(output, /"made"/);
        return asked.includes(`${mode} ${name}`) ? "ask" : "run";
      });
      assert.deepEqual(
        theirs,
        table(({ mode, name }) => decide({ mode, annotations: HINTS[name], policy })),
      );
    });
  }
});

suite("a question of a server is answered as by Codex", () => {
  const forms = [
    { type: "object", properties: {} },
    { type: "object", properties: { a: { type: "string" } }, required: ["a"] },
  ];
  for (const [what, policy, options] of POLICIES) {
    test(`under the policy ${what}`, { timeout: 120_000 }, async () => {
      const calls = forms.map((ask) => callTool({ server: "svc", tool: "t", arguments: { ask } }));
      const theirQuestions: unknown[] = [];
      const server = { ...answering(), default_tools_approval_mode: "approve" } as const;
      const input = await inputInCodex(`ask, ${what}`, calls, {
        ...options,
        mcpServers: { svc: server },
        onQuestion: (question) => {
          assert.ok(question.kind === "elicitation");
          theirQuestions.push(question.schema);
          return { decision: "accept", content: { a: "b" } };
        },
      });
      const theirs = input.flatMap(({ type, output }) =>
        type === "function_call_output"
          ? [JSON.parse(String(pick(output, 1, "text"))) as { action: string }]
          : [],
      );

      const ourQuestions: unknown[] = [];
      const onElicit = elicitationsFor({
        policy,
        onElicit: ({ requestedSchema }) => {
          ourQuestions.push(requestedSchema);
          return Promise.resolve({ action: "accept", content: { a: "b" } });
        },
      });
      await using manager = new McpManager({ publish: false });
      await using own = manager.openThread({ servers: { svc: answering() }, onElicit });
      const ours = [];
      for (const ask of forms) {
        const outcome = await own.callTool("svc", "t", { ask });
        ours.push(JSON.parse(String(pick(outcome, "result", "content", 0, "text"))) as { action: string });
      }
      assert.deepEqual(ours, theirs);
      assert.equal(ourQuestions.length, theirQuestions.length);
    });
  }
});
